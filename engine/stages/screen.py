"""Before anything is merged: edits that no wording makes right are set aside, so that they spoil no merged text.

A merged text stands for all its sources: one poisoned, secret or leaking source would keep all of them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.context import Seed
from workspace.edits.patch import Patch
from workspace.guard.guard import Withheld, guard_each

UNFIT = frozenset({"control", "path", "protected", "secrets", "poison", "leak"})


class Screened(NamedTuple):
    """Patches without the edits that are `withheld` before the tree is planned, in plan order."""

    patches: dict[str, Patch]
    withheld: tuple[Withheld, ...]


def screen(seed: Seed, patches: Mapping[str, Patch]) -> Screened:
    """Look at every proposed edit alone. What a person pinned only warns where the rule says so."""
    edits = [edit for patch in patches.values() for edit in patch.edits]
    faults = {v.edit: v for v in reversed(guard_each(seed.s0, edits, rules=seed.rules)) if v.stops and v.rule in UNFIT}
    withheld = tuple(
        Withheld(edit, faults[edit.id].message, faults[edit.id].rule) for edit in edits if edit.id in faults
    )
    clean = {
        name: patch.model_copy(update={"edits": tuple(edit for edit in patch.edits if edit.id not in faults)})
        for name, patch in patches.items()
    }
    return Screened(clean, withheld)
