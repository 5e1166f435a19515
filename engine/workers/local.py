"""This machine: as many commands at once as it has room for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.domains.base import Domain, Handed, Task
from engine.pause import Pause
from engine.sandbox.base import USUAL, Key, Level, Limits, Ran, Sandbox
from engine.sandbox.probe import open_sandbox
from engine.workers.base import Tasks
from workspace.errors import SandboxError
from workspace.runs.events import Event
from workspace.settings.settings import SandboxSettings
from workspace.trajectory import Outcome

PER_CORE = 2


class LocalWorkers:
    """The sandbox that `[sandbox]` names. `open` finds out whether there is one as wished."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(settings.at_once or PER_CORE * (os.cpu_count() or 1))
        self._sandbox: Sandbox | None = None
        self._readable = tuple(Path(path).expanduser() for path in settings.readable)
        self.limits = Limits(seconds=settings.seconds)

    async def open(self, tasks: Tasks | None = None) -> None:
        """Probe and take the level. Raises `ConfigError` where the machine has none that is strong enough."""
        if self._sandbox is None:
            self._sandbox = await open_sandbox(self._settings.level, self._settings.image)

    async def close(self) -> None:
        """Let go of it; without one there is nothing to do."""
        if self._sandbox is not None:
            await self._sandbox.close()

    @property
    def level(self) -> Level:
        return self._opened.level

    @property
    def guarantees(self) -> Sequence[Key]:
        return self._opened.guarantees

    async def run(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits = USUAL,
        environment: Mapping[str, str] = {},
        readable: Sequence[Path] = (),
        stdin: bytes = b"",
    ) -> Ran:
        """As every sandbox does, once there is room."""
        async with self._room:
            return await self._opened.run(command, folder, limits, environment, (*readable, *self._readable), stdin)

    async def score(self, domain: Domain, task: Task, handed: Handed) -> Outcome:
        """The domain knows how."""
        return await domain.score(task, handed)

    def watch(self, pause: Pause, emit: Callable[[Event], object], patience: float | None) -> None:
        """This machine is there as long as the engine is."""

    async def leave(self, folder: Path) -> None:
        """The folder is the one that everybody sees."""

    @property
    def _opened(self) -> Sandbox:
        if self._sandbox is None:
            raise SandboxError("no sandbox was opened for this run")
        return self._sandbox
