"""The command line: which command, which options, which exit code.

Nothing heavy is imported here: `t2s --version` and `t2s --help` know the commands by name, and only the one that was
asked for loads its module. Exit codes stand in docs/commands.md.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, NoReturn

OURS = ("t2s_tui", "engine", "workspace")
DISTRIBUTION = "trace2skill-tui"


class Command(NamedTuple):
    """Where a command lives (`module` of t2s_tui.commands, with a function `configure_<name>`) and what it does."""

    module: str
    does: str


COMMANDS: dict[str, Command] = {
    "init": Command("setup", "write a commented t2s.toml"),
    "demo": Command("evolve", "the embedded model evolves a small skill in front of your eyes"),
    "run": Command("evolve", "evolve a skill from traces or tasks"),
    "eval": Command("evaluate", "compare skills and models on the same tasks"),
    "attach": Command("runs", "watch a run from any terminal"),
    "replay": Command("runs", "watch a run again from its beginning, at any speed"),
    "ls": Command("runs", "list the runs"),
    "show": Command("runs", "the summary of a run"),
    "pause": Command("control", "pause a run; what is in flight finishes"),
    "resume": Command("control", "go on with a run that is paused, stopped or lost"),
    "retry": Command("control", "try the failed units of a run again"),
    "stop": Command("control", "stop a run; it can be resumed"),
    "rm": Command("runs", "delete a run"),
    "lessons": Command("lessons", "list, read, edit, drop, pin, restore or add lessons"),
    "read": Command("read", "what trajectories are in files and folders of any format, and how they ended"),
    "lint": Command("lint", "what is wrong with a skill, with file and line"),
    "apply": Command("apply", "put a patch file into a skill, with all guards; never half"),
    "verdict": Command("verdict", "what the held-out tasks say; accept or reject the candidate by hand"),
    "baselines": Command("baselines", "what else could have been made of a run's trajectories, measured beside it"),
    "ablate": Command("ablate", "which lessons of a run help and which hurt, on held-out tasks within a budget"),
    "diff": Command("runs", "what changed between the first skill and the result"),
    "report": Command("report", "the run as one HTML file that opens offline, or as Markdown"),
    "blame": Command("blame", "where each line of a skill comes from: edit, lessons, quoted turns"),
    "export": Command("export", "install a skill where agent hosts look, and take it back"),
    "score": Command("score", "what a domain's verifier says to one result or to many"),
    "domain": Command("score", "check a task set: tasks nobody can pass, or that pass by themselves"),
    "local": Command("setup", "the embedded model: install, serve, status"),
    "doctor": Command("setup", "check endpoint, model, disk and terminal"),
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, like every other error of ours."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"t2s: {message} (see `{self.prog} --help`)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `t2s` with `argv` (default: the process's own); returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if intruder := ensure_ours():
        print(f"t2s: {intruder}", file=sys.stderr)
        return 2
    from workspace.errors import T2SError

    _steady_streams()
    try:
        arguments = _parser(given).parse_args(given)
        code = int(arguments.act(arguments))
        sys.stdout.flush()
        return code
    except T2SError as error:
        print(f"t2s: {_harmless(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _give_up_stdout()
        return 1
    except OSError as error:
        return _refused_by_the_system(error)


def _steady_streams() -> None:
    """Give a closed stream back as one that holds nothing; what the terminal's encoding lacks is shown as `?`."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # its number is free: the next file opened would be taken for it
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _give_up_stdout() -> None:
    """Or the interpreter complains at its end about what it could not write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refused_by_the_system(error: OSError) -> int:
    """A place that cannot be used: no permission, a name too long, a full disk behind stdout."""
    from workspace.files import FULL_DISK

    place = f"cannot use {error.filename}" if error.filename else "cannot go on"
    print(f"t2s: {_harmless(place)}: {error.strerror or error}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()
    return 1 if error.errno in FULL_DISK else 2


def ensure_ours() -> str:
    """A sentence when another package of our names would be imported in place of ours; empty when all is well."""
    home = Path(__file__).resolve().parent.parent
    for name in OURS:
        spec = find_spec(name)
        place = Path(spec.origin).resolve().parent.parent if spec and spec.origin else None
        if place != home:
            found = f"found {spec.origin or 'a folder without code'}" if spec else "found none"
            return (
                f"the package {name!r} must come from {home}, but Python {found}; "
                "install trace2skill-tui on its own with `uv tool install` or `pipx install`"
            )
    return ""


def _parser(given: list[str]) -> Parser:
    """The parser, with the options of the one command in `given` loaded."""
    parser = Parser(
        prog="t2s",
        description="Watch an agent's skill evolve: traces become lessons, lessons become one skill, with a verdict.",
        epilog="Without a command: the runs, on a screen of their own. Example: t2s demo",
    )
    parser.add_argument("--version", action="version", version=f"t2s {_version()}")
    parser.add_argument("--runs", metavar="DIR", help="folder that the runs live in (default: ./runs or T2S_RUNS)")
    parser.set_defaults(act=_home)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    wanted = _command_in(given)
    for name, command in COMMANDS.items():
        child = commands.add_parser(
            name, help=command.does, description=f"{command.does[0].upper()}{command.does[1:]}."
        )
        if name == wanted:
            module = importlib.import_module(f"t2s_tui.commands.{command.module}")
            getattr(module, f"configure_{name}")(child)
    return parser


def _command_in(given: list[str]) -> str:
    """The first word that is neither an option nor the folder that `--runs` names."""
    words = iter(given)
    for word in words:
        if word == "--runs":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _home(arguments: argparse.Namespace) -> int:
    from t2s_tui.commands.screen import home

    return home(arguments.runs)


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+source"


def _harmless(text: str) -> str:
    """An error may quote a stranger's file: keep its line breaks, drop what moves a cursor."""
    return "".join(c if c == "\n" or c.isprintable() else " " for c in text)
