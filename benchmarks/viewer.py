"""What the viewer costs while many agents stream: CPU, bytes to the terminal, and the time until it shows something.

    python benchmarks/viewer.py [--agents 64] [--rate 50] [--fps 4] [--size 80x24] [--seconds 12] [--panel roster]

A run folder is made in which `--agents` agents stream `--rate` tokens a second each, written as an engine writes
(journal and live files, ten times a second). The real app is started on a real pty of `--size` and measured from
outside: CPU from the process table, bytes from the pty.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from workspace.files import write_text  # noqa: E402
from workspace.runs import events as e  # noqa: E402
from workspace.runs.journal import Journal  # noqa: E402
from workspace.runs.live import LiveWriter  # noqa: E402
from workspace.runs.run import RunFolder, engine_lock  # noqa: E402

VIEWER = """
import sys
from pathlib import Path
from t2s_tui.app import T2SApp
from workspace.runs.run import RunFolder
run = RunFolder(Path(sys.argv[1]))
raise SystemExit(T2SApp(run.path.parent, run, fps=int(sys.argv[2])).run())
"""
KEYS = {"roster": b"1", "pool": b"2", "tree": b"3", "wall": b"4"}
WORDS = "the agent wrote a formula into the cell but never calculated it, so the value is empty"


class Cost(NamedTuple):
    """Measured from outside over `seconds`."""

    first: float
    cpu: float
    size: float
    rss: float


def main() -> None:
    options = parse()
    columns, rows = map(int, options.size.split("x"))
    print(
        f"{options.agents} agents x {options.rate} tokens/s, {options.fps} fps, {columns}x{rows}, {options.seconds} s"
    )
    print(f"{'panel':<10}{'first paint':>12}{'CPU %':>8}{'ms/frame':>10}{'kB/s':>8}{'RSS MB':>8}")
    for panel in options.panels:
        with tempfile.TemporaryDirectory() as folder:
            cost = measure(Path(folder), options, columns, rows, panel)
        per_frame = cost.cpu * 1000 / (options.fps * options.seconds)
        part = cost.cpu / options.seconds * 100
        print(
            f"{panel:<10}{cost.first:>10.2f} s{part:>8.1f}{per_frame:>10.1f}"
            f"{cost.size / options.seconds / 1000:>8.1f}{cost.rss / 1e6:>8.0f}"
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--fps", type=int, default=4)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--panels", nargs="+", default=list(KEYS), choices=list(KEYS))
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace, columns: int, rows: int, panel: str) -> Cost:
    run = RunFolder(folder / "2026-11-22-bench")
    write_text(run.config, 'format = 1\nkind = "run"\n')
    with engine_lock(run):
        writer = Writer(run, options.agents, options.rate)
        writer.open()
        began = time.monotonic()
        child, terminal = start(run, options.fps, columns, rows)
        try:
            first = wait_for(terminal, b"AGENTS", began, writer)
            os.write(terminal, KEYS[panel])
            drain(terminal, 2.0, writer)
            process = psutil.Process(child.pid)
            before = sum(process.cpu_times()[:2])
            size = drain(terminal, options.seconds, writer)
            cpu = sum(process.cpu_times()[:2]) - before
            return Cost(first, cpu, size, process.memory_info().rss)
        finally:
            child.terminate()
            drain(terminal, 0.5, writer)
            child.wait(10)
            os.close(terminal)
            writer.journal.close()


class Writer:
    """Writes what an engine with that many streaming agents writes."""

    def __init__(self, run: RunFolder, agents: int, rate: int) -> None:
        self.journal = Journal(run.journal)
        self.live = LiveWriter(run)
        self.rng = random.Random(1)
        self.words = WORDS.split()
        self.agents = [f"analyst-t{n:03d}" for n in range(1, agents + 1)]
        self.rate = rate
        self.tokens = dict.fromkeys(self.agents, 0)
        self._due = time.monotonic()
        self._ticks = 0

    def open(self) -> None:
        emit = self.journal.emit
        emit(e.RunStarted(run="2026-11-22-bench", skill="xlsx", model="m", endpoint="http://127.0.0.1:1/v1"))
        emit(e.StageEntered(stage="analyse", units=len(self.agents) * 4))
        for agent in self.agents:
            emit(e.AgentQueued(agent=agent, role="analyst", unit=agent[-4:], stage="analyse"))
            emit(e.AgentStarted(agent=agent))
        for n in range(60):
            emit(
                e.LessonLearned(
                    lesson=f"t{n:03d}-L1", title=" ".join(WORDS[:8]), verified=n % 2 == 0, support=n % 9 + 1
                )
            )

    def tick(self) -> None:
        """Call often: writes at 10 Hz what fell due."""
        while time.monotonic() >= self._due:
            self._due += 0.1
            self._ticks += 1
            for agent in self.agents:
                many = max(1, self.rate // 10)
                said = " ".join(self.rng.choice(self.words) for _ in range(many))
                self.live.say(agent, said + (".\n" if self.rng.random() < 0.1 else " "))
                self.tokens[agent] += many
            self.live.flush()
            self._speak()

    def _speak(self) -> None:
        """Each agent once a second, spread over the ticks; the usage once a second."""
        for n, agent in enumerate(self.agents):
            if n % 10 == self._ticks % 10:
                self.journal.emit(e.AgentSpoke(agent=agent, tokens=self.tokens[agent], words=WORDS))
        if self._ticks % 10 == 0:
            self.journal.emit(
                e.UsageCounted(
                    calls=self._ticks, prompt=self._ticks * 900, completion=sum(self.tokens.values()),
                    in_flight=len(self.agents), limit=len(self.agents), rate=len(self.agents) * self.rate,
                )
            )  # fmt: skip


def start(run: RunFolder, fps: int, columns: int, rows: int) -> tuple[subprocess.Popen[bytes], int]:
    """The viewer on a pty of that size; returns it and our end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-c", VIEWER, str(run.path), str(fps)]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    return child, ours


def wait_for(terminal: int, wanted: bytes, began: float, writer: Writer) -> float:
    """Seconds from `began` until `wanted` is on the wire."""
    seen = b""
    while wanted not in seen and time.monotonic() - began < 20:
        writer.tick()
        if select.select([terminal], [], [], 0.02)[0]:
            seen += os.read(terminal, 65536)
    return time.monotonic() - began


def drain(terminal: int, seconds: float, writer: Writer) -> int:
    """Read what comes for so long; returns how many bytes."""
    end, size = time.monotonic() + seconds, 0
    while (now := time.monotonic()) < end:
        writer.tick()
        if select.select([terminal], [], [], min(0.02, end - now))[0]:
            try:
                size += len(os.read(terminal, 65536))
            except OSError:  # the viewer has gone
                return size
    return size


if __name__ == "__main__":
    main()
