"""An event loop whose clock only exists here: nobody sleeps, time goes on to whatever is due next.

Code that goes by the loop's clock (`asyncio.sleep`, `call_later`, a gate with this clock) runs unchanged, hours in
seconds. Nothing outside the process may be waited for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class StandsStill(RuntimeError):
    """Everybody waits, and nothing is due."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise StandsStill("everybody waits in virtual time, and nothing is due")
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds of this loop."""
        return self._virtual.now


def play(work: Callable[[Callable[[], float]], Coroutine[Any, Any, None]]) -> None:
    """Run `work(clock)` to its end. Raises `StandsStill`."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work(loop.time))
