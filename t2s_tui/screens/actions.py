"""What people may do to a run and to its lessons, from any screen that shows them."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from textual import work

from t2s_tui import host
from t2s_tui.feed import Feed, redone, workplace
from t2s_tui.keys import RUN, bindings
from t2s_tui.screens.base import Base
from t2s_tui.screens.budget import BudgetScreen, cap_of
from t2s_tui.screens.confirm import Confirm
from t2s_tui.text import plural
from workspace.errors import T2SError
from workspace.lessons.pool import load, restore, set_status
from workspace.runs.wishes import Wish, WishKind, leave_wish

OVER = ("finished", "incomplete", "stopped", "failed", "lost")


class RunActions(Base):
    """Pause, go on, stop, and look at what came out. Needs `feed`."""

    BINDINGS = bindings(RUN)
    feed: Feed

    def copied(self) -> str:
        """What `y` copies."""
        return ""

    def action_pause(self) -> None:
        match self.feed.state:
            case "paused" | "pausing" if self.feed.waits_for_endpoint:
                self._wish("pause", "it stays paused when the endpoint is back, until you press this key again")
            case "paused" | "pausing" if self.feed.waits_for_budget and not self.feed.asked.paused:
                self.action_budget()  # under the same cap it would stop at its next call
            case "paused" | "pausing":
                self._wish("resume", "going on")
            case "running" | "starting":
                self._wish("pause", "pausing: calls in flight finish first")
            case state:
                self.t2s.tell(f"the run is {state}; R starts an engine for it")

    def action_resume_engine(self) -> None:
        if self.t2s.may_write():
            if self.feed.alive:
                self.t2s.tell("the run has its engine")
            elif self.feed.state == "finished":
                self.t2s.tell("the run is finished; edit a lesson first, then R makes what it touches again")
                self._start()
            else:
                self._start()

    @work
    async def action_budget(self) -> None:
        """Another cap for a run that its budget holds: a living engine hears of it, else a new one starts with it."""
        if not self.t2s.may_write():
            return
        if not self.feed.waits_for_budget:
            self.t2s.tell("no budget holds the run; `t2s resume RUN --budget-tokens N` sets one")
            return
        cap = cap_of(self.feed.view)
        wished = await self.app.push_screen_wait(BudgetScreen(cap))
        if wished is None:
            return
        words = f"no cap on {cap.name}" if isinstance(wished, str) else f"at most {cap.words(wished)} from now on"
        if self.feed.alive:
            self._wish("spending", words, **{cap.name: wished})
        else:
            self._start({f"spending.{cap.name}": wished if isinstance(wished, str) else f"{wished:.10g}"})

    def action_retry(self) -> None:
        failed = sum(row.failed for row in self.feed.view.stages.values())
        if not failed:
            self.t2s.tell("no unit has failed")
        elif self.feed.alive:
            self._wish("retry", f"trying {plural(failed, 'failed unit')} again")
        else:
            self.action_resume_engine()

    def action_limit(self, by: int) -> None:
        now = self.feed.view.usage.limit
        if not now:
            self.t2s.tell("the limit is not known yet")
            return
        wanted = max(1, now + by * max(1, now // 8))
        self._wish("limit", f"at most {plural(wanted, 'call')} in flight", limit=wanted)

    @work
    async def action_stop(self) -> None:
        if not self.feed.alive:
            self.t2s.tell(f"the run is {self.feed.state}; there is no engine to stop")
            return
        use = self.feed.view.usage
        consequence = (
            f"Nothing new starts, {plural(use.in_flight, 'call')} in flight finish, then the engine ends.\n"
            "Everything finished is kept: `R` or `t2s resume` goes on from there."
        )
        if await self.app.push_screen_wait(
            Confirm(f"Stop run {self.feed.run.id}?", consequence, "stop it", "let it run")
        ):
            self._wish("stop", "stopping")

    def action_diff(self) -> None:
        from t2s_tui.screens.diff import DiffScreen

        self.app.push_screen(DiffScreen(self.feed))

    def action_verdict(self) -> None:
        from t2s_tui.screens.verdict import VerdictScreen

        self.app.push_screen(VerdictScreen(self.feed))

    def action_copy(self) -> None:
        self.t2s.copy(self.copied(), self.feed.run)

    def _wish(self, kind: WishKind, said: str, **arguments: Any) -> None:
        if not self.t2s.may_write():
            return
        if not self.feed.alive:
            self.t2s.tell("the run has no engine that could hear this; R starts one")
            return
        try:
            wish = Wish(kind=kind, who=_who(), seq=self.feed.view.seq, arguments=arguments)
            leave_wish(self.feed.run, wish)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        else:
            self.t2s.tell(said)

    @work(thread=True, exclusive=True, group="engine")
    def _start(self, knobs: Mapping[str, str] | None = None) -> None:
        """Starting waits for the engine's first word, so it must not hold up the screen."""
        self.app.call_from_thread(self.t2s.tell, "starting an engine …")
        try:
            host.start(self.feed.run, knobs=knobs)
        except T2SError as error:
            self.app.call_from_thread(self.t2s.tell, str(error), bad=True)


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
        if lesson not in self.feed.own:
            self.t2s.tell(f"{lesson} is as the engine wrote it")
            return
        if self._own_only(lesson):
            self._delete_own(lesson)
            return
        try:
            restore(seed, lesson)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        else:
            self.t2s.tell(f"{lesson} is as the engine wrote it. {self.consequence(lesson)}")

    def consequence(self, lesson: str) -> str:
        """One sentence: what is made again when this lesson changes."""
        units = self._units(lesson)
        patches, merges = redone(self.feed.view, units)
        if not patches:
            return "No patch has read it yet, so nothing is made again."
        names = f" ({', '.join(merges)})" if 0 < len(merges) <= 4 else ""
        what = f"patch {', '.join(patches)} and {plural(len(merges), 'merge')}{names}"
        when = "at the next resume" if self.feed.state in OVER else "now, or when the run goes on"
        return f"Will be made again {when}: {what}."

    def _units(self, lesson: str) -> list[str]:
        """A lesson's patch has the id of its trajectory; a person's own lesson has a patch of its own."""
        return [lesson.rpartition("-L")[0] or lesson]

    @work
    async def _delete_own(self, lesson: str) -> None:
        seed = workplace(self.feed.run)
        sure = await self.app.push_screen_wait(
            Confirm(
                f"Delete your lesson {lesson}?", "There is no engine's version to go back to.", "delete it", "keep it"
            )
        )
        if sure and seed is not None:
            restore(seed, lesson)
            self.t2s.tell(f"{lesson} is deleted")

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
            set_status(seed, lesson, back if has_it else status)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        else:
            self.t2s.tell(f"{lesson} is {undone if has_it else done}. {self.consequence(lesson)}")

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


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
