"""Which edit goes when a rule is broken: who wrote the line, else the weakest of those that can be behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property

from workspace.edits.apply import Applied
from workspace.edits.patch import MAIN, Delete, DeleteFile, Edit, Replace
from workspace.edits.place import Plan, plan_of
from workspace.guard.rules_skill import Path, heading_paths
from workspace.guard.ruleset import Ruleset, Violation
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, split_lines

_RANK = {"model": 0, "program": 1, "human": 2}


def weakest_first(edits: Iterable[Edit]) -> list[Edit]:
    """Strong is pinned, then a person's, then the program's, then well supported, then verified; then the first id."""
    by_id = sorted(edits, key=lambda e: e.id, reverse=True)
    return sorted(by_id, key=lambda e: (e.pinned, _RANK[e.author], len(e.support), e.verified))


def against(winner: Edit) -> str:
    """Why an edit lost against `winner`."""
    why = "pinned" if winner.pinned else f"support {len(winner.support)}"
    return f"conflicts with {winner.id} ({why})"


class Suspects:
    """The edits that are in `applied`; `behind` takes those out that a violation calls for."""

    def __init__(self, skill: Skill, applied: Applied, kept: Sequence[Edit], rules: Ruleset) -> None:
        self._skill = skill
        self._applied = applied
        self._rules = rules
        self._kept = {edit.id: edit for edit in kept}
        self._headings: dict[str, _Headings] = {}

    def behind(self, violation: Violation) -> list[Edit]:
        """The edits to withhold for `violation`; at least one while there are any, unless one that just went is it."""
        out = self._behind(violation)
        for edit in out:
            del self._kept[edit.id]
        return out

    def _behind(self, violation: Violation) -> list[Edit]:
        twice = violation.rule == "headings" and violation.subject.startswith("twice")
        if violation.edit and not twice:
            return self._named({violation.edit})
        touching = self._touching[violation.file]
        match violation.rule:
            case "size":
                return self._heaviest(violation, self._named(touching) or list(self._kept.values()))
            case "unlinked" | "dead-link":
                near = [e for e in self._kept.values() if _took_away(self._skill, e, violation.subject)]
            case "headings":
                writers = self._writers(violation)
                near = self._named(writers)
                if writers and not near:
                    return []
            case _:
                near = self._named(touching)
        return weakest_first(near or self._kept.values())[:1]

    def _named(self, names: Iterable[str]) -> list[Edit]:
        return [self._kept[name] for name in sorted(names) if name in self._kept]

    @cached_property
    def _touching(self) -> defaultdict[str, set[str]]:
        """By file, the edits that wrote in it."""
        out: defaultdict[str, set[str]] = defaultdict(set)
        for placed in self._applied.placed:
            out[placed.file].add(placed.edit)
        return out

    def _writers(self, violation: Violation) -> set[str]:
        """The edits that wrote the heading complained about or its twins."""
        file = violation.file
        if file not in self._headings:
            self._headings[file] = _Headings(self._applied, file)
        return self._headings[file].writers(violation.line)

    def _heaviest(self, violation: Violation, edits: Sequence[Edit]) -> list[Edit]:
        """The weakest edits, until what they wrote makes up for the excess; of those the strongest that need not go
        stay. What a person pinned is never too much."""
        lines = split_lines(self._applied.skill.text(violation.file) or "")
        in_lines = violation.subject == "lines"
        own: Counter[str | None] = Counter()
        for line, origin in zip(lines, self._applied.origin(violation.file), strict=True):
            own[origin] += 1 if in_lines else len(line)
        excess = self._excess(violation, len(lines))
        out: list[Edit] = []
        for edit in weakest_first(edits):
            if excess <= 0 or edit.pinned:
                break
            excess -= own[edit.id]
            out += [edit] if own[edit.id] else []
        for edit in reversed(out.copy()):
            if own[edit.id] <= -excess:
                excess += own[edit.id]
                out.remove(edit)
        return out or weakest_first(edits)[:1]

    def _excess(self, violation: Violation, lines: int) -> int:
        """By how much the file is too long: lines, or characters where tokens are counted."""
        if violation.subject == "tokens":
            return len(self._applied.skill.instructions) - 4 * self._rules.tokens + 1
        return lines + 1 - (self._rules.lines if violation.file == MAIN else self._rules.reference_lines)


class _Headings:
    """Who wrote which heading of a file."""

    def __init__(self, applied: Applied, file: str) -> None:
        origins = applied.origin(file)
        self._paths: dict[int, Path] = {}
        self._by_path: defaultdict[Path, set[str]] = defaultdict(set)
        for heading, path in heading_paths(outline(applied.skill.text(file) or "")):
            self._paths[heading.start + 1] = path
            if origin := origins[heading.start]:
                self._by_path[path].add(origin)

    def writers(self, line: int) -> set[str]:
        """The edits behind the heading at `line` (from 1) and its twins."""
        return self._by_path[self._paths[line]] if line in self._paths else set()


def _took_away(skill: Skill, edit: Edit, name: str) -> bool:
    """Does the edit remove a line of S0 that speaks of `name`?"""
    if not isinstance(edit, Replace | Delete | DeleteFile):
        return False
    plan = plan_of(skill, edit)
    for put in plan.puts if isinstance(plan, Plan) else ():
        lines = split_lines(skill.text(put.file) or "")[put.start : put.end]
        if any(name in line or name.rsplit("/", 1)[-1] in line for line in lines):
            return True
    return isinstance(edit, DeleteFile)
