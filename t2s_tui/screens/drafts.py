"""Texts that people are writing: kept on the disk until they count, so that no typo costs anybody a word."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from workspace.errors import InputError, T2SError
from workspace.files import read_text, remove, write_text
from workspace.lessons.lesson import Lesson, dump_lesson, load_lesson
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

    A person's file that does not parse opens as it is. An empty `lesson` opens a new one with the next free id.
    """
    lesson = checked_id(lesson) if lesson else next_own(seed)
    text, digest = _on_disk(seed, lesson)
    draft = draft_path(seed, lesson)
    return Opened(lesson, read_text(draft), digest, True) if draft.is_file() else Opened(lesson, text, digest)


def next_own(seed: SeedFolder) -> str:
    """The next free id for a person's own lesson: H001, H002, …"""
    taken = {p.stem for p in seed.edits.glob("H*.toml")} | {
        p.stem for p in draft_path(seed, "H").parent.glob("H*.toml")
    }
    return next(name for n in range(1, 10_000) if (name := f"H{n:03d}") not in taken)


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
    from workspace.files import digest

    own = seed.edits / f"{lesson}.toml"
    if own.is_file():
        text = read_text(own)
        return text, digest(text)
    if (seed.lessons / f"{lesson}.toml").is_file():
        loaded = load(seed, lesson)
        return loaded.text, loaded.digest
    new = Lesson(id=lesson, title="", claim="What to do, in general.", kind="human", author="human", status="pinned")
    return dump_lesson(new), ""
