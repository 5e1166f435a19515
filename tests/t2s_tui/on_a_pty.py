"""The viewer on a pty of its own, as a person's shell would start it, and what its terminal would show."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.cells import cell_len

from workspace.runs.run import RunFolder

ROOT = Path(__file__).resolve().parents[2]
VIEWER = """
import sys
from pathlib import Path
from t2s_tui.app import T2SApp
from t2s_tui.commands.common import manner
from workspace.runs.run import RunFolder
run = RunFolder(Path(sys.argv[1]))
app = T2SApp(run.path.parent, run, manner=manner())
raise SystemExit(app.run())
"""
HIDDEN = ("NO_COLOR", "TMUX", "STY", "T2S_THEME", "T2S_ASCII")


class Viewer:
    """`environment` is laid over a plain one; `program` gets the path of the run as its argument."""

    def __init__(
        self,
        run: RunFolder,
        environment: Mapping[str, str] | None = None,
        *,
        size: tuple[int, int] = (80, 24),
        program: str = VIEWER,
    ) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(size)
        self.before = termios.tcgetattr(self.theirs)
        plain = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        home = run.path.parent.parent
        plain |= {"PYTHONPATH": str(ROOT), "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
        plain |= {"XDG_CONFIG_HOME": str(home / "config"), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        ends = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs}
        command = [sys.executable, "-c", program, str(run.path)]
        self.process = subprocess.Popen(
            command, env={**plain, **(environment or {})}, cwd=home, start_new_session=True, **ends
        )
        self.seen = b""

    def resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def read(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.ours], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.ours, 65536)

    def until(self, true: Callable[[bytes], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not true(self.seen) and time.monotonic() < end:
            self.read(0.05)
        assert true(self.seen), self.seen[-2000:]

    def wait_for(self, *wanted: bytes) -> None:
        for piece in wanted:
            self.until(lambda seen, piece=piece: piece in seen)

    def end(self, seconds: float = 10) -> int:
        """The exit code; the viewer must end by itself."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.1)
        code = self.process.poll()
        assert code is not None, "the viewer did not end"
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for handle in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(handle)


class Glass:
    """A terminal that understands what we write: text, its width, where it stands, in which style."""

    TOKENS = re.compile(r"\x1b\][^\x07]*\x07|\x1bP.*?\x1b\\|\x1b\[([<>?]?[0-9;$]*)([A-Za-z])|\r|\n|.", re.DOTALL)

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.x = self.y = 0
        self.pen = ""
        self.cells: list[list[tuple[str, str]]] = [[(" ", "")] * columns for _ in range(rows)]

    def write(self, text: str) -> None:
        for token in self.TOKENS.finditer(text):
            match token[0], token[2]:
                case "\r", _:
                    self.x = 0
                case "\n", _:
                    self.x, self.y = 0, self.y + 1
                case _, "H":
                    y, _, x = token[1].partition(";")
                    self.x, self.y = int(x or 1) - 1, int(y or 1) - 1
                case _, "m":
                    self.pen = "" if token[1] in ("", "0") else ";".join(self._styled(token[1]))
                case char, None if not char.startswith("\x1b"):
                    self._put(char)
                case _:
                    pass

    def _styled(self, numbers: str) -> list[str]:
        """The pen in one spelling, whatever way led there."""
        from t2s_tui.pen import PLAIN, _after

        pen = _after(_after(PLAIN, self.pen) or PLAIN, numbers)
        assert pen is not None
        return [code for code in (*sorted(pen.marks), pen.fore, pen.back) if code]

    def _put(self, char: str) -> None:
        size = cell_len(char)
        if not size or self.y >= self.rows or self.x + size > self.columns:
            return
        row = self.cells[self.y]
        if row[self.x][0] == "" and self.x:  # over the right half of a wide character: its left half goes
            row[self.x - 1] = (" ", self.pen)
        after = self.x + size
        if after < self.columns and row[after][0] == "":
            row[after] = (" ", self.pen)
        row[self.x] = (char, self.pen)
        if size == 2:
            row[self.x + 1] = ("", self.pen)
        self.x = after

    def text(self) -> list[str]:
        return ["".join(char for char, _ in row) for row in self.cells]
