"""The last gate before the terminal: no segment of any widget leaves with a character that acts instead of showing."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from t2s_tui.text import safe


class Harmless(LineFilter):
    """Goes over every row that Textual is about to write, its own widgets included."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() or segment.control for segment in segments):
            return segments
        return [s if s.control or s.text.isprintable() else Segment(safe(s.text), s.style) for s in segments]
