"""The table of baselines: what each gives on the held-out tasks, how that differs from the run's result, what it costs.

Differences are the run's result minus the baseline, task by task, so above 0 the run is better. p is exact McNemar for
yes/no scores with one repeat, else the sign-flip test on the tasks' means, times the number of baselines compared.
"""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.baselines.costs import NOTHING, Cost
from workspace.evidence.difference import Test, difference, spread
from workspace.evidence.paired import Interval
from workspace.score import Scores

FORMAT = 1
State = Literal["measured", "made", "impossible", "incomplete"]


class Row(BaseModel):
    """One line. `mean` and `interval` are of scores in 0…1, None where nothing was measured; `difference` is the run's
    mean minus this one, `p` is corrected. `making` leaves out the rollouts, which all share."""

    model_config = ConfigDict(frozen=True)
    name: str
    about: str
    state: State
    mean: float | None = None
    interval: Interval | None = None
    tasks: int = 0
    difference: float | None = None
    difference_interval: Interval | None = None
    p: float | None = None
    fixed: int = 0
    broken: int = 0
    making: Cost = NOTHING
    measuring: Cost = NOTHING
    lines: int = 0
    notes: tuple[str, ...] = ()


def with_scores(row: Row, scores: Scores, own: Scores | None, test: Test) -> Row:
    """The row with its mean and, where `own` are the scores of the run's result, what differs."""
    if not scores:
        return row
    quality: dict[str, object] = {
        "mean": fmean(map(fmean, scores.values())),
        "interval": spread(scores, test),
        "tasks": len(scores),
    }
    return row.model_copy(update=quality | (_difference(scores, own, test) if own is not None else {}))


def _difference(scores: Scores, own: Scores, test: Test) -> dict[str, object]:
    found = difference(own, scores, test)
    if found is None:
        return {}
    told: dict[str, object] = {"difference": found.mean, "difference_interval": found.interval, "p": found.p}
    return told | {"fixed": len(found.fixed), "broken": len(found.broken)}


class Table(BaseModel):
    """The whole table; `split` is empty where nothing was measured."""

    model_config = ConfigDict(frozen=True)
    format: int = FORMAT
    id: str
    skill: str
    split: str
    tasks: int
    repeats: int
    alpha: float
    comparisons: int
    trajectories: int
    cap: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
