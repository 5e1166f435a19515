"""What the limiter sees: the counts of a window of time, the level they amount to, and what a server's metrics say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

FIRST_TOKENS = 3  # or failures; fewer say nothing
ALIKE = 1.25  # rates nearer than this factor are the same one, seen twice


class Sample(NamedTuple):
    """What a server's `/metrics` say: calls waiting for a slot, share of the KV cache in use, preemptions since the
    sample before. None: not told."""

    waiting: float | None = None
    cache: float | None = None
    preemptions: float = 0.0


class Level(NamedTuple):
    """What was seen at a limit: mean calls in flight, and tokens a second."""

    limit: int
    calls: float
    rate: float

    def joined(self, before: Level | None) -> Level:
        """The mean of this and what was seen here before, unless the server has changed since."""
        if before is None or not 1 / ALIKE < self.rate / max(before.rate, 1e-9) < ALIKE:
            return self
        return Level(self.limit, (before.calls + self.calls) / 2, (before.rate + self.rate) / 2)


@dataclass
class Window:
    """Since `began`: call-seconds in flight, and of these `waiting` for a first token; counts; what `spoken` waited."""

    began: float
    area: float = 0.0
    waiting: float = 0.0
    waited: float = 0.0
    tokens: int = 0
    spoken: int = 0
    done: int = 0
    failed: int = 0

    @property
    def telling(self) -> bool:
        """Enough was heard to say anything."""
        return self.spoken + self.failed >= FIRST_TOKENS

    def failing(self, share: float) -> bool:
        """More than `share` of the calls that ended failed."""
        return self.telling and self.failed > share * (self.done + self.failed)


def elasticity(home: Level, level: Level) -> float:
    """d ln(tokens/s) / d ln(calls in flight) from `home` to `level`; 0 where they are too near each other to tell."""
    step = math.log(level.calls / home.calls)
    if abs(step) < 0.03 or not home.rate or not level.rate:
        return 0.0
    return math.log(level.rate / home.rate) / step
