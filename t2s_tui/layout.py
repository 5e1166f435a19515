"""Text laid out in lines, as all reading screens do it. Whatever comes in is made safe."""

from __future__ import annotations

from collections.abc import Iterable

from t2s_tui.text import fit, safe_lines, wrap
from t2s_tui.widgets.canvas import Line, Span, row


def heading(name: str, *more: Span) -> Line:
    """The name of a part, with what stands behind it."""
    return row(Span(f"  {name}", "dim+bold"), *more)


def paragraph(text: str, cells: int, ink: str = "text", indent: int = 2) -> list[Line]:
    """`text` wrapped to `cells`, moved in by `indent`; empty lines within stay."""
    return [row(Span(" " * indent), Span(part, ink)) for part in rows_of(text, cells - indent - 2)]


def named(name: str, text: str, cells: int, ink: str = "text", *, wide: int = 10, indent: int = 4) -> list[Line]:
    """`text` beside its `name`, which takes `wide` cells."""
    room = cells - indent - wide - 2
    return [
        row(Span(" " * indent + fit(name if not n else "", wide) + " ", "dim"), Span(part, ink))
        for n, part in enumerate(rows_of(text, room))
    ]


def rows_of(text: str, cells: int) -> list[str]:
    """Safe rows of at most `cells` cells."""
    return [part for line in safe_lines(text.strip("\n")) for part in wrap(line, max(10, cells))]


def first_rows(lines: Iterable[Line], most: int, glyph: str = "…") -> list[Line]:
    """At most `most` of the lines; the last one tells that there are more."""
    found = list(lines)
    if len(found) <= most:
        return found
    return [*found[: most - 1], row(Span(f"    {glyph}", "faint"))]
