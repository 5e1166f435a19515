"""The last gate before the terminal: no segment of any widget leaves with a character that acts instead of showing."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from t2s_tui.text import fit


class Harmless(LineFilter):
    """Goes over every row that Textual is about to write, its own widgets included."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() or segment.control for segment in segments):
            return segments
        return [s if s.control or s.text.isprintable() else _shown(s) for s in segments]


def _shown(segment: Segment) -> Segment:
    """In as many cells as it was counted with: what stands behind it must stay in its place."""
    return Segment(fit(segment.text, segment.cell_length), segment.style)
