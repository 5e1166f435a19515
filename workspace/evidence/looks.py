"""How often the held-out tasks of a run were asked, on its disk: `rounds/N/looks.jsonl`, one line a look.

A look is one set of candidates tried on one set of tasks. Candidates that were edited after a verdict, another
candidate, another model of the solver and a later round are looks of their own; a run that is taken up again repeats
the one it was in. A look counts as further where it shares a task with an earlier one of the same split.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.errors import InputError
from workspace.files import read_lines, write_text
from workspace.runs.run import RoundFolder, RunFolder

FILE = "looks.jsonl"
HeldSplit = Literal["validation", "test"]


class Look(BaseModel):
    """What was looked at: digests of the skills, `how` they were tried (digest of model and sampling), task ids."""

    model_config = ConfigDict(frozen=True)
    split: HeldSplit
    base: str
    candidates: tuple[str, ...]
    how: str
    tasks: tuple[str, ...]


class Noted(Look):
    """A look on record; `look` is its number, from 1."""

    look: int


def noted(run: RunFolder) -> list[Noted]:
    """The looks of a run, round by round. Raises `InputError` with the line that cannot be read."""
    return [one for folder in run.rounds() for one in _read(folder)]


def find(looks: Sequence[Noted], look: Look) -> Noted | None:
    """The record of the same look, if there is one."""
    return next((one for one in looks if Look.model_validate(one.model_dump(exclude={"look"})) == look), None)


def number_of(looks: Sequence[Noted], look: Look) -> int:
    """Which look at its tasks this is: that of its record, else the next."""
    if before := find(looks, look):
        return before.look
    tasks = set(look.tasks)
    shared = [one.look for one in looks if one.split == look.split and not tasks.isdisjoint(one.tasks)]
    return max(shared, default=0) + 1


def note(run: RunFolder, folder: RoundFolder, look: Look) -> int:
    """Put a look of the round `folder` on record, once; gives its number. Raises `DiskError`, `InputError`."""
    looks = noted(run)
    number = number_of(looks, look)
    if find(looks, look) is None:
        rows = [*_read(folder), Noted(**look.model_dump(), look=number)]
        write_text(folder.path / FILE, "".join(f"{json.dumps(row.model_dump(mode='json'))}\n" for row in rows))
    return number


def unseen(looks: Sequence[Noted], look: Look) -> Look | None:
    """`look` at those skills alone that no look on record has tried in the same way on all of its tasks, whatever they
    were tried beside; None where all of them were seen, its base included."""
    tasks = set(look.tasks)
    same = [one for one in looks if (one.split, one.how) == (look.split, look.how) and tasks <= set(one.tasks)]
    seen = {digest for one in same for digest in (one.base, *one.candidates)}
    new = tuple(digest for digest in dict.fromkeys(look.candidates) if digest not in seen)
    return look.model_copy(update={"candidates": new}) if new or look.base not in seen else None


def note_unseen(run: RunFolder, folder: RoundFolder, look: Look) -> int:
    """Put what is `unseen` of a look of the round `folder` on record; gives how often its tasks were looked at by then.
    Raises as `note`."""
    if (new := unseen(noted(run), look)) is not None:
        note(run, folder, new)
    return number_of(noted(run), look.model_copy(update={"base": "", "candidates": ()})) - 1


def _read(folder: RoundFolder) -> list[Noted]:
    path = folder.path / FILE
    rows: list[Noted] = []
    for number, line in enumerate(read_lines(path) if path.is_file() else (), 1):
        try:
            rows.append(Noted.model_validate_json(line))
        except ValidationError as error:
            raise InputError(
                f"{path}:{number}: not the record of a look at held-out tasks; put the line back as it was"
            ) from error
    return rows
