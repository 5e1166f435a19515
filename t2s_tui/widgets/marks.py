"""Places of a searched text in a line: found and shown."""

from __future__ import annotations

from t2s_tui.text import safe, width
from t2s_tui.widgets.canvas import Line, Span


def plain(line: Line) -> str:
    return "".join(safe(s.text) for s in line.spans)


def marked(line: Line, needle: str) -> Line:
    """`line` with every occurrence of `needle` in its spans shown in reverse, case aside."""
    needle = needle.casefold()
    spans: list[Span] = []
    for span in line.spans:
        rest = safe(span.text)
        while (at := rest.casefold().find(needle)) >= 0 and width(rest):
            spans += [Span(rest[:at], span.ink), Span(rest[at : at + len(needle)], _reversed(span.ink))]
            rest = rest[at + len(needle) :]
        spans.append(Span(rest, span.ink))
    return Line(tuple(s for s in spans if s.text), line.back)


def _reversed(ink: str) -> str:
    """`bright@new` becomes `bright+reverse@new`."""
    name, at, back = ink.partition("@")
    return f"{name}+reverse{at}{back}"
