"""What earlier rounds learnt and did not put into the skill: whoever analyses the next round need not find it again.

A lesson counts that was dropped, with the reason the ledger gives, unless another candidate or round took the same rule
in. Quarantined ones do not: they only waited for more support. Neither do those that the guard withheld: what is
poisoned or leaks must not be repeated to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workspace.errors import T2SError
from workspace.files import is_file, read_text
from workspace.lessons.pool import load
from workspace.merging.ledger import Fate, load_ledger
from workspace.runs.decision import shown_sides
from workspace.runs.run import RoundFolder, SeedFolder

MOST = 12
COUNTED: Fate = "dropped"
TAKEN: Fate = "in_skill"


class Rejected(NamedTuple):
    """A rule that stayed out, and why."""

    claim: str
    reason: str


def rejected(rounds: Sequence[RoundFolder]) -> tuple[Rejected, ...]:
    """The newest `MOST` of all rounds given, each claim once, the last round first."""
    seeds = [seed for folder in reversed(rounds) for seed in shown_sides(folder)]
    taken = {one.claim for seed in seeds for one in _of_seed(seed, TAKEN)}
    found: dict[str, Rejected] = {}
    for seed in seeds:
        for one in _of_seed(seed, COUNTED):
            if one.claim not in taken:
                found.setdefault(one.claim, one)
    return tuple(found.values())[:MOST]


def _of_seed(seed: SeedFolder, state: Fate) -> list[Rejected]:
    if not is_file(seed.ledger):
        return []
    rows = [row for row in load_ledger(read_text(seed.ledger)) if row.what == "lesson" and row.state == state]
    return [Rejected(claim, row.reason) for row in rows if (claim := _claim(seed, row.id))]


def _claim(seed: SeedFolder, lesson: str) -> str:
    """Empty for a lesson whose file is gone or damaged: the ledger still tells what became of it."""
    try:
        return " ".join(load(seed, lesson).lesson.claim.split())
    except T2SError:
        return ""
