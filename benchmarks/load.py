"""What the whole engine process costs while it hears 256 streams of 30 tokens a second.

    python benchmarks/load.py [--streams 256] [--rate 30] [--seconds 18]

A real run over many traces against two scripted servers, each in a process of its own; every analyst thinks for a
thousand tokens before it answers. Once all streams are on, the engine's CPU time is read from the process table over
`seconds`: parsing, live text, journal, limiter and all. Bar: 0.8 of a core. `heard` is what the engine counted, in
tokens a second; below 95 % of streams × rate the servers were too slow for the figure to mean anything, and it says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.lab import T2S, lab, write_inputs
from benchmarks.scale import traces
from engine.llm.scripted.replies import Given
from engine.llm.scripted.settings import Settings

BAR, HEARD = 0.8, 0.95
WORDS = ("the", "sheet", "was", "read", "and", "its", "sums", "were", "looked", "at", "again")
PATIENCE = 60.0


def settings(rate: float, seconds: float) -> Settings:
    """A server whose analysts think for long enough."""
    count = int(rate * (seconds + 25))
    thinking = " ".join(WORDS[n % len(WORDS)] for n in range(count))
    lesson = {"title": "Read back", "claim": "Read the sheet back.", "why": "Nobody did.", "quotes": []}
    answer = json.dumps({"lessons": [lesson], "none": ""})
    return Settings(rate=rate, replies={"error analyst": (Given(content=answer, reasoning=thinking),)})


def usage(run: Path) -> dict[str, Any]:
    """The last count of what the run uses."""
    found: dict[str, Any] = {"in_flight": 0, "rate": 0.0}
    for line in (run / "journal.jsonl").read_text().splitlines()[-400:]:
        if '"usage.counted"' in line and line.endswith("}"):
            found = json.loads(line)
    return found


def measure(folder: Path, streams: int, rate: float, seconds: float) -> tuple[float, float, float]:
    """Cores of the engine, tokens a second that it heard, and its MB."""
    write_inputs(folder, traces(streams + 32))
    others = folder / "second"
    others.mkdir()
    with lab(folder, settings(rate, seconds)) as one, lab(others, settings(rate, seconds)) as two:
        words = ["--skill", "sheets", "--traces", "traces.jsonl", "--base-url", one.url, "--also-url", two.url]
        words += ["--model", "scripted", "--limit", str(streams // 2), "--detach"]
        subprocess.run([*T2S, "run", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        run = next((folder / "runs").glob("*/engine.lock")).parent
        engine = psutil.Process(json.loads((run / "engine.lock").read_text())["pid"])
        try:
            return watch(engine, run, streams, seconds)
        finally:
            engine.kill()
            engine.wait(30)


def watch(engine: psutil.Process, run: Path, streams: int, seconds: float) -> tuple[float, float, float]:
    """The same, once all streams are on. Raises `TimeoutError`."""
    end = time.monotonic() + PATIENCE
    while usage(run)["in_flight"] < streams:
        if time.monotonic() > end:
            raise TimeoutError(f"{streams} streams were not on within {PATIENCE:g} s")
        time.sleep(0.2)
    time.sleep(3)
    heard: list[float] = []
    before, began = engine.cpu_times(), time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(1)
        heard.append(usage(run)["rate"])
    after, took = engine.cpu_times(), time.monotonic() - began
    cores = (after.user + after.system - before.user - before.system) / took
    return cores, sum(heard) / len(heard), engine.memory_info().rss / 1e6


def main() -> int:
    """Print the figures; 1 when the bar is missed or the servers were too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=18.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cores, heard, memory = measure(Path(scratch), given.streams, given.rate, given.seconds)
    wanted = given.streams * given.rate
    print(f"{given.streams} streams x {given.rate:g} tokens/s: engine {cores:.2f} core, {memory:.0f} MB")
    print(f"heard {heard:,.0f} of {wanted:,.0f} tokens/s; {cores / max(heard, 1) * 1e6:.0f} µs CPU a token, all told")
    if heard < HEARD * wanted:
        print(f"the servers were too slow: {heard / wanted:.0%} of what was asked; nothing follows for the bar")
        return 1
    print(f"bar {BAR}: {'reached' if cores < BAR else 'MISSED'}")
    return int(cores >= BAR)


if __name__ == "__main__":
    sys.exit(main())
