"""The machine room: the endpoint's figures, and everything the run has noted or flagged."""

from __future__ import annotations

from math import ceil

from t2s_tui.feed import Feed
from t2s_tui.narrate import brief, turned
from t2s_tui.text import clock, count, fit, money, plural, safe, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.reader import Reader
from t2s_tui.widgets.workers import away, sums, table

SHOWN = 50


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
        notes += self._texts("Waiting to try again", self._waiting(), "bad", cells)
        notes += self._texts("Endpoints", self._endpoints(), "bad", cells)
        notes += self._texts("Nodes that do not work", away(self.feed.workers), "bad", cells)
        notes += self._texts("Failed; r tries again", self._failed(), "bad", cells)
        notes += [*nodes, BLANK] if (nodes := table(self.look, self.feed.workers, cells)) else []
        notes += self._texts("Settings changed", [turned(event) for event in self.feed.view.turned], "text", cells)
        notes += self._texts("Needs a look", self.feed.view.flagged[-200:], "bad", cells)
        notes += self._texts("Notes", self.feed.view.notes[-200:], "text", cells)
        return notes

    def _figures(self, cells: int) -> list[Line]:
        view, use = self.feed.view, self.feed.usage
        full, rest = self.look.meter(use.in_flight / max(1, use.limit or use.in_flight), 16)
        curve = self.look.spark(list(self.feed.rates), max(4, min(60, cells - 26)))
        limit = use.limit or "?"
        rows: list[tuple[str, list[Span]]] = [
            ("endpoint", [Span(view.endpoint or "—", "text")]),
            *(("", self._lane(name, *load)) for name, load in use.lanes.items()),
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
            *zip(("workers", ""), sums(self.look, self.feed.workers), strict=False),
            ("engine", [Span(self._engine(), "text"), self._life()]),
        ]
        rows += [("cost", [Span(money(use.cost), "text")])] if use.cost is not None else []
        return [BLANK, *(row(Span("  " + fit(name, 11), "dim"), *spans) for name, spans in rows)]

    def _engine(self) -> str:
        return "alive" if self.feed.alive else "gone" if self.feed.state == "lost" else "ended"

    def _lane(self, name: str, in_flight: int, limit: int) -> list[Span]:
        """One of several endpoints: how full it is, and whether it can be called."""
        full, rest = self.look.meter(in_flight / max(1, limit), 16)
        state = Span("  lost", "bad") if name in self.feed.view.lost else Span("", "text")
        load = f"  {in_flight} of {limit}  {fit(safe(name), 40).rstrip()}"
        return [Span(full, "run"), Span(rest, "faint"), Span(load, "text"), state]

    def _waiting(self) -> list[str]:
        """One row a reason: how many agents, and when the first and the last of them may go on."""
        groups: dict[str, list[float]] = {}
        for agent, at in self.feed.retrying_at.items():
            row = self.feed.view.agents[agent]
            unread = "the reply cannot be read: " if row.trouble == "reply" else ""
            groups.setdefault(unread + brief(row.words), []).append(at - self.feed.now)
        told = sorted(groups.items(), key=lambda group: -len(group[1]))
        return [f"{plural(len(left), 'agent')}, {_when(left)}: {reason}" for reason, left in told]

    def _endpoints(self) -> list[str]:
        view, now = self.feed.view, self.feed.now
        lost = [f"{name} does not answer: {brief(reason)}" for name, reason in view.lost.items()]
        resting = {name: until - now for name, until in view.resting.items() if until > now and name not in view.lost}
        return [*lost, *(f"{name} rests for {left:.0f} s after failures" for name, left in resting.items())]

    def _failed(self) -> list[str]:
        failures = self.feed.view.failures
        shown = [f"{unit.replace('/', ' ')}: {brief(reason)}" for unit, reason in list(failures.items())[:SHOWN]]
        return shown + ([f"and {len(failures) - SHOWN} more"] if len(failures) > SHOWN else [])

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


def _when(left: list[float]) -> str:
    first, last = max(0, ceil(min(left))), max(0, ceil(max(left)))
    if not last:
        return "due now"
    return f"next try in {first} s" if first == last else f"next tries in {first} to {last} s"
