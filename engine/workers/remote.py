"""The engine's end of a cluster: work folders stay on its own disk, what changes in them goes out and comes back.

A command whose node dies runs again on another one, from the folder as it was before. Where no node is left the run is
paused until one is there again.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.domains.base import Domain, Handed, Task, runs_commands
from engine.pause import Pause
from engine.sandbox.base import USUAL, Key, Level, Limits, Ran
from engine.sandbox.in_thread import in_thread
from engine.workers.base import Tasks
from engine.workers.cargo import cargo
from engine.workers.delta import Delta, Mark, lay, look, pack
from engine.workers.link import Link
from engine.workers.roll import Roll
from engine.workers.said import Begin, Done, Gone, Job, News, Order, Scoring, Setup
from workspace.errors import ConfigError, SandboxError
from workspace.runs.events import Event
from workspace.runs.start import version
from workspace.settings.settings import Config
from workspace.trajectory import Outcome

INSTALL = "pip install 'trace2skill-tui[ray]'"
TRIES = 5
"""Nodes that may be lost under one command."""
STARTED = 120.0  # seconds until a cluster is joined or started and its nodes are ready
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two tries to join again, doubling
MEGABYTE = 1 << 20


@dataclass
class _Room:
    """A work folder of the engine (None: there is none) and its copy on some node. `known`: how it looked when both
    were the same; `fresh`: the copy is to be made anew."""

    folder: Path | None
    session: str
    known: dict[str, Mark] = field(default_factory=dict[str, Mark])
    fresh: bool = True
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def change(self) -> tuple[dict[str, Mark], Delta]:
        """How the folder looks now, and what the copy lacks."""
        if self.folder is None:
            return {}, Delta()
        marks = look(self.folder)
        return marks, pack(self.folder, marks, {} if self.fresh else self.known)

    def take(self, marks: dict[str, Mark], delta: Delta) -> None:
        """What a job changed on the node, done here; then both are the same."""
        if delta and self.folder is not None:
            lay(self.folder, delta)
            marks = look(self.folder)
        self.known, self.fresh = marks, False


class RayWorkers:
    """Nodes of a Ray cluster, by what `[workers]` and `[sandbox]` say."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._begin: Begin | None = None
        self._roll = Roll()
        self._link = Link(self._hear)
        self._coming_back: asyncio.Task[None] | None = None
        self._opened = False
        self._rooms: dict[Path, _Room] = {}
        self._numbers = itertools.count(1)
        self.limits = Limits(seconds=config.sandbox.seconds)

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self, tasks: Tasks) -> None:
        """Join or start the cluster. Raises `ConfigError` without Ray, a cluster, or a node that may be used."""
        if self._begin is not None:
            return
        ensure_ray()
        self._begin = await in_thread(lambda: _begin(self._config, tasks))
        roll = await self._connected()
        if roll.gone or not roll.nodes:
            why = "; ".join(f"{node}: {why}" for node, why in roll.refused.items()) or "it has no core to give"
            said = roll.gone or f"no node of the Ray cluster can be used: {why}"
            await self._link.close()
            raise ConfigError(said)
        self._opened = True

    def watch(self, pause: Pause, emit: Callable[[Event], object], patience: float | None) -> None:
        """From now on tell of nodes, and pause where none is left (`Roll.watch`)."""
        self._roll.watch(pause, emit, patience)

    async def close(self) -> None:
        """Leave the cluster; nothing of ours is left in it."""
        if self._coming_back:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)
        await self._link.close()

    @property
    def roll(self) -> Roll:
        """Who is there."""
        return self._roll

    @property
    def level(self) -> Level:
        return self._roll.level

    @property
    def guarantees(self) -> Sequence[Key]:
        return self._roll.guarantees

    # --- work --------------------------------------------------------------------------------------------------------

    async def run(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits = USUAL,
        environment: Mapping[str, str] = {},
        readable: Sequence[Path] = (),
        stdin: bytes = b"",
    ) -> Ran:
        """As every sandbox does, on some node; the folder is as the command left it when this returns."""
        beside = await in_thread(lambda: {str(path): pack(path, look(path), {}) for path in readable})
        order = Order(tuple(command), limits, dict(environment), beside, stdin)
        room = self._room(folder)
        async with room.lock:
            done = await self._done(room, order)
        if done.ran is None:
            raise SandboxError("a node gave no answer to a command")
        return done.ran

    async def score(self, domain: Domain, task: Task, handed: Handed) -> Outcome:
        """Where agents leave files, or a check is a command, on a node; else here, it is a comparison of words."""
        if not runs_commands(domain):
            return await domain.score(task, handed)
        work = Scoring(task.model_dump_json(), handed.reply, handed.folder is not None)
        room = self._room(handed.folder) if handed.folder is not None else _Room(None, self._name())
        try:
            async with room.lock:
                done = await self._done(room, work)
        finally:
            if handed.folder is None:
                await self._link.leave(room.session)
        return Outcome.model_validate_json(done.outcome)

    async def leave(self, folder: Path) -> None:
        """The node forgets its copy, and those of folders in there."""
        for path in [path for path in self._rooms if path.is_relative_to(folder)]:
            await self._link.leave(self._rooms.pop(path).session)

    async def _done(self, room: _Room, work: Order | Scoring) -> Done:
        """What came of it, on as many nodes as it takes; the folder is up to date then."""
        lost = 0
        while lost < TRIES:
            marks, delta = await in_thread(room.change)
            job = Job(room.session, delta, room.fresh, work)
            room.fresh = True  # until the copy is known to be the same again
            result = await self._link.ask(job)
            if isinstance(result, Done):
                if isinstance(work, Order):
                    await in_thread(partial(room.take, marks, result.delta))
                return result
            if result.kind == "sandbox":
                raise SandboxError(result.said)
            if result.kind == "program":
                raise RuntimeError(result.said)
            lost += result.kind == "lost" and not self._roll.gone
            await self._roll.somebody(result.said)
        raise SandboxError(f"{TRIES} nodes were lost while they did one and the same job; it was given up")

    def _room(self, folder: Path) -> _Room:
        if folder not in self._rooms:
            self._rooms[folder] = _Room(folder, self._name())
        return self._rooms[folder]

    def _name(self) -> str:
        return f"s{next(self._numbers)}"

    # --- the cluster comes back --------------------------------------------------------------------------------------

    def _hear(self, news: News) -> None:
        self._roll.hear(news)
        if isinstance(news, Gone) and self._opened and (self._coming_back is None or self._coming_back.done()):
            self._coming_back = asyncio.create_task(self._come_back(), name="workers-back")

    async def _come_back(self) -> None:
        wait = FIRST_WAIT
        while self._roll.gone:
            await self._link.close()
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            await self._connected()

    async def _connected(self) -> Roll:
        """A new broker and what it found; where that is nothing, `gone` says so."""
        assert self._begin is not None
        self._roll.begin()
        self._link = Link(self._hear)
        try:
            await self._link.start(self._begin)
            await asyncio.wait_for(self._roll.settled.wait(), STARTED)
        except TimeoutError:
            self._roll.gone = f"the Ray cluster was not ready within {STARTED:.0f} s"
        except OSError as error:
            self._roll.gone = f"the process that talks with the Ray cluster cannot be started: {error.strerror}"
        return self._roll


def ensure_ray() -> None:
    """Raises `ConfigError` without Ray. It is not imported: only the process beside the engine does that."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(f"--workers ray needs Ray, which is not installed: {INSTALL}")


def _begin(config: Config, tasks: Tasks) -> Begin:
    data, sandbox, workers = cargo(tasks), config.sandbox, config.workers
    setup = Setup(
        level=sandbox.level, image=sandbox.image, readable=sandbox.readable, at_once=sandbox.at_once,
        domain=tasks.settings.model_dump_json() if tasks.settings.name else "",
        data_key=data.key, data_file=data.file, data=data.parts, version=version(),
    )  # fmt: skip
    return Begin(workers.address, workers.cpus, workers.memory * MEGABYTE, setup)
