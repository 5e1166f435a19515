"""Where an edit goes by its support: into the skill, into a reference, or into quarantine. Pure (method.md §3).

What recurs in independent tasks stands where every task reads it; what fewer support is a page that SKILL.md links;
what one unverified run alone says is only listed. Pinned edits always go in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from workspace.edits.patch import AddSection, AppendToSection, Create, Edit, InsertAfter, InsertBefore

FEW = 10


class Held(NamedTuple):
    """An edit that is not in SKILL.md, and why."""

    edit: Edit
    reason: str


class Routed(NamedTuple):
    """Every edit given is in exactly one of the three, in the order given."""

    main: tuple[Edit, ...]
    aside: tuple[Held, ...]
    quarantined: tuple[Held, ...]


def least_support(trajectories: int, setting: int | Literal["auto"] = "auto") -> int:
    """How many distinct tasks an edit needs for SKILL.md: as set, else 1 for a small pool and 3 % but at least 2."""
    if setting != "auto":
        return setting
    return 1 if trajectories < FEW else max(2, round(0.03 * trajectories))


def route(edits: Sequence[Edit], least: int) -> Routed:
    """Sort `edits` by support. Below `least`, what one unverified task alone says is quarantined, and so is what would
    take words of S0 away: only text that is added can stand aside."""
    main: list[Edit] = []
    aside: list[Held] = []
    quarantined: list[Held] = []
    for edit in edits:
        support = len(edit.support)
        if edit.pinned or support >= least:
            main.append(edit)
        elif support < 2 and not edit.verified:
            quarantined.append(Held(edit, "a single source, unverified"))
        elif not may_stand_aside(edit):
            reason = f"support {support} of {least}: too little to change what the skill says"
            quarantined.append(Held(edit, reason))
        else:
            aside.append(Held(edit, f"support {support} of {least}: in a reference"))
    return Routed(tuple(main), tuple(aside), tuple(quarantined))


def may_stand_aside(edit: Edit) -> bool:
    """Does the edit only bring text, so that this text can stand in another file?"""
    return isinstance(edit, InsertAfter | InsertBefore | AppendToSection | AddSection | Create)
