"""What the program guarantees about a merge, whatever the model says. Pure.

Conservation: every input edit is in exactly one group or is dropped with a reason; what a model forgets is carried
upward unchanged. Support: the union of the tasks behind an edit's sources, counted here and nowhere else. A pinned
edit is never dropped, and its place and words stay what the person made them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz

from workspace.edits.alike import Shelf, content, form_words, group_alike, same_form, without_form
from workspace.edits.patch import Delete, DeleteFile, Dropped, Edit, anchor, edit_text
from workspace.merging.merge_reply import LONGEST, Group, MergeReply, usable_text

__all__ = [
    "Group",
    "MergeReply",
    "Reconciled",
    "aliases",
    "form_words",
    "group_alike",
    "lost",
    "merged_edit",
    "outvoted",
    "reconcile",
    "same_form",
]
SAME_WORDS = 85.0


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

    Unknown ids are ignored, and so is a drop without a reason; a pinned edit cannot be dropped; an id that is both
    kept and dropped is kept. A group that no single edit can stand for is parted (see `_parts`).
    """
    claims: dict[str, list[int]] = {}
    for number, group in enumerate(reply.groups):
        for alias in dict.fromkeys(group.sources):
            if alias in edits:
                claims.setdefault(alias, []).append(number)
    owned: dict[int, list[str]] = {}
    for alias in edits:
        if alias in claims:
            owned.setdefault(_most_like(alias, claims[alias], reply.groups, edits), []).append(alias)
    groups = [g for n, group in enumerate(reply.groups) if n in owned for g in _parts(edits, group, owned[n])]
    dropped: dict[str, Dropped] = {}
    for drop in reply.dropped:
        if drop.id in edits and drop.id not in claims and not edits[drop.id].pinned and drop.reason.strip():
            dropped.setdefault(drop.id, drop)
    missing = tuple(alias for alias in edits if alias not in claims and alias not in dropped)
    return Reconciled(tuple(groups), tuple(dropped[a] for a in edits if a in dropped), missing)


def _parts(edits: Mapping[str, Edit], group: Group, sources: Sequence[str]) -> list[Group]:
    """The group as one, but apart from it what would be lost in it: the removal of another place, and what a second
    person pinned. Those parts keep their own words."""
    parts: dict[Hashable, list[str]] = {}
    for alias in sources:
        parts.setdefault(_removes(edits[alias]), []).append(alias)
    out: list[Group] = []
    for removes, names in parts.items():
        pinned: dict[str, list[str]] = {}
        for alias in names:
            if edits[alias].pinned:
                pinned.setdefault(content(edits[alias]), []).append(alias)
        ranked = sorted(pinned, key=lambda said: (-_support(edits[a] for a in pinned[said]), said))
        apart = {alias for said in ranked[1:] for alias in pinned[said]}
        text = "" if removes else group.text
        rest = tuple(a for a in names if a not in apart)
        out.append(group.model_copy(update={"sources": rest, "text": text}))
        out += [group.model_copy(update={"sources": tuple(pinned[said]), "text": ""}) for said in ranked[1:]]
    return out


def _removes(edit: Edit) -> Hashable:
    if isinstance(edit, Delete):
        return edit.op, anchor(edit), edit.section
    return (edit.op, edit.path) if isinstance(edit, DeleteFile) else None


def merged_edit(name: str, sources: Sequence[Edit], text: str, reason: str) -> Edit:
    """One edit out of several: the place of the best supported, the given text, all their lessons and support.

    Of equals the one with the smallest id is the best. A text that cannot stand in a skill gives way to the best
    one's words, and so does any text where a person pinned one. A single source whose text stays keeps its id: it was
    carried, not merged.
    """
    best = best_of(sources)
    longest = max(LONGEST, sum(len(edit_text(e)) for e in sources))
    words = "" if best.pinned else usable_text(text, longest)
    if len(sources) == 1 and (not words or words.strip() == edit_text(best).strip()):
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
    if words and not isinstance(best, Delete | DeleteFile):
        update["text"] = words
    return best.model_copy(update=update)


def best_of(sources: Iterable[Edit]) -> Edit:
    """The pinned, then the best supported, then the verified one; of equals the one with the smallest id."""
    return min(sources, key=_strongest_first)


def lost(inputs: Iterable[Edit], outputs: Iterable[Edit], dropped: Iterable[str]) -> tuple[str, ...]:
    """Source edits that went in and neither came out nor were dropped: must be empty (conservation)."""
    out = Counter(source for edit in outputs for source in edit.sources or (edit.id,))
    out.update(iter(dropped))
    went_in = [source for edit in inputs for source in edit.sources or (edit.id,)]
    return tuple(source for source in went_in if not out[source])


def outvoted(edits: Sequence[Edit]) -> dict[str, Edit]:
    """Id → the edit that contradicts it and has more support: the same words at the same place, but another form.

    Pinned edits are never outvoted. Between equals the verified one wins; a tie stays for people to see.
    """
    places: dict[Hashable, dict[str, list[Edit]]] = {}
    for edit in edits:
        if form_words(edit_text(edit)):
            places.setdefault((edit.op, anchor(edit)), {}).setdefault(edit_text(edit), []).append(edit)
    losers: dict[str, Edit] = {}
    for texts in places.values():
        strongest = {text: min(same, key=_strongest_first) for text, same in texts.items()}
        for text, rivals in _contradicting(sorted(texts)).items():
            winner = min((strongest[rival] for rival in rivals), key=_strongest_first)
            losers |= {e.id: winner for e in texts[text] if not e.pinned and _weight(winner) > _weight(e)}
    return {edit.id: losers[edit.id] for edit in edits if edit.id in losers}


def _contradicting(texts: Sequence[str]) -> dict[str, list[str]]:
    """Text → those that say the same in another form; each is compared with the few that share its words."""
    shelf = Shelf()
    masked = [without_form(text) for text in texts]
    rivals: dict[str, list[str]] = {}
    for n, text in enumerate(texts):
        for other in shelf.near(masked[n]):
            if fuzz.ratio(masked[n], masked[other]) >= SAME_WORDS and not same_form(text, texts[other]):
                rivals.setdefault(text, []).append(texts[other])
                rivals.setdefault(texts[other], []).append(text)
        shelf.add(n, masked[n])
    return rivals


def _weight(edit: Edit) -> tuple[bool, int, bool]:
    return edit.pinned, len(edit.support), edit.verified


def _strongest_first(edit: Edit) -> tuple[bool, int, bool, str]:
    return not edit.pinned, -len(edit.support), not edit.verified, edit.id


def _support(edits: Iterable[Edit]) -> int:
    return len({task for edit in edits for task in edit.support})


def _most_like(alias: str, numbers: Sequence[int], groups: Sequence[Group], edits: Mapping[str, Edit]) -> int:
    """Which of the groups that claim an edit has words most like it; one without a text has those of its sources."""
    if len(numbers) == 1:
        return numbers[0]
    text = edit_text(edits[alias])

    def likeness(number: int) -> float:
        group = groups[number]
        others = [edit_text(edits[a]) for a in group.sources if a in edits and a != alias]
        words = [group.text] if group.text.strip() else others or [text]
        return max(fuzz.token_set_ratio(text, one) for one in words)

    return max(numbers, key=lambda n: (likeness(n), -n))


def _union(rows: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for row in rows for item in row))
