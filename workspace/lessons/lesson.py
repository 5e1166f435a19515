"""Lessons: the unit that people read and edit. One TOML file each.

The engine writes `lessons/<id>.toml` once. People write `edits/<id>.toml`; the effective lesson is the edit if there
is one (see `pool.py`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.errors import InputError, LessonInvalid, at
from workspace.files import digest, dump_toml, parse_toml
from workspace.trajectory import Trajectory

Kind = Literal["failure", "success", "contrast", "corpus", "human"]


class Example(BaseModel):
    """A true case, copied by program out of a trajectory: what was asked, what was answered, what is right."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: str
    wrong: str = ""
    right: str = ""


class Quote(BaseModel):
    """A piece of evidence: `quote` occurs in step `turn` (1-based) of `trajectory`, up to white space."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    trajectory: str
    turn: int
    quote: str


class Lesson(BaseModel):
    """What one trajectory (or a person) teaches: `claim` says what to do, `why` the mechanism behind it.

    A lesson that a person edited counts as pinned, unless they set its status to `unpinned`. One that `t2s ablate`
    dropped has the author `ablation` until somebody takes it in again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = 1
    id: str
    title: str
    claim: str
    why: str = ""
    kind: Kind = "failure"
    status: Literal["kept", "dropped", "pinned", "unpinned"] = "kept"
    author: Literal["model", "human", "ablation"] = "model"
    verified: bool = False
    quoted: bool = False
    trajectories: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    base: str = ""
    examples: tuple[Example, ...] = ()
    evidence: tuple[Quote, ...] = ()

    @property
    def digest(self) -> str:
        """Of everything that later units read; `base` is bookkeeping and not in it."""
        return digest(self.model_dump_json(exclude={"base"}))


def dump_lesson(lesson: Lesson) -> str:
    """The lesson as the TOML that people edit."""
    return dump_toml(lesson.model_dump(mode="json"))


def load_lesson(text: str, where: Path | str) -> Lesson:
    """Back from TOML. Raises `LessonInvalid` with file:line and the key at fault."""
    try:
        data = parse_toml(text, where)
    except InputError as error:
        raise LessonInvalid(str(error)) from error
    try:
        lesson = Lesson.model_validate(data)
    except ValidationError as error:
        raise LessonInvalid(_explain(error, text, where)) from error
    if not lesson.claim.strip():
        raise LessonInvalid(
            f"{at(where, _line_of(text, 'claim'))}: `claim` is empty; say what to do, or drop the lesson"
        )
    return lesson


def occurs(quote: str, text: str) -> bool:
    """Does `quote` stand in `text` after white space is made equal? An empty quote never does."""
    wanted = _squeeze(quote)
    return bool(wanted) and wanted in _squeeze(text)


def checked(quotes: list[str], trajectory: Trajectory) -> tuple[Quote, ...]:
    """The quotes that really occur in a step of `trajectory`, each with that step's number; the others are removed.

    Where several steps hold the words, an agent's own step is the evidence.
    """
    found: list[Quote] = []
    steps = sorted(enumerate(trajectory.steps, 1), key=lambda row: row[1].role != "agent")
    for quote in quotes:
        turn = next((n for n, step in steps if occurs(quote, step.words)), None)
        if turn is not None:
            found.append(Quote(trajectory=trajectory.id, turn=turn, quote=" ".join(quote.split())))
    return tuple(dict.fromkeys(found))


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _explain(error: ValidationError, text: str, where: Path | str) -> str:
    first: Any = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else "?"
    return f"{at(where, _line_of(text, key))}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}"


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"\s*(\[+)?{re.escape(key)}\b")
    return next((n for n, line in enumerate(text.split("\n"), 1) if pattern.match(line)), 1)
