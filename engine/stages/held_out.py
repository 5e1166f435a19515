"""Held-out tasks tried with the baseline and with candidates, side by side, as many as are needed.

A split is tried in steps. The tasks of a step are tried with every side at once, and whoever asked for the step looks
at all of its scores before the next one; so what is decided does not depend on which try was the fastest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from engine.context import Round
from engine.crew import Failed
from engine.domains.base import Domain, Task
from engine.domains.splits import pick
from engine.looking import look_of
from engine.stages.rollout import Place, attempt, measured
from engine.together import together
from workspace.evidence.looks import HeldSplit, Look
from workspace.files import read_lines, write_text
from workspace.ids import trajectory_id
from workspace.score import Scores
from workspace.skills.skill import Skill

BASE = "base"


class Side(NamedTuple):
    """A skill that the tasks are tried with: the baseline (`base`) or a candidate (s0, s1, …)."""

    name: str
    skill: Skill


class _Try(NamedTuple):
    side: Side
    task: Task
    repeat: int


class HeldOut:
    """One split of a round: its tasks in the order they are tried in, and the scores so far."""

    def __init__(self, round: Round, domain: Domain, split: HeldSplit, candidates: Sequence[Side]) -> None:
        settings = round.ctx.config.domain
        count = settings.validation if split == "validation" else settings.test
        given = domain.tasks(split, count, settings.seed)
        self.tasks = pick(given, lambda task: task.family, len(given), settings.seed)
        self.split: HeldSplit = split
        self._names = {task.id: number for number, task in enumerate(given, 1)}
        self._round, self._domain = round, domain
        self._sides = [Side(BASE, round.s0), *candidates]
        self._found: dict[str, dict[str, dict[int, float]]] = {side.name: {} for side in self._sides}
        self._units = 0

    def look(self) -> Look:
        """What is looked at, for the record."""
        base, *candidates = (side.skill for side in self._sides)
        return look_of(self._round.ctx, self._domain, self.split, base, candidates, self.tasks)

    def begin(self) -> None:
        """Tell how many tries there may be."""
        self._plan(len(self._sides) * len(self.tasks) * self._repeats)

    async def go(self, tasks: Sequence[Task], names: Collection[str]) -> None:
        """Try `tasks` with the sides of these names."""
        sides = [side for side in self._sides if side.name in names]
        tries = [_Try(side, task, r + 1) for task in tasks for side in sides for r in range(self._repeats)]
        self._units += len(tries)
        await together(self._one(each) for each in tries)

    def end(self) -> None:
        """No task is tried any more: tell how many tries it took, and keep the scores."""
        self._plan(self._units)
        _keep(self)

    def scores(self, side: str) -> Scores:
        """Task → scores in the order of the repeats; a task that could not be tried is missing."""
        found = self._found[side]
        return {
            task.id: tuple(score for _, score in sorted(found[task.id].items()))
            for task in self.tasks
            if task.id in found
        }

    @property
    def names(self) -> list[str]:
        """The sides, the baseline first."""
        return [side.name for side in self._sides]

    @property
    def round(self) -> Round:
        return self._round

    @property
    def _repeats(self) -> int:
        return self._round.ctx.config.verdict.repeats

    def _plan(self, units: int) -> None:
        self._round.ctx.crew.plan("validate", units, self._round.prefix + self.split)

    async def _one(self, each: _Try) -> None:
        round, (side, task, repeat) = self._round, each
        name = trajectory_id(self._names[task.id], repeat)
        path = round.folder.validation(self.split, side.name) / f"{name}.jsonl"
        place = Place("validate", f"{round.prefix}{self.split}-{side.name}-{name}", name, path)
        trajectory = await attempt(round.ctx, self._domain, task, side.skill, place, repeat)
        if isinstance(trajectory, Failed) or trajectory.outcome.status not in ("pass", "fail"):
            return
        event = measured(self.split, side.name, trajectory)
        round.ctx.emit(event)
        self._found[side.name].setdefault(task.id, {})[repeat] = event.score


def _keep(held: HeldOut) -> None:
    """`scores.jsonl`: one line a split, side and task; a split that is measured again replaces its lines."""
    path = held.round.folder.scores
    others = [line for line in (read_lines(path) if path.exists() else ()) if json.loads(line)["split"] != held.split]
    rows = [
        json.dumps({"split": held.split, "side": side, "task": task, "scores": list(scores)})
        for side in held.names
        for task, scores in held.scores(side).items()
    ]
    write_text(path, "".join(f"{line}\n" for line in [*others, *rows]))
