"""What runs on a node: its sandbox, the folders of its sessions, and the verifier of the run's tasks.

A session's folder is a copy of a work folder of the engine. Everything here may vanish at any moment; nothing that
counts is kept here.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import platform
import re
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.domains.base import Domain, Handed, Task
from engine.domains.find import open_domain
from engine.sandbox.base import Ran, Sandbox
from engine.sandbox.folder import clear
from engine.sandbox.in_thread import in_thread
from engine.sandbox.probe import open_sandbox
from engine.workers.delta import Delta, Marks, lay, look, pack
from engine.workers.said import Done, Fault, Hello, Job, Order, Scoring, Setup
from workspace.errors import DiskError, SandboxError, T2SError
from workspace.runs.start import version
from workspace.settings.settings import DomainSettings
from workspace.trajectory import Outcome

LOCK = "lock"
PREFIX = "t2s-hands-"


class _Running(NamedTuple):
    """A job at work."""

    session: str
    work: asyncio.Task[Done | Fault]


class Hands:
    """The node's end. `cores`: jobs that are done at once."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._home, self._lock = _home()
        self._room = asyncio.Semaphore(cores)
        self._sandbox: Sandbox | None = None
        self._domain: Domain | None = None
        self._readable: tuple[Path, ...] = ()
        self._sessions: dict[str, asyncio.Lock] = {}
        self._jobs: dict[int, _Running] = {}
        self._called_off: set[int] = set()

    async def open(self, setup: Setup) -> Hello:
        """Probe the sandbox and open the tasks. What keeps this node from being used is in the answer's `fault`."""
        hello = Hello(socket.gethostname(), os.getpid(), version(), platform.python_version(), self._cores)
        if setup.version and setup.version != hello.version:
            return hello._replace(fault=f"it has version {hello.version} of this program, the engine {setup.version}")
        try:
            self._readable = tuple(Path(path) for path in setup.readable)
            self._sandbox = await open_sandbox(setup.level, setup.image)  # pyright: ignore[reportArgumentType]
            self._room = asyncio.Semaphore(setup.at_once or self._cores)
            if setup.domain:
                self._domain = await in_thread(lambda: self._opened(setup))
        except T2SError as error:
            return hello._replace(fault=str(error))
        return hello._replace(level=self._sandbox.level, guarantees=tuple(self._sandbox.guarantees))

    async def do(self, number: int, job: Job) -> Done | Fault:
        """One job. Never raises: a fault of the program is an answer too, and no sign of a dead node."""
        if number in self._called_off:
            return Fault("cancelled")
        work = asyncio.ensure_future(self._do(job))
        self._jobs[number] = _Running(job.session, work)
        try:
            return await work
        except asyncio.CancelledError:
            return Fault("cancelled")
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            return Fault("program", f"{type(error).__name__}: {error}")
        finally:
            self._jobs.pop(number, None)

    async def cancel(self, number: int) -> None:
        """End this job and all that it started; messages may overtake each other, so it may still be on its way."""
        self._called_off.add(number)
        if (running := self._jobs.get(number)) is not None:
            running.work.cancel()

    async def leave(self, session: str) -> None:
        """End what still runs in a session, and remove its folder."""
        await _ended([running.work for running in self._jobs.values() if running.session == session])
        self._sessions.pop(session, None)
        await in_thread(lambda: clear(self._home / session))

    async def close(self) -> None:
        """End everything and remove what lies on the disk."""
        await _ended([running.work for running in self._jobs.values()])
        if self._sandbox is not None:
            await self._sandbox.close()
        await in_thread(lambda: clear(self._home))
        os.close(self._lock)

    async def _do(self, job: Job) -> Done | Fault:
        if not job.fresh and job.session not in self._sessions:
            return Fault("unknown", "the node that had this work folder is gone")
        lock = self._sessions.setdefault(job.session, asyncio.Lock())
        try:
            async with lock, self._room:
                folder = self._home / job.session / "work"
                try:
                    await in_thread(lambda: _brought(folder, job))
                except SandboxError as error:
                    if job.fresh:
                        raise
                    return Fault("unknown", str(error))
                if isinstance(job.work, Scoring):
                    return Done(outcome=(await self._scored(job.work, folder)).model_dump_json())
                return await self._ran(job.work, folder)
        except T2SError as error:
            return Fault("sandbox", str(error))

    async def _ran(self, order: Order, folder: Path) -> Done:
        assert self._sandbox is not None
        before = await in_thread(lambda: look(folder))
        beside = await in_thread(lambda: _beside(folder.parent, order.readable))
        placed = _placing(beside)
        ran = await self._sandbox.run(
            [placed(word) for word in order.command],
            folder,
            order.limits,
            {name: placed(value) for name, value in order.environment.items()},
            (*self._readable, *beside.values()),
            order.stdin,
        )
        delta = await in_thread(lambda: _change(folder, before))
        return Done(_unplaced(ran, beside), delta)

    async def _scored(self, work: Scoring, folder: Path) -> Outcome:
        if self._domain is None:
            raise SandboxError("this node has no tasks to score")
        handed = Handed(work.reply, folder if work.folder else None)
        return await self._domain.score(Task.model_validate_json(work.task), handed)

    def _opened(self, setup: Setup) -> Domain:
        settings = DomainSettings.model_validate_json(setup.domain)
        if setup.data_key:
            data = self._home / "data"
            data.mkdir()
            for part in setup.data:
                lay(data, part)
            settings = settings.model_copy(update={setup.data_key: str(data / setup.data_file)})
        return open_domain(settings, self._sandbox, self._home)


async def _ended(jobs: Sequence[asyncio.Task[Done | Fault]]) -> None:
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


def _brought(folder: Path, job: Job) -> None:
    """The session's folder as the engine's is."""
    if job.fresh:
        clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lay(folder, job.delta)


def _change(folder: Path, before: Marks) -> Delta:
    return pack(folder, look(folder), before)


def _beside(session: Path, readable: Mapping[str, Delta]) -> dict[str, Path]:
    """Folders that go with a command: by the path it knows them under, where they lie here."""
    found: dict[str, Path] = {}
    for number, (path, delta) in enumerate(readable.items()):
        found[path] = session / f"beside{number}"
        clear(found[path])
        found[path].mkdir()
        lay(found[path], delta)
    return found


def _placing(beside: Mapping[str, Path]) -> Callable[[str], str]:
    def placed(text: str) -> str:
        for path, here in beside.items():
            text = re.sub(rf"{re.escape(path)}(?![\w.-])", lambda _, here=here: str(here), text)
        return text

    return placed


def _unplaced(ran: Ran, beside: Mapping[str, Path]) -> Ran:
    output = ran.output
    for path, here in beside.items():
        output = output.replace(str(here), path)
    return ran._replace(output=output)


# --- the node's disk -------------------------------------------------------------------------------------------------


def _home() -> tuple[Path, int]:
    """A fresh folder for all sessions, and the lock that says that somebody is at work in it."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return home, lock


def sweep() -> None:
    """Remove what hands left behind that were killed: their lock is free."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if home.is_symlink() or home.stat().st_uid != os.getuid():
                continue
            lock = os.open(home / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another's, or gone meanwhile, or made just now
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear(home)
        except (BlockingIOError, DiskError):
            continue  # somebody is at work in it, or its files are another's: no reason not to work here
        finally:
            os.close(lock)
