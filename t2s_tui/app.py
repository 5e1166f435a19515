"""The application: one clock, the screens on top of each other, and a clean way out whatever happens.

The viewer is no supervisor: closing it, losing the connection or killing it leaves the engine at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from textual.app import SystemCommand
from textual.screen import Screen
from textual.timer import Timer

from t2s_tui.actions_list import Actions
from t2s_tui.farewell import exit_code, farewell
from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import APP, bindings, keymap_file, known_ids, user_keymap, written
from t2s_tui.notices import notice
from t2s_tui.plan import Plan
from t2s_tui.playing import Playing
from t2s_tui.replay import Replay
from t2s_tui.screens.base import Base
from t2s_tui.screens.estimate import EstimateScreen
from t2s_tui.screens.help import HelpScreen, about
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.runs import RunsScreen
from t2s_tui.text import safe
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Span
from t2s_tui.widgets.replay_bar import told
from t2s_tui.widgets.status import Said
from workspace.errors import T2SError
from workspace.lessons.history import History
from workspace.runs.run import RunFolder
from workspace.settings.screen import ScreenSettings

FPS = 4
FAST = 10
THRIFTY = 1
TWICE = 2.0
PATIENCE = 3.0
SETTLED = 1.5
"""Seconds after which everything that the screen is made of is there."""
RARELY = (10_000, 20, 50)


class T2SApp(Playing):
    """`run` None opens the list of runs in `runs`. The value of `run` is the exit code for the shell.

    With `replay` (its speed, and where it begins, 0…1) the record of `run` is played instead of what happens now.
    With a `plan` the app only asks whether it may begin, and ends; `agreed` is the answer.

    `manner` is how the person wants the screen, `fps` how often the whole of it follows; `readonly` forbids every
    wish and edit, `now` replaces the clock of the feed (pictures), `look` the palette and glyphs.
    """

    TITLE = "t2s"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {Actions}  # noqa: RUF012 - as Textual declares it
    BINDINGS = bindings(APP)
    CSS = """
    Screen { background: $background; color: $foreground; }
    * { scrollbar-background: $surface; scrollbar-background-hover: $surface; scrollbar-background-active: $surface;
        scrollbar-color: $t2s-rule; scrollbar-color-hover: $t2s-dim; scrollbar-color-active: $primary;
        scrollbar-corner-color: $surface; scrollbar-size-vertical: 1; }
    ToastRack { margin-bottom: 1; align-horizontal: left; }
    Toast { padding: 0 1; margin: 0; width: 100%; max-width: 100%; background: $boost; border-left: outer $primary; }
    Toast.-error { border-left: outer $error; }
    Toast .toast--title { text-style: none; }
    CommandPalette { background: $background 60%; }
    CommandPalette SearchIcon { display: none; }
    CommandPalette #--container { width: 84; max-width: 100%; background: $surface; border: tall $t2s-rule; }
    CommandPalette CommandList, CommandPalette CommandList:focus { border: none; scrollbar-size-vertical: 1; }
    CommandPalette CommandInput, CommandPalette CommandInput:focus { padding-left: 1; }
    CommandPalette:ansi #--container { border: none; }
    CommandPalette:ansi #--input { border: hkey $t2s-rule; }
    """

    def __init__(
        self,
        runs: Path,
        run: RunFolder | None = None,
        *,
        plan: Plan | None = None,
        replay: tuple[float, float] | None = None,
        fps: int | None = None,
        readonly: bool = False,
        now: Callable[[], float] = time.time,
        look: Look | None = None,
        manner: ScreenSettings | None = None,
    ) -> None:
        super().__init__(manner or ScreenSettings(), look)
        self.runs = runs
        self.fps = max(1, fps or self.manner.fps)
        self.readonly = readonly
        self.history = History()
        self.agreed = False
        self.remapped: dict[str, str] = {}
        self._plan = plan
        self._first = run
        self._replay_at = replay
        self._now = now
        self._between = self._ticks = 1
        self._clock: Timer | None = None
        self._asked_to_leave = 0.0
        self._last_resort: threading.Timer | None = None

    # --- from start to end ----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.put_on()
        self._take_keymap()
        self._listen_to_signals()
        if self._plan is not None:
            self.push_screen(EstimateScreen(self._plan), self._answered)
            return
        self.push_screen(RunsScreen(self.runs))
        if self._first is not None and self._replay_at is not None:
            self.open_replay(self._first, *self._replay_at)
        elif self._first is not None:
            self.open_run(self._first)
        self.restart_clock()
        if not self.is_headless:
            self.set_timer(SETTLED, _spare_the_old)

    def _answered(self, agreed: bool | None) -> None:
        self.agreed = bool(agreed)
        self.exit(0)

    def open_run(self, run: RunFolder) -> None:
        """Show a run on the live screen."""
        try:
            self.feed = Feed(run, self._now)
        except (T2SError, OSError) as error:
            self.tell(f"cannot open {run.id}: {error}", bad=True)
            return
        self.presence.forget()
        self.push_screen(LiveScreen(self.feed))

    def open_replay(self, run: RunFolder, speed: float = 1.0, start: float = 0.0) -> None:
        """Show a run from its beginning, or from `start` (0…1 of its record), `speed` times as fast as it was."""
        replay = Replay(run)
        if not replay.player.end:
            self.tell(f"nothing is on record of {run.id}", bad=True)
            return
        replay.player.run_at(speed)
        replay.player.seek(start * replay.player.end)
        self.feed = replay
        self.push_screen(LiveScreen(replay))

    def run(self, **options: Any) -> int:
        """Run until the person leaves; prints the farewell on the normal screen and gives the exit code."""
        try:
            code = super().run(**{"mouse": self.manner.mouse, **options})
        finally:
            if self._last_resort is not None:
                self._last_resort.cancel()
        if self.fault:
            return self._apologise()
        if self.feed is not None and code != 128 + signal.SIGHUP:
            with contextlib.suppress(OSError):
                print(farewell(self.feed))  # the terminal may be gone
        return exit_code(self.feed) if code is None else code

    def _apologise(self) -> int:
        """After a fault of ours: what, where it is written down, and that the run has not suffered."""
        print(self.fault, file=sys.stderr)
        if self.feed is not None and self.feed.alive:
            print(f"the run goes on; come back with `t2s attach {safe(self.feed.run.id)}`", file=sys.stderr)
        return 1

    # --- the clock ------------------------------------------------------------------------------------------------

    @property
    def frames(self) -> int:
        """Whole frames a second."""
        return THRIFTY if self.low_bandwidth else self.fps

    def restart_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
        self._between = max(1, round(FAST / self.frames)) if self.frames >= FPS else 1
        self._ticks = 0
        self._clock = self.set_interval(1 / (self.frames * self._between), self._tick)

    def _tick(self) -> None:
        """One look at the run; a whole frame at `fps`, in between only what the focused agent says."""
        if not self.screen_stack:
            return  # the app is about to end
        if self._terminal_is_gone():
            self.leave(128 + signal.SIGHUP)
            return
        if self._behind():
            self.note_pace(skipped=True)
            return
        self._ticks += 1
        if self._ticks % self._between == 0:
            self.frame()
            self.note_pace(skipped=False)
            self.say_outside()
        elif self._streams() and self.feed and self.feed.poll_text() and (page := self._page()):
            page.pull_text()

    def frame(self) -> None:
        changes = self.feed.poll() if self.feed else Changes()
        if page := self._page():
            page.pull(changes)

    def _page(self) -> Base | None:
        """The page that is shown, also behind a question; None while it is not there yet."""
        page = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Base)), None)
        return page if page is not None and page.is_mounted else None

    def _streams(self) -> bool:
        """Is what the focused agent says drawn between two frames?"""
        return self.feed is not None and self.feed.moving and self.app_focus and not self.low_bandwidth

    def _writer(self) -> Any:
        return getattr(self._driver, "_writer_thread", None)

    def _behind(self) -> bool:
        """Has the terminal not taken the last frame yet? Then this one is skipped."""
        queue = getattr(self._writer(), "_queue", None)
        return queue is not None and queue.qsize() > 0

    def _terminal_is_gone(self) -> bool:
        writer = self._writer()
        return writer is not None and not writer.is_alive()

    def badges(self) -> list[Span]:
        """What the header says at its right end."""
        found = self.link_badges()
        found += [Span("read-only", "dim")] if self.readonly else []
        if self.replay and not isinstance(self.screen, LiveScreen):
            said = "".join(span.text for span in told(self.replay.player, self.look))
            return [*found, Span(said, "you")]
        return [*found, Span("replay", "you")] if self.replay else found

    def notice(self, feed: Feed) -> Said | None:
        """What the run needs from a person, or what came out of it."""
        return notice(feed, self.look, readonly=self.readonly or not feed.live)

    # --- leaving --------------------------------------------------------------------------------------------------

    def action_detach(self) -> None:
        self.leave(exit_code(self.feed))

    def action_interrupt(self) -> None:
        now = time.monotonic()
        if now - self._asked_to_leave < TWICE:
            self.leave(exit_code(self.feed))
            return
        self._asked_to_leave = now
        self.tell(
            "ctrl+c once more leaves; the run goes on" if self.feed and self.feed.alive else "ctrl+c once more leaves"
        )

    async def action_quit(self) -> None:
        self.leave(exit_code(self.feed))

    def leave(self, code: int) -> None:
        """End the viewer. Typed text is kept; a terminal that hangs cannot hold the process."""
        for screen in self.screen_stack:
            if isinstance(screen, Base):
                with contextlib.suppress(T2SError):
                    screen.keep()  # a full disk must not keep the viewer from leaving
        if not self.is_headless and self._last_resort is None:
            self._last_resort = _end_anyway(PATIENCE, code, getattr(self._driver, "attrs_before", None))
        self.exit(code)

    def _listen_to_signals(self) -> None:
        """SIGHUP and SIGTERM end the viewer as `q` does."""
        if threading.current_thread() is not threading.main_thread() or self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(sign, self.leave, 128 + sign)

    # --- talking to people ----------------------------------------------------------------------------------------

    def may_write(self) -> bool:
        """False, with a notice, when this viewer only reads."""
        if self.replay is not None:
            self.tell(f"a replay changes nothing; `t2s attach {self.replay.run.id}` shows the run itself")
            return False
        if self.readonly:
            self.tell("this run is shown read-only")
        return not self.readonly

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            return
        name = getattr(self.screen, "crumb", "") or (self.feed.run.id if self.feed else "")
        self.push_screen(HelpScreen(about(self.screen, name, self.remapped)))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that works where the person is."""
        keys = known_ids()
        seen = set(screen.idle()) if isinstance(screen, Base) else set[str]()
        for active in screen.active_bindings.values():
            key = keys.get(active.binding.id or "")
            if key is None or key.id in seen or key.id.startswith("move."):
                continue
            seen.add(key.id)
            action, node = active.binding.action, active.node
            shown = written(key, self.remapped)
            yield SystemCommand(key.help.removesuffix("."), shown, lambda a=action, n=node: self.run_action(a, n))
        yield from self.theme_commands()

    def _take_keymap(self) -> None:
        try:
            self.remapped = user_keymap(keymap_file())
            self.set_keymap(self.remapped)
        except T2SError as error:
            self.tell(str(error), bad=True)


def _spare_the_old() -> None:
    """What is there by now stays to the end: looking through all of it again and again would hold up frames and keys
    for 80 ms each time (benchmarks/screen.py)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def _end_anyway(seconds: float, code: int, terminal: list[Any] | None) -> threading.Timer:
    """A timer that ends the process when the terminal has stopped reading and nothing else can."""

    def end() -> None:
        if terminal is not None and sys.__stdin__ is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, terminal)
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


App = T2SApp
