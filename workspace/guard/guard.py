"""The guard: what is wrong with a skill, with edits, with the step from S0 to a result; and `settle`, which lets in
what passes.

What S0 already broke is inherited: told, but it never stops an edit. That holds for the size as well: a skill that was
too long before stays open for edits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workspace.edits.apply import Applied, Conflict, Placed, Refused, apply, conflicts
from workspace.edits.patch import Edit
from workspace.guard.rules import RULES, accepted
from workspace.guard.ruleset import DEFAULT, Finding, Rule, Ruleset, Violation, ruleset
from workspace.guard.structure import breaks_alone, structure
from workspace.guard.withhold import Suspects, against, weakest_first
from workspace.skills.skill import Skill, open_skill

__all__ = [
    "RULES", "Rule", "Ruleset", "Settled", "Violation", "Withheld", "compare", "guard_edits", "lint",
    "lint_folder", "ruleset", "settle",
]  # fmt: skip
_ORDER = {rule.name: n for n, rule in enumerate(RULES)}
Rivals = Mapping[str, Mapping[str, str]]


class Withheld(NamedTuple):
    """An edit that was not applied, the rule that kept it out, and the sentence for people."""

    edit: Edit
    reason: str
    rule: str


@dataclass(frozen=True)
class Settled:
    """The skill with all `kept` edits in it. Every edit given is in `kept` or in `withheld`, both sorted by id.

    `violations` are those of the result: inherited ones and warnings, never a new error.
    """

    skill: Skill
    applied: Applied
    kept: tuple[Edit, ...]
    withheld: tuple[Withheld, ...]
    violations: tuple[Violation, ...]

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Where the kept edits' lines are."""
        return self.applied.placed


def lint(skill: Skill, *, folder_name: str | None = None, rules: Ruleset = DEFAULT) -> tuple[Violation, ...]:
    """Every rule that the skill breaks; with `folder_name` also whether its name fits its folder."""
    found = (told(rule, f, rules) for rule in _on(rules) if rule.skill for f in rule.skill(skill, folder_name, rules))
    return in_order(found)


def lint_folder(folder: Path, *, rules: Ruleset = DEFAULT) -> tuple[Violation, ...]:
    """`lint` of a folder on the disk, also of one that cannot be loaded: what is in the way is told like any fault.

    Raises `SkillError` where there is no folder or no SKILL.md in it.
    """
    opened = open_skill(folder)
    named = {rule.name: rule for rule in _on(rules)}
    faults = [
        told(named[fault.rule], Finding(fault.file, fault.line, fault.message, fault.message, "error"), rules)
        for fault in opened.faults
        if fault.rule in named
    ]
    return in_order([*faults, *lint(opened.skill, folder_name=folder.resolve().name, rules=rules)])


def guard_edits(
    skill: Skill, edits: Sequence[Edit], *, allow_scripts: bool = False, rules: Ruleset = DEFAULT
) -> tuple[Violation, ...]:
    """What is wrong with edits before they are applied. Of two that conflict the weaker one is named."""
    out = list(guard_each(skill, edits, rules=rules.with_scripts(allow_scripts)))
    named = {edit.id: edit for edit in edits}
    for clash in conflicts(skill, edits):
        loser, winner = weakest_first((named[clash.a], named[clash.b]))
        message = f"{against(winner)}: {clash.why}"
        out.append(Violation(rule="overlap", severity="error", file=loser.file, line=0, message=message, edit=loser.id))
    return tuple(out)


def guard_each(skill: Skill, edits: Sequence[Edit], *, rules: Ruleset = DEFAULT) -> tuple[Violation, ...]:
    """What is wrong with each of `edits` by itself."""
    return tuple(v for edit in sorted(edits, key=lambda e: e.id) for v in _guard_edit(skill, edit, rules))


def compare(before: Skill, after: Skill, *, rules: Ruleset = DEFAULT) -> tuple[Violation, ...]:
    """`lint` of `after` and the rules for the step itself; what `before` broke too is marked inherited."""
    return _compare(before, after, None, rules, lint(before, rules=rules))


def settle(skill: Skill, edits: Sequence[Edit], *, allow_scripts: bool = False, rules: Ruleset = DEFAULT) -> Settled:
    """Apply the edits that pass and withhold the others, one rule at a time, until nothing new is broken.

    Of two edits that conflict the one with less support waits, and comes back if the other falls out; a pinned edit
    beats any other. A withheld edit is never repaired. Never raises; the same input gives the same result.
    """
    rules = rules.with_scripts(allow_scripts)
    alive = _one_per_id(edits)
    named = {edit.id: edit for edit in alive}
    out: dict[str, Withheld] = {}
    for edit in alive:
        if fault := next((v for v in _guard_edit(skill, edit, rules) if v.stops), None):
            out[edit.id] = Withheld(edit, fault.message, fault.rule)
        elif alone := breaks_alone(skill, edit):
            out[edit.id] = Withheld(edit, f"{alone.file}: {alone.message}", alone.rule)
    rivals = _rivals(conflicts(skill, [edit for edit in alive if edit.id not in out]))
    had = lint(skill, rules=rules)
    while True:
        kept, losers = _without_conflicts([edit for edit in alive if edit.id not in out], rivals)
        applied = apply(skill, kept)
        if isinstance(applied, Refused):
            out.update({r.edit: Withheld(named[r.edit], r.reason, "existence") for r in applied.reasons})
            continue
        violations = _judge(skill, applied, kept, rules, had)
        stopping = [v for v in violations if v.stops]
        if not stopping or not kept:
            return _settled(applied, kept, [*out.values(), *losers], violations, edits)
        suspects = Suspects(skill, applied, kept, rules)
        for violation in _next_in_line(stopping):
            for edit in suspects.behind(violation):
                out[edit.id] = Withheld(edit, f"{violation.file}: {violation.message}", violation.rule)


def told(rule: Rule, found: Finding, rules: Ruleset = DEFAULT) -> Violation:
    """The finding of a rule as a violation, as severe as the settings have it."""
    return Violation(
        rule=rule.name,
        severity=rules.severity(rule.name, found.severity or rule.severity),
        file=found.file,
        line=found.line,
        message=found.message,
        subject=found.subject,
        amount=found.amount,
    )


def in_order(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """By file, line and rule, as a report lists them."""
    return tuple(sorted(violations, key=lambda v: (v.file, v.line, _ORDER[v.rule], v.message)))


def _on(rules: Ruleset) -> Iterator[Rule]:
    return (rule for rule in RULES if rule.name not in rules.off)


def _next_in_line(stopping: Sequence[Violation]) -> list[Violation]:
    """Those of the first rule that have a known author, else one of them: its cure may cure the others."""
    first = min(_ORDER[v.rule] for v in stopping)
    same = [v for v in stopping if _ORDER[v.rule] == first]
    return [v for v in same if v.edit] or same[:1]


def _settled(
    applied: Applied, kept: Sequence[Edit], out: Iterable[Withheld], found: Sequence[Violation], edits: Sequence[Edit]
) -> Settled:
    withheld = sorted([*out, *_twins(edits)], key=lambda w: (w.edit.id, w.reason))
    return Settled(applied.skill, applied, tuple(kept), tuple(withheld), tuple(found))


def _one_per_id(edits: Sequence[Edit]) -> list[Edit]:
    first: dict[str, Edit] = {}
    for edit in sorted(edits, key=lambda e: (e.id, repr(e))):
        first.setdefault(edit.id, edit)
    return list(first.values())


def _twins(edits: Sequence[Edit]) -> Iterator[Withheld]:
    """All but the first edit of each id."""
    seen: set[str] = set()
    for edit in sorted(edits, key=lambda e: (e.id, repr(e))):
        if edit.id in seen:
            yield Withheld(edit, f"another edit has the id {edit.id}", "overlap")
        seen.add(edit.id)


def _rivals(clashes: Iterable[Conflict]) -> Rivals:
    """By edit, those it cannot stand beside, with the reason."""
    out: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for a, b, why in clashes:
        out[a][b] = out[b][a] = why
    return out


def _without_conflicts(edits: Sequence[Edit], rivals: Rivals) -> tuple[list[Edit], list[Withheld]]:
    """The strongest edits of which no two conflict, in the order of `edits`, and the others with their reason."""
    kept: dict[str, tuple[int, Edit]] = {}
    losers: list[Withheld] = []
    for rank, edit in enumerate(reversed(weakest_first(edits))):
        own = rivals.get(edit.id, {})
        if beaten_by := min((kept[name] for name in own if name in kept), default=None):
            winner = beaten_by[1]
            losers.append(Withheld(edit, f"{against(winner)}: {own[winner.id]}", "overlap"))
        else:
            kept[edit.id] = (rank, edit)
    return sorted((edit for _, edit in kept.values()), key=lambda e: e.id), losers


def _judge(
    skill: Skill, applied: Applied, kept: Sequence[Edit], rules: Ruleset, had: Sequence[Violation]
) -> tuple[Violation, ...]:
    """All violations of the result, each with the edit that wrote its line."""
    found = [*structure(skill, applied), *_compare(skill, applied.skill, applied, rules, had)]
    return in_order(v.model_copy(update={"severity": "warning"}) if _wanted(v, applied, kept) else v for v in found)


def _wanted(violation: Violation, applied: Applied, kept: Sequence[Edit]) -> bool:
    """Does a person want it so? Poison that they accepted, and a file that only what they pinned makes too long."""
    if violation.rule == "poison":
        return violation.edit in {edit.id for edit in kept if accepted(edit)}
    writers = {name for name in applied.origin(violation.file) if name}
    return violation.rule == "size" and bool(writers) and writers <= {edit.id for edit in kept if edit.pinned}


def _compare(
    before: Skill, after: Skill, applied: Applied | None, rules: Ruleset, had: Sequence[Violation]
) -> tuple[Violation, ...]:
    old = {_identity(v): v for v in had}
    left = Counter(_identity(v) for v in had)
    found = [_with_writer(applied, v) for v in lint(after, rules=rules)]
    out: list[Violation] = []
    for violation in sorted(found, key=lambda v: (v.edit is not None, v.line)):
        name = _identity(violation)
        inherited = left[name] > 0
        left[name] -= inherited
        out.append(_inherited(violation, old[name]) if inherited else violation)
    steps = (told(rule, f, rules) for rule in _on(rules) if rule.change for f in rule.change(before, after, rules))
    return in_order([*out, *(_with_writer(applied, v) for v in steps)])


def _inherited(violation: Violation, old: Violation) -> Violation:
    """As S0 had it; a size that has grown is told as a warning."""
    if violation.amount <= old.amount:
        return violation.model_copy(update={"inherited": True})
    message = f"grew from {old.amount:,} to {violation.message}"
    return violation.model_copy(update={"inherited": True, "severity": "warning", "message": message})


def _guard_edit(skill: Skill, edit: Edit, rules: Ruleset) -> list[Violation]:
    out: list[Violation] = []
    broken: set[str] = set()
    for rule in _on(rules):
        if "control" in broken:  # the other rules cite the text, and no report takes a lone surrogate
            break
        if not rule.edit or (rule.name == "existence" and "path" in broken):
            continue
        for finding in rule.edit(skill, edit, rules):
            broken.add(rule.name)
            out.append(told(rule, finding, rules).model_copy(update={"edit": edit.id}))
    return out


def _with_writer(applied: Applied | None, violation: Violation) -> Violation:
    """Who wrote the line; a size is nobody's own, unless one edit wrote the whole file."""
    if applied is None:
        return violation
    origins = applied.origin(violation.file)
    if 0 < violation.line <= len(origins) and not violation.amount:
        return violation.model_copy(update={"edit": origins[violation.line - 1]})
    only = set(origins)
    return violation.model_copy(update={"edit": only.pop() if len(only) == 1 else None})


def _identity(violation: Violation) -> tuple[str, str, str]:
    return (violation.rule, violation.file, violation.subject)
