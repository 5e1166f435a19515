"""Admission to one endpoint: may a call start there now, and if not, when? Told of time, without a clock of its own."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from engine.llm.breaker import Breaker
from engine.llm.prefixes import Prefixes

NEVER = float("inf")
LONG_PREFIX = 8_000  # characters; a shorter one costs less to read twice than to wait for
PREFIX_WAIT = 2.0  # seconds that calls wait at most for the first one with their prefix
COLD = 0.25  # of its limit: so much more load may a server have that surely knows the prefix
LEAST_BURST, BURST_SHARE, BURST_EVERY = 8, 0.1, 0.002


class Pace(Protocol):
    """How many calls and tokens a minute may have (engine/llm/quota.py)."""

    def ready_at(self, now: float, tokens: int) -> float:
        """When a call of about so many tokens may start."""
        ...

    def took(self, now: float, tokens: int) -> None:
        """It starts."""
        ...

    def used(self, now: float, expected: int, used: int) -> None:
        """It used so many tokens where so many were expected."""
        ...


class Call(NamedTuple):
    """What admission knows of a call: the prefix it shares with others (empty: none worth waiting for) and about how
    many tokens it will use."""

    prefix: str = ""
    tokens: int = 0


class Lane:
    """At most `limit` calls in flight, in bursts of a tenth of it; closed while its endpoint is lost.

    The first call of a long prefix goes alone until its first token, so that the server reads the prefix once and not
    once a call. `alone`: calls with another prefix wait until the lane is empty (a server that keeps one prefix).
    """

    def __init__(self, name: str, limit: int, *, alone: bool = False, pace: Pace | None = None) -> None:
        self.name = name
        self.alone = alone
        self.limit = at_least_one(limit)
        self.in_flight = 0
        self.is_open = True
        self.breaker = Breaker()
        self._pace = pace
        self._head = ""
        self._reading: dict[str, float] = {}  # prefixes whose first call is in flight, and since when
        self._known = Prefixes()
        self._burst, self._burst_at = 0, -NEVER

    @property
    def has_room(self) -> bool:
        """Where not, only an end, another limit or a return can change that."""
        return self.is_open and self.in_flight < self.limit

    def ready_at(self, call: Call, now: float) -> float:
        """The time from which on `call` may start as far as is known now; `NEVER` waits for something to happen."""
        if not self.has_room:
            return NEVER
        if self.alone and self.in_flight and self._head != call.prefix:
            return NEVER
        at = max(now, self.breaker.ready_at(now), self._read_by(call.prefix, now))
        if self._burst >= max(LEAST_BURST, self.limit * BURST_SHARE):
            at = max(at, self._burst_at + BURST_EVERY)
        return at if self._pace is None else max(at, self._pace.ready_at(now, call.tokens))

    def load(self, call: Call) -> float:
        """How full it would be, as a share of its limit; a server that has the prefix in its cache counts for less."""
        full = (self.in_flight + 1) / self.limit
        return full + COLD * (1 - self._known.chance(call.prefix)) if call.prefix else full

    def fits(self, call: Call) -> float:
        """How likely the server needs not read the prefix anew: 0 to 1."""
        if self.alone:
            return float(call.prefix == self._head)
        return self._known.chance(call.prefix) if call.prefix else 1.0

    def take(self, call: Call, now: float) -> bool:
        """`call` starts; does it try whether the endpoint works again?"""
        if now >= self._burst_at + BURST_EVERY:
            self._burst, self._burst_at = 0, now
        self._burst += 1
        self.in_flight += 1
        if self._pace:
            self._pace.took(now, call.tokens)
        self._head = call.prefix
        if call.prefix in self._known:
            self._known.used(call.prefix)
        elif call.prefix and not self.alone:
            self._reading.setdefault(call.prefix, now)
        return self.breaker.took()

    def spoke(self, call: Call) -> None:
        """The first token of `call` came: the server has read its prefix."""
        self.breaker.spoke()
        if call.prefix:
            self._reading.pop(call.prefix, None)
            self._known.used(call.prefix)

    def used(self, call: Call, tokens: int, now: float) -> None:
        """`call` used so many tokens."""
        if self._pace:
            self._pace.used(now, call.tokens, tokens)

    def leave(self, call: Call, *, tried: bool) -> None:
        """`call` has ended, however."""
        self.in_flight -= 1
        if tried:
            self.breaker.left()
        self._reading.pop(call.prefix, None)

    def close(self) -> None:
        """Its endpoint is lost: nothing starts here until `open`, and what it had in its cache went with it."""
        self.is_open = False
        self._known.forget()

    def open(self) -> None:
        """It answers again."""
        self.is_open = True

    def _read_by(self, prefix: str, now: float) -> float:
        since = self._reading.get(prefix)
        return now if since is None else since + PREFIX_WAIT


def at_least_one(limit: int) -> int:
    """`limit`, which must be a number of calls. Raises `ValueError`."""
    if limit < 1:
        raise ValueError(f"a gate needs room for at least one call, not {limit}")
    return limit
