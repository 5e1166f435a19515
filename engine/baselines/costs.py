"""What a part of a run cost: finished calls, tokens read and written, and the time in which anybody worked on it.

The time is that in which at least one agent of the part was at work, over all engine lives. It means the same for work
side by side and for work one after another, and leaves out what else the run did meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from engine.llm.budget import used
from workspace.files import read_lines
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder
from workspace.stages import Stage

MEASURING: frozenset[str] = frozenset({"validate"})
TRYING: frozenset[str] = frozenset({"rollout"})


class Cost(BaseModel):
    """Finished calls, tokens read and written (estimated where a server does not count), seconds of work."""

    model_config = ConfigDict(frozen=True)
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt + self.completion

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls + other.calls,
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            seconds=round(self.seconds + other.seconds, 3),
        )


NOTHING = Cost()


class Worker(NamedTuple):
    """An agent and the stage it worked for."""

    name: str
    stage: Stage | str


Counts = Callable[[Worker], bool]


def making(worker: Worker) -> bool:
    """Does this agent help to make a skill out of trajectories?"""
    return worker.stage not in MEASURING | TRYING


def measuring(worker: Worker) -> bool:
    """Does this agent try a held-out task?"""
    return worker.stage in MEASURING


def cost(run: RunFolder, counts: Counts) -> Cost:
    """What those agents cost of which `counts` is true. Calls whose agents the journal does not know are left out."""
    stages, seconds = _looked(run, counts)
    total = NOTHING
    for agent, one in _calls(run):
        if agent in stages and counts(Worker(agent, stages[agent])):
            total += one
    return total.model_copy(update={"seconds": round(seconds, 3)})


def longest_reply(run: RunFolder, counts: Counts) -> int:
    """Tokens of the longest reply of those agents; 0 where there is none."""
    stages, _ = _looked(run, counts)
    found = (one.completion for agent, one in _calls(run) if agent in stages and counts(Worker(agent, stages[agent])))
    return max(found, default=0)


def _looked(run: RunFolder, counts: Counts) -> tuple[dict[str, str], float]:
    """The stage of each agent, and the seconds in which at least one of those that count was at work."""
    stages: dict[str, str] = {}
    at_work: set[str] = set()
    seconds = last = 0.0
    for event, _ in read_events(run.journal):
        if isinstance(event, e.RunStarted) or (isinstance(event, e.RunResumed) and event.fresh):
            at_work.clear()  # of a life that was killed
            last = event.t
        seconds += max(0.0, event.t - last) if at_work else 0.0
        last = event.t
        match event:
            case e.AgentQueued():
                stages[event.agent] = event.stage
            case e.AgentStarted() if counts(Worker(event.agent, stages.get(event.agent, ""))):
                at_work.add(event.agent)
            case e.AgentFinished() | e.AgentFailed():
                at_work.discard(event.agent)
            case _:
                pass
    return stages, seconds


def _calls(run: RunFolder) -> Iterator[tuple[str, Cost]]:
    """Agent and cost of every finished call; a line that a kill cut short is none."""
    for line in read_lines(run.calls) if run.calls.is_file() else ():
        try:
            row: dict[str, Any] = json.loads(line)
            if "reply" in row:
                yield str(row["agent"]), _cost(row)
        except (ValueError, KeyError, TypeError):
            continue


def _cost(row: dict[str, Any]) -> Cost:
    reply = row["reply"]
    written = len(reply["text"]) + len(reply.get("reasoning", ""))
    use = used(reply["prompt_tokens"], reply["completion_tokens"], row.get("characters", 0), written)
    return Cost(calls=use.requests, prompt=use.prompt, completion=use.completion)
