"""From any edit of a candidate down to the edits and lessons it was made of, and up to what became of it.

Lineage(seed, s0).edit("m2-01-E3")     that edit, wherever it was written
                  .sources(edit)       the edits one level below that went into it
                  .taken_by(edit)      the edit one level above that took it, or why it ended there
                  .takes_out(edit)     the lines of S0 that it replaces or deletes
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from workspace.edits.patch import Delete, Edit, Patch, Replace, loads_patch
from workspace.edits.place import Refusal, Span, place
from workspace.files import read_text
from workspace.merging.ledger import Entry
from workspace.merging.tree import Plan, load_plan
from workspace.reports.summary import read_ledger
from workspace.runs.run import SeedFolder
from workspace.skills.skill import Skill, split_lines


class Above(NamedTuple):
    """What a merge made of an edit: the `edit` that carries it, or the `reason` for which it ended there."""

    node: str
    edit: Edit | None = None
    reason: str = ""


class Lineage:
    """Reads patches and merges of `seed` as they are asked for; `s0` is the skill that its edits are about."""

    def __init__(self, seed: SeedFolder, s0: Skill | None = None) -> None:
        self._seed = seed
        self._s0 = s0
        self._patches: dict[str, Patch | None] = {}
        self._plan: Plan | None = None
        self._fates: dict[str, Entry] | None = None

    def patch(self, name: str) -> Patch | None:
        """What a unit (t003) or a merge (m1-02) wrote, None before it has. Raises `InputError` with file:line."""
        if name not in self._patches:
            path = next((p for p in self._places(name) if p.is_file()), None)
            if path is None:
                return None
            self._patches[name] = loads_patch(read_text(path), path)
        return self._patches[name]

    def edit(self, name: str) -> Edit | None:
        """The edit of that id; None when nobody wrote it. Raises `InputError`."""
        patch = self.patch(patch_of(name))
        return next((edit for edit in (patch.edits if patch else self.settled()) if edit.id == name), None)

    def children(self, node: str) -> tuple[str, ...]:
        """The patches or merges that a merge reads; empty for a patch. Raises `InputError`."""
        plan = self._planned()
        found = plan.node(node) if plan else None
        return found.children if found else ()

    def sources(self, edit: Edit) -> list[Edit]:
        """The edits one level below that went into a merged one, best supported first; empty for a proposed one."""
        leaves = set(edit.sources or (edit.id,))
        below = [patch for child in self.children(patch_of(edit.id)) if (patch := self.patch(child))]
        found = [each for patch in below for each in patch.edits if leaves & set(each.sources or (each.id,))]
        return sorted(found, key=lambda each: (-len(each.support), each.id))

    def taken_by(self, edit: Edit) -> Above | None:
        """What the merge above made of it; None where no merge has read it. Raises `InputError`."""
        plan = self._planned()
        path = plan.path_up(patch_of(edit.id)) if plan else []
        patch = self.patch(path[0]) if path else None
        if patch is None:
            return None
        leaves = set(edit.sources or (edit.id,))
        dropped = {each.id: each.reason for each in patch.dropped}
        if edit.id in dropped:
            return Above(patch.id, reason=dropped[edit.id] or "left out without a reason")
        return Above(patch.id, next((e for e in patch.edits if leaves & set(e.sources or (e.id,))), None))

    def fate(self, edit: Edit) -> Entry | None:
        """What the settling made of it, by the ledger: of a merged one the best of its sources. None before it."""
        if self._fates is None:
            rows = read_ledger(self._seed.ledger) if self._seed.ledger.is_file() else []
            self._fates = {row.id: row for row in rows if row.what == "edit"}
        rows = [self._fates[name] for name in edit.sources or (edit.id,) if name in self._fates]
        return next((row for row in rows if row.state == "in_skill"), rows[0] if rows else None)

    def span(self, edit: Edit) -> Span | None:
        """The lines of S0 that it is about, None where it has no place there."""
        found = place(self._s0, edit) if self._s0 else None
        return None if found is None or isinstance(found, Refusal) else found

    def takes_out(self, edit: Edit) -> list[str]:
        """The lines of S0 that it replaces or deletes."""
        span = self.span(edit) if isinstance(edit, Replace | Delete) else None
        if span is None or self._s0 is None:
            return []
        return [line.rstrip("\r\n") for line in split_lines(self._s0.text(span.file) or "")[span.start : span.end]]

    def settled(self) -> tuple[Edit, ...]:
        """The edits that were applied to S0; empty before the settling."""
        path = self._seed.patch
        return loads_patch(read_text(path), path).edits if path.is_file() else ()

    def remover(self, file: str, line: int) -> Edit | None:
        """The applied edit that took line `line` (from 1) of S0's `file` out."""
        for edit in self.settled():
            span = self.span(edit) if isinstance(edit, Replace | Delete) else None
            if span and span.file == file and span.start < line <= span.end:
                return edit
        return None

    def _planned(self) -> Plan | None:
        if self._plan is None and self._seed.plan.is_file():
            self._plan = load_plan(read_text(self._seed.plan), self._seed.plan)
        return self._plan

    def _places(self, name: str) -> tuple[Path, Path]:
        return self._seed.tree / f"{name}.toml", self._seed.patches / f"{name}.toml"


def patch_of(edit: str) -> str:
    """The unit or merge that wrote an edit: `m2-01` of `m2-01-E3`."""
    return edit.rpartition("-E")[0] or edit
