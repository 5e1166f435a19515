"""`t2s lessons RUN`: what the screen does with lessons, scriptable. Here what looks; what changes is lesson_changes."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import unified_diff
from typing import Any, get_args

from t2s_tui.commands import lesson_changes
from t2s_tui.commands.common import add_json, add_run, add_runs, example, print_json
from t2s_tui.commands.lesson_bench import Bench, bench, lesson_table
from t2s_tui.people import redo_told
from t2s_tui.text import plural, safe, safe_lines
from workspace.files import read_toml
from workspace.lessons import pool
from workspace.lessons.lesson import Kind, Lesson, dump_lesson
from workspace.merging.ledger import Entry
from workspace.origins.redo import redo_in, unit_of

STATUSES = ("kept", "pinned", "unpinned", "dropped", "invalid")
HEAD = f"{'status':<8}  {'author':<8}  {'verified':<8}  {'tasks':>5}  {'fate':<11}  title"
REASONS = 3

Act = Callable[[argparse.Namespace], int]


def configure_lessons(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s lessons last drop t003-L1 t007-L1 --dry-run")
    add_run(parser)
    _add_place(parser, 0, None)
    add_json(parser, "lessons as JSON; after a change also what is made again")
    filters = {"status": "", "kind": "", "contains": ""}
    parser.set_defaults(act=_list, **filters)
    verbs = parser.add_subparsers(title="what to do (default: list)", metavar="VERB")
    _add_filters(_verb(verbs, "list", "all lessons, or those that fit", _list))
    show = _verb(verbs, "show", "one lesson with its evidence, what a person changed, and where it ended", _show)
    show.add_argument("lesson", metavar="ID", help="id of the lesson, for example t003-L1")
    edit = _change(verbs, "edit", "change a lesson in $EDITOR, or take its text from a file", lesson_changes.edit)
    edit.add_argument("lesson", metavar="ID", help="id of the lesson, for example t003-L1")
    edit.add_argument("--from", dest="source", metavar="FILE", help="the whole lesson as TOML; `-` reads stdin")
    _several(_change(verbs, "drop", "leave lessons out", lesson_changes.set_status("dropped")))
    _several(_change(verbs, "pin", "lessons that always go in", lesson_changes.set_status("pinned")))
    _several(
        _change(verbs, "unpin", "edited lessons that have to earn their place", lesson_changes.set_status("unpinned"))
    )
    _several(
        _change(verbs, "restore", "back to the engine's own version; deletes a lesson of yours", lesson_changes.restore)
    )
    _add_own(_change(verbs, "add", "a lesson of your own: from these flags, a file, or $EDITOR", lesson_changes.add))


def _verb(verbs: Any, name: str, does: str, act: Act) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    _add_place(parser, argparse.SUPPRESS, argparse.SUPPRESS)
    add_runs(parser)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    parser.set_defaults(act=act)
    return parser


def _change(verbs: Any, name: str, does: str, act: Act) -> argparse.ArgumentParser:
    parser = _verb(verbs, name, does, act)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be made again")
    return parser


def _add_place(parser: argparse.ArgumentParser, seed: Any, round: Any) -> None:
    parser.add_argument(
        "--seed", type=int, default=seed, metavar="K", help="which candidate's lessons, s0, s1, … (default: 0)"
    )
    parser.add_argument(
        "--round", type=int, default=round, metavar="N", help="which round's lessons (default: the last one)"
    )


def _several(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lessons", metavar="ID", nargs="+", help="ids of lessons; all are checked before any changes")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=STATUSES, default="", help="only lessons of this status")
    parser.add_argument("--kind", choices=get_args(Kind), default="", help="only lessons of this kind")
    parser.add_argument("--contains", metavar="WORD", default="", help="only lessons whose words hold this")


def _add_own(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--title", help="a few words")
    parser.add_argument("--claim", help="what to do, in general")
    parser.add_argument("--why", default="", help="the mechanism behind it")
    parser.add_argument("--from", dest="source", metavar="FILE", help="title, claim, … as TOML; `-` reads stdin")


# --- list ---------------------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> int:
    at = bench(arguments)
    found, fates = pool.load_pool(at.seed), at.fates()
    lessons = [loaded for loaded in found.lessons.values() if _fits(loaded.lesson, arguments)]
    invalid = _broken(found, arguments)
    if arguments.json:
        rows = [lesson_table(x.lesson, x.edited, x.digest, fates.get(x.lesson.id)) for x in lessons]
        print_json([*rows, *({"id": name, "status": "invalid", "error": why} for name, why in invalid.items())])
        return 0
    for row in _table(lessons, invalid, fates):
        print(row)
    if not lessons and not invalid:
        print(_why_none(at, found), file=sys.stderr)
    return 0


def _fits(lesson: Lesson, arguments: argparse.Namespace) -> bool:
    if lesson.status != (arguments.status or lesson.status) or lesson.kind != (arguments.kind or lesson.kind):
        return False
    words = [lesson.id, lesson.title, lesson.claim, lesson.why, *lesson.tasks, *(q.quote for q in lesson.evidence)]
    return any(arguments.contains.casefold() in text.casefold() for text in words)


def _broken(found: pool.Pool, arguments: argparse.Namespace) -> dict[str, str]:
    """Files that do not parse: always listed, except where a status is asked for that is not theirs."""
    return found.invalid if arguments.status in ("", "invalid") else {}


def _table(lessons: list[pool.Loaded], invalid: dict[str, str], fates: dict[str, Entry]) -> Iterator[str]:
    ids = max(map(len, ["id", *(loaded.lesson.id for loaded in lessons), *invalid]))
    if lessons:
        yield f"  {'id':<{ids}}  {HEAD}"
    for loaded in lessons:
        lesson, fate = loaded.lesson, fates.get(loaded.lesson.id)
        mark, verified = "✎" if loaded.edited else " ", "verified" if lesson.verified else ""
        row = f"{lesson.status:<8}  {lesson.author:<8}  {verified:<8}  {len(lesson.tasks):>5}"
        yield safe(f"{mark} {lesson.id:<{ids}}  {row}  {fate.state if fate else '':<11}  {lesson.title}")
    for name, reason in invalid.items():
        yield safe(f"! {name:<{ids}}  {'invalid':<8}  {reason}")


def _why_none(at: Bench, found: pool.Pool) -> str:
    if found.lessons:
        return f"none of the {len(found.lessons)} lessons fits"
    others = [each for each in at.run.rounds() for seed in each.seeds() if pool.lesson_ids(seed)]
    hint = f"; round {others[-1].path.name} has some (--round {others[-1].path.name})" if others else _reasons(at)
    return safe(f"{at.name} has no lessons{hint}", 600)


def _reasons(at: Bench) -> str:
    """Why analysts found nothing, the commonest reasons first; ` yet` while none has looked."""
    paths = sorted(at.seed.analyses.glob("*.toml"))
    said = Counter(str(read_toml(path).get("none") or "nothing was found") for path in paths)
    told = "; ".join(f"{reason} ({plural(times, 'analyst')})" for reason, times in said.most_common(REASONS))
    more = f"; and {len(said) - REASONS} more reasons" if len(said) > REASONS else ""
    return f": {told}{more}" if said else " yet"


# --- show ---------------------------------------------------------------------------------------------------------


def _show(arguments: argparse.Namespace) -> int:
    at = bench(arguments)
    at.known([arguments.lesson])
    loaded = pool.load(at.seed, arguments.lesson)
    fate = at.fates().get(arguments.lesson)
    redo = redo_in(at.run, at.round, at.number, [unit_of(arguments.lesson)])
    if arguments.json:
        print_json(lesson_table(loaded.lesson, loaded.edited, loaded.digest, fate) | {"would_redo": redo.table()})
        return 0
    before = pool.original(at.seed, arguments.lesson) if loaded.edited else None
    notes = [_ended(fate), *_changed(before, loaded.lesson)]
    notes += [f"A change makes again: {redo_told(redo)}."] if redo_told(redo) else []
    print("\n".join([*safe_lines(loaded.text.rstrip("\n")), "", *(f"# {safe(note)}".rstrip() for note in notes)]))
    return 0


def _ended(fate: Entry | None) -> str:
    """Where a lesson is now. What `show` says beside the lesson are comments, so that it can be given back."""
    if fate is None:
        return "Not settled yet."
    where = f": edit {fate.edit} of {fate.file}" if fate.edit else ""
    reason = f" ({fate.reason})" if fate.reason else ""
    return f"It is {'in the skill' if fate.state == 'in_skill' else fate.state}{where}{reason}."


def _changed(before: Lesson | None, now: Lesson) -> Iterator[str]:
    """The lines that a person changed, the engine's with `-` and theirs with `+`."""
    if before is None:
        return
    yield "What a person changed (`restore` takes it back):"
    was, its = (dump_lesson(lesson.model_copy(update={"base": ""})).split("\n") for lesson in (before, now))
    marked = list(unified_diff(was, its, lineterm="", n=0))[2:]
    yield from (f"  {line[0]} {line[1:]}" for line in marked if not line.startswith("@@"))
