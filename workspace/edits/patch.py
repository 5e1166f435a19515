"""Edits and patches: what one trajectory (or a merge) wants to change in the frozen skill S0.

An edit names blocks of S0 by the ids of `outline.py`, never text, so its place is exact by construction.
A patch is one TOML file; `apply.py` puts its edits into the skill.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workspace.errors import InputError, at
from workspace.files import dump_toml, parse_toml

FORMAT = 1
MAIN = "SKILL.md"


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


Text = Annotated[str, AfterValidator(_lf)]
Names = Annotated[tuple[str, ...], AfterValidator(_distinct)]
Tasks = Annotated[tuple[str, ...], AfterValidator(_sorted)]


class EditBase(BaseModel):
    """What every edit carries.

    `support` are the distinct tasks behind its lessons, `sources` the proposed edits it was merged from
    (a proposed edit lists itself).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(min_length=1)
    file: str = MAIN
    lessons: Names = ()
    support: Tasks = ()
    sources: Names = Field(default_factory=lambda data: (data["id"],) if "id" in data else ())
    author: Literal["model", "program", "human"] = "model"
    verified: bool = False
    pinned: bool = False
    reason: Text = ""


class InsertAfter(EditBase):
    """New text below a block; below a list item it becomes the next item."""

    op: Literal["insert_after"] = "insert_after"
    block: str
    text: Text


class InsertBefore(EditBase):
    """New text above a block; above a list item it becomes an item."""

    op: Literal["insert_before"] = "insert_before"
    block: str
    text: Text


class AppendToSection(EditBase):
    """New text at the end of a section's own content: above its first sub-heading. `section` is a heading or `top`."""

    op: Literal["append_to_section"] = "append_to_section"
    section: str
    text: Text


class Replace(EditBase):
    """New text in place of a block, or of all from `block` to `last`. For a heading: its own line only."""

    op: Literal["replace"] = "replace"
    block: str
    last: str | None = None
    text: Text


class Delete(EditBase):
    """A block goes; with `section`, the heading `block` goes with all up to the next heading of its level or above."""

    op: Literal["delete"] = "delete"
    block: str
    section: bool = False


class AddSection(EditBase):
    """A new section behind the section `after` (a heading or `top`), else at the end of the file.

    Where the file already has one section of that title, the text is appended to it.
    """

    op: Literal["add_section"] = "add_section"
    title: Text
    text: Text
    after: str | None = None


class Link(BaseModel):
    """The line that makes a new file known: where it goes in the edit's `file`, and its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    op: Literal["insert_after", "append_to_section"] = "append_to_section"
    block: str
    text: Text


class Create(EditBase):
    """A new file and, in the same edit, the line that links it."""

    op: Literal["create"] = "create"
    path: str
    text: Text
    link: Link


class DeleteFile(EditBase):
    """A file and every link to it."""

    op: Literal["delete_file"] = "delete_file"
    path: str


Edit: TypeAlias = Annotated[
    InsertAfter | InsertBefore | AppendToSection | Replace | Delete | AddSection | Create | DeleteFile,
    Field(discriminator="op"),
]

_EDIT: TypeAdapter[Edit] = TypeAdapter(Edit)


class Dropped(BaseModel):
    """A source edit that a merge left out, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    reason: Text = ""


class Patch(BaseModel):
    """Edits against the skill with digest `base`. `key` is the digest of all that made this patch; `reads` are the
    lessons that a proposed one was made from, each with its digest then."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = FORMAT
    id: str
    key: str = ""
    base: str
    reads: dict[str, str] = Field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def parse_edit(data: dict[str, Any]) -> Edit:
    """An edit from plain data. Raises `InputError` with the key at fault: its words suit a reply to the model."""
    try:
        return _EDIT.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(_told(_keys(first["loc"]), first["msg"])) from error


def dumps_patch(patch: Patch) -> str:
    """TOML with real line breaks in the texts; defaults are left out."""
    head = patch.model_dump(include={"format", "id", "key", "base"})
    edits = [_row(edit) for edit in patch.edits]
    dropped = [d.model_dump(mode="json") for d in patch.dropped]
    parts = {"reads": patch.reads, "edits": edits, "dropped": dropped}
    return dump_toml(head | {name: part for name, part in parts.items() if part})


def loads_patch(text: str, where: Path | str) -> Patch:
    """Back from TOML. Raises `InputError` with file:line and the key at fault."""
    data = parse_toml(text, where)
    if (version := data.get("format")) != FORMAT:
        line = _line_of(text, ("format",))
        raise InputError(f"{at(where, line)}: `format` is {version!r}; this version reads format {FORMAT}")
    try:
        return Patch.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        told = _told(_keys(first["loc"]), first["msg"])
        raise InputError(f"{at(where, _line_of(text, first['loc']))}: {told}") from error


def edit_text(edit: Edit) -> str:
    """The words an edit brings, for comparing edits; empty for the two that only remove."""
    return "" if isinstance(edit, Delete | DeleteFile) else edit.text


def anchor(edit: Edit) -> str:
    """`file#block`: equal for edits at the same place. A new section is placed by its title, a file by its path."""
    match edit:
        case AppendToSection():
            return f"{edit.file}#{edit.section}"
        case AddSection():
            return f"{edit.file}#section:{' '.join(edit.title.casefold().split())}"
        case Create() | DeleteFile():
            return f"{edit.path}#"
        case _:
            return f"{edit.file}#{edit.block}"


def _row(edit: Edit) -> dict[str, Any]:
    data = edit.model_dump(mode="json", exclude_defaults=True)
    if edit.sources == (edit.id,):
        data.pop("sources", None)
    first = {"id": edit.id, "op": edit.op}
    return first | {k: v for k, v in data.items() if k not in first}


def _keys(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location without the name of the union's member, which no file holds."""
    ops = {"insert_after", "insert_before", "append_to_section", "replace", "delete", "add_section", "create"}
    return tuple(part for part in loc if part not in ops | {"delete_file"})


def _told(keys: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(k + 1) if isinstance(k, int) else k for k in keys)
    message = message[:1].lower() + message[1:]
    return f"`{name}`: {message}" if name else message


def _line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """The line of the key at `loc`; of its table when the key is missing; 1 when there is no such table."""
    keys = _keys(loc)
    lines = text.splitlines()
    table, number = cast("tuple[str, int]", keys[:2]) if len(keys) > 1 and isinstance(keys[1], int) else ("", -1)
    heads = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{re.escape(table)}\s*\]\]", line)]
    if number >= len(heads):
        return next((n for n, line in enumerate(lines, 1) if line.startswith(table)), 1)
    start = heads[number] if number >= 0 else -1
    later = [n for n in heads if n > start]
    names = [k for k in keys if isinstance(k, str) and k != table]
    pattern = re.compile(rf"\s*\[?[\w.]*\b{re.escape(names[-1])}\b") if names else None
    for n in range(start + 1, min([*later, len(lines)])):
        if pattern and pattern.match(lines[n]):
            return n + 1
    return max(start, 0) + 1
