"""When things happened in a run, on a scale that leaves out the hours in which nothing did. For replays.

    timeline = read_timeline(run.journal)
    timeline.seconds                      how long the record is
    timeline.offset(12.5)                 the byte behind everything that has happened by then
    timeline.spans["analyst-t003"]        from when to when that agent was at work

A line costs one look for its head and no event is made of it, so a long journal is read in a moment.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any, NamedTuple

from workspace.files import read_from
from workspace.json_text import parse_json

LONGEST = 3.0
"""Seconds that a pause between two events lasts at most: nobody wants to watch a night go by."""
_HEAD = re.compile(rb'\{"seq": \d+, "kind": "([a-z.]+)", "time": ([0-9.]+)')
_AGENT = re.compile(rb'"agent": "([^"\\]+)"')
_STAGE = re.compile(rb'"stage": "([a-z]+)"')


class Stretch(NamedTuple):
    """From one second of the timeline to another; `end` is infinite where the record does not tell it."""

    begin: float
    end: float = float("inf")


class Timeline:
    """Grows line by line with `take`, in the order of the journal."""

    def __init__(self) -> None:
        self.spans: dict[str, Stretch] = {}
        """Of each agent the last time it was at work."""
        self.stages: list[float] = []
        """The seconds at which a stage was entered or the verdict reached: places worth going to."""
        self._moments = array("d")
        self._times = array("d")
        self._ends = array("Q")

    @property
    def seconds(self) -> float:
        """How long the record is."""
        return self._moments[-1] if self._moments else 0.0

    def offset(self, second: float) -> int:
        """The byte offset in the journal behind every event that has happened by then."""
        count = bisect_right(self._moments, second)
        return self._ends[count - 1] if count else 0

    def second(self, offset: int) -> float:
        """When the event that ends at byte `offset` happened; 0 before the first."""
        count = bisect_right(self._ends, offset)
        return self._moments[count - 1] if count else 0.0

    def wall(self, second: float) -> float:
        """The wall-clock time of that second; within a pause that is left out, the time at which it began."""
        count = bisect_right(self._moments, second)
        if not count:
            return self._times[0] if self._times else 0.0
        return self._times[count - 1] + second - self._moments[count - 1]

    def turn(self, second: float, by: int) -> float:
        """The place worth going to that lies before (`by` -1) or after (1) that second; else the start or the end."""
        if by > 0:
            place = bisect_right(self.stages, second + 0.01)
            return self.stages[place] if place < len(self.stages) else self.seconds
        place = bisect_left(self.stages, second - 1) - 1
        return self.stages[place] if place >= 0 else 0.0

    def take(self, line: bytes, end: int) -> None:
        """A whole line of the journal and the byte offset behind it. What is no event is passed over."""
        head = _head(line)
        if head is None:
            return
        kind, time = head
        gap = time - self._times[-1] if self._times else 0.0
        moment = self.seconds + min(LONGEST, max(0.0, gap))
        self._moments.append(moment)
        self._times.append(time)
        self._ends.append(end)
        self._mark(kind, line, moment)

    def _mark(self, kind: str, line: bytes, moment: float) -> None:
        match kind:
            case "agent.started" if name := _named(_AGENT, line):
                self.spans[name] = Stretch(moment)
            case "agent.finished" | "agent.failed" if (name := _named(_AGENT, line)) in self.spans:
                self.spans[name] = self.spans[name]._replace(end=moment)
            case "stage.entered" if _named(_STAGE, line):
                self.stages.append(moment)
            case "verdict.reached":
                self.stages.append(moment)
            case _:
                pass


def read_timeline(journal: Path) -> Timeline:
    """Everything that is on record by now. A torn last line is left out."""
    timeline, offset, rest = Timeline(), 0, b""
    while chunk := read_from(journal, offset + len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            offset += len(line) + 1
            timeline.take(line, offset)
    return timeline


def _head(line: bytes) -> tuple[str, float] | None:
    """Kind and wall-clock time; a line that was written by another hand is parsed whole."""
    if found := _HEAD.match(line):
        return found[1].decode(), float(found[2])
    try:
        data: Any = parse_json(line)
        return str(data["kind"]), float(data["time"])
    except (ValueError, KeyError, TypeError):
        return None


def _named(pattern: re.Pattern[bytes], line: bytes) -> str:
    found = pattern.search(line)
    return found[1].decode(errors="replace") if found else ""
