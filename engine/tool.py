"""What the engine's tools for finished runs share: whom they tell, how they end, where they write.

A tool prints its result on stdout and lines of progress on stderr. Exit codes: 0 whole, 1 something in it failed, 2
unusable input, 3 stopped; the same command goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from engine.knobs import pair, with_knobs
from engine.pause import Stopped
from workspace.errors import InputError, T2SError
from workspace.files import disk_error
from workspace.runs.run import RunFolder
from workspace.runs.start import run_config
from workspace.settings.config import Config


def ended_by(error: BaseException) -> int:
    """Tell why a tool ended early; returns the exit code. A fault of ours is raised again."""
    match error:
        case Stopped() | asyncio.CancelledError() | KeyboardInterrupt():
            print("t2s: stopped; the same command goes on where this one ended", file=sys.stderr)
            return 3
        case T2SError():
            print(f"t2s: {error}", file=sys.stderr)
            return error.exit_code
        case _:
            raise error


def run_at(path: str) -> RunFolder:
    """The run in a folder. Raises `InputError`."""
    run = RunFolder(Path(path).resolve())
    if not run.config.is_file():
        raise InputError(f"{path} is not the folder of a run: no run.toml in it")
    return run


def turned(run: RunFolder, knobs: list[str]) -> Config:
    """The run's settings with `knobs` (KEY=VALUE) for this life. Raises `ConfigError`."""
    return with_knobs(run_config(run), dict(pair(text) for text in knobs))


def make_home(folder: Path, what: str) -> None:
    """The folder that a tool writes into. Raises `InputError` for a link there: what is written would land
    elsewhere."""
    for path in (folder, *folder.glob("*"), *folder.glob("*/*")):
        if path.is_symlink():
            raise InputError(f"{path} is a link; remove it, {what} are written into the run's own folder only")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error


def teller(*, redraw: bool) -> Callable[[str], None]:
    """Lines about the progress on stderr; with `redraw` one line that is drawn over."""
    if redraw:
        return lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    return lambda text: print(text, file=sys.stderr, flush=True)


def add_life(parser: argparse.ArgumentParser) -> None:
    """How a tool's life goes: the run, its knobs, how progress is shown."""
    parser.add_argument("run", help="folder of the run")
    parser.add_argument("--knob", action="append", default=[], metavar="KEY=VALUE", help="a knob for this life")
    parser.add_argument("--redraw", action="store_true", help="one line of progress that is drawn over")


def between(least: int, most: int) -> Callable[[str], int]:
    """A whole number of the command line."""

    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
        return int(text)

    return number
