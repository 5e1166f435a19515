"""From groups of edits to the edits that a merge node hands up. Pure; nothing of what went in is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workspace.edits.alike import content
from workspace.edits.apply import Refusal, place
from workspace.edits.patch import Edit, edit_text
from workspace.ids import edit_id
from workspace.merging.consolidate import Reconciled, merged_edit
from workspace.skills.skill import Skill


class Draft(NamedTuple):
    """One output edit to be: what it comes from, its words ("" keeps the best ones) and why."""

    sources: tuple[Edit, ...]
    text: str
    reason: str


class Drafts(NamedTuple):
    """A merge, or a part of one: edits to write, edits handed up as they are, source edits that end here and why."""

    groups: tuple[Draft, ...] = ()
    carried: tuple[Edit, ...] = ()
    dropped: Mapping[str, str] = {}


def drafts_of(named: Mapping[str, Edit], result: Reconciled) -> Drafts:
    """An exact reply as drafts; what it does not mention is carried."""
    groups = tuple(Draft(tuple(named[a] for a in g.sources), g.text, g.reason) for g in result.groups)
    dropped = {source: d.reason for d in result.dropped for source in named[d.id].sources}
    return Drafts(groups, tuple(named[a] for a in result.missing), dropped)


def joined(parts: Sequence[Drafts]) -> Drafts:
    """Several parts of one merge as one."""
    return Drafts(
        tuple(group for part in parts for group in part.groups),
        tuple(edit for part in parts for edit in part.carried),
        {source: reason for part in parts for source, reason in part.dropped.items()},
    )


def written(unit: str, drafts: Drafts, s0: Skill) -> tuple[Edit, ...]:
    """The output edits of node `unit`. Words that have no place in `s0` give way to the best ones of the sources."""
    made = [_written(edit_id(unit, n), draft, s0) for n, draft in enumerate(drafts.groups, 1)]
    twins: dict[tuple[str, bool], list[Edit]] = {}
    for edit in (*made, *drafts.carried):
        twins.setdefault((content(edit), edit.pinned), []).append(edit)
    return tuple(_as_one(unit, n, same) for n, same in enumerate(twins.values(), len(made) + 1))


def _as_one(unit: str, number: int, twins: Sequence[Edit]) -> Edit:
    """Edits that say the very same at the same place are one, whatever the merger made of them."""
    if len(twins) == 1:
        return twins[0]
    return merged_edit(edit_id(unit, number), twins, "", "the same words at the same place")


def _written(name: str, draft: Draft, s0: Skill) -> Edit:
    edit = merged_edit(name, draft.sources, as_item(draft.text, draft.sources), draft.reason)
    if isinstance(place(s0, edit), Refusal):
        return merged_edit(name, draft.sources, "", draft.reason)
    return edit


def as_item(text: str, sources: Sequence[Edit]) -> str:
    """`text` as a list item when the edits it replaces are list items."""
    if all(edit_text(e).lstrip().startswith("- ") for e in sources) and text and not text.lstrip().startswith("- "):
        return f"- {text}"
    return text
