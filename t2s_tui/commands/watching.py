"""Showing a run until it ends or the viewer leaves, in whichever face fits; and the exit code that follows."""

from __future__ import annotations

import sys

from t2s_tui.commands.common import Face
from t2s_tui.host import Engine
from t2s_tui.plain import Interrupts, Printer, watch
from workspace.runs.run import RunFolder
from workspace.runs.view import RunView
from workspace.settings.screen import ScreenSettings


def show(
    run: RunFolder,
    how: Face,
    engine: Engine | None,
    interrupts: Interrupts,
    *,
    manner: ScreenSettings | None = None,
    demo: bool = False,
    view: RunView | None = None,
    offset: int = 0,
) -> int:
    """Show `run` from journal offset `offset` on (`view` is what came before); returns the code of the command.

    With `engine` this is the run's own face, without it only looks on. `manner` is how the person wants the screen.
    `interrupts` counts Ctrl-C for the faces that have no keys; the screen takes them as keys.
    """
    if how == "tui":
        from t2s_tui.commands.screen import open_run

        return open_run(run, manner)
    printer = Printer(sys.stdout, as_json=how == "json", view=view)
    return watch(run, printer, engine, interrupts, offset=offset, demo=demo)
