"""A gate that a limiter steers: told of every attempt, it moves the limit and says so on the journal.

Without a limiter the limit is fixed; a person who names a number fixes it too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from engine.llm.failures import Rejected, Transient
from engine.llm.gate import Gate
from engine.llm.limiter import Attempt, Change, Limiter
from engine.llm.metrics import Reading, read_metrics, sample
from workspace.runs.events import Event, LimiterResized, label

EVERY = 1.0  # seconds between two looks at a server's metrics
Resized = Callable[[int], object]


class Heard:
    """One attempt as its stream tells of it."""

    def __init__(self, limiter: Limiter | None) -> None:
        self._limiter = limiter
        self.attempt: Attempt | None = limiter.admitted(time.monotonic()) if limiter else None

    def piece(self) -> None:
        """A piece of the reply came."""
        if self._limiter and self.attempt:
            if not self.attempt.spoken:
                self._limiter.spoke(time.monotonic(), self.attempt)
            self._limiter.streamed(1)


class Throttle:
    """Admission to one endpoint. `then` hears of every new limit (the crew hires for it)."""

    def __init__(self, gate: Gate, limiter: Limiter | None, name: str, emit: Callable[[Event], object]) -> None:
        self.gate = gate
        self.then: Resized = lambda limit: None
        self._limiter = limiter
        self._name = name
        self._emit = emit

    @contextmanager
    def attempt(self) -> Generator[Heard]:
        """One admitted attempt, from its request to its end; its failure tells the limiter what it meant."""
        limiter, heard = self._limiter, Heard(self._limiter)
        try:
            yield heard
        except Rejected as failure:
            if limiter and heard.attempt:
                self._follow(limiter.rejected(time.monotonic(), heard.attempt, failure.retry_after))
            raise
        except Transient:
            if limiter and heard.attempt:
                limiter.failed(time.monotonic(), heard.attempt)
            raise
        except BaseException:
            if limiter and heard.attempt:
                limiter.left(time.monotonic(), heard.attempt)
            raise
        if limiter and heard.attempt:
            limiter.finished(time.monotonic(), heard.attempt)

    def tick(self) -> None:
        """Called a few times a second."""
        if self._limiter:
            self._follow(self._limiter.tick(time.monotonic()))

    async def watch(self, look: Callable[[], Awaitable[str]]) -> None:
        """Tell the limiter once a second what the server's metrics say; returns where there are none."""
        before: Reading | None = None
        while self._limiter:
            reading = read_metrics(await look())
            if not reading.tells and before is None:
                return
            if reading.tells and self._limiter:
                self._limiter.sampled(time.monotonic(), sample(reading, before))
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
        self.gate.resize(limit)
        self.then(limit)
        self._emit(LimiterResized(endpoint=self._name, limit=limit, reason=label(why, 200)))
