"""What people may do to a run and to its lessons, from any screen that shows them."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from textual import work

from t2s_tui import host
from t2s_tui.feed import Feed
from t2s_tui.keys import RUN, bindings
from t2s_tui.screens.base import Base
from t2s_tui.screens.budget import BudgetScreen, cap_of
from t2s_tui.screens.confirm import Confirm
from t2s_tui.text import plural
from workspace.errors import T2SError
from workspace.runs.wishes import Wish, WishKind, leave_wish

OVER = ("finished", "incomplete", "stopped", "failed", "lost")
WRITES = ("pause", "pause_now", "resume_engine", "retry", "budget", "limit", "stop", "replay")
"""Actions on the run itself: a replay has no such keys, so that they are free for its own."""


class RunActions(Base):
    """Pause, go on, stop, and look at what came out. Needs `feed`."""

    BINDINGS = bindings(RUN)
    feed: Feed

    def copied(self) -> str:
        """What `y` copies."""
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in WRITES and not self.feed.live:
            return False
        return super().check_action(action, parameters)

    def idle(self) -> frozenset[str]:
        feed = self.feed
        found = (
            {"run.pause", "run.pause-now", "run.stop", "run.more", "run.fewer"} if feed.state in OVER else set[str]()
        )
        found |= set() if feed.waits_for_budget else {"run.budget"}
        found |= set() if any(row.failed for row in feed.view.stages.values()) else {"run.retry"}
        return frozenset(found | ({"run.resume"} if feed.alive else set()))

    def action_replay(self) -> None:
        self.t2s.open_replay(self.feed.run)

    def action_pause(self) -> None:
        match self.feed.state:
            case "paused" | "pausing" if self.feed.goes_on_by_itself:
                who = "the endpoint" if self.feed.waits_for_endpoint else "a worker"
                self._wish("pause", f"it stays paused when {who} is back, until you press this key again")
            case "paused" | "pausing" if self.feed.waits_for_budget and not self.feed.asked.paused:
                self.action_budget()  # under the same cap it would stop at its next call
            case "paused" | "pausing":
                self._wish("resume", "going on")
            case "running" | "starting":
                self._wish("pause", "pausing: the agents at work finish first; P holds them at their next call")
            case state:
                self.t2s.tell(f"the run is {state}; R starts an engine for it")

    def action_pause_now(self) -> None:
        if self.feed.state in ("running", "starting", "pausing"):
            self._wish("pause_now", "pausing now: only calls in flight finish")
        else:
            self.t2s.tell(f"the run is {self.feed.state}")

    def action_resume_engine(self) -> None:
        if self.t2s.may_write():
            if self.feed.look():
                self.t2s.tell("the run has its engine")
            elif self.feed.state == "finished" and not self.feed.people.due.anything:
                self.t2s.tell("the run is finished; change a lesson first, then R makes what it touches again")
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
        elif self.feed.look():
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


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
