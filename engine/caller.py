"""Calls of all agents to their models: one permit an attempt, one retry loop, every finished call on record.

`calls.jsonl` holds one line a finished call, written before anyone uses the reply. A run that is taken up again asks
this record first, so no finished call is paid twice. The key is the digest of what the call means (messages, schema,
sampling, seed, model, agent, turn), never the endpoint or the transport.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import NamedTuple, Protocol

from engine.lifeline import Lifeline
from engine.llm.budget import Budget, Use, used
from engine.llm.endpoint import Delta, Endpoint, Reply, Request
from engine.llm.failures import CallFailed, Overflow, Rejected, Unreachable
from engine.llm.retry import next_wait
from engine.llm.throttle import Heard, Throttle
from engine.pause import Pause
from engine.purse import Purse, characters
from engine.window import Windows
from workspace.files import Appender, digest, read_from
from workspace.runs.events import CallRetried, Event, UsageCounted, label
from workspace.runs.run import RunFolder


class Place(NamedTuple):
    """Who calls: the agent, its turn, and how urgent its stage is (higher goes first)."""

    agent: str
    turn: int
    urgency: int


class Listener(Protocol):
    """Who asked: told when an attempt is admitted, and of each piece of the reply."""

    def begin(self) -> None:
        """An attempt starts now; what was heard of an earlier one no longer counts."""
        ...

    def hear(self, delta: Delta) -> None:
        """A piece of the reply."""
        ...


class Record:
    """The finished calls of a run on disk; in memory only where each one stands.

    `finished` counts calls, `prompt` and `completion` the tokens that earlier lives paid, `spent` the same with what
    servers left uncounted estimated, `skipped` unreadable lines;
    `windows` learns from each line how many tokens the characters of its prompt were.
    """

    def __init__(self, run: RunFolder, windows: Windows | None = None) -> None:
        self.windows = windows or Windows()
        self._path = run.calls
        self._file = Appender(run.calls)
        self._places: dict[str, tuple[int, int]] = {}
        self._by_agent: dict[str, list[str]] = {}
        self.finished = 0
        self.prompt = 0
        self.completion = 0
        self.spent = Use()
        self.skipped = 0
        self._index()

    def find(self, key: str) -> Reply | None:
        """The reply on record under `key`."""
        if (place := self._places.get(key)) is None:
            return None
        return Reply.model_validate(json.loads(read_from(self._path, *place))["reply"])

    def add(self, key: str, place: Place, request: Request, reply: Reply) -> None:
        """Put a finished call on record. Raises `DiskError`."""
        read = characters(request)
        sent = {"model": request.model, "characters": read}
        row = {"key": key, "agent": place.agent, "turn": place.turn, **sent, "reply": reply.model_dump()}
        self.windows.count(request.model, read, reply.prompt_tokens)
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        self._places[key] = (self._file.append(line), len(line))
        self._by_agent.setdefault(place.agent, []).append(key)
        self.finished += 1

    def void(self, agent: str) -> None:
        """From now on the calls of `agent` count as never made (their cost stays counted)."""
        if self._by_agent.get(agent):
            self._file.append(json.dumps({"void": agent}).encode() + b"\n")
            self._drop(agent)

    def close(self) -> None:
        self._file.close()

    def _drop(self, agent: str) -> None:
        for key in self._by_agent.pop(agent, ()):
            self._places.pop(key, None)

    def _index(self) -> None:
        offset, rest = 0, b""
        while chunk := read_from(self._path, offset + len(rest)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._note(line, offset)
                offset += len(line) + 1

    def _note(self, line: bytes, offset: int) -> None:
        try:
            row = json.loads(line)
            if "void" in row:
                self._drop(row["void"])
                return
            self._places[row["key"]] = (offset, len(line))
            self._by_agent.setdefault(row["agent"], []).append(row["key"])
            self.finished += 1
            reply, read = row["reply"], row.get("characters", 0)
            prompt, completion = reply["prompt_tokens"], reply["completion_tokens"]
            self.prompt += prompt or 0
            self.completion += completion or 0
            self.spent += used(prompt, completion, read, len(reply["text"]) + len(reply.get("reasoning", "")))
            self.windows.count(row.get("model", ""), read, prompt)
        except (ValueError, KeyError, TypeError):
            self.skipped += 1


class Caller:
    """Asks models on behalf of agents and counts what it costs."""

    def __init__(
        self,
        endpoint: Endpoint,
        throttle: Throttle,
        pause: Pause,
        lifeline: Lifeline,
        record: Record,
        emit: Callable[[Event], object],
        budget: Budget | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.throttle = throttle
        self.gate = throttle.gate
        self._pause = pause
        self._lifeline = lifeline
        self._record = record
        self.windows = record.windows
        self._emit = emit
        self._purse = Purse(budget or Budget(spent=record.spent), pause, emit, record.windows)
        self._dice = random.Random()
        self._count = UsageCounted(calls=record.finished, prompt=record.prompt, completion=record.completion)
        self._told: UsageCounted | None = None
        self._streamed = 0
        self._last = (time.monotonic(), 0)

    @property
    def finished(self) -> int:
        """Calls that succeeded, over all engine lives."""
        return self._count.calls

    async def ask(self, place: Place, request: Request, listener: Listener) -> Reply:
        """The model's reply, from the record when it was paid before. Raises `CallFailed` when all attempts failed."""
        key = digest(place.agent, str(place.turn), request.model_dump_json(exclude={"json_schema", "form"}))
        if (known := self._record.find(key)) is not None:
            return known
        try:
            reply = well_formed(await self._attempts(place, request, listener))
        except Overflow as failure:
            self.windows.learn(request.model, failure.sizes.limit)
            raise
        self._record.add(key, place, request, reply)
        self._add(calls=1, prompt=reply.prompt_tokens or 0, completion=reply.completion_tokens or 0)
        return reply

    def forget(self, agent: str) -> None:
        """The calls of an agent that failed are no oracle for its next try."""
        self._record.void(agent)

    async def _attempts(self, place: Place, request: Request, listener: Listener) -> Reply:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(place, request, listener)
            except CallFailed as failure:
                if isinstance(failure, Rejected):
                    self._add(rejects=1)
                wait = next_wait(failure, attempt, self._dice)
                if wait is None and isinstance(failure, Unreachable) and self.finished:
                    await self._lifeline.until_back(failure)
                    attempt = 0
                    continue
                if wait is None:
                    raise
                self._emit(
                    CallRetried(
                        agent=place.agent, attempt=attempt, failure=type(failure).__name__.lower(),
                        reason=label(str(failure)), wait=round(wait, 2),
                    )
                )  # fmt: skip
                await asyncio.sleep(wait)

    async def _attempt(self, place: Place, request: Request, listener: Listener) -> Reply:
        while True:
            try:
                async with (
                    self._purse.paying(request, begins=place.turn == 1) as bill,
                    self.gate.admit((place.urgency, place.turn)),
                ):
                    if place.turn == 1 and (self._pause.why or self._pause.stopping):
                        continue  # the pause came while this agent waited: it has not begun
                    if self._purse.overdue:
                        continue  # so did the end of the run's time
                    with self.throttle.attempt() as heard:
                        return bill.take(await self._listen(request, listener, heard))
            finally:
                self._pause.calls_ended()

    async def _listen(self, request: Request, listener: Listener, heard: Heard) -> Reply:
        listener.begin()
        async with aclosing(self.endpoint.stream(request)) as stream:
            async for part in stream:
                if isinstance(part, Reply):
                    return part
                self._streamed += 1
                heard.piece()
                listener.hear(part)
        raise RuntimeError(f"endpoint {self.endpoint.name} ended a stream without a reply")

    def count(self) -> None:
        """Say what the run has used; called once a second, silent when nothing changed."""
        now, (before, streamed) = time.monotonic(), self._last
        rate = (self._streamed - streamed) / max(now - before, 0.001)
        self._last = (now, self._streamed)
        gate = {"in_flight": self.gate.in_flight, "queued": self.gate.queued, "limit": self.gate.limit}
        usage = self._count.model_copy(update={**gate, "rate": round(rate, 1), "cost": self._purse.cost})
        if usage != self._told:
            self._told = usage
            self._emit(usage)

    def _add(self, **more: int) -> None:
        self._count = self._count.model_copy(update={k: getattr(self._count, k) + n for k, n in more.items()})


def well_formed(reply: Reply) -> Reply:
    """The reply without halves of characters (lone surrogates), which no file and no server would take."""
    return reply.model_copy(update={"text": _whole(reply.text), "reasoning": _whole(reply.reasoning)})


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text
