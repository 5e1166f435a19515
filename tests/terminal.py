"""A terminal for tests: a pty with a real program in it, and an emulator that shows what a person would see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "ctrl+s": "\x13", "ctrl+c": "\x03", "down": "\x1b[B"}


class Terminal:
    """`columns` x `rows` cells. `seen` is every byte that came; `rows` what stands on the screen now."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, columns: int = 80, rows: int = 24
    ) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        ends = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs}
        self.program = subprocess.Popen(command, env=dict(env), cwd=cwd, start_new_session=True, **ends)
        self.seen = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def rows(self) -> list[str]:
        """The screen as a person reads it."""
        return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def press(self, *keys: str) -> None:
        """One key after another: a name of `KEYS`, or the characters themselves."""
        for key in keys:
            os.write(self.ours, KEYS.get(key, key).encode())
            self.read(0.15 if key == "escape" else 0.05)

    def read(self, seconds: float) -> None:
        """Take what comes within so many seconds."""
        if select.select([self.ours], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # the program has gone and taken the other end with it
                data = os.read(self.ours, 65536)
                self.seen += data
                self._stream.feed(data)

    def until(self, true: Callable[[], bool], seconds: float = 20, what: str = "") -> None:
        """Read until `true`; fails with what stands on the screen."""
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            self.read(0.05)
        assert true(), f"{what or 'it'} did not happen within {seconds} s; the screen says:\n{self.text}"

    def wait_for(self, wanted: str, seconds: float = 20) -> None:
        """Read until `wanted` stands on the screen."""
        self.until(lambda: wanted in self.text, seconds, repr(wanted))

    def end(self, seconds: float = 10) -> int:
        """The program's exit code; it must come by itself."""
        self.until(lambda: self.program.poll() is not None, seconds, "the end of the program")
        self.read(0.3)
        code = self.program.poll()
        assert code is not None
        return code

    def is_restored(self) -> bool:
        """Typing echoes, and every mode that was switched on is off again."""
        on = [mode for mode in (b"1049", b"1000", b"1003", b"1006", b"2004", b"1004") if self._is_on(mode)]
        echo = termios.tcgetattr(self.theirs)[3] == self.before[3]
        return echo and not on and self.seen.rfind(b"\x1b[?25h") > self.seen.rfind(b"\x1b[?25l")

    def _is_on(self, mode: bytes) -> bool:
        return self.seen.rfind(b"\x1b[?" + mode + b"h") > self.seen.rfind(b"\x1b[?" + mode + b"l")

    def close(self) -> None:
        """End what still runs in here; only that process."""
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        for handle in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(handle)
