"""A lesson laid out for reading: what to do, why, examples, and the evidence where it was said."""

from __future__ import annotations

from collections.abc import Iterable

from t2s_tui.feed import Feed
from t2s_tui.layout import heading, named, paragraph
from t2s_tui.lines import lineage_of
from t2s_tui.people import workplace
from t2s_tui.screens.agent import trajectory_messages
from t2s_tui.screens.open import quote_key
from t2s_tui.text import plural, safe, safe_lines, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.page import Item, Page
from workspace.edits.patch import anchor, edit_text
from workspace.errors import T2SError
from workspace.lessons.lesson import Lesson, Quote
from workspace.lessons.pool import load, original
from workspace.origins.redo import unit_of
from workspace.runs.assessment import assessment_of
from workspace.runs.run import RoundFolder

CONTEXT = 6
JUDGED = 3
"""Trajectories of a lesson of which it is told how a model judged them; what was counted over many says it itself."""


class LessonText(Page):
    """The lesson laid out for reading; its quotes and the edits it led to are items."""

    name_shown = "LESSON"

    def __init__(self, feed: Feed, lesson: str) -> None:
        super().__init__(id="text")
        self.feed, self.lesson = feed, lesson
        self.consequence = ""

    def title(self) -> list[Span]:
        return [Span(self.lesson, "dim")]

    def parts(self, cells: int) -> Iterable[Line | Item]:
        seed = workplace(self.feed.run)
        if seed is None:
            yield from self.empty("This run has no lessons yet.")
            return
        yield BLANK
        try:
            loaded = load(seed, self.lesson)
            yield from self._lesson(loaded.lesson, cells)
            if loaded.edited:
                yield from self._was(original(seed, self.lesson), loaded.lesson, cells)
        except T2SError as error:
            yield from [*paragraph(str(error), cells, "bad"), BLANK]
            yield from paragraph("`e` opens it where it stands.", cells, "dim")

    def _lesson(self, lesson: Lesson, cells: int) -> Iterable[Line | Item]:
        yield from paragraph(lesson.title or "(no title)", cells, "bright+bold")
        yield row(*self._marks(lesson))
        yield from self._judged(lesson, cells)
        yield BLANK
        yield from self._part("What to do", lesson.claim, cells)
        yield from self._part("Why", lesson.why, cells)
        for n, example in enumerate(lesson.examples, 1):
            yield heading(f"Example {n}")
            told = (("asked", example.input, "text"), ("wrong", example.wrong, "bad"), ("right", example.right, "ok"))
            for name, text, ink in told:
                yield from named(name, text, cells, ink) if text else ()
            yield BLANK
        for quote in lesson.evidence:
            yield Item(quote_key(quote), tuple(self._evidence(quote, cells)))
            yield BLANK
        yield from self._led_to(lesson, cells)
        yield from [*paragraph(self.consequence, cells, "dim"), BLANK]

    def _marks(self, lesson: Lesson) -> list[Span]:
        look = self.look
        verified = f"{look.glyph('verified')} verified" if lesson.verified else "? not verified"
        spans = [Span(f"  {verified}", "ok" if lesson.verified else "dim"), Span(f"   {lesson.kind}", "dim")]
        if not lesson.quoted and lesson.author != "human":
            spans.append(Span("   no quote found", "bad"))
        if lesson.status != "kept":
            mark = look.mark(lesson.status)
            spans.append(Span(f"   {look.glyph(lesson.status)} {mark.word or lesson.status}", mark.ink))
        by = {"human": "   edited by you", "ablation": "   dropped by an ablation"}
        return [*spans, Span(by.get(lesson.author, ""), "you")]

    def _judged(self, lesson: Lesson, cells: int) -> Iterable[Line]:
        """What a model said of how the trajectories behind the lesson ended, where one was asked."""
        if (seed := workplace(self.feed.run)) is None:
            return
        for name in lesson.trajectories[:JUDGED]:
            try:
                found = assessment_of(RoundFolder(seed.path.parent), name)
            except T2SError as error:
                yield from paragraph(str(error), cells, "bad")
                continue
            if found:
                yield from paragraph(f"{name} was {found.told}", cells, "bad")

    def _evidence(self, quote: Quote, cells: int) -> Iterable[Line]:
        yield heading("Evidence", Span(f"  {quote.trajectory}, step {quote.turn}", "dim"))
        _, messages = trajectory_messages(self.feed.run, quote.trajectory)
        step = next((m for m in messages if m.turn == quote.turn), None)
        if step is None:
            yield from paragraph(f"“{quote.quote}”", cells, indent=4)
            return
        rows = [part for line in safe_lines(step.text) for part in wrap(line, cells - 8)]
        wanted = " ".join(safe(quote.quote).split())
        hits = [n for n, part in enumerate(rows) if part.strip() and (wanted in part or part.strip() in wanted)]
        first = max(0, (hits[0] if hits else 0) - 2)
        for n, part in enumerate(rows[first : first + CONTEXT], first):
            mark = self.look.glyphs.pick if n in hits else " "
            yield row(Span("    "), Span(f"{mark} ", "you"), Span(part, "bright" if n in hits else "dim"))

    def _led_to(self, lesson: Lesson, cells: int) -> Iterable[Line | Item]:
        lineage = lineage_of(self.feed)
        patch = lineage.patch(unit_of(self.lesson)) if lineage else None
        edits = [edit for edit in patch.edits if lesson.id in edit.lessons] if patch else []
        dropped = [each for each in patch.dropped if each.id == lesson.id] if patch else []
        if edits:
            yield heading(f"Led to {plural(len(edits), 'edit')}")
        for edit in edits:
            text = f"{edit.op} {anchor(edit)}: {edit_text(edit)}"
            yield Item(f"edit:{edit.id}", tuple(named(edit.id, text, cells)))
        for each in dropped:
            yield heading("Led to no edit")
            yield from paragraph(each.reason, cells, "dim", 4)
        if edits or dropped:
            yield BLANK

    def _was(self, before: Lesson | None, now: Lesson, cells: int) -> Iterable[Line]:
        if before is None or before.claim == now.claim:
            return
        yield heading("The engine's own words (u restores them)")
        yield from [*paragraph(before.claim, cells, "dim"), BLANK]

    def _part(self, name: str, text: str, cells: int) -> list[Line]:
        return [heading(name), *paragraph(text, cells), BLANK] if text.strip() else []
