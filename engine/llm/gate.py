"""Admission of calls: at most `limit` attempts are in flight, and the most urgent waiting one goes next.

One permit an attempt; nobody holds one while backing off, running tools or parsing.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple


class _Waiting(NamedTuple):
    urgency: tuple[int, ...]
    seq: int
    admitted: asyncio.Future[None]


class Gate:
    """Live state of admission: `limit`, `in_flight`, `queued`. Belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = _at_least_one(limit)
        self._waiting: list[_Waiting] = []
        self._seq = itertools.count()
        self._is_open = True
        self.in_flight = 0
        self.queued = 0

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def is_open(self) -> bool:
        return self._is_open

    @asynccontextmanager
    async def admit(self, priority: tuple[int, ...] = ()) -> AsyncGenerator[None]:
        """Hold a permit for one attempt. Larger numbers of `priority` go first, equal ones in order of arrival."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    def resize(self, limit: int) -> None:
        """Another limit from now on; a smaller one lets what is in flight finish."""
        self._limit = _at_least_one(limit)
        self._admit_waiting()

    def shut(self) -> None:
        """Admit nobody until `open`; what is in flight goes on."""
        self._is_open = False

    def open(self) -> None:
        """Admit again."""
        self._is_open = True
        self._admit_waiting()

    async def _enter(self, priority: tuple[int, ...]) -> None:
        if self._has_room() and not self.queued:
            self.in_flight += 1
            return
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Waiting(tuple(-p for p in priority), next(self._seq), admitted))
        self.queued += 1
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.cancelled():
                self.queued -= 1
            else:  # admitted in the very tick that cancelled us: the permit goes to the next one
                self._leave()
            raise

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit_waiting()

    def _has_room(self) -> bool:
        return self._is_open and self.in_flight < self._limit

    def _admit_waiting(self) -> None:
        while self._waiting and self._has_room():
            admitted = heapq.heappop(self._waiting).admitted
            if not admitted.done():
                self.queued -= 1
                self.in_flight += 1
                admitted.set_result(None)


def _at_least_one(limit: int) -> int:
    if limit < 1:
        raise ValueError(f"a gate needs room for at least one call, not {limit}")
    return limit
