"""What the held-out tasks measured, task by task, and the transcripts behind it.

sides(round)                 every candidate beside the baseline, on validation and test, from `scores.jsonl`
measured_scores(round)       all that stands in `scores.jsonl`, by split and side
tries_by_task(folder)        task -> the files of its tries
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, cast

from workspace.errors import InputError
from workspace.files import file_names, read_from, read_lines
from workspace.json_text import parse_json
from workspace.runs.run import RoundFolder

BASE = "base"
SPLITS = ("validation", "test")
PASS = 0.5
STATES = ("fixed", "broken", "right", "wrong")
HEAD = 64 * 1024
"""Bytes of a trajectory's file in which its first line must end."""

Scores = Mapping[str, tuple[float, ...]]


class Side(NamedTuple):
    """One candidate on one split beside the baseline: task → scores, one for each repeat."""

    split: str
    name: str
    base: Scores
    mine: Scores

    @property
    def key(self) -> str:
        """`validation/s0`, as the journal's view calls it."""
        return f"{self.split}/{self.name}"

    @property
    def tasks(self) -> list[str]:
        """The tasks measured on both sides, in order."""
        return sorted(task for task in self.mine if task in self.base)

    def means(self, task: str) -> tuple[float, float]:
        """Mean score of baseline and candidate."""
        return fmean(self.base[task]), fmean(self.mine[task])

    def state(self, task: str) -> str:
        """fixed or broken where the mean score rose or fell, else right or wrong in both."""
        before, after = self.means(task)
        if before != after:
            return "fixed" if after > before else "broken"
        return "right" if after >= PASS else "wrong"

    def groups(self) -> dict[str, list[str]]:
        """The tasks of every state, in order."""
        found: dict[str, list[str]] = {state: [] for state in STATES}
        for task in self.tasks:
            found[self.state(task)].append(task)
        return found


def sides(round: RoundFolder) -> tuple[Side, ...]:
    """Every candidate on every split that has been measured. Raises `InputError` with the line that is no score."""
    return tuple(paired(measured_scores(round)))


def measured_scores(round: RoundFolder) -> Mapping[tuple[str, str], Scores]:
    """Split and side → task → scores. Raises `InputError` with the line that is no score."""
    found: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {}
    lines = read_lines(round.scores) if round.scores.is_file() else ()
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line)
            found.setdefault((str(row["split"]), str(row["side"])), {})[str(row["task"])] = _scores(row["scores"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{round.scores}:{number}: not a line of scores") from error
    return found


def tries_by_task(folder: Path) -> dict[str, list[Path]]:
    """The files of tries in `folder` by the task that their first lines name; empty where nothing was tried."""
    found: dict[str, list[Path]] = {}
    for name in file_names(folder):
        if name.endswith(".jsonl") and (task := _task(folder / name)):
            found.setdefault(task, []).append(folder / name)
    return found


def _task(file: Path) -> str:
    head = read_from(file, 0, HEAD).partition(b"\n")[0]
    try:
        return str(parse_json(head).get("task", ""))
    except (ValueError, AttributeError):
        return ""


def _scores(told: Any) -> tuple[float, ...]:
    """One score for each repeat. Raises `ValueError` without any, or for what is no number."""
    numbers = cast("list[Any]", told) if isinstance(told, list) else []
    if not numbers or not all(isinstance(score, int | float) for score in numbers):
        raise ValueError("no scores")
    return tuple(map(float, numbers))


def paired(found: Mapping[tuple[str, str], Scores]) -> Iterator[Side]:
    """Every candidate with tasks that the baseline has too, out of scores by split and side."""
    for split in SPLITS:
        base = found.get((split, BASE), {})
        for key in sorted(found):
            side = Side(split, key[1], base, found[key])
            if key[0] == split and key[1] != BASE and side.tasks:
                yield side
