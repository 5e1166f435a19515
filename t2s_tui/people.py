"""What people did to the lessons of a run, as its folder tells it, and what has to be made again because of that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from t2s_tui.text import plural
from workspace.errors import InputError, LessonInvalid
from workspace.lessons.pool import load
from workspace.origins.redo import Redo, prefix_of, redo_in, unit_of
from workspace.origins.stale import due
from workspace.runs.decision import shown_side
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder
from workspace.runs.view import RunView

LOOK_EVERY = 1.0


class Own(NamedTuple):
    """A person's version of a lesson as it lies in `edits/`. `error` has file:line when it does not parse."""

    title: str
    status: str
    error: str = ""


class People:
    """Follows `edits/` of the place where people work.

    own      lesson id → the person's version
    version  grows with every change of `own`
    due      what is made again because lessons changed; `due_nodes` names its merges as the view does
    """

    def __init__(self, run: RunFolder) -> None:
        self.own: dict[str, Own] = {}
        self.version = 0
        self.due = Redo()
        self.due_nodes: frozenset[str] = frozenset()
        self._run = run
        self._looked = 0.0
        self._seen: tuple[tuple[str, int], ...] = ()
        self._touched: set[str] = set()
        self._made: object = None
        self._priced: tuple[object, Redo] = (None, Redo())

    def poll(self, view: RunView, *, at_once: bool = False) -> bool:
        """Look again, once a second; has anything changed?"""
        now = time.monotonic()
        if not at_once and now - self._looked <= LOOK_EVERY:
            return False
        self._looked = now
        seed = workplace(self._run)
        return bool(seed and (self._read(seed) | self._read_due(seed, view)))

    def cost(self, lesson: str, view: RunView) -> Redo:
        """What a change of this one lesson would make again. Raises `InputError` for a plan that does not parse."""
        key = (lesson, self.version, view.stages["propose"].done, view.stages["merge"].done, view.state)
        if key != self._priced[0] and (seed := workplace(self._run)):
            number = int(seed.path.parent.name)
            self._priced = (key, redo_in(self._run, number, 0, [unit_of(lesson)]))
        return self._priced[1]

    def _read(self, seed: SeedFolder) -> bool:
        files = sorted(seed.edits.glob("*.toml"))
        seen = tuple((str(f), _changed(f)) for f in files)
        if seen == self._seen:
            return False
        self._seen = seen
        self.version += 1
        self.own = {file.stem: _own(seed, file.stem) for file in files}
        self._touched.update(self.own)
        return True

    def _read_due(self, seed: SeedFolder, view: RunView) -> bool:
        last = RoundFolder(seed.path.parent)
        prefix = prefix_of(int(last.path.name), 0)
        mine = {name for patch in view.patches if (name := patch.removeprefix(prefix)).startswith("H")}
        touched = self._touched | mine | {row.id for row in view.lessons.values() if row.touched}
        made = (self.version, len(view.patches), view.stages["propose"].done, view.stages["merge"].done, view.state)
        if not touched or made == self._made:
            return False
        self._made = made
        before, self.due = self.due, _due(self._run, last, seed, touched)
        self.due_nodes = frozenset(prefix + node for node in self.due.merges)
        return self.due != before


def workplace(run: RunFolder) -> SeedFolder | None:
    """Where people work on lessons: the first seed of the last round, as the candidate of it that is shown. None before
    there is one."""
    rounds = run.rounds()
    seeds = rounds[-1].seeds() if rounds else []
    return shown_side(rounds[-1], seeds[0]) if seeds else None


def redo_told(redo: Redo, most: int = 8) -> str:
    """What is made again, in one sentence without its end; of each kind at most so many names."""
    parts = [
        _named("proposal", redo.propose, most),
        _named("merge", redo.merges, most),
        "settling" if redo.settle else "",
    ]
    parts += [f"{plural(redo.validation, 'validation try', 'validation tries')}" if redo.validation else ""]
    parts += [f"{plural(redo.test, 'test try', 'test tries')}" if redo.test else ""]
    parts += [_named("round", [str(number) for number in redo.rounds], most)]
    said = "; ".join(part for part in parts if part)
    return f"{said}: about {plural(redo.calls, 'model call')}" if said else ""


def _named(one: str, names: Sequence[str], most: int) -> str:
    if not names:
        return ""
    some = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f"{one if len(names) == 1 else one + 's'} {some}"


def _due(run: RunFolder, last: RoundFolder, seed: SeedFolder, touched: Iterable[str]) -> Redo:
    try:
        return due(run, last, seed, touched)
    except InputError:
        return Redo()  # the screens of that patch and of that plan say what is wrong with the file


def _own(seed: SeedFolder, lesson: str) -> Own:
    try:
        loaded = load(seed, lesson)
    except LessonInvalid as error:
        return Own(lesson, "invalid", str(error))
    except InputError:
        return Own(lesson, "dropped")  # deleted between two looks
    return Own(loaded.lesson.title or loaded.lesson.claim, loaded.lesson.status)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0  # deleted between two looks: a restored lesson
