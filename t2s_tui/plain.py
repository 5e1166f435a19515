"""The second face: the run as lines, for logs, pipes and terminals that cannot do more.

It follows the journal like every face, prints what `narrate` makes of it, answers Ctrl-C and knows when it is over.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, TextIO

from t2s_tui.host import Engine, last_words
from t2s_tui.narrate import BY_CONSTRUCTION, Narrator, summary_lines
from t2s_tui.text import safe
from workspace.files import read_from
from workspace.reports.summary import exit_code, summary
from workspace.runs.events import Event, RunPaused, RunResumed, load_event
from workspace.runs.run import RunFolder, alive
from workspace.runs.view import RunView
from workspace.runs.wishes import Wish, WishKind, leave_wish

LOOK = 0.05
SILENCE = 15.0
GRACE = 10.0
HELD = 3


class Line(NamedTuple):
    """One whole line of a journal: as written, and as an event (None when it is none)."""

    raw: bytes
    event: Event | None


class Tail:
    """Reads what a journal has gained since the last look; a torn last line waits."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset

    def poll(self) -> Iterator[Line]:
        rest = b""
        while chunk := read_from(self._path, self._offset + len(rest)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._offset += len(line) + 1
                yield Line(line, load_event(line))


class Interrupts:
    """Counts Ctrl-C instead of raising, so that the first one can be a polite request. `then` hears each count from
    within the signal, whatever the program is about at that moment."""

    def __init__(self) -> None:
        self.count = 0
        self.then: Callable[[int], object] = lambda count: None
        self._before: Any = None

    def any(self) -> bool:
        """Has there been one?"""
        return self.count > 0

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.then(self.count)


class Printer:
    """Puts a run on `out`: sentences, or with `as_json` one JSON object a line."""

    def __init__(self, out: TextIO, *, as_json: bool = False, view: RunView | None = None) -> None:
        self._out = out
        self._json = as_json
        self._narrator = Narrator(view)
        self._spoke = time.monotonic()

    @property
    def view(self) -> RunView:
        return self._narrator.view

    def take(self, line: Line) -> None:
        """Show one journal line if it is worth it."""
        words = self._narrator.tell(line.event) if line.event else None
        if self._json:
            if line.event:
                self.say(json.dumps(json.loads(line.raw)))
        elif words:
            self.say(words)

    def say(self, words: str) -> None:
        self._out.write(words + "\n")
        self._out.flush()
        self._spoke = time.monotonic()

    def remark(self, words: str) -> None:
        """For people only; in JSON mode it goes to stderr."""
        print(words, file=sys.stderr if self._json else self._out, flush=True)

    def fill_silence(self) -> None:
        """After a while without a line: say what is going on."""
        if not self._json and time.monotonic() - self._spoke > SILENCE:
            self.say(self._narrator.still())

    def end(self, run: RunFolder, *, demo: bool = False) -> None:
        """The summary."""
        table = summary(run)
        if self._json:
            self.say(json.dumps(table))
            return
        self.say("\n".join(["", *summary_lines(table)]))
        if demo:
            self.say(BY_CONSTRUCTION)


def watch(
    run: RunFolder,
    printer: Printer,
    engine: Engine | None,
    interrupts: Interrupts,
    *,
    offset: int = 0,
    demo: bool = False,
) -> int:
    """Show `run` until it is over; returns the run's exit code (130 after Ctrl-C).

    With an `engine` of ours, Ctrl-C asks it to stop (twice: at once) and a hold ends the watch; without one we only
    look on, and Ctrl-C ends the looking.
    """
    code = _Watch(run, printer, engine, interrupts, offset).until_over()
    printer.end(run, demo=demo)
    return 130 if interrupts.count else code


class _Watch:
    def __init__(
        self, run: RunFolder, printer: Printer, engine: Engine | None, interrupts: Interrupts, offset: int
    ) -> None:
        self._run = run
        self._printer = printer
        self._engine = engine
        self._interrupts = interrupts
        self._tail = Tail(run.journal, offset)
        self._paused = ""
        self._asked = False
        self._heard = 0
        self._answered = 0
        self._deadline = 0.0
        if engine:
            interrupts.then = self._hear

    def until_over(self) -> int:
        while True:
            gone = not self._is_alive()
            self._catch_up()
            if gone:
                return self._over()
            if self._engine is None and self._interrupts.count:
                return 130
            self._end_if_held()
            self._answer_interrupts()
            self._printer.fill_silence()
            time.sleep(LOOK)

    def _is_alive(self) -> bool:
        return self._engine.code() is None if self._engine else alive(self._run)

    def _over(self) -> int:
        """No engine any more. Without an end in the journal the run is lost, and its log knows why."""
        view = self._printer.view
        if view.ended:
            if exit_code(view) == HELD:
                self._printer.remark(safe(f"go on with `t2s resume {self._run.id}`"))
            return exit_code(view)
        words = last_words(self._run)
        self._printer.remark(safe(f"t2s: run {self._run.id} lost its engine{': ' + words if words else ''}"))
        self._printer.remark(safe(f"t2s: go on with `t2s resume {self._run.id}`"))
        return 1

    def _catch_up(self) -> None:
        for line in self._tail.poll():
            self._printer.take(line)
            match line.event:
                case RunPaused(why=why):
                    self._paused = why
                case RunResumed():
                    self._paused = ""
                case _:
                    pass

    def _end_if_held(self) -> None:
        """Nobody here can mend a broken lesson: stop after the checkpoint. At a hold the engine ends by itself."""
        if self._engine and self._paused == "lesson" and not self._asked:
            self._ask("stop", "a lesson that cannot be read")

    def _hear(self, count: int) -> None:
        """Ask at once, also when this face is stuck in a write: calls that begin after a Ctrl-C are paid too."""
        while self._heard < count:
            self._heard += 1
            self._ask("stop" if self._heard == 1 else "stop_now", "Ctrl-C")

    def _answer_interrupts(self) -> None:
        if not self._engine:
            return
        self._hear(self._interrupts.count)
        if self._interrupts.count > self._answered:
            self._answered = self._interrupts.count
            self._deadline = time.monotonic() + GRACE if self._answered > 1 else 0.0
            hint = "stopping: what is in flight finishes; Ctrl-C again stops at once"
            self._printer.remark(hint if self._answered == 1 else "stopping at once")
        if self._deadline and time.monotonic() > self._deadline:
            self._engine.terminate()
            self._deadline = time.monotonic() + GRACE

    def _ask(self, kind: WishKind, who: str) -> None:
        self._asked = True
        if self._printer.view.ended:
            return  # nobody takes it any more but the next engine, which it is not meant for
        leave_wish(self._run, Wish(kind=kind, who=who, seq=self._printer.view.seq))
        if self._engine:
            self._engine.nudge()
