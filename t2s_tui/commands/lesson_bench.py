"""Where a `t2s lessons` command works: one candidate of one round of a run, and what is known of its lessons there."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from t2s_tui.commands.common import the_run
from workspace.errors import InputError
from workspace.lessons import pool
from workspace.lessons.lesson import Lesson
from workspace.merging.ledger import Entry
from workspace.reports.summary import read_ledger
from workspace.runs.decision import shown_side
from workspace.runs.run import RunFolder, SeedFolder

SHOWN = 8


class Bench(NamedTuple):
    """Seed `number` of `round`, as the candidate of it that is shown."""

    run: RunFolder
    round: int
    number: int

    @property
    def seed(self) -> SeedFolder:
        round = self.run.round(self.round)
        return shown_side(round, round.seed(self.number))

    @property
    def name(self) -> str:
        """For people who asked for a round or candidate that is not the only one."""
        return f"round {self.round}, candidate s{self.number}"

    def known(self, names: Sequence[str]) -> list[str]:
        """`names` without repeats. Raises `InputError` with the lessons there are for one that is none of them."""
        there = list(dict.fromkeys([*pool.lesson_ids(self.seed), *pool.versions(self.seed)]))
        for name in names:
            if name not in there:
                some = ", ".join(there[:SHOWN]) or f"none in {self.name}"
                raise InputError(
                    f"no lesson {name!r} (there are: {some}{', …' * (len(there) > SHOWN)}){self._other(name)}"
                )
        return list(dict.fromkeys(names))

    def _other(self, name: str) -> str:
        """The way to the last round that has a lesson of this name."""
        found = [each.path.name for each in self.run.rounds() for seed in each.seeds() if name in pool.lesson_ids(seed)]
        return f"; round {found[-1]} has it (--round {found[-1]})" if found and found[-1] != str(self.round) else ""

    def fates(self) -> dict[str, Entry]:
        """Lesson → what became of it; empty before the candidate is settled."""
        path = self.seed.ledger
        rows = read_ledger(path) if path.is_file() else []
        return {row.id: row for row in rows if row.what == "lesson"}


def bench(arguments: argparse.Namespace) -> Bench:
    """The candidate that the command line names: by default the first one of the last round that has any."""
    run = the_run(arguments)
    there = {int(each.path.name): [seed.number for seed in each.seeds()] for each in run.rounds()}
    begun = [number for number, seeds in there.items() if seeds]
    if not begun:
        raise InputError(f"run {run.id} has no lessons yet; `t2s show {run.id}` says how far it is")
    round = begun[-1] if arguments.round is None else arguments.round
    if round not in begun:
        raise InputError(f"run {run.id} has no round {round} with lessons; --round takes {_either(begun)}")
    if arguments.seed not in there[round]:
        raise InputError(
            f"round {round} of run {run.id} has no candidate {arguments.seed}; --seed takes {_either(there[round])}"
        )
    return Bench(run, round, arguments.seed)


def lesson_table(lesson: Lesson, edited: bool, digest: str, fate: Entry | None) -> dict[str, Any]:
    """A lesson as plain data: all its keys, and `edited`, `digest` (of its text), `fate`."""
    ended = {"state": fate.state, "reason": fate.reason, "file": fate.file, "edit": fate.edit} if fate else None
    return {**lesson.model_dump(mode="json"), "edited": edited, "digest": digest, "fate": ended}


def _either(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, numbers)) if len(numbers) < 3 else f"{numbers[0]} to {numbers[-1]}"
