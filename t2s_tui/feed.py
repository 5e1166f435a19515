"""What a face knows about one run, kept up to date from its folder. No terminal in here.

`Feed.poll` reads what the engine has appended since the last look: events into the view, streamed text into ring
buffers, people's lessons from `edits/`. It never writes, so it works on a copied, finished or dead run as well.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice
from math import ceil
from typing import NamedTuple

from t2s_tui.people import People
from t2s_tui.prose import Prose, readable
from t2s_tui.text import clock, safe_lines, wrap
from workspace.errors import T2SError
from workspace.files import changed_at, read_from, size_of
from workspace.reports.so_far import SoFar, so_far
from workspace.reports.summary import Asked, asked
from workspace.runs import events as e
from workspace.runs.decision import decision_file, word_on
from workspace.runs.evaluation import Evaluation, evaluation_of
from workspace.runs.events import STAGES, Event, Stage
from workspace.runs.journal import read_events
from workspace.runs.live import LiveReader
from workspace.runs.run import Loaded, RunFolder, alive, load_view
from workspace.runs.start import run_config
from workspace.runs.view import ENDED, AgentRow, NodeRow, RunView, Usage, WorkerRow

LINES = 200
"""Lines of streamed text kept for an agent; the rest is on the disk."""
LINE = 1_000
"""Characters of one streamed line that are kept."""
TAILS = 96
"""Agents whose text is kept; those that spoke longest ago go first."""
AT_ONCE = 5_000
"""Events taken in one poll, so that catching up never freezes the screen."""
CUT = {"running": "cut off", "queued": "not begun"}
"""What becomes of an agent whose engine is gone."""
LOOK_EVERY = 0.5
HISTORY = 120
BRIEF = 24
_RECENT = 256 * 1024
_PATIENCE = 5.0


class Tail:
    """The end of what one agent has said. `version` grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self._lines: deque[str] = deque(maxlen=LINES)
        self._open = ""
        self._prose = Prose()
        self._rows: tuple[tuple[int, int, int], list[str]] = ((-1, 0, 0), [])

    def say(self, text: str, new: bool = False) -> None:
        """Add streamed text, JSON as readable lines; `new` begins another reply, below a blank line."""
        self.version += 1
        if new:
            self._prose = Prose()
        text = self._prose.take(text)
        if new and (self._open or self._lines):
            self._close()
            self._lines.append("")
        *whole, rest = (self._open + text).replace("\r\n", "\n").split("\n")
        self._lines.extend(line[:LINE] for line in whole[-LINES:])
        self._open = rest
        pieces = [self._open[at : at + LINE] for at in range(0, len(self._open), LINE)]
        self._lines.extend(pieces[:-1][-LINES:])
        self._open = pieces[-1] if pieces else ""

    def rows(self, cells: int, height: int) -> list[str]:
        """The last `height` safe rows, wrapped to `cells`."""
        asked = (self.version, cells, height)
        if self._rows[0] != asked:
            self._rows = (asked, self._wrapped(cells, height))
        return self._rows[1]

    def last_words(self) -> str:
        """The last line that says something; it may still grow. A mere beginning comes with the line before it."""
        said = [words for line in islice(self._backwards(), 6) if (words := line.strip())][:2]
        return " ".join(reversed(said)) if said and len(said[0]) < BRIEF else "".join(said[:1])

    def _backwards(self) -> Iterator[str]:
        """The line that may still grow and those before it, as far as somebody asks."""
        return chain((self._open,), reversed(self._lines))

    def _close(self) -> None:
        self._lines.append(self._open)
        self._open = ""

    def _wrapped(self, cells: int, height: int) -> list[str]:
        rows: deque[str] = deque()
        for line in self._backwards():
            rows.extendleft(reversed(_rows_of(line, cells)))
            if len(rows) >= height:
                break
        return list(rows)[-height:]


@lru_cache(1024)
def _rows_of(line: str, cells: int) -> tuple[str, ...]:
    """The rows of one line. Only the open line of each agent is another one in the next frame."""
    return tuple(row for part in safe_lines(line) for row in wrap(part, cells))


class Changes(NamedTuple):
    """What one poll brought: how many events, whose text grew, and whether the run's state is another one."""

    events: int = 0
    spoke: frozenset[str] = frozenset()
    state: bool = False
    own: bool = False

    @property
    def any(self) -> bool:
        return bool(self.events or self.spoke or self.state or self.own)


class Left(NamedTuple):
    """Seconds that the stage `through` will still take: between `low` and `high`."""

    low: float
    high: float
    through: Stage


class Feed:
    """Follows one run. `clock` gives wall-clock seconds; pictures and tests pass their own."""

    live = True
    """Does it show what happens now? A replay does not."""

    def __init__(self, run: RunFolder, clock: Callable[[], float] = time.time) -> None:
        self.run = run
        self._clock = clock
        loaded = self._beginning()
        self.view: RunView = loaded.view
        self._offset = loaded.offset
        self.asked: Asked = asked(run)
        self.evaluation, self._repeats = _compared(run)
        self.tails: dict[str, Tail] = {}
        self.rates: deque[float] = deque(_recent_rates(run), maxlen=HISTORY)
        self.people = People(run)
        self.alive = alive(run)
        self.word = self._word()
        self._judged = self._last_judged()
        self._live = LiveReader(run)
        self._opened = self._looked = time.monotonic()
        self._pace: dict[Stage, deque[tuple[float, int]]] = {s: deque(maxlen=60) for s in STAGES}
        self._take_text()
        self.people.poll(self.view, at_once=True)

    @property
    def state(self) -> str:
        """The run's state as people should read it: `lost` when it has no end and no engine."""
        state = self.view.state
        if state in ENDED:
            return state
        if not self.alive:
            young = not self.view.seq and time.monotonic() - self._opened < _PATIENCE
            return "starting" if young else "lost"
        return "running" if state == "lost" else state

    @property
    def waits_for_endpoint(self) -> bool:
        """Is it only the endpoint that holds the run, so that it would go on by itself?"""
        return self.view.held_by == "endpoint" and bool(self.view.endpoint_lost) and not self.asked.paused

    @property
    def waits_for_workers(self) -> bool:
        """Is there nobody to run commands?"""
        return self.view.held_by == "workers" and self.state in ("paused", "pausing")

    @property
    def goes_on_by_itself(self) -> bool:
        """Does the run wait for somebody to be back (its endpoint, a worker), and for nothing that a person does?"""
        return self.waits_for_endpoint or (self.waits_for_workers and not self.asked.paused)

    @property
    def waits_for_budget(self) -> bool:
        """Does a cap hold the run, so that it goes on once the cap is raised?"""
        return bool(self.view.short) and self.state in ("paused", "pausing", "stopped", "lost")

    @property
    def retrying_at(self) -> Mapping[str, float]:
        """Agents whose last attempt failed, with the wall-clock second at which the next one may begin."""
        return self.view.retrying if self.alive else {}

    def again(self, agent: str) -> str:
        """`wait 12 s`, or `2× again` once the next attempt may begin; empty for an agent that is not in trouble."""
        if (at := self.retrying_at.get(agent)) is None:
            return ""
        left = ceil(at - self.now)
        if left > 999:
            return f"wait {clock(left)}"
        return f"wait {left} s" if left > 0 else f"{self.view.agents[agent].retries}× again"

    def standing(self, row: AgentRow | NodeRow) -> str:
        """The state of an agent or a merge as people should read it: without an engine nobody is at work."""
        return row.state if self.alive else CUT.get(row.state, row.state)

    @property
    def usage(self) -> Usage:
        """What is used; in flight is nothing any more where the engine is gone."""
        use = self.view.usage
        return use if self.alive else use.model_copy(update={"in_flight": 0, "queued": 0, "rate": 0.0})

    @property
    def workers(self) -> list[WorkerRow]:
        """The nodes of this engine life; without an engine nothing is at work there."""
        rows = [row for row in self.view.workers.values() if row.state != "left"]
        return rows if self.alive else [row.model_copy(update={"sessions": 0, "busy": 0}) for row in rows]

    @property
    def now(self) -> float:
        """The present for a run that lives, the last event's time for one that does not."""
        return self._clock() if self.alive else self.view.now

    @property
    def moving(self) -> bool:
        return self.state in ("starting", "running", "pausing")

    @property
    def elapsed(self) -> float:
        """Seconds that engines have worked on the run, as `t2s show` counts them: the night between two does not."""
        return self.view.active + (max(0.0, self.now - self.view.now) if self.alive else 0.0)

    def so_far(self) -> tuple[SoFar, ...]:
        """Of an evaluation how far each cell is; empty for a run that is none."""
        return so_far(self.evaluation, self.view, self._repeats) if self.evaluation else ()

    def tail(self, agent: str) -> Tail:
        """What `agent` said last; empty when nothing is known."""
        return self.tails.get(agent) or Tail()

    def conversation(self, agent: str) -> int:
        """How many bytes of an agent's conversation file there are at this moment."""
        return size_of(self.run.agent(agent))

    def words(self, agent: str) -> str:
        """The newest line of an agent that is known, from its stream or else from the journal."""
        row = self.view.agents.get(agent)
        if row is not None and agent in self.retrying_at:
            return row.words  # why, rather than what it had said until then
        tail = self.tails.get(agent)
        if row is not None and self.standing(row) in ("running", "cut off") and tail is not None:
            return readable(tail.last_words() or row.words)
        return readable(row.words) if row else ""

    def poll(self) -> Changes:
        """Take in everything new and say what it touched."""
        before = self.state
        events = self._take_events()
        spoke = self._take_text()
        self._look()
        return Changes(events, spoke, self.state != before, self.people.poll(self.view))

    def poll_text(self) -> frozenset[str]:
        """Only the streamed text: the quick half of `poll`."""
        return self._take_text()

    def left(self) -> Left | None:
        """How long the slowest stage under way still takes; None where nothing honest can be said."""
        if self.state != "running":
            return None
        known = [left for stage in STAGES if (left := self._left(stage))]
        return max(known, key=lambda left: left.high, default=None)

    def _left(self, stage: Stage) -> Left | None:
        row = self.view.stages[stage]
        over = row.done + row.failed
        if not row.entered or row.left or row.units <= over or over - row.reused < 3:
            return None
        again = self.view.lives > 1 or row.ended  # it began long ago, or is made anew: only the present pace counts
        rates = [] if again else [(over - row.reused) / max(0.5, self.now - row.began)]
        pace = self._pace[stage]
        if len(pace) > 1 and pace[-1][1] > pace[0][1]:
            rates.append((pace[-1][1] - pace[0][1]) / max(0.5, self.now - pace[0][0]))
        rest = row.units - over
        if not any(rates):
            return None
        return Left(rest / max(rates) * 0.9, rest / min(rates) * 1.2 + 1, stage)

    def _beginning(self) -> Loaded:
        """The view that the first poll goes on from."""
        return load_view(self.run)

    def _ahead(self) -> Iterator[tuple[Event, int]]:
        """The events that have not been taken yet, each with the byte offset behind it."""
        return read_events(self.run.journal, self._offset)

    def _take_events(self) -> int:
        taken = 0
        for event, after in islice(self._ahead(), AT_ONCE):
            self.view.apply(event)
            self.asked = self.asked.after(event)
            self._offset = after
            taken += 1
            if isinstance(event, e.UsageCounted):
                self.rates.append(event.rate)
        if taken:
            self._note_pace()
        return taken

    def _note_pace(self) -> None:
        for stage, row in self.view.stages.items():
            pace = self._pace[stage]  # pyright: ignore[reportArgumentType]
            if row.entered and not row.left and (not pace or self.now - pace[-1][0] >= 1):
                pace.append((self.now, row.done + row.failed))

    def _take_text(self) -> frozenset[str]:
        spoke: set[str] = set()
        for piece in self._live.poll():
            tail = self.tails.pop(piece.agent, None) or Tail()
            self.tails[piece.agent] = tail
            tail.say(piece.text, piece.new)
            spoke.add(piece.agent)
        self._drop_old_tails()
        return frozenset(spoke)

    def _drop_old_tails(self) -> None:
        for agent in list(islice(self.tails, max(0, len(self.tails) - TAILS))):
            del self.tails[agent]

    def look(self) -> bool:
        """Is there an engine at this moment? Before something that depends on it."""
        self._looked = time.monotonic()
        self.alive = alive(self.run)
        return self.alive

    def _look(self) -> None:
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self.look()
            if self._judged != (judged := self._last_judged()):
                self._judged, self.word = judged, self._word()

    def _last_judged(self) -> object:
        """Changes when a verdict is reached, a person decides, or the candidate is made anew."""
        if self.view.verdict is None:
            return None
        return [changed_at(decision_file(each)) for each in self.run.rounds()], self.view.stages["settle"].ended

    def _word(self) -> str:
        """What a person decided on the candidate by hand; empty where nobody did, or the file cannot be read."""
        try:
            said = word_on(self.run) if self.view.verdict else None
            return said.decision if said else ""
        except T2SError:
            return ""  # the verdict's own page says what is wrong with it


def _compared(run: RunFolder) -> tuple[Evaluation | None, int]:
    """What an evaluation compares, and how often each task is tried; None for a run that is none, or cannot be read."""
    try:
        plan = evaluation_of(run) if run.config.is_file() else None
        return plan, run_config(run).verdict.repeats if plan else 1
    except T2SError:
        return None, 1  # the command that opened it has said so, or the list of runs shows it


def _recent_rates(run: RunFolder) -> list[float]:
    """Tokens a second of the last minutes, so that a screen that comes late has its curve at once."""
    start = max(0, size_of(run.journal) - _RECENT)
    tail = read_from(run.journal, start, _RECENT).splitlines()[1 if start else 0 :]
    found = (e.load_event(line) for line in tail if b'"usage.counted"' in line)
    return [event.rate for event in found if isinstance(event, e.UsageCounted)][-HISTORY:]
