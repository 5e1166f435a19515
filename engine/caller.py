"""Calls of all agents to their models: one permit an attempt, one retry loop, every finished call on record."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from engine.lifeline import Lifeline
from engine.llm.budget import Budget
from engine.llm.endpoint import Delta, Reply, Request
from engine.llm.failures import CallFailed, Capability, Overflow, Rejected, Unreachable
from engine.llm.gate import Recalled, Ticket
from engine.llm.pool import Member, Pool
from engine.llm.retry import next_wait
from engine.llm.throttle import Heard
from engine.pause import Pause
from engine.purse import Purse
from engine.record import Record
from workspace.files import digest
from workspace.runs.events import CallRetried, Event, UsageCounted, label
from workspace.trajectory import ToolCall


class Place(NamedTuple):
    """Who calls: the agent, its turn, its role (or the solver that an evaluation has by this name), and how many stages
    follow its own (more goes first)."""

    agent: str
    turn: int
    role: str
    level: int


class Listener(Protocol):
    """Who asked: told when an attempt is admitted, and of each piece of the reply."""

    def begin(self) -> None:
        """An attempt starts now; what was heard of an earlier one no longer counts."""
        ...

    def hear(self, delta: Delta) -> None:
        """A piece of the reply."""
        ...


@dataclass
class _Call:
    """One call on its way through its attempts: its place in the queue, and who was asked last."""

    place: Place
    request: Request
    listener: Listener
    ticket: Ticket
    attempt: int = 0
    not_before: float = 0.0
    member: Member | None = None

    def anew(self) -> None:
        """What happened so far does not count."""
        self.attempt, self.not_before = 0, 0.0


class Caller:
    """Asks models on behalf of agents and counts what it costs."""

    def __init__(
        self,
        pool: Pool,
        pause: Pause,
        lifeline: Lifeline,
        record: Record,
        emit: Callable[[Event], object],
        budget: Budget | None = None,
        dice: random.Random | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.pool = pool
        self._gate = pool.gate
        self._pause = pause
        self._lifeline = lifeline
        self.record = record
        self.windows = record.windows
        self._emit = emit
        self._purse = purse or Purse(budget or Budget(spent=record.spent), pause, emit, record.windows)
        self._dice = dice or random.Random()
        self._count = UsageCounted(calls=record.finished, prompt=record.prompt, completion=record.completion)
        self._told: UsageCounted | None = None
        self._streamed = 0
        self._last = (self._gate.clock(), 0)

    @property
    def finished(self) -> int:
        """Calls that succeeded, over all engine lives."""
        return self._count.calls

    async def ask(self, place: Place, request: Request, listener: Listener) -> Reply:
        """The model's reply, from the record when it was paid before. Raises `CallFailed` when all attempts failed."""
        key = digest(place.agent, str(place.turn), request.model_dump_json(exclude={"json_schema", "form"}))
        if (known := self.record.find(key)) is not None:
            return known
        try:
            reply = well_formed(await self._attempts(place, request, listener))
        except Overflow as failure:
            self.windows.learn(request.model, failure.sizes.limit)
            raise
        self.record.add(key, place.agent, place.turn, request, reply)
        self._add(calls=1, prompt=reply.prompt_tokens or 0, completion=reply.completion_tokens or 0)
        return reply

    def forget(self, agent: str) -> None:
        """The calls of an agent that failed are no oracle for its next try."""
        self.record.void(agent)

    async def _attempts(self, place: Place, request: Request, listener: Listener) -> Reply:
        call = _Call(place, request, listener, self._ticket(place, request))
        while True:
            call.attempt += 1
            try:
                return await self._attempt(call)
            except CallFailed as failure:
                if self._asks_otherwise(call, failure):
                    call.attempt -= 1
                    continue
                wait = self._wait(call, failure)
                if wait is not None:
                    self._retried(call, failure, wait)
                    continue
                if not (isinstance(failure, Unreachable) and self.finished and call.member):
                    raise
                self._lifeline.lose(call.member, failure)
                await self._lifeline.until_back(place.role, failure)
                call.anew()

    def _ticket(self, place: Place, request: Request) -> Ticket:
        lanes = [member.lane for member in self.pool.of(place.role)]
        prefix, need = request.messages[0].content, self._purse.most(request)
        tokens = need.prompt + need.completion
        return self._gate.ticket(lanes, level=place.level, turn=place.turn, prefix=prefix, tokens=tokens)

    def _asks_otherwise(self, call: _Call, failure: CallFailed) -> bool:
        """Does this endpoint only want a reply in JSON to be asked for in another way?"""
        request, member = call.request, call.member
        if not (member and request.json_schema and isinstance(failure, Capability)):
            return False
        return failure.what == "response_format" and member.forms.refused(request.model, request.form)

    def _wait(self, call: _Call, failure: CallFailed) -> float | None:
        """Seconds until the next attempt, or None: no more. Where others can answer, nobody waits for a lost one."""
        if isinstance(failure, Rejected):
            self._add(rejects=1)
        if isinstance(failure, Unreachable) and call.member and self._lifeline.others(call.place.role, call.member):
            self._lifeline.lose(call.member, failure)
            return 0.0
        if isinstance(failure, Unreachable) and self.finished and call.attempt > 1:
            return None  # nobody is there: one agent asks again and again, not all of them
        return next_wait(failure, call.attempt, self._dice)

    def _retried(self, call: _Call, failure: CallFailed, wait: float) -> None:
        call.not_before = self._gate.clock() + wait
        if not isinstance(failure, Rejected):
            call.ticket = self._ticket(call.place, call.request)  # behind the others: it may be the one at fault
        what, why = type(failure).__name__.lower(), label(str(failure))
        self._emit(
            CallRetried(agent=call.place.agent, attempt=call.attempt, failure=what, reason=why, wait=round(wait, 2))
        )

    async def _attempt(self, call: _Call) -> Reply:
        begins = call.place.turn == 1
        while True:
            try:
                if begins or self._pause.stopping:
                    await self._pause.may_begin()
                await self._gate.rest(call.not_before)
                async with (
                    self._purse.paying(call.request, begins=begins) as bill,
                    self._gate.admit(call.ticket) as permit,
                ):
                    if self._pause.stopping or (begins and self._pause.why):
                        continue  # the pause came while this agent waited: it has not begun
                    if self._purse.overdue:
                        continue  # so did the end of the run's time
                    call.member = self.pool.behind(permit.lane)
                    with call.member.throttle.attempt(permit) as heard:
                        reply = bill.take(await self._listen(call, call.member, heard))
                        if bill.use:
                            permit.used(bill.use.prompt + bill.use.completion)
                        return reply
            except Recalled:
                continue  # something holds the run now: it asks again whether it may begin
            finally:
                self._pause.calls_ended()

    async def _listen(self, call: _Call, member: Member, heard: Heard) -> Reply:
        request = call.request
        if request.json_schema is not None:
            call.request = request = request.model_copy(update={"form": member.forms.form(request.model)})
        call.listener.begin()
        async with aclosing(member.endpoint.stream(request)) as stream:
            async for part in stream:
                if isinstance(part, Reply):
                    return part
                self._streamed += 1
                heard.piece()
                call.listener.hear(part)
        raise RuntimeError(f"endpoint {member.name} ended a stream without a reply")

    def count(self) -> None:
        """Say what the run has used; called once a second, silent when nothing changed."""
        now, (before, streamed) = self._gate.clock(), self._last
        rate = (self._streamed - streamed) / max(now - before, 0.001)
        self._last = (now, self._streamed)
        gate: dict[str, Any] = {
            "in_flight": self._gate.in_flight,
            "queued": self._gate.queued,
            "limit": self._gate.limit,
        }
        lanes = {lane.name: (lane.in_flight, lane.limit) for lane in self._gate.lanes}
        gate |= {"lanes": lanes if len(lanes) > 1 else {}}
        usage = self._count.model_copy(update={**gate, "rate": round(rate, 1), "cost": self._purse.cost})
        if usage != self._told:
            self._told = usage
            self._emit(usage)

    def _add(self, **more: int) -> None:
        self._count = self._count.model_copy(update={k: getattr(self._count, k) + n for k, n in more.items()})


def well_formed(reply: Reply) -> Reply:
    """The reply without halves of characters (lone surrogates), which no file and no server would take."""
    calls = tuple(ToolCall(id=_whole(c.id), name=_whole(c.name), arguments=_whole(c.arguments)) for c in reply.calls)
    return reply.model_copy(update={"text": _whole(reply.text), "reasoning": _whole(reply.reasoning), "calls": calls})


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text
