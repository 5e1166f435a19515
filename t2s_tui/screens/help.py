"""What the keys do: those of the focused widget first, then those of the screen, then those that work everywhere."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from t2s_tui.keys import GROUPS, Key, bindings
from t2s_tui.text import fit, safe, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.panel import Reader

CLOSE = (Key("help.close", "escape,question_mark,q", "close", "esc", "close", "Close the help."),)
STATES = (
    ("run", ("running", "pausing", "paused", "finished", "incomplete", "stopped", "failed", "lost")),
    ("agent, merge", ("queued", "running", "done", "failed")),
    ("lesson", ("verified", "pinned", "edited", "dropped", "invalid")),
)


class HelpText(Reader):
    """The keys that work where the person is, by group."""

    name_shown = "HELP"

    def __init__(self, available: set[str], about: str) -> None:
        super().__init__(id="help")
        self._available, self._about = available, about

    def title(self) -> list[Span]:
        return [Span(self._about, "dim")]

    def content(self, cells: int) -> list[Line]:
        lines: list[Line] = []
        for name, keys in GROUPS.items():
            known = [key for key in keys if key.id in self._available]
            if known:
                lines += [BLANK, row(Span(f"  {name}", "dim+bold"))]
                for key in known:
                    lines += self._key(key, cells)
        return [*lines, *self._states(cells), BLANK]

    def _key(self, key: Key, cells: int) -> list[Line]:
        rows = wrap(key.help, max(10, cells - 18))
        return [
            row(Span("    " + fit(key.shown if not n else "", 12), "bright"), Span(part, "text"))
            for n, part in enumerate(rows)
        ]

    def _states(self, cells: int) -> list[Line]:
        lines = [BLANK, row(Span("  What the marks mean", "dim+bold"))]
        for name, states in STATES:
            spans: list[Span] = []
            for state in states:
                mark = self.look.mark(state)
                spans.append(Span(f"{self.look.glyph(state)} {mark.word}   ", mark.ink))
            lines.append(row(Span("    " + fit(name, 14), "dim"), *spans))
        return lines


class HelpScreen(ModalScreen[None]):
    """Opened over the screen it explains."""

    BINDINGS = bindings(CLOSE)
    CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen #help { width: 84; max-width: 100%; height: 80%; min-height: 12; max-height: 100%; }
    HelpScreen #help { border: tall $t2s-rule; }
    """

    def __init__(self, available: set[str], about: str) -> None:
        super().__init__()
        self._text = HelpText(available, safe(about))

    def compose(self) -> ComposeResult:
        yield self._text

    def on_mount(self) -> None:
        self._text.focus()

    def action_close(self) -> None:
        self.dismiss()
