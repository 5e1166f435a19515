"""When to try a failed call again: a pure policy, no clock and no sleep of its own."""

from __future__ import annotations

import random
from typing import NamedTuple

from engine.llm.failures import CallFailed, Rejected, Transient, Unreachable

LONGEST_ASKED = 900.0  # a server that asks for more than this is treated as gone


class Policy(NamedTuple):
    """`retries` after the first attempt; waits grow from `base` to `cap` seconds, before jitter."""

    retries: int
    base: float
    cap: float


REJECTED = Policy(retries=60, base=1.0, cap=30.0)
TRANSIENT = Policy(retries=5, base=0.5, cap=20.0)
NEVER = Policy(retries=0, base=0.0, cap=0.0)


def policy(failure: CallFailed) -> Policy:
    """How a class of failures is retried; what no repetition can mend is not."""
    match failure:
        case Rejected():
            return REJECTED
        case Transient():
            return TRANSIENT
        case _:
            return NEVER


def next_wait(failure: CallFailed, attempt: int, dice: random.Random) -> float | None:
    """Seconds until the next attempt after `attempt` (1-based) failed, or None: give up.

    Full jitter: uniform between 0 and base · 2^(attempt - 1), at most `cap`. What the server asked for is obeyed;
    up to a second comes on top, so that those who were told the same time do not come back together.
    """
    retries, base, cap = policy(failure)
    if attempt > retries:
        return None
    asked = failure.retry_after if isinstance(failure, Rejected | Transient) else None
    if asked:
        return None if asked > LONGEST_ASKED else asked + dice.uniform(0, min(asked, 1.0))
    jitter = dice.uniform(0, min(cap, base * 2.0 ** (attempt - 1)))
    return max(jitter, base) if isinstance(failure, Unreachable) else jitter
