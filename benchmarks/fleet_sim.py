"""A fleet of simulated servers (benchmarks/machine.py) as endpoints of the engine, in virtual time."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.fleet_agents import Answered, Fleet, Limit, Load, Told, sizes
from benchmarks.machine import Ears, Job, Machine
from benchmarks.simulated import TRIP, Server
from benchmarks.virtual import play
from engine.llm.endpoint import Delta, Reply, Request
from engine.llm.failures import Rejected, Transient, Unreachable

PIECE = 32  # tokens that come at once; every rate that a limiter sees is that much smaller
FIRST, BROKEN = 0, -1


class Outage(NamedTuple):
    """Which server is away, from when to when."""

    server: int
    begin: float
    end: float


class SimulatedEndpoint:
    """One machine as the engine asks it."""

    def __init__(self, server: Server, told: Told) -> None:
        self.name = server.name
        self.machine = Machine(server.speeds, Ears(self._spoke, self._finished, self._spoke), PIECE)
        self.is_up = True
        self._ceiling = math.inf if server.ceiling is None else server.ceiling
        self._told = told
        self._alarm: asyncio.TimerHandle | None = None
        self._inside: dict[Job, asyncio.Queue[int]] = {}
        told.row(self.name)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]:
        """A piece for each 32 tokens. Raises `Unreachable`, `Rejected`, `Transient`."""
        await asyncio.sleep(TRIP)
        self._accept()
        size, prefix = sizes(request), request.messages[0].content
        job = Job(size["prompt"], size["reply"], prefix, size["shared"])
        heard = self._inside[job] = asyncio.Queue[int]()
        self._now()
        self.machine.line_up(job)
        self._arm()
        while (tokens := await heard.get()) == FIRST:
            yield Delta("x", "")
        if tokens == BROKEN:
            raise Transient(f"{self.name} hung up")
        self._told.answered.append(Answered(asyncio.get_running_loop().time(), size["number"], prefix, self.name))
        yield Reply(text="x", prompt_tokens=job.prompt + job.shared, completion_tokens=tokens)

    async def models(self) -> list[str]:
        """Whether it is there. Raises `Unreachable`."""
        await asyncio.sleep(TRIP)
        if not self.is_up:
            raise Unreachable(f"nobody at {self.name}")
        return ["simulated"]

    async def close(self) -> None:
        """Nothing more happens in it."""
        self._disarm()

    def die(self) -> None:
        """It is away from now on."""
        self._now()
        self.is_up = False
        for job in self.machine.die():
            self._told.wasted += job.said
            self._inside.pop(job).put_nowait(BROKEN)
        self._disarm()

    def come_back(self) -> None:
        """It answers again."""
        self._now()
        self.is_up = True

    def _accept(self) -> None:
        if not self.is_up:
            raise Unreachable(f"nobody at {self.name}")
        if len(self._inside) >= self._ceiling:
            self._told.rejects += 1
            raise Rejected(f"{self.name} is busy", 1.0)

    # --- the machine and the loop's clock

    def _now(self) -> None:
        self._advance(asyncio.get_running_loop().time())

    def _advance(self, until: float) -> None:
        self._told.say(self.name, self.machine.now, self.machine.advance(until))

    def _arm(self) -> None:
        self._disarm()
        if (due := self.machine.due()) < math.inf:
            self._alarm = asyncio.get_running_loop().call_at(due, self._happen, due)

    def _disarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()

    def _happen(self, due: float) -> None:
        self._advance(due)
        self.machine.happen()
        self._arm()

    def _spoke(self, job: Job) -> None:
        self._inside[job].put_nowait(FIRST)

    def _finished(self, job: Job) -> None:
        self._inside.pop(job).put_nowait(job.reply)


def run_fleet(servers: Sequence[Server], seconds: int, load: Load, outages: Sequence[Outage] = ()) -> Told:
    """One run of so many virtual seconds."""
    told = Told(seconds)
    with tempfile.TemporaryDirectory() as scratch:

        async def work(clock: Callable[[], float]) -> None:
            endpoints = [SimulatedEndpoint(server, told) for server in servers]
            for outage in outages:
                loop, endpoint = asyncio.get_running_loop(), endpoints[outage.server]
                loop.call_at(outage.begin, endpoint.die)
                loop.call_at(outage.end, endpoint.come_back)
            limits = [Limit(server.limits[0]) for server in servers]
            await Fleet(endpoints, limits, load, told, clock, Path(scratch)).run()
            for endpoint in endpoints:
                await endpoint.close()
                told.hits[endpoint.name], told.misses[endpoint.name] = endpoint.machine.hits, endpoint.machine.misses

        began = time.process_time()
        play(work)
        told.cpu = time.process_time() - began
    return told
