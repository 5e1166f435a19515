"""The rows of a run's view: plain data, one class a thing that a face draws as a line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from workspace.runs import events as e
from workspace.runs.events import Stage

NodeState = Literal["waiting", "running", "done", "failed"]


class AgentRow(BaseModel):
    """One sub-agent. `since` is the wall-clock second of its last change of state."""

    id: str
    role: e.Role
    unit: str
    stage: Stage
    state: Literal["queued", "running", "done", "failed"] = "queued"
    turn: int = 0
    tokens: int = 0
    rate: float = 0.0
    retries: int = 0
    trouble: str = ""
    """Class of the fault that its next attempt is to mend (see `CallRetried`); empty while there is none."""
    since: float = 0.0
    started: float = 0.0
    spoke: float = 0.0
    words: str = ""
    seq: int = 0


class StageRow(BaseModel):
    """`units` is what is known so far; `done` includes reused units. `began` and `ended` are wall-clock seconds."""

    units: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0
    entered: bool = False
    left: bool = False
    began: float = 0.0
    ended: float = 0.0


class LessonRow(BaseModel):
    id: str
    title: str
    source: str = "failure"
    verified: bool = False
    quoted: bool = False
    support: int = 1
    status: Literal["kept", "dropped", "pinned", "invalid"] = "kept"
    edited: bool = False
    touched: bool = False
    """Has a person ever changed it?"""
    tried: str = ""
    """How its trial ended, in a few words; empty where there was none."""
    reason: str = ""
    seq: int = 0


class NodeRow(BaseModel):
    id: str
    level: int
    children: tuple[str, ...]
    state: NodeState = "waiting"
    edits_in: int = 0
    edits_out: int = 0
    dropped: int = 0
    carried: int = 0
    support: int = 0
    reason: str = ""
    seq: int = 0


class WorkerRow(BaseModel):
    """One node of a cluster. `cores` are those it gave this run (0: none yet), `sessions` the work folders it has, or
    had when it was lost, `busy` the commands and verifiers that wait or run there. `reason`: why it is refused or lost;
    `left`: an engine that is gone had it.
    """

    node: str
    state: Literal["working", "refused", "lost", "left"]
    cores: int = 0
    level: str = ""
    version: str = ""
    sessions: int = 0
    busy: int = 0
    reason: str = ""
    seq: int = 0

    @property
    def used(self) -> bool:
        """Has it ever taken work?"""
        return self.cores > 0


class EditRow(BaseModel):
    """An edit that a merge wrote, or one that stayed out with its reason."""

    id: str
    state: Literal["merged", "withheld", "quarantined", "dropped"]
    node: str = ""
    sources: int = 1
    support: int = 0
    text: str = ""
    reason: str = ""
    seq: int = 0


class Usage(BaseModel):
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cost: float | None = None
    in_flight: int = 0
    queued: int = 0
    limit: int = 0
    rejects: int = 0
    rate: float = 0.0
    lanes: dict[str, tuple[int, int]] = {}
    retries: int = 0


class Verdict(BaseModel):
    decision: str
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    p: float | None = None
    n: int = 0
    sentence: str = ""
