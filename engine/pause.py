"""Whether work may start. Admission of single calls is the Gate's business; this one is about people.

Soft pause: nothing new starts, what runs finishes. Pause now: agents are also held at their next call. A hold lets a
stage and all before it finish and then pauses.
`running → pausing (n in flight) → paused → running`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.llm.gate import Gate
from workspace.events import STAGES, Event, RunPaused, RunPausing, RunResumed, Stage

QUIET = 0.1  # seconds without work after which a hold is reached: the next stage's units have asked by then


class Stopped(Exception):
    """Somebody asked this run to stop: no unit starts any more."""


class Pause:
    """The state of one engine life. `working` counts units that have started, `queued` those that wait for a desk."""

    def __init__(self, emit: Callable[[Event], object], gate: Gate) -> None:
        self._emit = emit
        self._gate = gate
        self._go = asyncio.Event()
        self._go.set()
        self._changed = asyncio.Event()
        self._hold_after: Stage | None = None
        self.working = 0
        self.queued = 0
        self.why = ""
        self.detail = ""
        self.paused = False
        self.now = False
        self.stopping = ""

    def pause(self, why: str, detail: str = "", *, now: bool = False) -> None:
        """Nothing new starts from here on; `now` also holds agents at their next call."""
        if now:
            self.now = True
            self._gate.shut()
        if not self.why:
            self.why, self.detail = why, detail
            self._go.clear()
            self._emit(RunPausing(why=why, in_flight=self._gate.in_flight if now else self.working))
        self._settle()

    def resume(self) -> bool:
        """Go on, also past a hold; False when nothing holds."""
        if not self.why:
            return False
        if self.why.startswith("hold:"):
            self._hold_after = None
        self.why, self.detail, self.paused, self.now = "", "", False, False
        self._gate.open()
        self._emit(RunResumed())
        self._go.set()
        self._wake()
        return True

    def stop(self, why: str) -> None:
        """No unit starts any more; those that wait are told so."""
        self.stopping = self.stopping or why
        self._gate.open()
        self._go.set()
        self._wake()

    def hold_after(self, stage: Stage | None) -> None:
        """No unit of a later stage starts until somebody resumes."""
        self._hold_after = stage
        self._wake()

    def lets(self, stage: Stage) -> bool:
        """May a unit of `stage` start at this moment?"""
        return self._go.is_set() and not self._held(stage) and not self.stopping

    async def may_start(self, stage: Stage) -> None:
        """Wait until a unit of `stage` may start. Raises `Stopped`, but only once nothing is at work any more: what
        has started finishes and is kept."""
        while not self.lets(stage):
            if self.stopping and not self.working:
                raise Stopped(self.stopping)
            if self._held(stage):
                asyncio.get_running_loop().call_later(QUIET, self._reach_hold)
            await self.change()

    def begin(self) -> None:
        """A unit starts."""
        self.working += 1

    def end(self) -> None:
        """A unit ended; the last one makes `pausing` into `paused`."""
        self.working -= 1
        self._settle()
        if self.stopping:
            self._wake()
        if self._hold_after:
            asyncio.get_running_loop().call_later(QUIET, self._reach_hold)

    def calls_ended(self) -> None:
        """A call ended: under `pause now` the run is paused as soon as no call is in flight."""
        if self.now:
            self._settle()

    async def change(self) -> None:
        """Wait until the state is another."""
        await self._changed.wait()

    def _reach_hold(self) -> None:
        if self._hold_after and not self.working and not self.queued and not self.why:
            self.pause(f"hold:{self._hold_after}", f"held after {self._hold_after}")

    def _settle(self) -> None:
        in_flight = self._gate.in_flight if self.now else self.working
        if self.why and not self.paused and in_flight == 0:
            self.paused = True
            self._emit(RunPaused(why=self.why, detail=self.detail))
            self._wake()

    def _held(self, stage: Stage) -> bool:
        return self._hold_after is not None and STAGES.index(stage) > STAGES.index(self._hold_after)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
