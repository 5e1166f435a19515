"""What workers are: they run commands in work folders, and verifiers on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from engine.domains.base import Domain, Handed, Task
from engine.pause import Pause
from engine.sandbox.base import Limits, Sandbox
from workspace.runs.events import Event
from workspace.settings.settings import DomainSettings
from workspace.trajectory import Outcome


class Tasks(NamedTuple):
    """Which tasks a run has: by them a verifier is opened elsewhere. Paths are relative to `base`."""

    settings: DomainSettings
    base: Path


class Workers(Sandbox, Protocol):
    """A sandbox wherever it is, and a place for verifiers.

    What it is given and gives back are folders of the engine's own disk. `level` and `guarantees` are what holds
    wherever a command may run.
    """

    @property
    def limits(self) -> Limits:
        """Of an agent's command, by the settings."""
        ...

    async def open(self, tasks: Tasks) -> None:
        """Get ready. Raises `ConfigError` where there is no sandbox, or no node, as wished."""
        ...

    async def score(self, domain: Domain, task: Task, handed: Handed) -> Outcome:
        """What the verifier of `domain` says, as `Domain.score`."""
        ...

    def watch(self, pause: Pause, emit: Callable[[Event], object], patience: float | None) -> None:
        """From now on tell of machines that come and go, and pause the run where none is left. `patience`: seconds
        until that is an error, None to wait for ever."""
        ...

    async def leave(self, folder: Path) -> None:
        """No command runs in `folder` any more."""
        ...
