"""What happened in a run: frozen facts in the past tense, one JSON line each in `journal.jsonl`.

An event carries ids and short labels, never bodies; the body is the file with that id. New fields have defaults, and
a kind that this version does not know loads as `Unknown`, so an old face replays a new run. Lines stay under 1 KB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.json_text import parse_json
from workspace.stages import STAGES as STAGES
from workspace.stages import Stage as Stage
from workspace.trajectory import Status

Role = Literal["solver", "analyst", "proposer", "merger", "judge", "drafter"]
LABEL = 120


def label(text: str, longest: int = LABEL) -> str:
    """One line of at most `longest` characters, for an event or a row."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


class Event(BaseModel):
    """`seq` counts from 1 through all engine lives; `time` is wall-clock seconds, `t` seconds of this life."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: ClassVar[str] = ""
    seq: int = 0
    time: float = 0.0
    t: float = 0.0


class Unknown(Event):
    """A kind this version does not know; kept so that nothing is lost in a replay."""

    kind: ClassVar[str] = "unknown"
    was: str = ""


# --- the run -----------------------------------------------------------------------------------------------------


class RunStarted(Event):
    kind = "run.started"
    run: str
    skill: str
    model: str
    endpoint: str = ""
    source: str = "error"
    domain: str = ""
    pid: int = 0
    version: str = ""


class RunResumed(Event):
    """After a pause (same engine) or by a new engine (`fresh`)."""

    kind = "run.resumed"
    pid: int = 0
    fresh: bool = False


class RunPausing(Event):
    """Nothing new starts; `in_flight` calls still finish, and unless `now` the agents at work go on to their end."""

    kind = "run.pausing"
    why: str
    in_flight: int = 0
    now: bool = False


class RunPaused(Event):
    """`why` is person, hold:STAGE, budget, endpoint, workers or lesson."""

    kind = "run.paused"
    why: str
    detail: str = ""


class RunStopped(Event):
    kind = "run.stopped"
    why: str = ""


class RunFinished(Event):
    """`state` is finished or incomplete; `code` the exit code of the run."""

    kind = "run.finished"
    state: str
    code: int
    seconds: float = 0.0
    detail: str = ""


class RunFailed(Event):
    kind = "run.failed"
    reason: str
    code: int = 1


class StageEntered(Event):
    """First unit started; `units` as far as known by then."""

    kind = "stage.entered"
    stage: Stage
    units: int = 0


class StagePlanned(Event):
    """More units of a stage have become known."""

    kind = "stage.planned"
    stage: Stage
    units: int


class StageLeft(Event):
    kind = "stage.left"
    stage: Stage


class UnitDone(Event):
    kind = "unit.done"
    unit: str
    stage: Stage
    seconds: float = 0.0


class UnitFailed(Event):
    kind = "unit.failed"
    unit: str
    stage: Stage
    reason: str


class UnitReused(Event):
    """Its output was there under the same key: nothing was paid."""

    kind = "unit.reused"
    unit: str
    stage: Stage


class UnitStale(Event):
    """What it read has changed (an edited lesson): it is made again."""

    kind = "unit.stale"
    unit: str
    stage: Stage


# --- agents and calls --------------------------------------------------------------------------------------------


class AgentQueued(Event):
    kind = "agent.queued"
    agent: str
    role: Role
    unit: str
    stage: Stage


class AgentStarted(Event):
    kind = "agent.started"
    agent: str


class AgentSpoke(Event):
    """At most one a second an agent: tokens so far and its last words."""

    kind = "agent.spoke"
    agent: str
    tokens: int
    words: str = ""


class AgentActed(Event):
    kind = "agent.acted"
    agent: str
    turn: int
    action: str


class AgentFinished(Event):
    kind = "agent.finished"
    agent: str
    tokens: int = 0
    seconds: float = 0.0
    words: str = ""


class AgentFailed(Event):
    kind = "agent.failed"
    agent: str
    reason: str


class CallRetried(Event):
    """`failure` is the class of the fault: reject, transient, overflow, capability, reply."""

    kind = "call.retried"
    agent: str
    attempt: int
    failure: str
    reason: str
    wait: float = 0.0


# --- what was made -----------------------------------------------------------------------------------------------


class TrajectorySaved(Event):
    """`judged`: the status is a model's word, which no verifier and no person stands behind."""

    kind = "trajectory.saved"
    trajectory: str
    task: str
    status: Status
    score: float | None = None
    judged: bool = False


class LessonLearned(Event):
    kind = "lesson.learned"
    lesson: str
    title: str
    source: str = "failure"
    verified: bool = False
    quoted: bool = False
    support: int = 1


class LessonTried(Event):
    """A lesson's rule alone was put before `tries` tasks: it `flips` the failure that taught it, and of the others it
    fixed and broke so many. `verified`: the rule is proven. `against`: why it is set aside; empty where it is not."""

    kind = "lesson.tried"
    lesson: str
    tries: int
    flips: bool = False
    fixed: int = 0
    broken: int = 0
    verified: bool = False
    against: str = ""

    @property
    def told(self) -> str:
        """The same in a few words."""
        own = "mends its own failure" if self.flips else "does not mend its own failure"
        return f"{own}; of {self.tries} tries fixed {self.fixed}, broke {self.broken}"


class LessonEdited(Event):
    """A person's text counts now; also for one they wrote themselves (`added`)."""

    kind = "lesson.edited"
    lesson: str
    title: str
    added: bool = False


class LessonDropped(Event):
    kind = "lesson.dropped"
    lesson: str


class LessonPinned(Event):
    kind = "lesson.pinned"
    lesson: str


class LessonRestored(Event):
    """The person's version is gone; the engine's own text counts again."""

    kind = "lesson.restored"
    lesson: str
    title: str = ""


class LessonInvalid(Event):
    kind = "lesson.invalid"
    lesson: str
    reason: str


class PatchProposed(Event):
    kind = "patch.proposed"
    patch: str
    edits: int
    lessons: int


class MergePlanned(Event):
    """One node of the frozen plan; `children` are patches (level 1) or nodes."""

    kind = "merge.planned"
    node: str
    level: int
    children: tuple[str, ...]


class MergeStarted(Event):
    """`way` is joint or guided, `why` it was chosen; told again when a merge goes on in another way or in parts."""

    kind = "merge.started"
    node: str
    way: str = ""
    why: str = ""
    parts: int = 1


class MergeReplanned(Event):
    """The plan is made anew from all patches; nodes whose names begin with `prefix` no longer stand."""

    kind = "merge.replanned"
    prefix: str = ""


class MergeDone(Event):
    """`support` is the largest among the edits that come out; `carried` were taken up unchanged."""

    kind = "merge.done"
    node: str
    edits_in: int
    edits_out: int
    dropped: int = 0
    carried: int = 0
    support: int = 0


class MergeFailed(Event):
    kind = "merge.failed"
    node: str
    reason: str


class EditMerged(Event):
    kind = "edit.merged"
    edit: str
    node: str
    sources: int
    support: int
    text: str = ""


class EditWithheld(Event):
    kind = "edit.withheld"
    edit: str
    reason: str


class EditQuarantined(Event):
    kind = "edit.quarantined"
    edit: str
    reason: str


class EditDropped(Event):
    kind = "edit.dropped"
    edit: str
    node: str = ""
    reason: str = ""


class GuardFlagged(Event):
    kind = "guard.flagged"
    rule: str
    severity: str
    file: str
    line: int = 0
    message: str = ""
    edit: str = ""
    inherited: bool = False

    @property
    def where(self) -> str:
        """File and line; the file alone where no line is meant."""
        return f"{self.file}:{self.line}" if self.line else self.file


class PatchRepaired(Event):
    """Texts that the guard had refused for their form were worded anew; the guard looks at them again."""

    kind = "patch.repaired"
    edits: int


class PatchApplied(Event):
    kind = "patch.applied"
    edits: int
    files: int
    lines: int


class ScoreMeasured(Event):
    """One task of a split under one skill: `side` is base or a candidate (s0, s1, …)."""

    kind = "score.measured"
    split: Literal["validation", "test"]
    side: str
    task: str
    status: Status
    score: float


class TestOpened(Event):
    kind = "test.opened"
    __test__: ClassVar[bool] = False
    tasks: int


class VerdictReached(Event):
    kind = "verdict.reached"
    decision: str
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    p: float | None = None
    n: int = 0
    sentence: str = ""


class SkillAccepted(Event):
    kind = "skill.accepted"
    skill: str
    by: str = "verdict"


class SkillRejected(Event):
    kind = "skill.rejected"
    skill: str
    by: str = "verdict"


# --- the machine room --------------------------------------------------------------------------------------------


class LimiterResized(Event):
    kind = "limiter.resized"
    endpoint: str
    limit: int
    reason: str = ""


class UsageCounted(Event):
    """At most one a second; totals over all engine lives. `rate` is completion tokens a second. `lanes`: with several
    endpoints, by name the calls in flight and their limit."""

    kind = "usage.counted"
    calls: int
    prompt: int
    completion: int
    cost: float | None = None
    in_flight: int = 0
    queued: int = 0
    limit: int = 0
    rejects: int = 0
    rate: float = 0.0
    lanes: dict[str, tuple[int, int]] = {}


class BudgetReached(Event):
    """`cap` is tokens, cost, requests or seconds; `limit` and `spent` count in it."""

    kind = "budget.reached"
    cap: str
    limit: float
    spent: float = 0.0
    detail: str = ""


class EndpointResting(Event):
    """It failed several times in a row and is left alone for so many seconds; then one call tries."""

    kind = "endpoint.resting"
    endpoint: str
    seconds: float
    reason: str


class EndpointLost(Event):
    """No connection. `left`: how many others can still answer some role."""

    kind = "endpoint.lost"
    endpoint: str
    reason: str
    left: int = 0


class EndpointBack(Event):
    kind = "endpoint.back"
    endpoint: str


class WorkerJoined(Event):
    """A node of a cluster takes commands and verifiers from now on, on so many cores, in a sandbox of this level."""

    kind = "worker.joined"
    node: str
    cores: int
    level: str = ""
    version: str = ""


class WorkerRefused(Event):
    kind = "worker.refused"
    node: str
    reason: str


class WorkerLost(Event):
    """A node is gone; what was at work in its `sessions` is done again elsewhere."""

    kind = "worker.lost"
    node: str
    reason: str
    sessions: int = 0


class WorkerCounted(Event):
    """How many work folders a node has, and how many commands and verifiers wait or run there."""

    kind = "worker.counted"
    node: str
    sessions: int
    busy: int


class KnobTurned(Event):
    """A setting that may change between engines, or under a living one, did: the dotted key and its values as text.

    `who` is empty where a new engine was started with it. A key of a server is never a value here, only the name of the
    variable that holds it.
    """

    kind = "knob.turned"
    key: str
    before: str
    after: str
    who: str = ""


class WishGranted(Event):
    kind = "wish.granted"
    wish: str
    what: str


class WishRefused(Event):
    kind = "wish.refused"
    wish: str
    what: str
    reason: str


class NoteLeft(Event):
    kind = "note.left"
    text: str
    severity: Literal["info", "warning"] = "info"


def dump_event(event: Event) -> str:
    """One JSON line without its end; `seq`, `kind`, `time`, `t` first. Defaults stay, so that scripts see all keys."""
    data = event.model_dump(mode="json")
    head: dict[str, Any] = {k: data.pop(k) for k in ("seq", "time", "t")}
    if isinstance(event, Unknown):
        return json.dumps({"seq": head["seq"], "kind": event.was, **head})
    return json.dumps({"seq": head["seq"], "kind": event.kind, **head, **data}, ensure_ascii=False)


def load_event(line: str | bytes) -> Event | None:
    """The event of a line, or None when the line is not an event (torn or foreign)."""
    try:
        data: Any = parse_json(line)
        kind = data["kind"]
    except (ValueError, KeyError, TypeError):
        return None
    model = _models().get(str(kind))
    try:
        return model.model_validate(data) if model else Unknown.model_validate({**data, "was": str(kind)})
    except ValidationError:
        return _numbered(data)


def _numbered(data: Mapping[str, Any]) -> Unknown | None:
    """Of an event that cannot be read, that there was one; None without a number."""
    try:
        return Unknown(seq=data.get("seq", 0), was=str(data["kind"]).encode(errors="replace").decode())
    except ValidationError:
        return None


@cache
def _models() -> dict[str, type[Event]]:
    return {model.kind: model for model in Event.__subclasses__() if model is not Unknown}
