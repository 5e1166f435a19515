"""The terminal application, imported only when it is shown."""

from __future__ import annotations

from pathlib import Path

from t2s_tui.commands.common import has_screen, manner, runs_folder
from t2s_tui.plan import Plan
from workspace.errors import InputError
from workspace.runs.run import RunFolder
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


def ask(plan: Plan, how: ScreenSettings | None = None) -> bool:
    """Show what a run may spend and wait for the answer; nothing has begun yet."""
    from t2s_tui.app import T2SApp

    app = T2SApp(Path(plan.config.run.runs).expanduser(), plan=plan, manner=how or manner())
    app.run()
    return app.agreed


def _show(runs: Path, run: RunFolder | None, how: ScreenSettings) -> int:
    from t2s_tui.app import T2SApp

    return T2SApp(runs, run, manner=how).run()
