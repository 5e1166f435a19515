"""Admission of calls: each endpoint's lane has its limit, and the most urgent call that some lane can take goes next.

One permit an attempt; nobody holds one while backing off, running tools or parsing. A call that has to wait before it
tries again waits in here and keeps its place.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from engine.llm.lane import LONG_PREFIX, NEVER, Call, Lane, at_least_one

# Waiting makes urgent: a call overtakes one of the next level when it has waited so many seconds longer.
LEVEL_AGE, TURN_AGE = 120.0, 20.0
PREFIX_AGE = 120.0  # and so many longer one of its own level whose prefix the server has in its cache


class Recalled(Exception):
    """Who waited for admission is to look whether it may still begin, and come again."""


class Ticket(NamedTuple):
    """A call's place in the queue: the lanes it may go through, how urgent it is (more is sooner), who came first, and
    when."""

    lanes: tuple[Lane, ...]
    call: Call
    urgency: float
    number: int
    level: int
    since: float


class Permit:
    """One attempt through a lane; `tries`: it alone shows whether the endpoint works again."""

    def __init__(self, gate: Gate, call: Call, lane: Lane, tries: bool) -> None:
        self.lane = lane
        self.tries = tries
        self._gate = gate
        self._call = call

    def spoke(self) -> None:
        """The first token came: others may have waited for it."""
        self.lane.spoke(self._call)
        self._gate.look()

    def used(self, tokens: int) -> None:
        """The reply is there; so many tokens were read and written."""
        self.lane.used(self._call, tokens, self._gate.clock())

    def failed(self) -> float:
        """The endpoint failed; how many seconds it is left alone from now on, mostly 0."""
        return self.lane.breaker.failed(self._gate.clock(), tried=self.tries)

    def leave(self) -> None:
        """The attempt has ended, however."""
        self.lane.leave(self._call, tried=self.tries)
        self._gate.look()


class _Waiting(NamedTuple):
    """Ordered as a heap has it: the smallest first."""

    rank: tuple[float, int]
    ticket: Ticket
    admitted: asyncio.Future[Permit]


_Queue = list[_Waiting]


class Gate:
    """Live state of admission through `lanes`: `limit`, `in_flight`, `queued`. Belongs to one event loop; `clock` is
    what that loop goes by."""

    def __init__(self, lanes: Sequence[Lane], clock: Callable[[], float] = time.monotonic) -> None:
        self.lanes = tuple(lanes)
        self.clock = clock
        self._queues: dict[tuple[tuple[Lane, ...], str], _Queue] = {}
        self._resting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._is_open = True
        self._alarm: asyncio.TimerHandle | None = None
        self.queued = 0

    @property
    def limit(self) -> int:
        """Calls that may be in flight through all open lanes."""
        return sum(lane.limit for lane in self.lanes if lane.is_open)

    @property
    def in_flight(self) -> int:
        return sum(lane.in_flight for lane in self.lanes)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def ticket(
        self, lanes: Sequence[Lane] = (), *, level: int = 0, turn: int = 0, prefix: str = "", tokens: int = 0
    ) -> Ticket:
        """A place for a call that may go through `lanes` (all, when none are named): higher levels first, then whose
        prefix the server has in its cache, then later turns, then who came first; who waits long gets more urgent.
        The level says how much is still to come after the call: what most depends on goes first, so that no long
        chain is left for the end (T. C. Hu, 1961)."""
        lanes = tuple(lanes) or self.lanes
        shared = sys.intern(prefix) if len(prefix) >= LONG_PREFIX or any(lane.alone for lane in lanes) else ""
        now = self.clock()
        urgency = level * LEVEL_AGE + turn * TURN_AGE - now
        return Ticket(lanes, Call(shared, tokens), urgency, next(self._numbers), level, now)

    @asynccontextmanager
    async def admit(self, ticket: Ticket) -> AsyncGenerator[Permit]:
        """Hold a permit for one attempt. Raises `Recalled`."""
        permit = await self._enter(ticket)
        try:
            yield permit
        finally:
            permit.leave()

    def resize(self, lane: Lane, limit: int) -> None:
        """Another limit from now on; a smaller one lets what is in flight finish."""
        lane.limit = at_least_one(limit)
        self.look()

    def close_lane(self, lane: Lane) -> None:
        """Its endpoint is lost: nobody goes there until `reopen_lane`."""
        lane.close()

    def reopen_lane(self, lane: Lane) -> None:
        lane.open()
        self.look()

    def shut(self) -> None:
        """Admit nobody until `open`; what is in flight goes on."""
        self._is_open = False

    def open(self) -> None:
        """Admit again."""
        self._is_open = True
        self.look()

    def recall(self) -> None:
        """Everybody who waits leaves the queue with `Recalled`; a ticket keeps its place for when it comes again."""
        waits: list[asyncio.Future[Any]] = [
            waiting.admitted for queue in self._queues.values() for waiting in queue
        ]  # fmt: skip
        waits += [rested for *_, rested in self._resting]
        self._queues.clear()
        self._resting.clear()
        for wait in waits:
            if not wait.done():
                self.queued -= 1
                wait.set_exception(Recalled())

    def look(self) -> None:
        """Admit whoever may go now, and come back when the next one may."""
        if not self.queued or not self._is_open:
            return
        now = self.clock()
        self._wake(now)
        while (found := self._next(now)) is not None:
            queue, lane = found
            waiting = heapq.heappop(queue)
            self.queued -= 1
            call = waiting.ticket.call
            waiting.admitted.set_result(Permit(self, call, lane, lane.take(call, now)))

    async def rest(self, until: float) -> None:
        """Wait until a time on the gate's clock, as one of those that are queued. Raises `Recalled`."""
        if until <= self.clock():
            return
        rested: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._resting, (until, next(self._numbers), rested))
        self.queued += 1
        self.look()
        try:
            await rested
        except asyncio.CancelledError:
            if rested.cancelled():
                self.queued -= 1
            raise

    async def _enter(self, ticket: Ticket) -> Permit:
        waiting = _Waiting((-ticket.urgency, ticket.number), ticket, asyncio.get_running_loop().create_future())
        group = (ticket.lanes, ticket.call.prefix)
        heapq.heappush(self._queues.setdefault(group, []), waiting)
        self.queued += 1
        self.look()
        try:
            return await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.cancelled():
                self.queued -= 1
            elif waiting.admitted.exception() is None:  # admitted in this very tick: the next one takes the permit
                waiting.admitted.result().leave()
            raise

    def _wake(self, now: float) -> None:
        """Those who have rested long enough go on."""
        while self._resting and self._resting[0][0] <= now:
            rested = heapq.heappop(self._resting)[2]
            if not rested.done():
                self.queued -= 1
                rested.set_result(None)

    def _next(self, now: float) -> tuple[_Queue, Lane] | None:
        """The queue whose first call goes next, and where to; sets the alarm when there is none."""
        found: list[tuple[_Queue, Lane]] = []
        soonest = self._resting[0][0] if self._resting else NEVER
        for queue, lanes in self._may_go():
            lane, at = _best_lane(queue[0].ticket.call, lanes, now)
            soonest = min(soonest, at)
            if at <= now:
                found.append((queue, lane))
        if not found:
            self._wake_at(soonest, now)
            return None
        level = min(found, key=lambda pair: pair[0][0].rank)[0][0].ticket.level
        return min((pair for pair in found if pair[0][0].ticket.level == level), key=_turn)

    def _may_go(self) -> list[tuple[_Queue, list[Lane]]]:
        """Queues with somebody in them that have a lane with room, and these lanes."""
        if not any(lane.has_room for lane in self.lanes):
            return []
        found: list[tuple[_Queue, list[Lane]]] = []
        rooms: dict[tuple[Lane, ...], list[Lane]] = {}
        for group, queue in list(self._queues.items()):
            while queue and queue[0].admitted.done():
                heapq.heappop(queue)  # cancelled while it waited
            if not queue:
                del self._queues[group]
                continue
            if group[0] not in rooms:
                rooms[group[0]] = [lane for lane in group[0] if lane.has_room]
            if lanes := rooms[group[0]]:
                found.append((queue, lanes))
        return found

    def _wake_at(self, when: float, now: float) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = None if when == NEVER else asyncio.get_running_loop().call_later(when - now, self.look)


def _turn(pair: tuple[_Queue, Lane]) -> tuple[float, tuple[float, int]]:
    """Of calls with different prefixes: whom the lane fits or who has waited for long goes first."""
    queue, lane = pair
    first = queue[0]
    return first.ticket.since - PREFIX_AGE * lane.fits(first.ticket.call), first.rank


def _best_lane(call: Call, lanes: Sequence[Lane], now: float) -> tuple[Lane, float]:
    """Of the lanes that can take it now the least loaded; else the one that can soonest."""
    times = [(lane.ready_at(call, now), lane) for lane in lanes]
    free = [lane for at, lane in times if at <= now]
    if free:
        return min(free, key=lambda lane: lane.load(call)), now
    at, lane = min(times, key=lambda pair: pair[0])
    return lane, at
