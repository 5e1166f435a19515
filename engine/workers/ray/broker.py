"""The process beside the engine: orders from a socket go to hands on the nodes, answers and news of nodes come back.

It ends when the engine does, and takes all that it hired with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any

from engine.workers.ray import cluster
from engine.workers.ray.cluster import FAILURES, Hired, NoCluster, Node
from engine.workers.ray.placement import Board
from engine.workers.said import (
    Answer,
    Ask,
    Beat,
    Begin,
    Cancel,
    Done,
    Fault,
    Gone,
    Job,
    Joined,
    Leave,
    Load,
    Lost,
    Refused,
    Settled,
)  # fmt: skip
from engine.workers.talk import Talk

LOOK = 2.0  # seconds between two looks at the nodes
AGAIN = 30.0  # seconds until a node that had no room is asked again
NEVER = float("inf")
CLOSING = 5.0


class Broker:
    """One engine's share of a cluster."""

    def __init__(self, talk: Talk, begin: Begin) -> None:
        self._talk = talk
        self._begin = begin
        self._board = Board()
        self._hired: dict[str, Hired] = {}
        self._later: dict[str, float] = {}  # ids of nodes that are not asked before this time
        self._refused: dict[str, str] = {}
        self._cores = 0
        self._at: dict[int, Hired] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._told: dict[str, tuple[int, int]] = {}
        self._lock = asyncio.Lock()

    async def serve(self) -> None:
        """Until the engine is gone or the cluster is."""
        data = [cluster.shelved(part) for part in self._begin.setup.data]
        watching = asyncio.create_task(self._watch(data))
        self._spawn(self._beat())
        try:
            hearing = asyncio.create_task(self._hear())
            ended, _ = await asyncio.wait([hearing, watching], return_when=asyncio.FIRST_COMPLETED)
            hearing.cancel()
            for task in ended:
                task.result()  # a fault of ours: its traceback goes to the engine's log
        finally:
            watching.cancel()
            for work in self._work:
                work.cancel()
            await asyncio.wait([asyncio.create_task(self._close())], timeout=CLOSING)

    async def _hear(self) -> None:
        while (wish := await self._talk.hear()) is not None:
            match wish:
                case Ask():
                    if (node := self._board.place(wish.job.session)) is None:
                        fault = Fault("no node", "no node of the cluster is left")
                        await self._say(Answer(wish.number, fault))
                    else:  # on record at once: the next word may call it off
                        self._at[wish.number] = self._hired[node]
                        self._spawn(self._ask(wish.number, wish.job, node))
                case Cancel():
                    if hired := self._at.get(wish.number):
                        hired.cancel(wish.number)
                case Leave():
                    node = self._board.leave(wish.session)
                    if node in self._hired:
                        self._hired[node].leave(wish.session)
                case _:
                    raise TypeError(f"the engine said {type(wish).__name__}")

    async def _ask(self, number: int, job: Job, node: str) -> None:
        await self._say(Answer(number, await self._done(number, job, node)))

    async def _done(self, number: int, job: Job, node: str) -> Done | Fault:
        hired, seat = self._at[number], self._board.seats.get(node)
        if seat is None or self._hired.get(node) is not hired:
            del self._at[number]
            return Fault("lost", f"node {node} is gone")
        seat.busy += 1
        try:
            return await hired.do(number, job)
        except FAILURES as error:
            if self._hired.get(node) is hired:  # others may have told of it, and new hands be there
                await self._lose(node, str(error))
            return Fault("lost", f"node {node} is gone")
        finally:
            del self._at[number]
            seat.busy -= 1

    # --- nodes ------------------------------------------------------------------------------------------------------

    async def _watch(self, data: list[Any]) -> None:
        """Nodes that come and go, as long as the cluster answers."""
        first = True
        while True:
            try:
                living = {node.id: node for node in await cluster.nodes()}
            except FAILURES as error:
                await self._say(Gone(f"the Ray cluster does not answer: {type(error).__name__}"))
                return
            for hired in list(self._hired.values()):
                if hired.node.id not in living:
                    await self._lose(hired.node.name, "its node left the cluster")
            joining = [self._spawn(self._hire(node, data)) for node in self._wanted(living.values())]
            if first:
                first = False
                await asyncio.wait(joining) if joining else None
                await self._say(Settled())
            await self._tell_load()
            await asyncio.sleep(LOOK)

    async def _beat(self) -> None:
        """As long as this process does not hang; whether the cluster answers is the watch's business."""
        while True:
            await self._say(Beat())
            await asyncio.sleep(LOOK)

    def _wanted(self, living: Iterable[Node]) -> list[Node]:
        """Nodes that are asked now: nobody of ours is there, and they did not refuse for good or a moment ago."""
        ours, now = {hired.node.id for hired in self._hired.values()}, time.monotonic()
        return [node for node in living if node.id not in ours and self._later.get(node.id, 0.0) <= now]

    async def _hire(self, node: Node, data: list[Any]) -> None:
        self._later[node.id] = NEVER  # nobody asks it twice at once
        self._later[node.id] = await self._hired_from(node, data)

    async def _hired_from(self, node: Node, data: list[Any]) -> float:
        """Ask a node for hands; from when on it may be asked again where there are none."""
        cores = self._share(node)
        if not cores:
            if node.memory >= self._begin.memory:
                return 0.0  # others have given all that was wished
            few = f"it has less than {self._begin.memory:,} bytes of memory for one core"
            return await self._refuse(Refused(node.name, few), NEVER)
        hired = Hired(node, cores, self._begin.memory, self._begin.look)
        try:
            hello = await hired.open(self._begin.setup._replace(data=()), data)
        except FAILURES as error:
            self._cores -= cores
            hired.end()
            return await self._refuse(Refused(node.name, _why(error)), time.monotonic() + AGAIN)
        if hello.fault:
            self._cores -= cores
            await hired.close()
            return await self._refuse(Refused(node.name, hello.fault, hello), NEVER)
        self._hired[node.name] = hired
        self._board.join(node.name, cores)
        self._refused.pop(node.name, None)
        await self._say(Joined(node.name, hello))
        return 0.0

    async def _refuse(self, refused: Refused, until: float) -> float:
        """Told once for each reason."""
        if self._refused.get(refused.node) != refused.why:
            self._refused[refused.node] = refused.why
            await self._say(refused)
        return until

    def _share(self, node: Node) -> int:
        """The cores to take there, by what was wished and what its memory allows."""
        by_memory = node.memory // self._begin.memory if self._begin.memory else node.cores
        wished = self._begin.cpus - self._cores if self._begin.cpus else node.cores
        cores = max(0, min(node.cores, by_memory, wished))
        self._cores += cores
        return cores

    async def _lose(self, node: str, why: str) -> None:
        if (hired := self._hired.pop(node, None)) is None:
            return
        self._cores -= self._board.seats[node].cores
        self._told.pop(node, None)
        hired.end()  # where the node lives and only the hands are ill, others are hired, and these keep no core
        await self._say(Lost(node, why.strip().partition("\n")[0][:300], self._board.lose(node)))

    async def _tell_load(self) -> None:
        for node, seat in self._board.seats.items():
            load = len(seat.sessions), seat.busy
            if self._told.get(node) != load:
                self._told[node] = load
                await self._say(Load(node, *load))

    async def _close(self) -> None:
        await asyncio.gather(*(hired.close() for hired in self._hired.values()), return_exceptions=True)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _say(self, news: object) -> None:
        async with self._lock:
            with contextlib.suppress(OSError):  # the engine is gone: hearing ends, and with it all of this
                await self._talk.say(news)


def _why(error: BaseException) -> str:
    said = str(error)
    if "ModuleNotFoundError" in said:
        return "this program is not installed there (pip install 'trace2skill-tui[ray]')"
    if isinstance(error, TimeoutError):
        return "it has no room: its cores or its memory are taken by others"
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), type(error).__name__)[:300]


async def serve(talk: Talk) -> None:
    """The whole life of the process."""
    begin = await talk.hear()
    if not isinstance(begin, Begin):
        return
    try:
        cluster.join(begin.address, begin.cpus)  # Ray insists on the main thread; nobody waits for anything else yet
    except NoCluster as error:
        await talk.say(Gone(str(error), setup=True))
        return
    try:
        await Broker(talk, begin).serve()
    finally:
        cluster.leave()
