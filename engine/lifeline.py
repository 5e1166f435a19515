"""A lost endpoint pauses the run instead of burning retries; the run goes on by itself when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from engine.llm.endpoint import Endpoint
from engine.llm.failures import CallFailed, Unreachable
from engine.pause import ENDPOINT, Pause, Stopped
from workspace.errors import T2SError
from workspace.runs.events import EndpointBack, EndpointLost, Event, label

FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0  # seconds between two probes, doubling


class EndpointGone(T2SError):
    """The endpoint stayed away longer than a run without a screen waits."""


class Lifeline:
    """Watches one endpoint. `patience`: seconds until `EndpointGone`, None to wait for ever."""

    def __init__(
        self, endpoint: Endpoint, pause: Pause, emit: Callable[[Event], object], patience: float | None
    ) -> None:
        self._endpoint = endpoint
        self._pause = pause
        self._emit = emit
        self._patience = patience
        self._probing = asyncio.Lock()
        self._back_at = 0.0

    async def until_back(self, failure: Unreachable) -> None:
        """Wait until the endpoint answers again; the first one probes for all. Raises `EndpointGone`, `Stopped`."""
        lost_at = time.monotonic()
        async with self._probing:
            if self._back_at < lost_at:
                await self._probe(failure)

    async def _probe(self, failure: Unreachable) -> None:
        self._emit(EndpointLost(endpoint=self._endpoint.name, reason=label(str(failure), 300)))
        self._pause.pause(ENDPOINT, str(failure), now=True)
        began, wait = time.monotonic(), FIRST_WAIT
        while not await self._answers():
            waited = time.monotonic() - began
            if self._patience is not None and waited > self._patience:
                raise EndpointGone(f"{failure}; it stayed away for {waited:.0f} s")
            await self._wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        self._back_at = time.monotonic()
        self._emit(EndpointBack(endpoint=self._endpoint.name))
        self._pause.over(ENDPOINT)

    async def _wait(self, seconds: float) -> None:
        """Sleep, unless somebody asks the run to stop. Raises `Stopped`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._pause.stopping:
                raise Stopped(self._pause.stopping)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pause.change(), left)

    async def _answers(self) -> bool:
        try:
            await self._endpoint.models()
        except Unreachable:
            return False
        except CallFailed:
            return True  # it answers, be it with an error: the next call tells which
        return True
