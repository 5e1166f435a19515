"""The quiet frame around the panels: header, stage bar, notice, endpoint line, tabs, footer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple
from urllib.parse import urlsplit

from textual import events
from textual.message import Message

from t2s_tui.feed import Feed, Left
from t2s_tui.keys import written_here
from t2s_tui.text import clock, count, money, plural, right, safe
from t2s_tui.widgets.canvas import Canvas, Line, Span, apart, clip, row, spans_width
from workspace.runs.events import STAGES, Stage
from workspace.runs.view import RunView, StageRow


class Header(Canvas):
    """Two rows: what runs and how it is, and the stages with their counts."""

    def __init__(self, feed: Feed, badges: Callable[[], list[Span]], *, id: str = "header") -> None:
        super().__init__(id=id)
        self.feed = feed
        self._badges = badges

    def paint(self) -> list[Line]:
        cells = self.size.width
        return [self._first(cells), Line(tuple(stage_bar(self, self.feed, cells)))]

    def _first(self, cells: int) -> Line:
        view, crumb = self.feed.view, Span(f" {self.look.glyphs.crumb} ", "faint")
        mark = self.look.mark(self.feed.state)
        name = view.run or self.feed.run.id
        left = [Span(" t2s", "run+bold"), crumb, Span(view.skill or "new skill", "bright+bold")]
        why = f" {self._still(view)}" if self.feed.state == "pausing" else ""
        why = "  stopping" if self.feed.asked.stopping and self.feed.alive and not view.ended else why
        state = [
            Span("   "),
            Span(f"{self.look.glyph(self.feed.state)} {mark.word}", f"{mark.ink}+bold"),
            Span(why, mark.ink),
            Span(f"  {clock(self.feed.elapsed)}", "text"),
        ]
        below = [span for said in self._crumbs() for span in (crumb, Span(said, "text"))]
        named = [*left, crumb, Span(name, "dim"), *below]
        left = [*left, *(below[-2:] if below else [])]
        badges = [Span(f"  {badge.text}", badge.ink) for badge in self._badges()]
        for begin, ends in (
            (named, self._ends(2)),
            (named, self._ends(1)),
            (named, self._ends(0)),
            (left, self._ends(0)),
        ):
            if spans_width([*begin, *state, *ends, *badges]) + 4 <= cells:
                break
        return apart([*begin, *state], [*ends, *badges, Span(" ")], cells)

    def _crumbs(self) -> list[str]:
        """The screens between the run and this one, each by its name."""
        screens = self.app.screen_stack
        here = screens.index(self.screen) if self.screen in screens else len(screens) - 1
        names = [str(getattr(screen, "crumb", "")) for screen in screens[2 : here + 1]]
        return [safe(name) for name in names if name]

    def _still(self, view: RunView) -> str:
        """What a pause still waits for."""
        calls = f"{view.usage.in_flight} in flight"
        return f"now ({calls})" if view.at_once else f"({calls})"

    def _ends(self, detail: int) -> list[Span]:
        """The right end: time left, and with more `detail` the model and where it is served."""
        spans: list[Span] = []
        if left := self.feed.left():
            spans.append(Span(f"{left.through}: {span_of(left)} left", "text"))
        if detail:
            host = _host(self.feed.view.endpoint)
            at = f" @ {host}" if host and detail > 1 else ""
            spans.append(Span(f"    {self.feed.view.model}{at}", "dim"))
        return spans


def _host(endpoint: str) -> str:
    """Host and port of an address; all of what is none."""
    try:
        return urlsplit(endpoint).netloc or endpoint
    except ValueError:
        return endpoint


def span_of(left: Left) -> str:
    """`40–55 s`, `2–3 min`, `about 4 min`."""
    unit, size = ("s", 1.0) if left.high < 100 else ("min", 60.0) if left.high < 5400 else ("h", 3600.0)
    low, high = max(1, round(left.low / size)), max(1, round(left.high / size + 0.49))
    return f"{low}–{high} {unit}" if low < high else f"about {high} {unit}"


class Cell(NamedTuple):
    """One stage of the bar in its three lengths."""

    stage: Stage
    row: StageRow
    active: bool


def stage_bar(canvas: Canvas, feed: Feed, cells: int) -> list[Span]:
    """All stages of this run in at most `cells` cells: meters first give way, then the counts of finished stages."""
    shown = [Cell(s, feed.view.stages[s], _active(feed.view.stages[s])) for s in STAGES if _shown(feed, s)]
    for meter, gap, brief in ((10, 3, False), (6, 3, False), (4, 2, False), (0, 2, False), (0, 2, True), (0, 1, True)):
        spans = [Span(" ")]
        for n, cell in enumerate(shown):
            spans += [Span(" " * gap)] if n else []
            spans += _stage(canvas, feed, cell, meter, brief)
        if spans_width(spans) <= cells:
            return spans
    return clip(spans, cells)


def _stage(canvas: Canvas, feed: Feed, cell: Cell, meter: int, brief: bool) -> list[Span]:
    stage_row, look = cell.row, canvas.look
    over = stage_row.done + stage_row.failed
    failed = [Span(f" {look.glyph('failed')}{stage_row.failed}", "bad")] if stage_row.failed else []
    if not stage_row.entered or (feed.view.ended and not stage_row.units and not over):
        return [Span(cell.stage, "faint"), Span(f" {look.glyphs.dot}", "faint")]
    if not cell.active and over < stage_row.units:
        return [Span(cell.stage, "dim"), Span(f" {over}/{stage_row.units}", "text"), *failed]  # it was stopped in there
    if not cell.active:
        number = "" if brief else str(over)
        return [Span(cell.stage, "dim"), Span(f" {look.glyph('done')}{number}", "ok"), *failed]
    units = max(stage_row.units, _known_units(feed, cell.stage))
    full, rest = look.meter(over / max(1, units), meter)
    bar = [Span(" "), Span(full, "run"), Span(rest, "faint")] if meter else []
    return [Span(cell.stage, "bright"), *bar, Span(f" {over}/{units}" if units else " …", "text"), *failed]


def _known_units(feed: Feed, stage: Stage) -> int:
    return len(feed.view.nodes) if stage == "merge" else 0


def _active(stage_row: StageRow) -> bool:
    return stage_row.entered and not stage_row.left


def _shown(feed: Feed, stage: Stage) -> bool:
    """Draft and rollout are shown only in runs that have them; an evaluation has held-out tries alone."""
    if feed.view.stages[stage].entered:
        return True
    if feed.evaluation:
        return stage == "validate"
    if stage == "draft":
        return False
    return bool(feed.view.domain) or stage not in ("rollout", "validate")


class Said(NamedTuple):
    """A sentence for the notice row, its ink, what to do about it, and the state whose glyph stands before it."""

    text: str
    ink: str
    then: str = ""
    state: str = "lost"


class Notice(Canvas):
    """One row that says what the run needs from a person, or what came out; hidden when there is nothing to say."""

    def __init__(self, said: Callable[[], Said | None], *, id: str = "notice") -> None:
        super().__init__(id=id)
        self._said = said
        self.display = False

    def pull(self) -> None:
        wanted = self._said() is not None
        if self.display != wanted:
            self.display = wanted
        super().pull()

    def paint(self) -> list[Line]:
        said = self._said()
        if said is None:
            return []
        glyph = self.look.glyph(said.state)
        left = [Span(f" {glyph} ", f"{said.ink}+bold"), Span(said.text, said.ink)]
        return [apart(left, [Span(f"  {said.then} ", "text")], self.size.width, back="rest")]


class EndpointLine(Canvas):
    """One row: calls in flight, limit and queue, tokens a second with their curve, rejects, tokens in all."""

    def __init__(self, feed: Feed, *, id: str = "endpoint") -> None:
        super().__init__(id=id)
        self.feed = feed

    def paint(self) -> list[Line]:
        cells = self.size.width
        use = self.feed.usage
        lost = self.feed.view.lost
        if lost and self.feed.waits_for_endpoint:
            return [row(Span(f" {self.look.glyph('lost')} endpoint lost: {self.feed.view.endpoint_lost}", "bad"))]
        if self.feed.waits_for_workers:
            back = "; it goes on when one is there" if self.feed.goes_on_by_itself else ""
            return [row(Span(f" {self.look.glyph('lost')} no worker is left{back}", "bad"))]
        limit = f"/{use.limit}" if use.limit else ""
        left = [
            Span(" in flight ", "dim"), Span(f"{right(f'{use.in_flight}{limit}', 5)}", "text"),
            Span("  queued ", "dim"), Span(right(str(use.queued), 4), "text"),
            Span("  "), Span(right(count(use.rate), 4), "text"), Span(" tok/s ", "dim"),
            Span(self.curve(list(self.feed.rates), 12 if cells < 100 else 24), "run"),
        ]  # fmt: skip
        faults = [Span(f"{plural(len(lost), 'endpoint')} lost  ", "bad")] if lost else []
        away = sum(one.state == "lost" for one in self.feed.workers)
        faults += [Span(f"{plural(away, 'node')} lost  ", "dim")] if away else []
        faults += self._waiting()
        if use.rejects and (cells >= 100 or not self.feed.retrying_at):
            faults.append(Span(f"rejects {use.rejects}  ", "dim"))
        faults += [Span(f"retries {use.retries}  ", "dim")] if use.retries and cells >= 100 else []
        return [apart(left, [*faults, *self._totals(cells), Span(" ")], cells, back="bar")]

    def _waiting(self) -> list[Span]:
        """How many agents wait for another attempt, and for how long at most."""
        if not (waiting := self.feed.retrying_at):
            return []
        left = ceil(max(waiting.values()) - self.feed.now)
        return [Span(f"{self.look.glyph('retrying')} {len(waiting)} wait{f' {left} s' if left > 0 else ''}  ", "bad")]

    def _totals(self, cells: int) -> list[Span]:
        use = self.feed.view.usage
        spans = [Span(count(use.prompt + use.completion), "text"), Span(" tokens", "dim")]
        if use.cost is not None:
            spans += [Span("  cost ", "dim"), Span(money(use.cost), "text")]
        return [Span(f"{use.calls}", "text"), Span(" calls  ", "dim"), *spans] if cells >= 100 else spans


class Tab(NamedTuple):
    """A tab of the narrow layout: the panel's id and its short name."""

    panel: str
    name: str


class TabLine(Canvas):
    """The panels by number, where only one of them is on the screen at a time."""

    class Picked(Message):
        """A click on a tab."""

        def __init__(self, panel: str) -> None:
            super().__init__()
            self.panel = panel

    def __init__(self, tabs: Sequence[Tab], current: Callable[[], str], *, id: str = "tabs") -> None:
        super().__init__(id=id)
        self._tabs, self._current = tabs, current

    def paint(self) -> list[Line]:
        spans: list[Span] = []
        for number, tab in enumerate(self._tabs, 1):
            here = tab.panel == self._current()
            edge = Span(self.look.glyphs.pick if here else " ", "run")
            spans += [
                edge,
                Span(f"{number} ", "run" if here else "faint"),
                Span(f"{tab.name}  ", "bright+bold" if here else "dim"),
            ]
        return [row(*spans)]

    def on_click(self, event: events.Click) -> None:
        x = 0
        for number, tab in enumerate(self._tabs, 1):
            x += len(f" {number} {tab.name}  ")
            if event.x < x:
                self.post_message(self.Picked(tab.panel))
                return


class Hint(NamedTuple):
    """A key and what it does, for the footer."""

    key: str
    label: str


EVERYWHERE = (Hint("?", "help"), Hint(":", "all"), Hint("q", "detach"))


class Footer(Canvas):
    """The keys that matter here; what does not fit is left to help."""

    def __init__(
        self, hints: Callable[[], Sequence[Hint]], *, id: str = "footer", last: Sequence[Hint] = EVERYWHERE
    ) -> None:
        super().__init__(id=id)
        self._hints = hints
        self.last = last
        self.instead: Sequence[Hint] | None = None
        """Shown in place of all others while a field is open that takes every key."""
        self._places: list[tuple[range, str]] = []

    def paint(self) -> list[Line]:
        cells = self.size.width
        last = self._in_own_keys(self.last if self.instead is None else ())
        end = [s for hint in last for s in _hint(hint)]
        room = cells - spans_width(end) - 2
        left: list[Span] = [Span(" ")]
        self._places = []
        for hint in self._in_own_keys(self._hints() if self.instead is None else self.instead):
            spans = _hint(hint)
            if spans_width(left) + spans_width(spans) > room:
                break
            self._place(hint, spans_width(left))
            left += spans
        at = cells - spans_width(end)
        for hint in last:
            self._place(hint, at)
            at += spans_width(_hint(hint))
        return [apart(left, end, cells)]

    def _place(self, hint: Hint, at: int) -> None:
        self._places.append((range(at, at + spans_width(_hint(hint)) - 2), hint.key.split()[0]))

    def on_click(self, event: events.Click) -> None:
        """A click on a hint is its key."""
        for place, shown in self._places:
            if event.x in place:
                self.app.simulate_key(KEY_NAMES.get(shown, shown))

    def _in_own_keys(self, hints: Sequence[Hint]) -> Sequence[Hint]:
        """The hints as this person presses them."""
        remapped: dict[str, str] = getattr(self.app, "remapped", {})  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        if not remapped:
            return hints
        here = [active.binding.id or "" for active in self.screen.active_bindings.values()]
        return [Hint(written_here(hint.key, remapped, here), hint.label) for hint in hints]


KEY_NAMES = {"esc": "escape", "?": "question_mark", ":": "colon", "/": "slash", "+": "plus", "[": "left_square_bracket",
             "{": "left_curly_bracket", "←": "left", "→": "right", "↓": "down"}  # fmt: skip
"""How Textual calls the keys that are written as signs."""


def _hint(hint: Hint) -> list[Span]:
    return [Span(hint.key, "bright"), Span(f" {hint.label}  ", "dim")]
