"""The clocks of one call: until the first token, silence between pieces of content, and in all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from engine.llm.failures import Target, Transient
from workspace.settings.settings import TimeoutSettings

T = TypeVar("T")


class Clocks:
    """Silence is only counted while we wait for the server: a busy reader is not the server's fault."""

    def __init__(self, timeouts: TimeoutSettings, target: Target) -> None:
        self._timeouts = timeouts
        self._target = target
        self._began = time.monotonic()
        self._silence_left = timeouts.first_token
        self.first_token: float | None = None

    @property
    def seconds(self) -> float:
        """Since the call began."""
        return time.monotonic() - self._began

    def content(self) -> None:
        """A piece of content came; pings and empty events do not count."""
        if self.first_token is None:
            self.first_token = self.seconds
        self._silence_left = self._timeouts.idle

    async def wait(self, something: Awaitable[T]) -> T:
        """Await it as long as the clocks allow. Raises `Transient` when one of them runs out."""
        begun = time.monotonic()
        allowed = min(self._silence_left, self._timeouts.total - (begun - self._began))
        scope = asyncio.timeout(allowed)
        try:
            async with scope:
                return await something
        except TimeoutError:
            if not scope.expired():
                raise
            raise self._ran_out(allowed < self._silence_left) from None
        finally:
            self._silence_left -= time.monotonic() - begun

    def _ran_out(self, in_all: bool) -> Transient:
        where = self._target.whole
        if in_all:
            return Transient(f"{where} was not done within {self._timeouts.total:g} s (endpoint.timeouts.total)")
        if self.first_token is None:
            return Transient(
                f"{where} sent nothing within {self._timeouts.first_token:g} s (endpoint.timeouts.first_token)"
            )
        return Transient(f"{where} fell silent for {self._timeouts.idle:g} s (endpoint.timeouts.idle)")
