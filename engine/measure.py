"""How fast a model server is at 1, 2, 4, 8 … calls at once, and how many it is worth giving it.

Each step is a short burst: so many callers, each asking again until the burst is over. A burst costs at most
`CALLS` × concurrency calls of `TOKENS` tokens; the steps end when more callers bring no more tokens.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import NamedTuple, Protocol

from engine.llm.endpoint import Delta, Message, Reply, Request
from engine.llm.failures import CallFailed
from engine.together import first_cause, together

TOKENS = 64  # of each reply
CALLS = 3  # of one caller in one burst, at most
BURST = 1.0  # seconds after which a caller asks no more
WITHIN = 20.0  # seconds for all bursts together
GROWTH = 1.1  # tokens/s of a step to those of the best before it, below which there is no next step
NEAR = 0.9  # of the best tokens/s: enough for the recommended limit


class Streams(Protocol):
    """As much of an endpoint as is measured."""

    name: str

    def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]: ...


class Heard(NamedTuple):
    """A whole reply, and in how many pieces it came."""

    reply: Reply
    pieces: int


class Step(NamedTuple):
    """One burst: tokens a second of all callers together, and the median of the seconds to a first token
    (connecting counts)."""

    concurrency: int
    tokens_per_second: float
    ttft: float


class Measured(NamedTuple):
    """All bursts that came to their end. `failed` is what ended the one at `stopped_at` (0: none was stopped); with
    `stopped_at` and no failure the time was up. `growing`: more callers may bring more."""

    steps: tuple[Step, ...] = ()
    stopped_at: int = 0
    failed: CallFailed | None = None
    growing: bool = False

    @property
    def recommended(self) -> int | None:
        """The fewest calls at once that come near the best speed; None when nothing was measured."""
        best = max((step.tokens_per_second for step in self.steps), default=0.0)
        return next((s.concurrency for s in self.steps if s.tokens_per_second >= NEAR * best), None)


async def heard(endpoint: Streams, request: Request) -> Heard:
    """One call to its end. Raises `CallFailed`."""
    pieces, reply = 0, None
    async for part in endpoint.stream(request):
        if isinstance(part, Reply):
            reply = part
        else:
            pieces += 1
    if reply is None:
        raise RuntimeError(f"endpoint {endpoint.name} ended a stream without a reply")
    return Heard(reply, pieces)


async def measure(endpoint: Streams, model: str, up_to: int, within: float = WITHIN) -> Measured:
    """Bursts of 1, 2, 4 … `up_to` calls at once, until one is refused, brings too little, or `within` s are over."""
    until = time.monotonic() + within
    steps: list[Step] = []
    growing = True
    for concurrency in concurrencies(up_to):
        try:
            async with asyncio.timeout(until - time.monotonic()):
                step = await _burst(endpoint, model, concurrency)
        except TimeoutError:
            return Measured(tuple(steps), concurrency, growing=growing)
        except CallFailed as failure:
            return Measured(tuple(steps), concurrency, failure)
        growing = _grows(steps, step)
        steps.append(step)
        if not growing:
            break
    return Measured(tuple(steps), growing=growing)


def concurrencies(up_to: int) -> Iterator[int]:
    """1, 2, 4, 8 … and `up_to` itself as the last."""
    now = 1
    while now < up_to:
        yield now
        now *= 2
    yield up_to


def _grows(before: Sequence[Step], step: Step) -> bool:
    best = max((earlier.tokens_per_second for earlier in before), default=0.0)
    return step.tokens_per_second >= GROWTH * best


async def _burst(endpoint: Streams, model: str, concurrency: int) -> Step:
    """Raises the first `CallFailed`; the other calls are ended then."""
    began = time.monotonic()
    numbers = range(concurrency * 1000, concurrency * 1000 + concurrency)
    try:
        callers = await together(_caller(endpoint, model, number, began + BURST) for number in numbers)
    except BaseExceptionGroup as group:
        raise first_cause(group) from None
    seconds = time.monotonic() - began
    said = [one for some in callers for one in some]
    ttft = statistics.median(one.reply.first_token for one in said)
    return Step(concurrency, sum(map(_tokens, said)) / seconds, ttft)


async def _caller(endpoint: Streams, model: str, number: int, until: float) -> list[Heard]:
    said: list[Heard] = []
    while not said or (len(said) < CALLS and time.monotonic() < until):
        said.append(await heard(endpoint, _request(model, f"{number}-{len(said)}")))
    return said


def _tokens(one: Heard) -> int:
    """As the server counts them, else the pieces."""
    return one.pieces if one.reply.completion_tokens is None else one.reply.completion_tokens


def _request(model: str, label: str) -> Request:
    # The label makes each prompt a new one from its first word on: no cache may answer for the model.
    words = f"List {label}: write the numbers from one to ninety-nine as English words, one a line."
    return Request(model=model, messages=(Message(role="user", content=words),), max_tokens=TOKENS, seed=1)
