"""What a streamed chunk costs the client: our reading of the stream against the SDK's chunk objects.

    python benchmarks/stream_cpu.py [--streams 64] [--tokens 150] [--rate 50] [--repeats 3]

A server in a process of its own sends every token as one chunk at a fixed rate; counted is the CPU time of this process
alone, connection and request included. `floor` is the SDK's transport with nobody reading what arrives.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from engine.llm.endpoint import Delta, Message, Request
from engine.llm.openai_chat import OpenAIChat

WORDS = ("The", "harbour", "was", "inspected", "on", "a", "windy", "day", "and", "nobody", "found", "a", "fault")
FRAME = {"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
AIM = 60.0  # microseconds a chunk
Way = Callable[[str], Awaitable[int]]


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def events(tokens: int) -> list[bytes]:
    rows = [
        {**FRAME, "choices": [{"index": 0, "delta": {"content": f" {WORDS[n % len(WORDS)]}"}, "finish_reason": None}]}
        for n in range(tokens)
    ]
    rows.append({**FRAME, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    rows.append({**FRAME, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9}})
    return [chunk(f"data: {json.dumps(row)}\n\n".encode()) for row in rows]


def serve(tokens: int, rate: float, tell: Connection) -> None:
    """The server's process: every request gets the same stream."""
    rows = events(tokens)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await next_head(reader):
            length = next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            writer.write(HEAD)
            began = time.monotonic()
            for number, row in enumerate(rows):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                writer.write(row)
            writer.write(chunk(b"data: [DONE]\n\n") + chunk(b""))
        writer.close()

    async def next_head(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
        tell.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await asyncio.Event().wait()

    asyncio.run(run())


def sdk(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, http_client=DefaultAsyncHttpxClient(trust_env=False)
    )


def ways(url: str, streams: int) -> dict[str, Way]:
    """Each way: run `streams` calls at once and give the number of content chunks seen."""
    request = Request(model="m", messages=(Message(role="user", content="Tell me about the harbour."),))
    messages = [{"role": "user", "content": "Tell me about the harbour."}]

    async def ours(chat: OpenAIChat) -> int:
        return sum([isinstance(part, Delta) async for part in chat.stream(request)])

    async def objects(client: AsyncOpenAI) -> int:
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)  # type: ignore[arg-type]
        return sum([bool(c.choices and c.choices[0].delta.content) async for c in stream])

    async def floor(client: AsyncOpenAI) -> int:
        create = client.chat.completions.with_streaming_response.create
        async with create(model="m", messages=[], stream=True, extra_body={"messages": messages}) as reply:
            return sum([data.count(b'"content"') async for data in reply.http_response.aiter_raw()])

    async def all_ours(url: str) -> int:
        chat = OpenAIChat(url, "m")
        counts = await asyncio.gather(*(ours(chat) for _ in range(streams)))
        await chat.close()
        return sum(counts)

    def with_sdk(one: Callable[[AsyncOpenAI], Awaitable[int]]) -> Way:
        async def run(url: str) -> int:
            async with sdk(url) as client:
                return sum(await asyncio.gather(*(one(client) for _ in range(streams))))

        return run

    return {"SDK chunk objects": with_sdk(objects), "ours": all_ours, "floor": with_sdk(floor)}


def measure(way: Way, url: str, expected: int, repeats: int) -> float:
    """Median CPU microseconds a chunk."""
    found: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        seen = asyncio.run(way(url))  # type: ignore[arg-type]
        spent = time.process_time() - began
        if seen != expected:
            raise SystemExit(f"saw {seen} chunks, {expected} were sent")
        found.append(spent / seen * 1e6)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=150)
    parser.add_argument("--rate", type=float, default=50.0, help="tokens a second of one stream")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(given.tokens, given.rate, there), daemon=True
    )
    server.start()
    url = here.recv()
    asyncio.run(ways(url, 2)["SDK chunk objects"](url))  # type: ignore[arg-type]  # imports are paid here
    expected = given.streams * given.tokens
    cost = {name: measure(way, url, expected, given.repeats) for name, way in ways(url, given.streams).items()}
    server.terminate()
    print(f"{given.streams} streams x {given.tokens} tokens at {given.rate:g}/s, median of {given.repeats}\n")
    print(f"{'way':<20}{'µs CPU a chunk':>16}{'of the SDK':>12}{'cores at 256 x 30/s':>22}")
    for name, spent in cost.items():
        share = spent / cost["SDK chunk objects"]
        print(f"{name:<20}{spent:>16.1f}{share:>12.2f}{spent * 256 * 30 / 1e6:>22.2f}")
    print(f"\naim: ours <= 0.45 of the SDK, <= {AIM:g} µs a chunk")


if __name__ == "__main__":
    main()
