"""What several commands need: the runs' folder, a run by its name, and which face fits this terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from t2s_tui.palettes import choices
from t2s_tui.text import safe_lines
from workspace.errors import ConfigError
from workspace.guard.ruleset import Ruleset, ruleset
from workspace.runs.run import RunFolder, find_run
from workspace.settings.config import SETTINGS, expects, load_config
from workspace.settings.rule_names import switchable
from workspace.settings.screen import SCREEN_FLAGS, ScreenSettings

Face = Literal["tui", "plain", "json"]
RUN = "id of a run, the beginning of one, a path, or `last`"
OF_THE_SCREEN = ("T2S_SCREEN__", "T2S_THEME", "T2S_ASCII")
OF_THE_RULES = ("T2S_RULES__", "T2S_BUDGETS__")
METAVARS = {
    "--about": "TEXT",
    "--api-key-env": "NAME",
    "--base-url": "URL",
    "--budget-cost": "X|none",
    "--budget-requests": "N|none",
    "--budget-seconds": "S|none",
    "--budget-tokens": "N|none",
    "--carry": "KIND",
    "--create": "NAME",
    "--domain": "NAME[:FAMILY]",
    "--family": "NAME",
    "--hold-after": "STAGE",
    "--labels": "FILE",
    "--limit": "N|auto",
    "--price-completion": "X",
    "--price-prompt": "X",
    "--skill": "DIR",
    "--traces": "PATH",
}
OF_THE_FOLDER = ("HOME", "XDG_CONFIG_HOME", "T2S_RUNS")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """`--runs`, on every command that looks for runs."""
    parser.add_argument(
        "--runs",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="folder that the runs live in (default: ./runs or T2S_RUNS)",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """The run that a command is about."""
    parser.add_argument("run", metavar="RUN", help=RUN)
    add_runs(parser)


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """`--json` where a script may want it."""
    parser.add_argument("--json", action="store_true", help=what)


def add_setting(parser: argparse.ArgumentParser, flag: str, key: str) -> None:
    """A setting as an option; its value lies under the dotted key, None where it was not given."""
    setting = SETTINGS[key]
    if setting.default is False:
        parser.add_argument(flag, dest=key, action="store_true", default=None, help=setting.sentence)
        return
    words = setting.sentence.replace("%", "%%")
    if (takes := expects(setting)).startswith("one of"):
        words += f" ({takes})"
    metavar = _metavar(flag, setting.default)
    if isinstance(setting.default, tuple):
        parser.add_argument(flag, dest=key, metavar=metavar, nargs="+", action="extend", help=words)
    else:
        parser.add_argument(flag, dest=key, metavar=metavar, help=words)


def _metavar(flag: str, default: object) -> str:
    if flag in METAVARS:
        return METAVARS[flag]
    return "N" if isinstance(default, int) else "X" if isinstance(default, float) else flag.rpartition("-")[2].upper()


def add_faces(parser: argparse.ArgumentParser) -> None:
    """How a run is shown while it goes on."""
    parser.add_argument("--plain", action="store_true", help="one line per event instead of the screen")
    add_json(parser, "one JSON object per event, the last one is the summary")
    add_screen(parser)


def add_screen(parser: argparse.ArgumentParser) -> None:
    """How the screen looks, wherever one may open; each is a setting under [screen] as well."""
    how = parser.add_argument_group("the screen ([screen] in the settings)")
    how.add_argument("--theme", choices=choices(), metavar="NAME", help=f"colours: {', '.join(choices())}")
    how.add_argument("--ascii", action="store_true", default=None, help="draw with ASCII characters only")
    how.add_argument("--no-mouse", dest="mouse", action="store_false", default=None, help="leave the mouse alone")
    how.add_argument("--fps", type=int, metavar="N", help="frames a second (default: 4)")
    how.add_argument(
        "--low-bandwidth", action="store_true", default=None, help="one frame a second and few changing digits"
    )


def manner(arguments: argparse.Namespace | None = None) -> ScreenSettings:
    """How this person wants the screen: options, T2S_SCREEN__…, T2S_THEME, T2S_ASCII, the folder's and their own file.

    Raises `ConfigError` with what is wrong and what may stand there.
    """
    given = vars(arguments) if arguments is not None else {}
    flags: dict[str, object] = {key: given.get(key.removeprefix("screen.")) for key in SCREEN_FLAGS.values()}
    env = {k: v for k, v in os.environ.items() if k in OF_THE_FOLDER or k.startswith(OF_THE_SCREEN)}
    return load_config(file=None, cwd=Path.cwd(), env=env, flags=flags).config.screen


def example(parser: argparse.ArgumentParser, line: str) -> None:
    """The one example that stands at the end of `--help`."""
    parser.epilog = f"Example: {line}"


def runs_folder(given: str | None) -> Path:
    """Where the runs live: the flag, T2S_RUNS, the folder's or the user's file, else ./runs."""
    env = {name: os.environ[name] for name in OF_THE_FOLDER if name in os.environ}
    loaded = load_config(file=None, cwd=Path.cwd(), env=env, flags={"run.runs": given})
    return Path(loaded.config.run.runs).expanduser()


def the_run(arguments: argparse.Namespace) -> RunFolder:
    """The run that the command line names. Raises `InputError` with what there is."""
    return find_run(runs_folder(arguments.runs), arguments.run)


def face(arguments: argparse.Namespace) -> Face:
    """The face for this terminal: without one (or a dumb one) it is `plain` by itself."""
    if arguments.json:
        return "json"
    return "plain" if arguments.plain or not has_screen() else "tui"


def has_screen() -> bool:
    """Is there a terminal that can show the application?"""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def print_json(value: Any) -> None:
    """One JSON value on stdout, ASCII, so that no terminal is moved by what a model wrote."""
    print(json.dumps(value))


def folder_rules(off: Sequence[str] = ()) -> Ruleset:
    """What the settings of this folder say about the guard's rules, without those named in `off`."""
    env = {k: v for k, v in os.environ.items() if k in OF_THE_FOLDER or k.startswith(OF_THE_RULES)}
    rules = ruleset(load_config(file=None, cwd=Path.cwd(), env=env, flags={}).config)
    try:
        return rules.without(frozenset(switchable(tuple(off))))
    except ValueError as error:
        raise ConfigError(f"--off: {error}") from error


def print_patch(text: str) -> None:
    """Byte for byte, so that `patch` can read it; on a terminal as harmless lines."""
    if sys.stdout.isatty():
        print("\n".join(safe_lines(text)), end="")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
