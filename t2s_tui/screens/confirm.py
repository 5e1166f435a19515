"""One question before something that cannot be taken back; it names the consequence."""

from __future__ import annotations

from typing import Literal

from textual.app import ComposeResult
from textual.screen import ModalScreen

from t2s_tui.keys import Key, bindings
from t2s_tui.text import safe, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, apart, row

Answer = Literal["yes", "no"]
ANSWER = (
    Key("answer.yes", "y", "yes", "y", "yes", "Do it."),
    Key("answer.no", "n,escape,q", "no", "n", "no", "Leave everything as it is."),
    Key("answer.other", "left,right,tab,h,l", "other", "←  →", "other", "To the other answer."),
    Key("answer.take", "enter", "take", "enter", "take", "Take the answer that is marked."),
)


class Question(Canvas):
    """The box: what is asked, what follows from a yes, and the two answers."""

    def __init__(self, question: str, consequence: str, yes: str, no: str, marked: Answer) -> None:
        super().__init__(id="question")
        self.question, self.yes, self.no = question, yes, no
        self.consequence = consequence.replace("`", "")  # marks of code in sentences that the shell prints as well
        self.marked = marked

    def paint(self) -> list[Line]:
        cells = self.size.width - 6
        lines = [row(Span(f"   {part}", "bright+bold"), back="bar") for part in wrap(safe(self.question), cells)]
        lines += [Line((), "bar")]
        for sentence in self.consequence.split("\n"):
            lines += [row(Span(f"   {part}", "text"), back="bar") for part in wrap(safe(sentence), cells)]
        return [Line((), "bar"), *lines, Line((), "bar"), self._answers(), Line((), "bar")]

    def _answers(self) -> Line:
        """Both answers, the marked one first seen: it is the one that enter takes."""
        mark = "@pick" if self.look.palette.colours == "own" else "+reverse"
        sure, leave = ("", mark) if self.marked == "no" else (mark, "")
        spans = [Span("  "), Span(f" n {self.no} ", f"bright+bold{leave}"), Span("    ")]
        spans += [Span(f" y {self.yes} ", f"bad+bold{sure}")]
        hint = f"enter: {self.no if self.marked == 'no' else self.yes}   "
        return apart(spans, [Span(hint, "dim")], self.size.width, back="bar")

    def rows_needed(self, cells: int) -> int:
        """How tall the box must be."""
        text = [*wrap(safe(self.question), cells - 6)]
        text += [part for s in self.consequence.split("\n") for part in wrap(safe(s), cells - 6)]
        return len(text) + 5


class Confirm(ModalScreen[bool]):
    """True for yes. Enter takes the answer that is `marked`: by default the one that changes nothing."""

    BINDINGS = bindings(ANSWER)
    CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm #question { width: 64; max-width: 100%; }
    """

    def __init__(
        self, question: str, consequence: str, yes: str = "yes", no: str = "no", *, marked: Answer = "no"
    ) -> None:
        super().__init__()
        self._question = Question(question, consequence, yes, no, marked)

    def compose(self) -> ComposeResult:
        yield self._question

    def on_mount(self) -> None:
        cells = min(64, self.app.size.width)
        self._question.styles.height = min(self.app.size.height, self._question.rows_needed(cells))

    def action_other(self) -> None:
        self._question.marked = "yes" if self._question.marked == "no" else "no"
        self._question.pull()

    def action_take(self) -> None:
        self.dismiss(self._question.marked == "yes")

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
