"""The ground that all widgets of this app are drawn on: rows of styled text, compared with what is on the screen.

A subclass says what its rows are (`paint`), as plain values. `pull` paints again and asks Textual to redraw the cells
that differ and no others; a frame in which nothing changed costs a comparison.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from t2s_tui.text import cut, safe, width

if TYPE_CHECKING:
    from t2s_tui.theme import Look


class Span(NamedTuple):
    """A piece of text in one ink (theme.py); `ink@back` gives it a background of its own."""

    text: str
    ink: str = "text"


class Line(NamedTuple):
    """One row: spans from the left, on one background."""

    spans: tuple[Span, ...] = ()
    back: str = "back"


BLANK = Line()


def row(*spans: Span | str, back: str = "back") -> Line:
    """A line of spans; a plain string is ordinary text."""
    return Line(tuple(s if isinstance(s, Span) else Span(s) for s in spans), back)


def shown(text: str) -> str:
    """`text` made safe. What goes beyond ASCII is kept: borders, marks and bars come in every frame."""
    return safe(text) if text.isascii() else _kept(text)


_kept = lru_cache(2048)(safe)


def spans_width(spans: tuple[Span, ...] | list[Span]) -> int:
    return sum(width(shown(s.text)) for s in spans)


def apart(left: list[Span], right_side: list[Span], cells: int, back: str = "back") -> Line:
    """`left` from the left and `right_side` flush right; the left gives way, the right is cut last."""
    right_side = clip(right_side, cells)
    room = cells - spans_width(right_side)
    left = clip(left, max(0, room - 1))
    gap = room - spans_width(left)
    return Line((*left, Span(" " * gap), *right_side), back)


def clip(spans: list[Span], cells: int) -> list[Span]:
    """As much of `spans` as fits into `cells`."""
    kept: list[Span] = []
    for span in spans:
        text = shown(span.text)
        if (size := width(text)) > cells:
            if cells > 0:
                kept.append(Span(cut(text, cells), span.ink))
            break
        kept.append(Span(text, span.ink))
        cells -= size
    return kept


class Canvas(Widget):
    """A widget made of lines. `ALLOW_SELECT` is off: copying is a key."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Canvas { background: $background; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._painted: tuple[int, int] | None = None

    @property
    def look(self) -> Look:
        return cast("Look", self.app.look)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]

    def curve(self, values: list[float], cells: int) -> str:
        """Values as a row of bars; nothing in low-bandwidth mode, where it would move with every frame."""
        thrifty: bool = getattr(self.app, "low_bandwidth", False)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return "" if thrifty else self.look.spark(values, cells)

    def paint(self) -> list[Line]:
        """The rows for the widget's present size, from the top; missing rows are blank."""
        raise NotImplementedError

    def pull(self) -> None:
        """Paint again and redraw what differs."""
        if not self.is_mounted or not self.display or not self.size.area:
            return
        size = (self.size.width, self.size.height)
        old, new = self._lines, self._padded()
        if self._painted != size:
            self._lines, self._painted = new, size
            self._strips.clear()
            self.refresh()
            return
        self._lines = new
        dirty = [r for y, (a, b) in enumerate(zip(old, new, strict=True)) if a != b and (r := _dirty(y, a, b, size[0]))]
        for region in dirty:
            self._strips.pop(region.y, None)
        if dirty:
            self.refresh(*dirty)

    # Textual's own way draws the whole widget when the focus comes or goes.

    def _on_focus(self, event: events.Focus) -> None:
        event.prevent_default()
        self._focus(True, events.DescendantFocus(self))

    def _on_blur(self, event: events.Blur) -> None:
        event.prevent_default()
        self._focus(False, events.DescendantBlur(self))

    def _focus(self, here: bool, told: events.DescendantFocus | events.DescendantBlur) -> None:
        self.has_focus = here
        if self.parent is not None:
            self.parent.post_message(told)

    def watch_has_focus(self, _has_focus: bool) -> None:
        self.pull()

    def render_line(self, y: int) -> Strip:
        size = (self.size.width, self.size.height)
        if self._painted != size:
            self._lines, self._painted = self._padded(), size
            self._strips.clear()
        if y >= len(self._lines):
            return Strip.blank(size[0], self.look.style("text"))
        if y not in self._strips:
            self._strips[y] = self._strip(self._lines[y], size[0])
        return self._strips[y]

    def forget(self) -> None:
        """Draw every row anew: the palette or the glyphs are others."""
        self._painted = None
        self.refresh()

    def text_rows(self) -> list[str]:
        """What stands on the widget, without styles; for tests and copying."""
        return ["".join(shown(s.text) for s in line.spans).rstrip() for line in self._padded()]

    def _padded(self) -> list[Line]:
        lines = self.paint()[: self.size.height]
        return lines + [BLANK] * (self.size.height - len(lines))

    def _strip(self, line: Line, cells: int) -> Strip:
        look = self.look
        segments = [Segment(shown(s.text), _style(look, s.ink, line.back)) for s in line.spans if s.text]
        return Strip(segments).adjust_cell_length(cells, look.style("text", line.back))


def _style(look: Look, ink: str, back: str) -> Style:
    name, _, own_back = ink.partition("@")
    return look.style(name, own_back or back)


def _dirty(y: int, old: Line, new: Line, cells: int) -> Region | None:
    """The cells of row `y` that differ."""
    if old.back != new.back:
        return Region(0, y, cells, 1)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old.spans, new.spans, strict=False)))
    start = spans_width(new.spans[:same])
    if same < min(len(old.spans), len(new.spans)) and old.spans[same].ink == new.spans[same].ink:
        start += width(shown(_common(old.spans[same].text, new.spans[same].text)))
    end = cells
    if spans_width(old.spans) == spans_width(new.spans):
        rest = zip(reversed(old.spans[same:]), reversed(new.spans[same:]), strict=False)
        tail = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
        end = cells if not tail else spans_width(new.spans) - spans_width(new.spans[len(new.spans) - tail :])
    start, end = max(0, min(start, cells) - 1), min(end + 1, cells)
    return Region(start, y, end - start, 1) if end > start else None


def _common(a: str, b: str) -> str:
    """What two texts begin with."""
    return "".join(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
