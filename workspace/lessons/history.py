"""Taking back what a person did to lessons, step by step, and doing it again.

A step is the text of a person's version before and after; a step can be taken back as long as nobody else has changed
that lesson since.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from workspace.errors import ChangedMeanwhile, InputError
from workspace.files import read_bytes, remove, write_bytes
from workspace.runs.run import SeedFolder

MOST = 200  # steps that are kept


class Step(NamedTuple):
    """One change of one lesson; None stands for no version of a person's own."""

    seed: SeedFolder
    lesson: str
    what: str
    before: bytes | None
    after: bytes | None


class History:
    """What one person did, in order. `undo` and `redo` return the step they took."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @contextmanager
    def step(self, seed: SeedFolder, lesson: str, what: str) -> Generator[None]:
        """Around a change of `lesson`; one that changes nothing, or fails, is no step."""
        before = _now(seed, lesson)
        yield
        after = _now(seed, lesson)
        if before != after:
            self._done = [*self._done, Step(seed, lesson, what, before, after)][-MOST:]
            self._undone.clear()

    def undo(self) -> Step:
        """Take the last step back. Raises `InputError` when there is none, `ChangedMeanwhile` when it is not the last
        change of that lesson any more; it is then forgotten."""
        if not self._done:
            raise InputError("nothing to undo: no lesson was changed here")
        step = self._done.pop()
        _put(step.seed, step.lesson, step.after, step.before)
        self._undone.append(step)
        return step

    def redo(self) -> Step:
        """Do again what was undone last. Raises like `undo`."""
        if not self._undone:
            raise InputError("nothing to redo")
        step = self._undone.pop()
        _put(step.seed, step.lesson, step.before, step.after)
        self._done.append(step)
        return step


def _put(seed: SeedFolder, lesson: str, expected: bytes | None, wanted: bytes | None) -> None:
    if _now(seed, lesson) != expected:
        raise ChangedMeanwhile(f"lesson {lesson} was changed elsewhere since; it stays as it is")
    if wanted is None:
        remove(_path(seed, lesson))
    else:
        write_bytes(_path(seed, lesson), wanted)


def _now(seed: SeedFolder, lesson: str) -> bytes | None:
    path = _path(seed, lesson)
    return read_bytes(path) if path.is_file() else None


def _path(seed: SeedFolder, lesson: str) -> Path:
    return seed.edits / f"{lesson}.toml"
