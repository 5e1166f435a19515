"""Puts the candidate together: what goes into SKILL.md, what stands beside it, and what the guard keeps out. Pure.

Where SKILL.md has no room, the edits with the least support stand aside as well, so that nothing is lost for space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from workspace.edits.patch import MAIN, Edit
from workspace.guard.guard import Settled, Violation, Withheld
from workspace.guard.ruleset import DEFAULT
from workspace.guard.withhold import weakest_first
from workspace.merging.aside import FULL as PAGE
from workspace.merging.aside import Aside, put_aside
from workspace.merging.route import Held, Routed, may_stand_aside
from workspace.skills.skill import Skill

FIRST_PAGE = 2  # the number of its edit; number 1 is the examples'
FULL = f"{MAIN} is full: in a reference"
Settle = Callable[[Sequence[Edit]], Settled]
Guard = Callable[[Sequence[Edit]], Sequence[Violation]]


@dataclass(frozen=True)
class Assembled:
    """`settled` holds the skill and the edits applied. `aside`: the edits on a page beside SKILL.md, by id, with the
    reason; `page` names each one's file and `writers` who wrote each line of a page that was made."""

    settled: Settled
    aside: Mapping[str, Held]
    page: Mapping[str, str]
    writers: Mapping[str, tuple[str | None, ...]]

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        """What the guard kept out; where that is a whole page, each edit on it."""
        out: list[Withheld] = []
        for one in self.settled.withheld:
            on_it = [h.edit for h in self.aside.values() if self.page[h.edit.id] == getattr(one.edit, "path", None)]
            out += [Withheld(edit, one.reason, one.rule) for edit in on_it] or [one]
        return tuple(out)


def assemble(
    skill: Skill, routed: Routed, extra: Sequence[Edit], name: Callable[[int], str], settle: Settle, guard: Guard,
    reference_lines: int = DEFAULT.reference_lines,
) -> Assembled:  # fmt: skip
    """Settle the routed edits and `extra` (the program's own) onto `skill`; pages get the ids `name(2)`, `name(3)` …
    and fewer lines than `reference_lines`.

    An edit that may not go in by itself (`guard`) never goes on a page, where it would keep out all others.
    """
    bad = {v.edit for v in guard([h.edit for h in routed.aside]) if v.stops and v.rule != "overlap"}
    main = [*routed.main, *(h.edit for h in routed.aside if h.edit.id in bad)]
    aside = {h.edit.id: h for h in routed.aside if h.edit.id not in bad}
    full = min(PAGE, reference_lines - 1)
    while True:
        pages = put_aside(skill, [h.edit for h in aside.values()], (name(n) for n in count(FIRST_PAGE)), full)
        settled = settle([*main, *extra, *pages.edits])
        too_much = [w.edit for w in settled.withheld if _has_no_room(w)]
        too_much = too_much or _in_the_way(settled, pages, settle, extra)
        if not too_much:
            return _assembled(settled, aside, pages)
        aside |= {edit.id: Held(edit, FULL) for edit in too_much}
        main = [edit for edit in main if edit.id not in aside]


def _has_no_room(withheld: Withheld) -> bool:
    at_main = withheld.rule == "size" and withheld.reason.startswith(f"{MAIN}:")
    return at_main and withheld.edit.file == MAIN and _may_move(withheld.edit)


def _in_the_way(settled: Settled, pages: Aside, settle: Settle, extra: Sequence[Edit]) -> list[Edit]:
    """The weakest edit of SKILL.md where the link of a page has no room for it: on the page it keeps nothing out."""
    if not _without_link(settled, pages) or _without_link(settle([*extra, *pages.edits]), pages):
        return []
    return [edit for edit in weakest_first(settled.kept) if edit.file == MAIN and _may_move(edit)][:1]


def _without_link(settled: Settled, pages: Aside) -> bool:
    own = {edit.id for edit in pages.edits if edit.author == "program"}
    return any(w.edit.id in own and w.rule == "size" and w.reason.startswith(f"{MAIN}:") for w in settled.withheld)


def _may_move(edit: Edit) -> bool:
    return edit.author != "program" and may_stand_aside(edit)


def _assembled(settled: Settled, aside: Mapping[str, Held], pages: Aside) -> Assembled:
    return Assembled(settled, aside, pages.page, pages.writers)
