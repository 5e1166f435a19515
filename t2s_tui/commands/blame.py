"""`t2s blame`: line → edit → lessons → trajectories → quoted turns, of a run's result or of a skill folder."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from t2s_tui.commands.common import add_json, add_runs, example, print_json, runs_folder
from t2s_tui.text import plural, safe, safe_lines, wrap
from workspace.errors import InputError, T2SError
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load
from workspace.origins.blame import Blame, Blamed, alone, blame_run, blame_skill, select
from workspace.runs.run import RunFolder, find_run

FEW = 3
ENDLESS = 10_000
NARROWEST = 30
AUTHORS = {"model": "by the model", "human": "by a person", "program": "by the program"}


def configure_blame(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s blame last SKILL.md:12")
    parser.add_argument(
        "what",
        metavar="RUN|SKILL",
        help="a run (id, beginning of one, path, `last`), or the folder of a skill, also a copy changed by hand",
    )
    parser.add_argument("where", metavar="FILE[:LINE[-LINE]]", nargs="?", help="only this file, or these lines of it")
    parser.add_argument("--all", action="store_true", help="all lessons and quotes behind a line, not only the first")
    add_json(parser, "one row per line of the skill")
    add_runs(parser)
    parser.set_defaults(act=_blame)


def _blame(arguments: argparse.Namespace) -> int:
    blame = _found(arguments.what, runs_folder(arguments.runs))
    lines = select(blame, arguments.where) if arguments.where else blame.lines
    if arguments.json:
        print_json([line.table() for line in lines])
        return 0
    one = bool(arguments.where) and alone(arguments.where)
    page = _Page(Behind(blame.run), one, None if one or arguments.all else FEW)
    print("\n".join(page.rows(lines)))
    return 0


def _found(what: str, runs: Path) -> Blame:
    """The skill in a folder, else the result of a run. Says on stderr which run a copied skill was traced to."""
    folder = Path(what)
    if (folder / "SKILL.md").is_file():
        blame = blame_skill(folder, runs)
        if blame.run.path not in folder.resolve().parents:
            print(f"traced to run {blame.run.id}", file=sys.stderr)
        return blame
    if (file := Path(re.sub(r":\d+(-\d+)?$", "", what))).is_file():
        raise InputError(f"{file} is a file; name its skill first: t2s blame {file.parent} {folder.name}")
    if folder.is_dir() and not (folder / "run.toml").is_file():
        raise InputError(f"{what} is neither a run nor a skill: it holds no run.toml and no SKILL.md")
    return blame_run(find_run(runs, what))


class Behind:
    """The lessons of a run, read when they are asked for."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._known: dict[tuple[int, int, str], Lesson | T2SError] = {}

    def lesson(self, line: Blamed, name: str) -> Lesson | T2SError:
        """A lesson behind `line`; the error of one that is gone or that cannot be read any more."""
        key = (line.round, line.seed, name)
        if key not in self._known:
            try:
                self._known[key] = load(self.run.round(line.round).seed(line.seed), name).lesson
            except T2SError as error:
                self._known[key] = error
        return self._known[key]


class _Page(NamedTuple):
    """How lines and what is behind them are laid out. `full`: everything of one line; `most`: of each list."""

    behind: Behind
    full: bool
    most: int | None

    def rows(self, lines: Sequence[Blamed]) -> Iterator[str]:
        for file, group in groupby(lines, key=lambda line: line.file):
            rows = list(group)
            yield safe(file)
            digits = max(4, len(str(rows[-1].line)))
            for same in _together(rows):
                for line in same:
                    yield from self._wrapped(f"{line.line:>{digits}}  ", line.text)
                for told in self._told(same):
                    yield from self._wrapped(f"{'':>{digits}}  · ", told)

    def _wrapped(self, head: str, text: str) -> Iterator[str]:
        cells = max(NARROWEST, shutil.get_terminal_size((ENDLESS, 24)).columns) - len(head)
        for number, part in enumerate(wrap(safe(text.expandtabs(4)), cells) or [""]):
            yield (head + part if not number else " " * len(head) + part).rstrip()

    def _told(self, same: Sequence[Blamed]) -> Iterator[str]:
        line = next((x for x in same if x.text.strip()), same[0])
        if line.by == "hand":
            yield "by hand: the run did not make this line"
        elif not line.edit:
            yield "from the first skill"
        else:
            yield _edit(line, several=len(self.behind.run.rounds()) > 1)
            yield from [f"because: {line.reason}"] * bool(self.full and line.reason)
            yield from self._replaced(same)
            yield from self._lessons(line)
            yield from self._quotes(line)

    def _replaced(self, same: Sequence[Blamed]) -> Iterator[str]:
        was = next((x.was_text for x in same if x.was_text), "")
        parts = safe_lines(was) if was else []
        yield from (f"in place of: {part}" for part in parts[: self.most])
        yield from _more(len(parts), self.most, "line")

    def _lessons(self, line: Blamed) -> Iterator[str]:
        for name in line.lessons[: self.most]:
            lesson = self.behind.lesson(line, name)
            if isinstance(lesson, T2SError):
                yield f"lesson {name} (cannot be read any more: {lesson})"
                continue
            person = ", by a person" if lesson.author == "human" else ""
            yield f"lesson {name}{person}: {lesson.title or lesson.claim}"
            if self.full:
                yield from (f"  {text}" for text in (lesson.claim, lesson.why) if text)
        yield from _more(len(line.lessons), self.most, "lesson")

    def _quotes(self, line: Blamed) -> Iterator[str]:
        yield from (f'{q.trajectory} turn {q.turn}: "{q.quote}"' for q in line.trajectories[: self.most])
        yield from _more(len(line.trajectories), self.most, "quote")


def _edit(line: Blamed, *, several: bool) -> str:
    """`several`: ids of trajectories and edits come again in each round."""
    where = f" of round {line.round}" if several else ""
    where += f" of candidate {line.side}" if line.side not in ("", "s0") else ""
    support = f", from {plural(line.support, 'task')}" if line.support else ""
    return f"edit {line.edit}{where}{support}, {AUTHORS.get(line.author, line.author)}"


def _more(count: int, most: int | None, one: str) -> Iterator[str]:
    if most is not None and count > most:
        yield f"and {plural(count - most, f'more {one}')}: --all shows them"


def _together(lines: Sequence[Blamed]) -> Iterator[list[Blamed]]:
    """Neighbours of one origin; a blank line goes with the line above it."""
    group: list[Blamed] = []
    for line in lines:
        if group and line.text.strip() and _origin(line) != _origin(next((x for x in group if x.text.strip()), line)):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _origin(line: Blamed) -> tuple[object, ...]:
    return (line.by, line.round, line.seed, line.edit, line.lessons)
