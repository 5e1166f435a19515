"""The growing lesson pool, and the ideas that the merges have made of it."""

from __future__ import annotations

from typing import NamedTuple

from t2s_tui.feed import Feed
from t2s_tui.text import fit, plural, right, width
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Line, Span
from t2s_tui.widgets.panel import Kept, ListPanel
from workspace.runs.view import EditRow, LessonRow, RunView

SORTS = ("newest", "support", "name")


class Shown(NamedTuple):
    """How a lesson counts at this moment, a person's unread file included."""

    title: str
    status: str
    reason: str = ""


class Pool(ListPanel):
    """One row a lesson; `i` shows instead the ideas that the topmost finished merges have left."""

    name_shown = "LESSONS"

    def __init__(self, feed: Feed, *, id: str = "pool") -> None:
        super().__init__(id=id)
        self.feed = feed
        self.sort = "newest"
        self.ideas = False
        self._sorted = Kept[list[str]]([])
        self._counts = Kept[dict[str, int]]({})
        self._frontier = Kept[list[EditRow]]([])

    def title(self) -> list[Span]:
        counts = self._counts.get(self._now(), self._count, len(self.feed.view.lessons))
        if self.ideas:
            return [Span(f"{counts['ideas']} from {plural(counts['all'], 'lesson')}", "dim")]
        brief = self.size.width < 60
        spans = [Span(str(counts["all"]), "text")]
        for state, word in (("verified", "verified"), ("edited", "yours"), ("invalid", "broken")):
            said = f"{self.look.glyph(state)}{counts[state]}" if brief else f"{counts[state]} {word}"
            spans += [Span(f"  {said}", self.look.mark(state).ink)] if counts[state] else []
        ideas = f" {self.look.glyphs.arrow} {plural(counts['ideas'], 'idea')}"
        return [*spans, Span(f" {ideas}", "dim")] if counts["ideas"] else spans

    def aside(self) -> list[Span]:
        order = "support" if self.ideas else self.sort
        return [*([Span(f"by {order}  ", "faint")] if order != "newest" else []), *super().aside()]

    def keys(self) -> list[str]:
        if self.ideas:
            return [edit.id for edit in self._ideas()]
        return self._sorted.get(
            (self._now(), self.sort), lambda: sorted(self._all(), key=self._rank), len(self.feed.view.lessons)
        )

    def line(self, key: str, cells: int) -> list[Span]:
        return self._idea(self.feed.view.edits[key], cells) if self.ideas else self._lesson(key, cells)

    def nothing(self) -> list[Line]:
        if self.ideas:
            return self.empty("No merge is done yet.")
        return self.empty("No lesson yet.", "Analysts write them when they have read a trajectory.")

    def sought(self, key: str) -> str:
        if self.ideas:
            return self.feed.view.edits[key].text
        shown = self.shown(key)
        return f"{key} {shown.title} {shown.status}"

    def shown(self, key: str) -> Shown:
        """What a person should read about a lesson: their own file goes before what the engine has seen."""
        row = self.feed.view.lessons.get(key)
        own = self.feed.people.own.get(key)
        if own is None:
            return Shown(row.title, row.status, row.reason) if row else Shown(key, "kept")
        return Shown(own.title, own.status, own.error)

    def next_sort(self) -> str:
        """Sort by the next criterion and say which."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.pull()
        return self.sort

    def toggle_ideas(self) -> None:
        self.ideas = not self.ideas
        self.name_shown = "IDEAS" if self.ideas else "LESSONS"
        self.following = True
        self.pull()

    def _now(self) -> tuple[int, int]:
        """Changes with the journal and with people's own files."""
        return (self.feed.view.seq, self.feed.people.version)

    def _count(self) -> dict[str, int]:
        lessons = self._all()
        return {
            "all": len(lessons),
            "verified": sum(lesson.verified for lesson in self.feed.view.lessons.values()),
            "edited": len(self.feed.people.own),
            "invalid": sum(self.shown(key).status == "invalid" for key in lessons),
            "most": max((lesson.support for lesson in self.feed.view.lessons.values()), default=1),
            "ideas": len(self._ideas()),
        }

    def _ideas(self) -> list[EditRow]:
        view = self.feed.view
        return self._frontier.get(view.seq, lambda: frontier(view), len(view.edits))

    def _all(self) -> list[str]:
        return list(dict.fromkeys([*self.feed.view.lessons, *self.feed.people.own]))

    def _rank(self, key: str) -> tuple[float | str, ...]:
        row = self.feed.view.lessons.get(key)
        match self.sort:
            case "support":
                return (-(row.support if row else 0), key)
            case "name":
                return (key,)
            case _:
                invalid = self.shown(key).status == "invalid"
                return (not invalid, -(row.seq if row else float("inf")), key)

    def _lesson(self, key: str, cells: int) -> list[Span]:
        row = self.feed.view.lessons.get(key)
        shown = self.shown(key)
        state = self._state(key, row, shown)
        mark = self.look.mark(state)
        most = self._counts.get(self._now(), self._count, len(self.feed.view.lessons))["most"]
        spans = [Span(fit(self.look.glyph(state), 2), mark.ink)]
        if most > 1:
            spans += self._bar(row.support if row else 0, most, 6 if cells >= 50 else 5)
        if cells >= 50:
            spans.append(Span(fit(key, 9), "dim"))
        note = self._note(key, shown)
        room = cells - sum(width(s.text) for s in spans) - (width(note.text) + 2 if note.text else 0)
        ink = {"dropped": "faint", "invalid": "bad"}.get(shown.status, "text")
        return [*spans, Span(fit(shown.title, max(0, room)), ink), Span("  " if note.text else ""), note]

    def _state(self, key: str, row: LessonRow | None, shown: Shown) -> str:
        if shown.status in ("dropped", "invalid"):
            return shown.status
        if key in self.feed.people.own or (row and row.edited):
            return "edited"
        if shown.status == "pinned":
            return "pinned"
        return "verified" if row and row.verified else "kept"

    def _note(self, key: str, shown: Shown) -> Span:
        if shown.status in ("dropped", "invalid"):
            return Span(self.look.mark(shown.status).word, "faint" if shown.status == "dropped" else "bad")
        if key in self.feed.people.own:
            pinned = {"pinned": "pinned", "unpinned": "edited"}.get(shown.status, "yours")
            return Span("yours" if key.startswith("H") else pinned, "you")
        return Span("pinned", "you") if shown.status == "pinned" else Span("")

    def _idea(self, edit: EditRow, cells: int) -> list[Span]:
        most = max((e.support for e in self._ideas()), default=1)
        spans = [Span("  "), *self._bar(edit.support, most, 6)]
        node = Span("  " + fit(edit.node, 6), "faint")
        room = cells - sum(width(s.text) for s in spans) - 8
        return [*spans, Span(fit(edit.text or edit.id, max(0, room)), "text"), node]

    def _bar(self, support: int, most: int, cells: int) -> list[Span]:
        return [Span(bar(support / max(1, most), cells, self.look), "run"), Span(right(str(support), 4) + "  ", "dim")]


def bar(part: float, cells: int, look: Look) -> str:
    """A thin bar of at most `cells` cells in half steps; anything above nothing is seen."""
    halves = round(min(1.0, max(0.0, part)) * cells * 2)
    if part > 0:
        halves = max(1, halves)
    return (look.glyphs.full * (halves // 2) + (look.glyphs.half if halves % 2 else "")).ljust(cells)


def frontier(view: RunView) -> list[EditRow]:
    """The edits that the topmost finished merges hold, best supported first."""
    done = {n.id for n in view.nodes.values() if n.state == "done"}
    taken = {child for n in view.nodes.values() if n.state == "done" for child in n.children}
    top = done - taken
    edits = [edit for edit in view.edits.values() if edit.state == "merged" and edit.node in top]
    return sorted(edits, key=lambda edit: (-edit.support, edit.id))
