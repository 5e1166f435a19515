"""The text that people edit a lesson in: what is theirs to write first, what the program keeps below.

It is the same TOML as on the disk, so it can be saved as it stands; the lines that begin with # are help.
"""

from __future__ import annotations

from typing import Any, cast

from workspace.files import dump_toml
from workspace.lessons.lesson import Lesson

OWN = ("title", "claim", "why")
ALWAYS = ("id", "kind", "status")
HELP = """\
# title: the lesson in a few words.   claim: what to do, in general.
# why: what makes it right.   The rest can be left alone.
"""
KEPT = "# kept by the program"


def sheet(lesson: Lesson) -> str:
    """The lesson as a person edits it. What it has no value for is left out."""
    table = lesson.model_dump(mode="json")
    own = {key: table[key] for key in OWN}
    rest = {key: value for key, value in table.items() if key not in OWN and _tells(lesson, key)}
    return f"{HELP}\n{dump_toml(own)}\n{KEPT}\n{dump_toml(_ordered(rest))}"


def as_sheet(text: str, lesson: Lesson) -> str:
    """The text of a lesson on the disk as a sheet; one with remarks stays as its writer left it."""
    remarked = any(line.lstrip().startswith("#") for line in text.split("\n"))
    return text if remarked else sheet(lesson)


def first_place(text: str) -> tuple[int, int]:
    """Row and column (from 0) where the title is written."""
    for number, line in enumerate(text.split("\n")):
        if line.startswith("title = "):
            return number, line.index('"') + 1 if '"' in line else len(line)
    return 0, 0


def _tells(lesson: Lesson, key: str) -> bool:
    return key in ALWAYS or getattr(lesson, key) != type(lesson).model_fields[key].default


def _ordered(table: dict[str, Any]) -> dict[str, Any]:
    """The few words first: TOML wants what has parts of its own at the end anyway."""
    return dict(sorted(table.items(), key=lambda pair: (pair[0] not in ALWAYS, _has_parts(pair[1]))))


def _has_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in cast("list[object]", value))
