"""`t2s lessons RUN`: what the screen does with lessons, scriptable. People's versions go to the seed's `edits/`."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from t2s_tui.commands.common import add_json, add_run, example, print_json, the_run
from t2s_tui.text import safe, safe_lines
from workspace import pool
from workspace.errors import ChangedMeanwhile, InputError, LessonInvalid
from workspace.files import read_text, write_text
from workspace.lesson import dump_lesson, load_lesson
from workspace.run import RunFolder, SeedFolder, alive

VERBS = {"drop": "dropped", "pin": "pinned", "unpin": "unpinned"}


def configure_lessons(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s lessons last edit t003-L1")
    add_run(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="which candidate's lessons (default: 0)")
    add_json(parser, "list and show: lessons as JSON")
    parser.set_defaults(act=_list)
    verbs = parser.add_subparsers(title="what to do (default: list)", metavar="VERB")
    _verb(verbs, "list", "all lessons", _list, lesson=False)
    _verb(verbs, "show", "one lesson with its evidence", _show)
    edit = _verb(verbs, "edit", "change a lesson in $EDITOR, or take its text from a file", _edit)
    edit.add_argument("--from", dest="source", metavar="FILE", help="the whole lesson as TOML; `-` reads stdin")
    _verb(verbs, "drop", "leave a lesson out", _set_status("drop"))
    _verb(verbs, "pin", "a lesson that always goes in", _set_status("pin"))
    _verb(verbs, "unpin", "an edited lesson that has to earn its place", _set_status("unpin"))
    _verb(verbs, "restore", "back to the engine's own version", _restore)
    add = _verb(verbs, "add", "a lesson of your own", _add, lesson=False)
    add.add_argument("--title", required=True, help="a few words")
    add.add_argument("--claim", required=True, help="what to do, in general")
    add.add_argument("--why", default="", help="the mechanism behind it")


def _verb(verbs: Any, name: str, does: str, act: Any, *, lesson: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    if lesson:
        parser.add_argument("lesson", metavar="ID", help="id of the lesson, for example t003-L1")
    if name in ("list", "show"):
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    parser.set_defaults(act=act)
    return parser


def _seed(arguments: argparse.Namespace) -> SeedFolder:
    """The lessons of the last round that has begun. Raises `InputError` when there are none yet."""
    run = the_run(arguments)
    seeds = {seed.name: seed for each in run.rounds() for seed in each.seeds()}
    if (seed := seeds.get(f"s{arguments.seed}")) is None:
        raise InputError(f"run {run.id} has no lessons yet (there is no candidate s{arguments.seed})")
    return seed


def _list(arguments: argparse.Namespace) -> int:
    seed = _seed(arguments)
    found = pool.load_pool(seed)
    if arguments.json:
        print_json([_table(loaded) for loaded in found.lessons.values()])
        return 0
    for name, loaded in found.lessons.items():
        lesson = loaded.lesson
        mark = "✎" if loaded.edited else " "
        print(f"{mark} {name:<10} {lesson.status:<8} {len(lesson.tasks):>3}  {safe(lesson.title)}")
    for name, reason in found.invalid.items():
        print(f"! {name:<10} {safe(reason)}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    loaded = pool.load(_seed(arguments), arguments.lesson)
    if arguments.json:
        print_json(_table(loaded))
    else:
        print("\n".join(safe_lines(loaded.text)))
    return 0


def _table(loaded: pool.Loaded) -> dict[str, Any]:
    return {**loaded.lesson.model_dump(mode="json"), "edited": loaded.edited, "digest": loaded.digest}


def _edit(arguments: argparse.Namespace) -> int:
    seed = _seed(arguments)
    loaded = pool.load(seed, arguments.lesson)
    if arguments.source:
        text = sys.stdin.read() if arguments.source == "-" else read_text(Path(arguments.source))
        _save(seed, text, loaded, arguments.source)
    else:
        _edit_by_hand(seed, loaded)
    return _tell(arguments, f"lesson {arguments.lesson} is yours now")


def _edit_by_hand(seed: SeedFolder, loaded: pool.Loaded) -> None:
    """Open the editor until the text parses; a text that never does is kept and named."""
    name = loaded.lesson.id
    handle, place = tempfile.mkstemp(prefix=f"{name}-", suffix=".toml")
    os.close(handle)
    path = Path(place)
    write_text(path, _with_base(loaded))
    while True:
        _open_editor(path)
        try:
            _save(seed, read_text(path), loaded, str(path))
        except LessonInvalid as error:
            print(f"t2s: {safe(str(error))}", file=sys.stderr)
            if not sys.stdin.isatty() or input("open it again? [Y/n] ").strip().lower() in ("n", "no"):
                raise
            continue
        except ChangedMeanwhile:
            path.unlink()  # kept beside the lesson
            raise
        path.unlink()
        return


def _with_base(loaded: pool.Loaded) -> str:
    return dump_lesson(loaded.lesson.model_copy(update={"base": loaded.digest}))


def _save(seed: SeedFolder, text: str, loaded: pool.Loaded, where: str) -> None:
    load_lesson(text, where)  # so that an error names the file that the person wrote
    pool.save_edit(seed, text, loaded.lesson.id, loaded.digest)


def _open_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except OSError as error:
        raise InputError(
            f"cannot start the editor {editor!r}: {error.strerror}; set EDITOR, or use --from FILE"
        ) from error
    if code:
        raise InputError(f"the editor {editor!r} ended with code {code}; nothing was changed")


def _set_status(verb: str) -> Any:
    def act(arguments: argparse.Namespace) -> int:
        pool.set_status(_seed(arguments), arguments.lesson, VERBS[verb])
        return _tell(arguments, f"lesson {arguments.lesson} is {VERBS[verb]}")

    return act


def _restore(arguments: argparse.Namespace) -> int:
    seed = _seed(arguments)
    if not (seed.edits / f"{arguments.lesson}.toml").is_file():
        pool.load(seed, arguments.lesson)  # an unknown id is told with the ones there are
        raise InputError(f"lesson {arguments.lesson} is the engine's own already")
    mine = pool.restore(seed, arguments.lesson)
    what = "is the engine's again" if mine else "is gone; it was yours alone"
    return _tell(arguments, f"lesson {arguments.lesson} {what}")


def _add(arguments: argparse.Namespace) -> int:
    loaded = pool.own_lesson(_seed(arguments), arguments.title, arguments.claim, arguments.why)
    return _tell(arguments, f"lesson {loaded.lesson.id} is added and pinned")


def _tell(arguments: argparse.Namespace, done: str) -> int:
    """What was done, and when it will count."""
    run: RunFolder = the_run(arguments)
    when = "the engine takes it up" if alive(run) else f"it counts at `t2s resume {run.id}`"
    print(f"{done}; {when}")
    return 0
