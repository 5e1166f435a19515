"""The application: one clock, the screens on top of each other, and a clean way out whatever happens.

The viewer is no supervisor: closing it, losing the connection or killing it leaves the engine at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from textual.app import App as Textual
from textual.app import SystemCommand
from textual.screen import Screen

from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import APP, bindings, keymap_file, known_ids, user_keymap
from t2s_tui.notices import notice
from t2s_tui.plan import Plan
from t2s_tui.screens.base import Base
from t2s_tui.screens.estimate import EstimateScreen
from t2s_tui.screens.help import HelpScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.runs import RunsScreen
from t2s_tui.text import clock, count, plural, safe, unsaid
from t2s_tui.theme import PALETTES, Look, chosen_look, textual_theme
from t2s_tui.widgets.canvas import Span
from t2s_tui.widgets.guard import Harmless
from t2s_tui.widgets.status import Said
from workspace.errors import T2SError
from workspace.files import write_text
from workspace.runs.run import RunFolder

FPS = 4
FAST = 10
TWICE = 2.0
PATIENCE = 3.0
SLOW_AFTER = 3


class T2SApp(Textual[int]):
    """`run` None opens the list of runs in `runs`. The value of `run` is the exit code for the shell.

    With a `plan` the app only asks whether it may begin, and ends; `agreed` is the answer.

    `fps` is how often the whole screen follows, `readonly` forbids every wish and edit, `now` replaces the clock of
    the feed (pictures), `look` the palette and glyphs.
    """

    TITLE = "t2s"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS = bindings(APP)
    CSS = """
    Screen { background: $background; color: $foreground; }
    * { scrollbar-background: $surface; scrollbar-background-hover: $surface; scrollbar-background-active: $surface;
        scrollbar-color: $t2s-rule; scrollbar-color-hover: $t2s-dim; scrollbar-color-active: $primary;
        scrollbar-corner-color: $surface; scrollbar-size-vertical: 1; }
    Toast { padding: 0 1; width: 60; background: $boost; border-left: outer $primary; }
    Toast.-error { border-left: outer $error; }
    Toast .toast--title { text-style: none; }
    CommandPalette { background: $background 60%; }
    CommandPalette SearchIcon { display: none; }
    CommandPalette #--container { width: 84; max-width: 100%; background: $surface; border: tall $t2s-rule; }
    CommandPalette CommandList, CommandPalette CommandList:focus { border: none; scrollbar-size-vertical: 1; }
    CommandPalette CommandInput, CommandPalette CommandInput:focus { padding-left: 1; }
    """

    def __init__(
        self,
        runs: Path,
        run: RunFolder | None = None,
        *,
        plan: Plan | None = None,
        fps: int | None = None,
        readonly: bool = False,
        now: Callable[[], float] = time.time,
        look: Look | None = None,
    ) -> None:
        self.look = look or chosen_look()
        super().__init__(watch_css=False)
        self.runs = runs
        self.fps = max(1, fps or FPS)
        self.readonly = readonly
        self.feed: Feed | None = None
        self.agreed = False
        self._plan = plan
        self._first = run
        self._now = now
        self._filters.append(Harmless())
        self._framed = 0.0
        self._skipped = 0
        self._asked_to_leave = 0.0
        self._last_resort: threading.Timer | None = None

    # --- from start to end ----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        for palette in PALETTES:
            self.register_theme(textual_theme(palette))
        self.theme = self.look.name
        self._take_keymap()
        self._listen_to_signals()
        if self._plan is not None:
            self.push_screen(EstimateScreen(self._plan), self._answered)
            return
        self.push_screen(RunsScreen(self.runs))
        if self._first is not None:
            self.open_run(self._first)
        self.set_interval(1 / (FAST if self.fps >= FPS else self.fps), self._tick)

    def _answered(self, agreed: bool | None) -> None:
        self.agreed = bool(agreed)
        self.exit(0)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours, known before the theme is."""
        return textual_theme(self.look.name).variables

    def open_run(self, run: RunFolder) -> None:
        """Show a run on the live screen."""
        try:
            self.feed = Feed(run, self._now)
        except (T2SError, OSError) as error:
            self.tell(f"cannot open {run.id}: {error}", bad=True)
            return
        self.push_screen(LiveScreen(self.feed))

    def farewell(self) -> str:
        """What the normal screen says when the viewer is gone."""
        feed = self.feed
        if feed is None:
            return ""
        feed.poll()
        view = feed.view
        tokens = count(view.usage.prompt + view.usage.completion)
        learned = plural(len(view.lessons), "lesson")
        lines = [f"run {feed.run.id}  {feed.state}  {clock(feed.elapsed)}  {learned}  {tokens} tokens"]
        if view.verdict is not None:
            decision = view.verdict.decision
            lines.append(f"verdict {decision}: {unsaid(view.verdict.sentence, decision)}")
        if feed.alive:
            lines.append(f"the run goes on; come back with `t2s attach {feed.run.id}`")
        elif feed.state in ("lost", "stopped", "incomplete", "failed"):
            lines.append(f"go on with `t2s resume {feed.run.id}`")
        return "\n".join(safe(line, 400) for line in lines)

    def exit_code(self) -> int:
        """The run's own code once it has ended, 0 while it goes on, 1 when it lost its engine."""
        if self.feed is None:
            return 0
        if self.feed.view.ended:
            return self.feed.view.code if self.feed.view.code is not None else {"stopped": 3}.get(self.feed.state, 1)
        return 1 if self.feed.state == "lost" else 0

    def run(self, **options: Any) -> int:
        """Run until the person leaves; prints the farewell on the normal screen and gives the exit code."""
        try:
            code = super().run(**options)
        finally:
            if self._last_resort is not None:
                self._last_resort.cancel()
        if (text := self.farewell()) and code not in (128 + signal.SIGHUP,):
            with contextlib.suppress(OSError):
                print(text)  # the terminal may be gone
        return self.exit_code() if code is None else code

    # --- the clock ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """One look at the run; a whole frame at `fps`, in between only what the focused agent says."""
        if self._terminal_is_gone():
            self.leave(128 + signal.SIGHUP)
            return
        if self._behind():
            self._skipped += 1
            return
        full = time.monotonic() - self._framed >= 1 / self.fps - 0.02
        screen = self.screen
        if full:
            self._framed = time.monotonic()
            changes = self.feed.poll() if self.feed else Changes()
            if isinstance(screen, Base):
                screen.pull(changes)
            self._skipped = max(0, self._skipped - 1)
        elif isinstance(screen, Base) and self.feed and self.feed.moving and self.app_focus and self.feed.poll_text():
            screen.pull_text()

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
        found = [Span("slow link", "bad")] if self._skipped >= SLOW_AFTER else []
        return [*found, Span("read-only", "dim")] if self.readonly else found

    def notice(self, feed: Feed) -> Said | None:
        """What the run needs from a person, or what came out of it."""
        return notice(feed, self.look, readonly=self.readonly)

    # --- leaving --------------------------------------------------------------------------------------------------

    def action_detach(self) -> None:
        self.leave(self.exit_code())

    def action_interrupt(self) -> None:
        now = time.monotonic()
        if now - self._asked_to_leave < TWICE:
            self.leave(self.exit_code())
            return
        self._asked_to_leave = now
        self.tell(
            "ctrl+c once more leaves; the run goes on" if self.feed and self.feed.alive else "ctrl+c once more leaves"
        )

    async def action_quit(self) -> None:
        self.leave(self.exit_code())

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

    def tell(self, text: str, bad: bool = False) -> None:
        """A short notice in the corner."""
        self.notify(safe(text, 500), severity="error" if bad else "information", timeout=8 if bad else 4, markup=False)

    def may_write(self) -> bool:
        """False, with a notice, when this viewer only reads."""
        if self.readonly:
            self.tell("this run is shown read-only")
        return not self.readonly

    def copy(self, text: str, run: RunFolder) -> None:
        """To the clipboard of the terminal, and into a file for terminals that have none."""
        if not text:
            self.tell("nothing to copy here")
            return
        self.copy_to_clipboard(text)
        path = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"t2s-copy-{os.getuid()}.txt"
        try:
            write_text(path, text)
        except T2SError as error:
            self.tell(str(error), bad=True)
        else:
            self.tell(f"copied {plural(len(text.splitlines()), 'line')}; also in {path}")

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            return
        available = {active.binding.id for active in self.screen.active_bindings.values() if active.binding.id}
        about = getattr(self.screen, "crumb", "") or (self.feed.run.id if self.feed else "")
        self.push_screen(HelpScreen(available, about))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that works where the person is."""
        keys = known_ids()
        seen: set[str] = set()
        for active in screen.active_bindings.values():
            key = keys.get(active.binding.id or "")
            if key is None or key.id in seen or key.id.startswith("move."):
                continue
            seen.add(key.id)
            action, node = active.binding.action, active.node
            yield SystemCommand(key.help.removesuffix("."), key.shown, lambda a=action, n=node: self.run_action(a, n))

    def _take_keymap(self) -> None:
        try:
            self.set_keymap(user_keymap(keymap_file()))
        except T2SError as error:
            self.tell(str(error), bad=True)


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
