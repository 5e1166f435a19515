"""What reaches a running engine from people: wishes, signals, and lessons they changed on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from engine.knobs import Knobs
from engine.llm.budget import CAPS, Budget
from engine.llm.pool import Pool
from engine.pause import BUDGET, Pause
from workspace.errors import InputError, LessonInvalid
from workspace.lessons.pool import lesson_ids, load, original, versions
from workspace.runs import events as e
from workspace.runs.events import STAGES, Event, WishGranted, WishRefused
from workspace.runs.run import RunFolder, SeedFolder
from workspace.runs.view import RunView
from workspace.runs.wishes import Wish, put_away, read_wish, waiting
from workspace.settings.spending import SpendingSettings

LOOK = 0.2
LOOK_AT_LESSONS = 5  # every so many looks


class Ears:
    """One life's listener. `before` is the run as it was before this life: older stops and pauses are stale, and what
    it has not heard of a person's lessons is told."""

    def __init__(
        self,
        run: RunFolder,
        pause: Pause,
        pool: Pool,
        emit: Callable[[Event], object],
        before: RunView,
        on_resume: Callable[[], None],
        budget: Budget,
        knobs: Knobs,
    ) -> None:
        self._run = run
        self._pause = pause
        self._pool = pool
        self._emit = emit
        self._seen = before.seq
        self._on_resume = on_resume
        self._budget = budget
        self._knobs = knobs
        self._lessons: dict[Path, dict[str, str]] = {seed.path: _told(seed, before) for seed in self._seeds()}
        self._nudged = asyncio.Event()

    async def listen(self, stop_now: Callable[[], object]) -> None:
        """Take wishes in name order and notice edited lessons, until cancelled. `stop_now` ends the work at once."""
        self._on_signals(stop_now)
        looks = 0
        while True:
            for path in waiting(self._run):
                self._take(path, stop_now)
            if looks % LOOK_AT_LESSONS == 0:
                self.look_at_lessons()
            looks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), LOOK)
            self._nudged.clear()

    def look_now(self) -> None:
        """Somebody left a wish this moment."""
        self._nudged.set()

    def _on_signals(self, stop_now: Callable[[], object]) -> None:
        def asked() -> None:
            if self._pause.stopping:
                stop_now()
            else:
                self._pause.stop("asked to end (SIGTERM)")

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, asked)

    def _take(self, path: Path, stop_now: Callable[[], object]) -> None:
        try:
            wish = read_wish(path)
            refused = self._grant(path.stem, wish, stop_now)
            what = wish.kind
        except InputError as error:
            what, refused = "?", str(error)
        put_away(path)
        if refused:
            self._emit(WishRefused(wish=path.stem, what=what, reason=refused))

    def _grant(self, name: str, wish: Wish, stop_now: Callable[[], object]) -> str:
        """Do what is wished; the reason when it cannot be done."""
        if refused := self._refusal(wish):
            return refused
        self._emit(WishGranted(wish=name, what=wish.kind))
        who = wish.who or "a person"
        match wish.kind:
            case "pause" | "pause_now":
                self._pause.pause("person", f"paused by {who}", now=wish.kind == "pause_now")
            case "resume" | "retry":
                self.look_at_lessons()
                self._resume()
            case "stop":
                self._pause.stop(f"stopped by {who}")
            case "stop_now":
                self._pause.stop(f"stopped at once by {who}")
                stop_now()
            case "hold_after":
                self._pause.hold_after(STAGES[STAGES.index(wish.arguments["stage"])])
                self._knobs.turn("run.hold_after", wish.arguments["stage"], who)
            case "limit":
                self._pool.fix(wish.arguments["limit"], f"wished by {who}")
                self._knobs.turn("endpoint.limit", wish.arguments["limit"], who)
            case "spending":
                self._spend(wish.arguments, who)
        return ""

    def _refusal(self, wish: Wish) -> str:
        if wish.kind in ("pause", "pause_now", "stop", "stop_now") and self._seen and wish.seq <= self._seen:
            return "stale: it is from before this engine started"
        if wish.kind == "hold_after" and wish.arguments.get("stage") not in STAGES:
            return f"no stage {wish.arguments.get('stage')!r}; there are: {', '.join(STAGES)}"
        limit = wish.arguments.get("limit")
        if wish.kind == "limit" and not (isinstance(limit, int) and limit >= 1):
            return f"a limit is a number from 1 on, not {limit!r}"
        return self._unspendable(wish.arguments) if wish.kind == "spending" else ""

    # --- spending -----------------------------------------------------------------------------------------------------

    def _unspendable(self, wished: Mapping[str, object]) -> str:
        """What is wrong with caps that are wished for."""
        other = [name for name in wished if name not in CAPS]
        if other or not wished:
            return f"a budget is one of {', '.join(CAPS)}, not {', '.join(other) or 'nothing'}"
        try:
            caps = SpendingSettings.model_validate(wished)
        except ValidationError as error:
            fault = error.errors()[0]
            return f"spending.{fault['loc'][0]}: {fault['msg'].lower()}"
        if caps.cost != "none" and self._budget.cost is None:
            return "a cap on cost needs both prices, and this engine does not know them"
        return ""

    def _spend(self, wished: Mapping[str, object], who: str) -> None:
        """Other caps from now on; where none is reached any more, the run goes on by itself."""
        caps = SpendingSettings.model_validate(wished)
        for cap in CAPS:
            if cap in wished:
                limit = getattr(caps, cap)
                self._budget.set_cap(cap, None if limit == "none" else limit)
                self._knobs.turn(f"spending.{cap}", limit, who)
        if not self._budget.closed and self._pause.holds(BUDGET):
            self._on_resume()
            self._pause.over(BUDGET)

    def _resume(self) -> None:
        if self._pause.why:
            self._on_resume()
        self._pause.resume()

    # --- lessons ------------------------------------------------------------------------------------------------------

    def look_at_lessons(self) -> None:
        """Tell of every lesson that a person changed since the last look; one that does not parse pauses the run."""
        for seed in self._seeds():
            before, now = self._lessons.get(seed.path, {}), versions(seed)
            self._lessons[seed.path] = now
            for name in sorted({*before, *now}):
                if before.get(name) != now.get(name):
                    self._tell(seed, name)

    def _tell(self, seed: SeedFolder, name: str) -> None:
        label = _label(seed, name)
        try:
            lesson = load(seed, name)
        except LessonInvalid as error:
            self._emit(e.LessonInvalid(lesson=label, reason=e.label(str(error), 400)))
            self._pause.pause("lesson", str(error))
            return
        except InputError:
            self._emit(e.LessonDropped(lesson=label))  # a person took back a lesson of their own
            return
        self._emit(_change(seed, label, lesson.edited, name))

    def _seeds(self) -> list[SeedFolder]:
        return [seed for round in self._run.rounds() for seed in round.seeds()]


def _label(seed: SeedFolder, lesson: str) -> str:
    return lesson if seed.name == "s0" else f"{seed.name}-{lesson}"


def _told(seed: SeedFolder, view: RunView) -> dict[str, str]:
    """People's versions as far as the journal has told of them; an empty mark stands for one that is gone since."""
    now = versions(seed)
    rows = {_label(seed, name): name for name in lesson_ids(seed)}
    heard = {name for label, name in rows.items() if (row := view.lessons.get(label)) and row.touched}
    gone = {n for label, n in rows.items() if n in heard - set(now) and view.lessons[label].status != "kept"}
    return {name: mark for name, mark in now.items() if name in heard} | dict.fromkeys(gone, "")


def _change(seed: SeedFolder, label: str, edited: bool, name: str) -> Event:
    lesson = load(seed, name).lesson
    title = e.label(lesson.title)
    if not edited:
        return e.LessonRestored(lesson=label, title=title)
    if lesson.status == "dropped":
        return e.LessonDropped(lesson=label)
    before = original(seed, name)
    if before is not None and before.claim == lesson.claim and before.title == lesson.title:
        return e.LessonPinned(lesson=label)
    return e.LessonEdited(lesson=label, title=title, added=before is None)
