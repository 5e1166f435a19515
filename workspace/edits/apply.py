"""Apply edits to the frozen skill S0 as one set, by line ranges, in whatever order they come.

    apply(skill, edits) -> Applied(skill, …) | Refused(every reason)

Pure: no file is opened, nothing is guessed. Order at one place: insert_after, append_to_section, insert_before of the
next block, add_section; among equals support descending, then edit id (text beside nested items first). Inserting at
the border of a replaced or deleted block is allowed, inside is a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workspace.edits.clashes import clashes
from workspace.edits.patch import Edit
from workspace.edits.place import Plan, Put, Refusal, Span, place, plan_of
from workspace.edits.weave import Woven, weave
from workspace.skills.outline import is_markdown, outline_of
from workspace.skills.skill import Skill, split_lines

__all__ = ["Applied", "Conflict", "Placed", "Refusal", "Refused", "Span", "apply", "conflicts", "place"]


class Conflict(NamedTuple):
    """Two edits that cannot both be applied; `a < b`."""

    a: str
    b: str
    why: str


class Placed(NamedTuple):
    """Lines `start` to `end` of the result (from 1, both included) that `edit` wrote; `end < start`: it removed."""

    edit: str
    file: str
    start: int
    end: int


@dataclass(frozen=True)
class Applied:
    """The new skill, where each edit's lines are in it, and for the files that changed who wrote each line (`origins`)
    and which line of S0, counted from 0, it is (`sources`; None for an edit's line and a moved blank one)."""

    skill: Skill
    placed: tuple[Placed, ...]
    origins: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict[str, tuple[str | None, ...]])
    sources: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict[str, tuple[int | None, ...]])

    def origin(self, file: str) -> tuple[str | None, ...]:
        """One entry per line of the result: the id of the edit that wrote it, None for a line of S0."""
        if file in self.origins:
            return self.origins[file]
        return (None,) * len(split_lines(self.skill.text(file) or ""))


@dataclass(frozen=True)
class Refused:
    """Every reason why the set cannot be applied; an edit may have several."""

    reasons: tuple[Refusal, ...]


def apply(skill: Skill, edits: Sequence[Edit]) -> Applied | Refused:
    """All `edits` at once onto `skill` (S0), or every reason why not. Text outside the edits stays byte for byte."""
    plans, reasons = _plans(skill, edits)
    for a, b, why in _conflicts(plans):
        reasons += [Refusal(a, f"conflicts with {b}: {why}"), Refusal(b, f"conflicts with {a}: {why}")]
    if reasons:
        return Refused(tuple(sorted(reasons)))
    return _applied(skill, plans)


def conflicts(skill: Skill, edits: Sequence[Edit]) -> tuple[Conflict, ...]:
    """Every pair that touches the same lines or the same new file. Edits that have no place at all are left out."""
    return _conflicts(_plans(skill, edits)[0])


def _plans(skill: Skill, edits: Sequence[Edit]) -> tuple[dict[str, Plan], list[Refusal]]:
    plans: dict[str, Plan] = {}
    reasons: list[Refusal] = []
    for edit in sorted(edits, key=lambda e: e.id):
        plan = plan_of(skill, edit)
        if edit.id in plans:
            reasons.append(Refusal(edit.id, "two edits have this id"))
        elif isinstance(plan, Refusal):
            reasons.append(plan)
        else:
            plans[edit.id] = plan
    return plans, reasons


def _conflicts(plans: Mapping[str, Plan]) -> tuple[Conflict, ...]:
    return tuple(Conflict(a, b, why) for a, b, why in clashes(plans))


def _applied(skill: Skill, plans: Mapping[str, Plan]) -> Applied:
    puts = _with_headings([put for plan in plans.values() for put in plan.puts])
    files = dict(skill.files)
    placed: list[Placed] = []
    origins: dict[str, tuple[str | None, ...]] = {}
    sources: dict[str, tuple[int | None, ...]] = {}
    by_file: dict[str, list[Put]] = {}
    for put in puts:
        by_file.setdefault(put.file, []).append(put)
    for file, its in sorted(by_file.items()):
        woven = _woven(skill, file, its)
        files[file] = woven.text
        origins[file], sources[file] = woven.origins, woven.sources
        placed += [Placed(w.edit, file, w.start, w.end) for w in woven.written]
    for name, plan in plans.items():
        if plan.deletes:
            del files[plan.deletes]
            placed.append(Placed(name, plan.deletes, 1, 0))
        if plan.creates:
            path, text = plan.creates
            files[path] = text
            count = len(split_lines(text))
            origins[path] = (name,) * count
            placed.append(Placed(name, path, 1, count))
    runs = tuple(path for path in skill.executable if path in files)
    return Applied(Skill(name=skill.name, files=files, executable=runs), tuple(sorted(placed)), origins, sources)


def _woven(skill: Skill, file: str, puts: Sequence[Put]) -> Woven:
    return weave(outline_of(file, skill.text(file) or ""), puts, is_markdown(file))


def _with_headings(puts: Sequence[Put]) -> list[Put]:
    """New sections get their heading; those of one title become one section, at the place of the best supported."""
    out: list[Put] = []
    first: dict[tuple[str, str], Put] = {}
    for put in sorted(puts, key=lambda p: (-p.support, p.edit)):
        if put.how != "add_section":
            out.append(put)
            continue
        lead = first.setdefault((put.file, put.title.casefold()), put)
        if lead is put:
            text = f"{'#' * put.level} {put.title}\n\n{put.text}"
            out.append(put._replace(text=text, family=(-put.support, put.edit)))
        else:
            family = (-lead.support, lead.edit)
            out.append(put._replace(start=lead.start, end=lead.end, family=family))
    return out
