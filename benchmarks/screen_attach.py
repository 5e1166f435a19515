"""Coming back to a long run: seconds from the start of `t2s attach` to the list of agents, and memory in a busy hour.

The first paint is the first moment at which the title of the roster and a row of it are on the wire.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.streams import Writer, new_run, streaming, write_history
from benchmarks.viewers import Figure, Size, attach, percentile
from workspace.runs.run import RunFolder, engine_lock

BAR, MEMORY = 1.0, 150.0
SIZE = Size(80, 24)
PANELS = (b"2", b"3", b"4", b"5", b"1")
RESTING = 24
"""Agents that are at work but say nothing while the first paints are timed."""


class Attached(NamedTuple):
    """Seconds of each first paint, CPU seconds of the viewer until then, MB at most while agents stream."""

    units: int
    journal: float
    paints: list[float]
    cpus: list[float]
    memory: float


def measure(folder: Path, units: int, agents: int, repeats: int, seconds: float) -> Attached:
    """Attach to a run of so many units again and again; then let agents stream on top of it."""
    run = new_run(folder)
    write_history(run, units)
    paints, cpus = list[float](), list[float]()
    with engine_lock(run):
        writer = Writer(run, RESTING, 50)
        writer.open()
        writer.journal.close()
        for _ in range(repeats):
            with attach(run.path, SIZE) as viewer:
                paints.append(viewer.wait_for(b"AGENTS", b"analyst"))
                cpus.append(viewer.cpu())
    size = run.journal.stat().st_size / 1e6
    return Attached(units, size, paints, cpus, _memory(run, agents, seconds))


def _memory(run: RunFolder, agents: int, seconds: float) -> float:
    """MB of a viewer in front of streaming agents, the most that was seen on a tour through all panels."""
    most = 0.0
    with streaming(run, agents, 50), attach(run.path, SIZE) as viewer:
        viewer.wait_for(b"AGENTS", b"analyst")
        for panel in PANELS:
            viewer.press(panel)
            end = time.monotonic() + seconds / len(PANELS)
            while time.monotonic() < end:
                time.sleep(0.2)
                most = max(most, viewer.rss())
    return most


HEAD = f"{'units':>6} {'journal MB':>11} {'first paint s':>16} {'of':>3} {'fastest':>8} {'CPU s':>6} {'RSS MB':>15}"


def row(seen: Attached, agents: int) -> tuple[str, list[Figure]]:
    """A line of the table, and what is held to a bar."""
    paint = Figure(f"attach to {seen.units} units", percentile(seen.paints, 0.5), BAR, "s")
    memory = Figure(f"RSS with {agents} agents on {seen.units} units", seen.memory, MEMORY, "MB")
    cells = f"{seen.units:>6} {seen.journal:>11.1f} {paint.cell(2):>16} {len(seen.paints):>3} {min(seen.paints):>8.2f}"
    return f"{cells} {percentile(seen.cpus, 0.5):>6.2f} {memory.cell(0):>15}", [paint, memory]
