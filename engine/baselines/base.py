"""What a baseline is: from a run's trajectories and lessons to what a solver is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from engine.baselines.costs import NOTHING, Cost
from engine.baselines.place import Workplace
from engine.domains.base import Task
from workspace.errors import T2SError
from workspace.files import digest
from workspace.skills.skill import Skill


class Impossible(T2SError):
    """This run has nothing that the baseline could be made of."""


class Shown(NamedTuple):
    """What solvers are shown: `skill`, or for each task what `by_task` gives. `notes` are what a reader of its row
    should know, `inherited` is what the run had paid already for what this was made of."""

    skill: Skill
    notes: tuple[str, ...] = ()
    by_task: Callable[[Task], Skill] | None = None
    inherited: Cost = NOTHING

    def to(self, task: Task) -> Skill:
        """What the solver of `task` is shown."""
        return self.by_task(task) if self.by_task else self.skill

    def digest(self, tasks: Sequence[Task]) -> str:
        """Of all that the solvers of `tasks` are shown: that of the skill, where all are shown the same."""
        return digest("by task", *(self.to(task).digest for task in tasks)) if self.by_task else self.skill.digest


class Baseline(Protocol):
    """One way to use trajectories. `name` is what people and folders call it, `about` a sentence for people."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    async def make(self, place: Workplace) -> Shown:
        """What solvers are shown. Raises `Impossible`, and whatever ends a life (`Stopped`, `Fatal`, `DiskError`).

        What was paid lies in the baseline's folder under a key of what it read, so a second call pays nothing.
        """
        ...
