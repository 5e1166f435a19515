"""Commands and verifiers on a Ray cluster against this machine: the same result, what the engine pays, what is gained.

    python benchmarks/workers.py [--only same kill command speed] [--tasks 500] [--commands 300] [--checks 40]

`same`: rollouts of made-up workbooks with the scripted server, local and on two nodes of one core each (separate
processes, Ray's own cluster utility), then once more with a node killed in the middle: all trajectories and the verdict
are compared. `kill`: the engine is killed (-9) with 64 work folders on the nodes; how long until nothing of it is left
there, and what a resume makes. `command`: CPU seconds of the engine's own process for each command, local and remote,
taken turns in one process. `speed`: seconds for checks that burn CPU, on one node and on two.
Bars: nothing differs, nothing lost, nothing twice; remote at most 3 × local; two nodes at least 1.7 × one. On a machine
with other work `speed` measures that work; it needs two idle cores.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.lab import PATIENCE, SKILL, T2S, lab
from engine.llm.scripted.settings import Settings
from engine.workers.base import Tasks, Workers
from engine.workers.open import workers_of
from tests.ray_nodes import Nodes, ray_nodes
from workspace.runs.run import RunFolder, alive
from workspace.settings.config import Config

PARTS = ("same", "kill", "command", "speed")
FOLDERS = 64
GONE = 30.0  # seconds in which nothing may be left of a killed engine
TIMES = re.compile(r"[A-Z][a-z]{2} +\d+ +\d\d:\d\d|call_[0-9a-f]+")
DEAREST, LEAST_GAIN = 3.0, 1.7
BURN = "x = 0\nfor n in range({steps}):\n    x = (x * 31 + n) % 1000003\n"


class Part(NamedTuple):
    """What a part found, in a line, and whether its bars hold."""

    line: str
    holds: bool


# --- same ----------------------------------------------------------------------------------------------------------


def same(given: argparse.Namespace) -> Iterator[Part]:
    """The same run three times."""
    with tempfile.TemporaryDirectory() as name, lab(Path(name), Settings()) as server:
        folder = Path(name)
        local, seconds = made(folder / "local", server.url, given.tasks, "local")
        yield Part(f"local: {len(local)} files compared, {seconds:.0f} s", bool(local))
        with cluster() as nodes:
            remote, seconds = made(folder / "ray", server.url, given.tasks, f"ray://{nodes.address}")
            yield _compared("two nodes", local, remote, seconds, folder / "ray")
        with cluster() as nodes:

            def kill(run: RunFolder) -> None:
                until(lambda: saved(run) > given.tasks // 3)
                nodes.kill(1)

            remote, seconds = made(folder / "killed", server.url, given.tasks, f"ray://{nodes.address}", kill)
            yield _compared("one of two killed", local, remote, seconds, folder / "killed")


def made(
    folder: Path, url: str, tasks: int, workers: str, meanwhile: Callable[[RunFolder], None] | None = None
) -> tuple[dict[str, str], float]:
    """What a run makes: name of the file → text without clock times; and its seconds."""
    skill = folder / "sheets"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(SKILL)
    numbers = ["--evolve", tasks, "--validation", 12, "--test", 0, "--limit", 64]
    words = ["run", "--skill", skill, "--domain", "spreadsheet", *numbers, "--base-url", url, "--model", "scripted",
             "--workers", workers, "--yes", "--detach"]  # fmt: skip
    began = time.monotonic()
    subprocess.run([*T2S, *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run = RunFolder(next((folder / "runs").iterdir()))
    if meanwhile:
        meanwhile(run)
    until(lambda: not alive(run))
    round = run.round(1)
    paths = [*round.trajectories.glob("*.jsonl"), *(round.path / "validation").rglob("*.jsonl"), round.verdict]
    return {str(p.relative_to(run.path)): TIMES.sub("…", p.read_text()) for p in paths}, time.monotonic() - began


def _compared(name: str, local: dict[str, str], other: dict[str, str], seconds: float, folder: Path) -> Part:
    run = RunFolder(next((folder / "runs").iterdir()))
    rows = [json.loads(line) for line in run.journal.read_text().splitlines()]
    told = [row["trajectory"] for row in rows if row["kind"] == "trajectory.saved"]
    lost = [row for row in rows if row["kind"] == "worker.lost"]
    differ = [name for name in local.keys() | other.keys() if local.get(name) != other.get(name)]
    twice = len(told) - len(set(told))
    line = f"{name}: {len(other)} files, {len(differ)} differ, {len(lost)} nodes lost, {twice} trajectories told twice"
    return Part(f"{line}, {seconds:.0f} s", not differ and not twice)


def saved(run: RunFolder) -> int:
    """Trajectories so far."""
    return len(list(run.round(1).trajectories.glob("*.jsonl")))


# --- kill ----------------------------------------------------------------------------------------------------------


def kill(given: argparse.Namespace) -> Iterator[Part]:
    """Rollouts whose engine dies and is taken up again."""
    tasks = 2 * FOLDERS
    with tempfile.TemporaryDirectory() as name, lab(Path(name), Settings()) as server:
        local, _ = made(Path(name) / "local", server.url, tasks, "local")
        left = list[float]()
        with cluster() as nodes:

            def shoot(run: RunFolder) -> None:
                until(lambda: sessions(run) >= FOLDERS)
                os.kill(json.loads(run.lock.read_text())["pid"], signal.SIGKILL)
                began = time.monotonic()
                until(lambda: not hands())
                left.append(time.monotonic() - began)
                words = ["resume", run.path, "--accept-changes", "--detach"]
                subprocess.run(
                    [*T2S, *map(str, words)], cwd=run.path.parent.parent, check=True, stdout=subprocess.DEVNULL
                )

            other, _ = made(Path(name) / "ray", server.url, tasks, f"ray://{nodes.address}", shoot)
    differ = [name for name in local.keys() | other.keys() if local.get(name) != other.get(name)]
    line = f"{FOLDERS} folders on the nodes: nothing left after {left[0]:.1f} s"
    yield Part(f"{line}; resumed: {len(other)} files, {len(differ)} differ", not differ and left[0] < GONE)


def sessions(run: RunFolder) -> int:
    """Work folders on all nodes, as last told."""
    last = dict[str, int]()
    for row in map(json.loads, run.journal.read_text().splitlines()):
        if row["kind"] == "worker.counted":
            last[row["node"]] = row["sessions"]
    return sum(last.values())


def hands() -> list[psutil.Process]:
    """Processes of Ray with our hands in them."""
    return [p for p in psutil.process_iter(["cmdline"]) if any("_Actor" in word for word in p.info["cmdline"] or ())]


# --- command -------------------------------------------------------------------------------------------------------


def command(given: argparse.Namespace) -> Iterator[Part]:
    """CPU of this process for each command, by turns of 50."""
    with cluster() as nodes:
        yield asyncio.run(_commands(given.commands, f"ray://{nodes.address}"))


async def _commands(count: int, address: str) -> Part:
    both = {where: await _opened(where) for where in ("local", address)}
    used: dict[str, list[float]] = {where: [] for where in both}
    with tempfile.TemporaryDirectory() as name:
        for turn in range(max(2, count // 50)):
            for where, workers in both.items():
                folder = Path(name) / f"{len(where)}-{turn}"
                folder.mkdir()
                (folder / "given.txt").write_text("something to read\n" * 100)
                began = time.process_time()
                for number in range(50):
                    await workers.run(("bash", "-c", f"cat given.txt; echo {number} > made"), folder)
                used[where].append((time.process_time() - began) / 50)
                await workers.leave(folder)
    for workers in both.values():
        await workers.close()
    local, remote = (statistics.median(used[where][1:]) * 1000 for where in both)
    line = f"CPU of the engine for a command: local {local:.2f} ms, remote {remote:.2f} ms, {remote / local:.1f} ×"
    return Part(f"{line} (at most {DEAREST:g})", remote / local <= DEAREST)


async def _opened(where: str) -> Workers:
    settings = {"workers": {"where": where}, "sandbox": {"level": "process"}}
    workers = workers_of(config := Config.model_validate(settings))
    await workers.open(Tasks(config.domain, Path.cwd()))
    return workers


# --- speed ---------------------------------------------------------------------------------------------------------


def speed(given: argparse.Namespace) -> Iterator[Part]:
    """The same checks on one node of one core and on two, after one round that warms both."""
    seconds = dict[int, float]()
    for count in (1, 2):
        with cluster(count) as nodes:
            seconds[count] = asyncio.run(_checks(given.checks, f"ray://{nodes.address}"))
    gain = seconds[1] / seconds[2]
    busy = os.getloadavg()[0]
    line = f"{given.checks} checks: one node {seconds[1]:.1f} s, two {seconds[2]:.1f} s, {gain:.2f} × (at least "
    yield Part(f"{line}{LEAST_GAIN:g}; load {busy:.1f})", gain >= LEAST_GAIN)


async def _checks(count: int, address: str) -> float:
    workers = await _opened(address)
    with tempfile.TemporaryDirectory() as name:
        await _burnt(workers, Path(name) / "warm", 4, 10_000)
        began = time.monotonic()
        await _burnt(workers, Path(name) / "real", count, 4_000_000)
        seconds = time.monotonic() - began
    await workers.close()
    return seconds


async def _burnt(workers: Workers, parent: Path, count: int, steps: int) -> None:
    async def one(number: int) -> None:
        folder = parent / str(number)
        folder.mkdir(parents=True)
        (folder / "check.py").write_text(BURN.format(steps=steps))
        ran = await workers.run(("python3", "check.py"), folder)
        assert ran.code == 0, ran
        await workers.leave(folder)

    await asyncio.gather(*(one(number) for number in range(count)))


# --- the rest ------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(count: int = 2) -> Iterator[Nodes]:
    """Nodes of one core each."""
    with ray_nodes({}, count) as nodes:
        yield nodes


def until(true: Callable[[], object]) -> None:
    """Wait for it, not longer than a benchmark may take."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def main() -> int:
    """Print what each part found; 1 where a bar does not hold."""
    given = _parser().parse_args()
    if importlib.util.find_spec("ray") is None:
        print("skipped: Ray is not installed")
        return 0
    parts: dict[str, Callable[[Any], Iterator[Part]]] = {"same": same, "kill": kill, "command": command, "speed": speed}
    found: list[Part] = []
    for name in given.only:
        for part in parts[name](given):
            print(f"{'ok  ' if part.holds else 'FAIL'} {name}: {part.line}", flush=True)
            found.append(part)
    missed = sum(not part.holds for part in found)
    print(f"{len(found) - missed} of {len(found)} hold")
    return int(missed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tasks", type=int, default=500, help="rollouts of `same`")
    parser.add_argument("--commands", type=int, default=300, help="of `command`, on either side")
    parser.add_argument("--checks", type=int, default=40, help="of `speed`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
