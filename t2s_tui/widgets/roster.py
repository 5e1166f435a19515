"""All sub-agents in one widget: role, unit, state, pace, and the last words of each."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from t2s_tui.feed import Feed
from t2s_tui.narrate import brief
from t2s_tui.text import clock, fit, right
from t2s_tui.widgets.canvas import Line, Span, spans_width
from t2s_tui.widgets.panel import Kept, ListPanel
from workspace.runs.view import AgentRow

ORDER = {"running": 0, "cut off": 0, "retrying": 1, "failed": 2, "queued": 3, "not begun": 3, "done": 4}
INKS = {
    "running": "run",
    "retrying": "bad",
    "cut off": "bad",
    "queued": "dim",
    "not begun": "dim",
    "done": "dim",
    "failed": "bad",
}
SAID = {"failed": "bad", "retrying": "bad", "running": "text"}
"""The ink of what somebody said, by state."""
SIDES = {"base": "old", "s0": "new", "s0-rules": "rule", "s0-examples": "case"}
"""Whose skill is tried: the first one, the candidate, or one that carries rules or examples alone."""
SORTS = ("state", "time", "tokens", "name")


class Facts(NamedTuple):
    """What the fixed columns of a row are made of; `ascii_only` because the state's glyph depends on it."""

    state: str
    doing: str
    pace: str
    clock: str
    cells: int
    ascii_only: bool


class Head(NamedTuple):
    """The fixed columns of a row and their width in cells."""

    facts: Facts
    spans: list[Span]
    cells: int


class Spoken(NamedTuple):
    """What an agent said, as it stands in its row; `half` of the roster it belongs to."""

    said: str
    cells: int
    half: int
    words: str


class Roster(ListPanel):
    """One row an agent. What runs comes first, then what failed, what waits and what is done."""

    name_shown = "AGENTS"

    def __init__(self, feed: Feed, *, id: str = "roster") -> None:
        super().__init__(id=id)
        self.feed = feed
        self.sort = "state"
        self.pinned: set[str] = set()
        self._sorted = Kept[list[str]]([])
        self._busy = Kept[list[str]]([])
        self._counts = Kept[Counter[str]](Counter())
        self._heads: dict[str, Head] = {}
        self._spoken: dict[str, Spoken] = {}
        self._resting: int | None = None

    def pull(self) -> None:
        """A frame, in which what half of the agents say may rest."""
        self._resting = self.next_half()
        super().pull()
        self._resting = None

    def title(self) -> list[Span]:
        view = self.feed.view
        counted = self._counts.get(
            (view.seq, self.feed.alive),
            lambda: Counter(self._state(a) for a in view.agents.values()),
            len(view.agents),
        )
        words = {"retrying": "waiting to retry"}
        parts = [
            Span(f"{counted[state]} {words.get(state, state)}", ink) for state, ink in INKS.items() if counted[state]
        ]
        return _joined(parts, f" {self.look.glyphs.dot} ")

    def aside(self) -> list[Span]:
        order = [] if self.sort == "state" else [Span(f"by {self.sort}  ", "faint")]
        return [*order, *super().aside()]

    def keys(self) -> list[str]:
        view = self.feed.view
        key = (view.seq, self.sort)
        rows = self._sorted.get(
            key, lambda: [a.id for a in sorted(view.agents.values(), key=self._rank)], len(view.agents)
        )
        return [row for row in rows if row in view.agents]

    def running(self) -> list[str]:
        """The agents at work, in the order of their rows."""
        agents = self.feed.view.agents
        return self._busy.get(
            (self.feed.view.seq, self.sort, self.feed.alive),
            lambda: [key for key in self.keys() if self._state(agents[key]) == "running"],
            len(agents),
        )

    def line(self, key: str, cells: int) -> list[Span]:
        agent = self.feed.view.agents[key]
        state = self._state(agent)
        head = self._head(agent, state, cells)
        return [*head.spans, Span(self._words(agent, state, max(0, cells - head.cells)), SAID.get(state, "faint"))]

    def _words(self, agent: AgentRow, state: str, cells: int) -> str:
        """What the agent said last, in so many cells; what stood there before where it may rest in this frame."""
        kept = self._spoken.get(agent.id)
        if kept and kept.half == self._resting and kept.cells == cells and state == "running":
            return kept.words
        said = brief(agent.words) if state in ("retrying", "failed") else self.feed.words(agent.id)
        if kept is None or (kept.said, kept.cells) != (said, cells):
            half = kept.half if kept else len(self._spoken) % 2
            kept = self._spoken[agent.id] = Spoken(said, cells, half, fit(said, cells))
        return kept.words

    def _head(self, agent: AgentRow, state: str, cells: int) -> Head:
        """What stands before the words. It is kept: of most rows nothing else moves in a frame."""
        alive = state == "running"
        facts = Facts(
            state,
            self._doing(agent, state),
            f"{agent.rate:4.0f} t/s" if cells >= 60 and alive and agent.rate >= 1 else "",
            clock(self._seconds(agent)) if agent.state != "queued" else "",
            cells,
            self.look.ascii_only,
        )
        kept = self._heads.get(agent.id)
        if kept is None or kept.facts != facts:
            spans = self._head_spans(agent, facts)
            kept = self._heads[agent.id] = Head(facts, spans, spans_width(spans))
        return kept

    def _head_spans(self, agent: AgentRow, facts: Facts) -> list[Span]:
        mark = self.look.mark(facts.state)
        alive = facts.state == "running"
        calm = "text" if alive else "dim"
        return [
            Span(f"{self.look.glyph(facts.state)} ", mark.ink),
            Span(fit(agent.role, 9), calm),
            Span(fit(short(agent.unit), 10 if facts.cells < 110 else 12), "bright" if alive else calm),
            Span(fit(facts.doing, 10), mark.ink if mark.ink == "bad" else "dim"),
            *([Span(fit(facts.pace, 9), "dim")] if facts.cells >= 60 else []),
            Span(right(facts.clock, 5) + "  ", "dim"),
        ]

    def sought(self, key: str) -> str:
        agent = self.feed.view.agents[key]
        return f"{agent.id} {agent.role} {agent.unit} {self.look.mark(self._state(agent)).word} {agent.words}"

    def nothing(self) -> list[Line]:
        return self.empty("No agent has been hired yet.")

    def _state(self, agent: AgentRow) -> str:
        """As people should read it: who waits for another attempt is not at work."""
        return "retrying" if agent.id in self.feed.retrying_at else self.feed.standing(agent)

    def _doing(self, agent: AgentRow, state: str) -> str:
        if state == "retrying":
            return self.feed.again(agent.id)
        if state == "running" and agent.turn > 0:
            return f"turn {agent.turn}"
        return f"{agent.retries}× again" if state == "running" and agent.retries else state

    def _seconds(self, agent: AgentRow) -> float:
        if agent.state == "running":
            return self.feed.now - agent.started
        return agent.since - agent.started if agent.started else 0.0

    def _rank(self, agent: AgentRow) -> tuple[float | str, ...]:
        match self.sort:
            case "time":
                return (self._rank_of_state(agent), -self._seconds(agent), agent.id)
            case "tokens":
                return (-agent.tokens, agent.id)
            case "name":
                return (agent.unit, agent.role)
            case _:
                latest = agent.started if agent.state == "running" else -agent.since
                return (self._rank_of_state(agent), 0.0 if agent.state == "queued" else latest, agent.unit)

    def _rank_of_state(self, agent: AgentRow) -> int:
        return ORDER["retrying" if agent.id in self.feed.view.retrying else agent.state]

    def next_sort(self) -> str:
        """Sort by the next criterion and say which."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.pull()
        return self.sort


def _joined(parts: list[Span], between: str) -> list[Span]:
    spans: list[Span] = []
    for part in parts:
        spans += [Span(between, "faint"), part] if spans else [part]
    return spans


def short(unit: str) -> str:
    """A unit's name for a narrow column: `validation-base-t001` is `old t001` there, tried with the first skill."""
    split, found, rest = unit.partition("-")
    if not found or split not in ("validation", "test"):
        return unit
    side, _, task = rest.rpartition("-")  # a side may be called s0-examples
    return f"{SIDES.get(side, side)} {task}"
