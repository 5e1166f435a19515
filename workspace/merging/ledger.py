"""The ledger: what became of every lesson and every proposed edit. Counted by program; nothing may be unaccounted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from workspace.edits.patch import Edit

Fate = Literal["in_skill", "withheld", "quarantined", "dropped", "failed"]
FATES: tuple[Fate, ...] = ("in_skill", "withheld", "quarantined", "dropped", "failed")


class Entry(BaseModel):
    """One row of ledger.jsonl. `edit` is the output edit that carries a source edit, `file` where it stands."""

    model_config = ConfigDict(frozen=True)
    what: Literal["lesson", "edit"]
    id: str
    state: Fate
    reason: str = ""
    file: str = ""
    block: str = ""
    edit: str = ""


class Ending(NamedTuple):
    """How an output edit ended; `file` where that is not the file the edit names."""

    edit: Edit
    state: Fate
    reason: str = ""
    file: str = ""


class Loss(NamedTuple):
    """A lesson that no edit carries, or a source edit that ended on the way."""

    id: str
    state: Fate
    reason: str


def edit_rows(proposed: Sequence[Edit], endings: Iterable[Ending], losses: Mapping[str, Loss]) -> list[Entry]:
    """One row for each proposed source edit; one that nobody accounts for has no row (see `unaccounted`)."""
    fate: dict[str, Entry] = {}
    for ending in endings:
        for source in ending.edit.sources or (ending.edit.id,):
            row = _edit_row(source, ending)
            if source not in fate or FATES.index(row.state) < FATES.index(fate[source].state):
                fate[source] = row
    for source, loss in losses.items():
        fate.setdefault(source, Entry(what="edit", id=source, state=loss.state, reason=loss.reason))
    return [fate[edit.id] for edit in proposed if edit.id in fate]


def lesson_rows(
    lessons: Sequence[str], proposed: Sequence[Edit], edits: Sequence[Entry], losses: Mapping[str, Loss]
) -> list[Entry]:
    """One row for each lesson: the best fate among its edits, else why it has none."""
    by_edit = {entry.id: entry for entry in edits}
    fates: dict[str, list[Entry]] = {}
    for edit in proposed:
        for lesson in edit.lessons if edit.id in by_edit else ():
            fates.setdefault(lesson, []).append(by_edit[edit.id])
    rows: list[Entry] = []
    for lesson in lessons:
        if lesson in fates:
            best = min(fates[lesson], key=lambda entry: FATES.index(entry.state))
            rows.append(best.model_copy(update={"what": "lesson", "id": lesson}))
        elif lesson in losses:
            loss = losses[lesson]
            rows.append(Entry(what="lesson", id=lesson, state=loss.state, reason=loss.reason))
    return rows


def unaccounted(names: Iterable[str], rows: Iterable[Entry]) -> tuple[str, ...]:
    """Lessons or edits without a row: must be empty."""
    known = {row.id for row in rows}
    return tuple(name for name in names if name not in known)


def dump_ledger(rows: Iterable[Entry]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(row.model_dump(), ensure_ascii=False) + "\n" for row in rows)


def load_ledger(text: str) -> list[Entry]:
    """Back from JSON Lines."""
    return [Entry.model_validate_json(line) for line in text.split("\n") if line.strip()]


def _edit_row(source: str, ending: Ending) -> Entry:
    edit = ending.edit
    place = getattr(edit, "block", None) or getattr(edit, "section", None) or getattr(edit, "after", None) or ""
    file = ending.file or getattr(edit, "path", "") or edit.file
    block = "" if ending.file else str(place)
    return Entry(what="edit", id=source, state=ending.state, reason=ending.reason, file=file, block=block, edit=edit.id)
