"""A recorded run as it was at any moment, played like a film: the same feed for the same screens, another clock.

    replay = Replay(run)
    replay.player.seek(95)      then `poll` shows the run as it was 95 seconds after its start
    replay.player.faster(1)     twice as fast

What the journal tells is exact. Streamed text was not kept, so it is told again from the conversations.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from heapq import nlargest
from itertools import takewhile
from math import isinf
from typing import NamedTuple

from t2s_tui.feed import HISTORY, Feed, Tail
from t2s_tui.people import People
from workspace.reports.summary import Asked
from workspace.runs.events import Event
from workspace.runs.journal import read_events
from workspace.runs.retold import Retold, retell, told_by
from workspace.runs.run import Loaded, RunFolder, alive
from workspace.runs.timeline import read_timeline
from workspace.runs.view import RunView

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
MARK_EVERY = 20_000
"""Events between two places that going back can start from."""
LAST_WORDS = 8
"""Finished agents whose last words are known, so that the panes are not empty after a leap."""


class Player:
    """Where the replay is: a second of its timeline that moves while it plays. `clock` gives monotonic seconds."""

    def __init__(self, end: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.end = end
        self.speed = 1.0
        self._clock = clock
        self._from, self._since = 0.0, clock()
        self._playing = True

    @property
    def at(self) -> float:
        moved = (self._clock() - self._since) * self.speed if self._playing else 0.0
        return min(self.end, self._from + moved)

    @property
    def playing(self) -> bool:
        return self._playing and self.at < self.end

    def toggle(self) -> None:
        """Stand still, or go on; at its end it begins again."""
        playing, at = self.playing, self.at
        self._put(0.0 if at >= self.end and not playing else at)
        self._playing = not playing

    def seek(self, second: float) -> None:
        """To that second, as near as the record goes."""
        self._put(min(self.end, max(0.0, second)))

    def leap(self, by: int) -> None:
        """So many steps on (or back): five seconds each, or a fiftieth of a long run."""
        self.seek(self.at + by * max(5.0, self.end / 50))

    def faster(self, by: int) -> None:
        """The next speed up or down."""
        near = min(range(len(SPEEDS)), key=lambda n: abs(SPEEDS[n] - self.speed))
        self.run_at(SPEEDS[min(len(SPEEDS) - 1, max(0, near + by))])

    def run_at(self, speed: float) -> None:
        """From now on so many times as fast as it was."""
        self._put(self.at)
        self.speed = speed

    def _put(self, second: float) -> None:
        self._from, self._since = second, self._clock()


class Mark(NamedTuple):
    """A place that going back can start from: the folded view (packed JSON) at a byte offset of the journal."""

    offset: int
    view: bytes
    asked: Asked
    rates: tuple[float, ...]


class Script(NamedTuple):
    """What one agent says during its stretch of the timeline, and how many characters of it are on the screen."""

    replies: list[Retold]
    told: int = 0


class Unedited(People):
    """In a replay nobody has changed lessons but those who did so then: the journal tells of them."""

    def poll(self, view: RunView, *, at_once: bool = False) -> bool:
        return False


class Replay(Feed):
    """The feed of a record. Nothing that is done to it reaches the run.

    A picture sets `live`, so that the screens look as they did then.
    """

    live = False

    def __init__(self, run: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeline = read_timeline(run.journal)
        self.player = Player(self.timeline.seconds, clock)
        self._marks: list[Mark] = []
        self._since_mark = 0
        self._scripts: dict[str, Script] = {}
        self._speakers: list[str] = []
        super().__init__(run, lambda: self.timeline.wall(self.player.at))
        self.people = Unedited(run)
        self._start_from(None)
        self.poll()

    def look(self) -> bool:
        """Was there an engine then? At the end of the record: is there one now?"""
        over = self.player.at >= self.player.end and self._caught_up
        self.alive = not self.view.ended and (not over or alive(self.run))
        return self.alive

    def _look(self) -> None:
        self.look()

    def conversation(self, agent: str) -> int:
        row = self.view.agents.get(agent)
        if row is None or row.state == "queued":
            return 0
        script = self._scripts.get(agent)
        if row.state != "running" or script is None:
            return super().conversation(agent)
        part = self._part(agent)
        return next((reply.row for reply in script.replies if part < reply.end), super().conversation(agent))

    # --- events ---------------------------------------------------------------------------------------------------

    @property
    def _caught_up(self) -> bool:
        return self._offset >= self.timeline.offset(self.player.at)

    def _beginning(self) -> Loaded:
        return Loaded(RunView(), 0)

    def _ahead(self) -> Iterator[tuple[Event, int]]:
        until = self.timeline.offset(self.player.at)
        return takewhile(lambda found: found[1] <= until, read_events(self.run.journal, self._offset))

    def _take_events(self) -> int:
        until = self.timeline.offset(self.player.at)
        if until < self._offset:
            self._start_from(next((mark for mark in reversed(self._marks) if mark.offset <= until), None))
        taken = super()._take_events() if until > self._offset else 0
        self._since_mark += taken
        if self._since_mark >= MARK_EVERY and (not self._marks or self._marks[-1].offset < self._offset):
            self._since_mark = 0
            packed = zlib.compress(self.view.model_dump_json(exclude_defaults=True).encode(), 1)
            self._marks.append(Mark(self._offset, packed, self.asked, tuple(self.rates)))
        if taken:
            self._speakers = self._who_speaks()
        return taken

    def _start_from(self, mark: Mark | None) -> None:
        """Forget what came after `mark`; without one, everything."""
        self.view = RunView.model_validate_json(zlib.decompress(mark.view)) if mark else RunView()
        self._offset = mark.offset if mark else 0
        self.asked = mark.asked if mark else Asked()
        self.rates.clear()
        self.rates.extend(mark.rates[-HISTORY:] if mark else ())
        for pace in self._pace.values():
            pace.clear()
        self.tails.clear()
        self._since_mark = 0
        self._scripts = {agent: script._replace(told=0) for agent, script in self._scripts.items()}
        self._speakers = []

    # --- text -----------------------------------------------------------------------------------------------------

    def _who_speaks(self) -> list[str]:
        """Agents at work, before them those that ended last."""
        over = [row for row in self.view.agents.values() if row.state in ("done", "failed")]
        at_work = [row.id for row in self.view.agents.values() if row.state == "running"]
        last = nlargest(LAST_WORDS, over, key=lambda row: row.since)
        unfinished = [agent for agent, script in self._scripts.items() if script.told and agent not in at_work]
        return list(dict.fromkeys([*unfinished, *(row.id for row in reversed(last)), *at_work]))

    def _take_text(self) -> frozenset[str]:
        spoke = {agent for agent in self._speakers if self._say(agent)}
        self._drop_old_tails()
        self._scripts = {agent: script for agent, script in self._scripts.items() if agent in self._speakers}
        return frozenset(spoke)

    def _say(self, agent: str) -> bool:
        """Bring an agent's tail to the present second."""
        script = self._scripts.get(agent) or Script(retell(self.run.agent(agent)))
        row = self.view.agents.get(agent)
        due = told_by(script.replies, self._part(agent) if row and row.state == "running" else 1.0)
        self._scripts[agent] = script._replace(told=max(due, script.told))
        if due <= script.told:
            return False
        tail = self.tails.pop(agent, None) or Tail()
        self.tails[agent] = tail
        start = 0
        for reply in script.replies:
            first, last = max(script.told, start) - start, min(due, start + len(reply.text)) - start
            if last > first:
                tail.say(reply.text[first:last], new=first == 0)
            start += len(reply.text)
        return True

    def _part(self, agent: str) -> float:
        """How much of an agent's time is over, 0…1. One that never ended was at work until the record ends."""
        stretch = self.timeline.spans.get(agent)
        if stretch is None:
            return 0.0
        end = self.player.end if isinf(stretch.end) else stretch.end
        return min(1.0, max(0.0, (self.player.at - stretch.begin) / max(0.01, end - stretch.begin)))
