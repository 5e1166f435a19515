"""A skill as a value: its files, and nothing that knows a disk but `load_skill` and `save_skill`.

    SKILL.md      front matter (name, description, …) + instructions
    references/ scripts/ assets/ …

Text keeps its bytes: line endings, BOM and a missing final newline survive load and save. Hidden files and
`__pycache__` are not part of a skill. A symbolic link is refused: what it points to is not in the folder.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from workspace.errors import SkillError, at
from workspace.files import digest, read_bytes, remove, swap_folder, walk, write_bytes

MAIN = "SKILL.md"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Skill(BaseModel):
    """`files` maps POSIX paths to text, or to bytes where a file is not UTF-8; sorted by path.

    `executable` are the paths that carry the execute bit; it is no part of the digest.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    files: Mapping[str, str | bytes]
    executable: tuple[str, ...] = ()

    @field_validator("files")
    @classmethod
    def _in_order(cls, files: Mapping[str, str | bytes]) -> Mapping[str, str | bytes]:
        for path in files:
            if fault := path_fault(path):
                raise ValueError(f"{path!r}: {fault}")
        return dict(sorted(files.items()))

    @property
    def body(self) -> str:
        """The whole text of SKILL.md."""
        return self.text(MAIN) or ""

    @property
    def front_matter(self) -> dict[str, Any]:
        """The values of the YAML head; empty without one. Raises `SkillError` with file:line."""
        return read_front_matter(self.body, MAIN)

    @property
    def instructions(self) -> str:
        """SKILL.md without its front matter: what a solver is shown."""
        lines = split_lines(self.body)
        return "".join(lines[max(front_matter_end(lines), 0) :]).removeprefix("\ufeff").lstrip("\r\n")

    @property
    def digest(self) -> str:
        """16 hex digits over every path and content."""
        return digest(*(part for pair in self.files.items() for part in pair))

    def text(self, path: str) -> str | None:
        """The text of a file; None when it is not there or is not text."""
        content = self.files.get(path)
        return content if isinstance(content, str) else None

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text file: SKILL.md first, then by path."""
        both = ((path, content) for path, content in self.files.items() if isinstance(content, str))
        yield from sorted(both, key=lambda pair: (pair[0] != MAIN, pair[0]))

    def with_file(self, path: str, text: str | None) -> Skill:
        """A copy with `path` set to `text`, or without it."""
        files = {p: content for p, content in self.files.items() if p != path}
        if text is not None:
            files[path] = text
        return Skill(name=self.name, files=files, executable=tuple(p for p in self.executable if p in files))


class Fault(NamedTuple):
    """What keeps a folder from being a skill: the guard's `rule`, the file, its line (0 for all of it), a sentence."""

    rule: str
    file: str
    line: int
    message: str


class Opened(NamedTuple):
    """A folder as far as it could be read. `foreign` are the files whose text is not that of a file in the folder."""

    skill: Skill
    faults: tuple[Fault, ...]
    foreign: frozenset[str] = frozenset()


def load_skill(folder: Path) -> Skill:
    """The skill in `folder`; its name is the front matter's where that can name a folder, else the folder's.

    Raises `SkillError`: no such folder, no SKILL.md, unreadable front matter (file:line), a symbolic link inside.
    """
    _need_main(folder)
    for path in _links(folder):
        raise SkillError(f"{path}: a symbolic link inside a skill; put a copy of the file there")
    files = {_name(path, folder): _content(path) for path in _files(folder)}
    if not isinstance(body := files[MAIN], str):
        raise SkillError(f"{folder / MAIN}: not UTF-8 text")
    read_front_matter(body, folder / MAIN)
    return _skill(folder, files)


def open_skill(folder: Path) -> Opened:
    """What can be read of `folder`, and everything that `load_skill` would refuse it for but its front matter.

    Raises `SkillError` where there is no such folder or no SKILL.md in it.
    """
    _need_main(folder)
    faults = [_link_fault(path, folder) for path in _links(folder)]
    files: dict[str, str | bytes] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if fault := path_fault(name):
            faults.append(Fault("path", name, 0, f"the file name cannot be used: {fault}"))
        else:
            files[name] = _content(path)
    foreign = frozenset({MAIN}) - files.keys()
    body = files.setdefault(MAIN, read_bytes(folder / MAIN))
    if isinstance(body, bytes):
        foreign = frozenset({MAIN})
        files[MAIN] = body.decode("utf-8", "replace")
        faults += [Fault("encoding", MAIN, line, "is not UTF-8 text") for line in [bad_byte_line(body)] if line]
    return Opened(_skill(folder, files), tuple(faults), foreign)


def bad_byte_line(content: bytes) -> int:
    """The line, from 1, of the first byte that no text has: a NUL or what is not UTF-8; 0 without one."""
    bad = content.find(b"\0")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = error.start if bad < 0 else min(bad, error.start)
    return content[:bad].count(b"\n") + 1 if bad >= 0 else 0


def save_skill(skill: Skill, folder: Path) -> None:
    """Make `folder` hold exactly `skill`: written beside it and then swapped in, so never half. Raises `DiskError`."""
    staging = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.staging"
    try:
        for path, content in skill.files.items():
            target = staging / path
            write_bytes(target, content.encode() if isinstance(content, str) else content)
            target.chmod(0o755 if path in skill.executable else 0o644)
        swap_folder(staging, folder)
    except BaseException:
        remove(staging)
        raise


def new_skill(name: str, description: str, body: str) -> Skill:
    """A skill of one SKILL.md: block-style front matter, quoted description, then `body`.

    Raises `SkillError` for a name or description that the Agent Skills specification refuses.
    """
    if not NAME.fullmatch(name) or len(name) > 64:
        raise SkillError(f"skill name {name!r}: use 1 to 64 lower-case letters, digits and single hyphens")
    if not 0 < len(description.strip()) <= 1024:
        raise SkillError(f"skill {name}: the description must have 1 to 1024 characters")
    head = f"---\nname: {name}\ndescription: {_quoted(description.strip())}\n---\n"
    text = body.replace("\r\n", "\n").strip("\n")
    return Skill(name=name, files={MAIN: f"{head}\n{text}\n" if text else head})


def fence(text: str, language: str = "") -> str:
    """`text` as a fenced block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{ticks}"


def path_fault(path: str) -> str | None:
    """Why `path` may not name a file of a skill; None when it may."""
    parts = path.split("/")
    if not path or path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path):
        return "a path inside the skill is relative, like references/dates.md"
    if "\\" in path:
        return "a path uses / between its parts"
    if ".." in parts:
        return "the path leaves the skill"
    if any(part in {"", "."} or part != part.strip() for part in parts) or not path.isprintable():
        return "the path is not in its plain form"
    if any(part.startswith(".") for part in parts):
        return "hidden files are no part of a skill"
    return "the path is too long" if len(path) > 200 else None


def split_lines(text: str) -> list[str]:
    """Lines with their ends (LF, CRLF or CR, as Markdown counts them); joined they are `text` again."""
    return _LINE.findall(text)


def front_matter_end(lines: list[str]) -> int:
    """The number of lines that the front matter takes, both rules included; 0 without one, -1 if never closed."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "---":
        return 0
    return next((n for n, line in enumerate(lines[1:], 2) if line.rstrip() == "---"), -1)


def read_front_matter(text: str, where: Path | str) -> dict[str, Any]:
    """The values of the YAML head of `text`. Raises `SkillError` with file:line."""
    try:
        return dict(_parse_head(text))
    except _BadHead as error:
        raise SkillError(f"{at(where, error.line)}: {error}") from error


class HeadFault(NamedTuple):
    """Why front matter cannot be read; `line` counts from 1."""

    line: int
    message: str


def front_matter_fault(text: str) -> HeadFault | None:
    """What keeps the YAML head of `text` from being read; None when it can be, or when there is none."""
    try:
        _parse_head(text)
    except _BadHead as error:
        return HeadFault(error.line, str(error))
    return None


class _BadHead(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@lru_cache(maxsize=64)
def _parse_head(text: str) -> dict[str, Any]:
    lines = split_lines(text)
    end = front_matter_end(lines)
    if end < 0:
        raise _BadHead(1, "the front matter opened here is never closed; add a line `---` below it")
    reader: Any = YAML(typ="safe", pure=True)
    try:
        value: object = reader.load("".join(lines[1 : end - 1])) if end else {}
    except MarkedYAMLError as error:
        fault: Any = error
        mark = fault.problem_mark or fault.context_mark
        raise _BadHead(mark.line + 2 if mark else 1, f"front matter is not YAML: {fault.problem}") from error
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The reader stumbles with errors of its own over tags that do not fit their value, and over deep nesting.
        raise _BadHead(
            1, f"front matter is not YAML: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error
    if value is not None and not isinstance(value, dict):
        raise _BadHead(2, "front matter must be `key: value` lines")
    return {str(key): item for key, item in cast("dict[object, Any]", value or {}).items()}


def _quoted(text: str) -> str:
    """A YAML double-quoted scalar on one line, without a `---` that simple readers would take for the end."""
    escaped = _UNPRINTABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))
    return escaped.replace("---", "\\x2d\\x2d\\x2d")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _name(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if fault := path_fault(name):
        raise SkillError(f"{folder}: the file name {name!r} cannot be used: {fault}")
    return name


def _content(path: Path) -> str | bytes:
    data = read_bytes(path)
    try:
        return data if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _need_main(folder: Path) -> None:
    if folder.is_file():
        raise SkillError(f"{folder} is a file; a skill is a folder with a {MAIN}, so name {folder.parent}")
    if not folder.is_dir():
        raise SkillError(f"{folder}: no such folder; a skill is a folder with a {MAIN}")
    if not (folder / MAIN).is_file():
        raise SkillError(f"{folder}: no {MAIN} in it, so it is not a skill; create one with --create NAME --about TEXT")


def _files(folder: Path) -> list[Path]:
    return [path for path in walk(folder) if not _hidden(path.relative_to(folder))]


def _links(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_symlink() and not _hidden(p.relative_to(folder))]


def _link_fault(path: Path, folder: Path) -> Fault:
    leads_out = not path.resolve().is_relative_to(folder.resolve())
    message = f"a symbolic link{' that leads out of the skill' if leads_out else ''}; put a copy of the file there"
    return Fault("path", path.relative_to(folder).as_posix(), 0, message)


def _skill(folder: Path, files: Mapping[str, str | bytes]) -> Skill:
    body = files[MAIN]
    head = _parse_head(body) if isinstance(body, str) and front_matter_fault(body) is None else {}
    name = head.get("name")
    own_name = name if isinstance(name, str) and _names_a_folder(name) else folder.resolve().name
    runs = tuple(path for path in sorted(files) if (folder / path).stat().st_mode & 0o100)
    return Skill(name=own_name, files=files, executable=runs)


def _names_a_folder(name: str) -> bool:
    """Results are saved in a folder of this name, and a stranger's front matter may say `../x` or `/home/me`."""
    return "/" not in name and path_fault(name) is None and len(name.encode()) <= 128
