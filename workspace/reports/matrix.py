"""What an evaluation found: skills × models with means and intervals, paired tests, and what each cell used.

    matrix = matrix_of(plan, config, measured)      from scores, pure
    load_matrix(run)                                back from `evaluation.json`; None before there is one

`matrix_text.py` says it to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.errors import InputError
from workspace.evidence.paired import wilson as wilson
from workspace.files import is_file, read_text
from workspace.json_text import parse_json
from workspace.runs.evaluation import ComparedSkill, Evaluation, side_name
from workspace.runs.run import RunFolder
from workspace.score import MIN_PAIRS, Interval, verdict
from workspace.settings.settings import Config

FORMAT = 1
MILLION = 1_000_000
Scores = Mapping[str, tuple[float, ...]]
Found = Literal["better", "worse", "undecided", "means only"]


class Use(NamedTuple):
    """What a cell used: tries, of which `reused` from other runs, finished calls, tokens read and written, and the
    seconds of the calls, added up."""

    tries: int = 0
    reused: int = 0
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0


class CellData(NamedTuple):
    """A cell as it was measured: task → scores in 0…1, what that used, and why tries are missing."""

    scores: Scores
    use: Use = Use()
    lost: tuple[str, ...] = ()


class Cell(BaseModel):
    """One skill with one model. `mean` is over tasks, in 0…1, with its interval; `cost` is None where prices are not
    known."""

    model_config = ConfigDict(frozen=True)
    skill: str
    model: str
    mean: float | None
    interval: Interval | None
    tasks: int
    use: Use
    cost: float | None = None
    lost: tuple[str, ...] = ()


class Comparison(BaseModel):
    """Two skills with one model on the tasks that both were tried on. `difference` is `skill` − `against`; `p` is
    already multiplied by the number of comparisons, None where there are too few tasks for a test, and the interval is
    as much wider."""

    model_config = ConfigDict(frozen=True)
    model: str
    skill: str
    against: str
    found: Found
    tasks: int
    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


class Matrix(BaseModel):
    """The whole table. `corrected_for`: how many comparisons each p and interval is corrected for."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = FORMAT
    skills: tuple[ComparedSkill, ...]
    models: tuple[str, ...]
    tasks: int
    repeats: int
    splits: tuple[str, ...]
    corrected_for: int
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

    def cell(self, skill: str, model: str) -> Cell | None:
        """The cell of a skill with a model."""
        return next((cell for cell in self.cells if (cell.skill, cell.model) == (skill, model)), None)


def matrix_of(plan: Evaluation, config: Config, measured: Mapping[str, CellData]) -> Matrix:
    """The table of what was measured; `measured` has every cell by the name of its side. Takes up to a second for each
    comparison."""
    tasks = {task for cell in measured.values() for task in cell.scores}
    count = max(1, len(plan.comparisons) * len(plan.solvers))
    few = [f"{len(tasks)} tasks are too few for a test, which needs {MIN_PAIRS}: means only"]
    return Matrix(
        skills=plan.skills,
        models=tuple(solver.name for solver in plan.solvers),
        tasks=len(tasks),
        repeats=config.verdict.repeats,
        splits=plan.splits,
        corrected_for=count,
        cells=tuple(_cell(one.name, solver.name, config, measured) for one in plan.skills for solver in plan.solvers),
        comparisons=tuple(
            _compared(solver.name, against, skill, config, measured, count)
            for solver in plan.solvers
            for against, skill in plan.comparisons
        ),
        notes=tuple(few if len(tasks) < MIN_PAIRS and plan.comparisons else ()),
    )


def load_matrix(run: RunFolder) -> Matrix | None:
    """What `evaluation.json` says; None before there is one. Raises `InputError` with the file and the key."""
    path = matrix_file(run)
    if not is_file(path):
        return None
    try:
        return Matrix.model_validate(parse_json(read_text(path)))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from error


def matrix_file(run: RunFolder) -> Path:
    """Where the table of an evaluation stands."""
    return run.path / "evaluation.json"


def _cell(skill: str, model: str, config: Config, measured: Mapping[str, CellData]) -> Cell:
    data = measured[side_name(skill, model)]
    means = [fmean(scores) for scores in data.scores.values()]
    mean = fmean(means) if means else None
    interval = wilson(mean, len(means)) if mean is not None else None
    return Cell(
        skill=skill, model=model, mean=mean, interval=interval, tasks=len(means), use=data.use,
        cost=_cost(config, data.use), lost=data.lost,
    )  # fmt: skip


def _cost(config: Config, use: Use) -> float | None:
    prices = config.prices
    if prices.prompt is None or prices.completion is None:
        return None
    return round((use.prompt * prices.prompt + use.completion * prices.completion) / MILLION, 6)


def _compared(
    model: str, against: str, skill: str, config: Config, measured: Mapping[str, CellData], count: int
) -> Comparison:
    before, after = (measured[side_name(name, model)].scores for name in (against, skill))
    both = [task for task in before if task in after]
    moved = [(task, fmean(after[task]) - fmean(before[task])) for task in sorted(both)]
    told = Comparison(
        model=model,
        skill=skill,
        against=against,
        found="means only",
        tasks=len(both),
        difference=fmean(by for _, by in moved) if moved else None,
        fixed=tuple(task for task, by in moved if by > 0),
        broken=tuple(task for task, by in moved if by < 0),
    )
    return told if len(both) < MIN_PAIRS else _tested(told, before, after, config, count)


def _tested(told: Comparison, before: Scores, after: Scores, config: Config, count: int) -> Comparison:
    rule = config.verdict
    pair = ({task: side[task] for task in before if task in after} for side in (before, after))
    result = verdict(*pair, alpha=rule.alpha, min_gain=rule.min_gain, seed=config.sampling.seed, candidates=count)
    clear = result.p is not None and result.p <= rule.alpha and result.difference
    found: Found = "undecided" if not clear else "better" if clear > 0 else "worse"
    return told.model_copy(update={"found": found, "interval": result.interval, "p": result.p})
