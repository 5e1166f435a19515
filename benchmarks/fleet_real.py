"""The same agents against sixteen scripted servers over HTTP, each in a process of its own, for a short time.

The cores of one machine serve all of them, so rates are small: a server gives 10 tokens a second to each of 2 to 16
calls at once, eight times between the slowest and the fastest; the rest queue. First every limit is fixed at what the
server takes at once and one more, then limiters find it while one server is killed and started again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.fleet_agents import MODEL, Answered, Fleet, Limit, Load, Told, sizes
from engine.llm.endpoint import Delta, Reply, Request
from engine.llm.openai_chat import OpenAIChat

SLOTS = (2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 11, 12, 14, 16)
RATE, LATENCY, START, KILLED = 10.0, 0.05, 8, 13
LOAD = Load(agents=192, groups=24, turns=6, reply=20.0, think=0.1)
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Child(NamedTuple):
    """A scripted server of so many slots in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])


class Watched:
    """A real endpoint, and what it gave."""

    def __init__(self, chat: OpenAIChat, name: str, told: Told) -> None:
        self.name = name
        self._chat = chat
        self._told = told
        self._began = time.monotonic()
        told.row(name)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]:
        """The same request; its sizes are nobody else's business."""
        said, whole = 0, False
        try:
            async with aclosing(self._chat.stream(request.model_copy(update={"extra": {}}))) as parts:
                async for part in parts:
                    if isinstance(part, Delta):
                        said += 1
                        self._told.say(self.name, self._now(), 1)
                    else:
                        whole = True
                        number, prefix = sizes(request)["number"], request.messages[0].content
                        self._told.answered.append(Answered(self._now(), number, prefix, self.name))
                    yield part
        finally:
            self._told.wasted += 0 if whole else said

    async def models(self) -> list[str]:
        """As the server says."""
        return await self._chat.models()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._chat.close()

    def _now(self) -> float:
        return time.monotonic() - self._began


def start(slots: int, replies: Path, port: int = 0) -> Child:
    """A server, when it listens."""
    words = ["--slots", slots, "--tokens-per-second", RATE, "--latency", LATENCY, "--port", port, "--model", MODEL]
    command = [sys.executable, "-P", "-m", "engine.llm.scripted", "--watch-stdin", "--replies", replies, *words]
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    return Child(process, process.stdout.readline().decode().strip())


def end(child: Child) -> None:
    """It is gone, whatever it did."""
    child.process.kill()
    child.process.wait(10)
    for pipe in (child.process.stdin, child.process.stdout):
        if pipe:
            pipe.close()


@contextmanager
def all_servers(folder: Path) -> Generator[list[Child]]:
    """All of them; whoever exchanges one in the list has it ended too."""
    replies = folder / "replies.jsonl"
    replies.write_text(
        json.dumps({"role": "sampler", "content": " ".join(WORDS[n % len(WORDS)] for n in range(400))}) + "\n"
    )
    children: list[Child] = []
    with ExitStack() as stack:
        stack.callback(lambda: [end(child) for child in children])
        for slots in SLOTS:
            children.append(start(slots, replies))
        yield children


async def play(children: list[Child], folder: Path, seconds: int, limits: Sequence[Limit], killed: bool) -> Told:
    """One run; with `killed` one server dies after a third of it and is started again at the half."""
    told = Told(seconds)
    endpoints = [
        Watched(OpenAIChat(child.url, MODEL), f"server-{number:02d}", told) for number, child in enumerate(children)
    ]
    fleet = Fleet(endpoints, limits, LOAD, told, time.monotonic, folder)
    exchange = asyncio.create_task(_exchange(children, folder.parent, seconds)) if killed else None
    began = time.process_time()
    await fleet.run()
    told.cpu = time.process_time() - began
    if exchange:
        await exchange
    for endpoint in endpoints:
        await endpoint.close()
    return told


async def _exchange(children: list[Child], folder: Path, seconds: int) -> None:
    await asyncio.sleep(seconds / 3)
    gone = children[KILLED]
    await asyncio.to_thread(end, gone)
    await asyncio.sleep(seconds / 6)
    children[KILLED] = await asyncio.to_thread(start, SLOTS[KILLED], folder / "replies.jsonl", gone.port)


class Both(NamedTuple):
    """With limits that were known, and with limits that were found while a server was away."""

    fixed: Told
    found: Told


def measure(seconds: int) -> Both:
    """Both runs, one after the other, against the same servers."""
    with tempfile.TemporaryDirectory() as scratch, all_servers(Path(scratch)) as children:
        known = [Limit(slots + 1, adapts=False) for slots in SLOTS]
        fixed = asyncio.run(play(children, Path(scratch) / "fixed", seconds // 2, known, killed=False))
        found = asyncio.run(play(children, Path(scratch) / "found", seconds, [Limit(START)] * len(SLOTS), killed=True))
    return Both(fixed, found)
