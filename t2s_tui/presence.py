"""What a person should hear of a run while not looking at it: the window's title, and one call when it needs them."""

from __future__ import annotations

import time
from collections.abc import Callable

from t2s_tui.feed import Feed
from t2s_tui.text import safe
from t2s_tui.theme import Look
from workspace.runs.events import STAGES

IDLE = 30.0
"""Seconds without a key after which nobody is thought to look, where the terminal does not tell."""
AGAIN = 60.0
"""The same call at most once in so many seconds: an endpoint may come and go."""
ENDS = ("finished", "incomplete", "failed", "lost")


def window_title(feed: Feed | None, look: Look) -> str:
    """`t2s › xlsx ● 143/200 analyse`; `t2s` without a run."""
    if feed is None:
        return "t2s"
    if not feed.live:
        return f"t2s {look.glyphs.crumb} {safe(feed.view.skill or feed.run.id, 40)} replay"
    state = feed.state
    at_work = f"{look.glyph(state)} {_progress(feed) if state == 'running' else ''}".rstrip()
    said = at_work if at_work != look.glyph(state) else f"{at_work} {look.mark(state).word}"
    return f"t2s {look.glyphs.crumb} {safe(feed.view.skill or feed.run.id, 40)} {said}"


def _progress(feed: Feed) -> str:
    """How far the latest stage under way is: earlier ones may still have stragglers."""
    for stage in reversed(STAGES):
        row = feed.view.stages[stage]
        if row.entered and not row.left:
            return f"{row.done + row.failed}/{row.units} {stage}" if row.units else stage
    return ""


def need(feed: Feed) -> str:
    """What the run wants somebody to know: `paused: budget`, `finished` …; empty while there is nothing."""
    if feed.state == "paused" and not feed.asked.paused:
        return f"paused: {feed.view.held_by}"
    return feed.state if feed.state in ENDS else ""


def need_sentence(feed: Feed) -> str:
    """The call in words."""
    why = f": {feed.view.why}" if feed.view.why else ""
    verdict = f", verdict {feed.view.verdict.decision}" if feed.view.verdict and feed.state == "finished" else ""
    return safe(f"t2s: {feed.view.skill or feed.run.id} {feed.state}{verdict}{why}", 200)


class Presence:
    """Is somebody looking, and has the run's present need been told? `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._active = clock()
        self._focus: bool | None = None
        self._need: str | None = None
        self._told: dict[str, float] = {}

    def act(self) -> None:
        """A key was pressed."""
        self._active = self._clock()

    def focus(self, here: bool) -> None:
        """The terminal says whether it has the focus."""
        self._focus = here

    @property
    def away(self) -> bool:
        """Nobody looks: the terminal says so, or, where it says nothing, no key was pressed for a while."""
        if self._focus is not None:
            return not self._focus
        return self._clock() - self._active >= IDLE

    def forget(self) -> None:
        """Another run is looked at: its need is known to whoever opened it."""
        self._need = None

    def calls(self, need: str) -> bool:
        """Is `need` new, and nobody there to see it? What stood there at the first look is known."""
        if need == self._need:
            return False
        first, self._need = self._need is None, need
        now = self._clock()
        if first or not need or not self.away or now - self._told.get(need, -AGAIN) < AGAIN:
            return False
        self._told[need] = now
        return True
