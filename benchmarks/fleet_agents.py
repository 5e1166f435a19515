"""Agents that call a fleet through the engine's own caller, pool, gate and limiters, and what came of it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.caller import Caller, Place
from engine.lifeline import Lifeline
from engine.llm.endpoint import Delta, Endpoint, Message, Request
from engine.llm.gate import Gate
from engine.llm.lane import LONG_PREFIX, Lane
from engine.llm.learned import Ladder
from engine.llm.limiter import Limiter
from engine.llm.pool import Member, Pool
from engine.llm.throttle import Throttle
from engine.pause import Pause
from engine.record import Record
from workspace.runs.events import Event
from workspace.runs.run import RunFolder

MODEL = "scripted"
TICK = 0.3  # seconds between two looks of the limiters, as engine/heartbeat.py has it
SPREAD, LONGEST = 0.9, 4_000  # of replies: lognormal's sigma, tokens at most


class Load(NamedTuple):
    """Who calls: `agents` in `groups` that share a prefix of `shared` tokens, with tasks of one to `turns` calls, each
    with a `prompt` of its own and a `reply` of so many tokens (mean), `think` seconds apart (mean)."""

    agents: int = 1024
    groups: int = 48
    shared: int = 4_000
    turns: int = 6
    prompt: tuple[int, int] = (300, 2_000)
    reply: float = 300.0
    think: float = 0.3


class Answered(NamedTuple):
    """One whole reply: when, the call's number, its prefix, who gave it."""

    at: float
    number: int
    prefix: str
    server: str


@dataclass
class Told:
    """What a run of so many `seconds` gave. `tokens`: by server, of each second; those of replies that broke off are
    `wasted`. `asked` calls; `given`: their numbers as replies came back; `answered`: as servers gave them."""

    seconds: int
    tokens: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    limits: dict[str, int] = field(default_factory=dict[str, int])
    hits: dict[str, int] = field(default_factory=dict[str, int])
    misses: dict[str, int] = field(default_factory=dict[str, int])
    wasted: float = 0.0
    rejects: int = 0
    asked: int = 0
    given: list[int] = field(default_factory=list[int])
    answered: list[Answered] = field(default_factory=list[Answered])
    events: list[tuple[float, Event]] = field(default_factory=list[tuple[float, Event]])
    cpu: float = 0.0

    def row(self, name: str) -> list[float]:
        """The tokens of a server, second by second."""
        return self.tokens.setdefault(name, [0.0] * self.seconds)

    def say(self, name: str, at: float, tokens: float) -> None:
        """A server gave so many tokens."""
        self.row(name)[min(int(at), self.seconds - 1)] += tokens

    def rate(self, name: str, begin: float, end: float) -> float:
        """Tokens a second of a server."""
        some = self.tokens[name][round(begin) : round(end)]
        return sum(some) / max(1, len(some))

    def reached(self, names: Iterable[str], rate: float, begin: float = 0.0) -> float:
        """When the mean of five seconds first was `rate` tokens a second, of these servers together; infinite when it
        never was."""
        rows = [sum(second) for second in zip(*(self.tokens[name] for name in names), strict=True)]
        means = ((n + 5, sum(rows[n : n + 5]) / 5) for n in range(round(begin), len(rows) - 4))
        return next((at for at, mean in means if mean >= rate), math.inf)


class Limit(NamedTuple):
    """Calls in flight at an endpoint: fixed, or where its limiter begins."""

    begin: int
    adapts: bool = True


class _Ear:
    """Nobody listens."""

    def begin(self) -> None: ...

    def hear(self, delta: Delta) -> None: ...


class Fleet:
    """One pool over all endpoints, and the agents that call it. `clock` is the loop's."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        limits: Sequence[Limit],
        load: Load,
        told: Told,
        clock: Callable[[], float],
        folder: Path,
    ) -> None:
        self._load, self._told, self._clock, self._began = load, told, clock, clock()
        self._record = Record(RunFolder(folder))
        self._prefixes = [
            f"ROLE: sampler\n{group:08d}" + "the skill " * (LONG_PREFIX // 10) for group in range(load.groups)
        ]
        gate = Gate([Lane(one.name, limit.begin) for one, limit in zip(endpoints, limits, strict=True)], clock)
        self.limiters = [Limiter(limit.begin, now=clock()) if limit.adapts else None for limit in limits]
        self.pool = Pool(
            gate,
            [
                Member(endpoint, Throttle(gate, lane, limiter, self._emit), Ladder(lane.name))
                for endpoint, lane, limiter in zip(endpoints, gate.lanes, self.limiters, strict=True)
            ],
        )
        pause = Pause(self._emit, gate)
        self._lifeline = Lifeline(self.pool, pause, self._emit, None)
        self._caller = Caller(self.pool, pause, self._lifeline, self._record, self._emit, dice=random.Random(1))

    async def run(self) -> None:
        """All agents at work until the time is over."""
        agents = [asyncio.create_task(self._agent(number)) for number in range(self._load.agents)]
        work = [asyncio.create_task(self._look()), *agents]
        done, _ = await asyncio.wait(work, timeout=self._told.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        for one in done:
            one.result()  # nobody ends by himself, so here it raises
        self._lifeline.close()
        self._record.close()
        self._told.limits = {lane.name: lane.limit for lane in self.pool.gate.lanes}

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.pool.tick()

    async def _agent(self, number: int) -> None:
        dice, prefix = random.Random(number), self._prefixes[number % self._load.groups]
        task = 0
        while True:
            task += 1
            for turn in range(1, 1 + dice.randint(1, self._load.turns)):
                await asyncio.sleep(dice.expovariate(1 / self._load.think))
                await self._call(Place(f"agent-{number}-{task}", turn, "solver", 0), prefix, dice)

    async def _call(self, place: Place, prefix: str, dice: random.Random) -> None:
        self._told.asked += 1
        number = self._told.asked
        reply = dice.lognormvariate(math.log(self._load.reply) - SPREAD**2 / 2, SPREAD)
        request = Request(
            model=MODEL,
            messages=(Message(role="system", content=prefix), Message(role="user", content=str(number))),
            max_tokens=min(LONGEST, max(1, round(reply))),
            extra={"prompt": dice.randint(*self._load.prompt), "shared": self._load.shared},
        )
        await self._caller.ask(place, request, _Ear())
        self._told.given.append(number)

    def _emit(self, event: Event) -> None:
        self._told.events.append((self._clock() - self._began, event))


def sizes(request: Request) -> Mapping[str, int]:
    """Of a call: its `number`, and the tokens of its `prompt`, its `shared` prefix and its `reply`."""
    return {**request.extra, "number": int(request.messages[1].content), "reply": request.max_tokens or 1}
