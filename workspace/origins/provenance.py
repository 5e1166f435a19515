"""Provenance: every line of the evolved skill knows its edit, the lessons behind it and the quoted turns behind those.

The map is written into the run (`provenance.json`), never into the skill's text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.edits.patch import Edit
from workspace.errors import InputError
from workspace.guard.guard import Settled
from workspace.json_text import parse_json
from workspace.lessons.examples import one_line
from workspace.lessons.lesson import Lesson, Quote
from workspace.skills.skill import split_lines

FORMAT = 1


class Origin(BaseModel):
    """One line of a file of the skill: what wrote it (`author`: s0, model, human or program) and what it rests on.

    `was` is the number of the line in S0, from 1; 0 for an edit's line, and for a blank one that moved.
    """

    model_config = ConfigDict(frozen=True)
    file: str
    line: int
    text: str
    author: str
    edit: str = ""
    lessons: tuple[str, ...] = ()
    trajectories: tuple[Quote, ...] = ()
    was: int = 0


def provenance(
    settled: Settled,
    lessons: Sequence[Lesson],
    writers: Mapping[str, Sequence[str | None]] | None = None,
    aside: Sequence[Edit] = (),
) -> list[Origin]:
    """A row for every line of every text file, in order.

    `writers` has for a page that the program put together the id of the edit behind each line, one of `aside`; None for
    the page's own words, which rest on no lesson.
    """
    by_id = {lesson.id: lesson for lesson in lessons}
    kept, parts = {edit.id: edit for edit in settled.kept}, {edit.id: edit for edit in aside}
    rows: list[Origin] = []
    for file, text in settled.skill.texts():
        wrote, page = settled.applied.origin(file), (writers or {}).get(file, ())
        came = settled.applied.sources.get(file)
        for number, line in enumerate(split_lines(text), 1):
            bare = line.rstrip("\r\n")
            edit = kept.get(wrote[number - 1] or "") if number <= len(wrote) else None
            if edit is None:
                was = number if came is None else _number(came[number - 1])
                rows.append(Origin(file=file, line=number, text=bare, author="s0", was=was))
                continue
            known = edit.lessons
            if number <= len(page):
                edit = parts.get(page[number - 1] or "", edit)
                known = edit.lessons if page[number - 1] else ()
            behind = _behind(bare, [by_id[name] for name in known if name in by_id])
            rows.append(_written(file, number, bare, edit, behind))
    return rows


def _number(source: int | None) -> int:
    return 0 if source is None else source + 1


def _written(file: str, number: int, text: str, edit: Edit, behind: Sequence[Lesson]) -> Origin:
    return Origin(
        file=file,
        line=number,
        text=text,
        author=edit.author,
        edit=edit.id,
        lessons=tuple(lesson.id for lesson in behind),
        trajectories=tuple(dict.fromkeys(quote for lesson in behind for quote in lesson.evidence)),
    )


def _behind(line: str, lessons: Sequence[Lesson]) -> Sequence[Lesson]:
    """The lessons whose own example stands in `line`; all of the edit's lessons where none does."""
    own = [
        lesson
        for lesson in lessons
        if any(case and line.endswith(case) for x in lesson.examples for case in (one_line(x.input), one_line(x.right)))
    ]
    return own or lessons


def dump_provenance(rows: Sequence[Origin]) -> str:
    """JSON: {"format": 1, "lines": [row, …]}: the fields of `Origin`, `trajectories` as [{id, turn, quote}]."""
    lines = [
        row.model_dump(exclude={"trajectories"}) | {"trajectories": quotes_table(row.trajectories)} for row in rows
    ]
    return json.dumps({"format": FORMAT, "lines": lines}, ensure_ascii=False, indent=1) + "\n"


def load_provenance(text: str, where: Path | str) -> list[Origin]:
    """Back from JSON; files from before `was` load too. Raises `InputError` with the file and what is wrong in it."""
    try:
        data = parse_json(text)
        if (version := data["format"]) != FORMAT:
            raise InputError(f"{where}: `format` is {version!r}; this version reads format {FORMAT}")
        return [_origin(row) for row in data["lines"]]
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: not a provenance that can be read; `t2s resume` makes it again") from error


def quotes_table(quotes: Sequence[Quote]) -> list[dict[str, Any]]:
    """The quoted turns with the keys that scripts read."""
    return [{"id": q.trajectory, "turn": q.turn, "quote": q.quote} for q in quotes]


def _origin(row: dict[str, Any]) -> Origin:
    quotes = cast("list[dict[str, Any]]", row.get("trajectories", []))
    told = [Quote(trajectory=q["id"], turn=q["turn"], quote=q["quote"]) for q in quotes]
    return Origin.model_validate({**row, "trajectories": told})
