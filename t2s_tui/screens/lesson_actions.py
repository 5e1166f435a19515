"""What people may do to lessons, from any screen that shows them: edit, drop, pin, restore, write, undo."""

from __future__ import annotations

from typing import Literal

from textual import work

from t2s_tui.feed import Changes, Feed
from t2s_tui.people import redo_told, workplace
from t2s_tui.screens.actions import OVER
from t2s_tui.screens.base import Base
from t2s_tui.screens.confirm import Confirm
from workspace.errors import T2SError
from workspace.lessons.pool import load, original, restore, set_status
from workspace.runs.run import SeedFolder


class LessonActions(Base):
    """Edit, drop, pin, restore and write lessons. Needs `feed` and `lesson_here`."""

    feed: Feed

    def lesson_here(self) -> str:
        """The id of the lesson that an action is about; empty when none is meant."""
        raise NotImplementedError

    def lesson_text(self, lesson: str) -> str:
        """The TOML of a lesson; empty when there is none."""
        seed = workplace(self.feed.run)
        try:
            return load(seed, lesson).text if seed and lesson else ""
        except T2SError as error:
            return str(error)

    def action_edit(self) -> None:
        self._open(editing="here")

    def action_editor(self) -> None:
        self._open(editing="editor")

    def action_new_lesson(self) -> None:
        from t2s_tui.screens.lesson import LessonScreen

        if self.t2s.may_write() and self._seed_or_say():
            self.app.push_screen(LessonScreen(self.feed, "", editing="here"))

    def action_drop(self) -> None:
        self._set("dropped", "unpinned", "left out", "taken back")

    def action_pin(self) -> None:
        self._set("pinned", "unpinned", "pinned", "unpinned")

    def action_restore(self) -> None:
        lesson, seed = self._lesson_or_say(), workplace(self.feed.run)
        if not lesson or seed is None or not self.t2s.may_write():
            return
        if lesson not in self.feed.people.own:
            self.t2s.tell(f"{lesson} is as the engine wrote it")
            return
        if self._own_only(lesson):
            self._delete_own(lesson)
            return
        try:
            with self.t2s.history.step(seed, lesson, "restore"):
                restore(seed, lesson)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        else:
            self._changed(f"{lesson} is as the engine wrote it.")

    def consequence(self, lesson: str) -> str:
        """One sentence: what a change of this lesson makes again."""
        try:
            redo = self.feed.people.cost(lesson, self.feed.view)
        except T2SError as error:
            return str(error)
        if not redo.anything:
            return "No patch has read it yet, so a change makes nothing again."
        return f"A change makes again {self._when()}: {redo_told(redo, 4)}."

    def due(self) -> str:
        """One sentence: what all changes of lessons together make again."""
        redo = self.feed.people.due
        return f"Made again {self._when()}: {redo_told(redo, 4)}." if redo.anything else "Nothing has to be made again."

    def _when(self) -> str:
        if self.feed.state in OVER:
            return "at the next resume (R)"
        return "at once" if self.feed.state == "running" else "when the run goes on"

    @work
    async def _delete_own(self, lesson: str) -> None:
        seed = workplace(self.feed.run)
        sure = await self.app.push_screen_wait(
            Confirm(
                f"Delete your lesson {lesson}?", "There is no engine's version to go back to.", "delete it", "keep it"
            )
        )
        if sure and seed is not None:
            with self.t2s.history.step(seed, lesson, "delete"):
                restore(seed, lesson)
            self._changed(f"{lesson} is deleted; U takes it back.")

    def _own_only(self, lesson: str) -> bool:
        seed = workplace(self.feed.run)
        return seed is not None and not (seed.lessons / f"{lesson}.toml").is_file()

    def _set(self, status: str, back: str, done: str, undone: str) -> None:
        """Set a lesson's status, or take it back when it has it already."""
        lesson, seed = self._lesson_or_say(), workplace(self.feed.run)
        if not lesson or seed is None or not self.t2s.may_write():
            return
        try:
            has_it = load(seed, lesson).lesson.status == status
            with self.t2s.history.step(seed, lesson, undone if has_it else done):
                _take_back(seed, lesson, back) if has_it else set_status(seed, lesson, status)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        else:
            self._changed(f"{lesson} is {undone if has_it else done}.")

    def action_undo(self) -> None:
        self._step_back("undo", "taken back")

    def action_redo(self) -> None:
        self._step_back("redo", "done again")

    def _step_back(self, way: Literal["undo", "redo"], said: str) -> None:
        if not self.t2s.may_write():
            return
        try:
            step = getattr(self.t2s.history, way)()
        except T2SError as error:
            self.t2s.tell(str(error))
        else:
            self._changed(f"{step.lesson}: “{step.what}” is {said}.")

    def _changed(self, said: str) -> None:
        """A lesson has another version: show it at once, and say what that makes due."""
        own = self.feed.people.poll(self.feed.view, at_once=True)
        self.t2s.tell(f"{said} {self.due()}")
        self.pull(Changes(own=own))

    def _open(self, editing: str) -> None:
        from t2s_tui.screens.lesson import LessonScreen

        if (lesson := self._lesson_or_say()) and self.t2s.may_write():
            self.app.push_screen(LessonScreen(self.feed, lesson, editing=editing))

    def _lesson_or_say(self) -> str:
        if not (lesson := self.lesson_here()):
            self.t2s.tell("put the cursor on a lesson first (2)")
        return lesson

    def _seed_or_say(self) -> bool:
        if workplace(self.feed.run) is None:
            self.t2s.tell("the run has no place for lessons yet; wait for its first one")
            return False
        return True


def _take_back(seed: SeedFolder, lesson: str, status: str) -> None:
    """Undo a status. Where nothing else of it is a person's, the engine's own lesson counts again."""
    now, before = load(seed, lesson).lesson, original(seed, lesson)
    words = {"status", "base", "author"}
    if before is not None and now.model_dump(exclude=words) == before.model_dump(exclude=words):
        restore(seed, lesson)
    else:
        set_status(seed, lesson, status)
