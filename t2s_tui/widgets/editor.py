"""The text field for a lesson's TOML. Nothing it shows can reach the terminal as a control sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import TextArea

from t2s_tui.text import escaped, safe
from t2s_tui.widgets.typed import InOrder

if TYPE_CHECKING:
    from t2s_tui.theme import Look

_NAME = re.compile(r"""\s*(\[+[^\]]*\]+|(?:"[^"]*"|'[^']*'|[\w-]+)(?=\s*=))""")
_LONG = re.compile(r'"{3}|\'{3}')


class Piece(NamedTuple):
    """Part of a line in an ink of its own."""

    start: int
    end: int
    ink: str


def inks(line: str, in_text: bool) -> Iterator[Piece]:
    """The names of fields, and remarks; none in a line that begins inside of a text."""
    if in_text:
        return
    if line.lstrip().startswith("#"):
        yield Piece(0, len(line), "dim")
    elif found := _NAME.match(line):
        yield Piece(found.start(1), found.end(1), "run")


class Editor(InOrder, TextArea):
    """A `TextArea` over safe text; pasted text is made safe as well."""

    DEFAULT_CSS = """
    Editor { border: none; padding: 0 1; background: $background; }
    Editor:focus { border: none; }
    """

    def __init__(self, text: str) -> None:
        super().__init__(escaped(text), id="editor", show_line_numbers=True, tab_behavior="focus", soft_wrap=True)

    def get_line(self, line_index: int) -> Text:
        """The line with its inks."""
        line = super().get_line(line_index)
        look = cast("Look", self.app.look)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        above = (self.document.get_line(number) for number in range(line_index))
        in_text = sum(len(_LONG.findall(each)) for each in above) % 2 == 1
        for start, end, ink in inks(line.plain, in_text):
            line.stylize(look.style(ink), start, end)
        return line

    def render_lines(self, crop: Region) -> list[Strip]:
        if not self.is_attached:  # closed, and its place is not yet given away: it has no styles any more
            return [Strip.blank(crop.width)] * crop.height
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if all(segment.text.isprintable() for segment in strip):
            return strip
        return Strip([Segment(safe(s.text), s.style, s.control) for s in strip])

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        text = escaped(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        result = self._replace_via_keyboard(text, *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)
