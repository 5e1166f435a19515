"""The guard: what is wrong with a skill, with edits, with the step from S0 to a result; and `settle`, which lets in
what passes.

What S0 already broke is inherited: told, but it never stops an edit. That holds for the size as well: a skill that was
too long before stays open for edits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from workspace.apply import Applied, Conflict, Placed, Refused, apply, conflicts
from workspace.outline import Outline, is_markdown, outline
from workspace.patch import MAIN, Delete, DeleteFile, Edit, Replace
from workspace.place import Plan, plan_of
from workspace.rules import (
    MAX_LINES,
    MAX_REFERENCE_LINES,
    MAX_TOKENS,
    RULES,
    Finding,
    Rule,
    Severity,
    accepted,
    heading_paths,
)
from workspace.skill import Skill, split_lines

__all__ = ["RULES", "Rule", "Settled", "Violation", "Withheld", "compare", "guard_edits", "lint", "settle"]
_ORDER = {rule.name: n for n, rule in enumerate(RULES)}
_RANK = {"model": 0, "program": 1, "human": 2}
_DEFAULT: dict[str, Severity] = {rule.name: rule.severity for rule in RULES}


class Violation(BaseModel):
    """One broken rule. `line` counts from 1, 0 means the whole file; `subject` stays the same when lines move.

    `edit` is the id of the edit behind it where that is known; `inherited` means that S0 had it already.
    """

    model_config = ConfigDict(frozen=True)
    rule: str
    severity: Severity
    file: str
    line: int
    message: str
    edit: str | None = None
    inherited: bool = False
    subject: str = ""

    @property
    def stops(self) -> bool:
        """Does it keep an edit out?"""
        return self.severity == "error" and not self.inherited


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


def lint(skill: Skill, *, folder_name: str | None = None) -> tuple[Violation, ...]:
    """Every rule that the skill breaks; with `folder_name` also whether its name fits its folder."""
    found = (_violation(rule, f) for rule in RULES if rule.skill for f in rule.skill(skill, folder_name))
    return tuple(sorted(found, key=_place_in_report))


def guard_edits(skill: Skill, edits: Sequence[Edit], *, allow_scripts: bool = False) -> tuple[Violation, ...]:
    """What is wrong with edits before they are applied. Of two that conflict the weaker one is named."""
    out = [v for edit in sorted(edits, key=lambda e: e.id) for v in _guard_edit(skill, edit, allow_scripts)]
    named = {edit.id: edit for edit in edits}
    for clash in conflicts(skill, edits):
        loser, winner = _weakest_first((named[clash.a], named[clash.b]))
        message = f"{_against(winner)}: {clash.why}"
        out.append(Violation(rule="overlap", severity="error", file=loser.file, line=0, message=message, edit=loser.id))
    return tuple(out)


def compare(before: Skill, after: Skill) -> tuple[Violation, ...]:
    """`lint` of `after` and the rules for the step itself; what `before` broke too is marked inherited."""
    return _compare(before, after, None)


def settle(skill: Skill, edits: Sequence[Edit], *, allow_scripts: bool = False) -> Settled:
    """Apply the edits that pass and withhold the others, one rule at a time, until nothing new is broken.

    Of two edits that conflict the one with less support waits, and comes back if the other falls out; a pinned edit
    beats any other. A withheld edit is never repaired. Never raises; the same input gives the same result.
    """
    alive = _one_per_id(edits)
    out: dict[str, Withheld] = {}
    for edit in alive:
        if fault := next((v for v in _guard_edit(skill, edit, allow_scripts) if v.stops), None):
            out[edit.id] = Withheld(edit, fault.message, fault.rule)
    clashes = conflicts(skill, [edit for edit in alive if edit.id not in out])
    while True:
        open_ = [edit for edit in alive if edit.id not in out]
        kept, losers = _without_conflicts(open_, clashes)
        applied = apply(skill, kept)
        if isinstance(applied, Refused):
            out.update({r.edit: Withheld(_by_id(kept, r.edit), r.reason, "existence") for r in applied.reasons})
            continue
        violations = _judge(skill, applied, kept)
        stopping = [v for v in violations if v.stops]
        if not stopping or not kept:
            return _settled(applied, kept, [*out.values(), *losers], violations, edits)
        for violation in _next_in_line(stopping):
            for edit in _behind(violation, skill, applied, [e for e in kept if e.id not in out]):
                out[edit.id] = Withheld(edit, f"{violation.file}: {violation.message}", violation.rule)


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


def _without_conflicts(edits: Sequence[Edit], clashes: Sequence[Conflict]) -> tuple[list[Edit], list[Withheld]]:
    """The strongest edits of which no two conflict, in the order of `edits`, and the others with their reason."""
    why = {(a, b): reason for clash in clashes for a, b, reason in (clash, (clash.b, clash.a, clash.why))}
    kept: list[Edit] = []
    losers: list[Withheld] = []
    for edit in reversed(_weakest_first(edits)):
        if winner := next((other for other in kept if (edit.id, other.id) in why), None):
            losers.append(Withheld(edit, f"{_against(winner)}: {why[edit.id, winner.id]}", "overlap"))
        else:
            kept.append(edit)
    return sorted(kept, key=lambda e: e.id), losers


def _judge(skill: Skill, applied: Applied, kept: Sequence[Edit]) -> tuple[Violation, ...]:
    """All violations of the result, each with the edit that wrote its line."""
    free = {edit.id for edit in kept if accepted(edit)}
    found = [*_structure(skill, applied), *_compare(skill, applied.skill, applied)]
    told = (v.model_copy(update={"severity": "warning"}) if v.rule == "poison" and v.edit in free else v for v in found)
    return tuple(sorted(told, key=_place_in_report))


def _compare(before: Skill, after: Skill, applied: Applied | None) -> tuple[Violation, ...]:
    had = Counter(_identity(v) for v in lint(before))
    found = [v if applied is None else v.model_copy(update={"edit": _writer(applied, v)}) for v in lint(after)]
    out: list[Violation] = []
    for violation in sorted(found, key=lambda v: (v.edit is not None, v.line)):
        inherited = had[_identity(violation)] > 0
        had[_identity(violation)] -= inherited
        out.append(violation.model_copy(update={"inherited": inherited}) if inherited else violation)
    steps = (_violation(rule, f) for rule in RULES if rule.change for f in rule.change(before, after))
    out += [v if applied is None else v.model_copy(update={"edit": _writer(applied, v)}) for v in steps]
    return tuple(sorted(out, key=_place_in_report))


def _structure(skill: Skill, applied: Applied) -> Iterator[Violation]:
    """Lines of S0 that have become part of a fence, a comment, a heading, …, or no longer are."""
    for file, sources in applied.sources.items():
        old, new = skill.text(file), applied.skill.text(file)
        if old is None or new is None or not is_markdown(file):
            continue
        was, now = _roles(outline(old)), _roles(outline(new))
        changed = [n for n, source in enumerate(sources) if source is not None and was[source] != now[n]]
        for n in changed[:1]:
            before, after = was[sources[n] or 0] or "text", now[n] or "text"
            message = f"text of S0 that was {before} has become {after}"
            edit = _cause(outline(new), applied.origins[file], n)
            yield Violation(rule="structure", severity="error", file=file, line=n + 1, message=message, edit=edit)


def _roles(plan: Outline) -> list[str]:
    """What matters about each line's kind; a blank line or plain text is ""."""
    outer = {n for h in plan.headings for n in range(h.start, h.end)}
    lasting = {"fence", "html", "code", "table", "break", "front_matter"}
    roles = [kind if kind in lasting else "" for kind in plan.kinds]
    for n, kind in enumerate(plan.kinds):
        if kind == "heading":
            roles[n] = "heading" if n in outer else "inner heading"
        elif not plan.lines[n].strip():
            roles[n] = "fence" if kind == "fence" else ""
    return roles


def _cause(plan: Outline, origins: Sequence[str | None], line: int) -> str | None:
    """Who wrote the first line of the block that `line` has become part of, else the nearest edit above, else below."""
    opener = next((b.start for b in plan.blocks if b.start <= line < b.end), line)
    if origins[opener]:
        return origins[opener]
    above = [o for o in origins[:line] if o]
    below = [o for o in origins[line:] if o]
    return above[-1] if above else below[0] if below else None


def _behind(violation: Violation, skill: Skill, applied: Applied, kept: Sequence[Edit]) -> list[Edit]:
    """The edits to withhold for a violation; at least one while there are any."""
    twice = violation.rule == "headings" and violation.subject.startswith("twice")
    if violation.edit and not twice:
        return [e for e in kept if e.id == violation.edit]
    touching = {p.edit for p in applied.placed if p.file == violation.file}
    match violation.rule:
        case "size":
            return _heaviest(violation, applied, [e for e in kept if e.id in touching] or kept)
        case "unlinked" | "dead-link":
            near = [e for e in kept if _took_away(skill, e, violation.subject)]
        case "headings":
            near = [e for e in kept if e.id in _heading_writers(violation, applied)]
        case _:
            near = [e for e in kept if e.id in touching]
    return _weakest_first(near or kept)[:1]


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


def _heading_writers(violation: Violation, applied: Applied) -> set[str]:
    """The edits that wrote the heading complained about or its twins."""
    paths = list(heading_paths(outline(applied.skill.text(violation.file) or "")))
    same = next((path for h, path in paths if h.start + 1 == violation.line), None)
    origins = applied.origin(violation.file)
    return {o for h, path in paths if path == same and (o := origins[h.start])}


def _heaviest(violation: Violation, applied: Applied, edits: Sequence[Edit]) -> list[Edit]:
    """The weakest edits, until what they wrote makes up for the excess."""
    text = applied.skill.text(violation.file) or ""
    lines = split_lines(text)
    in_lines = violation.subject == "lines"
    most = MAX_LINES if violation.file == MAIN else MAX_REFERENCE_LINES
    excess = len(lines) - most + 1 if in_lines else len(applied.skill.instructions) - 4 * MAX_TOKENS + 1
    origins = applied.origin(violation.file)
    out: list[Edit] = []
    for edit in _weakest_first(edits):
        if excess <= 0:
            break
        own = [line for line, origin in zip(lines, origins, strict=True) if origin == edit.id]
        excess -= len(own) if in_lines else sum(len(line) for line in own)
        out += [edit] if own else []
    return out or _weakest_first(edits)[:1]


def _guard_edit(skill: Skill, edit: Edit, allow_scripts: bool) -> list[Violation]:
    out: list[Violation] = []
    for rule in RULES:
        broken = {v.rule for v in out}
        if "control" in broken:  # the other rules cite the text, and no report takes a lone surrogate
            break
        if not rule.edit or (rule.name == "existence" and "path" in broken):
            continue
        for finding in rule.edit(skill, edit, allow_scripts):
            out.append(_violation(rule, finding).model_copy(update={"edit": edit.id}))
    return out


def _violation(rule: Rule, found: Finding) -> Violation:
    return Violation(
        rule=rule.name,
        severity=found.severity or _DEFAULT[rule.name],
        file=found.file,
        line=found.line,
        message=found.message,
        subject=found.subject,
    )


def _writer(applied: Applied, violation: Violation) -> str | None:
    origins = applied.origin(violation.file)
    if 0 < violation.line <= len(origins):
        return origins[violation.line - 1]
    only = set(origins)
    return only.pop() if len(only) == 1 else None


def _weakest_first(edits: Iterable[Edit]) -> list[Edit]:
    """Strong is pinned, then a person's, then the program's, then well supported, then verified; then the first id."""
    by_id = sorted(edits, key=lambda e: e.id, reverse=True)
    return sorted(by_id, key=lambda e: (e.pinned, _RANK[e.author], len(e.support), e.verified))


def _against(winner: Edit) -> str:
    why = "pinned" if winner.pinned else f"support {len(winner.support)}"
    return f"conflicts with {winner.id} ({why})"


def _identity(violation: Violation) -> tuple[str, str, str]:
    return (violation.rule, violation.file, violation.subject)


def _place_in_report(violation: Violation) -> tuple[str, int, int, str]:
    return (violation.file, violation.line, _ORDER[violation.rule], violation.message)


def _by_id(edits: Iterable[Edit], name: str) -> Edit:
    return next(edit for edit in edits if edit.id == name)
