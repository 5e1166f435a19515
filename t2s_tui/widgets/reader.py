"""A panel of text to scroll through and to search."""

from __future__ import annotations

from textual import events

from t2s_tui.keys import FIND, MOVE, READ, bindings
from t2s_tui.widgets.canvas import Line, Span
from t2s_tui.widgets.marks import marked, plain
from t2s_tui.widgets.panel import ListPanel, Panel


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
        self._hits: list[int] = []
        self._found_for = ""
        self._hit = -1

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
            self._found_for = ""
        last = max(0, len(self._all) - height)
        self._top = last if self.following else min(self._top, last)
        lines = self._all[self._top : self._top + height]
        return [self._found(line, n) for n, line in enumerate(lines, self._top)] if self.needle else lines

    def _found(self, line: Line, place: int) -> Line:
        """`line` with what is searched for marked; the place one is at has a ground of its own."""
        line = marked(line, self.needle)
        return line._replace(back="pick") if place == self._hit and self.hits else line

    @property
    def hits(self) -> list[int]:
        """The lines that hold what is searched for."""
        if self._found_for != self.needle:
            needle = self.needle.casefold()
            self._hits = [n for n, line in enumerate(self._all) if needle in plain(line).casefold()]
            self._found_for = self.needle
        return self._hits if self.needle else []

    def aside(self) -> list[Span]:
        spans = [Span(f"/{self.needle}  ", "run"), *self._counted()] if self.needle else []
        height = self.size.height - 1
        if len(self._all) > height > 0:
            last = min(len(self._all), self._top + height)
            spans.append(Span(f"{self._top + 1}–{last} of {len(self._all)}", "faint"))
        return spans

    def _counted(self) -> list[Span]:
        """Which of the places this is."""
        if not self.hits:
            return [Span("nothing found  ", "bad")]
        here = f"{self.hits.index(self._hit) + 1} of " if self._hit in self.hits else ""
        return [Span(f"{here}{len(self.hits)} found  ", "text")]

    def show(self, place: int) -> None:
        """Bring line `place` into sight."""
        self.following = False
        self._top = max(0, place)
        self.pull()

    def filter(self, needle: str) -> None:
        """Mark every place that holds `needle`, case aside, and go to the first from here on."""
        self.needle = needle
        self._go_to(next((n for n in self.hits if n >= self._top), self.hits[0] if self.hits else None))

    def action_find(self) -> None:
        self.post_message(ListPanel.FindAsked(self))

    def action_find_next(self) -> None:
        after = [n for n in self.hits if n > self._from()]
        self._go_to((after or self.hits or [None])[0])

    def action_find_previous(self) -> None:
        before = [n for n in self.hits if n < self._from()]
        self._go_to((before or self.hits or [None])[-1])

    def _from(self) -> int:
        """Where the next place is looked for: from the last one found, unless it was scrolled out of sight."""
        height = max(1, self.size.height - 1)
        return self._hit if self._top <= self._hit < self._top + height else self._top

    def _go_to(self, hit: int | None) -> None:
        if hit is not None:
            self._hit = hit
            height = max(1, self.size.height - 1)
            self.following = False
            if not self._top <= hit < self._top + height:
                self._top = max(0, hit - height // 3)
        self.pull()

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
