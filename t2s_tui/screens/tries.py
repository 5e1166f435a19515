"""What the held-out tasks measured, task by task: which were fixed, which were broken, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, NamedTuple

from workspace.errors import InputError
from workspace.files import read_lines, read_toml
from workspace.json_text import parse_json
from workspace.reports.summary import checked_verdict
from workspace.runs.run import RoundFolder, RunFolder
from workspace.runs.view import RunView
from workspace.score import Interval, bootstrap, mcnemar, sign_flip

PASS = 0.5
BASE = "base"
SEED = 1
STATES = ("fixed", "broken", "right", "wrong")

Scores = Mapping[str, tuple[float, ...]]


class Side(NamedTuple):
    """One candidate on one split beside the baseline: task → scores, one for each repeat."""

    split: str
    name: str
    base: Scores
    mine: Scores

    @property
    def key(self) -> str:
        return f"{self.split}/{self.name}"

    @property
    def tasks(self) -> list[str]:
        """The tasks measured on both sides."""
        return sorted(task for task in self.mine if task in self.base)

    def state(self, task: str) -> str:
        """fixed or broken where the mean score rose or fell, else right or wrong in both."""
        before, after = fmean(self.base[task]), fmean(self.mine[task])
        if before != after:
            return "fixed" if after > before else "broken"
        return "right" if after >= PASS else "wrong"

    def groups(self) -> dict[str, list[str]]:
        """The tasks of every state, in order."""
        found: dict[str, list[str]] = {state: [] for state in STATES}
        for task in self.tasks:
            found[self.state(task)].append(task)
        return found


class Measured(NamedTuple):
    """One row of the table. Scores are means in 0…1; what was not worked out is None."""

    key: str
    n: int
    baseline: float
    candidate: float
    interval: Interval | None = None
    p: float | None = None

    @property
    def difference(self) -> float:
        return self.candidate - self.baseline


def sides(run: RunFolder, round: RoundFolder | None, view: RunView) -> list[Side]:
    """Every candidate on every split of a round: from scores.jsonl, before there is one from what has been told so
    far. Raises `InputError` where the file cannot be read."""
    found = _told(round) if round else {}
    if not found and (round is None or round.path == _last(run)):
        found = {key: {task: (score,) for task, score in of.items()} for key, of in view.scores.items()}
    return list(_paired(found))


def measure(side: Side, table: Mapping[str, Any]) -> Measured:
    """The numbers of a side: those of the verdict where it is on this one, else worked out the same way. Takes up to a
    second, so not on the screen's own thread."""
    tasks = side.tasks
    before = [fmean(side.base[task]) for task in tasks]
    after = [fmean(side.mine[task]) for task in tasks]
    brief = Measured(side.key, len(tasks), fmean(before), fmean(after))
    if side.split == "validation" and table.get("side", "") in ("", side.name) and table.get("interval"):
        low, high = table["interval"]
        told = Interval(float(low), float(high))
        return Measured(side.key, len(tasks), table["baseline"], table["candidate"], told, table.get("p"))
    moved = [b - a for a, b in zip(before, after, strict=True)]
    groups = side.groups()
    binary = all(len(one) == 1 and one[0] in (0, 1) for of in (side.base, side.mine) for one in of.values())
    p = mcnemar(len(groups["fixed"]), len(groups["broken"])) if binary else sign_flip(moved, SEED, 20_000)
    return brief._replace(interval=bootstrap(moved, SEED), p=p)


def verdict_file(round: RoundFolder | None) -> dict[str, Any]:
    """A round's verdict.toml; empty before it is written. Raises `InputError` when it cannot be read."""
    if round is None or not round.verdict.is_file():
        return {}
    table = read_toml(round.verdict)
    checked_verdict(table, round.verdict)
    return table


def _last(run: RunFolder) -> object:
    rounds = run.rounds()
    return rounds[-1].path if rounds else None


def _told(round: RoundFolder) -> dict[str, dict[str, tuple[float, ...]]]:
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    lines = read_lines(round.scores) if round.scores.is_file() else ()
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line)
            found.setdefault(f"{row['split']}/{row['side']}", {})[str(row["task"])] = _scores(row["scores"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{round.scores}:{number}: not a line of scores") from error
    return found


def _scores(told: Any) -> tuple[float, ...]:
    """One score for each repeat. Raises `ValueError` without any, or for what is no number."""
    if not told or not all(isinstance(score, int | float) for score in told):
        raise ValueError("no scores")
    return tuple(map(float, told))


def _paired(found: Mapping[str, Scores]) -> Iterator[Side]:
    for split in ("validation", "test"):
        base = found.get(f"{split}/{BASE}", {})
        for key in sorted(found):
            if key.startswith(f"{split}/") and not key.endswith(f"/{BASE}"):
                side = Side(split, key.partition("/")[2], base, found[key])
                if side.tasks:
                    yield side
