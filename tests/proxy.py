"""A proxy of the tests' own between the engine and a model server: it counts and times every request, refuses, breaks
and stalls replies by plan, and can be gone from its port for a while.

It lives in a thread of the test with an event loop of its own. What happens to a request is decided by a function of
the request, so that the same request of the same seed meets the same weather.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from engine.llm.scripted import wire

T = TypeVar("T")

CHAT = "/v1/chat/completions"
ASKED_SECONDS, ASKED_MS, ASKED_DATE, ASKED_LONG = 1, 300, 2, 60
REFUSALS = ("400", "401", "429-seconds", "429-ms", "429-date", "429-long", "500", "503")
BREAKS = ("disconnect", "stall", "stall-pings", "malformed", "torn", "empty", "length")
PING = 0.1  # seconds between two comments of a stalled stream
JOIN = 10.0


class Ask(NamedTuple):
    """A request as it came: which one of all, what it means (a digest of its body), its how-many-eth visit."""

    number: int
    path: str
    digest: str
    visit: int


Decide = Callable[[Ask], str]
"""One of `REFUSALS` or `BREAKS`, or empty: the request passes."""


@dataclass
class Seen:
    """A request and what became of it: `began`, `ended` on the monotonic clock; `whole`: a reply went out in full.

    `asked`: the seconds that a 429 told its client to wait.
    """

    ask: Ask
    fault: str
    began: float
    ended: float | None = None
    whole: bool = False
    asked: float = 0.0


def clear(ask: Ask) -> str:
    """Every request passes."""
    return ""


def drawn(seed: int, rates: Mapping[str, float]) -> Decide:
    """Chat requests meet each fault at its rate, drawn from seed, request and visit and from nothing else.

    A malformed reply is the model's own: the same request meets it at every visit.
    """

    def decide(ask: Ask) -> str:
        if ask.path != CHAT:
            return ""
        for kind, rate in rates.items():
            visit = 0 if kind == "malformed" else ask.visit
            if random.Random(f"{seed}/{kind}/{ask.digest}/{visit}").random() < rate:
                return kind
        return ""

    return decide


class Proxy:
    """A running proxy before `target` (an address that ends in /v1). `decide` may be exchanged while it runs."""

    def __init__(self, target: str, decide: Decide = clear) -> None:
        there = urlsplit(target)
        self._there = (there.hostname or "", there.port or 80)
        self.decide = decide
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._visits: Counter[str] = Counter()
        self._port = 0
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def chats(self) -> list[Seen]:
        """The chat requests so far, in the order they came."""
        return [one for one in list(self.seen) if one.ask.path == CHAT]

    @property
    def in_flight(self) -> int:
        """Chat requests that are being answered."""
        return sum(one.ended is None for one in self.chats)

    def struck(self) -> dict[str, int]:
        """Faults by kind."""
        return dict(Counter(one.fault for one in self.chats if one.fault))

    def open(self) -> None:
        """Listen: at first on a free port, later on the same one again."""
        self._do(self._listen())

    def shut(self) -> None:
        """Close the port and cut every connection: who connects now is refused."""
        self._do(self._leave())

    # --- its life --------------------------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(JOIN)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(JOIN)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self._port, limit=wire.LONGEST_HEAD, backlog=1024
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports say good-bye one turn of the loop later

    # --- connections -----------------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            begun = b""
            while (request := await wire.read_request(reader, writer, begun)) is not None:
                begun = await self._while_there(reader, request, writer)
                if not request.keeps_alive:
                    break
        except (OSError, asyncio.CancelledError, wire.BadRequest):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _while_there(
        self, reader: asyncio.StreamReader, request: wire.Request, writer: asyncio.StreamWriter
    ) -> bytes:
        """Answer as long as the client listens; the first byte of its next request, should it have come already."""
        work = asyncio.create_task(self._answer(request, writer))
        watch = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done() and not watch.result() and not work.done():
                raise ConnectionResetError("the client has left")
            await work
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.wait({work, watch})
        return b"" if watch.cancelled() else watch.result()

    async def _answer(self, request: wire.Request, writer: asyncio.StreamWriter) -> None:
        seen = self._note(request)
        try:
            if seen.fault in REFUSALS:
                answer, seen.asked = refusal(seen.fault)
                writer.write(answer)
                await writer.drain()
            elif seen.fault:
                await self._break(request, writer, seen)
            else:
                await self._pass(request, writer)
                seen.whole = True
        finally:
            seen.ended = time.monotonic()

    def _note(self, request: wire.Request) -> Seen:
        digest = hashlib.sha256(request.body).hexdigest()[:16]
        self._visits[digest] += 1
        ask = Ask(len(self.seen) + 1, request.path, digest, self._visits[digest])
        seen = Seen(ask, self.decide(ask), time.monotonic())
        self.seen.append(seen)
        return seen

    # --- replies ---------------------------------------------------------------------------------------------------

    async def _pass(self, request: wire.Request, writer: asyncio.StreamWriter) -> None:
        async with self._behind(request) as reply:
            while piece := await reply.read(1 << 16):
                writer.write(piece)
                await writer.drain()

    async def _break(self, request: wire.Request, writer: asyncio.StreamWriter, seen: Seen) -> None:
        """The server's whole reply (it is paid), of which the client gets what the fault leaves over."""
        async with self._behind(request) as reply:
            raw = await reply.read(-1)
        head, events = taken_apart(raw)
        writer.write(head + remains(seen.fault, events, random.Random(seen.ask.digest)))
        await writer.drain()
        if seen.fault == "disconnect":
            raise ConnectionAbortedError("cut by plan")
        if seen.fault.startswith("stall"):
            await _stall(writer, pings=seen.fault == "stall-pings")

    @asynccontextmanager
    async def _behind(self, request: wire.Request) -> AsyncGenerator[asyncio.StreamReader]:
        """The server's answer to the same request, on a connection of its own that ends with it."""
        reader, writer = await asyncio.open_connection(*self._there)
        try:
            headers = {**request.headers, "connection": "close"}
            lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body)
            yield reader
        finally:
            writer.transport.abort()


@contextmanager
def proxy(target: str, decide: Decide = clear) -> Iterator[Proxy]:
    """A proxy before `target` for the length of a test."""
    with Proxy(target, decide) as running:
        yield running


def refusal(kind: str) -> tuple[bytes, float]:
    """An answer that is no reply, and the seconds it asks the client to wait."""
    match kind:
        case "429-seconds" | "429-long":
            seconds = ASKED_LONG if kind == "429-long" else ASKED_SECONDS
            return wire.error_answer(429, "slow down", {"Retry-After": str(seconds)}), float(seconds)
        case "429-ms":
            return wire.error_answer(429, "slow down", {"retry-after-ms": str(ASKED_MS)}), ASKED_MS / 1000
        case "429-date":
            at = int(time.time()) + ASKED_DATE
            headers = {"Retry-After": formatdate(at, usegmt=True)}
            return wire.error_answer(429, "slow down", headers), max(0.0, at - time.time())
        case "401":
            return wire.error_answer(401, "invalid api key", code="invalid_api_key"), 0.0
        case _:
            return wire.error_answer(int(kind), "the proxy of the test says so"), 0.0


def taken_apart(raw: bytes) -> tuple[bytes, list[bytes]]:
    """Head and events of a streamed answer in chunks."""
    head, _, body = raw.partition(b"\r\n\r\n")
    said = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        said, body = said + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return head + b"\r\n\r\n", [event + b"\n\n" for event in said.split(b"\n\n") if event]


def remains(kind: str, events: list[bytes], dice: random.Random) -> bytes:
    """What a client gets of a stream's events, in chunks."""
    finish = next(n for n, event in enumerate(events) if _finish_of(event))
    cut = dice.randint(min(2, finish), max(2, finish - 1))
    match kind:
        case "disconnect":
            return b"".join(map(wire.chunk, events[:cut])) + wire.chunk(events[cut])[:-9]
        case "stall" | "stall-pings":
            return b"".join(map(wire.chunk, events[:cut]))
        case "torn":
            return b"".join(map(wire.chunk, [*events[:cut], b""]))
        case "empty":
            return wire.chunk(b"")
        case "malformed":
            return b"".join(map(wire.chunk, [*events[:cut], *events[finish:], b""]))
        case "length":
            last = events[finish].replace(b'"finish_reason":"stop"', b'"finish_reason":"length"')
            return b"".join(map(wire.chunk, [*events[:cut], last, *events[finish + 1 :], b""]))
        case _:
            raise ValueError(f"no fault {kind!r}; there are: {', '.join((*REFUSALS, *BREAKS))}")


def _finish_of(event: bytes) -> str:
    text = event.removeprefix(b"data: ")
    if not text.startswith(b"{"):
        return ""
    return next((choice["finish_reason"] or "" for choice in json.loads(text)["choices"]), "")


async def _stall(writer: asyncio.StreamWriter, *, pings: bool) -> None:
    """Say nothing more, or nothing that counts, until the client leaves."""
    while True:
        await asyncio.sleep(PING)
        if pings:
            writer.write(wire.chunk(b": ping\n\n"))
            await writer.drain()
