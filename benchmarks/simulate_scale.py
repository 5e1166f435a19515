"""What 10,000 to a million trajectories would take on 1 to 64 GPUs, and what breaks first: simulated, not measured.

    python benchmarks/simulate_scale.py [--trajectories 10000 100000 1000000] [--gpus 1 4 16 64] [--work traces tools]
    python benchmarks/simulate_scale.py --measure     # the prices of the engine, taken again here (two minutes)
    python benchmarks/simulate_scale.py --validate    # real runs beside the simulation of the same runs

The model is `scale_model.py`, the prices are `scale_costs.py`. A GPU is a server of benchmarks/limiter.py (`batching
knee`: 50 tokens a second for one stream, 2,400 for 96 of them together, 50,000 a second read). That is an assumption,
and so are the two workloads (`WORKS`). `traces`: given trajectories of 6,000 tokens, one call to analyse, one to
propose. `tools`: before that an agent of ten turns with a command of 0.3 core-seconds between two, on as many cores as
it wants.

`time` has the copying of the trajectories into the run's folder in it; `engine` is how busy its core is until the
merges are planned, `cores` how many sandboxes keep busy until then, `above 1` how long the tree takes from the last
merge of level 1 on. A wall `at 2x` would have to be twice as far away.

Calls that begin together are one event: 4 of them at 10,000 trajectories, 16 at 100,000, 24 at a million. The last
lines compare that with the exact way at 10,000. Exit code 1 when they differ by more than 5 %, or (`--validate`) when a
run does by more than 20 %. All cells take two minutes of CPU.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any, NamedTuple

from benchmarks.machine import Speeds
from benchmarks.scale_costs import CHARACTERS, COSTS, LEAVES, Real, a_run, measured
from benchmarks.scale_model import Fleet, Played, Simulation, Talk, Tree, Work
from engine.llm.scripted.faults import Weather
from engine.llm.scripted.settings import Settings

GPU = Speeds(speed=50, knee=48)
LIMIT = 96  # calls at once with which such a server is fastest (benchmarks/limiter.py)
ANALYSE = Talk("analyse", 1, 2_500, 6_000, 0, 600)
PROPOSE = Talk("propose", 1, 2_500, 400, 0, 300)
WORKS = {
    "traces": Work("traces", (ANALYSE, PROPOSE)),
    "tools": Work("tools", (Talk("rollout", 10, 2_000, 500, 400, 250, 0.3), ANALYSE, PROPOSE)),
}
STARTING = 1.5  # CPU seconds that an engine needs before it has read anything
PAUSE, TAIL, OPEN, FILES, DISK = 2.0, 0.5, 1_000, 5e6, 100e9  # where something breaks
GRAIN_BAR, REAL_BAR = 0.05, 0.20
BATCHES = (1, 4, 16, 24)  # calls an event: below 10,000 trajectories, 100,000, a million, and above


class Wall(NamedTuple):
    """Something that breaks: how far it is used (1: it breaks), what it is, and what there is to be seen."""

    used: float
    name: str
    seen: str


def walls(played: Played, memory: float) -> list[Wall]:
    """Everything that may break, the worst first. `memory`: bytes that the engine's machine has."""
    count = played.trajectories
    streams, pause = min(played.fleet.gpus * played.fleet.limit, count), COSTS.view * count
    engine, tail = played.leaf_engine, played.above / played.seconds
    both = f"it alone needs {span(engine)} until the plan, the servers alone {span(played.servers)}"
    found = (
        Wall(held(played) / memory, "memory", f"the engine holds {amount(held(played))}"),
        Wall(engine / played.servers, "engine", both),
        Wall(tail / TAIL, "root", f"{span(played.above)} above level 1; the root alone asks {played.parts} times"),
        Wall(pause / PAUSE, "view.json", f"the engine stands still {pause:.1f} s at each write"),
        Wall(streams / OPEN, "open files", f"{streams:,} streams; many systems allow 1,024 files"),
        Wall(played.files / FILES, "files", f"{played.files / 1e6:.1f} million in one folder"),
        Wall(disk(played) / DISK, "disk", f"{amount(disk(played))} in the run's folder"),
    )
    return sorted(found, reverse=True)


def held(played: Played) -> float:
    """Bytes of the engine's memory."""
    return LEAVES.engine + played.trajectories * LEAVES.held + played.text * CHARACTERS * LEAVES.character


def disk(played: Played) -> float:
    """Bytes of the run's folder: trajectories, what agents said, calls, journal, and the small files."""
    small = played.files * LEAVES.output
    return played.text * CHARACTERS + played.talk + played.record + played.journal + small


# --- tables --------------------------------------------------------------------------------------------------------

HEAD = (
    f"{'work':<7}{'trajectories':>12}{'GPUs':>5}{'time':>10}{'GPU use':>9}{'engine':>8}{'cores':>7}{'read':>9}"
    f"{'written':>9}{'levels':>8}{'above 1':>10}{'journal':>9}{'calls':>9}{'folder':>9}{'files':>8}{'memory':>9}"
)


def row(work: str, played: Played, memory: float) -> str:
    """A line of the table, and below it what breaks, the worst first."""
    worst = walls(played, memory)
    broken = [wall for wall in worst if wall.used >= 1]
    told = "; ".join(f"{wall.name} at {wall.used:.1f}x: {wall.seen}" for wall in broken[:4] or worst[:1])
    return (
        f"{work:<7}{played.trajectories:>12,}{played.fleet.gpus:>5}{span(played.bring + played.seconds):>10}"
        f"{played.gpu_use:>9.0%}{played.leaf_engine / played.leaf:>8.0%}{played.commands / played.leaf:>7.0f}"
        f"{tokens(played.prompt):>9}{tokens(played.written):>9}{played.levels:>8}{span(played.above):>10}"
        f"{amount(played.journal):>9}{amount(played.record):>9}{amount(disk(played)):>9}{tokens(played.files):>8}"
        f"{amount(held(played)):>9}\n{'':>7}{'breaks: ' if broken else 'holds; nearest: '}{told}"
    )


def span(seconds: float) -> str:
    """Seconds as people say them."""
    for unit, long in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * long:
            return f"{seconds / long:.1f} {unit}"
    return f"{seconds:.0f} s"


def amount(found: float) -> str:
    """Bytes."""
    return f"{tokens(found, ('B', 'kB', 'MB', 'GB', 'TB'))}"


def tokens(found: float, units: tuple[str, ...] = ("", "k", "M", "G", "T")) -> str:
    """A count in thousands, millions, …"""
    at = 0
    while found >= 1_000 and at < len(units) - 1:
        found, at = found / 1_000, at + 1
    return f"{found:.3g} {units[at]}".rstrip()


# --- what is run -----------------------------------------------------------------------------------------------------


def play(work: Work, trajectories: int, gpus: int, batch: int = 0) -> Played:
    """One cell; `batch` 0 chooses by size."""
    batch = batch or BATCHES[sum(trajectories >= most for most in (10_000, 100_000, 1_000_000))]
    return Simulation(work, trajectories, Fleet(gpus, GPU, LIMIT), batch=batch).run()


class Cell(NamedTuple):
    """What one process is to play."""

    work: str
    trajectories: int
    gpus: int
    batch: int = 0


def cell(one: Cell) -> Played:
    """Played in a process of its own."""
    return play(WORKS[one.work], one.trajectories, one.gpus, one.batch)


def grain(pool: Executor, works: list[str], gpus: list[int]) -> Iterator[float]:
    """How far the coarser events are from single ones, at 10,000 trajectories."""
    cells = [(work, count) for work in works for count in dict.fromkeys((gpus[0], gpus[-1]))]
    played = pool.map(cell, [Cell(work, 10_000, count, batch) for work, count in cells for batch in BATCHES])
    for work, count in cells:
        exact, told = next(played), list[str]()
        for batch, coarse in zip(BATCHES[1:], played, strict=False):
            off = coarse.seconds / exact.seconds - 1
            told.append(f"{batch} an event {off:+.1%} ({coarse.steps:,}; CPU {coarse.engine / exact.engine - 1:+.1%})")
            yield abs(off)
        print(
            f"{work}, 10,000 on {count} GPUs: exact {span(exact.seconds)} ({exact.steps:,} events), {', '.join(told)}"
        )


class Lab(NamedTuple):
    """A scripted server as a run met it: calls at once, seconds before it speaks, chunks a second of each reply."""

    limit: int
    latency: float
    rate: float


AROUND = 3  # chunks of a reply of the scripted server beside its words, one a chunk


def pieces(rows: list[dict[str, Any]], role: str, lab: Lab, lived: bool) -> float:
    """Chunks of an agent's mean reply: as sent, or as many as would take as long as its calls really took."""
    replies = [row["reply"] for row in rows if row["agent"].startswith(role)]
    if lived:
        return sum(reply["seconds"] - lab.latency for reply in replies) / len(replies) * lab.rate
    return sum(len(reply["text"].split()) for reply in replies) / len(replies) + AROUND


def like(real: Real, lab: Lab, lived: bool) -> Work:
    """The work of a real run: its calls had such replies, its merges such edits."""
    talks = tuple(
        Talk(stage, 1, 0, 500, 0, pieces(real.calls, role, lab, lived))
        for stage, role in (("analyse", "analyst"), ("propose", "proposer"))
    )
    edits = sum(row["edits_in"] for row in real.journal if row["kind"] == "merge.done")
    merges = sum(row["agent"].startswith("merger") for row in real.calls)
    an_edit = pieces(real.calls, "merger", lab, lived) * merges / edits
    return Work("as it was", talks, Tree(edits=1, own=0, ideas=16, reply=round(an_edit), shared=500), 60)


def validate(traces: int) -> int:
    """Runs against the scripted server beside the simulation of them, once with what the server was told to do, once
    with the seconds that the calls really took on this machine."""
    head = f"{f'{traces} traces':<20}{'calls':>7}{'real s':>8}{'model s':>9}{'off':>7}{'lived s':>9}{'off':>7}"
    print(f"{head}{'CPU s':>8}{'model':>7}{'MB':>6}{'model':>7}")
    missed = False
    for lab in (Lab(16, 0.5, 30.0), Lab(32, 2.0, 30.0)):
        real = a_run(traces, Settings(rate=lab.rate, weather=Weather(1, lab.latency)), lab.limit)
        fleet = Fleet(1, Speeds(lab.rate, 1e9, slots=1_000, reading=1e9), lab.limit, lab.latency)
        told, lived = (Simulation(like(real, lab, way), traces, fleet, sigma=0.05).run() for way in (False, True))
        off = [one.seconds / real.seconds - 1 for one in (told, lived)]
        missed |= abs(off[0]) > REAL_BAR
        print(
            f"{f'{lab.limit} calls at once':<20}{len(real.calls):>7}{real.seconds:>8.1f}{told.seconds:>9.1f}"
            f"{off[0]:>+7.0%}{lived.seconds:>9.1f}{off[1]:>+7.0%}{real.cpu:>8.1f}{told.engine + STARTING:>7.1f}"
            f"{real.memory / 1e6:>6.0f}{held(told) / 1e6:>7.0f}", flush=True,
        )  # fmt: skip
        merges = sum(row["kind"] == "merge.done" for row in real.journal)
        print(
            f"  {merges} merges (model {told.finished['merge']}), {len(real.journal):,} events ({told.events:,.0f}), "
            f"journal {amount(real.sizes['journal.jsonl'])} ({amount(told.journal)}), "
            f"{real.files:,} files ({told.files:,})"
        )
    print(f"bar {REAL_BAR:.0%} of the time: {'MISSED' if missed else 'reached'}")
    return int(missed)


def main() -> int:
    """Print the tables; 1 when the simulation is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--work", nargs="+", choices=sorted(WORKS), default=list(WORKS))
    parser.add_argument("--memory", type=float, default=16.0, help="GB that the engine's machine has")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--validate", type=int, nargs="?", const=300, metavar="TRACES")
    given = parser.parse_args()
    if given.measure:
        print(f"{'price':<26}{'noted':>9}{'here':>9}")
        for one in measured():
            print(f"{one.name:<26}{one.noted:>9.3g}{one.found:>9.3g}  {one.unit}", flush=True)
        return 0
    if given.validate:
        return validate(given.validate)
    began = time.monotonic()
    cells = [Cell(*one) for one in itertools.product(given.work, given.trajectories, given.gpus)]
    print(HEAD)
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for one, played in zip(cells, pool.map(cell, cells), strict=True):
            print(row(one.work, played, given.memory * 1e9), flush=True)
        print()
        worst = max(grain(pool, given.work, given.gpus))
    print(
        f"simulated in {time.monotonic() - began:.0f} s; events of several calls {worst:.1%} off (bar {GRAIN_BAR:.0%})"
    )
    return int(worst > GRAIN_BAR)


if __name__ == "__main__":
    sys.exit(main())
