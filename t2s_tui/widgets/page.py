"""A text with things in it that can be opened: lines to scroll, items to go to with j and k."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual import events

from t2s_tui.keys import CHOOSE, bindings
from t2s_tui.widgets.canvas import Line, Span
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.reader import Reader


class Item(NamedTuple):
    """Lines that belong together; enter on them tells `key`."""

    key: str
    lines: tuple[Line, ...]


class _Place(NamedTuple):
    key: str
    start: int
    end: int


class Page(Reader):
    """A Reader whose `parts` may be items. The cursor is on one of them; between far ones j and k scroll."""

    BINDINGS = bindings(CHOOSE)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._places: list[_Place] = []
        self._key = ""
        self._height = 0

    def parts(self, cells: int) -> Iterable[Line | Item]:
        """Everything on the page, from the top."""
        raise NotImplementedError

    @property
    def cursor(self) -> str:
        """The key of the item under the cursor; empty where there is none."""
        place = self._here()
        return place.key if place else ""

    def put(self, key: str) -> None:
        """The cursor onto the item `key`, and that into sight."""
        self._key = key
        self.pull()
        if place := self._here():
            self._bring(place)

    def content(self, cells: int) -> list[Line]:
        lines: list[Line] = []
        self._places = []
        for part in self.parts(cells):
            if isinstance(part, Item):
                self._places.append(_Place(part.key, len(lines), len(lines) + len(part.lines)))
                lines += part.lines
            else:
                lines.append(part)
        return lines

    def body(self, cells: int, height: int) -> list[Line]:
        seen = self._sees(self._here(), self._height)
        lines = super().body(cells, height)
        place = self._here()
        if place is None:
            return lines
        if seen and not self._sees(place, height):  # the page has become smaller, or is laid out anew
            self._reach(place, height)
            lines = super().body(cells, height)
        self._height = height
        at = range(place.start - self._top, place.end - self._top)
        return [self._picked(line) if n in at else line for n, line in enumerate(lines)]

    def _picked(self, line: Line) -> Line:
        """`line` under the cursor: a mark at its edge, and a background."""
        first, *rest = line.spans or (Span(" "),)
        edge = Span(self.look.glyphs.pick, "run" if self.has_focus else "faint")
        spans = (edge, Span(first.text[1:], first.ink), *rest) if first.text.startswith(" ") else line.spans
        plain = tuple(Span(s.text, s.ink.partition("@")[0]) if s.ink.endswith(("@new", "@gone")) else s for s in spans)
        return Line(plain, "pick" if self.has_focus else "rest")

    def _here(self) -> _Place | None:
        found = next((place for place in self._places if place.key == self._key), None)
        return found or (self._places[0] if self._places else None)

    def _step(self, by: int) -> None:
        """To the next item in that direction where it is in sight, else a line on."""
        here = self._here()
        if here is None:
            self._scroll(by)
            return
        seen = range(self._top, self._top + max(1, self.size.height - 1))
        at = self._places.index(here)
        if here.start not in seen and here.end - 1 not in seen:  # scrolled away from it: the nearest one in sight
            near = [place for place in self._places if place.start in seen]
            target = (near[0] if by > 0 else near[-1]) if near else None
        else:
            target = self._places[at + by] if 0 <= at + by < len(self._places) else None
        if target is None or target.start not in range(seen.start - 1, seen.stop + 1):
            self._scroll(by)
        else:
            self._key = target.key
            self._bring(target)
            self.pull()
            self.post_message(ListPanel.Moved(self, target.key))

    def _bring(self, place: _Place) -> None:
        """Scroll as little as it takes to see `place`, its beginning at any rate."""
        self._reach(place, max(1, self.size.height - 1))
        self.pull()

    def _reach(self, place: _Place, height: int) -> None:
        self._top = min(place.start, max(self._top, place.end - height))

    def _sees(self, place: _Place | None, height: int) -> bool:
        """Is the beginning of `place` among the `height` lines in sight?"""
        return place is not None and self._top <= place.start < self._top + height

    def action_down(self) -> None:
        self._step(1)

    def action_up(self) -> None:
        self._step(-1)

    def action_top(self) -> None:
        self._key = self._places[0].key if self._places else ""
        super().action_top()

    def action_bottom(self) -> None:
        self._key = self._places[-1].key if self._places else ""
        super().action_bottom()

    def action_choose(self) -> None:
        if self.cursor:
            self.post_message(ListPanel.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        line = self._top + event.y - 1
        place = next((p for p in self._places if p.start <= line < p.end), None)
        if event.y < 1 or place is None:
            return
        if place == self._here():
            self.action_choose()
        else:
            self._key = place.key
            self.pull()
