"""What a run may spend: arithmetic alone, without clocks, files or waiting.

Before an attempt is admitted the most it can use is set aside; when it ends, what it did use takes that place. A call
that would fit once others have ended waits for them; one that would not fit even then reaches the budget, and from
there on nothing more is granted under the same caps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Cap = Literal["tokens", "cost", "requests", "seconds"]
CAPS: tuple[Cap, ...] = ("tokens", "cost", "requests", "seconds")
PER_TOKEN = 4.0  # characters a token has where the server does not count
LONGEST_REPLY = 8192  # tokens a reply may have where the request names no limit
MILLION = 1_000_000
UNITS: Mapping[Cap, str] = {"tokens": "tokens", "cost": "", "requests": "model calls", "seconds": "seconds"}


@dataclass(frozen=True)
class Use:
    """Finished calls, tokens read and tokens written."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Use) -> Use:
        sums = (self.requests + other.requests, self.prompt + other.prompt, self.completion + other.completion)
        return Use(*sums)

    def __sub__(self, other: Use) -> Use:
        return self + Use(-other.requests, -other.prompt, -other.completion)


class Prices(NamedTuple):
    """What a million tokens cost; None is not known."""

    prompt: float | None = None
    completion: float | None = None

    def cost(self, use: Use) -> float | None:
        """What `use` costs, None where a price is not known."""
        if self.prompt is None or self.completion is None:
            return None
        return (use.prompt * self.prompt + use.completion * self.completion) / MILLION


NOTHING, UNKNOWN = Use(), Prices()


class Reservation(NamedTuple):
    """Something is set aside under this number until it is settled."""

    number: int


class Later(NamedTuple):
    """It does not fit beside what is set aside now, and may fit once some of that is settled."""


class Reached(NamedTuple):
    """A cap at its end, and the sentence about it."""

    cap: Cap
    limit: float
    spent: float
    sentence: str


class Budget:
    """`caps` holds those that are set. `spent` and `seconds` are those of earlier lives, `reached` the limits of caps
    that they reached: such a cap stays reached until it is larger. Raises `ValueError` for a cap on an unknown cost.
    """

    def __init__(
        self,
        caps: Mapping[Cap, float] | None = None,
        prices: Prices = UNKNOWN,
        *,
        spent: Use = NOTHING,
        seconds: float = 0.0,
        reached: Mapping[str, float] | None = None,
    ) -> None:
        self._caps = dict(caps or {})
        if "cost" in self._caps and prices.cost(NOTHING) is None:
            raise ValueError("a cap on cost needs both prices")
        self._prices = prices
        self._seconds = seconds
        self._numbers = itertools.count()
        self._aside: dict[int, Use] = {}
        self._all_aside = NOTHING
        self._closed = {cap for cap, at in (reached or {}).items() if cap in self._caps and self._caps[cap] <= at}
        self.spent = spent

    @property
    def cost(self) -> float | None:
        """What is spent, in money; None where a price is not known."""
        return self._prices.cost(self.spent)

    def overdue(self, seconds: float) -> bool:
        """Is the time over, after so many seconds of this life?"""
        return self._seconds + seconds > self._caps.get("seconds", math.inf)

    @property
    def closed(self) -> bool:
        """Is a cap reached?"""
        return bool(self._closed)

    @property
    def busy(self) -> bool:
        """Is anything set aside for a call that has not ended?"""
        return bool(self._aside)

    def set_cap(self, cap: Cap, limit: float | None) -> None:
        """Another cap from now on, None for no cap; a larger one is no longer reached. Raises `ValueError` for a cap on
        an unknown cost."""
        if cap == "cost" and limit is not None and self.cost is None:
            raise ValueError("a cap on cost needs both prices")
        if limit is None or limit > self._caps.get(cap, math.inf):
            self._closed.discard(cap)
        if limit is None:
            self._caps.pop(cap, None)
        else:
            self._caps[cap] = limit

    def reserve(self, need: Use, seconds: float = 0.0) -> Reservation | Later | Reached:
        """Set `need` aside, the most that a call can use; `seconds` are those of this life."""
        spent, more = self._amounts(self.spent, self._seconds + seconds), self._amounts(need)
        for cap, limit in self._caps.items():
            if cap in self._closed or spent[cap] + more[cap] > limit:
                self._closed.add(cap)
                return Reached(cap, limit, spent[cap], _sentence(cap, limit, spent[cap], more[cap]))
        aside = self._amounts(self._all_aside)
        if any(spent[cap] + aside[cap] + more[cap] > limit for cap, limit in self._caps.items()):
            return Later()
        number = next(self._numbers)
        self._aside[number] = need
        self._all_aside += need
        return Reservation(number)

    def settle(self, reservation: Reservation, use: Use | None) -> None:
        """The call has ended: `use` is spent, the rest of what was set aside is free; None: it came to nothing."""
        self._all_aside -= self._aside.pop(reservation.number)
        self.spent += use or NOTHING

    def _amounts(self, use: Use, seconds: float = 0.0) -> dict[Cap, float]:
        cost = self._prices.cost(use) or 0.0  # an unknown price has no cap to be held to
        return {"tokens": use.prompt + use.completion, "cost": cost, "requests": use.requests, "seconds": seconds}


def most(characters: int, per_token: float, max_tokens: int | None) -> Use:
    """The most a call with a prompt of so many characters can use."""
    return Use(1, math.ceil(characters / per_token), max_tokens or LONGEST_REPLY)


def used(prompt: int | None, completion: int | None, read: int, written: int) -> Use:
    """What a finished call used: tokens as the server counted them, else by the characters read and written."""
    return Use(
        1,
        math.ceil(read / PER_TOKEN) if prompt is None else prompt,
        math.ceil(written / PER_TOKEN) if completion is None else completion,
    )


def _sentence(cap: Cap, limit: float, spent: float, more: float) -> str:
    unit = f" {UNITS[cap]}" if UNITS[cap] else ""
    what = f"a budget of {_number(limit)}{unit}" if unit else f"a cost budget of {_number(limit)}"
    needs = f" and the next call may need {_number(more)}" if more and spent < limit else ""
    return f"{what} is reached: {_number(spent)} spent{needs}; a larger --budget-{cap}, or none, lets the run go on"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.4g}"
