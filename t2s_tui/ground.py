"""What the app owes its terminal: the look and its changes, thrift on slow links, the title, calls, copies, faults.

`Ground` knows nothing of screens and runs beyond the feed; `T2SApp` stands on it.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from textual import events
from textual._compositor import ChopsUpdate
from textual.app import App as Textual
from textual.app import SystemCommand
from textual.filter import ANSIToTruecolor
from textual.screen import Screen

from t2s_tui import terminal
from t2s_tui.driver import Terminal
from t2s_tui.feed import Feed
from t2s_tui.palettes import PALETTES
from t2s_tui.pen import Exact
from t2s_tui.presence import Presence, need, need_sentence, window_title
from t2s_tui.text import harmless, plural, safe
from t2s_tui.theme import Look, chosen_look, textual_theme
from t2s_tui.widgets.canvas import Canvas, Span
from t2s_tui.widgets.guard import Harmless
from t2s_tui.widgets.reduced import Reduced
from workspace.errors import T2SError
from workspace.files import write_text
from workspace.runs.run import RunFolder
from workspace.settings.screen import ScreenSettings

TITLE_EVERY = 1.0
SLOW_AFTER = 3
"""Skipped frames from which the link counts as slow."""
SLOW_FOR = 10.0
"""Seconds of a slow link after which the low-bandwidth mode is offered."""
OURS = ("t2s_tui", "workspace")


class Ground(Textual[int]):
    """`manner` is how the person wants the screen; a `look` of one's own goes before what it says."""

    def __init__(self, manner: ScreenSettings, look: Look | None) -> None:
        self.look = look or chosen_look(manner)  # the style sheet asks for it while the app is made
        super().__init__(driver_class=Terminal, watch_css=False)
        self.manner = manner
        self.feed: Feed | None = None
        self.low_bandwidth = manner.low_bandwidth
        self.presence = Presence()
        self.fault = ""
        self._filters = [f for f in self._filters if isinstance(f, ANSIToTruecolor)]
        self._filters += [Harmless(), Reduced(self.look)]
        self.no_color = self.look.palette.colours == "mono"
        self._titled, self._titled_at = "", 0.0
        self._skipped = 0
        self._slow_since = 0.0

    # --- the look -------------------------------------------------------------------------------------------------

    def put_on(self) -> None:
        """Make all palettes known and wear the chosen one."""
        for palette in PALETTES:
            self.register_theme(textual_theme(palette))
        self.theme = self.look.name
        self.app_resume_signal.subscribe(self, self._forget_title)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours, known before the theme is."""
        return textual_theme(self.look.name).variables

    def wear(self, palette: str) -> None:
        """Change the colours of everything that is shown."""
        self.look.wear(palette)
        self.no_color = self.look.palette.colours == "mono"
        self.theme = palette
        self._draw_anew()
        self.tell(f'theme {palette}; `theme = "{palette}"` under [screen] in ~/.config/t2s/config.toml keeps it')

    def action_next_theme(self) -> None:
        self.wear(self.look.next_palette())

    def action_ascii(self) -> None:
        self.look.speak_ascii(not self.look.ascii_only)
        self._draw_anew()
        self.tell("only ASCII characters" if self.look.ascii_only else "all characters")

    def _draw_anew(self) -> None:
        for screen in self.screen_stack:
            for widget in screen.query("*"):
                if isinstance(widget, Canvas):
                    widget.forget()
                else:
                    widget.refresh()  # notices too: what they have drawn is kept
            screen.refresh(layout=True)

    def theme_commands(self) -> Iterable[SystemCommand]:
        """Every palette by name, for the list of all actions."""
        for name in PALETTES:
            yield SystemCommand(f"Colours: {name}", "", partial(self.wear, name))

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Every frame passes here on its way to the driver."""
        if isinstance(renderable, ChopsUpdate):
            renderable = Exact(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)

    # --- slow links -----------------------------------------------------------------------------------------------

    def action_low_bandwidth(self) -> None:
        self.low_bandwidth = not self.low_bandwidth
        self.restart_clock()
        self._draw_anew()
        self.tell("one frame a second; L goes back" if self.low_bandwidth else "all frames again")

    def restart_clock(self) -> None:
        """The frames come at another pace from now on."""
        raise NotImplementedError

    def note_pace(self, skipped: bool) -> None:
        """A frame was due: was it skipped because the terminal had not taken the last one?"""
        self._skipped = self._skipped + 1 if skipped else max(0, self._skipped - 1)
        if self._skipped < SLOW_AFTER:
            self._slow_since = 0.0
        elif not self._slow_since:
            self._slow_since = time.monotonic()

    def link_badges(self) -> list[Span]:
        """What the header says about the link."""
        if self.low_bandwidth:
            return [Span("low bandwidth", "dim")]
        if self._skipped < SLOW_AFTER:
            return []
        long = time.monotonic() - self._slow_since >= SLOW_FOR
        return [Span("slow link, L: low bandwidth" if long else "slow link", "bad")]

    # --- while nobody looks ---------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        match event:
            case events.Key() | events.Paste() | events.MouseDown():
                self.presence.act()
            case events.AppFocus() | events.AppBlur():
                self.presence.focus(isinstance(event, events.AppFocus))
            case _:
                pass
        await super().on_event(event)

    def say_outside(self) -> None:
        """The title of the window, and a call when the run needs somebody who is not looking."""
        now = time.monotonic()
        if now - self._titled_at >= TITLE_EVERY and (text := window_title(self.feed, self.look)) != self._titled:
            self._titled, self._titled_at = text, now
            if terminal.has_title(os.environ):
                self._send(terminal.title(text))
        if self.feed is not None and self.feed.live and self.presence.calls(need(self.feed)):
            self._call(need_sentence(self.feed))

    def _forget_title(self, _app: object) -> None:
        """The terminal was somebody else's for a while, an editor's perhaps."""
        self._titled = ""

    def _call(self, sentence: str) -> None:
        if self.manner.bell in ("bell", "both"):
            self._send(terminal.BELL)
        if self.manner.bell in ("osc9", "both") and terminal.has_title(os.environ):
            self._send(terminal.message(sentence, os.environ))

    def _send(self, sequence: str) -> None:
        if self._driver is not None and sequence:
            self._driver.write(sequence)

    # --- talking to people ----------------------------------------------------------------------------------------

    def tell(self, text: str, bad: bool = False) -> None:
        """A note above the footer for some seconds; the newest takes the place of the one before."""
        self.clear_notifications()
        text = text.replace("`", "")  # marks of code in sentences that the shell prints as well
        self.notify(safe(text, 500), severity="error" if bad else "information", timeout=8 if bad else 4, markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """The terminal's own clipboard, through tmux and screen as well; nothing where the text is too long for it."""
        self._clipboard = text
        self._send(terminal.clipboard(text, os.environ))

    def copy(self, text: str, run: RunFolder) -> None:
        """To the clipboard of the terminal, and into a file for terminals that have none."""
        if not text:
            self.tell("nothing to copy here")
            return
        text = harmless(text)
        self.copy_to_clipboard(text)
        path = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"t2s-copy-{os.getuid()}.txt"
        try:
            write_text(path, text)
        except T2SError as error:
            self.tell(str(error), bad=True)
            return
        lines = plural(len(text.splitlines()), "line")
        fits = terminal.clipboard(text, {})
        self.tell(f"copied {lines}; also in {path}" if fits else f"{lines}, too long for a clipboard: only in {path}")

    # --- faults ---------------------------------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """Ends the app after a fault of ours; one sentence goes to the shell, everything else into a file."""
        self._note_fault("")
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """The same for faults that come with a text of their own."""
        told = Console(file=StringIO(), width=120)
        for renderable in renderables:
            told.print(renderable)
        self._note_fault(told.file.getvalue())  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        self._close_messages_no_wait()

    def _note_fault(self, told: str) -> None:
        if self.fault:
            return  # the first one is the cause
        error = self._exception
        trace = "".join(traceback.format_exception(error)) if error else told
        name = f"{type(error).__name__}: {error}" if error else (told.strip().splitlines() or ["unknown"])[-1]
        path = _state_folder() / f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        try:
            write_text(path, f"{trace}\n{told}")
            kept = f"the traceback is in {path}"
        except T2SError as refused:
            kept = f"the traceback could not be kept: {refused}"
        self.fault = safe(f"t2s: the screen failed: {name}{_place(error)}; {kept}", 600)


def _place(error: BaseException | None) -> str:
    """Where in our code an error began."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    ours = [frame for frame in frames if set(OURS).intersection(Path(frame.filename).parts)]
    if not ours:
        return ""
    parts = Path(ours[-1].filename).parts
    start = max(n for n, part in enumerate(parts) if part in OURS)
    return f" ({'/'.join(parts[start:])}:{ours[-1].lineno})"


def _state_folder() -> Path:
    """Where programs keep what outlives them and is no setting."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "t2s"
