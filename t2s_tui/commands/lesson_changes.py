"""What `t2s lessons` changes: edit, drop, pin, unpin, restore, add; each says what is made again for it.

Everything is checked before anything is written. People's versions go to the candidate's `edits/`, one file at a time:
a running engine takes them up by itself, a dead run at its next resume.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pydantic import ValidationError

from t2s_tui.commands.common import print_json
from t2s_tui.commands.lesson_bench import Bench, bench, lesson_table
from t2s_tui.people import redo_told
from t2s_tui.text import safe
from workspace.errors import ChangedMeanwhile, InputError, LessonInvalid
from workspace.files import digest, parse_toml, read_text, text_of, write_text
from workspace.lessons import pool
from workspace.lessons.lesson import Lesson, dump_lesson, load_lesson
from workspace.origins.redo import Redo, redo_in, unit_of
from workspace.runs.run import alive

T = TypeVar("T")
Status = Literal["dropped", "pinned", "unpinned"]
TEMPLATE = """\
# A lesson of your own. It is pinned: it goes into the skill whatever its support.
# Fill in title and claim, save and leave; leave all as it is to add nothing. Lines with # are not kept.

title = ""   # a few words
claim = ""   # what to do, in general
why = ""     # the mechanism behind it

# status = "unpinned"    # it has to earn its place like the others
# tasks = ["task-3"]     # the tasks that it rests on: they count as its support

# [[examples]]           # a true case that the skill may show
# input = ""
# wrong = ""
# right = ""
"""


class Change(NamedTuple):
    """What becomes of one lesson. `now` is None where it is gone; `touched`: later units read something else now."""

    id: str
    now: Lesson | None
    touched: bool = True
    edited: bool = True


def edit(arguments: argparse.Namespace) -> int:
    """Change the words of a lesson."""
    at = bench(arguments)
    [name] = at.known([arguments.lesson])
    loaded = pool.load(at.seed, name)
    if arguments.source:
        text = _given(arguments.source)
        now = _mine(_checked(text, arguments.source, name))
        change = Change(name, now, now.digest != loaded.lesson.digest)
        if not arguments.dry_run:
            _save(at, text, loaded, arguments.source)
    elif arguments.dry_run:
        change = Change(name, loaded.lesson, edited=loaded.edited)
    else:
        _edit_by_hand(at, loaded)
        now = pool.load(at.seed, name).lesson
        change = Change(name, now, now.digest != loaded.lesson.digest)
    return _tell(arguments, at, [change], "yours now", _redo(at, [change]))


def set_status(status: Status) -> Callable[[argparse.Namespace], int]:
    """Drop, pin or unpin lessons."""

    def act(arguments: argparse.Namespace) -> int:
        at = bench(arguments)
        before = [pool.load(at.seed, name) for name in at.known(arguments.lessons)]
        changes = [_with_status(loaded.lesson, status) for loaded in before]
        redo = _redo(at, changes)
        if not arguments.dry_run:
            for change in changes:
                pool.set_status(at.seed, change.id, status)
        return _tell(arguments, at, changes, status, redo)

    return act


def restore(arguments: argparse.Namespace) -> int:
    """Back to the engine's own lessons."""
    at = bench(arguments)
    changes = [_restored(at, name) for name in at.known(arguments.lessons)]
    redo = _redo(at, changes, gone=[change.id for change in changes if change.now is None])
    if not arguments.dry_run:
        for change in changes:
            pool.restore(at.seed, change.id)
    own = all(change.now is None for change in changes)
    done = "gone; " + ("it was yours alone" if len(changes) == 1 else "they were yours alone")
    return _tell(arguments, at, changes, done if own else "the engine's again", redo)


def add(arguments: argparse.Namespace) -> int:
    """A lesson of a person's own."""
    at = bench(arguments)
    name = _free(at)
    lesson = _own(arguments, at, name)
    change = Change(name, lesson)
    redo = _redo(at, [change], new=[name])
    if not arguments.dry_run:
        pool.save_edit(at.seed, dump_lesson(lesson), name, "")
    return _tell(arguments, at, [change], "added" + (" and pinned" if lesson.status == "pinned" else ""), redo)


# --- what a change comes to ---------------------------------------------------------------------------------------


def _with_status(lesson: Lesson, status: Status) -> Change:
    now = _mine(lesson.model_copy(update={"status": status}))
    return Change(lesson.id, now, now.digest != lesson.digest)


def _mine(lesson: Lesson) -> Lesson:
    """The lesson as it counts once a person's file holds it."""
    status = "pinned" if lesson.status == "kept" else lesson.status
    return lesson.model_copy(update={"author": "human", "status": status})


def _restored(at: Bench, name: str) -> Change:
    path = at.seed.edits / f"{name}.toml"
    if not path.is_file() and not path.is_symlink():
        raise InputError(f"lesson {name} is the engine's own already")
    before = pool.original(at.seed, name)
    try:
        now = pool.load(at.seed, name).lesson
    except LessonInvalid:
        return Change(name, before, edited=False)  # a broken file is what one wants to get rid of
    return Change(name, before, before is None or before.digest != now.digest, edited=False)


def _redo(at: Bench, changes: Sequence[Change], new: Sequence[str] = (), gone: Sequence[str] = ()) -> Redo:
    units = [unit_of(change.id) for change in changes if change.touched]
    return redo_in(at.run, at.round, at.number, units, new, gone)


def _tell(arguments: argparse.Namespace, at: Bench, changes: Sequence[Change], done: str, redo: Redo) -> int:
    """What was done, when it will count, and what is made again for it."""
    if arguments.json:
        _print_rows(arguments, at, changes, redo)
        return 0
    names = ", ".join(change.id for change in changes)
    one = len(changes) == 1
    if arguments.dry_run:
        print(f"lesson{'' if one else 's'} {names} would be {done}; nothing was changed")
    else:
        when = "the engine takes it up" if alive(at.run) else f"it counts at `t2s resume {at.run.id}`"
        print(f"lesson{'' if one else 's'} {names} {'is' if one else 'are'} {done}; {when}")
    print(_made_again(changes, redo))
    return 0


def _made_again(changes: Sequence[Change], redo: Redo) -> str:
    if told := redo_told(redo):
        return f"made again: {told}"
    if any(change.touched for change in changes):
        return "no proposal has read it yet, so nothing is made again"
    return "it was so before: nothing more to make"


def _print_rows(arguments: argparse.Namespace, at: Bench, changes: Sequence[Change], redo: Redo) -> None:
    """A line a lesson; `would_redo` is that of all together."""
    fates = at.fates()
    for change in changes:
        told = {"dry_run": arguments.dry_run, "would_redo": redo.table()}
        if change.now is None:
            print_json({"id": change.id, "status": "gone", "edited": False, "digest": "", "fate": None, **told})
            continue
        mark = pool.versions(at.seed).get(change.id, "") if change.edited else ""
        mark = mark or digest(dump_lesson(change.now))
        print_json(lesson_table(change.now, change.edited, mark, fates.get(change.id)) | told)


# --- words of one's own -------------------------------------------------------------------------------------------


def _free(at: Bench) -> str:
    taken = set(pool.versions(at.seed))
    return next(name for n in range(1, 10_000) if (name := f"H{n:03d}") not in taken)


def _own(arguments: argparse.Namespace, at: Bench, name: str) -> Lesson:
    flags = (arguments.title, arguments.claim)
    if arguments.source and any(flags):
        raise InputError("give --title and --claim, or --from FILE, not both")
    if arguments.source:
        return _own_from(_given(arguments.source), arguments.source, name)
    if all((text or "").strip() for text in flags):
        own = Lesson(id=name, title=_text(arguments.title), claim=_text(arguments.claim), why=_text(arguments.why))
        return _as_own(own)
    if any(text is not None for text in flags) or arguments.dry_run:
        raise InputError("an own lesson needs --title and --claim, or --from FILE; with neither, $EDITOR opens")
    return _written(name)


def _text(word: str) -> str:
    """A word of the command line that is text: other bytes reach us as halves of characters."""
    try:
        return word.encode().decode()
    except UnicodeEncodeError as error:
        raise InputError(f"{word!r} is not UTF-8 text") from error


def _own_from(text: str, where: str, name: str) -> Lesson:
    """The lesson in a person's file; what it is called and who wrote it is not theirs to say."""
    try:
        lesson = Lesson.model_validate(parse_toml(text, where) | {"id": name})
    except InputError as error:
        raise LessonInvalid(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise LessonInvalid(f"{where}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error
    for key in ("title", "claim"):
        if not getattr(lesson, key).strip():
            raise LessonInvalid(f"{where}: `{key}` is empty; a lesson says what to do")
    return _as_own(lesson)


def _as_own(lesson: Lesson) -> Lesson:
    return _mine(lesson.model_copy(update={"kind": "human", "base": ""}))


def _written(name: str) -> Lesson:
    path = _scratch(name, TEMPLATE)

    def read() -> Lesson:
        if (text := read_text(path)) == TEMPLATE:
            path.unlink()
            raise InputError("nothing was written, so no lesson was added")
        return _own_from(text, str(path), name)

    lesson = _until_it_parses(path, read)
    path.unlink()
    return lesson


def _edit_by_hand(at: Bench, loaded: pool.Loaded) -> None:
    """Open the editor until the text parses; a text that never does is kept and named."""
    path = _scratch(loaded.lesson.id, dump_lesson(loaded.lesson.model_copy(update={"base": loaded.digest})))
    try:
        _until_it_parses(path, lambda: _save(at, read_text(path), loaded, str(path)))
    except ChangedMeanwhile:
        path.unlink()  # kept beside the lesson
        raise
    path.unlink()


def _until_it_parses(path: Path, read: Callable[[], T]) -> T:
    while True:
        _open_editor(path)
        try:
            return read()
        except LessonInvalid as error:
            print(f"t2s: {safe(str(error))}", file=sys.stderr)
            if not sys.stdin.isatty() or input("open it again? [Y/n] ").strip().lower() in ("n", "no"):
                raise


def _scratch(name: str, text: str) -> Path:
    handle, place = tempfile.mkstemp(prefix=f"{name}-", suffix=".toml")
    os.close(handle)
    path = Path(place)
    write_text(path, text)
    return path


def _given(source: str) -> str:
    return text_of(sys.stdin.buffer.read(), "stdin") if source == "-" else read_text(Path(source))


def _checked(text: str, where: str, name: str) -> Lesson:
    lesson = load_lesson(text, where)
    if lesson.id != name:
        raise LessonInvalid(f"{where}: the id is {lesson.id!r}; it must stay {name!r}")
    return lesson


def _save(at: Bench, text: str, loaded: pool.Loaded, where: str) -> None:
    load_lesson(text, where)  # so that an error names the file that the person wrote
    pool.save_edit(at.seed, text, loaded.lesson.id, loaded.digest)


def _open_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("vi" if sys.stdin.isatty() else "")
    if not editor:
        path.unlink()
        raise InputError("there is no terminal for an editor; set EDITOR, or use --from FILE")
    try:
        code = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except OSError as error:
        raise InputError(
            f"cannot start the editor {editor!r}: {error.strerror}; set EDITOR, or use --from FILE"
        ) from error
    if code:
        raise InputError(f"the editor {editor!r} ended with code {code}; nothing was changed")
