"""A model server in virtual time with its callers and a gate: what it takes and refuses under a limit or a limiter.

Two minutes of a busy server (benchmarks/machine.py) take some 50 ms. The same seed gives the same calls.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.machine import END, Ears, Job, Machine, Span, Speeds
from engine.llm.limiter import Attempt, Change, Limiter

GRID = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
TICK = 0.25  # seconds between two looks of the limiter
TRIP = 0.03  # seconds on the network, there and back


@dataclass(frozen=True)
class Server:
    """A model server (`speed` to `cached` as its `Speeds`) and the load on it. Beyond `ceiling` in flight calls
    are refused."""

    name: str
    speed: float
    knee: float
    slots: int = 256
    ceiling: int | None = None
    rate: float | None = None  # calls a second that are taken, up to ten seconds' worth at once; others are refused
    bend: float = 4.0
    reading: float = 50_000.0
    reading_share: float = 0.5
    cached: int = 0
    delay: float = 0.0  # seconds that a prompt takes whatever its length, in parallel with all others
    capacity: tuple[Span, ...] = ()  # another tenant: the speed is multiplied meanwhile
    failures: tuple[Span, ...] = ()  # this share of calls fails at once with a 500
    prompt: tuple[int, int] = (500, 6_000)
    reply: float = 300.0  # mean tokens, lognormal
    spread: float = 0.9  # its sigma
    callers: int = 400
    think: float = 0.3  # mean seconds between two calls of a caller
    seconds: float = 120.0
    limits: tuple[int, int, int] = (4, 1, 1024)  # start, least and most of the limiter
    grid: tuple[int, ...] = GRID
    bar: float | None = None  # the ratio that must be reached

    @property
    def speeds(self) -> Speeds:
        """Of the server itself."""
        return Speeds(self.speed, self.knee, self.slots, self.bend, self.reading, self.reading_share, self.cached)


@dataclass(slots=True, eq=False)
class Call(Job):
    """One attempt after another of the same call."""

    admitted: float = 0.0
    attempt: int = 0
    ticket: Attempt | None = None


@dataclass
class Seen:
    """What a run gave: tokens of each second, first-token times, counts, and the path of the limit."""

    tokens: list[float]
    waits: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    attempts: int = 0
    rejects: int = 0
    done: int = 0
    path: list[tuple[float, Change]] = field(default_factory=list[tuple[float, Change]])
    limits: list[int] = field(default_factory=list[int])
    ramped: float = 0.0

    def rate(self, begin: float) -> float:
        """Tokens a second from `begin` to the end."""
        rest = self.tokens[round(begin) :]
        return sum(rest) / len(rest)

    def first_token(self, begin: float) -> float:
        """Mean seconds from admission to the first token."""
        return statistics.fmean([wait for at, wait in self.waits if at >= begin] or [math.nan])

    def reached(self, rate: float) -> float:
        """When the mean of five seconds first was at least `rate`."""
        means = (sum(self.tokens[n : n + 5]) / 5 for n in range(len(self.tokens) - 4))
        return next((n + 5 for n, mean in enumerate(means) if mean >= rate), math.inf)


class Simulation:
    """Callers, a gate and a server on one clock that only exists here."""

    def __init__(self, server: Server, seed: int, fixed: int | None = None) -> None:
        self.server = server
        self.limiter = None if fixed else Limiter(*server.limits)
        self.limit = fixed or server.limits[0]
        self.seen = Seen([0.0] * round(server.seconds))
        self._dice = random.Random(f"{server.name} {seed}")
        self._luck = random.Random(seed)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = 0.0
        self._in_flight = 0
        self._inside = 0  # calls that the server has taken
        self._gate: deque[Call] = deque()
        self._machine = Machine(server.speeds, Ears(self._stream, self._finish))
        self._bucket = self._bucket_at = 0.0
        self._told = 0.0  # tokens the limiter has not heard of yet

    def run(self) -> Seen:
        """Play the whole run."""
        for _ in range(self.server.callers):
            self._after(self._luck.expovariate(1 / self.server.think), self._next_call)
        if self.limiter:
            self._after(TICK, self._tick)
        while self._now < self.server.seconds:
            self._step()
        return self.seen

    # --- the clock

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), what))

    def _step(self) -> None:
        self._machine.factor = self._value(self.server.capacity, 1.0)
        machine_at = self._machine.due()
        event_at = self._events[0][0] if self._events else END
        until = min(event_at, machine_at, math.floor(self._now) + 1.0, self.server.seconds)
        self._pass(until)
        if until == event_at:
            heapq.heappop(self._events)[2]()
        elif until == machine_at:
            self._machine.happen()

    def _pass(self, until: float) -> None:
        tokens = self._machine.advance(until)
        self.seen.tokens[min(int(self._now), len(self.seen.tokens) - 1)] += tokens
        self._told += tokens
        self._now = until

    def _value(self, spans: tuple[Span, ...], otherwise: float) -> float:
        return next((s.value for s in spans if s.begin <= self._now < s.end), otherwise)

    # --- callers and the gate

    def _next_call(self) -> None:
        low, high = self.server.prompt
        mean = math.log(self.server.reply) - self.server.spread**2 / 2
        reply = min(4_000, max(1, round(self._dice.lognormvariate(mean, self.server.spread))))
        self._wait(Call(self._dice.randint(low, high), reply))

    def _wait(self, call: Call) -> None:
        self._gate.append(call)
        self._admit()

    def _admit(self) -> None:
        while self._gate and self._in_flight < self.limit:
            call = self._gate.popleft()
            call.admitted, call.attempt = self._now, call.attempt + 1
            self._in_flight += 1
            self.seen.attempts += 1
            call.ticket = self.limiter.admitted(self._now) if self.limiter else None
            self._after(TRIP, lambda call=call: self._arrive(call))

    def _tick(self) -> None:
        assert self.limiter
        self._resize(self._tell().tick(self._now))
        self.seen.limits.append(self.limit)
        if not self.seen.ramped and not self.limiter.climbing:
            self.seen.ramped = self._now
        self._after(TICK, self._tick)

    def _tell(self) -> Limiter:
        assert self.limiter
        self.limiter.streamed(int(self._told))
        self._told -= int(self._told)
        return self.limiter

    def _resize(self, change: Change | None) -> None:
        if change:
            self.limit = change.limit
            self.seen.path.append((self._now, change))
        self._admit()

    def _leave(self, call: Call, heard: Callable[[Limiter, Attempt], Change | None]) -> None:
        self._in_flight -= 1
        self._resize(heard(self._tell(), call.ticket) if call.ticket else None)

    # --- the server

    def _arrive(self, call: Call) -> None:
        if self._is_refused():
            self._reject(call)
        elif self._luck.random() < self._value(self.server.failures, 0.0):
            self._again(call, self._luck.uniform(0, min(20, 0.5 * 2**call.attempt)))
            self._leave(call, lambda limiter, ticket: limiter.failed(self._now, ticket))
        else:
            self._inside += 1
            self._after(self.server.delay * self._luck.uniform(0.5, 1.5), lambda: self._machine.line_up(call))

    def _is_refused(self) -> bool:
        if self.server.rate is None:
            return self.server.ceiling is not None and self._inside >= self.server.ceiling
        filled = self._bucket + (self._now - self._bucket_at) * self.server.rate
        self._bucket, self._bucket_at = min(10 * self.server.rate, filled), self._now
        self._bucket -= self._bucket >= 1
        return filled < 1

    def _reject(self, call: Call) -> None:
        self.seen.rejects += 1
        asked = self._luck.choice((None, 1.0, 2.0))
        wait = self._luck.uniform(0, min(30, 2**call.attempt)) if asked is None else asked + self._luck.random()
        self._again(call, wait)
        self._leave(call, lambda limiter, ticket: limiter.rejected(self._now, ticket, asked))

    def _again(self, call: Call, wait: float) -> None:
        self._after(wait, lambda: self._wait(call))

    def _stream(self, job: Job) -> None:
        call = self._call(job)
        self.seen.waits.append((self._now, self._now - call.admitted))
        if self.limiter and call.ticket:
            self.limiter.spoke(self._now, call.ticket)

    def _finish(self, job: Job) -> None:
        self.seen.done += 1
        self._inside -= 1
        self._after(self._luck.expovariate(1 / self.server.think), self._next_call)
        self._leave(self._call(job), lambda limiter, ticket: limiter.finished(self._now, ticket))

    def _call(self, job: Job) -> Call:
        assert isinstance(job, Call)
        return job


def play(server: Server, seed: int, fixed: int | None = None) -> Seen:
    """One run: with a fixed limit, or with the limiter."""
    return Simulation(server, seed, fixed).run()
