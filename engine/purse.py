"""The purse of one engine life: what an attempt may cost is set aside before it is admitted.

An empty purse pauses the run, so that a person may fill it. An `Allowance` ends the piece of work that it is for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from engine.llm.budget import CAPS, Budget, Cap, Later, Prices, Reached, Reservation, Use, most, used
from engine.llm.endpoint import Reply, Request
from engine.pause import BUDGET, Pause, Stopped
from engine.window import Windows
from workspace.errors import ConfigError
from workspace.runs.events import BudgetReached, Event, NoteLeft, label
from workspace.runs.view import RunView
from workspace.settings.config import Config, unpriced


def budget_of(config: Config, spent: Use, before: RunView) -> Budget:
    """The budget of a life that begins where `before` ended. Raises `ConfigError` for a cost cap without prices."""
    if fault := unpriced(config):
        raise ConfigError(fault)
    caps: dict[Cap, float] = {}
    for cap in CAPS:
        if (limit := getattr(config.spending, cap)) != "none":
            caps[cap] = limit
    prices = Prices(config.prices.prompt, config.prices.completion)
    return Budget(caps, prices, spent=spent, seconds=before.active, reached=before.reached)


class Bill:
    """One attempt: `use` stays None until its reply is there."""

    def __init__(self, request: Request) -> None:
        self._read = characters(request)
        self.use: Use | None = None

    def take(self, reply: Reply) -> Reply:
        """The reply, noted with what it used."""
        written = len(reply.text) + len(reply.reasoning)
        self.use = used(reply.prompt_tokens, reply.completion_tokens, self._read, written)
        return reply


class Purse:
    """Live keeper of a `Budget`."""

    def __init__(self, budget: Budget, pause: Pause, emit: Callable[[Event], object], windows: Windows) -> None:
        self._budget = budget
        self._pause = pause
        self._emit = emit
        self._windows = windows
        self._began = time.monotonic()
        self._settled = asyncio.Event()

    @property
    def cost(self) -> float | None:
        """What the run has cost over all its lives, None where a price is not known."""
        return None if self._budget.cost is None else round(self._budget.cost, 6)

    @property
    def overdue(self) -> bool:
        """Is the time over that the run may take? What waited at the gate until then has to ask again."""
        return self._budget.overdue(self._elapsed())

    def most(self, request: Request) -> Use:
        """The most that `request` may use, as far as can be told before."""
        return most(characters(request), self._windows.per_token(request.model), request.max_tokens)

    @asynccontextmanager
    async def paying(self, request: Request, *, begins: bool) -> AsyncGenerator[Bill]:
        """Set aside what `request` may use, for as long as the attempt lasts; waits while the run is paused (an agent
        that `begins`) or out of budget. Raises `Stopped`."""
        reservation = await self._reserve(request, begins)
        bill = Bill(request)
        try:
            yield bill
        finally:
            self._budget.settle(reservation, bill.use)
            self._settled.set()
            self._settled = asyncio.Event()

    async def _reserve(self, request: Request, begins: bool) -> Reservation:
        while True:
            if begins or self._pause.stopping:
                await self._pause.may_begin()
            match self._budget.reserve(self.most(request), self._elapsed()):
                case Reservation() as reservation:
                    return reservation
                case Later():
                    await self._settled.wait()
                case Reached() as reached:
                    self._tell(reached)
                    await self._pause.may_begin()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _tell(self, reached: Reached) -> None:
        """The first one that finds the purse empty pauses the run for all."""
        if self._pause.holds(BUDGET) or self._pause.stopping:
            return
        cap, limit, spent, sentence = reached
        self._emit(BudgetReached(cap=cap, limit=limit, spent=round(spent, 6), detail=label(sentence, 300)))
        self._pause.pause(BUDGET, sentence)


class UsedUp(Stopped):
    """A piece of work has no tokens for its next call. What it has finished is on record."""


class Allowance(Purse):
    """The purse of a piece of work that ends where its tokens do not hold the next call.

    A reply is taken to be as long as the `longest` one known (0: as long as the request allows): with what a request
    allows, far more would be set aside than is used, and the end come far too soon. Calls are admitted in the order in
    which they ask: a small one does not overtake a large one, so what is granted does not depend on who was quick.
    """

    def __init__(
        self, budget: Budget, pause: Pause, emit: Callable[[Event], object], windows: Windows, longest: int = 0
    ) -> None:
        super().__init__(budget, pause, emit, windows)
        self._longest = longest
        self._turn = asyncio.Lock()
        self._ended = False

    def most(self, request: Request) -> Use:
        need = super().most(request)
        return replace(need, completion=min(need.completion, self._longest)) if self._longest else need

    async def _reserve(self, request: Request, begins: bool) -> Reservation:
        """Raises `UsedUp`, but only once no call is in flight: what was paid is kept."""
        while True:
            if begins or self._pause.stopping:
                await self._pause.may_begin()
            async with self._turn:
                while not self._pause.stopping and not (begins and self._pause.why):
                    match self._budget.reserve(self.most(request), self._elapsed()):
                        case Reservation() as reservation:
                            return reservation
                        case Later():
                            await self._settled.wait()
                        case Reached() as reached:
                            while self._budget.busy:
                                await self._settled.wait()
                            raise UsedUp(self._told(reached))

    def _told(self, reached: Reached) -> str:
        left = max(0.0, reached.limit - reached.spent)
        sentence = f"used up: the next call may take more than the {left:,.0f} of {reached.limit:,.0f} tokens left"
        if not self._ended:
            self._ended = True
            self._emit(NoteLeft(text=label(sentence, 300)))
        return sentence


def characters(request: Request) -> int:
    """Of all messages, images counted as so many."""
    return sum(message.size for message in request.messages)
