"""How far an evaluation is, cell by cell, out of the journal's view: what is shown before there is a table.

    so_far(plan, view, repeats)     every cell, pure
    load_so_far(run)                the same from a run's folder; empty for a run that is no evaluation

Of a task that is tried several times, the try that ended last counts here; the table takes all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from workspace.runs.evaluation import Evaluation, evaluation_of, side_name
from workspace.runs.run import RunFolder, load_view
from workspace.runs.start import run_config
from workspace.runs.view import RunView
from workspace.stages import Stage

STAGE: Stage = "validate"
OVER = ("done", "reused")


class SoFar(NamedTuple):
    """One skill with one model: mean over the `tasks` that have a score, in 0…1 (None where none has), and its tries:
    `done`, `failed`, and how many there will be."""

    skill: str
    model: str
    mean: float | None
    tasks: int
    done: int
    failed: int
    planned: int


def so_far(plan: Evaluation, view: RunView, repeats: int) -> tuple[SoFar, ...]:
    """Every cell, skills in order and for each its models."""
    sides = [(skill.name, solver.name) for skill in plan.skills for solver in plan.solvers]
    states, planned = _states(plan, view), _planned(plan, view, repeats)
    return tuple(_cell(plan, view, *side, states, planned) for side in sides)


def load_so_far(run: RunFolder) -> tuple[SoFar, ...]:
    """Every cell of the evaluation `run`. Raises `InputError` where its settings cannot be read."""
    plan = evaluation_of(run)
    return so_far(plan, load_view(run).view, run_config(run).verdict.repeats) if plan else ()


def _cell(
    plan: Evaluation, view: RunView, skill: str, model: str, states: Mapping[tuple[str, str], int], planned: int
) -> SoFar:
    side = side_name(skill, model)
    scores = [score for split in plan.splits for score in view.scores.get(f"{split}/{side}", {}).values()]
    done, failed = (sum(states[side, state] for state in group) for group in (OVER, ("failed",)))
    mean = fmean(scores) if scores else None
    return SoFar(skill, model, mean, len(scores), done, failed, max(planned, done + failed))


def _states(plan: Evaluation, view: RunView) -> Counter[tuple[str, str]]:
    """How many tries of each side are in each state. A unit is called `validation-old@small-t003.r2`."""
    begins = tuple(f"{STAGE}/{split}-" for split in plan.splits)
    found: Counter[tuple[str, str]] = Counter()
    for name, state in view.units.items():
        if begin := next((begin for begin in begins if name.startswith(begin)), ""):
            found[name[len(begin) :].rpartition("-")[0], state] += 1
    return found


def _planned(plan: Evaluation, view: RunView, repeats: int) -> int:
    """Tries of one cell. What the run has counted goes before what was asked for: a domain may have fewer tasks."""
    asked = sum(plan.tasks.values()) * repeats
    counted = view.stages[STAGE].units
    cells = len(plan.skills) * len(plan.solvers)
    return min(asked, counted // cells) if counted and counted % cells == 0 else asked
