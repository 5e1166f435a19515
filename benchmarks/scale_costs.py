"""What the engine pays for one of each thing, and what it leaves on the disk and in memory: the figures that
`simulate_scale.py` rests on, each with the measurement that gave it.

All were measured on 2 cores that were busy with other work; CPU seconds are of the engine's process alone. `measured()`
takes them again here, by small pieces of the real code and two real runs.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import client, consolidation, scale
from benchmarks.lab import lab, write_inputs
from benchmarks.streams import history
from engine.llm.endpoint import Delta, Message, Request
from engine.llm.openai_chat import OpenAIChat
from engine.llm.scripted.settings import Settings
from workspace.guard.guard import guard_each, settle
from workspace.merging.tree import make_plan
from workspace.runs.events import AgentSpoke
from workspace.runs.journal import Journal
from workspace.runs.run import RunFolder, save_view
from workspace.runs.view import RunView

CHARACTERS = 4  # a token, in English text: what people and `engine/purse.py` reckon with
VIEW_EVERY = 5_000  # events between two writes of view.json (engine/book.py)


class Costs(NamedTuple):
    """CPU seconds of the engine; a call and a unit with their events, files and keys.

    load     a trajectory before the first call: read, parsed, its key, its task (3,000 traces: 1.9 s until the first
             agent started)
    call     prompt, request, answer, record: two runs solved for it, 2.15 calls and units a trace (16.2 ms a trace,
             of which 1.6 ms were chunks), 3 calls and one unit a task with tools (21.6 ms a task)
    unit     from the same two runs
    read     looking at a stream that has something to say (256 streams of 30 tokens a second: 63 µs a token, all told)
    parse    one chunk of those that a look finds (64 in one write: 14 µs, and 11 µs until screens and journal have it)
    command  a command in a sandbox, started and collected (benchmarks/sandbox.py, the engine's own part)
    edit     an edit in a merge's prompt, reply and checks (benchmarks/consolidation.py, 3,000 patches)
    plan     a patch in the plan, with the guards before it (16,000 patches: 250 and 230 µs)
    settle   an edit of the merged patch (4,000 of them: 1.2 ms, no more than with 500)
    close    a trajectory at the end: its lessons read, ledger and report (3,000 traces: 1.2 ms, without the row search)
    view     a finished trajectory in each write of view.json (10,000 and 50,000 of them: 17 and 22 µs)
    bring    seconds, not of the engine: a trajectory copied into the run's folder (3,000 traces: 13 s)
    """

    load: float = 0.6e-3
    call: float = 5.4e-3
    unit: float = 1.3e-3
    read: float = 35e-6
    parse: float = 25e-6
    command: float = 1.0e-3
    edit: float = 0.5e-3
    plan: float = 0.5e-3
    settle: float = 1.2e-3
    close: float = 1.2e-3
    view: float = 20e-6
    bring: float = 4e-3


class Leaves(NamedTuple):
    """What stays. Bytes of the journal an event, of `calls.jsonl` a call without its text, of an output file; of memory
    a trajectory without its text and with each character of it, and an engine without any; see `measured`."""

    event: float = 156.0
    call: float = 200.0
    output: float = 330.0
    held: float = 22e3
    character: float = 1.0
    engine: float = 95e6


class Measured(NamedTuple):
    """One figure, taken again: its name, what it was when written down, what it is here, and the unit of both."""

    name: str
    noted: float
    found: float
    unit: str


COSTS, LEAVES = Costs(), Leaves()


def measured() -> Iterator[Measured]:
    """The figures that can be taken within two minutes, one after the other."""
    yield from _chunks()
    yield from _views()
    yield from _merging()
    yield from _runs()


# --- pieces of the real code -------------------------------------------------------------------------------------


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _chunks() -> Iterator[Measured]:
    """A stream read chunk by chunk, and with 64 chunks in each write."""
    alone, together = (_a_chunk(group) for group in (1, 64))
    yield Measured("parse, without listeners", 14.0, together * 1e6, "µs a chunk")
    yield Measured("read, without listeners", 23.0, (alone - together) * 1e6, "µs a look")


def _a_chunk(group: int, streams: int = 64, tokens: int = 320) -> float:
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, group, tokens), daemon=True)
    child.start()
    if not here.poll(30):
        raise RuntimeError("the server of chunks did not start within 30 s")
    url = here.recv()
    try:
        asyncio.run(_listen(url, 2))  # imports are paid here
        found: list[int] = []
        spent = _cpu(lambda: found.append(asyncio.run(_listen(url, streams))))
        return spent / found[0]
    finally:
        child.terminate()
        child.join(10)


async def _listen(url: str, streams: int) -> int:
    chat = OpenAIChat(url, "m")
    request = Request(model="m", messages=(Message(role="user", content="Tell me about the harbour."),))

    async def one() -> int:
        return sum([isinstance(part, Delta) async for part in chat.stream(request)])

    counts = await asyncio.gather(*(one() for _ in range(streams)))
    await chat.close()
    return sum(counts)


def _serve(tell: Connection, group: int, tokens: int) -> None:
    """Replies of `tokens` chunks, `group` of them a write, about 100 chunks a second each."""
    rows = client.events(tokens)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(client.HEAD)
        for start in range(0, len(rows), group):
            await asyncio.sleep(group / 100)
            writer.write(b"".join(rows[start : start + group]))
        writer.write(client.chunk(b"data: [DONE]\n\n") + client.chunk(b""))
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
        tell.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await asyncio.Event().wait()

    asyncio.run(run())


def _views(trajectories: int = 5_000) -> Iterator[Measured]:
    view = RunView()
    for seq, event in enumerate(history(2 * trajectories), 1):
        view.apply(event.model_copy(update={"seq": seq, "time": float(seq), "t": float(seq)}))
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        spent = _cpu(lambda: save_view(run, view, 0))
        yield Measured("view", COSTS.view * 1e6, spent / trajectories * 1e6, "µs a trajectory a write")
        journal = Journal(run.journal)
        event = AgentSpoke(agent="analyst-t00001", tokens=9, words="what an agent says, for about as long as it is")
        spent = _cpu(lambda: [*map(journal.emit, [event] * 5_000), journal.close()])
    yield Measured("an event", 15.0, spent / 5_000 * 1e6, "µs (part of a call and a unit)")


def _merging(patches: int = 2_000) -> Iterator[Measured]:
    s0 = consolidation.skill()
    given = consolidation.patches(patches, s0)
    edits = [edit for patch in given.values() for edit in patch.edits]
    spent = _cpu(lambda: (make_plan(given, 8, "similar"), guard_each(s0, edits)))
    yield Measured("plan", COSTS.plan * 1e6, spent / patches * 1e6, "µs a patch (here the texts are few)")
    few = [edit for edit in edits if edit.op == "append_to_section"][:500]
    spent = _cpu(lambda: (settle(s0, few), guard_each(s0, few)))
    yield Measured("settle", COSTS.settle * 1e6, spent / len(few) * 1e6, "µs an edit (without contradictions)")


# --- real runs ---------------------------------------------------------------------------------------------------


class Real(NamedTuple):
    """What a real run against the scripted server used and left: CPU seconds and bytes of memory of its engine, seconds
    until it worked, rows of its journal, its calls, and files and bytes of its folder."""

    traces: int
    cpu: float
    memory: int
    start: float
    journal: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    files: int
    sizes: dict[str, int]

    @property
    def seconds(self) -> float:
        """From the first to the last event."""
        return self.journal[-1]["t"] - self.journal[0]["t"]

    @property
    def written(self) -> int:
        """Tokens that all replies had."""
        return sum(row["reply"]["completion_tokens"] or 0 for row in self.calls)


def a_run(traces: int, settings: Settings, limit: int = 32) -> Real:
    """One run to its end. Raises `RuntimeError` when it does not finish."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_inputs(folder, scale.traces(traces))
        with lab(folder, settings) as server:
            words = ("--skill", "sheets", "--traces", "traces.jsonl", "--base-url", server.url, "--model", "scripted")
            began = time.monotonic()
            scale.t2s(folder, "run", *words, "--limit", limit, "--yes", "--detach")
            run = next((folder / "runs").glob("*/engine.lock")).parent
            start, engine = time.monotonic() - began, scale.Watched(run)
            engine.until(lambda: False)
        journal, calls = (_rows(run / name) for name in ("journal.jsonl", "calls.jsonl"))
        files = [path for path in run.rglob("*") if path.is_file()]
        sizes = {name: (run / name).stat().st_size for name in ("journal.jsonl", "calls.jsonl", "view.json")}
    if journal[-1]["kind"] != "run.finished":
        raise RuntimeError(f"the run ended with {journal[-1]['kind']}")
    return Real(traces, engine.cpu, engine.memory, start, journal, calls, len(files), sizes)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _runs(few: int = 100, many: int = 400) -> Iterator[Measured]:
    """The slope between two sizes: what does not grow with them falls out."""
    small, large = a_run(few, Settings()), a_run(many, Settings())
    more = many - few
    model = 2.15 * (COSTS.call + COSTS.unit) + 65 * COSTS.parse
    yield Measured("a trace, all told", model * 1e3, (large.cpu - small.cpu) / more * 1e3, "ms of CPU")
    events = len(large.journal) - len(small.journal)
    journal = large.sizes["journal.jsonl"] - small.sizes["journal.jsonl"]
    yield Measured("events", 14.4, events / more, "a trace")
    yield Measured("the journal", LEAVES.event, journal / events, "bytes an event")
    calls = len(large.calls) - len(small.calls)
    text = CHARACTERS * (large.written - small.written)
    found = (large.sizes["calls.jsonl"] - small.sizes["calls.jsonl"] - text) / calls
    yield Measured("calls.jsonl", LEAVES.call, found, "bytes a call, without its text")
    yield Measured("files", 6.3, (large.files - small.files) / more, "a trace")
    yield Measured("memory", LEAVES.held / 1e3, (large.memory - small.memory) / more / 1e3, "kB a trace")
    yield Measured("bringing traces in", COSTS.bring * 1e3, (large.start - small.start) / more * 1e3, "ms a trace")
