"""`python -P -m engine.ablation RUN`: leave out lessons of a finished run's candidate; the table as JSON on stdout.

Exit codes: 0 the table is whole, 1 tries came to nothing, 2 unusable input, 3 stopped; the same command goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from engine.ablation.ablate import Asked, ablate
from engine.ablation.subject import open_subject
from engine.together import first_cause
from engine.tool import add_life, between, ended_by, make_home, run_at, teller, turned
from workspace.ablation.table import Ablation, ablation_home
from workspace.errors import BusyError
from workspace.runs.run import engine_lock

FEWEST, MOST = 2, 200


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    given = _parser().parse_args(argv)
    told = teller(redraw=given.redraw)
    try:
        table = _ablated(given, told)
    except BaseException as error:
        return ended_by(first_cause(error))
    print(table.model_dump_json())
    return int(any(row.state == "incomplete" for row in table.rows))


def _ablated(given: argparse.Namespace, told: Callable[[str], None]) -> Ablation:
    run = run_at(given.run)
    subject, home = open_subject(run, turned(run, given.knob)), ablation_home(run)
    make_home(home.path, "ablations")
    asked = Asked(given.most, given.tasks, given.cap)
    try:
        with engine_lock(home):
            return asyncio.run(ablate(subject, asked, told))
    except BusyError:
        raise BusyError(f"another process leaves out lessons of run {run.id}; wait for its end") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.ablation", description="Which lessons of a run help.")
    add_life(parser)
    add = parser.add_argument
    add("--most", type=between(FEWEST, MOST), default=12, metavar="N", help="groups at most")
    add("--tasks", choices=("validation", "test"), default="validation", help="what is measured on")
    add("--cap", type=between(0, 10**12), metavar="N", help="tokens that it may take; 0: no bound")
    return parser


if __name__ == "__main__":
    sys.exit(main())
