"""One lesson: what it says, where it comes from, what it led to. Read it, edit it, drop it, pin it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Vertical

from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import EDITOR, LESSON, bindings
from t2s_tui.people import workplace
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.drafts import Opened, draft_path, edit_outside, editor_command, give_up, open_lesson, save
from t2s_tui.screens.lesson_actions import LessonActions
from t2s_tui.screens.lesson_sheet import first_place
from t2s_tui.screens.lesson_text import LessonText
from t2s_tui.screens.open import screen_of
from t2s_tui.text import escaped, safe, wrap
from t2s_tui.text_faults import fault_of
from t2s_tui.widgets.canvas import Canvas, Line, Span, row
from t2s_tui.widgets.editor import Editor
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.status import EVERYWHERE, Footer, Header, Hint
from workspace.errors import InputError, LessonInvalid, T2SError
from workspace.files import read_text, remove, write_text

DIALOG = 58  # cells of a row in a question


class Fault(Canvas):
    """The rows under the editor: what is wrong with the text, or what saving will cost and where drafts are kept."""

    def __init__(self) -> None:
        super().__init__(id="fault")
        self.texts: tuple[str, ...] = ()
        self.bad = False

    @property
    def text(self) -> str:
        """All that is said."""
        return "\n".join(self.texts)

    def say(self, *texts: str, bad: bool = False) -> None:
        """Each of `texts` begins a row."""
        self.texts, self.bad = texts, bad
        self._make_room()
        self.pull()

    def paint(self) -> list[Line]:
        ink = "bad" if self.bad else "dim"
        return [row(Span(f" {part}", ink), back="bar") for part in self._rows()]

    def on_resize(self) -> None:
        self._make_room()

    def _rows(self) -> list[str]:
        return [part for text in self.texts for part in wrap(safe(text), self.cells)]

    def _make_room(self) -> None:
        self.styles.height = min(len(self._rows()) or 1, max(2, self.screen.size.height // 3))

    @property
    def cells(self) -> int:
        """How wide a row of text may be."""
        return max(10, self.screen.size.width - 2)


class LessonScreen(LessonActions, RunActions):
    """`editing` is empty to read, `here` for the text field, `editor` for the person's own."""

    BINDINGS = bindings(LESSON, EDITOR)
    CSS = """
    LessonScreen #header { height: 2; } LessonScreen #text { height: 1fr; } LessonScreen #footer { height: 1; }
    LessonScreen #desk { height: 1fr; display: none; }
    LessonScreen #editor { height: 1fr; padding: 1 1 0 1; }
    LessonScreen #fault { height: 1; }
    LessonScreen.-editing #desk { display: block; }
    LessonScreen.-editing #text { display: none; }
    """

    def __init__(self, feed: Feed, lesson: str, editing: str = "") -> None:
        super().__init__()
        self.feed, self.crumb = feed, lesson
        self._text = LessonText(feed, lesson)
        self._opened: Opened | None = None
        self._wanted = editing

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._text
        with Vertical(id="desk"):
            yield Fault()
        yield Footer(self.hints)
        yield FindBar()

    def on_mount(self) -> None:
        self._text.consequence = self.consequence(self._text.lesson) if self._text.lesson else ""
        self._text.focus()
        if self._wanted:
            self.call_after_refresh(self.action_edit if self._wanted == "here" else self.action_editor)

    def hints(self) -> Sequence[Hint]:
        if self._opened:
            return [Hint("ctrl+s", "save"), Hint("esc", "leave"), Hint("ctrl+z", "undo typing"), Hint("ctrl+y", "redo")]
        keys = [
            ("esc", "back"),
            ("e", "edit"),
            ("E", "$EDITOR"),
            ("x", "drop"),
            ("p", "pin"),
            ("U", "undo"),
            ("enter", "open"),
        ]
        return [Hint(*pair) for pair in keys]

    def pull(self, changes: Changes) -> None:
        if changes.own or changes.events:
            self._text.consequence = self.consequence(self._text.lesson)
            self._text.renew()
        super().pull(changes)

    def lesson_here(self) -> str:
        return self._text.lesson

    def copied(self) -> str:
        return self.lesson_text(self._text.lesson)

    @on(ListPanel.Chosen)
    def _chosen(self, message: ListPanel.Chosen) -> None:
        if screen := screen_of(self.feed, message.key):
            self.app.push_screen(screen)

    # --- editing here ---------------------------------------------------------------------------------------------

    def action_edit(self) -> None:
        if self._opened or not self.t2s.may_write() or (opened := self._take()) is None:
            return
        self._opened = opened
        editor = Editor(opened.text)
        self.query_one("#desk").mount(editor, before=0)
        self.add_class("-editing")
        self.query_one(Footer).last = ()
        self._explain(opened)
        editor.move_cursor(first_place(editor.text))
        editor.focus()
        self.call_after_refresh(lambda: self.pull(Changes()))

    def _explain(self, opened: Opened) -> None:
        """What saving comes to, and that nothing typed is lost."""
        note = "This is your unfinished text. " if opened.from_draft else ""
        follows = self.consequence(opened.lesson) if opened.digest else "A new lesson: it joins the merges."
        seed = workplace(self.feed.run)
        place = draft_path(seed, opened.lesson).relative_to(self.feed.run.path) if seed else ""
        kept = f"If the screen ends first, your text is in {place}"
        self.query_one(Fault).say(note + follows, kept)

    def action_save(self) -> None:
        opened, seed = self._opened, workplace(self.feed.run)
        if opened is None or seed is None:
            return
        if self.query_one(Editor).text == escaped(opened.text) and not opened.from_draft and opened.digest:
            self._close_editor()
            self.t2s.tell("nothing was changed")
            return
        try:
            with self.t2s.history.step(seed, opened.lesson, "edit"):
                save(seed, opened, self.query_one(Editor).text)
        except T2SError as error:
            self._fault(error)
        else:
            self._saved(opened.lesson)
            self._close_editor()

    @work
    async def action_cancel(self) -> None:
        opened = self._opened
        if opened is None:
            self.app.pop_screen()
            return
        changed = self.query_one(Editor).text != escaped(opened.text)
        question = Confirm(
            "Leave without saving?", "What you have typed since you opened it is given up.", "leave", "go on editing"
        )
        if not changed or await self.app.push_screen_wait(question):
            self._give_up(opened)
            self._close_editor()
            if not opened.digest:
                self.app.pop_screen()

    def _give_up(self, opened: Opened) -> None:
        try:
            if seed := workplace(self.feed.run):
                give_up(seed, opened)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)

    def keep(self) -> None:
        """The viewer ends: what was typed waits as a draft."""
        seed = workplace(self.feed.run)
        if self._opened and seed and (text := self.query_one(Editor).text) != escaped(self._opened.text):
            write_text(draft_path(seed, self._opened.lesson), text)

    def _take(self) -> Opened | None:
        seed = workplace(self.feed.run)
        try:
            return open_lesson(seed, self._text.lesson) if seed else None
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
            return None

    def _saved(self, lesson: str) -> None:
        self._text.lesson = lesson
        self.feed.poll()
        self._text.consequence = self.consequence(lesson)
        self._text.renew()
        self.t2s.tell(f"{lesson} is saved. {self._text.consequence}")

    def _fault(self, error: T2SError) -> None:
        """Say what is wrong and put the cursor there; the text stays in the field and in a draft."""
        opened, seed, said = self._opened, workplace(self.feed.run), self.query_one(Fault)
        if opened is None or seed is None or not isinstance(error, LessonInvalid):
            said.say(f"Not saved, but kept: {error}", bad=True)
            return
        editor = self.query_one(Editor)
        fault = fault_of(editor.text, str(error))
        said.say("Not saved, but kept as a draft:", *fault.told(draft_path(seed, opened.lesson), said.cells), bad=True)
        if fault.line:
            editor.move_cursor((fault.line - 1, max(0, fault.column - 1)))

    def _close_editor(self) -> None:
        self._opened = None
        self.remove_class("-editing")
        self.query_one(Footer).last = EVERYWHERE
        self.query_one(Editor).remove()
        self._text.focus()
        self._text.renew()

    # --- the person's own editor ----------------------------------------------------------------------------------

    def action_editor(self) -> None:
        self._outside()

    @work
    async def _outside(self) -> None:
        seed = workplace(self.feed.run)
        if self._opened or seed is None or not self.t2s.may_write() or (opened := self._take()) is None:
            return
        draft = draft_path(seed, opened.lesson)
        try:
            write_text(draft, opened.text)
            while not self._edited_outside(opened):
                kept = f"{self._why}\nIt is kept as a draft, which `e` and `E` open."
                question = "This text does not count yet. Open it again?"
                again = Confirm(question, kept, "open it again", "later", marked="yes")
                if not await self.app.push_screen_wait(again):
                    return
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        except SuspendNotSupported:
            self.t2s.tell("this terminal cannot be handed to another program; `e` edits here", bad=True)

    _why = ""

    def _edited_outside(self, opened: Opened) -> bool:
        """One visit to the editor. False when the text does not count yet; `_why` then has the reason."""
        seed = workplace(self.feed.run)
        if seed is None:
            raise InputError("the run's folder is gone")
        draft = draft_path(seed, opened.lesson)
        with self.app.suspend():
            edit_outside(editor_command(), draft)
        text = read_text(draft)
        if text == opened.text and not opened.from_draft:
            remove(draft)
            self.t2s.tell("nothing was changed")
            return True
        try:
            with self.t2s.history.step(seed, opened.lesson, "edit"):
                save(seed, opened, text)
        except LessonInvalid as error:
            self._why = "\n".join(fault_of(text, str(error)).told(draft, DIALOG))
            return False
        self._saved(opened.lesson)
        return True
