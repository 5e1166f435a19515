"""Panels: a title row and a body. `ListPanel` has rows with a cursor, `Reader` has text to scroll and search."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual import events
from textual.message import Message

from t2s_tui.keys import CHOOSE, FIND, MOVE, READ, bindings
from t2s_tui.text import safe, width, wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, apart, clip

T = TypeVar("T")
MANY = 400
"""From so many rows on, what is made of all of them is made anew once a second, not at every frame."""


class Kept(Generic[T]):
    """A value made of many rows, kept while its key stays the same; with `many` rows also for a second longer."""

    def __init__(self, empty: T) -> None:
        self.value = empty
        self._key: object = None
        self._made = 0.0

    def get(self, key: object, make: Callable[[], T], rows: int) -> T:
        now = time.monotonic()
        if key != self._key and (rows < MANY or now - self._made > 1):
            self.value, self._key, self._made = make(), key, now
        return self.value


class Panel(Canvas, can_focus=True):
    """A title row above a body; the title is bright while the panel has the focus."""

    name_shown = ""

    def title(self) -> list[Span]:
        """What follows the panel's name in its title row."""
        return []

    def aside(self) -> list[Span]:
        """What stands at the right end of the title row."""
        return []

    def body(self, cells: int, height: int) -> list[Line]:
        """At most `height` rows of `cells` cells."""
        raise NotImplementedError

    def paint(self) -> list[Line]:
        cells, height = self.size
        return [self._title_row(cells), *self.body(cells, height - 1)]

    def _title_row(self, cells: int) -> Line:
        edge = Span(self.look.glyphs.pick if self.has_focus else " ", "run")
        name = Span(self.name_shown, "bright+bold" if self.has_focus else "dim+bold")
        return apart([edge, name, Span("  "), *self.title()], [*self.aside(), Span(" ")], cells, back="bar")

    def on_focus(self) -> None:
        self.pull()

    def on_blur(self) -> None:
        self.pull()

    def empty(self, *sentences: str) -> list[Line]:
        """What a panel says while it has nothing to show."""
        parts = [part for s in sentences for part in wrap(safe(s), max(10, self.size.width - 4))]
        return [Line(), *(Line((Span(f"  {part}", "dim"),)) for part in parts)]


class ListPanel(Panel):
    """Rows with a cursor that stays on its row's key when the order changes.

    While `following`, the cursor is on the first row, whatever that is; any move ends it.
    """

    BINDINGS = bindings(MOVE, CHOOSE, FIND)

    @dataclass
    class Chosen(Message):
        """Enter, or a click on the row under the cursor."""

        panel: Panel
        key: str

    @dataclass
    class Moved(Message):
        """The cursor is on another row."""

        panel: Panel
        key: str

    @dataclass
    class FindAsked(Message):
        """The person wants to filter or search this panel."""

        panel: Panel

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.needle = ""
        self.following = True
        self._cursor = ""
        self._place = 0
        self._top = 0
        self._order: list[str] = []

    def keys(self) -> Sequence[str]:
        """Every row's key in the order of the rows."""
        raise NotImplementedError

    def line(self, key: str, cells: int) -> list[Span]:
        """The row of `key`, without the cursor's edge."""
        raise NotImplementedError

    def sought(self, key: str) -> str:
        """The text that a filter looks at."""
        return "".join(s.text for s in self.line(key, 400))

    def nothing(self) -> list[Line]:
        """Shown when there are no rows at all."""
        return self.empty("nothing yet")

    @property
    def cursor(self) -> str:
        """The key under the cursor; empty when there are no rows."""
        self._settle()
        return self._order[self._place] if self._order else ""

    def go(self, key: str) -> None:
        """Put the cursor on `key`."""
        self.following, self._cursor = False, key
        self.pull()
        self.post_message(self.Moved(self, key))

    def filter(self, needle: str) -> None:
        """Show only rows that hold `needle`, case aside; an empty one shows all."""
        self.needle = needle.casefold()
        self._top = 0
        self.pull()

    def body(self, cells: int, height: int) -> list[Line]:
        self._settle()
        if not self._order:
            return self.empty(f"no row holds “{self.needle}”") if self.needle else self.nothing()
        self._top = _scrolled(self._top, self._place, height, len(self._order))
        shown = self._order[self._top : self._top + height]
        return [self._row(key, n == self._place, cells) for n, key in enumerate(shown, self._top)]

    def aside(self) -> list[Span]:
        spans = [Span(f"/{self.needle}  ", "run")] if self.needle else []
        height = self.size.height - 1
        if len(self._order) > height > 0:
            last = min(len(self._order), self._top + height)
            spans.append(Span(f"{self._top + 1}–{last} of {len(self._order)}", "faint"))
        return spans

    def _row(self, key: str, picked: bool, cells: int) -> Line:
        back = ("pick" if self.has_focus else "rest") if picked else "back"
        edge = Span(self.look.glyphs.pick if picked else " ", "run" if self.has_focus else "faint")
        return Line((edge, *clip(self.line(key, cells - 2), cells - 2)), back)

    def _settle(self) -> None:
        """Take the rows as they are now and find the cursor's place among them."""
        order = list(self.keys())
        self._order = [k for k in order if self.needle in self.sought(k).casefold()] if self.needle else order
        if self.following or not self._order:
            self._place = 0
        elif self._cursor in self._order:
            self._place = self._order.index(self._cursor)
        else:
            self._place = min(self._place, len(self._order) - 1)
            self._cursor = self._order[self._place]

    def _step(self, by: int) -> None:
        self._settle()
        if self._order:
            place = min(len(self._order) - 1, max(0, self._place + by))
            self.go(self._order[place])

    def action_down(self) -> None:
        self._step(1)

    def action_up(self) -> None:
        self._step(-1)

    def action_top(self) -> None:
        self._step(-len(self._order))

    def action_bottom(self) -> None:
        self._step(len(self._order))

    def action_half_down(self) -> None:
        self._step(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        self._step(-max(1, self.size.height // 2))

    def action_choose(self) -> None:
        if self.cursor:
            self.post_message(self.Chosen(self, self.cursor))

    def action_find(self) -> None:
        self.post_message(self.FindAsked(self))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._step(2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._step(-2)

    def on_click(self, event: events.Click) -> None:
        place = self._top + event.y - 1
        if event.y < 1 or place >= len(self._order):
            return
        if place == self._place and event.chain > 1:
            self.action_choose()
        else:
            self.go(self._order[place])


class Reader(Panel):
    """Lines to scroll through and search. `following` keeps the end in sight."""

    BINDINGS = bindings(MOVE, FIND, READ)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.needle = ""
        self.following = False
        self._top = 0
        self._all: list[Line] = []
        self._width = 0

    def content(self, cells: int) -> list[Line]:
        """All lines, wrapped to `cells`."""
        raise NotImplementedError

    def renew(self) -> None:
        """The content has changed: lay it out again."""
        self._width = 0
        self.pull()

    def body(self, cells: int, height: int) -> list[Line]:
        if self._width != cells:
            self._all, self._width = self.content(cells), cells
        last = max(0, len(self._all) - height)
        self._top = last if self.following else min(self._top, last)
        lines = self._all[self._top : self._top + height]
        return [_marked(line, self.needle) for line in lines] if self.needle else lines

    def aside(self) -> list[Span]:
        spans = [Span(f"/{self.needle}  ", "run")] if self.needle else []
        height = self.size.height - 1
        if len(self._all) > height > 0:
            part = min(100, round(100 * (self._top + height) / len(self._all)))
            spans.append(Span(f"{part:3d} %", "faint"))
        return spans

    def show(self, place: int) -> None:
        """Bring line `place` into sight."""
        self.following = False
        self._top = max(0, place)
        self.pull()

    def filter(self, needle: str) -> None:
        """Mark every place that holds `needle` and go to the first from here on."""
        self.needle = needle.casefold()
        if self.needle:
            self._seek(1, self._top)
        self.pull()

    def action_find(self) -> None:
        self.post_message(ListPanel.FindAsked(self))

    def action_find_next(self) -> None:
        self._seek(1, self._top + 1)

    def action_find_previous(self) -> None:
        self._seek(-1, self._top - 1)

    def _seek(self, by: int, start: int) -> None:
        if not self.needle or not self._all:
            return
        places = [n for n, line in enumerate(self._all) if self.needle in _plain(line).casefold()]
        ahead = [n for n in places if (n >= start if by > 0 else n <= start)]
        if places:
            self.show((ahead or places)[0 if by > 0 else -1])

    def _scroll(self, by: int) -> None:
        last = max(0, len(self._all) - (self.size.height - 1))
        self._top = min(last, max(0, self._top + by))
        self.following = self.following and self._top == last and by > 0
        self.pull()

    def action_down(self) -> None:
        self._scroll(1)

    def action_up(self) -> None:
        self._scroll(-1)

    def action_top(self) -> None:
        self._scroll(-len(self._all))

    def action_bottom(self) -> None:
        self._scroll(len(self._all))

    def action_half_down(self) -> None:
        self._scroll(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        self._scroll(-max(1, self.size.height // 2))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)


def _scrolled(top: int, place: int, height: int, total: int) -> int:
    """The first row to show so that `place` is in sight, moving as little as possible."""
    if height <= 0:
        return 0
    top = min(max(top, place - height + 1), place)
    return max(0, min(top, total - height))


def _plain(line: Line) -> str:
    return "".join(safe(s.text) for s in line.spans)


def _marked(line: Line, needle: str) -> Line:
    """`line` with every occurrence of `needle` in its spans shown in reverse."""
    spans: list[Span] = []
    for span in line.spans:
        rest = safe(span.text)
        while (at := rest.casefold().find(needle)) >= 0 and width(rest):
            spans += [Span(rest[:at], span.ink), Span(rest[at : at + len(needle)], f"{span.ink}+reverse")]
            rest = rest[at + len(needle) :]
        spans.append(Span(rest, span.ink))
    return Line(tuple(s for s in spans if s.text), line.back)
