"""What the report shows, as frozen values: read once from the run's folder, drawn by the sections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from workspace.ablation.table import Ablation
from workspace.edits.patch import Edit, Patch
from workspace.lessons.lesson import Lesson
from workspace.merging.ledger import Entry
from workspace.merging.tree import Plan
from workspace.origins.blame import Blamed
from workspace.reports.matrix import Matrix
from workspace.reports.so_far import SoFar
from workspace.reports.spending import Spending
from workspace.reports.tries import Side
from workspace.score import Verdict
from workspace.trajectory import Trajectory

T = TypeVar("T")
ALPHA = MIN_GAIN = 0.05
"""Of a verdict, where a run's settings do not say."""


class Part(NamedTuple, Generic[T]):
    """A part of the report, or `fault`: why it cannot be read."""

    value: T | None = None
    fault: str = ""


class Lineup(NamedTuple):
    """Which candidate of which round a thing belongs to; seeds count from 0."""

    round: int
    seed: int

    def said(self, *, rounds: int, seeds: int) -> str:
        """`round 2, candidate s1`, only what tells it apart from others."""
        parts = [f"round {self.round}"] * (rounds > 1) + [f"candidate s{self.seed}"] * (seeds > 1)
        return ", ".join(parts)


class About(NamedTuple):
    """The run in facts. `began`: wall-clock seconds, 0 where it has not; `seconds`: those of living engines.

    `result` is the path of its skill inside the run, `standing` what that skill is: accepted, candidate, or empty.
    `counts`: `lessons`, `edits`, `units` as in the summary. `outcomes`: how its trajectories ended. `sides`: candidates
    that a round settled, of each seed one or more. `nodes`: those of a cluster that ran its commands, in words.
    """

    id: str
    kind: str
    state: str
    why: str = ""
    skill: str = ""
    model: str = ""
    endpoint: str = ""
    source: str = ""
    domain: str = ""
    nodes: str = ""
    version: str = ""
    began: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cost: float | None = None
    counts: Mapping[str, Mapping[str, int]] = {}
    outcomes: Mapping[str, int] = {}
    judged: Mapping[str, int] = {}
    failures: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    rounds: int = 0
    seeds: int = 0
    sides: int = 0
    result: str = ""
    standing: str = ""


class TaskPair(NamedTuple):
    """A held-out task whose mean score rose (fixed) or fell (broken), with the tries of both sides.

    A side holds trajectories, or a sentence why one cannot be read.
    """

    task: str
    state: Literal["fixed", "broken"]
    before: float
    after: float
    base: tuple[Trajectory | str, ...] = ()
    mine: tuple[Trajectory | str, ...] = ()


class Judged(NamedTuple):
    """A round's verdict, the rule's thresholds, every measured side, and the tasks that changed. `hand`: a person's
    word on it."""

    round: int
    verdict: Verdict | None
    alpha: float
    min_gain: float
    sides: tuple[Side, ...] = ()
    pairs: tuple[TaskPair, ...] = ()
    hand: Mapping[str, Any] | None = None


class Pairing(NamedTuple):
    """One comparison of an evaluation, task by task: `side` has the skill it stands `against` as its base."""

    model: str
    skill: str
    against: str
    side: Side
    pairs: tuple[TaskPair, ...] = ()


class Compared(NamedTuple):
    """What an evaluation has: its table, None before its end; how far each cell is; the rule's thresholds as for a
    verdict."""

    matrix: Matrix | None
    so_far: tuple[SoFar, ...] = ()
    alpha: float = ALPHA
    min_gain: float = MIN_GAIN


class Tree(NamedTuple):
    """One candidate's merges: the plan, and of each patch and node what it wrote so far."""

    at: Lineup
    plan: Plan
    patches: Mapping[str, Patch]
    failed: Mapping[str, str] = {}


class Told(NamedTuple):
    """One lesson, and what became of it (`fate` is None before that is settled). `trial`: how its tries ended."""

    at: Lineup
    lesson: Lesson
    fate: Entry | None = None
    edited: bool = False
    trial: str = ""
    invalid: str = ""


class Row(NamedTuple):
    """A line of the diff: `old` and `new` count from 1, None where the side has no such line. `origin` numbers the
    edit it comes from (see `Changed.origins`), None where no edit is known."""

    sign: Literal[" ", "+", "-"]
    old: int | None
    new: int | None
    text: str
    origin: int | None = None


class Origin(NamedTuple):
    """What stands behind lines of the diff: the line with its edit, and the lessons that could be read."""

    line: Blamed
    lessons: tuple[tuple[str, str], ...] = ()


class FileDiff(NamedTuple):
    """A file that differs: stretches of rows with context around them. `note` says what cannot be shown."""

    file: str
    state: str
    hunks: tuple[tuple[Row, ...], ...] = ()
    added: int = 0
    removed: int = 0
    note: str = ""


class Changed(NamedTuple):
    """The first skill against the result. `fault`: why lines are shown without their origins."""

    files: tuple[FileDiff, ...]
    origins: tuple[Origin, ...] = ()
    fault: str = ""


class Out(NamedTuple):
    """A proposed edit that stayed out of the skill."""

    at: Lineup
    entry: Entry
    edit: Edit | None = None


class LeftOut(NamedTuple):
    """Edits that stayed out, and what guard and judge found."""

    edits: tuple[Out, ...] = ()
    violations: tuple[Mapping[str, Any], ...] = ()


class Ablated(NamedTuple):
    """What leaving out lessons does; `current`: the candidate is still the one that the table is about."""

    table: Ablation
    current: bool


class Report(NamedTuple):
    """Everything on the page."""

    run: Path
    about: About
    judged: Part[tuple[Judged, ...]] = Part()
    trees: Part[tuple[Tree, ...]] = Part()
    lessons: Part[tuple[Told, ...]] = Part()
    changed: Part[Changed | None] = Part()
    left_out: Part[LeftOut] = Part()
    spending: Part[Spending] = Part()
    settings: Part[tuple[tuple[str, str], ...]] = Part()
    ablated: Part[Ablated | None] = Part()
    compared: Part[Compared] = Part()
    pairings: Part[tuple[Pairing, ...]] = Part()
