"""What an evaluation compares: its table, how far it is, and the transcripts of tasks that a comparison changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workspace.reports.html.held_out import MOST_PAIRS, changed_pairs
from workspace.reports.html.values import ALPHA, MIN_GAIN, Compared, Pairing
from workspace.reports.matrix import load_matrix
from workspace.reports.so_far import load_so_far
from workspace.reports.tries import Scores, Side, measured_scores, tries_by_task
from workspace.runs.evaluation import Evaluation, evaluation_of, side_name
from workspace.runs.run import RunFolder

FEWEST_PAIRS = 4
"""Tasks of one comparison whose transcripts are shown, however many comparisons share the room."""


def compared(run: RunFolder, config: Mapping[str, Any]) -> Compared:
    """The table and how far it is. Raises `InputError` where one of them cannot be read."""
    rule = config.get("verdict", {})
    alpha, min_gain = float(rule.get("alpha", ALPHA)), float(rule.get("min_gain", MIN_GAIN))
    return Compared(load_matrix(run), load_so_far(run), alpha, min_gain)


def pairings(run: RunFolder) -> tuple[Pairing, ...]:
    """Every comparison of the table, task by task; none before there is a table. Raises `InputError`."""
    matrix, plan = load_matrix(run), evaluation_of(run)
    return tuple(_pairings(run, plan)) if matrix and plan else ()


def _pairings(run: RunFolder, plan: Evaluation) -> Iterator[Pairing]:
    """Folders are named by what `run.toml` plans: the table is a file like any other, and might name any place."""
    tried = _Tried(run, plan)
    most = max(FEWEST_PAIRS, MOST_PAIRS // max(1, len(plan.comparisons) * len(plan.solvers)))
    for solver in plan.solvers:
        for against, skill in plan.comparisons:
            mine, base = (side_name(name, solver.name) for name in (skill, against))
            side = Side(" and ".join(plan.splits), mine, tried.scores(base), tried.scores(mine))
            pairs = tuple(changed_pairs(side, tried.files(base), tried.files(mine), most))
            yield Pairing(solver.name, skill, against, side, pairs)


class _Tried:
    """Scores and files of every cell, over all splits. Each folder is read once, however often its cell is compared."""

    def __init__(self, run: RunFolder, plan: Evaluation) -> None:
        self._round, self._splits = run.round(1), plan.splits
        self._scores = measured_scores(self._round)
        self._files: dict[str, dict[str, list[Path]]] = {}

    def scores(self, side: str) -> Scores:
        """Task → scores, one for each repeat."""
        return {task: row for split in self._splits for task, row in self._scores.get((split, side), {}).items()}

    def files(self, side: str) -> dict[str, list[Path]]:
        """Task → its tries."""
        if side not in self._files:
            found = (tries_by_task(self._round.validation(split, side)) for split in self._splits)
            self._files[side] = {task: files for each in found for task, files in each.items()}
        return self._files[side]
