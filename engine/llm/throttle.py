"""A lane that a limiter steers: told of every attempt, it moves the limit and says so on the journal.

Without a limiter the limit is fixed; a person who names a number fixes it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from engine.llm.failures import Rejected, Transient, Unreachable
from engine.llm.gate import Gate, Permit
from engine.llm.lane import Lane
from engine.llm.limiter import Attempt, Change, Limiter
from engine.llm.metrics import Reading, read_metrics, sample
from workspace.runs.events import EndpointResting, Event, LimiterResized, label

EVERY = 1.0  # seconds between two looks at a server's metrics
Resized = Callable[[], object]


class Heard:
    """One attempt as its stream tells of it."""

    def __init__(self, limiter: Limiter | None, permit: Permit, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._clock = clock
        self._permit = permit
        self._spoken = False
        self.attempt: Attempt | None = limiter.admitted(clock()) if limiter else None

    def piece(self) -> None:
        """A piece of the reply came."""
        if self._limiter and self.attempt:
            if not self.attempt.spoken:
                self._limiter.spoke(self._clock(), self.attempt)
            self._limiter.streamed(1)
        if not self._spoken:
            self._spoken = True
            self._permit.spoke()


class Throttle:
    """Admission to one endpoint. `then` is called after every change of the limit (the crew hires for it)."""

    def __init__(self, gate: Gate, lane: Lane, limiter: Limiter | None, emit: Callable[[Event], object]) -> None:
        self.lane = lane
        self.then: Resized = lambda: None
        self._gate = gate
        self._clock = gate.clock
        self._limiter = limiter
        self._emit = emit

    @contextmanager
    def attempt(self, permit: Permit) -> Generator[Heard]:
        """One admitted attempt, from its request to its end; its failure tells limiter and breaker what it meant."""
        limiter, heard = self._limiter, Heard(self._limiter, permit, self._clock)
        try:
            yield heard
        except Rejected as failure:
            if limiter and heard.attempt:
                self._follow(limiter.rejected(self._clock(), heard.attempt, failure.retry_after))
            raise
        except Transient as failure:
            if limiter and heard.attempt:
                limiter.failed(self._clock(), heard.attempt)
            if not isinstance(failure, Unreachable):  # nobody there at all: engine/lifeline.py sees to that
                self._rest(permit.failed(), failure)
            raise
        except BaseException:
            if limiter and heard.attempt:
                limiter.left(self._clock(), heard.attempt)
            raise
        if limiter and heard.attempt:
            limiter.finished(self._clock(), heard.attempt)

    def tick(self) -> None:
        """Called a few times a second."""
        if self._limiter:
            self._follow(self._limiter.tick(self._clock()))

    async def watch(self, look: Callable[[], Awaitable[str]]) -> None:
        """Tell the limiter once a second what the server's metrics say; returns where there are none."""
        before: Reading | None = None
        while self._limiter:
            reading = read_metrics(await look())
            if not reading.tells and before is None:
                return
            if reading.tells and self._limiter:
                self._limiter.sampled(self._clock(), sample(reading, before))
                before = reading
            await asyncio.sleep(EVERY)

    def fix(self, limit: int, why: str) -> None:
        """From now on just this many, whatever the server would bear."""
        self._limiter = None
        self._resize(limit, why)

    def _follow(self, change: Change | None) -> None:
        if change and self._limiter:
            self._resize(change.limit, change.why)

    def _resize(self, limit: int, why: str) -> None:
        self._gate.resize(self.lane, limit)
        self.then()
        self._emit(LimiterResized(endpoint=self.lane.name, limit=limit, reason=label(why, 200)))

    def _rest(self, seconds: float, failure: Transient) -> None:
        if seconds:
            self._emit(EndpointResting(endpoint=self.lane.name, seconds=seconds, reason=label(str(failure), 300)))
