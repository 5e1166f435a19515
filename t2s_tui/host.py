"""The only module that knows how to start an engine: a process of its own that outlives every face.

The child gets no terminal, no signal of ours and no handle but the run's log. Faces learn what it does from the
journal, like everybody else.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from workspace.errors import BusyError, InputError, T2SError
from workspace.files import disk_error, read_from, remove
from workspace.runs.events import RunResumed, RunStarted
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive

LOOK = 0.02
TAIL = 16384
SENTENCE = "t2s engine: "
CRASH = "Traceback (most recent call last)"
ROOT = Path(__file__).resolve().parent.parent
INSTALLED = ("site-packages", "dist-packages")


class Answer(NamedTuple):
    """A helper's exit code and what it printed."""

    code: int
    text: str


class EngineFailed(T2SError):
    """The engine ended before it could start the run; says why in its own words."""


class EngineRefused(InputError):
    """The engine found the run's input unusable: nothing was started."""


class _Child(subprocess.Popen[bytes]):
    """An engine outlives its face by design, so nobody need be warned that it does."""

    def __del__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            super().__del__()


class Engine:
    """A child at work. Closing it (or dying) is the end of the face that watches; see `start`."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    def code(self) -> int | None:
        """The exit code, None while it lives."""
        return self._child.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, at most so long."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def let_go(self) -> None:
        """Close the watch pipe: an engine that watches its face stops softly, another one does not notice."""
        if self._child.stdin and not self._child.stdin.closed:
            self._child.stdin.close()

    def nudge(self) -> None:
        """Tell an engine that watches its face to look for wishes now, not at its next turn."""
        if self._child.stdin and not self._child.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it has just ended
                os.write(self._child.stdin.fileno(), b"!")

    def terminate(self) -> None:
        """SIGTERM: finish what is in flight, checkpoint, end. A second one ends it at once."""
        if self._child.poll() is None:
            self._child.terminate()


def start(
    run: RunFolder,
    *,
    watch: bool = False,
    knobs: Mapping[str, str] | None = None,
    accept_changes: bool = False,
    replan: bool = False,
    new: bool = False,
    called_off: Callable[[], bool] = lambda: False,
) -> Engine:
    """Start the engine of `run`; returns once it has said in the journal that the run goes on.

    `watch`: the engine stops softly when this process is gone. `knobs`: dotted setting → value for this engine life.
    `new`: the run was made just now, so it is removed again when the engine refuses its input. `called_off` is asked
    again and again; when it says yes the engine is ended and `KeyboardInterrupt` raised. Raises `EngineRefused` (exit
    2) or `EngineFailed` with the engine's own sentence.
    """
    if alive(run):
        raise BusyError(f"run {run.id} is already at work; watch it with `t2s attach {run.id}`")
    options = ["--watch-stdin"] if watch else []
    options += [part for key, value in (knobs or {}).items() for part in ("--knob", f"{key}={value}")]
    options += ["--accept-changes"] if accept_changes else []
    options += ["--replan"] if replan else []
    offset = _end_of_lines(run.journal)
    said = _size(run.log)
    engine = Engine(_spawn(run, options, watch))
    try:
        _wait_for_start(run, engine, offset, called_off)
    except BaseException:
        _call_off(run, engine, offset, new)
        raise
    if (code := engine.code()) is not None and not _has_started(run, offset):
        raise _failure(run, code, said, new)
    return engine


def tool(module: str, arguments: Sequence[str], *, quiet: bool = False) -> int:
    """Run a helper of the engine's side (`engine.doctor`, `engine.llm.local`) on this terminal; returns its code.

    `quiet` keeps its stdout away; what goes wrong it says on stderr.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    out = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, stdout=out, check=False).returncode


def tool_output(module: str, arguments: Sequence[str]) -> Answer:
    """Like `tool`, with what it printed."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return Answer(done.returncode, done.stdout.decode(errors="replace"))


def environment() -> dict[str, str]:
    """Ours, so that the child finds the same packages. An installed package needs no help (and its folder, put first,
    would hide the standard library); a checkout that is not installed does."""
    env = dict(os.environ)
    if ROOT.name not in INSTALLED:
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH", "")])])
    return env


def _spawn(run: RunFolder, options: list[str], watch: bool) -> _Child:
    command = [sys.executable, "-P", "-m", "engine", str(run.path), *options]
    with _open_log(run) as log:
        return _Child(
            command,
            env=environment(),
            stdin=subprocess.PIPE if watch else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _open_log(run: RunFolder) -> IO[bytes]:
    try:
        return run.log.open("ab")
    except OSError as error:
        raise disk_error(run.log, error) from error


def _wait_for_start(run: RunFolder, engine: Engine, offset: int, called_off: Callable[[], bool]) -> None:
    while engine.code() is None and not _has_started(run, offset):
        if called_off():
            raise KeyboardInterrupt
        time.sleep(LOOK)


def _call_off(run: RunFolder, engine: Engine, offset: int, new: bool) -> None:
    """The person behind us changed their mind before anything had begun."""
    engine.let_go()
    engine.terminate()
    if engine.wait(5.0) is not None and new and not _has_started(run, offset):
        remove(run.path)


def _has_started(run: RunFolder, offset: int) -> bool:
    return any(isinstance(event, RunStarted | RunResumed) for event, _ in read_events(run.journal, offset))


def _failure(run: RunFolder, code: int, said: int, new: bool) -> T2SError:
    """What to tell about an engine that is gone; a new run that it refused goes with it."""
    sentence = last_words(run, said) or f"the engine ended with code {code} and said nothing; see {run.log}"
    if code != 2:
        return EngineFailed(sentence)
    if new:
        remove(run.path)
    return EngineRefused(sentence)


def last_words(run: RunFolder, offset: int = 0) -> str:
    """What the engine wrote into engine.log after `offset`: its last sentence for people, else a crash's last line."""
    text = read_from(run.log, max(offset, _size(run.log) - TAIL)).decode(errors="replace").strip()
    if not text:
        return ""
    before, found, told = text.rpartition(SENTENCE)
    if found and (not before or before.endswith("\n")):
        return told
    if CRASH in text:
        return f"the engine crashed: {text.splitlines()[-1].strip()} (see {run.log})"
    return text


def _end_of_lines(path: Path) -> int:
    """Where the journal's whole lines end: an engine cuts off what a crash left behind them."""
    start = max(0, _size(path) - TAIL)
    return start + read_from(path, start).rfind(b"\n") + 1


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
