"""`python -P -m engine.baselines RUN`: make and measure the baselines of a finished run; the table as JSON on stdout.

Exit codes: 0 the table is whole, 1 something in it failed, 2 unusable input, 3 stopped; the same command goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from engine.baselines.compare import NAMES, Asked, compare
from engine.baselines.material import open_material
from engine.baselines.office import home_of
from engine.baselines.table import Table
from engine.together import first_cause
from engine.tool import add_life, between, ended_by, make_home, run_at, teller, turned
from workspace.errors import BusyError
from workspace.runs.run import engine_lock

MOST_BATCH = 16


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    given = _parser().parse_args(argv)
    told = teller(redraw=given.redraw)
    try:
        table = _compared(given, told)
    except BaseException as error:
        return ended_by(first_cause(error))
    print(table.model_dump_json())
    return int(any(row.state == "incomplete" for row in table.rows))


def _compared(given: argparse.Namespace, told: Callable[[str], None]) -> Table:
    run = run_at(given.run)
    asked, material, home = _asked(given), open_material(run, turned(run, given.knob)), home_of(run)
    make_home(home.path, "baselines")
    try:
        with engine_lock(home):
            return asyncio.run(compare(material, asked, told))
    except BusyError:
        raise BusyError(f"the baselines of run {run.id} are being made by another process; wait for its end") from None


def _asked(given: argparse.Namespace) -> Asked:
    return Asked(
        only=tuple(given.only) if given.only else NAMES,
        batches=tuple(given.batch),
        examples=given.k,
        lessons=given.top,
        split=None if given.make_only else given.tasks,
        cap=given.cap,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.baselines", description="The baselines of a finished run.")
    add_life(parser)
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", default=[], help=", ".join(NAMES))
    add("--batch", nargs="+", type=between(1, MOST_BATCH), default=[1, 4], metavar="N", help="trajectories a step")
    add("--k", type=between(1, 200), default=12, metavar="N", help="examples that are pasted")
    add("--top", type=between(1, 50), default=3, metavar="N", help="lessons that are retrieved for a task")
    add("--tasks", choices=("validation", "test"), default="validation", help="what is measured on")
    add("--make-only", action="store_true", help="measure nothing")
    add("--cap", type=between(0, 10**12), metavar="N", help="tokens that making one may take; 0: no bound")
    return parser


if __name__ == "__main__":
    sys.exit(main())
