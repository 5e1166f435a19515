"""Dropping the lessons of what hurts, as a person would drop them: `edits/<lesson>.toml`, by the author `ablation`.

What a person pinned stays, and so does a lesson that stands in another edit of the candidate as well: nobody knows
that it hurts there. Nothing is made anew here; the next life of the run's engine does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workspace.ablation.table import Ablation, Effect
from workspace.lessons.pool import load, set_status
from workspace.runs.run import RunFolder, SeedFolder


class Kept(NamedTuple):
    """What hurts and was not dropped: a lesson or an edit, and why."""

    name: str
    why: str


class Pruned(NamedTuple):
    """`dropped`: lessons that are out now; `before`: those that were out already."""

    dropped: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()


def prune(run: RunFolder, table: Ablation) -> Pruned:
    """Drop the lessons of all groups that hurt. Raises `LessonInvalid`, `InputError`, `DiskError`."""
    seed = run.round(table.round).side(table.side)
    plan = _planned(seed, table)
    for name in plan.dropped:
        set_status(seed, name, "dropped", author="ablation")
    return plan


def _planned(seed: SeedFolder, table: Ablation) -> Pruned:
    hurting = [row for row in table.groups if row.found == "hurts"]
    names = list(dict.fromkeys(name for row in hurting if row.kind != "examples" for name in row.lessons))
    status = {name: load(seed, name).lesson.status for name in names}
    before = tuple(name for name in names if status[name] == "dropped")
    kept = [*_without_lessons(hurting), *_in_the_way(table, status)]
    stay = {one.name for one in kept}
    return Pruned(tuple(name for name in names if name not in stay and name not in before), before, tuple(kept))


def _without_lessons(hurting: list[Effect]) -> Iterator[Kept]:
    for row in hurting:
        if row.kind == "examples":
            yield Kept(row.name, "the examples go with no lesson; `budgets.examples = 0` makes a skill without them")
        elif not row.lessons:
            yield Kept(row.name, "it rests on no lesson that could be dropped")


def _in_the_way(table: Ablation, status: dict[str, str]) -> Iterator[Kept]:
    elsewhere = {
        name: row.name
        for row in table.groups
        if row.kind != "examples" and row.found != "hurts"
        for name in row.lessons
    }
    for name, now in status.items():
        if now == "pinned":
            yield Kept(name, "a person pinned it; drop it yourself with `t2s lessons`")
        elif now != "dropped" and name in elsewhere:
            yield Kept(name, f"it is behind {elsewhere[name]} as well, which is not known to hurt")
