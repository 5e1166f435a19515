"""One question before something that cannot be taken back; it names the consequence."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from t2s_tui.keys import Key, bindings
from t2s_tui.text import safe, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, row

ANSWER = (
    Key("answer.yes", "y,enter", "yes", "y", "yes", "Do it."),
    Key("answer.no", "n,escape,q", "no", "n", "no", "Leave everything as it is."),
)


class Question(Canvas):
    """The box: what is asked, what follows from a yes, and the two answers."""

    def __init__(self, question: str, consequence: str, yes: str, no: str) -> None:
        super().__init__(id="question")
        self.question, self.consequence, self.yes, self.no = question, consequence, yes, no

    def paint(self) -> list[Line]:
        cells = self.size.width - 6
        lines = [row(Span(f"   {part}", "bright+bold"), back="bar") for part in wrap(safe(self.question), cells)]
        lines += [Line((), "bar")]
        for sentence in self.consequence.split("\n"):
            lines += [row(Span(f"   {part}", "text"), back="bar") for part in wrap(safe(sentence), cells)]
        answers = [
            Span("   y ", "bad+bold"),
            Span(self.yes, "bad"),
            Span("      n ", "bright+bold"),
            Span(self.no, "text"),
        ]
        return [Line((), "bar"), *lines, Line((), "bar"), row(*answers, back="bar"), Line((), "bar")]

    def rows_needed(self, cells: int) -> int:
        """How tall the box must be."""
        text = [*wrap(safe(self.question), cells - 6)]
        text += [part for s in self.consequence.split("\n") for part in wrap(safe(s), cells - 6)]
        return len(text) + 5


class Confirm(ModalScreen[bool]):
    """True for yes."""

    BINDINGS = bindings(ANSWER)
    CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm #question { width: 64; max-width: 100%; }
    """

    def __init__(self, question: str, consequence: str, yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._question = Question(question, consequence, yes, no)

    def compose(self) -> ComposeResult:
        yield self._question

    def on_mount(self) -> None:
        cells = min(64, self.app.size.width)
        self._question.styles.height = min(self.app.size.height, self._question.rows_needed(cells))

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
