"""Does a viewer slow the engine that it watches? A real engine against the scripted server, under three viewers.

`none`: nobody looks. `frozen`: a viewer that is stopped (SIGSTOP) for the whole measurement. `slow`: a viewer whose
terminal takes 30 kB/s. Each in a run of its own, one after another and again in turn, so that a change of the machine's
mood meets all three; a ratio is that to the `none` of the same turn.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.lab import T2S, lab, write_inputs
from benchmarks.load import settings, usage
from benchmarks.scale import traces
from benchmarks.viewers import Figure, Size, Viewer, attach, percentile

BAR = 0.97
SITUATIONS = ("none", "frozen", "slow")
SLOW = 30_000
PATIENCE = 60.0
SIZE, FPS = Size(240, 80), 10
"""The viewer that writes most: a slow link cannot take a tenth of it."""


class Heard(NamedTuple):
    """What the engine did: tokens a second, cores, the longest silence of its journal in seconds."""

    rate: float
    cores: float
    silence: float


def measure(streams: int, rate: float, seconds: float, turns: int) -> Iterator[dict[str, Heard]]:
    """One turn after the other."""
    for _ in range(turns):
        yield {situation: _one(situation, streams, rate, seconds) for situation in SITUATIONS}


def _one(situation: str, streams: int, rate: float, seconds: float) -> Heard:
    with tempfile.TemporaryDirectory() as scratch, _engine(Path(scratch), streams, rate, seconds) as (run, engine):
        viewer = nullcontext() if situation == "none" else attach(run, SIZE, FPS, SLOW if situation == "slow" else 0)
        with viewer as shown:
            _settle(run, streams, shown)
            if situation == "frozen" and shown:
                shown.freeze()
            return _listen(run, engine, seconds)


@contextmanager
def _engine(folder: Path, streams: int, rate: float, seconds: float) -> Iterator[tuple[Path, psutil.Process]]:
    """`t2s run --detach` over enough traces; the run's folder and its engine, ended at the end."""
    write_inputs(folder, traces(streams + 16))
    with lab(folder, settings(rate, seconds)) as server:
        words = ["--skill", "sheets", "--traces", "traces.jsonl", "--base-url", server.url, "--model", "scripted"]
        command = [*T2S, "run", *words, "--limit", str(streams), "--detach"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        run = next((folder / "runs").glob("*/engine.lock")).parent
        engine = psutil.Process(json.loads((run / "engine.lock").read_text())["pid"])
        try:
            yield run, engine
        finally:
            engine.kill()
            engine.wait(30)


def _settle(run: Path, streams: int, viewer: Viewer | None) -> None:
    """Until all streams are on and the viewer, should there be one, shows them. Raises `TimeoutError`."""
    end = time.monotonic() + PATIENCE
    while usage(run)["in_flight"] < streams:
        if time.monotonic() > end:
            raise TimeoutError(f"{streams} streams were not on within {PATIENCE:g} s")
        time.sleep(0.2)
    if viewer:
        viewer.wait_for(b"AGENTS", b"analyst")
    time.sleep(2)


def _listen(run: Path, engine: psutil.Process, seconds: float) -> Heard:
    """What the engine counts from now on."""
    offset, before = (run / "journal.jsonl").stat().st_size, engine.cpu_times()
    began = time.monotonic()
    time.sleep(seconds)
    after, took = engine.cpu_times(), time.monotonic() - began
    with (run / "journal.jsonl").open("rb") as journal:
        journal.seek(offset)
        rows: list[dict[str, Any]] = [json.loads(line) for line in journal.read().splitlines()[:-1]]
    stamps = [row["t"] for row in rows]
    counts = [row for row in rows if row["kind"] == "usage.counted"]
    heard = sum(now["rate"] * (now["t"] - was["t"]) for was, now in pairwise(counts))
    span = counts[-1]["t"] - counts[0]["t"]
    cores = (after.user + after.system - before.user - before.system) / took
    silence = max(now - was for was, now in pairwise(stamps))
    return Heard(heard / span, cores, max(silence, seconds - (stamps[-1] - stamps[0])))


HEAD = f"{'turn':>4} " + " ".join(f"{s + ' tok/s':>13} {'core':>5} {'gap s':>5} {'ratio':>6}" for s in SITUATIONS)


def row(number: int, turn: dict[str, Heard]) -> str:
    """A line of the table."""
    cells = (
        f"{heard.rate:>13,.0f} {heard.cores:>5.2f} {heard.silence:>5.2f} {ratio(turn, situation):>6.3f}"
        for situation, heard in turn.items()
    )
    return f"{number:>4} " + " ".join(cells)


def ratio(turn: dict[str, Heard], situation: str) -> float:
    """Tokens a second beside those without a viewer."""
    return turn[situation].rate / turn["none"].rate


def figures(turns: list[dict[str, Heard]]) -> list[Figure]:
    """What is held to the bar: the median of the turns."""
    return [
        Figure(
            f"engine under a {situation} viewer",
            percentile([ratio(turn, situation) for turn in turns], 0.5),
            BAR,
            least=True,
        )
        for situation in SITUATIONS[1:]
    ]
