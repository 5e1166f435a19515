"""A run that its budget holds: one field for the new cap."""

from __future__ import annotations

from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from t2s_tui.keys import Key, bindings
from t2s_tui.text import money, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, row
from t2s_tui.widgets.typed import OneLine
from workspace.runs.view import RunView

LEAVE = (Key("budget.leave", "escape", "leave", "esc", "leave it", "Leave the cap as it is."),)
NONE = "none"
WIDTH = 64
EDGE = "   "


class Cap(NamedTuple):
    """A cap that was reached: its name (tokens, cost, requests, seconds), the limit, and what is used by now."""

    name: str
    limit: float
    used: float

    @property
    def next(self) -> float:
        """What the field offers: as much again."""
        return round(2 * max(self.limit, self.used), 4)

    def words(self, amount: float) -> str:
        """`3,000 tokens`, `1.50 in cost`."""
        return f"{money(amount)} in cost" if self.name == "cost" else f"{amount:,.0f} {self.name}"


def cap_of(view: RunView) -> Cap:
    """The cap that holds the run."""
    use = view.usage
    used = {"tokens": use.prompt + use.completion, "cost": use.cost or 0.0, "requests": use.calls}
    return Cap(view.short, view.reached[view.short], used.get(view.short, view.active))


def read_cap(text: str, cap: Cap) -> float | str:
    """The wished limit, or what is wrong with it. "none" comes back as "none"."""
    word = text.strip().replace(",", "").lower()
    if word == NONE:
        return NONE
    try:
        limit = float(word)
    except ValueError:
        return "write a number, or none"
    whole = cap.name in ("tokens", "requests")
    if not cap.limit < limit < float("inf"):
        return f"only a number above {cap.limit:,g} lets the run go on"
    if whole and limit != int(limit):
        return f"{cap.name} are counted in whole numbers"
    return limit


class Words(Canvas):
    """What is asked, above the field."""

    def __init__(self, lines: list[Line], *, id: str) -> None:
        super().__init__(id=id)
        self.lines = lines

    def paint(self) -> list[Line]:
        return self.lines


class BudgetScreen(ModalScreen[float | str | None]):
    """The new cap, "none" for no cap, or None where it stays as it is."""

    BINDINGS = bindings(LEAVE)
    CSS = """
    BudgetScreen { align: center middle; background: $background 60%; }
    BudgetScreen #box { width: 64; max-width: 100%; height: auto; background: $surface; }
    BudgetScreen #asked { height: 5; }
    BudgetScreen #told { height: 4; }
    BudgetScreen Input { height: 1; border: none; margin: 0 3; padding: 0 1; width: 30; background: $boost; }
    BudgetScreen Input:focus { border: none; background: $t2s-pick; }
    """

    def __init__(self, cap: Cap) -> None:
        super().__init__()
        self.cap = cap

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Words(self._asked(), id="asked")
            yield OneLine(f"{self.cap.next:.10g}", id="cap", select_on_focus=True)
            yield Words(self._told(""), id="told")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _look(self) -> None:
        found = read_cap(self.query_one(Input).value, self.cap)
        self._say(found if isinstance(found, str) and found != NONE else "")

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        found = read_cap(message.value, self.cap)
        if isinstance(found, str) and found != NONE:
            self._say(found)
        else:
            self.dismiss(found)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _say(self, fault: str) -> None:
        told = self.query_one("#told", Words)
        told.lines = self._told(fault)
        told.pull()

    def _asked(self) -> list[Line]:
        cap = self.cap
        used = money(cap.used) if cap.name == "cost" else f"{cap.used:,.0f}"
        said = f"{used} of {cap.words(cap.limit)} used, and the next call might go over. The new cap in all, or none:"
        title = row(Span(f"{EDGE}Raise the budget of {cap.name}?", "bright+bold"), back="bar")
        empty = Line((), "bar")
        parts = [row(Span(EDGE + part, "text"), back="bar") for part in wrap(said, WIDTH - 6)]
        return [empty, title, *parts, *[empty] * (3 - len(parts))]

    def _told(self, fault: str) -> list[Line]:
        empty = Line((), "bar")
        keys = [Span(f"{EDGE}enter ", "run+bold"), Span("go on", "run"), Span("      esc ", "bright+bold")]
        return [
            row(Span(EDGE + fault, "bad"), back="bar"),
            empty,
            row(*keys, Span("leave it", "text"), back="bar"),
            empty,
        ]
