"""The machine room: the endpoint's figures, and everything the run has noted or flagged."""

from __future__ import annotations

from t2s_tui.feed import Feed
from t2s_tui.text import clock, count, fit, safe, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.panel import Reader


class Machine(Reader):
    """Figures above, notes below; scrolls."""

    name_shown = "ENGINE"

    def __init__(self, feed: Feed, *, id: str = "machine") -> None:
        super().__init__(id=id)
        self.feed = feed

    def pull(self) -> None:
        self._width = 0  # the figures change with every frame
        super().pull()

    def title(self) -> list[Span]:
        return [Span(self.feed.view.model, "dim")]

    def content(self, cells: int) -> list[Line]:
        notes = [*self._figures(cells), BLANK]
        notes += self._texts("Needs a look", self.feed.view.flagged, "bad", cells)
        notes += self._texts("Notes", self.feed.view.notes[-200:], "text", cells)
        return notes

    def _figures(self, cells: int) -> list[Line]:
        view, use = self.feed.view, self.feed.usage
        full, rest = self.look.meter(use.in_flight / max(1, use.limit or use.in_flight), 16)
        curve = self.look.spark(list(self.feed.rates), max(4, min(60, cells - 26)))
        limit = use.limit or "?"
        rows: list[tuple[str, list[Span]]] = [
            ("endpoint", [Span(view.endpoint or "—", "text")]),
            (
                "in flight",
                [Span(full, "run"), Span(rest, "faint"), Span(f"  {use.in_flight} of {limit}", "text")],
            ),
            ("queued", [Span(str(use.queued), "text")]),
            ("tokens/s", [Span(f"{count(use.rate):<6}", "bright"), Span(curve, "run")]),
            ("tokens", [Span(f"{count(use.prompt)} read  {count(use.completion)} written", "text")]),
            (
                "calls",
                [Span(f"{use.calls}", "text"), Span(f"  {use.retries} retried", "dim"), self._rejects(use.rejects)],
            ),
            ("engine", [Span("alive" if self.feed.alive else "not there", "text"), self._life()]),
        ]
        rows += [("cost", [Span(f"{use.cost:.4f} $", "text")])] if use.cost is not None else []
        return [BLANK, *(row(Span("  " + fit(name, 11), "dim"), *spans) for name, spans in rows)]

    def _rejects(self, number: int) -> Span:
        return Span(f"  {number} rejected", "bad" if number else "dim")

    def _life(self) -> Span:
        return Span(f"  life {self.feed.view.lives}  at work {clock(self.feed.view.active)}", "dim")

    def _texts(self, name: str, texts: list[str], ink: str, cells: int) -> list[Line]:
        if not texts:
            return []
        lines = [row(Span(f"  {name}", "dim+bold"))]
        for text in texts:
            for n, part in enumerate(wrap(safe(text), max(10, cells - 6))):
                lines.append(
                    row(Span("  " + (f"{self.look.glyphs.dot} " if not n else "  "), "faint"), Span(part, ink))
                )
        return [*lines, BLANK]
