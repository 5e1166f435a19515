"""Texts that people are writing: kept on the disk until they count, so that no typo costs anybody a word."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from t2s_tui.screens.lesson_sheet import as_sheet, sheet
from workspace.errors import InputError, LessonInvalid, T2SError
from workspace.files import digest, read_text, remove, write_text
from workspace.lessons.lesson import Lesson, load_lesson
from workspace.lessons.pool import Loaded, checked_id, load, save_edit
from workspace.runs.run import SeedFolder

USUAL = ("nano", "vim", "vi")


class Opened(NamedTuple):
    """A lesson under the pen: its id, the text to start from, and the digest of what is on the disk."""

    lesson: str
    text: str
    digest: str
    from_draft: bool = False


def draft_path(seed: SeedFolder, lesson: str) -> Path:
    """Where an unfinished text waits; below `edits/`, so that it does not count yet."""
    return seed.edits / "drafts" / f"{lesson}.toml"


def open_lesson(seed: SeedFolder, lesson: str) -> Opened:
    """The text to edit: an unfinished draft if there is one, else the version that counts.

    A person's file that does not parse opens as it is. An empty `lesson` opens a new one that was never saved, or
    one with the next free id.
    """
    lesson = checked_id(lesson) if lesson else unsaved_own(seed) or next_own(seed)
    text, digest = _on_disk(seed, lesson)
    draft = draft_path(seed, lesson)
    return Opened(lesson, read_text(draft), digest, True) if draft.is_file() else Opened(lesson, text, digest)


def next_own(seed: SeedFolder) -> str:
    """The next free id for a person's own lesson: H001, H002, …"""
    taken = {p.stem for p in seed.edits.glob("H*.toml")} | {
        p.stem for p in draft_path(seed, "H").parent.glob("H*.toml")
    }
    return next(name for n in range(1, 10_000) if (name := f"H{n:03d}") not in taken)


def unsaved_own(seed: SeedFolder) -> str:
    """The first new lesson of a person that only has a draft; empty where there is none."""
    drafts = sorted(draft_path(seed, "H").parent.glob("H*.toml"))
    return next((draft.stem for draft in drafts if not (seed.edits / draft.name).exists()), "")


def give_up(seed: SeedFolder, opened: Opened) -> None:
    """What was typed since `opened` is not wanted: a draft is again what it was then. Raises `DiskError`."""
    draft = draft_path(seed, opened.lesson)
    write_text(draft, opened.text) if opened.from_draft else remove(draft)


def save(seed: SeedFolder, opened: Opened, text: str) -> Loaded:
    """Make `text` the version that counts. When that fails it is kept as a draft and the error says file:line."""
    draft = draft_path(seed, opened.lesson)
    try:
        load_lesson(text, draft)
        loaded = save_edit(seed, text, opened.lesson, opened.digest)
    except T2SError:
        write_text(draft, text)
        raise
    remove(draft)
    return loaded


def editor_command(environment: Mapping[str, str] | None = None) -> list[str]:
    """$VISUAL, $EDITOR or a usual editor; `InputError` when there is none."""
    env = os.environ if environment is None else environment
    for name in ("VISUAL", "EDITOR"):
        if env.get(name, "").strip():
            return shlex.split(env[name])
    found = next((path for name in USUAL if (path := shutil.which(name))), None)
    if found is None:
        raise InputError("no editor was found; set $EDITOR, or edit here with `e`")
    return [found]


def edit_outside(command: list[str], path: Path) -> None:
    """Run the editor on `path` and wait. Raises `InputError` when it does not start or fails."""
    try:
        code = subprocess.call([*command, str(path)])
    except OSError as error:
        raise InputError(f"the editor {command[0]!r} does not start: {error.strerror}") from error
    if code:
        raise InputError(f"the editor {command[0]!r} ended with code {code}; your text is in {path}")


def _on_disk(seed: SeedFolder, lesson: str) -> tuple[str, str]:
    """The version that counts, as a sheet, and the digest of the text that it was made from."""
    own = seed.edits / f"{lesson}.toml"
    if own.is_file():
        text = read_text(own)
        return _own_sheet(seed, lesson, text), digest(text)
    if (seed.lessons / f"{lesson}.toml").is_file():
        loaded = load(seed, lesson)
        return sheet(loaded.lesson.model_copy(update={"base": loaded.digest})), loaded.digest
    return sheet(Lesson(id=lesson, title="", claim="", kind="human", author="human", status="pinned")), ""


def _own_sheet(seed: SeedFolder, lesson: str, text: str) -> str:
    try:
        return as_sheet(text, load(seed, lesson).lesson)
    except LessonInvalid:
        return text
