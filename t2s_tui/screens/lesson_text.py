"""A lesson laid out for reading: what to do, why, examples, and the evidence where it was said."""

from __future__ import annotations

from t2s_tui.feed import Feed, workplace
from t2s_tui.screens.agent import trajectory_messages
from t2s_tui.screens.node import patch_edits
from t2s_tui.text import plural, safe, safe_lines, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.panel import Reader
from workspace.edits.patch import anchor, edit_text
from workspace.errors import T2SError
from workspace.lessons.lesson import Lesson, Quote
from workspace.lessons.pool import load, original

CONTEXT = 6


class LessonText(Reader):
    """The lesson laid out for reading."""

    name_shown = "LESSON"

    def __init__(self, feed: Feed, lesson: str) -> None:
        super().__init__(id="text")
        self.feed, self.lesson = feed, lesson
        self.consequence = ""

    def title(self) -> list[Span]:
        return [Span(self.lesson, "dim")]

    def content(self, cells: int) -> list[Line]:
        seed = workplace(self.feed.run)
        if seed is None:
            return self.empty("This run has no lessons yet.")
        try:
            loaded = load(seed, self.lesson)
            lines = self._lesson(loaded.lesson, cells)
            return lines + (self._was(original(seed, self.lesson), loaded.lesson, cells) if loaded.edited else [])
        except T2SError as error:
            return [
                BLANK,
                *self._text(str(error), cells, "bad"),
                BLANK,
                *self._text("`e` opens it where it stands.", cells, "dim"),
            ]

    def _lesson(self, lesson: Lesson, cells: int) -> list[Line]:
        lines = [
            BLANK,
            *self._text(lesson.title or "(no title)", cells, "bright+bold"),
            row(*self._marks(lesson)),
            BLANK,
        ]
        lines += self._part("What to do", lesson.claim, cells)
        lines += self._part("Why", lesson.why, cells)
        for n, example in enumerate(lesson.examples, 1):
            lines += [self._heading(f"Example {n}")]
            for name, text, ink in (
                ("asked", example.input, "text"),
                ("wrong", example.wrong, "bad"),
                ("right", example.right, "ok"),
            ):
                lines += self._named(name, text, ink, cells) if text else []
            lines.append(BLANK)
        for quote in lesson.evidence:
            lines += self._evidence(quote, cells)
        return lines + self._led_to(lesson, cells) + [*self._text(self.consequence, cells, "dim"), BLANK]

    def _marks(self, lesson: Lesson) -> list[Span]:
        look = self.look
        spans = [
            Span("  "),
            Span(
                f"{look.glyph('verified')} verified" if lesson.verified else "? not verified",
                "ok" if lesson.verified else "dim",
            ),
        ]
        spans += [
            Span(f"   {lesson.kind}", "dim"),
            Span("" if lesson.quoted or lesson.author == "human" else "   no quote found", "bad"),
        ]
        if lesson.status != "kept":
            mark = look.mark(lesson.status)
            spans.append(Span(f"   {look.glyph(lesson.status)} {mark.word or lesson.status}", mark.ink))
        return [*spans, Span("   edited by you" if lesson.author == "human" else "", "you")]

    def _evidence(self, quote: Quote, cells: int) -> list[Line]:
        lines = [
            row(
                Span("  Evidence ", "dim+bold"),
                Span(f" {quote.trajectory}, step {quote.turn}", "dim"),
                Span("   enter opens it", "faint"),
            )
        ]
        _, messages = trajectory_messages(self.feed.run, quote.trajectory)
        step = next((m for m in messages if m.turn == quote.turn), None)
        if step is None:
            return [*lines, *self._text(f"“{quote.quote}”", cells, "text"), BLANK]
        rows = [part for line in safe_lines(step.text) for part in wrap(line, cells - 8)]
        wanted = " ".join(safe(quote.quote).split())
        hits = [n for n, part in enumerate(rows) if part.strip() and (wanted in part or part.strip() in wanted)]
        first = max(0, (hits[0] if hits else 0) - 2)
        for n, part in enumerate(rows[first : first + CONTEXT], first):
            lines.append(
                row(
                    Span("    "),
                    Span(f"{self.look.glyphs.pick if n in hits else ' '} ", "you"),
                    Span(part, "bright" if n in hits else "dim"),
                )
            )
        return [*lines, BLANK]

    def _led_to(self, lesson: Lesson, cells: int) -> list[Line]:
        edits = [
            edit
            for edit in patch_edits(self.feed.run, self.lesson.rpartition("-L")[0] or self.lesson)
            if lesson.id in edit.lessons
        ]
        lines = [self._heading(f"Led to {plural(len(edits), 'edit')}")] if edits else []
        for edit in edits:
            lines += self._named(edit.id, f"{edit.op} {anchor(edit)}: {edit_text(edit)}", "text", cells)
        return [*lines, BLANK] if lines else []

    def _was(self, before: Lesson | None, now: Lesson, cells: int) -> list[Line]:
        if before is None or before.claim == now.claim:
            return []
        return [
            self._heading("The engine's own words (u restores them)"),
            *self._text(before.claim, cells, "dim"),
            BLANK,
        ]

    def _part(self, name: str, text: str, cells: int) -> list[Line]:
        return [self._heading(name), *self._text(text, cells, "text"), BLANK] if text.strip() else []

    def _heading(self, name: str) -> Line:
        return row(Span(f"  {name}", "dim+bold"))

    def _named(self, name: str, text: str, ink: str, cells: int) -> list[Line]:
        rows = [part for line in safe_lines(text) for part in wrap(line, max(10, cells - 16))]
        return [row(Span(f"    {name if not n else '':<9} ", "dim"), Span(part, ink)) for n, part in enumerate(rows)]

    def _text(self, text: str, cells: int, ink: str) -> list[Line]:
        rows = [part for line in safe_lines(text) for part in wrap(line, max(10, cells - 6))]
        return [row(Span("  "), Span(part, ink)) for part in rows]
