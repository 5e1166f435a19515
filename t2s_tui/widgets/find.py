"""The search row: opened with `/`, filters a list or marks places in a text while one types."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from t2s_tui.widgets.panel import ListPanel, Panel
from t2s_tui.widgets.reader import Reader
from t2s_tui.widgets.status import Footer, Hint
from t2s_tui.widgets.typed import OneLine


class FindBar(OneLine):
    """Hidden until asked for. Enter keeps the filter, escape takes it back."""

    DEFAULT_CSS = """
    FindBar { display: none; height: 1; border: none; padding: 0 1; background: $boost; dock: bottom; }
    FindBar:focus { border: none; }
    """

    def __init__(self) -> None:
        super().__init__(placeholder="find …", id="find")
        self._panel: ListPanel | Reader | None = None

    def ask(self, panel: Panel) -> None:
        """Open for `panel`, with what it already looks for."""
        assert isinstance(panel, ListPanel | Reader)
        self._panel = panel
        self.value = panel.needle
        self._tell_footer((Hint("enter", "keep"), Hint("esc", "clear")))
        self.display = True
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._panel is not None and self.display:
            self._panel.filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            if self._panel is not None:
                self._panel.filter("")
            self._leave()

    def _leave(self) -> None:
        panel, self._panel = self._panel, None
        self.display = False
        self._tell_footer(None)
        if panel is not None:
            panel.focus()
            panel.pull()

    def _tell_footer(self, hints: tuple[Hint, ...] | None) -> None:
        """While one types, the keys of the page behind do nothing: the footer shows those that do."""
        for footer in self.screen.query(Footer):
            footer.instead = hints
            footer.pull()
