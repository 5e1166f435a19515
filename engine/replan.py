"""`--replan`: the frozen plan of the last round is set aside, so that it is made anew from all patches there are now.

The old plan stays beside it until then: a node that has the same children in the new one keeps its id and its result.
"""

from __future__ import annotations

from collections.abc import Callable

from workspace.runs.events import Event, NoteLeft
from workspace.runs.run import RunFolder


def set_plans_aside(run: RunFolder, emit: Callable[[Event], object]) -> None:
    """For every candidate of the last round; says on the journal what was done."""
    rounds = run.rounds()
    plans = [seed for seed in rounds[-1].seeds() if seed.plan.exists()] if rounds else []
    for seed in plans:
        seed.plan.replace(seed.plan_before)
    number = rounds[-1].path.name if rounds else "1"
    said = f"the merge plan of round {number} is made anew from all its patches, as wished with --replan"
    none = "--replan changes nothing: this run has no merge plan yet"
    emit(NoteLeft(text=said if plans else none))
