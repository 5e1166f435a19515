"""Who is there: nodes that take work, those that were refused, and the pause while there is none."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import get_args

from engine.pause import WORKERS, Pause
from engine.sandbox.base import Key, Level
from engine.workers.said import Gone, Hello, Joined, Load, Lost, News, Refused, Settled
from workspace.errors import T2SError
from workspace.runs.events import Event, WorkerCounted, WorkerJoined, WorkerLost, WorkerRefused, label

LOOK = 0.5  # seconds between two looks of those who wait
LEVELS: tuple[Level, ...] = get_args(Level)
KEYS: tuple[Key, ...] = get_args(Key)


class WorkersGone(T2SError):
    """No node came back within the time that a run without a screen waits."""


class Roll:
    """What the news said. `nodes`: those that take work, `refused`: those that are not used and why; `gone` says why
    the whole cluster is not there, `settled` is set once it is known who is there at the beginning."""

    def __init__(self) -> None:
        self.nodes: dict[str, Hello] = {}
        self.refused: dict[str, str] = {}
        self.gone = ""
        self.settled = asyncio.Event()
        self._untold: list[Event] = []
        self._emit: Callable[[Event], object] = self._untold.append
        self._pause: Pause | None = None
        self._patience: float | None = None
        self._held = ""

    def watch(self, pause: Pause, emit: Callable[[Event], object], patience: float | None) -> None:
        """From now on tell of nodes, and pause where none is left. `patience`: seconds until `WorkersGone`, None to
        wait for ever."""
        self._pause, self._emit, self._patience = pause, emit, patience
        for event in self._untold:
            emit(event)
        self._untold.clear()

    def begin(self) -> None:
        """The cluster is joined anew."""
        self.gone = ""
        self.refused.clear()
        self.settled.clear()

    def hear(self, news: News) -> None:
        """Take it in."""
        match news:
            case Joined(node, hello):
                self.nodes[node] = hello
                self._emit(WorkerJoined(node=node, cores=hello.cores, level=hello.level, version=hello.version))
            case Refused(node, why):
                self.refused[node] = label(why, 400)
                self._emit(WorkerRefused(node=node, reason=self.refused[node]))
            case Lost(node, why, sessions):
                self.nodes.pop(node, None)
                self._emit(WorkerLost(node=node, reason=label(why, 300), sessions=sessions))
            case Load(node, sessions, busy):
                self._emit(WorkerCounted(node=node, sessions=sessions, busy=busy))
            case Settled():
                self.settled.set()
            case Gone(why):
                self._all_gone(why)
            case _:
                pass
        if self.nodes and not self.gone and self._pause:
            self._pause.over(WORKERS)

    async def somebody(self, why: str) -> None:
        """Wait until there is a node; meanwhile the run is paused. Raises `WorkersGone`, `Stopped`."""
        began = time.monotonic()
        while not self.nodes or self.gone:
            if self._pause is None:
                raise WorkersGone(self.gone or why)
            self._hold(self._pause, self.gone or why)
            waited = time.monotonic() - began
            if self._patience is not None and waited > self._patience:
                raise WorkersGone(f"{self.gone or why}; nobody came back for {waited:.0f} s")
            with contextlib.suppress(TimeoutError):  # it steps back, so that a stop waits for the calls of others only
                await asyncio.wait_for(self._pause.may_begin(), LOOK)

    def _hold(self, pause: Pause, why: str) -> None:
        """Told once, and once more where a lost node was the first sign of a cluster that is gone."""
        if not pause.holds(WORKERS) or (self.gone and self.gone != self._held):
            self._held = why
            pause.pause(WORKERS, why, now=True)

    @property
    def level(self) -> Level:
        """The weakest of all nodes."""
        return LEVELS[min((LEVELS.index(one.level) for one in self.nodes.values() if one.level), default=0)]

    @property
    def guarantees(self) -> Sequence[Key]:
        """What every node holds."""
        held = [set(hello.guarantees) for hello in self.nodes.values()]
        return [key for key in KEYS if held and all(key in one for one in held)]

    def _all_gone(self, why: str) -> None:
        self.gone = why
        for node in list(self.nodes):
            self.nodes.pop(node)
            self._emit(WorkerLost(node=node, reason="the cluster is gone", sessions=0))
        self.settled.set()
