"""What the program guarantees about a merge, whatever the model says. Pure.

Conservation: every input edit is in exactly one group or is dropped with a reason; what a model forgets is carried
upward unchanged. Support: the union of the tasks behind an edit's sources, counted here and nowhere else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz import fuzz

from workspace.patch import AddSection, Create, Delete, DeleteFile, Dropped, Edit, anchor, edit_text

ALIKE = 70.0
SAME_WORDS = 85.0
_FORM = re.compile(r"\b[A-Z][A-Z0-9]+(?:[-/.: ,][A-Z0-9]{2,})*\b")


class Group(BaseModel):
    """One output edit as the merger wants it: the aliases it came from, its text and why."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    sources: tuple[str, ...] = Field(alias="from")
    text: str = ""
    reason: str = ""


class MergeReply(BaseModel):
    """A joint merge as a model answers it (method.md §3)."""

    model_config = ConfigDict(frozen=True)
    groups: tuple[Group, ...] = ()
    dropped: tuple[Dropped, ...] = ()


class Reconciled(NamedTuple):
    """A reply made exact: groups and drops over known ids without overlap, and what neither mentions."""

    groups: tuple[Group, ...]
    dropped: tuple[Dropped, ...]
    missing: tuple[str, ...]


def aliases(edits: Sequence[Edit]) -> dict[str, Edit]:
    """`e1`, `e2`, … in plan order: short names for one prompt."""
    return {f"e{n}": edit for n, edit in enumerate(edits, 1)}


def reconcile(edits: Mapping[str, Edit], reply: MergeReply) -> Reconciled:
    """Make a reply exact. An id that several groups claim goes to the one whose text is most like it.

    Unknown ids are ignored; a pinned edit cannot be dropped; an id that is both kept and dropped is kept.
    """
    claims: dict[str, list[int]] = {}
    for number, group in enumerate(reply.groups):
        for alias in dict.fromkeys(group.sources):
            if alias in edits:
                claims.setdefault(alias, []).append(number)
    owner = {alias: _most_like(edits[alias], numbers, reply.groups) for alias, numbers in claims.items()}
    groups = tuple(
        group.model_copy(update={"sources": mine})
        for number, group in enumerate(reply.groups)
        if (mine := tuple(a for a in edits if owner.get(a) == number))
    )
    dropped = {
        d.id: Dropped(id=d.id, reason=d.reason or "no reason given")
        for d in reply.dropped
        if d.id in edits and d.id not in owner and not edits[d.id].pinned
    }
    missing = tuple(alias for alias in edits if alias not in owner and alias not in dropped)
    return Reconciled(groups, tuple(dropped[a] for a in edits if a in dropped), missing)


def merged_edit(name: str, sources: Sequence[Edit], text: str, reason: str) -> Edit:
    """One edit out of several: the place of the best supported, the given text, all their lessons and support.

    A single source whose text stays keeps its id: it was carried, not merged.
    """
    best = max(sources, key=lambda e: (e.pinned, len(e.support), e.verified, -sources.index(e)))
    if len(sources) == 1 and (not text.strip() or text.strip() == edit_text(best).strip()):
        return best
    update: dict[str, object] = {
        "id": name,
        "lessons": _union(e.lessons for e in sources),
        "support": tuple(sorted(set(_union(e.support for e in sources)))),
        "sources": _union(e.sources or (e.id,) for e in sources),
        "verified": any(e.verified for e in sources),
        "pinned": any(e.pinned for e in sources),
        "reason": reason,
    }
    if text.strip() and not isinstance(best, Delete | DeleteFile):
        update["text"] = text
    return best.model_copy(update=update)


def lost(inputs: Iterable[Edit], outputs: Iterable[Edit], dropped: Iterable[str]) -> tuple[str, ...]:
    """Source edits that went in and neither came out nor were dropped: must be empty (conservation)."""
    out = Counter(source for edit in outputs for source in edit.sources or (edit.id,))
    out.update(dropped)
    went_in = [source for edit in inputs for source in edit.sources or (edit.id,)]
    return tuple(source for source in went_in if not out[source])


def group_alike(edits: Sequence[Edit], alike: float = ALIKE) -> list[list[Edit]]:
    """Near-duplicates by program (guided merge): the same kind of edit at the same place with similar text.

    An edit joins the first group whose every member is like it, so that chains of weak likeness do not grow.
    """
    groups: list[list[Edit]] = []
    for edit in edits:
        home = next((g for g in groups if all(_near(edit, other, alike) for other in g)), None)
        if home is None:
            groups.append([edit])
        else:
            home.append(edit)
    return groups


def _near(a: Edit, b: Edit, alike: float) -> bool:
    if a.op != b.op or anchor(a) != anchor(b):
        return False
    if isinstance(a, Delete | DeleteFile):
        return True
    if isinstance(a, Create) and isinstance(b, Create):
        return a.path == b.path
    if isinstance(a, AddSection) and isinstance(b, AddSection) and a.title.lower() != b.title.lower():
        return False
    return same_form(edit_text(a), edit_text(b)) and _likeness(edit_text(a), edit_text(b)) >= alike


def same_form(a: str, b: str) -> bool:
    """Do two texts prescribe the same form? Their form words (DD-MON-YYYY, USD, AMBER) agree, or one adds to them.

    "Write the date as DD-MON-YYYY" and "Write the date as YYYY-MM-DD" are nearly the same words and mean opposites.
    """
    ours, theirs = form_words(a), form_words(b)
    return ours <= theirs or theirs <= ours


def form_words(text: str) -> frozenset[str]:
    """Words in capitals that show a form or a code; a word with digits is an instance, not a form."""
    return frozenset(word for word in _FORM.findall(text) if not any(c.isdigit() for c in word))


def outvoted(edits: Sequence[Edit]) -> dict[str, Edit]:
    """Id → the edit that contradicts it and has more support: the same words at the same place, but another form.

    Pinned edits are never outvoted. Between equals the verified one wins; a tie stays for people to see.
    """
    losers: dict[str, Edit] = {}
    for edit in edits:
        rivals = [other for other in edits if other.id != edit.id and _contradict(edit, other)]
        winner = max(rivals, key=_weight, default=None)
        if winner is not None and not edit.pinned and _weight(winner) > _weight(edit):
            losers[edit.id] = winner
    return losers


def _weight(edit: Edit) -> tuple[bool, int, bool]:
    return edit.pinned, len(edit.support), edit.verified


def _contradict(a: Edit, b: Edit) -> bool:
    ours, theirs = edit_text(a), edit_text(b)
    if a.op != b.op or anchor(a) != anchor(b) or not form_words(ours) or not form_words(theirs):
        return False
    masked = (_FORM.sub("_", ours).lower(), _FORM.sub("_", theirs).lower())
    return not same_form(ours, theirs) and fuzz.ratio(*masked) >= SAME_WORDS


def _likeness(a: str, b: str) -> float:
    return fuzz.token_set_ratio(a.lower(), b.lower())


def _most_like(edit: Edit, numbers: Sequence[int], groups: Sequence[Group]) -> int:
    return max(numbers, key=lambda n: (fuzz.token_set_ratio(edit_text(edit), groups[n].text), -n))


def _union(rows: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for row in rows for item in row))
