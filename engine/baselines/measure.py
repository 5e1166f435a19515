"""Measuring what a baseline shows on held-out tasks, by `engine/measuring.py` as everything else beside a verdict.

Tries that the run has made already with the same skill, model and prompt (S0 and its result) are taken over and not
paid again; what they cost the run is told with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.baselines.base import Shown
from engine.baselines.costs import NOTHING, Cost, Worker, cost, measuring
from engine.baselines.office import Office
from engine.baselines.place import Workplace
from engine.context import Context
from engine.crew import stored_key
from engine.domains.base import Domain, Task
from engine.measuring import Measurement, measure
from engine.record import Paid
from engine.sandbox.in_thread import in_thread
from engine.stages.rollout import attempt_key
from engine.tried import Line, Tried, paid_lines, write_paid
from workspace.errors import InputError
from workspace.evidence.looks import HeldSplit
from workspace.files import is_file, read_text, write_text
from workspace.ids import trajectory_id
from workspace.runs.events import TestOpened
from workspace.runs.run import RoundFolder, RunFolder
from workspace.score import MIN_PAIRS


class Held(NamedTuple):
    """The tasks to measure on, and how often each is tried."""

    domain: Domain
    split: HeldSplit
    tasks: Sequence[Task]
    repeats: int

    @property
    def tries(self) -> list[tuple[str, Task, int]]:
        """Name, task and repeat of each try."""
        repeats = range(1, self.repeats + 1)
        return [(trajectory_id(n, r), task, r) for n, task in enumerate(self.tasks, 1) for r in repeats]


def held_of(office: Office, split: HeldSplit) -> Held:
    """The tasks of `split` that the run's settings hold out. Raises `InputError` where they are too few to compare
    anything, or the run has none."""
    settings, domain = office.material.config.domain, office.domain
    if domain is None:
        raise InputError(f"run {office.material.run.id} has no tasks to measure on")
    tasks = domain.tasks(split, settings.test if split == "test" else settings.validation, settings.seed)
    if len(tasks) < MIN_PAIRS:
        raise InputError(
            f"the domain gives {len(tasks)} {split} tasks and {MIN_PAIRS} or more are needed to compare anything"
        )
    return Held(domain, split, tasks, office.material.config.verdict.repeats)


class Before(NamedTuple):
    """Where the run itself has measured the same skill: its round and the side there."""

    round: RoundFolder
    side: str

    def path(self, split: HeldSplit, name: str) -> Path:
        return self.round.validation(split, self.side) / f"{name}.jsonl"

    def agent(self, split: HeldSplit, name: str) -> str:
        """Who made that try in the run."""
        prefix = "" if self.round.path.name == "1" else f"r{self.round.path.name}-"
        return f"solver-{prefix}{split}-{self.side}-{name}"


def tell_opening(ctx: Context, held: Held) -> None:
    """The journal says once that the test tasks are opened."""
    if held.split == "test" and not any(key.startswith("test/") for key in ctx.view.scores):
        ctx.emit(TestOpened(tasks=len(held.tasks)))


class Measured(NamedTuple):
    """Scores by task and what could not be scored; what all tries cost, those of the run included."""

    found: Measurement
    cost: Cost


async def measure_shown(
    place: Workplace,
    held: Held,
    shown: Shown,
    before: Before | None = None,
    *,
    side: str = "",
    tried: Tried | None = None,
) -> Measured:
    """Try every task with what it is shown, as `side` (default: the folder's name). Raises as
    `engine.measuring.measure`."""
    ctx, name = place.ctx, side or place.folder.name
    folder = place.folder / held.split
    if before:
        await in_thread(lambda: _take_over(place, held, shown, before, folder / name))
    found = await measure(
        ctx, held.domain, held.tasks, {name: shown.by_task or shown.skill},
        split=held.split, repeats=held.repeats, folder=folder, tried=tried,
    )  # fmt: skip
    taken = {line.name for line in paid_lines(folder / name) if line.copied} if before else set[str]()
    agents = {f"solver-{held.split}-{name}-{each}" for each, _, _ in held.tries}
    mine = cost(RunFolder(place.folder), lambda worker: measuring(worker) and worker.name in agents)
    return Measured(found[name], mine + _paid_by_run(place, held, before, taken))


def _take_over(place: Workplace, held: Held, shown: Shown, before: Before, folder: Path) -> None:
    """Copy what the run has tried under the very key; each copy is noted as one."""
    noted = {(line.name, line.key) for line in paid_lines(folder)}
    for name, task, repeat in held.tries:
        key = attempt_key(place.ctx, held.domain, task, shown.to(task), repeat)
        theirs, mine = before.path(held.split, name), folder / f"{name}.jsonl"
        if (name, key) in noted or stored_key(mine) == key or not is_file(theirs) or stored_key(theirs) != key:
            continue
        write_text(mine, read_text(theirs))
        write_paid(folder, Line(name, key, Paid(), copied=True))


def _paid_by_run(place: Workplace, held: Held, before: Before | None, names: set[str]) -> Cost:
    if before is None or not names:
        return NOTHING
    agents = {before.agent(held.split, name) for name in names}

    def counts(worker: Worker) -> bool:
        return measuring(worker) and worker.name in agents

    return cost(place.material.run, counts)
