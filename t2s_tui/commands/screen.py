"""The terminal application, imported only when it is shown."""

from __future__ import annotations

from t2s_tui.commands.common import has_screen, runs_folder
from workspace.errors import InputError
from workspace.run import RunFolder


def home(runs: str | None) -> int:
    """The list of runs on a screen of its own. Raises `InputError` where there is no terminal."""
    folder = runs_folder(runs)
    if not has_screen():
        raise InputError("the home screen needs a terminal; `t2s ls` lists the runs, `t2s --help` the commands")
    from t2s_tui.app import App

    App(folder).run()
    return 0


def open_run(run: RunFolder, fps: int | None) -> None:
    """The live screen of `run`, until the viewer leaves."""
    from t2s_tui.app import App

    App(run.path.parent, run=run, fps=fps).run()
