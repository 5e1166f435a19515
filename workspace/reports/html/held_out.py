"""The held-out tasks of every round: verdict, measured sides, and the transcripts of tasks that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workspace.errors import T2SError
from workspace.files import read_text, read_toml, size_of
from workspace.reports.html.values import ALPHA, MIN_GAIN, Judged, TaskPair
from workspace.reports.summary import by_hand, checked_verdict
from workspace.reports.tries import BASE, Side, sides, tries_by_task
from workspace.runs.decision import judged_round
from workspace.runs.run import RoundFolder, RunFolder
from workspace.score import Verdict
from workspace.trajectory import Trajectory, load_trajectory

LARGEST = 32_000_000
"""Bytes of a transcript that is read."""
MOST_PAIRS = 200
"""Tasks whose transcripts are shown; the names of all others are."""
Files = Mapping[str, list[Path]]
"""Task → the files of its tries."""


def judged(run: RunFolder, config: Mapping[str, Any]) -> tuple[Judged, ...]:
    """One row for each round that has measured something or has a verdict, in order. Raises `InputError`."""
    rows = (_judged(run, round, config.get("verdict", {})) for round in run.rounds())
    return tuple(row for row in rows if row.verdict or row.sides)


def chosen(row: Judged) -> Side | None:
    """The validation side that the verdict is on; before there is a verdict the first one."""
    name = row.verdict.side if row.verdict and row.verdict.side else ""
    found = [side for side in row.sides if side.split == "validation"]
    return next((side for side in found if side.name == name), found[0] if found else None)


def _judged(run: RunFolder, round: RoundFolder, settings: Mapping[str, Any]) -> Judged:
    last = judged_round(run)
    hand = by_hand(run) if last and last.path == round.path else None
    row = Judged(
        int(round.path.name), _verdict(round), float(settings.get("alpha", ALPHA)),
        float(settings.get("min_gain", MIN_GAIN)), sides(round), hand=hand,
    )  # fmt: skip
    side = chosen(row)
    return row._replace(pairs=_of_round(round, side)) if side else row


def _verdict(round: RoundFolder) -> Verdict | None:
    return checked_verdict(read_toml(round.verdict), round.verdict) if round.verdict.is_file() else None


def _of_round(round: RoundFolder, side: Side) -> tuple[TaskPair, ...]:
    base, mine = (tries_by_task(round.validation(side.split, name)) for name in (BASE, side.name))
    return tuple(changed_pairs(side, base, mine))


def changed_pairs(side: Side, base: Files, mine: Files, most: int = MOST_PAIRS) -> Iterator[TaskPair]:
    """The tasks that changed, with the tries in these files. Broken tasks come first: they are what a reader must look
    at."""
    groups = side.groups()
    rows = [(state, task) for state in ("broken", "fixed") for task in groups[state]]
    for state, task in rows[:most]:
        before, after = side.means(task)
        yield TaskPair(
            task, "fixed" if state == "fixed" else "broken", before, after,
            _tries(base.get(task, [])), _tries(mine.get(task, [])),
        )  # fmt: skip


def _tries(files: list[Path]) -> tuple[Trajectory | str, ...]:
    return tuple(_trajectory(file) for file in files)


def _trajectory(file: Path) -> Trajectory | str:
    if size_of(file) > LARGEST:
        return f"{file.name} has more than {LARGEST // 1_000_000} MB and is not read"
    try:
        return load_trajectory(read_text(file), file)
    except T2SError as error:
        return str(error).replace(f"{file.parent}/", "")
