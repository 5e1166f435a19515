"""A model server that exists only in virtual time: what it queues and keeps in its cache, and how fast it answers.

Exact events, no steps of time: between two events every stream gets the same share, so what streams have still to say
stands in a heap by the progress that all streams make.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

END = math.inf


class Span(NamedTuple):
    """A value that holds from `begin` to `end`, in seconds of the run."""

    begin: float
    end: float
    value: float


class Speeds(NamedTuple):
    """How fast a server is. Rates are tokens a second of one stream; `knee` is in streams.

    One stream alone gets `speed`; n of them get speed · n / (1 + (n / knee)^bend)^(1/bend) together. While prompts are
    read (one after the other, `reading` tokens a second) the others get 1 - `reading_share` of that. Beyond `slots`
    calls wait without bound. `cached`: prefixes in its cache; of a prompt whose prefix is there only the rest is read.
    """

    speed: float
    knee: float
    slots: int = 256
    bend: float = 4.0
    reading: float = 50_000.0
    reading_share: float = 0.5
    cached: int = 0

    def pace(self, streams: int) -> float:
        """Tokens a second of each of `streams`."""
        return self.speed / (1 + (streams / self.knee) ** self.bend) ** (1 / self.bend)


@dataclass(slots=True, eq=False)
class Job:
    """One call inside a server: tokens of its prompt, without those of the prefix that it shares with others, and of
    its reply; `said` of them so far."""

    prompt: int
    reply: int
    prefix: str = ""
    shared: int = 0
    said: float = 0.0


class Ears(NamedTuple):
    """Who is told: a job's first token came, `piece` tokens more of it (never of the last piece), its last one."""

    spoke: Callable[[Job], object]
    finished: Callable[[Job], object]
    said: Callable[[Job], object] = lambda job: None


class Machine:
    """The server. Its driver calls `due` after every change, `advance` to that time at the latest, then `happen`."""

    def __init__(self, speeds: Speeds, ears: Ears, piece: float = END) -> None:
        self.speeds = speeds
        self.now = 0.0
        self.factor = 1.0  # of its speed that is left to us
        self.hits = self.misses = 0
        self._ears = ears
        self._piece = piece
        self._order = itertools.count()
        self._queue: deque[Job] = deque()  # no slot yet
        self._reading: deque[Job] = deque()
        self._read_at = END
        self._streams: list[tuple[float, int, Job]] = []  # by the progress at which each one has said its piece
        self._progress = 0.0  # tokens that a stream would have had since the start
        self._pace = 0.0
        self._cache: OrderedDict[str, None] = OrderedDict()

    @property
    def streams(self) -> int:
        return len(self._streams)

    def due(self) -> float:
        """When something happens next, if nothing comes before."""
        share = 1 - self.speeds.reading_share if self._reading else 1.0
        self._pace = self.speeds.pace(len(self._streams)) * share * self.factor
        if not self._streams or not self._pace:
            return self._read_at
        return min(self._read_at, self.now + (self._streams[0][0] - self._progress) / self._pace)

    def advance(self, until: float) -> float:
        """Time passes, but nothing happens; the tokens that all streams had."""
        tokens = len(self._streams) * self._pace * (until - self.now)
        self._progress += self._pace * (until - self.now)
        self.now = until
        return tokens

    def happen(self) -> None:
        """What is due now."""
        if self.now == self._read_at:
            self._read_one()
            return
        mark, _, job = heapq.heappop(self._streams)
        job.said = min(job.said + self._piece, job.reply)
        if job.said < job.reply:
            self._speak(job, mark)
            self._ears.said(job)
        else:
            self._ears.finished(job)
            self._fill()

    def line_up(self, job: Job) -> None:
        """A call is here."""
        self._queue.append(job)
        self._fill()

    def die(self) -> list[Job]:
        """All calls that were here; nothing of them is left, and nothing in the cache."""
        lost = [*self._queue, *self._reading, *(job for *_, job in self._streams)]
        self._queue.clear()
        self._reading.clear()
        self._streams.clear()
        self._cache.clear()
        self._read_at = END
        return lost

    def _fill(self) -> None:
        while self._queue and len(self._reading) + len(self._streams) < self.speeds.slots:
            self._reading.append(self._queue.popleft())
            if self._read_at == END:
                self._read_next()

    def _read_next(self) -> None:
        self._read_at = END
        if self._reading:
            alone = 1.0 if not self._streams else self.speeds.reading_share
            tokens = self._unread(self._reading[0])
            self._read_at = self.now + tokens / (self.speeds.reading * self.factor * alone)

    def _unread(self, job: Job) -> int:
        if not job.prefix:
            return job.prompt
        known = job.prefix in self._cache
        self.hits += known
        self.misses += not known
        return job.prompt if known else job.prompt + job.shared

    def _read_one(self) -> None:
        job = self._reading.popleft()
        if job.prefix:
            self._cache[job.prefix] = None
            self._cache.move_to_end(job.prefix)
            while len(self._cache) > self.speeds.cached:
                self._cache.popitem(last=False)
        self._ears.spoke(job)
        self._speak(job, self._progress)
        self._read_next()

    def _speak(self, job: Job, begin: float) -> None:
        until = begin + min(self._piece, job.reply - job.said)
        heapq.heappush(self._streams, (until, next(self._order), job))
