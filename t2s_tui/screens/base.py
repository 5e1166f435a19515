"""What all screens share: they redraw on the app's clock, know their keys, and go back with escape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import on
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from t2s_tui.feed import Changes
from t2s_tui.keys import BACK, bindings
from t2s_tui.widgets.canvas import Canvas
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.reader import Reader
from t2s_tui.widgets.status import Hint

if TYPE_CHECKING:
    from t2s_tui.app import T2SApp


class Base(Screen[None]):
    """`crumb` names the screen in the breadcrumb, `shows` is a sentence for its help (else `help.SHOWS` has it),
    `hints` are the keys its footer shows."""

    BINDINGS = bindings(BACK)
    AUTO_FOCUS = ""
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """Textual draws the whole screen anew when the focus moves; here the two widgets draw what changes."""
    crumb = ""
    shows = ""

    @property
    def t2s(self) -> T2SApp:
        return cast("T2SApp", self.app)

    def hints(self) -> Sequence[Hint]:
        return ()

    def pull(self, changes: Changes) -> None:
        """One frame: every widget paints what changed."""
        for canvas in self.query(Canvas):
            canvas.pull()

    def pull_text(self) -> None:
        """A quick frame for streamed text alone."""

    def keep(self) -> None:
        """The app is about to end: put away what a person has typed."""

    def action_back(self) -> None:
        if not self.clear_find():
            self.app.pop_screen()

    def clear_find(self) -> bool:
        """Take back what the panel here searches for. False: it searches for nothing."""
        panel = self.focused
        if not isinstance(panel, ListPanel | Reader) or not panel.needle:
            return False
        panel.filter("")
        return True

    def idle(self) -> frozenset[str]:
        """Ids of keys that can do nothing as things are: help and the list of actions leave them out."""
        return frozenset()

    def on_screen_resume(self) -> None:
        self.pull(Changes())

    @on(ListPanel.FindAsked)
    def _find(self, message: ListPanel.FindAsked) -> None:
        message.stop()
        for bar in self.query(FindBar):
            bar.ask(message.panel)
