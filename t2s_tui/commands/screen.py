"""The terminal application, imported only when it is shown."""

from __future__ import annotations

from pathlib import Path

from t2s_tui.commands.common import has_screen, manner, runs_folder
from t2s_tui.plan import Plan
from t2s_tui.text import clock
from workspace.errors import InputError
from workspace.runs.run import RunFolder
from workspace.runs.timeline import read_timeline
from workspace.settings.screen import ScreenSettings


def home(runs: str | None) -> int:
    """The list of runs on a screen of its own. Raises `InputError` where there is no terminal."""
    folder = runs_folder(runs)
    if not has_screen():
        raise InputError("the home screen needs a terminal; `t2s ls` lists the runs, `t2s --help` the commands")
    return _show(folder, None, manner())


def open_run(run: RunFolder, how: ScreenSettings | None = None) -> int:
    """The live screen of `run` until the viewer leaves; the run's code, 0 while it goes on."""
    return _show(run.path.parent, run, how or manner())


def open_replay(run: RunFolder, how: ScreenSettings, speed: float, start: str) -> int:
    """The record of `run` from `start` (`90`, `1:30`, `40%`) on. Raises `InputError` where there is nothing to show."""
    if not has_screen():
        raise InputError(f"a replay needs a terminal; `t2s attach {run.id} --plain` prints all that happened")
    from t2s_tui.app import T2SApp

    seconds = read_timeline(run.journal).seconds
    if not seconds:
        raise InputError(f"nothing is on record of {run.id}: {run.journal} holds no event")
    return T2SApp(run.path.parent, run, manner=how, replay=(speed, second(start, seconds) / seconds)).run()


def second(said: str, seconds: float) -> float:
    """The second of a record that is `seconds` long. Raises `InputError` for what is no time in it."""
    try:
        if said.endswith("%"):
            found = float(said[:-1]) / 100 * seconds
        else:
            found = float(sum(60**n * float(part) for n, part in enumerate(reversed(said.split(":")))))
    except ValueError:
        raise InputError(f"--from {said}: say seconds (90), a time (1:30) or a part of the record (40%)") from None
    if not 0 <= found <= seconds:
        raise InputError(f"--from {said}: the record is {clock(seconds)} long")
    return found


def ask(plan: Plan, how: ScreenSettings | None = None) -> bool:
    """Show what a run may spend and wait for the answer; nothing has begun yet."""
    from t2s_tui.app import T2SApp

    app = T2SApp(Path(plan.config.run.runs).expanduser(), plan=plan, manner=how or manner())
    app.run()
    return app.agreed


def _show(runs: Path, run: RunFolder | None, how: ScreenSettings) -> int:
    from t2s_tui.app import T2SApp

    return T2SApp(runs, run, manner=how).run()
