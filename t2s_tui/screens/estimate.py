"""What a run may spend, shown before it spends anything, with one question."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from t2s_tui.keys import Key, bindings
from t2s_tui.plan import UNPRICED, Plan
from t2s_tui.text import count, fit, money, right, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, row
from workspace.reports.estimate import Estimate, Row

ANSWER = (
    Key("begin.yes", "enter,y", "yes", "enter", "begin", "Begin the run."),
    Key("begin.no", "escape,n,q", "no", "esc", "go back", "Go back; nothing has been written."),
)
WIDTH = 78
EDGE = "   "
EMPTY = Line((), "bar")


class Sheet(Canvas):
    """The box: how much, why that is asked, the table by stages, what would end it, and the two answers."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(id="sheet")
        self.plan = plan

    def paint(self) -> list[Line]:
        return self.rows(self.size.width - 2 * len(EDGE), self.size.height)

    def rows(self, cells: int, height: int) -> list[Line]:
        """All rows; where the screen is low, what explains gives way to what is asked."""
        guess = self.plan.guess
        cost = f" and cost about {money(guess.cost)}" if guess.cost is not None else ""
        asked = f"This run may use about {count(guess.tokens)} tokens{cost}."
        head = [*_text(asked, "bright+bold", cells), *_text(f"That is {self.plan.why_ask}.", "text", cells)]
        table = [self._row(stage.stage, stage, cells) for stage in guess.rows]
        table = [self._names(), *table, self._row("all", guess, cells, "bright+bold")]
        about = [line for text in self.plan.about for line in _text(text, "dim", cells)]
        said = f"An estimate, rather too high than too low. {self.plan.caps[:1].upper()}{self.plan.caps[1:]}."
        notes = _text(said, "dim", cells)
        notes += _text(f"{UNPRICED[:1].upper()}{UNPRICED[1:]}.", "dim", cells) if guess.cost is None else []
        blocks = [head, about, table, notes, [self._answers()]]
        for less in ((), (1,), (1, 3), (1, 2, 3)):
            shown = [block for n, block in enumerate(blocks) if n not in less and block]
            lines = [line for block in shown for line in (EMPTY, *block)]
            if len(lines) < height:
                break
        return [*lines, EMPTY]

    def _names(self) -> Line:
        priced = self.plan.guess.cost is not None
        spans = [Span(EDGE + fit("stage", 10)), *(Span(right(name, 9)) for name in ("units", "calls"))]
        spans += [Span(right(name, 9)) for name in ("read", "written", *(("cost",) if priced else ()))]
        return row(*(Span(span.text, "dim") for span in spans), back="bar")

    def _row(self, name: str, of: Row | Estimate, cells: int, ink: str = "text") -> Line:
        spans = [Span(EDGE + fit(name, 10), ink), *(Span(right(f"{n:,}", 9), ink) for n in (of.units, of.calls))]
        spans += [Span(right(count(n), 9), ink) for n in (of.prompt, of.completion)]
        if of.cost is not None and self.plan.guess.cost is not None:
            spans.append(Span(right(money(of.cost), 9), ink))
        room = min(24, cells - sum(len(span.text) for span in spans) + len(EDGE) - 2)
        if isinstance(of, Row) and room >= 4:
            full, rest = self.look.meter((of.prompt + of.completion) / max(1, self.plan.guess.tokens), room)
            spans += [Span("  "), Span(full, "run"), Span(rest, "faint")]
        return row(*spans, back="bar")

    def _answers(self) -> Line:
        spans = [Span(f"{EDGE}enter ", "run+bold"), Span("begin", "run"), Span("      esc ", "bright+bold")]
        return row(*spans, Span("go back, nothing is written", "text"), back="bar")


class EstimateScreen(ModalScreen[bool]):
    """True: begin."""

    BINDINGS = bindings(ANSWER)
    CSS = """
    EstimateScreen { align: center middle; background: $background 60%; }
    EstimateScreen #sheet { width: 78; max-width: 100%; }
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._sheet = Sheet(plan)

    def compose(self) -> ComposeResult:
        yield self._sheet

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)

    def _fit(self) -> None:
        width, height = min(WIDTH, self.app.size.width), self.app.size.height
        self._sheet.styles.height = min(height, len(self._sheet.rows(width - 2 * len(EDGE), height)))
        self._sheet.pull()


def _text(text: str, ink: str, cells: int) -> list[Line]:
    return [row(Span(EDGE + part, ink), back="bar") for part in wrap(text, cells)]
