"""What calls and streamed chunks cost the client: our reading of the stream against the SDK's chunk objects.

    python benchmarks/client.py [--streams 64 256 1000] [--tokens 100] [--repeats 3]

A server in a process of its own sends every token as one chunk; counted is the CPU time of this process alone. A chunk:
replies of `tokens` tokens, connection and request included. A call: the same with replies of one token. `floor` is the
SDK's own transport with nobody reading what arrives. The server sends at most 6,000 chunks a second in all, so that it
keeps up and chunks arrive one by one. Bars: a chunk costs at most 0.45 of the SDK's objects at each number of streams,
and 60 µs at the first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import cache
from multiprocessing.connection import Connection

from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from engine.llm.endpoint import Delta, Message, Request
from engine.llm.openai_chat import OpenAIChat

WORDS = ("The", "harbour", "was", "inspected", "on", "a", "windy", "day", "and", "nobody", "found", "a", "fault")
FRAME = {"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BAR, AIM = 0.45, 60.0  # of the SDK's cost; microseconds a chunk
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


def serve(tell: Connection) -> None:
    """The server's process: the path of a request says how many tokens its reply has, and how many a second."""
    prepared = cache(events)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await next_head(reader):
            tokens, rate = head.split(b" ")[1].split(b"/")[1:3]
            rows = prepared(int(tokens))
            length = next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            writer.write(HEAD)
            began = time.monotonic()
            for number, row in enumerate(rows):
                await asyncio.sleep(max(0.0, began + number / float(rate) - time.monotonic()))
                writer.write(row)
            writer.write(chunk(b"data: [DONE]\n\n") + chunk(b""))
        writer.close()

    async def next_head(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=2048)
        tell.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
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


def compare(url: str, streams: int, tokens: int, repeats: int) -> dict[str, tuple[float, float]]:
    """CPU microseconds of each way, a chunk and a call."""
    rate = min(50.0, 6_000 / streams)
    found: dict[str, tuple[float, float]] = {}
    for name, way in ways(f"{url}/{tokens}/{rate:g}", streams).items():
        chunk_cost = measure(way, f"{url}/{tokens}/{rate:g}/v1", streams * tokens, repeats)
        found[name] = (chunk_cost, measure(way, f"{url}/1/{rate:g}/v1", streams, repeats))
    return found


def main() -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[64, 256, 1000])
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = here.recv()
    asyncio.run(ways(url, 2)["SDK chunk objects"](f"{url}/2/50/v1"))  # type: ignore[arg-type]  # imports are paid here
    print(f"{'streams':>7}  {'way':<20}{'µs CPU a chunk':>16}{'of the SDK':>12}{'µs CPU a call':>16}{'of the SDK':>12}")
    missed: list[str] = []
    for streams in given.streams:
        costs = compare(url, streams, given.tokens, given.repeats)
        sdk_chunk, sdk_call = costs["SDK chunk objects"]
        for name, (a_chunk, a_call) in costs.items():
            of_sdk = f"{a_chunk:>16.1f}{a_chunk / sdk_chunk:>12.2f}{a_call:>16.0f}{a_call / sdk_call:>12.2f}"
            print(f"{streams:>7}  {name:<20}{of_sdk}", flush=True)
        if costs["ours"][0] > BAR * sdk_chunk or (streams == given.streams[0] and costs["ours"][0] > AIM):
            missed.append(str(streams))
    server.terminate()
    bars = f"a chunk <= {BAR} of the SDK, <= {AIM:g} µs at {given.streams[0]}"
    print(f"\nbars ({bars}): {'missed at ' + ', '.join(missed) if missed else 'reached'}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
