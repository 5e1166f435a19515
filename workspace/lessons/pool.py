"""The lesson pool of one seed: the engine's lessons, and the people's versions that go before them.

The engine writes `lessons/<id>.toml` once and never again. A person's version is `edits/<id>.toml`: the whole lesson
plus `base`, the digest of the text it was made from. Restoring is deleting it. What a person wrote or edited counts as
pinned unless they say otherwise. Hidden files (an editor's own, half-written ones) are no versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from workspace.errors import ChangedMeanwhile, InputError, LessonInvalid, at
from workspace.files import digest, read_bytes, read_text, remove, write_text
from workspace.lessons.lesson import Lesson, dump_lesson, load_lesson
from workspace.lessons.trials import tried
from workspace.runs.events import label
from workspace.runs.run import SeedFolder

LONGEST_ID = 200
"""Bytes: a name on the disk has 255, with what is put before and behind an id."""


class Loaded(NamedTuple):
    """A lesson, the text it came from, that text's digest, and the file. `edited`: it is a person's version."""

    lesson: Lesson
    text: str
    digest: str
    path: Path
    edited: bool


class Pool(NamedTuple):
    """The effective lessons by id in plan order, and what does not parse (id → file:line and reason)."""

    lessons: dict[str, Loaded]
    invalid: dict[str, str]


def lesson_ids(seed: SeedFolder) -> list[str]:
    """Every lesson id, the engine's first and then the people's own (H001 …)."""
    return [p.stem for p in _in(seed.lessons) if p.is_file()] + own_lessons(seed)


def own_lessons(seed: SeedFolder) -> list[str]:
    """Ids of the lessons that a person wrote from nothing, in order."""
    made = {p.stem for p in _in(seed.lessons)}
    return [p.stem for p in _in(seed.edits) if p.stem not in made and p.is_file()]


def versions(seed: SeedFolder) -> dict[str, str]:
    """Lesson id → digest of the text a person gave it; equal snapshots mean that nobody changed a lesson between.

    What cannot be read (a folder, a file without permission) has a mark instead, so that it counts as a change and
    `load` tells of it.
    """
    return {p.stem: _mark(p) for p in _in(seed.edits)}


def load(seed: SeedFolder, lesson: str) -> Loaded:
    """The effective lesson. Raises `LessonInvalid` with file:line (also for a folder, a file that cannot be read, and
    another lesson's id inside), or `InputError` when there is none of that id."""
    checked_id(lesson)
    for path, edited in ((seed.edits / f"{lesson}.toml", True), (seed.lessons / f"{lesson}.toml", False)):
        if _is_there(path):
            text = _text(path)
            parsed = _as_pinned(_parsed(text, path, lesson), edited)
            return Loaded(_as_tried(seed, parsed), text, digest(text), path, edited)
    known = ", ".join(lesson_ids(seed)[:8]) or "none yet"
    raise InputError(f"no lesson {lesson!r} (there are: {known})")


def checked_id(lesson: str) -> str:
    """`lesson`, which may come out of a stranger's journal. Raises `InputError` where no file can have that name."""
    if "/" in lesson or "\0" in lesson or len(lesson.encode(errors="replace")) > LONGEST_ID:
        raise InputError(f"{label(lesson, 40)!r} is no id of a lesson")
    return lesson


def original(seed: SeedFolder, lesson: str) -> Lesson | None:
    """The engine's own version, None for a lesson that a person wrote."""
    path = seed.lessons / f"{lesson}.toml"
    return load_lesson(_text(path), path) if _is_there(path) else None


def load_pool(seed: SeedFolder) -> Pool:
    """All effective lessons; those that do not parse are listed, not raised."""
    lessons: dict[str, Loaded] = {}
    invalid: dict[str, str] = {}
    for name in lesson_ids(seed):
        try:
            lessons[name] = load(seed, name)
        except LessonInvalid as error:
            invalid[name] = str(error)
    return Pool(lessons, invalid)


def save_edit(seed: SeedFolder, text: str, lesson: str, loaded: str) -> Loaded:
    """Keep a person's `text` as the version of `lesson` that counts.

    `loaded` is the digest of the text their editor had opened. Raises `LessonInvalid` (nothing written) when the text
    does not parse, and `ChangedMeanwhile` when the lesson changed since; their text is then kept as `<id>.toml.yours`.
    A text on the disk that does not parse can be mended this way: its digest counts, not what it says.
    """
    path = seed.edits / f"{checked_id(lesson)}.toml"
    _parsed(text, path, lesson)
    if _digest_now(seed, lesson) != loaded:
        mine = path.with_suffix(".toml.yours")
        write_text(mine, text)
        raise ChangedMeanwhile(f"lesson {lesson} changed meanwhile; yours is kept in {mine}")
    write_text(path, text)
    return load(seed, lesson)


def set_status(seed: SeedFolder, lesson: str, status: str, author: Literal["human", "ablation"] = "human") -> Loaded:
    """Drop, pin or unpin a lesson without touching its words; `author` is who does it."""
    now = load(seed, lesson)
    if status not in ("dropped", "pinned", "unpinned"):
        raise InputError(f"a lesson is dropped, pinned or unpinned, not {status!r}")
    changed = now.lesson.model_copy(update={"status": status, "base": now.digest})
    if "ablation" in (author, changed.author):
        changed = changed.model_copy(update={"author": author})
    write_text(seed.edits / f"{lesson}.toml", dump_lesson(changed))
    return load(seed, lesson)


def restore(seed: SeedFolder, lesson: str) -> Lesson | None:
    """Forget the person's version; returns the engine's, None when there was no other."""
    remove(seed.edits / f"{lesson}.toml")
    return original(seed, lesson)


def own_lesson(seed: SeedFolder, title: str, claim: str, why: str = "") -> Loaded:
    """A person's new lesson with the next free id H001, H002, …; pinned."""
    taken = {p.stem for p in seed.edits.glob("H*.toml")}
    name = next(i for n in range(1, 10_000) if (i := f"H{n:03d}") not in taken)
    lesson = Lesson(id=name, title=title, claim=claim, why=why, kind="human", author="human", status="pinned")
    write_text(seed.edits / f"{name}.toml", dump_lesson(lesson))
    return load(seed, name)


def _in(folder: Path) -> Iterator[Path]:
    """The lessons' places in `folder` in order, whatever stands there."""
    return (path for path in sorted(folder.glob("*.toml")) if not path.name.startswith("."))


def _is_there(path: Path) -> bool:
    """Does anything stand at `path`? Also a folder or a broken link: the engine's text must not silently go before."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # or a name that no file can have
        return False
    except OSError as error:
        raise LessonInvalid(f"cannot read {path}: {error.strerror}; make its folder readable") from error
    return True


def _text(path: Path) -> str:
    """The text of a lesson. Raises `LessonInvalid`: a pipe or folder is not opened, and bad bytes are told by line."""
    out = "mend it, or delete it to take back what was changed"
    try:
        if path.exists() and not path.is_file():
            raise LessonInvalid(f"{path} is not a file; {out}")
        return read_text(path)
    except InputError as error:
        raise LessonInvalid(f"{error}; {out}") from error
    except OSError as error:
        raise LessonInvalid(f"cannot read {path}: {error.strerror}; {out}") from error


def _parsed(text: str, path: Path, lesson: str) -> Lesson:
    parsed = load_lesson(text, path)
    if parsed.id != lesson:
        line = next((n for n, row in enumerate(text.split("\n"), 1) if re.match(r"\s*[\"']?id\b", row)), 1)
        raise LessonInvalid(f"{at(path, line)}: the id is {parsed.id!r}; it must stay {lesson!r}")
    return parsed


def _mark(path: Path) -> str:
    try:
        return digest(read_bytes(path)) if path.is_file() else "not a file"
    except (InputError, OSError):
        return "cannot be read"


def _digest_now(seed: SeedFolder, lesson: str) -> str:
    """Of the text that counts, "" when there is none."""
    for path in (seed.edits / f"{lesson}.toml", seed.lessons / f"{lesson}.toml"):
        if _is_there(path):
            return _mark(path)
    return ""


def _as_tried(seed: SeedFolder, lesson: Lesson) -> Lesson:
    """The engine writes a lesson once; that its rule mended its own failure is known later, and stands in its trial."""
    trial = tried(seed, lesson)
    return lesson.model_copy(update={"verified": True}) if trial and trial.verified else lesson


def _as_pinned(lesson: Lesson, edited: bool) -> Lesson:
    if not edited or (lesson.author == "ablation" and lesson.status == "dropped"):
        return lesson
    status = "pinned" if lesson.status == "kept" else lesson.status
    return lesson.model_copy(update={"author": "human", "status": status})
