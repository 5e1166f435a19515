"""The way out of every row for terminals that have less: no colours, or no characters beyond ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from t2s_tui.text import width
from t2s_tui.theme import PICKED, Look

TWINS = str.maketrans({
    "…": "~", "–": "-", "—": "-", "−": "-", "‖": "=", "·": ".", "•": "*", "‘": "'", "’": "'", "“": '"', "”": '"',
    "→": ">", "←": "<", "↑": "^", "↓": "v", "›": ">", "‹": "<", "×": "x", "✓": "+", "✗": "x", "●": "*", "○": "o",
    "▌": "|", "▐": "|", "▎": "|", "▊": "|", "█": "#", "▏": "|", "▕": "|", "▁": "_", "▔": "-", "▀": "-", "▄": "_",
})  # fmt: skip


PICKED_NUMBER = RichColor.parse(PICKED).number


class Reduced(LineFilter):
    """Goes by the look of the moment; leaves rows alone where the look has everything."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if self._look.palette.colours != "own":
            less = _colourless if self._look.palette.colours == "mono" else _sixteen
            segments = [Segment(s.text, s.style and _picked(less, s.style), s.control) for s in segments]
        if self._look.ascii_only and not all(s.text.isascii() for s in segments):
            segments = [Segment(s.text if s.control else in_ascii(s.text), s.style, s.control) for s in segments]
        return segments


@lru_cache(1024)
def _picked(less: Callable[[Style], Style], style: Style) -> Style:
    """A picked row of Textual's own lists is reversed, all else is what `less` makes of it."""
    if style.bgcolor is not None and style.bgcolor.number == PICKED_NUMBER:
        return Style(reverse=True, bold=style.bold)
    return less(style)


def _colourless(style: Style) -> Style:
    return style.without_color


def _sixteen(style: Style) -> Style:
    """Without the colours that a terminal would have to mix: Textual's own widgets have some."""
    if not any(colour and colour.triplet for colour in (style.color, style.bgcolor)):
        return style
    kept = [colour if colour and not colour.triplet else None for colour in (style.color, style.bgcolor)]
    return style.without_color + Style(color=kept[0], bgcolor=kept[1])


def in_ascii(text: str) -> str:
    """`text` in ASCII and in as many cells: letters lose their accents, what has no likeness becomes `?`."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _likeness(c) for c in text.translate(TWINS))


@lru_cache(4096)
def _likeness(char: str) -> str:
    cells = width(char)
    if 0x2500 <= ord(char) <= 0x257F:
        line = unicodedata.name(char, "").rpartition(" ")[2]
        return {"HORIZONTAL": "-", "VERTICAL": "|"}.get(line, "+")
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii())
    return plain if len(plain) == cells else "?" * cells
