"""A run as its faces see it: the fold of its events.

`RunView.apply` depends on the view and the event alone, so any prefix of a journal replays and
`fold(a + b) == fold(b, onto=fold(a))`. Rows remember the `seq` that touched them last: a widget redraws what is newer
than what it has drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from workspace.runs import events as e
from workspace.runs.events import STAGES, Event, Stage
from workspace.runs.view_rows import AgentRow, EditRow, LessonRow, NodeRow, StageRow, Usage, Verdict, WorkerRow
from workspace.trajectory import Status

State = Literal["starting", "running", "pausing", "paused", "finished", "incomplete", "stopped", "failed", "lost"]
TURNED = 100
ENDED: frozenset[str] = frozenset({"finished", "incomplete", "stopped", "failed"})


class RunView(BaseModel):
    """Everything a face draws, as plain data. Mutable: `apply` changes it in place."""

    run: str = ""
    skill: str = ""
    model: str = ""
    endpoint: str = ""
    source: str = ""
    domain: str = ""
    state: State = "starting"
    why: str = ""
    code: int | None = None
    seq: int = 0
    began: float = 0.0
    now: float = 0.0
    lives: int = 0
    active: float = 0.0
    stages: dict[str, StageRow] = Field(default_factory=lambda: {s: StageRow() for s in STAGES})
    units: dict[str, str] = Field(default_factory=dict)
    agents: dict[str, AgentRow] = Field(default_factory=dict)
    lessons: dict[str, LessonRow] = Field(default_factory=dict)
    nodes: dict[str, NodeRow] = Field(default_factory=dict)
    edits: dict[str, EditRow] = Field(default_factory=dict)
    patches: dict[str, int] = Field(default_factory=dict)
    outcomes: dict[str, Status] = Field(default_factory=dict)
    judged: dict[str, Status] = Field(default_factory=dict)
    """Those of the outcomes that are a model's word."""
    scores: dict[str, dict[str, float]] = Field(default_factory=dict)
    usage: Usage = Field(default_factory=Usage)
    workers: dict[str, WorkerRow] = Field(default_factory=dict)
    """Nodes of a cluster by name; empty where commands run on the engine's machine."""
    lost: dict[str, str] = Field(default_factory=dict)
    """Endpoints that do not answer, with the reason."""
    reached: dict[str, float] = Field(default_factory=dict)
    """Caps of the budget that were reached, with the limit at which they were."""
    short: str = ""
    """The cap that holds the run now; empty while none does."""
    held_by: str = ""
    """Why the run pauses, as one word (see `RunPaused`); empty while it does not."""
    at_once: bool = False
    """Are agents held at their next call while it pauses? Else they go on to their end."""
    knobs: dict[str, str] = Field(default_factory=dict)
    """Settings that were changed since the run was made, as they are now."""
    turned: list[e.KnobTurned] = Field(default_factory=list[e.KnobTurned])
    retrying: dict[str, float] = Field(default_factory=dict)
    """Agents whose last attempt failed and whose next has not been heard yet: the wall-clock second it may begin."""
    resting: dict[str, float] = Field(default_factory=dict)
    """Endpoints that are left alone after failures: the wall-clock second at which one call tries again."""
    failures: dict[str, str] = Field(default_factory=dict)
    """Failed units (stage/unit) with their reasons."""
    verdict: Verdict | None = None
    held: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    flagged: list[str] = Field(default_factory=list)
    last_t: float = 0.0

    @property
    def ended(self) -> bool:
        """Is there an end event that no later engine took back?"""
        return self.state in ENDED

    @property
    def endpoint_lost(self) -> str:
        """Why endpoints do not answer; empty while all do."""
        return "; ".join(self.lost.values())

    def count(self, *states: str) -> int:
        """How many agents are in one of these states."""
        return sum(a.state in states for a in self.agents.values())

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.seq, self.now = event.seq, event.time
        self.active += max(0.0, event.t - self.last_t) if event.t >= self.last_t else 0.0
        self.last_t = event.t
        match event.kind.partition(".")[0]:
            case "run":
                self._run(event)
            case "stage" | "unit":
                self._units(event)
            case "agent" | "call":
                self._agents(event)
            case "lesson":
                self._lessons(event)
            case "patch" | "merge" | "edit":
                self._tree(event)
            case "worker":
                self._workers(event)
            case _:
                self._rest(event)

    def _run(self, event: Event) -> None:
        match event:
            case e.RunStarted():
                self.run, self.skill, self.model = event.run, event.skill, event.model
                self.endpoint, self.source, self.domain = event.endpoint, event.source, event.domain
                self.state, self.began, self.lives = "running", event.time, 1
            case e.RunResumed():
                self.state, self.why, self.code = "running", "", None
                self.short, self.held_by, self.at_once = "", "", False
                if event.fresh:
                    self.lives += 1
                    self.lost = {}
                    self._forget_live_agents(event)
            case e.RunPausing():
                self.state, self.why, self.held_by = "pausing", event.why, event.why
                self.at_once = event.now
            case e.RunPaused():
                self.state, self.why, self.held_by = "paused", event.detail or event.why, event.why
                if event.why.startswith("hold:"):
                    self.held.append(event.why.removeprefix("hold:"))
            case e.RunStopped():
                self.state, self.why = "stopped", event.why
            case e.RunFinished():
                self.state, self.code, self.why = (
                    ("finished" if event.state == "finished" else "incomplete"),
                    event.code,
                    event.detail,
                )
            case e.RunFailed():
                self.state, self.code, self.why = "failed", event.code, event.reason
            case _:
                pass

    def _forget_live_agents(self, event: Event) -> None:
        """A new engine life has no calls of the old one in flight, and none of its workers."""
        gone = [a for a in self.agents.values() if a.state in ("queued", "running")]
        for agent in gone:
            del self.agents[agent.id]
        self.retrying, self.resting = {}, {}
        self.workers = {name: row for name, row in self.workers.items() if row.used}
        for worker in self.workers.values():
            worker.state, worker.sessions, worker.busy, worker.seq = "left", 0, 0, event.seq
        for node in self.nodes.values():
            if node.state == "running":
                node.state, node.seq = "waiting", event.seq

    def _units(self, event: Event) -> None:
        match event:
            case e.StageEntered(stage=stage):
                row = self.stages[stage]
                row.units, row.left = max(row.units, event.units), False
                row.began = row.began or event.time
                row.entered = True
            case e.StagePlanned(stage=stage):
                self.stages[stage].units = event.units
            case e.StageLeft(stage=stage):
                self.stages[stage].left, self.stages[stage].ended = True, event.time
            case e.UnitDone():
                self._unit(event.stage, event.unit, "done")
            case e.UnitReused():
                self._unit(event.stage, event.unit, "reused")
            case e.UnitFailed():
                self._unit(event.stage, event.unit, "failed")
                self.failures[f"{event.stage}/{event.unit}"] = event.reason
            case e.UnitStale():
                self._unit(event.stage, event.unit, "")
            case _:
                pass

    def _unit(self, stage: Stage, unit: str, state: str) -> None:
        """Move a unit from its old state to `state` (empty: not finished) and count."""
        row, name = self.stages[stage], f"{stage}/{unit}"
        self.failures.pop(name, None)
        for mark, step in ((self.units.pop(name, ""), -1), (state, 1)):
            row.done += step * (mark in ("done", "reused"))
            row.reused += step * (mark == "reused")
            row.failed += step * (mark == "failed")
        if state:
            self.units[name] = state
        row.units = max(row.units, row.done + row.failed)

    def _agents(self, event: Event) -> None:
        if isinstance(event, e.AgentQueued):
            self.retrying.pop(event.agent, None)
            self.agents[event.agent] = AgentRow(
                id=event.agent,
                role=event.role,
                unit=event.unit,
                stage=event.stage,
                since=event.time,
                seq=event.seq,
            )
            return
        row = self.agents.get(getattr(event, "agent", ""))
        if row is None:
            return
        row.seq = event.seq
        self.retrying.pop(row.id, None)
        row.trouble = ""
        match event:
            case e.AgentStarted():
                row.state, row.since, row.started = "running", event.time, event.time
            case e.AgentSpoke():
                seconds = event.time - (row.spoke or row.started)
                row.rate = max(0.0, (event.tokens - row.tokens) / seconds) if seconds > 0 else row.rate
                row.tokens, row.words, row.spoke = event.tokens, event.words, event.time
            case e.AgentActed():
                row.turn, row.words = event.turn, event.action
            case e.AgentFinished():
                row.state, row.since, row.tokens, row.rate = "done", event.time, event.tokens, 0.0
                row.words = event.words or row.words
            case e.AgentFailed():
                row.state, row.since, row.words, row.rate = "failed", event.time, event.reason, 0.0
            case e.CallRetried():
                row.retries, row.words = row.retries + 1, event.reason
                self.usage.retries += 1
                self.retrying[row.id], row.trouble = event.time + event.wait, event.failure
            case _:
                pass

    def _lessons(self, event: Event) -> None:
        if isinstance(event, e.LessonLearned):
            row = LessonRow(id=event.lesson, title=event.title, source=event.source, seq=event.seq)
            row.verified, row.quoted, row.support = event.verified, event.quoted, event.support
            self.lessons[event.lesson] = row
            return
        if isinstance(event, e.LessonEdited) and event.lesson not in self.lessons:
            self.lessons[event.lesson] = LessonRow(id=event.lesson, title=event.title, source="human")
        row = self.lessons.get(getattr(event, "lesson", ""))
        if row is None:
            return
        if isinstance(event, e.LessonTried):
            row.verified, row.tried, row.seq = row.verified or event.verified, event.told, event.seq
            return
        row.seq, row.touched = event.seq, True
        match event:
            case e.LessonEdited():
                row.title, row.edited, row.status = event.title, True, "pinned"
            case e.LessonDropped():
                row.status = "dropped"
            case e.LessonPinned():
                row.status = "pinned"
            case e.LessonRestored():
                row.status, row.edited, row.title = "kept", False, event.title or row.title
            case e.LessonInvalid():
                row.status, row.reason = "invalid", event.reason
            case _:
                pass

    def _tree(self, event: Event) -> None:
        match event:
            case e.PatchProposed():
                self.patches[event.patch] = event.edits
            case e.MergePlanned():
                self.nodes[event.node] = NodeRow(
                    id=event.node, level=event.level, children=event.children, seq=event.seq
                )
            case e.MergeReplanned():
                gone = [name for name in self.nodes if re.fullmatch(rf"{re.escape(event.prefix)}m\d+-\d+", name)]
                for name in gone:
                    del self.nodes[name]
            case e.MergeStarted() | e.MergeDone() | e.MergeFailed():
                self._node(event)
            case e.EditMerged():
                self.edits[event.edit] = EditRow(
                    id=event.edit, state="merged", node=event.node, sources=event.sources,
                    support=event.support, text=event.text, seq=event.seq,
                )  # fmt: skip
            case e.EditWithheld():
                self._out(event.edit, "withheld", event.reason, event.seq)
            case e.EditQuarantined():
                self._out(event.edit, "quarantined", event.reason, event.seq)
            case e.EditDropped():
                self._out(event.edit, "dropped", event.reason, event.seq, event.node)
            case _:
                pass

    def _node(self, event: e.MergeStarted | e.MergeDone | e.MergeFailed) -> None:
        if (node := self.nodes.get(event.node)) is None:
            return
        node.seq = event.seq
        match event:
            case e.MergeStarted():
                node.state = "running"
            case e.MergeDone():
                node.state, node.reason = "done", ""
                node.edits_in, node.edits_out, node.dropped = event.edits_in, event.edits_out, event.dropped
                node.carried, node.support = event.carried, event.support
            case e.MergeFailed():
                node.state, node.reason = "failed", event.reason

    def _out(
        self,
        edit: str,
        state: Literal["withheld", "quarantined", "dropped"],
        reason: str,
        seq: int,
        node: str = "",
    ) -> None:
        row = self.edits.setdefault(edit, EditRow(id=edit, state=state, node=node))
        row.state, row.reason, row.seq = state, reason, seq

    def _workers(self, event: Event) -> None:
        match event:
            case e.WorkerJoined(node=node):
                self.workers[node] = WorkerRow(
                    node=node, state="working", cores=event.cores, level=event.level, version=event.version,
                    seq=event.seq,
                )  # fmt: skip
            case e.WorkerRefused(node=node):
                row = self.workers.setdefault(node, WorkerRow(node=node, state="refused"))
                row.state, row.reason, row.sessions, row.busy, row.seq = "refused", event.reason, 0, 0, event.seq
            case e.WorkerLost(node=node) if row := self.workers.get(node):
                row.state, row.reason, row.sessions, row.busy = "lost", event.reason, event.sessions, 0
                row.seq = event.seq
            case e.WorkerCounted(node=node) if (row := self.workers.get(node)) and row.state == "working":
                row.sessions, row.busy, row.seq = event.sessions, event.busy, event.seq
            case _:
                pass

    def _rest(self, event: Event) -> None:
        match event:
            case e.TrajectorySaved():
                self._outcome(event)
            case e.ScoreMeasured():
                self.scores.setdefault(f"{event.split}/{event.side}", {})[event.task] = event.score
            case e.UsageCounted():
                retries = self.usage.retries
                self.usage = Usage(**event.model_dump(exclude={"seq", "time", "t"}), retries=retries)
            case e.LimiterResized():
                self.usage.limit = event.limit
            case e.BudgetReached():
                self.reached[event.cap], self.short = event.limit, event.cap
            case e.KnobTurned():
                self.knobs[event.key] = event.after
                self.turned = [*self.turned, event][-TURNED:]
            case e.EndpointLost():
                self.lost[event.endpoint] = event.reason
            case e.EndpointResting():
                self.resting[event.endpoint] = event.time + event.seconds
            case e.EndpointBack():
                self.lost.pop(event.endpoint, None)
            case e.VerdictReached():
                self.verdict = Verdict(**event.model_dump(exclude={"seq", "time", "t"}))
            case e.GuardFlagged():
                self.flagged.append(f"{event.where} {event.rule}: {event.message}")
            case e.NoteLeft():
                self.notes.append(event.text)
            case _:
                pass

    def _outcome(self, event: e.TrajectorySaved) -> None:
        self.outcomes[event.trajectory] = event.status
        self.judged.pop(event.trajectory, None)
        if event.judged:
            self.judged[event.trajectory] = event.status


def fold(events: Iterable[Event], onto: RunView | None = None) -> RunView:
    """The view after `events`; `onto` is left as it was."""
    view = onto.model_copy(deep=True) if onto else RunView()
    for event in events:
        view.apply(event)
    return view
