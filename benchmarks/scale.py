"""What an engine costs when there are many trajectories: memory, CPU a unit, and how soon a killed run is back.

    python benchmarks/scale.py [--traces 1000 10000] [--limit 32]

A run over that many short traces against the scripted server. The engine is killed (SIGKILL) when the first merge is
done, so all trajectories are behind it; then the viewer is opened on a terminal of its own (`attach`: seconds until the
roster is drawn), and the run is resumed (`resume`: seconds from the command to the first new call) and watched to its
end. CPU is that of the engine until the kill, by the units it had done; memory is the largest of both lives. Bars, at
10,000 and below: 500 MB, CPU a unit at most 1.2 times that of the first number of traces, resume 20 s, attach 1 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.faults import rules
from benchmarks.lab import T2S, lab, write_inputs
from benchmarks.viewers import Size, attach
from engine.llm.scripted.settings import Settings

PATIENCE = 3600.0
BARS = {"ratio": 1.2, "RSS": 500.0, "attach": 1.0, "resume": 20.0}


class Cost(NamedTuple):
    """Seconds, and bytes of resident memory."""

    traces: int
    units: int
    cpu: float
    memory: int
    seconds: float
    attach: float
    resume: float
    total: float


class Watched:
    """An engine as the process table shows it; `cpu` in seconds and the largest `memory` in bytes as last looked at."""

    def __init__(self, run: Path) -> None:
        self.process = psutil.Process(json.loads((run / "engine.lock").read_text())["pid"])
        self.cpu, self.memory = 0.0, 0

    def until(self, done: Callable[[], bool]) -> None:
        """Look at it until `done` or its end. Raises `TimeoutError`."""
        end = time.monotonic() + PATIENCE
        with suppress(psutil.NoSuchProcess):
            while self.process.status() != psutil.STATUS_ZOMBIE and not done():
                used = self.process.cpu_times()
                self.cpu, self.memory = used.user + used.system, max(self.memory, self.process.memory_info().rss)
                if time.monotonic() > end:
                    raise TimeoutError(f"the engine was not done after {PATIENCE:g} s")
                time.sleep(0.05)


def traces(count: int) -> Iterator[dict[str, Any]]:
    """Failed talks; each tells one of a few rules."""
    known = rules()
    for n in range(count):
        talk = [
            {"role": "user", "content": f"Mend sheet {n} of the workbook."},
            {"role": "assistant", "content": f"I worked on sheet {n}.\nLesson: Rule {n}: {known[n % len(known)]}"},
        ]
        yield {"id": f"case-{n}", "messages": talk, "reward": 0}


def measure(folder: Path, count: int, limit: int) -> Cost:
    """One run in two lives."""
    write_inputs(folder, traces(count))
    began = time.monotonic()
    with lab(folder, Settings()) as server:
        words = ("--skill", "sheets", "--traces", "traces.jsonl", "--base-url", server.url, "--model", "scripted")
        t2s(folder, "run", *words, "--limit", limit, "--yes", "--detach")
        run = next((folder / "runs").glob("*/engine.lock")).parent
        tree = run / "rounds" / "1" / "s0" / "tree"
        first = Watched(run)
        first.until(lambda: (tree / "m1-01.toml").exists())
        first.process.kill()
        first.process.wait(30)
        seconds = time.monotonic() - began
        units, offset = kinds(run).count("unit.done"), (run / "journal.jsonl").stat().st_size
        painted = first_paint(run)
        resume, second = resumed(folder, run, offset)
        second.until(lambda: False)
    if kinds(run)[-1] != "run.finished":
        raise RuntimeError(f"the run ended with {kinds(run)[-1]}")
    memory = max(first.memory, second.memory)
    return Cost(count, units, first.cpu, memory, seconds, painted, resume, first.cpu + second.cpu)


def t2s(folder: Path, *words: object) -> None:
    """Run a command of the product; its output is not for the table."""
    subprocess.run([*T2S, *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def kinds(run: Path) -> list[str]:
    """The kinds of all events; the torn last line of a killed engine is none."""
    found: list[str] = []
    for line in (run / "journal.jsonl").read_bytes().split(b"\n"):
        with suppress(ValueError):
            found.append(json.loads(line)["kind"])
    return found


def resumed(folder: Path, run: Path, offset: int) -> tuple[float, Watched]:
    """Seconds from the command until an agent starts, and the engine. `offset`: where the journal ended before."""
    began = time.monotonic()
    t2s(folder, "resume", run.name, "--detach")
    engine = Watched(run)
    with (run / "journal.jsonl").open("rb") as journal:
        journal.seek(offset)
        news = b""

        def started() -> bool:
            nonlocal news
            news += journal.read()
            return b'"agent.started"' in news

        engine.until(started)
        if b'"agent.started"' not in news:
            raise RuntimeError("the resumed run made no call: there was nothing left of it to measure")
    return time.monotonic() - began, engine


def first_paint(run: Path) -> float:
    """Seconds until the viewer, started on a terminal of its own, has drawn the roster."""
    with attach(run, Size(100, 30)) as viewer:
        return viewer.wait_for(b"AGENTS", seconds=60)


HEAD = f"{'traces':>7}{'units':>8}{'ms/unit':>9}{'ratio':>7}{'RSS MB':>8}{'attach s':>10}{'resume s':>10}{'CPU s':>8}"


def row(cost: Cost, first: Cost) -> str:
    """A line of the table."""
    each, base = cost.cpu / cost.units, first.cpu / first.units
    return (
        f"{cost.traces:>7}{cost.units:>8}{each * 1000:>9.1f}{each / base:>7.2f}{cost.memory / 1e6:>8.0f}"
        f"{cost.attach:>10.2f}{cost.resume:>10.2f}{cost.total:>8.1f}"
    )


def missed(cost: Cost, first: Cost) -> list[str]:
    """The bars that a row misses."""
    ratio = cost.cpu / cost.units / (first.cpu / first.units)
    figures = {"ratio": ratio, "RSS": cost.memory / 1e6, "attach": cost.attach, "resume": cost.resume}
    return [f"{name} {figure:.2f} > {BARS[name]:g}" for name, figure in figures.items() if figure > BARS[name]]


def main() -> int:
    """Print the table; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=int, nargs="+", default=[1000])
    parser.add_argument("--limit", type=int, default=32)
    given = parser.parse_args()
    print(f"{given.limit} calls in flight, no latency\n\n{HEAD}", flush=True)
    costs: list[Cost] = []
    for count in given.traces:
        with tempfile.TemporaryDirectory() as scratch:
            costs.append(measure(Path(scratch), count, given.limit))
        print(row(costs[-1], costs[0]), flush=True)
    misses = [f"{cost.traces}: {miss}" for cost in costs for miss in missed(cost, costs[0])]
    print(f"\nbars: {'; '.join(misses) or 'reached'}")
    return int(bool(misses))


if __name__ == "__main__":
    sys.exit(main())
