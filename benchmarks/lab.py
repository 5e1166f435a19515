"""What the benchmarks of whole runs share: the scripted server in a process of its own that also tells what it drew, a
run of the product against it, and a reader of what that run left on the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from engine.llm.scripted import wire
from engine.llm.scripted.server import Scripted
from engine.llm.scripted.settings import Settings
from engine.llm.scripted.voice import Job

T2S = [sys.executable, "-P", "-m", "t2s_tui"]
SKILL = '---\nname: sheets\ndescription: "How workbooks are mended."\n---\n\n# Sheets\n\n## Rules\n\n- Be exact.\n'
PATIENCE = 900.0
Rows = Iterable[Mapping[str, Any]]


class Telling(Scripted):
    """The scripted server; each draw goes to `log` as a JSON line {talk, delay, kind}: the digest of the messages,
    seconds to the first token, and the fault. A share `truncated` of replies ends at its most tokens, halfway."""

    def __init__(self, settings: Settings, log: Path, truncated: float) -> None:
        super().__init__(settings)
        self._log = log.open("a", buffering=1)
        self._truncated = truncated

    def _accepted(self, body: dict[str, Any], request: wire.Request) -> Job | bytes:
        job = super()._accepted(body, request)
        if isinstance(job, bytes):
            return job
        kind = job.fault
        if not kind and Random(f"{self.settings.weather.seed}/truncated/{job.digest}").random() < self._truncated:
            kind = "truncated"
            self._faults[kind] += 1
            job = job._replace(most=max(1, len(job.text.split()) // 2))
        delay = self.settings.weather.delay(job.digest, job.arrival)
        talk = talk_digest(str(message.get("content")) for message in body["messages"])
        self._log.write(json.dumps({"talk": talk, "delay": delay, "kind": kind}) + "\n")
        return job


class Lab(NamedTuple):
    """A server that is running: where, and its log of draws."""

    url: str
    log: Path

    def stats(self) -> dict[str, Any]:
        """What the server has served so far: requests, faults by kind, …"""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return json.load(answer)

    def drawn(self) -> dict[str, float]:
        """Digest of a talk → the latency of its last attempt, the one that was answered."""
        return {row["talk"]: row["delay"] for row in map(json.loads, self.log.read_text().splitlines())}


@contextmanager
def lab(folder: Path, settings: Settings, truncated: float = 0.0) -> Iterator[Lab]:
    """The server as a child process, ended at the end."""
    here, there = multiprocessing.Pipe()
    log = folder / "draws.jsonl"
    child = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(settings, log, truncated, there), daemon=True
    )
    child.start()
    try:
        if not here.poll(30):
            raise RuntimeError("the scripted server did not start within 30 s")
        yield Lab(here.recv(), log)
    finally:
        child.terminate()
        child.join(10)


def _serve(settings: Settings, log: Path, truncated: float, tell: Connection) -> None:
    async def serve() -> None:
        server = Telling(settings, log, truncated)
        await server.start()
        tell.send(server.url)
        await asyncio.Event().wait()

    asyncio.run(serve())


def talk_digest(contents: Iterable[str]) -> str:
    """What names a call in the log: the words of its messages."""
    return hashlib.sha256("\0".join(contents).encode()).hexdigest()[:24]


class Done(NamedTuple):
    """A finished run: its folder, its summary (docs/commands.md) and its exit code."""

    run: Path
    summary: dict[str, Any]
    code: int

    @property
    def seed(self) -> Path:
        return self.run / "rounds" / "1" / "s0"

    def rows(self, name: str) -> list[dict[str, Any]]:
        """A JSON Lines file of the run."""
        return [json.loads(line) for line in (self.run / name).read_text().splitlines()]

    def result(self) -> str:
        """Digest of the candidate's files."""
        folder = self.seed / "candidate"
        parts = [p.relative_to(folder).as_posix() + p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def write_inputs(folder: Path, rows: Rows) -> None:
    """A small skill and the traces in `folder`."""
    (folder / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    skill = folder / "sheets"
    skill.mkdir()
    (skill / "SKILL.md").write_text(SKILL)


def evolve(folder: Path, url: str, limit: int, settings: str = "") -> Done:
    """One run over the inputs in `folder`, to its end; `settings` is a t2s.toml. A run that ends badly is a result, one
    that does not end raises `TimeoutExpired`."""
    (folder / "t2s.toml").write_text(settings)
    words: Sequence[object] = (
        "run", "--skill", "sheets", "--traces", "traces.jsonl", "--base-url", url, "--model", "scripted",
        "--limit", limit, "--json",
    )  # fmt: skip
    command = [*T2S, *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if not done.stdout:
        raise RuntimeError(f"no run: {done.stderr.strip()}")
    summary = json.loads(done.stdout.splitlines()[-1])
    return Done(folder / "runs" / summary["id"], summary, done.returncode)
