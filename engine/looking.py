"""What a look at held-out tasks is, for whoever tries them: a verdict, the baselines of a run, an ablation.

A verdict puts `look_of(…)` on record itself (`note` of `workspace/evidence/looks.py`): its engine holds the run. Tools
for a finished run call `record_look(run, round, look)` before their first try. A later verdict of the run is corrected
for it; the same skills again are no further look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.context import Context
from engine.domains.base import Domain, Task
from workspace.evidence.looks import HeldSplit, Look, note_unseen
from workspace.files import digest
from workspace.runs.run import RoundFolder, RunFolder, engine_lock
from workspace.skills.skill import Skill


def record_look(run: RunFolder, folder: RoundFolder, look: Look) -> int:
    """Put on record in the round `folder`, under the run's own lock, what nobody has seen of a look; gives how often
    its tasks were looked at by then. Raises `BusyError` while an engine works on the run, `InputError`, `DiskError`."""
    with engine_lock(run):
        return note_unseen(run, folder, look)


def look_of(
    ctx: Context,
    domain: Domain,
    split: HeldSplit,
    base: Skill,
    candidates: Sequence[Skill],
    tasks: Sequence[Task],
) -> Look:
    """All `candidates` beside `base` on all `tasks`, tried as the solver of `ctx` tries them."""
    model = ctx.model("solver", tools=domain.hands_on)
    return Look(
        split=split,
        base=base.digest,
        candidates=tuple(skill.digest for skill in candidates),
        how=digest(json.dumps(model._asdict(), sort_keys=True), str(ctx.config.verdict.repeats)),
        tasks=tuple(task.id for task in tasks),
    )
