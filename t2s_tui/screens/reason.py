"""A decision of a person, with the reason they give for it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from t2s_tui.keys import Key, bindings
from t2s_tui.text import safe, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, row
from t2s_tui.widgets.typed import OneLine

WIDTH = 68
EDGE = "   "
EMPTY = Line((), "bar")
LEAVE = (Key("reason.leave", "escape", "leave", "esc", "leave", "Decide nothing."),)


class Said(Canvas):
    """A few rows of the box."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self.lines = lines
        self.styles.height = len(lines)

    def paint(self) -> list[Line]:
        return self.lines


class ReasonScreen(ModalScreen[str | None]):
    """The reason, perhaps empty; None where nothing is decided."""

    BINDINGS = bindings(LEAVE)
    CSS = """
    ReasonScreen { align: center middle; background: $background 60%; }
    ReasonScreen #box { width: 68; max-width: 100%; height: auto; background: $surface; }
    ReasonScreen Input { height: 1; border: none; margin: 0 3; padding: 0 1; background: $boost; }
    ReasonScreen Input:focus { border: none; background: $t2s-pick; }
    """

    def __init__(self, question: str, consequence: str, yes: str) -> None:
        super().__init__()
        self._question, self._consequence, self._yes = question, consequence, yes

    def compose(self) -> ComposeResult:
        cells = min(WIDTH, self.app.size.width) - 2 * len(EDGE)
        asked = [row(Span(EDGE + part, "bright+bold"), back="bar") for part in wrap(safe(self._question), cells)]
        told = [row(Span(EDGE + part, "text"), back="bar") for part in wrap(safe(self._consequence), cells)]
        answers = [Span(f"{EDGE}enter ", "run+bold"), Span(self._yes, "run"), Span("      esc ", "bright+bold")]
        with Vertical(id="box"):
            yield Said([EMPTY, *asked, EMPTY, *told, EMPTY])
            yield OneLine(placeholder="why? may stay empty; enter decides, esc goes back", id="why")
            yield Said([EMPTY, row(*answers, Span("leave it", "text"), back="bar"), EMPTY])

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        self.dismiss(message.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)
