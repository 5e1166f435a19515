"""Read the JSON patches that the released Trace2Skill code writes, as they are: nothing is looked up in a skill here.

    {"reasoning": "…", "changelog_entries": ["…"], "edits": [{"file": "SKILL.md", "op": "insert_after", …}]}

Also read: a list of such objects, and text (a model's reply) that holds one, in a ```json block or bare. The JSON must
be whole; every fault is an `InputError` with file:line and the way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, cast, get_args

from pydantic import BaseModel, ConfigDict

from workspace.errors import InputError, at

Op = Literal[
    "append_to_section", "insert_after", "insert_before", "replace_in_section",
    "add_section", "delete_section", "create", "delete_file",
]  # fmt: skip
OPS: tuple[Op, ...] = get_args(Op)
FIELDS = ("target_section", "target_text", "old_text", "content", "after_section", "reason")
_ALIASES = {"create_file": "create", "replace": "replace_in_section", "append": "append_to_section"}
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_FENCED = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*(?:json|JSON)[ \t]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_OPENS = re.compile(r"(?:^[ \t]*[\[{])|\{", re.MULTILINE)
TRIES = 200


class SourceEdit(BaseModel):
    """One edit as it stands in the file: `id` tells its position (P001 is the first), `line` where it begins."""

    model_config = ConfigDict(frozen=True)
    id: str
    line: int
    op: Op
    file: str = ""
    target_section: str = ""
    target_text: str = ""
    old_text: str = ""
    content: str = ""
    after_section: str = ""
    reason: str = ""


class Released(BaseModel):
    """All edits of one patch file in the order of the file, and its remarks."""

    model_config = ConfigDict(frozen=True)
    edits: tuple[SourceEdit, ...]
    reasoning: str = ""
    changelog: tuple[str, ...] = ()


class _Piece(NamedTuple):
    """A part of the file that should be JSON, and where it begins."""

    text: str
    start: int


def parse_released(text: str, where: Path | str) -> Released:
    """The edits of a released patch. Raises `InputError` with file:line (and column where the JSON breaks off)."""
    return _Reader(text.removeprefix("\ufeff"), where).read()


def looks_released(text: str) -> bool:
    """Is this a released patch (or text that holds one) rather than one of our TOML files?"""
    start = text.removeprefix("\ufeff").lstrip()
    if start.startswith(("{", "```", "~~~")) or re.match(r"\[\s*(?:\{|\])", start):
        return True
    return '"edits"' in text and not re.search(r"^\s*format\s*=", text, re.MULTILINE)


class _Reader:
    """The file while it is read: knows the line of every edit."""

    def __init__(self, text: str, where: Path | str) -> None:
        self.text, self.where = text, where

    def read(self) -> Released:
        objects = [pair for piece in self._pieces() for pair in self._objects(piece)]
        edits: list[SourceEdit] = []
        for data, start in objects:
            edits += self._edits(data, start, len(edits))
        return Released(
            edits=tuple(edits),
            reasoning="\n".join(str(data["reasoning"]) for data, _ in objects if data.get("reasoning")),
            changelog=tuple(str(entry) for data, _ in objects for entry in _list(data.get("changelog_entries"))),
        )

    def _pieces(self) -> list[_Piece]:
        if self.text.lstrip().startswith(("{", "[")):
            return [_Piece(self.text, 0)]
        if fenced := [_Piece(m[2], m.start(2)) for m in _FENCED.finditer(self.text)]:
            return fenced
        if bare := next(self._bare(), None):
            return [bare]
        return self._fail(0, 'no patch in it: a released patch is one JSON object {"edits": […]}, ours is TOML')

    def _bare(self) -> Iterator[_Piece]:
        """Patches that stand in the running text of a reply."""
        for found in islice(_OPENS.finditer(self.text), TRIES):
            start = found.end() - 1
            with suppress(JSONDecodeError, RecursionError):
                value, end = _DECODER.raw_decode(self.text, start)
                if _is_patch(value):
                    yield _Piece(self.text[start:end], start)

    def _objects(self, piece: _Piece) -> Iterator[tuple[dict[str, Any], int]]:
        try:
            value = json.loads(piece.text)
        except JSONDecodeError as error:
            line, column = self._place(piece.start + error.pos)
            told = f"{at(self.where, line)}:{column}: not JSON ({error.msg})"
            raise InputError(f"{told}; mend the file there, nothing is guessed from half a patch") from error
        except (RecursionError, ValueError) as error:
            self._fail(piece.start, f"not JSON that can be read ({error})")
        if isinstance(value, dict):
            yield cast("dict[str, Any]", value), piece.start + _skip(piece.text, 0)
            return
        for item, (_, start) in zip(_list(value), _items(piece.text, _skip(piece.text, 0)), strict=False):
            if not isinstance(item, dict):
                self._fail(piece.start + start, 'each patch of the list is an object {"edits": […]}')
            yield cast("dict[str, Any]", item), piece.start + start

    def _edits(self, data: dict[str, Any], start: int, before: int) -> Iterator[SourceEdit]:
        rows = data.get("edits")
        if not isinstance(rows, list):
            self._fail(
                start, "`edits` is missing or no list" if "op" not in data else "an edit alone; put it in `edits`"
            )
        here = next((at_ for key, at_ in _members(self.text, start) if key == "edits"), start)
        starts = [at_ for _, at_ in _items(self.text, here)]
        for n, row in enumerate(cast("list[object]", rows)):
            place = starts[n] if n < len(starts) else here
            yield self._edit(row, f"P{before + n + 1:03d}", place)

    def _edit(self, row: object, name: str, start: int) -> SourceEdit:
        if not isinstance(row, dict):
            self._fail(start, f"{name}: an edit is an object with `file`, `op` and its texts")
        data = {str(k): v for k, v in cast("dict[object, Any]", row).items()}
        fields: dict[str, str] = {}
        for key in ("op", "file", *FIELDS):
            value = data.get(key)
            if value is not None and not isinstance(value, str):
                self._fail(start, f"{name}: `{key}` must be a text")
            fields[key] = value or ""
            if any("\ud800" <= c <= "\udfff" for c in fields[key]):
                self._fail(start, f"{name}: `{key}` holds half a character (a lone \\ud800 to \\udfff escape)")
        op = _op(fields.pop("op"))
        if op is None:
            self._fail(start, f"{name}: unknown `op` {str(data.get('op'))[:40]!r}; known are {', '.join(OPS)}")
        return SourceEdit(id=name, line=self._place(start)[0], op=op, **fields)

    def _place(self, position: int) -> tuple[int, int]:
        before = self.text[:position]
        return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1

    def _fail(self, position: int, message: str) -> NoReturn:
        raise InputError(f"{at(self.where, self._place(position)[0])}: {message}")


def _op(name: str) -> Op | None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower().replace("-", "_")
    snake = _ALIASES.get(snake, snake)
    return next((op for op in OPS if op == snake), None)


def _is_patch(value: object) -> bool:
    first = cast("list[object]", value)[0] if isinstance(value, list) and value else cast("object", value)
    return isinstance(first, dict) and "edits" in first


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Number and beginning of each value of the (valid) JSON list at `start`."""
    place, number = _skip(text, start + 1), 0
    while text[place] != "]":
        yield number, place
        _, end = _DECODER.raw_decode(text, place)
        place, number = _skip(text, end), number + 1
        place = _skip(text, place + 1) if text[place] == "," else place


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Key and beginning of the value of each member of the (valid) JSON object at `start`."""
    place = _skip(text, start + 1)
    while text[place] != "}":
        key, end = _DECODER.raw_decode(text, place)
        value = _skip(text, _skip(text, end) + 1)
        yield str(key), value
        _, end = _DECODER.raw_decode(text, value)
        place = _skip(text, end)
        place = _skip(text, place + 1) if text[place] == "," else place
