"""What the benchmarks of the screen share: a program on a pty of its own, read by a thread and measured from outside,
and figures with the bars that they are held to.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = ("NO_COLOR", "TMUX", "STY", "T2S_THEME", "T2S_ASCII", "T2S_RUNS")
PIECE = 65536
SLICE = 0.05
"""Seconds between two reads of a slow link."""


class Size(NamedTuple):
    """Of a terminal, in cells."""

    columns: int
    rows: int

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


class Figure(NamedTuple):
    """What was measured and the bar it is held to: at most that, or with `least` at least that."""

    what: str
    value: float
    bar: float
    unit: str = ""
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.bar if self.least else self.value <= self.bar

    def cell(self, digits: int = 1) -> str:
        """`7.9 ≤ 10 ok`, for a table."""
        sign = "≥" if self.least else "≤"
        return f"{self.value:.{digits}f} {sign} {self.bar:g} {'ok' if self.holds else 'NO'}"

    def __str__(self) -> str:
        return f"{self.what} {self.value:.4g} {self.unit}".strip() + f" (bar {self.bar:g})"


class Piece(NamedTuple):
    """Bytes that the program wrote, and the second at which we had them."""

    at: float
    data: bytes


class Viewer:
    """A program on a terminal of that size. A thread reads what it writes, at most `pace` bytes a second (0: at once).

    `pieces` is all that came; `born` the second of its start.
    """

    def __init__(self, command: Sequence[str], size: Size, home: Path, pace: int = 0) -> None:
        self.pieces: list[Piece] = []
        self._pace = pace
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))
        env = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        env |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
        self.born = time.monotonic()
        self._child = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=home, start_new_session=True
        )
        os.close(theirs)
        self.process = psutil.Process(self._child.pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return sum(len(piece.data) for piece in self.pieces)

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        used = self.process.cpu_times()
        return used.user + used.system

    def rss(self) -> float:
        """Resident memory in MB."""
        return self.process.memory_info().rss / 1e6

    def press(self, keys: bytes) -> float:
        """Type; returns the second of it."""
        at = time.monotonic()
        os.write(self._ours, keys)
        return at

    def wait_for(self, *wanted: bytes, seconds: float = 30) -> float:
        """Seconds from the start until all of these were on the wire. Raises `TimeoutError`."""
        return self.until(lambda seen: all(one in seen for one in wanted), seconds)

    def until(self, true: Callable[[bytes], bool], seconds: float = 30) -> float:
        """Seconds from the start until `true` of everything on the wire. Raises `TimeoutError`."""
        end, seen, taken = time.monotonic() + seconds, b"", 0
        while time.monotonic() < end:
            while taken < len(self.pieces):
                seen += self.pieces[taken].data
                taken += 1
                if true(seen):
                    return self.pieces[taken - 1].at - self.born
            time.sleep(0.005)
        raise TimeoutError(f"the viewer did not show it within {seconds:g} s; it wrote {seen[-300:]!r}")

    def freeze(self) -> None:
        """As a suspended laptop does: it neither runs nor reads."""
        self._child.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End it and the thread."""
        if self._child.poll() is None:
            for sign in (signal.SIGCONT, signal.SIGTERM):
                self._child.send_signal(sign)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(5)
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait(10)
        self._over.set()
        self._thread.join(5)
        os.close(self._ours)

    def _read(self) -> None:
        most = max(1, int(self._pace * SLICE)) if self._pace else PIECE
        while not self._over.is_set():
            if not select.select([self._ours], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._ours, most)
            except OSError:  # the program has gone
                return
            self.pieces.append(Piece(time.monotonic(), data))
            if self._pace:
                self._over.wait(len(data) / self._pace)


def attach(run: Path, size: Size, fps: int = 4, pace: int = 0) -> Viewer:
    """`t2s attach` on that run."""
    command = [sys.executable, "-P", "-m", "t2s_tui", "attach", str(run), "--fps", str(fps)]
    return Viewer(command, size, run.parent, pace)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0…1) of them lie; the nearest that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")
