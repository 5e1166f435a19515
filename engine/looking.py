"""What a look at held-out tasks is, for whoever tries them: a verdict, the baselines of a run, an ablation.

`note(run, round, look_of(…))` (`workspace/evidence/looks.py`) puts it on record before the first try; the same look
again is no further one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.context import Context
from engine.domains.base import Domain, Task
from workspace.evidence.looks import HeldSplit, Look
from workspace.files import digest
from workspace.skills.skill import Skill


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
