"""Whether work may start. Admission of single calls is the Gate's business; this one is about people.

Soft pause: nothing new starts, calls in flight finish. Pause now: agents are also held at their next call. A hold lets
a stage and all before it finish and then pauses. Several reasons may hold at once; the run goes on when all are gone.
`running → pausing (n in flight) → paused → running`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

from engine.llm.gate import Gate
from workspace.runs.events import STAGES, Event, RunPaused, RunPausing, RunResumed, Stage

QUIET = 0.1  # seconds without work after which a hold is reached: units that could still start have asked by then
ENDPOINT = "endpoint"
BUDGET = "budget"
WORKERS = "workers"
BY_THEMSELVES = frozenset({ENDPOINT, WORKERS})
"""Reasons that end when somebody is back, and not because a person wishes so."""


class Stopped(Exception):
    """Somebody asked this run to stop: no unit starts any more."""


class Pause:
    """The state of one engine life.

    `working` counts units at a desk, `queued` those that wait for one, `stepped_back` agents at a desk whose first call
    has not begun and waits for the end of a pause.
    """

    def __init__(self, emit: Callable[[Event], object], gate: Gate) -> None:
        self._emit = emit
        self._gate = gate
        self._changed = asyncio.Event()
        self._hold_after: Stage | None = None
        self._held_units = 0
        self._reasons: dict[str, str] = {}
        self.working = 0
        self.queued = 0
        self.stepped_back = 0
        self.paused = False
        self.now = False
        self.stopping = ""

    @property
    def why(self) -> str:
        """The first reason that holds: person, lesson, endpoint, workers, budget, hold:STAGE; empty when none does."""
        return next(iter(self._reasons), "")

    @property
    def detail(self) -> str:
        """What people read about it."""
        return self._reasons.get(self.why, "")

    @property
    def idle(self) -> bool:
        """Has nobody a call in flight or between two calls?"""
        return self.working == self.stepped_back

    def holds(self, why: str) -> bool:
        """Is this one of the reasons?"""
        return why in self._reasons

    def pause(self, why: str, detail: str = "", *, now: bool = False) -> None:
        """Nothing new starts while `why` holds; `now` also holds agents at their next call."""
        harder = now and not self.now
        if now:
            self.now = True
            self._gate.shut()
        fresh = not self._reasons
        self._reasons[why] = detail
        self._gate.recall()
        if fresh or (harder and not self.paused):
            self._emit(RunPausing(why=why, in_flight=self._gate.in_flight, now=self.now))
        elif self.paused:
            self._emit(RunPaused(why=self.why, detail="; ".join(filter(None, self._reasons.values()))))
        self._wake()
        self._settle()

    def resume(self) -> bool:
        """A person lets the run go on, also past a hold; False when nothing held. Who is lost (an endpoint, all
        workers) stays a reason."""
        return self._end({why for why in self._reasons if why not in BY_THEMSELVES})

    def over(self, why: str) -> bool:
        """This one reason is gone."""
        return self._end({why} & set(self._reasons))

    def stop(self, why: str) -> None:
        """No unit starts any more; those that wait are told so once nothing is in flight."""
        self.stopping = self.stopping or why
        self._gate.open()
        self._gate.recall()
        self._wake()

    def hold_after(self, stage: Stage | None) -> None:
        """No unit of a later stage starts until somebody resumes."""
        self._hold_after = stage
        self._wake()

    def lets(self, stage: Stage) -> bool:
        """May a unit of `stage` start at this moment?"""
        return not self._reasons and not self._held(stage) and not self.stopping

    async def may_start(self, stage: Stage) -> None:
        """Wait until a unit of `stage` may start. Raises `Stopped`, but only once nothing is at work any more: what
        has started finishes and is kept."""
        while not self.lets(stage):
            self._stop_when_idle()
            if self._held(stage):
                await self._wait_held()
            else:
                await self.change()

    async def may_begin(self) -> None:
        """Before the first call of an agent, one there is no budget for, or any when the run is to stop: under a pause
        it steps back and waits. Raises `Stopped`."""
        if not self._reasons and not self.stopping:
            return
        with self._stepping_back():
            while self._reasons or self.stopping:
                self._stop_when_idle()
                await self.change()

    def begin(self) -> None:
        """A unit takes a desk."""
        self.working += 1

    def end(self) -> None:
        """A unit leaves its desk; the last one makes `pausing` into `paused`."""
        self.working -= 1
        self._settle()
        self._wake_if_waited_for()

    def calls_ended(self) -> None:
        """A call ended: under `pause now` the run is paused as soon as no call is in flight."""
        self._settle()

    async def change(self) -> None:
        """Wait until the state is another."""
        await self._changed.wait()

    @contextmanager
    def _stepping_back(self) -> Generator[None]:
        self.stepped_back += 1
        self._settle()
        self._wake_if_waited_for()
        try:
            yield
        finally:
            self.stepped_back -= 1

    async def _wait_held(self) -> None:
        self._held_units += 1
        self._look_at_hold()
        try:
            await self.change()
        finally:
            self._held_units -= 1

    def _end(self, gone: set[str]) -> bool:
        if not gone:
            return False
        if any(why.startswith("hold:") for why in gone):
            self._hold_after = None
        for why in gone:
            del self._reasons[why]
        if self._reasons:
            self._emit(RunPaused(why=self.why, detail=self.detail))
            return True
        self.paused, self.now = False, False
        self._gate.open()
        self._emit(RunResumed())
        self._wake()
        return True

    def _stop_when_idle(self) -> None:
        if self.stopping and self.idle:
            raise Stopped(self.stopping)

    def _look_at_hold(self) -> None:
        asyncio.get_running_loop().call_later(QUIET, self._reach_hold)

    def _reach_hold(self) -> None:
        """A hold is reached when units of later stages wait for it and nobody else is at work."""
        if self._hold_after and self._held_units and not self.working and not self.queued and not self._reasons:
            self.pause(f"hold:{self._hold_after}", f"held after {self._hold_after}")

    def _settle(self) -> None:
        quiet = self._gate.in_flight == 0 if self.now else self.idle
        if self._reasons and not self.paused and quiet:
            self.paused = True
            self._emit(RunPaused(why=self.why, detail="; ".join(filter(None, self._reasons.values()))))
            self._wake()

    def _held(self, stage: Stage) -> bool:
        return self._hold_after is not None and STAGES.index(stage) > STAGES.index(self._hold_after)

    def _wake_if_waited_for(self) -> None:
        if self.stopping:
            self._wake()
        elif self._hold_after:
            self._look_at_hold()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
