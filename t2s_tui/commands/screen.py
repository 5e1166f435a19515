"""The terminal application, imported only when it is shown."""

from __future__ import annotations

from pathlib import Path

from t2s_tui.commands.common import has_screen, runs_folder
from t2s_tui.plan import Plan
from workspace.errors import InputError
from workspace.runs.run import RunFolder

FPS = 4


def home(runs: str | None) -> int:
    """The list of runs on a screen of its own. Raises `InputError` where there is no terminal."""
    folder = runs_folder(runs)
    if not has_screen():
        raise InputError("the home screen needs a terminal; `t2s ls` lists the runs, `t2s --help` the commands")
    return _show(folder, None, FPS)


def open_run(run: RunFolder, fps: int | None) -> int:
    """The live screen of `run` until the viewer leaves; the run's code, 0 while it goes on."""
    return _show(run.path.parent, run, fps or FPS)


def ask(plan: Plan) -> bool:
    """Show what a run may spend and wait for the answer; nothing has begun yet."""
    from t2s_tui.app import T2SApp

    app = T2SApp(Path(plan.config.run.runs).expanduser(), plan=plan)
    app.run()
    return app.agreed


def _show(runs: Path, run: RunFolder | None, fps: int) -> int:
    from t2s_tui.app import T2SApp

    return T2SApp(runs, run, fps=fps).run()
