"""The embedded model behind the adaptive limiter, against fixed limits of 2, 4 and 8: real model, real server.

    python benchmarks/embedded.py [--seconds 60] [--ramp 15] [--repeats 3]

Twelve callers keep asking (one shared prompt head, short replies), through the engine's own gate, lane and limiter.
Tokens a second are counted from the end of the ramp to the end of the run. The limits take turns, so that what else the
machine does meets all of them; medians of the repeats. Bars: the limiter begins at the server's slots, stays within
2 to 8 and reaches 0.9 of the best fixed limit. Takes (ramp + seconds + 5) × 4 × repeats; needs `t2s local install`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Literal, NamedTuple

from engine.life import pool_of
from engine.llm.endpoint import Delta, Message, Request
from engine.llm.open import open_fleet
from engine.llm.pool import Pool
from workspace.errors import EndpointError
from workspace.runs.events import Event, LimiterResized
from workspace.runs.run import RunFolder
from workspace.settings.config import Config

BAR, LEAST, MOST = 0.9, 2, 8
CALLERS = 12
HEAD = (
    "You keep the books of a small harbour. Ships come and go, and each of them pays for its berth, for water, for "
    "light and for the pilot. Answer in plain sentences, without lists, and never repeat the question."
)
Limit = int | Literal["auto"]


class Seen(NamedTuple):
    """One run: tokens a second after the ramp, and the limits it went through."""

    rate: float
    path: tuple[int, ...]


async def measure(limit: Limit, ramp: float, seconds: float) -> Seen:
    """Keep the model busy for a while."""
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch))
        config = Config.model_validate({"endpoint": {"local": True, "limit": limit}})
        async with open_fleet(run, config) as fleet:
            pool, tokens = pool_of(fleet, run, events.append), [0]
            began, path = pool.limit, [pool.limit]
            work = [asyncio.create_task(_ask(pool, numbers, tokens)) for numbers in [itertools.count()] * CALLERS]
            work.append(asyncio.create_task(_tick(pool)))
            await asyncio.sleep(ramp)
            before, at = tokens[0], time.monotonic()
            await asyncio.sleep(seconds)
            rate = (tokens[0] - before) / (time.monotonic() - at)
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
    for end in ended:
        if isinstance(end, Exception):
            raise end
    path += [event.limit for event in events if isinstance(event, LimiterResized)]
    assert path[0] == began
    return Seen(rate, tuple(path))


async def _ask(pool: Pool, numbers: itertools.count[int], tokens: list[int]) -> None:
    while True:
        number = next(numbers)
        question = f"What did ship number {number} owe after {number % 9 + 1} days, and who was told?"
        messages = (Message(role="system", content=HEAD), Message(role="user", content=question))
        request = Request(model="", messages=messages, max_tokens=24 + number % 5 * 12, seed=number)
        async with pool.gate.admit(pool.gate.ticket(prefix=HEAD)) as permit:
            member = pool.behind(permit.lane)
            with member.throttle.attempt(permit) as heard:
                async with aclosing(member.endpoint.stream(request)) as stream:
                    async for part in stream:
                        if isinstance(part, Delta):
                            heard.piece()
                            tokens[0] += 1


async def _tick(pool: Pool) -> None:
    while True:
        await asyncio.sleep(0.3)
        pool.tick()


def main() -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ramp", type=float, default=15.0)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    limits: tuple[Limit, ...] = (2, 4, 8, "auto")
    seen: dict[Limit, list[Seen]] = {limit: [] for limit in limits}
    try:
        for _, limit in itertools.product(range(given.repeats), limits):
            seen[limit].append(asyncio.run(measure(limit, given.ramp, given.seconds)))
            print(f"{limit!s:>5}{seen[limit][-1].rate:8.2f} tokens/s   {seen[limit][-1].path}", flush=True)
    except EndpointError as error:
        print(f"skipped: {error}")
        return 0
    rates = {limit: statistics.median(one.rate for one in of) for limit, of in seen.items()}
    best = max(rates[limit] for limit in (2, 4, 8))
    path = [limit for one in seen["auto"] for limit in one.path]
    print(f"\nmedian tokens/s: {', '.join(f'{limit}: {rate:.2f}' for limit, rate in rates.items())}")
    print(f"adaptive ÷ best fixed: {rates['auto'] / best:.3f} (bar {BAR}); limits {min(path)} to {max(path)}")
    kept = all(one.path[0] == 4 for one in seen["auto"]) and min(path) >= LEAST and max(path) <= MOST
    return int(not kept or rates["auto"] < BAR * best)


if __name__ == "__main__":
    sys.exit(main())
