"""What leaving out each group of lessons does: the table of `t2s ablate`, kept as `RUN/ablation/table.json`.

Effects are the candidate's mean minus the mean without the group, task by task: above 0 the group helps. p is corrected
for all comparisons of the table, the leaner skill's among them, whether or not there is one.

    load_ablation(run)      None before anybody asked
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.ablation.groups import Kind
from workspace.errors import InputError
from workspace.evidence.difference import Test, difference
from workspace.evidence.paired import Interval
from workspace.files import is_file, read_text
from workspace.json_text import parse_json
from workspace.runs.decision import candidate_of
from workspace.runs.run import RunFolder
from workspace.score import Scores
from workspace.skills.skill import load_skill

HOME = "ablation"
LEANER = "leaner"
FORMAT = 1
Found = Literal["helps", "hurts", "cannot be told"]
State = Literal["measured", "not measured", "incomplete"]


class Effect(BaseModel):
    """What a group (or all that the leaner skill lacks) is worth. `mean` is without it, in 0…1; `effect` the
    candidate's mean minus that; `helped` and `harmed` are the tasks that are better and worse for having it.

    `tokens` and `calls` are what measuring it used here, over all lives. `found` is None where nothing was measured.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    kind: Kind | Literal["leaner"]
    says: str
    edits: tuple[str, ...]
    lessons: tuple[str, ...]
    support: int
    state: State = "not measured"
    found: Found | None = None
    mean: float | None = None
    effect: float | None = None
    interval: Interval | None = None
    p: float | None = None
    tasks: int = 0
    helped: tuple[str, ...] = ()
    harmed: tuple[str, ...] = ()
    calls: int = 0
    tokens: int = 0
    notes: tuple[str, ...] = ()


class Ablation(BaseModel):
    """The whole table. `candidate` is the digest of the skill it is about; `look` which look at these tasks it was;
    `cap` and `spent` are tokens (`cap` 0: no bound); `leaner_skill` is the leaner skill's folder inside the run."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = FORMAT
    id: str
    skill: str
    candidate: str
    round: int
    side: str
    split: Literal["validation", "test"]
    tasks: int
    repeats: int
    alpha: float
    comparisons: int
    look: int
    cap: int
    spent: int
    mean: float | None
    interval: Interval | None
    groups: tuple[Effect, ...]
    leaner: Effect | None = None
    leaner_skill: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Effect, ...]:
        """The groups, and the leaner skill below them."""
        return (*self.groups, self.leaner) if self.leaner else self.groups


def measured(row: Effect, own: Scores, scores: Scores, test: Test) -> Effect:
    """The row with what the tries say; `own` are the candidate's scores, `scores` those without the group."""
    found = difference(own, scores, test)
    if found is None:
        return row.model_copy(update={"state": "incomplete"})
    told: dict[str, object] = {
        "state": "measured",
        "found": word(found.mean, found.p, test.alpha),
        "mean": fmean(map(fmean, scores.values())),
        "effect": found.mean,
        "interval": found.interval,
        "p": found.p,
        "tasks": found.tasks,
        "helped": found.fixed,
        "harmed": found.broken,
    }
    return row.model_copy(update=told)


def word(effect: float, p: float | None, alpha: float) -> Found:
    """What may be said of an effect; `p` is corrected already, None where there are too few tasks for a test."""
    if p is None or p > alpha or not effect:
        return "cannot be told"
    return "helps" if effect > 0 else "hurts"


def ablation_home(run: RunFolder) -> RunFolder:
    """Where ablations of a run are kept; a folder like a run's."""
    return RunFolder(run.path / HOME)


def ablation_file(run: RunFolder) -> Path:
    """Where the table of the last ablation stands."""
    return ablation_home(run).path / "table.json"


def is_current(run: RunFolder, table: Ablation) -> bool:
    """Is the candidate still the one that the table is about? Raises `T2SError` where its skill cannot be loaded."""
    folder = candidate_of(run.round(table.round))
    return folder is not None and load_skill(folder).digest == table.candidate


def load_ablation(run: RunFolder) -> Ablation | None:
    """The table of the last ablation; None before there is one. Raises `InputError` with the file and the key."""
    path = ablation_file(run)
    if not is_file(path):
        return None
    again = f"`t2s ablate {run.id}` makes it anew"
    try:
        return Ablation.model_validate(parse_json(read_text(path)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: `{where}`: {first['msg'].lower()}; {again}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); {again}") from error
