"""The matrix of an evaluation as it grows: the mean of each skill with each model so far, and its tries."""

from __future__ import annotations

from collections.abc import Sequence

from t2s_tui.feed import Feed
from t2s_tui.text import fit, right, safe, width, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.panel import Kept
from t2s_tui.widgets.reader import Reader
from workspace.reports.so_far import SoFar

LONGEST = 24
"""Cells of a skill's name at most."""
COLUMN, BAR = 19, 8
"""Cells of a model: `100.0 %   12/12`; with a bar before it where there is room for that."""


class Means(Reader):
    """Skills below each other, models beside each other as far as there is room."""

    name_shown = "MEANS SO FAR"

    def __init__(self, feed: Feed, *, id: str = "means") -> None:
        super().__init__(id=id)
        self.feed = feed
        self._cells = Kept[tuple[SoFar, ...]](())
        self._seq = -1

    def pull(self) -> None:
        if self._seq != self.feed.view.seq:
            self._seq, self._width = self.feed.view.seq, 0
        super().pull()

    def title(self) -> list[Span]:
        cells = self._so_far()
        done, planned = sum(cell.done for cell in cells), sum(cell.planned for cell in cells)
        return [Span(f"{done} of {planned} tries", "text")] if cells else []

    def content(self, cells: int) -> list[Line]:
        found = self._so_far()
        models = list(dict.fromkeys(cell.model for cell in found))
        first = min(LONGEST, max((width(safe(cell.skill)) for cell in found), default=0)) + 3
        column = COLUMN + (BAR + 1 if first + len(models) * (COLUMN + BAR + 1) <= cells else 0)
        beside = max(1, (cells - first) // column)
        lines: list[Line] = [BLANK]
        for start in range(0, len(models), beside):
            lines += [*self._block(found, models[start : start + beside], first, column), BLANK]
        return [*lines, *self._below(cells)]

    def _so_far(self) -> tuple[SoFar, ...]:
        view = self.feed.view
        return self._cells.get(view.seq, self.feed.so_far, len(view.units))

    def _block(self, found: Sequence[SoFar], models: Sequence[str], first: int, column: int) -> list[Line]:
        head = [Span(" " * first), *(Span(fit(model, column - 1) + " ", "dim+bold") for model in models)]
        known = {(cell.skill, cell.model): cell for cell in found}
        lines = [row(*head)]
        for skill in dict.fromkeys(cell.skill for cell in found):
            spans = [Span("  " + fit(skill, first - 3) + " ", "text")]
            for model in models:
                spans += self._cell(known[skill, model], bar=column > COLUMN)
            lines.append(row(*spans))
        return lines

    def _cell(self, cell: SoFar, *, bar: bool) -> list[Span]:
        full, rest = self.look.meter(cell.mean or 0.0, BAR)
        spans = [Span(full, "run"), Span(rest, "faint"), Span(" ")] if bar else []
        mean = "–" if cell.mean is None else f"{100 * cell.mean:.1f} %"
        tries = f" {cell.done}/{cell.planned}"
        failed = f" {self.look.glyph('failed')}{cell.failed}" if cell.failed else ""
        room = COLUMN - 7 - width(tries) - width(failed)
        spans += [Span(right(mean, 7), "bright"), Span(" " * max(0, min(1, room))), Span(tries, "dim")]
        return [*spans, Span(failed, "bad"), Span(" " * max(0, room - 1))]

    def _below(self, cells: int) -> list[Line]:
        said = (
            "v shows intervals and tests." if self.feed.view.ended else "Intervals and tests come when all are tried."
        )
        return [row(Span(f"  {part}", "faint")) for part in wrap(said, max(10, cells - 4))]
