"""One edit, whole: what it does to the skill, what became of it, and what it was made of, down to the quoted words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.app import ComposeResult

from t2s_tui.feed import Changes, Feed
from t2s_tui.layout import first_rows, heading, named, paragraph
from t2s_tui.lines import lineage_of
from t2s_tui.people import workplace
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.open import quote_key, screen_of
from t2s_tui.text import fit, plural, safe
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.page import Item, Page
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.edits.patch import Edit, anchor, edit_text
from workspace.errors import T2SError
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load
from workspace.merging.ledger import Entry
from workspace.origins.lineage import Lineage, patch_of

QUOTES = 2  # of a lesson that are shown here; its own page has all


class EditText(Page):
    """An edit laid out for reading. Everything it leads to is an item."""

    name_shown = "EDIT"

    def __init__(self, feed: Feed, edit: str) -> None:
        super().__init__(id="edit")
        self.feed, self.edit = feed, edit

    def title(self) -> list[Span]:
        return [Span(self.edit, "dim")]

    def parts(self, cells: int) -> Iterable[Line | Item]:
        yield BLANK
        try:
            lineage = lineage_of(self.feed)
            edit = lineage.edit(self.edit) if lineage else None
            if lineage and edit:
                yield from self._edit(lineage, edit, cells)
            else:
                yield from self._unwritten(cells)
        except T2SError as error:
            yield from paragraph(str(error), cells, "bad")

    def _unwritten(self, cells: int) -> Iterable[Line]:
        known = self.feed.view.edits.get(self.edit)
        if known is None:
            yield from paragraph(f"There is no edit {self.edit} in this run.", cells, "dim")
            return
        said = known.text if known.state == "merged" else f"{known.state}: {known.reason}"
        yield from paragraph(said, cells)
        yield BLANK
        yield from paragraph("Its file is not there, so what it was made of cannot be told.", cells, "dim")

    def _edit(self, lineage: Lineage, edit: Edit, cells: int) -> Iterable[Line | Item]:
        marks = [Span(f"   {word}", ink) for word, ink, on in _marks(edit) if on]
        yield row(Span(f"  {edit.op}", "bright+bold"), Span(f"   {anchor(edit)}", "text"), *marks)
        behind = f"   {plural(len(edit.sources) or 1, 'proposed edit')}   {plural(len(edit.lessons), 'lesson')}"
        yield row(Span(f"  support {plural(len(edit.support), 'task')}", "run"), Span(behind, "dim"))
        yield BLANK
        if taken := lineage.takes_out(edit):
            yield heading("Takes out")
            yield from (Line((Span("    "), Span(safe(text), "text")), "gone") for text in taken)
            yield BLANK
        if text := edit_text(edit).strip("\n"):
            yield heading("Says")
            yield from (Line(line.spans, "new") for line in paragraph(text, cells, "bright", 4))
            yield BLANK
        if edit.reason:
            yield from [*named("why", edit.reason, cells, "dim", indent=2), BLANK]
        yield from self._became(lineage, edit, cells)
        yield from self._made_of(lineage, edit, cells)
        yield from self._lessons(edit, cells)

    # --- up -----------------------------------------------------------------------------------------------------------

    def _became(self, lineage: Lineage, edit: Edit, cells: int) -> Iterable[Line | Item]:
        yield heading("What became of it")
        above, fate = lineage.taken_by(edit), lineage.fate(edit)
        if above and above.edit and above.edit.id != edit.id:
            said = f"taken into {above.edit.id} by {above.node}"
            yield Item(f"edit:{above.edit.id}", tuple(paragraph(said, cells, "text", 4)))
        elif above and above.edit:
            said = f"carried up unchanged by {above.node}"
            yield Item(f"merge:{above.node}", tuple(paragraph(said, cells, "text", 4)))
        elif above:
            said = f"ended in {above.node}: {above.reason}"
            yield Item(f"merge:{above.node}", tuple(paragraph(said, cells, "bad", 4)))
        if fate:
            yield from _fate(fate, cells)
        elif not above:
            yield from paragraph("nothing yet: no merge has read it", cells, "dim", 4)
        yield BLANK

    # --- down ---------------------------------------------------------------------------------------------------------

    def _made_of(self, lineage: Lineage, edit: Edit, cells: int) -> Iterable[Line | Item]:
        sources = lineage.sources(edit)
        if not sources:
            unit = patch_of(edit.id)
            yield Item(f"patch:{unit}", (row(Span(f"  Proposed for {safe(unit)}", "dim+bold")),))
            yield BLANK
            return
        yield heading("Made of", Span(f"  {plural(len(sources), 'edit')} one level below", "dim"))
        for source in sources:
            head = [Span(f"    {fit(source.id, 12)}", "text"), Span(f" support {len(source.support)}", "run")]
            text = first_rows(paragraph(edit_text(source) or "takes lines out", cells, "dim", 6), 2)
            yield Item(f"edit:{source.id}", (row(*head), *text))
        yield BLANK

    def _lessons(self, edit: Edit, cells: int) -> Iterable[Line | Item]:
        if not edit.lessons:
            return
        yield heading("Lessons behind it", Span(f"  {len(edit.lessons)}", "dim"))
        for name in edit.lessons:
            lesson = self._lesson(name)
            known = self.feed.view.lessons.get(name)
            title = lesson.title or lesson.claim if lesson else known.title if known else "cannot be read"
            mark = "verified" if lesson and lesson.verified else "kept"
            head = row(
                Span(f"    {self.look.glyph(mark)} ", self.look.mark(mark).ink),
                Span(f"{fit(name, 10)} ", "dim"),
                Span(safe(title), "text"),
            )
            yield Item(f"lesson:{name}", (head,))
            for quote in lesson.evidence[:QUOTES] if lesson else ():
                said = f"“{quote.quote}”"
                lines = first_rows(named(f"{quote.trajectory}:{quote.turn}", said, cells, "dim", wide=9, indent=8), 2)
                yield Item(quote_key(quote), tuple(lines))
        yield BLANK

    def _lesson(self, name: str) -> Lesson | None:
        seed = workplace(self.feed.run)
        try:
            return load(seed, name).lesson if seed else None
        except T2SError:
            return None  # its own page says what is wrong with it


class EditScreen(RunActions):
    """An edit on a screen of its own."""

    CSS = "EditScreen #header { height: 2; } EditScreen #edit { height: 1fr; } EditScreen #footer { height: 1; }"

    def __init__(self, feed: Feed, edit: str) -> None:
        super().__init__()
        self.feed, self.crumb = feed, edit
        self._edit = EditText(feed, edit)
        self._seen = (-1, -1)

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._edit
        yield Footer(self.hints)
        yield FindBar()

    def on_mount(self) -> None:
        self._edit.focus()

    def hints(self) -> Sequence[Hint]:
        keys = [("esc", "back"), ("j k", "move"), ("enter", "open"), ("/", "find"), ("d", "diff"), ("y", "copy")]
        return [Hint(*pair) for pair in keys]

    def pull(self, changes: Changes) -> None:
        merged = self.feed.view.stages["merge"].done + self.feed.view.stages["settle"].done
        if (seen := (merged, self.feed.people.version)) != self._seen:
            self._seen = seen
            self._edit.renew()
        super().pull(changes)

    @on(ListPanel.Chosen)
    def _chosen(self, message: ListPanel.Chosen) -> None:
        if screen := screen_of(self.feed, message.key):
            self.app.push_screen(screen)

    def copied(self) -> str:
        return "\n".join(self._edit.text_rows())


def _fate(fate: Entry, cells: int) -> list[Line]:
    """What the settling made of it."""
    if fate.state == "in_skill":
        return paragraph(f"in the skill{f': {fate.file}' if fate.file else ''}", cells, "ok", 4)
    return paragraph(f"{fate.state}: {fate.reason}", cells, "bad", 4)


def _marks(edit: Edit) -> Iterable[tuple[str, str, bool]]:
    yield "pinned", "you", edit.pinned
    yield "a person's", "you", edit.author == "human"
    yield "verified", "ok", edit.verified
