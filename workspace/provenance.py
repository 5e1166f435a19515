"""Provenance: every line of the evolved skill knows its edit, the lessons behind it and the quoted turns behind those.

The map is written into the run (`provenance.json`), never into the skill's text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from workspace.examples import one_line
from workspace.guard import Settled
from workspace.lesson import Lesson, Quote
from workspace.skill import split_lines


class Origin(BaseModel):
    """One line of a file of the skill: what wrote it (`author`: s0, model, human or program) and what it rests on."""

    model_config = ConfigDict(frozen=True)
    file: str
    line: int
    text: str
    author: str
    edit: str = ""
    lessons: tuple[str, ...] = ()
    trajectories: tuple[Quote, ...] = ()


def provenance(settled: Settled, lessons: Sequence[Lesson]) -> list[Origin]:
    """A row for every line of every text file, in order."""
    by_id = {lesson.id: lesson for lesson in lessons}
    edits = {edit.id: edit for edit in settled.kept}
    rows: list[Origin] = []
    for file, text in settled.skill.texts():
        wrote = settled.applied.origin(file)
        for number, line in enumerate(split_lines(text), 1):
            edit = edits.get(wrote[number - 1] or "") if number <= len(wrote) else None
            if edit is None:
                rows.append(Origin(file=file, line=number, text=line.rstrip("\r\n"), author="s0"))
                continue
            behind = _behind(line, [by_id[name] for name in edit.lessons if name in by_id])
            rows.append(
                Origin(
                    file=file,
                    line=number,
                    text=line.rstrip("\r\n"),
                    author=edit.author,
                    edit=edit.id,
                    lessons=tuple(lesson.id for lesson in behind),
                    trajectories=tuple(dict.fromkeys(quote for lesson in behind for quote in lesson.evidence)),
                )
            )
    return rows


def _behind(line: str, lessons: Sequence[Lesson]) -> Sequence[Lesson]:
    """The lessons whose own example stands in `line`; all of the edit's lessons where none does."""
    own = [
        lesson
        for lesson in lessons
        if any(line.endswith((one_line(x.input), one_line(x.right))) for x in lesson.examples)
    ]
    return own or lessons


def dump_provenance(rows: Sequence[Origin]) -> str:
    """JSON: {"format": 1, "lines": [{file, line, text, edit, lessons, trajectories: [{id, turn, quote}], author}]}."""
    lines = [
        row.model_dump(exclude={"trajectories"})
        | {"trajectories": [{"id": q.trajectory, "turn": q.turn, "quote": q.quote} for q in row.trajectories]}
        for row in rows
    ]
    return json.dumps({"format": 1, "lines": lines}, ensure_ascii=False, indent=1) + "\n"
