"""All sub-agents in one widget: role, unit, state, pace, and the last words of each."""

from __future__ import annotations

from collections import Counter

from t2s_tui.feed import Feed
from t2s_tui.narrate import brief
from t2s_tui.text import clock, fit, right
from t2s_tui.widgets.canvas import Line, Span
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
SIDES = {"base": "old", "s0": "new"}
"""Whose skill is tried: the first one, or the candidate."""
SORTS = ("state", "time", "tokens", "name")


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
        mark = self.look.mark(state)
        alive = state == "running"
        calm = "text" if alive else "dim"
        spans = [
            Span(f"{self.look.glyph(state)} ", mark.ink),
            Span(fit(agent.role, 9), calm),
            Span(fit(short(agent.unit), 10 if cells < 110 else 12), "bright" if alive else calm),
            Span(fit(self._doing(agent, state), 10), mark.ink if mark.ink == "bad" else "dim"),
        ]
        if cells >= 60:
            spans.append(Span(fit(f"{agent.rate:4.0f} t/s" if alive and agent.rate >= 1 else "", 9), "dim"))
        spans.append(Span(right(clock(self._seconds(agent)) if agent.state != "queued" else "", 5) + "  ", "dim"))
        said = brief(agent.words) if state in ("retrying", "failed") else self.feed.words(key)
        words = fit(said, max(0, cells - sum(len(s.text) for s in spans)))
        return [*spans, Span(words, {"failed": "bad", "retrying": "bad", "running": "text"}.get(state, "faint"))]

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
    side, _, task = rest.partition("-")
    return f"{SIDES.get(side, side)} {task}"
