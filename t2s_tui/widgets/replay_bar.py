"""The row of a replay: playing or not, how fast, where it is on the record, and where its stages began."""

from __future__ import annotations

from textual import events

from t2s_tui.replay import Player, Replay
from t2s_tui.text import clock
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Canvas, Line, Span, row, spans_width


def told(player: Player, look: Look) -> list[Span]:
    """`▶ 4×  01:12 / 04:40`."""
    still = "ended" if player.at >= player.end else "paused"
    said = f"{look.glyphs.play} {player.speed:g}×" if player.playing else f"{look.glyphs.stand} {still}"
    return [Span(f"{said:<9}", "you+bold"), Span(clock(player.at), "bright"), Span(f" / {clock(player.end)}", "dim")]


class ReplayBar(Canvas):
    """Hidden where nothing is replayed. A click goes to that moment."""

    def __init__(self, replay: Replay | None, *, id: str = "replay") -> None:
        super().__init__(id=id)
        self._replay = replay
        self.display = replay is not None
        self._bar = range(0)

    def paint(self) -> list[Line]:
        if self._replay is None:
            return []
        left = [Span(" "), *told(self._replay.player, self.look), Span("  ")]
        start = spans_width(left)
        self._bar = range(start, max(start, self.size.width - 2))
        return [row(*left, *self._line(len(self._bar)), back="bar")]

    def _line(self, cells: int) -> list[Span]:
        """The record as a line: what has been played, and marks where something began."""
        assert self._replay is not None
        player, glyphs = self._replay.player, self.look.glyphs
        if not cells or not player.end:
            return []
        marks = {min(cells - 1, int(at / player.end * cells)) for at in self._replay.timeline.stages}
        here = min(cells - 1, int(player.at / player.end * cells))
        spans: list[Span] = []
        for cell in range(cells):
            glyph = glyphs.full if cell <= here else glyphs.mark if cell in marks else glyphs.empty
            ink = "bright" if cell == here else "you" if cell < here else "dim" if cell in marks else "faint"
            if spans and spans[-1].ink == ink:
                spans[-1] = Span(spans[-1].text + glyph, ink)
            else:
                spans.append(Span(glyph, ink))
        return spans

    def on_click(self, event: events.Click) -> None:
        if self._replay is not None and event.x in self._bar:
            player = self._replay.player
            player.seek(player.end * (event.x - self._bar.start) / max(1, len(self._bar) - 1))
