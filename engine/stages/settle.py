"""Stage settle: route by support, judge contradictions, guard, apply, check; then write the candidate with its
provenance and ledger. But for the judge (see `contradict.py`) everything here is done by program.

Of one seed several candidates may be settled that differ in what they carry (`verdict.carry`): all of them from the
same edits, routed and judged once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.context import Seed, program_edit
from engine.crew import Failed, Job
from engine.stages.brought import refused_rows
from engine.stages.check import costly_rules
from engine.stages.contradict import Judged, judge_contradictions, told
from engine.stages.harvest import Harvest
from engine.stages.merge import Outcome
from engine.stages.repair import FORM, repair
from workspace.carry import ALONE, Carry, carried
from workspace.edits.patch import Dropped, Edit, Patch, dumps_patch, edit_text
from workspace.edits.unified import changed_files
from workspace.errors import T2SError
from workspace.files import digest, dump_toml, read_text, remove, write_text
from workspace.guard.guard import Violation, Withheld, guard_each, settle
from workspace.lessons.examples import ExamplesMade, examples_edit
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load
from workspace.merging.assemble import Assembled, assemble
from workspace.merging.consolidate import outvoted
from workspace.merging.ledger import Ending, Entry, Loss, dump_ledger, edit_rows, lesson_rows, load_ledger, unaccounted
from workspace.merging.route import Held, Routed, least_support, route
from workspace.origins.provenance import dump_provenance, provenance
from workspace.runs import events as e
from workspace.runs.events import label
from workspace.skills.skill import Skill, load_skill, save_skill

SETTLE = "settle"
NO_RULES = "this candidate carries examples only"


class Candidate(NamedTuple):
    """A settled skill, whether it differs from S0, and lessons or edits without a fate."""

    side: str
    skill: Skill
    changed: bool
    unaccounted: tuple[str, ...]


class _Settling(NamedTuple):
    """All that settling reads: `screened` was set aside before the merges or in a trial, `contradicted` lost against
    another edit, `cases` are the lessons whose examples may be shown."""

    gathered: Harvest
    screened: Sequence[Withheld]
    pool: Sequence[Lesson]
    merged: Outcome
    routed: Routed
    cases: Sequence[Lesson]
    judged: Judged
    contradicted: tuple[Held, ...]


async def settle_candidates(
    seed: Seed, gathered: Harvest, screened: Sequence[Withheld], merged: Outcome
) -> list[Candidate]:
    """The candidates of a seed, the one that carries most first. Each has `candidate/`, patch, diff, violations,
    provenance and ledger in a folder of its own; all of it is written again when any input changed."""
    crew, kinds = seed.ctx.crew, carried(seed.ctx.config.verdict.carry)
    pool = [load(seed.folder, name).lesson for name in gathered.lessons]
    crew.plan("settle", len(kinds), seed.prefix)
    reads = await _reads(seed, gathered, merged, pool)
    reads = reads._replace(screened=(*screened, *reads.screened))
    _forget_others(seed, kinds)
    found = [await _candidate(replace(seed, carries=kind), _carrying(reads, kind), kinds[0]) for kind in kinds]
    crew.leave("settle", seed.prefix)
    return found


def _forget_others(seed: Seed, kinds: Sequence[Carry]) -> None:
    """Of an earlier life of the run, in which other candidates were wanted."""
    for side in seed.folder.sides():
        if side.carries not in kinds:
            for path in side.settled if side.carries == "all" else (side.path,):
                remove(path)


def _carrying(reads: _Settling, kind: Carry) -> _Settling:
    """What a candidate that carries `kind` is settled from."""
    match kind:
        case "all":
            return reads
        case "rules":
            return reads._replace(cases=())
        case "examples":
            left = [Withheld(edit, NO_RULES, "carry") for edit in _going_in(reads.routed)]
            routed = Routed((), (), reads.routed.quarantined)
            return reads._replace(screened=(*reads.screened, *left), routed=routed)


async def _candidate(seed: Seed, reads: _Settling, first: Carry) -> Candidate:
    """`first` is the kind whose making is told in full: the others are made of the same edits."""
    gathered, key = reads.gathered, _key(seed, reads)

    async def work() -> str:
        return _settle(seed, reads, key, in_full=seed.carries == first)

    unit = seed.prefix + SETTLE + ("" if seed.carries == "all" else f"-{seed.carries}")
    made = await seed.ctx.crew.make("settle", unit, lambda: Job(key, seed.folder.patch, work))
    if isinstance(made, Failed):
        raise T2SError(f"candidate {seed.side} could not be settled: {made.reason}")
    skill = load_skill(seed.folder.candidate / seed.s0.name)
    rows = load_ledger(read_text(seed.folder.ledger))
    names = [*gathered.lessons, *(x.id for p in gathered.patches.values() for x in p.edits)]
    return Candidate(seed.side, skill, skill.digest != seed.s0.digest, unaccounted(names, rows))


async def _reads(seed: Seed, gathered: Harvest, merged: Outcome, pool: Sequence[Lesson]) -> _Settling:
    by_id = {edit.id: edit for edit in merged.edits}
    barred = _barred(seed, merged.edits)
    outvotes = {loser: winner.id for loser, winner in outvoted([by_id[x] for x in by_id if x not in barred]).items()}
    least = least_support(gathered.trajectories, seed.rules.support)
    routed = route([edit for edit in merged.edits if edit.id not in outvotes], least)
    speak = [edit for edit in (*routed.main, *(held.edit for held in routed.aside)) if edit.id not in barred]
    judged = await judge_contradictions(seed, speak)
    lost = outvotes | judged.losers
    kept = _without(routed, lost)
    costly = await costly_rules(seed, _going_in(kept), _cases(seed, kept, pool))
    kept = _without(kept, {one.edit.id for one in costly})
    cases = _cases(seed, kept, pool)
    contradicted = tuple(Held(by_id[loser], _against(by_id[winner], by_id[loser])) for loser, winner in lost.items())
    mended = await repair(seed, _assembled(seed, kept, cases).done.withheld)
    return _Settling(gathered, costly, pool, merged, _with(kept, mended), cases, judged, contradicted)


def _without(routed: Routed, gone: Container[str]) -> Routed:
    main = tuple(edit for edit in routed.main if edit.id not in gone)
    return Routed(main, tuple(held for held in routed.aside if held.edit.id not in gone), routed.quarantined)


def _going_in(routed: Routed) -> list[Edit]:
    return [*routed.main, *(held.edit for held in routed.aside)]


def _cases(seed: Seed, routed: Routed, pool: Sequence[Lesson]) -> list[Lesson]:
    return _true_cases(_going_in(routed), pool, checked=seed.ctx.domain is not None)


def _barred(seed: Seed, edits: Sequence[Edit]) -> set[str | None]:
    """What a rule keeps out whatever it says, and no repair mends: it must not take another edit's place."""
    faults = guard_each(seed.s0, edits, rules=seed.rules)
    return {v.edit for v in faults if v.stops and v.rule not in FORM}


def _with(routed: Routed, mended: Mapping[str, Edit]) -> Routed:
    main = tuple(mended.get(edit.id, edit) for edit in routed.main)
    return Routed(main, tuple(h._replace(edit=mended.get(h.edit.id, h.edit)) for h in routed.aside), routed.quarantined)


def _against(winner: Edit, loser: Edit) -> str:
    if winner.pinned:
        why = "is pinned"
    elif len(winner.support) > len(loser.support):
        why = "has more support"
    else:
        why = "is verified" if winner.verified and not loser.verified else "says more precisely when"
    return label(f"contradicted by {winner.id}, which {why}: {edit_text(winner)}", 300)


def _key(seed: Seed, reads: _Settling) -> str:
    gathered, merged = reads.gathered, reads.merged
    read = [digest(edit.model_dump_json()) for edit in merged.edits]
    routed = repr(reads.routed)
    failed = repr((sorted(gathered.failed.items()), sorted(merged.dropped.items()), gathered.trajectories))
    lessons = (lesson.digest for lesson in reads.pool)
    screened = (f"{one.edit.id} {one.reason}" for one in reads.screened)
    less = () if seed.carries == "all" else (f"carries {seed.carries}",)
    return digest(
        seed.s0.digest,
        seed.rules.digest,
        str(seed.ctx.config.budgets.examples),
        failed,
        reads.judged.read,
        routed,
        *read,
        *lessons,
        *screened,
        *less,
    )


class _Made(NamedTuple):
    done: Assembled
    examples: ExamplesMade


def _assembled(seed: Seed, routed: Routed, cases: Sequence[Lesson]) -> _Made:
    examples = examples_edit(seed.s0, cases, seed.ctx.config.budgets.examples, program_edit(1))
    rules = seed.rules.without(frozenset({"contradiction"}))  # the judge has spoken
    done = assemble(
        seed.s0, routed, [examples.edit] if examples.edit else [], program_edit,
        lambda edits: settle(seed.s0, edits, rules=rules), lambda edits: guard_each(seed.s0, edits, rules=rules),
        rules.reference_lines,
    )  # fmt: skip
    return _Made(done, examples)


def _settle(seed: Seed, reads: _Settling, key: str, *, in_full: bool) -> str:
    done, examples = _assembled(seed, reads.routed, reads.cases)
    contradictions = [] if seed.carries == "examples" else told(reads.judged, reads.merged.edits)
    _write(seed, done, reads.pool, _ledger(reads, done), contradictions)
    if in_full:
        _tell_drops(seed, examples, reads.contradicted)
        _tell(seed, done, reads, contradictions)
    if seed.carries != "all":
        seed.ctx.emit(_carries(seed, done))
    dropped = tuple(Dropped(id=w.edit.id, reason=w.reason) for w in (*reads.screened, *done.withheld))
    return dumps_patch(Patch(id="root", key=key, base=seed.s0.digest, edits=tuple(done.settled.kept), dropped=dropped))


def _true_cases(edits: Sequence[Edit], pool: Sequence[Lesson], *, checked: bool) -> list[Lesson]:
    """The lessons whose examples the skill may show: those the edits carry, best supported first.

    Where a verifier has `checked` the cases, those of the other lessons follow: a rule may be poor and its case true.
    """
    by_id = {lesson.id: lesson for lesson in pool if lesson.status != "dropped"}
    names = [name for edit in sorted(edits, key=lambda x: (-len(x.support), x.id)) for name in edit.lessons]
    carried = [by_id[name] for name in dict.fromkeys(names) if name in by_id]
    shown = {lesson.id for lesson in carried}
    return [*carried, *(lesson for lesson in by_id.values() if checked and lesson.id not in shown)]


def _ledger(reads: _Settling, done: Assembled) -> list[Entry]:
    gathered = reads.gathered
    proposed = [edit for patch in gathered.patches.values() for edit in patch.edits]
    withheld = {w.edit.id: w.reason for w in done.withheld}
    aside = [held for name, held in done.aside.items() if name not in withheld]
    endings = [
        *(Ending(held.edit, "in_skill", held.reason, done.page[held.edit.id]) for held in aside),
        *(Ending(x, "in_skill") for x in done.settled.kept),
        *(Ending(w.edit, "withheld", w.reason) for w in (*reads.screened, *done.withheld)),
        *(Ending(held.edit, "quarantined", held.reason) for held in reads.routed.quarantined),
        *(Ending(held.edit, "dropped", held.reason) for held in reads.contradicted),
    ]
    gone = {k: Loss(k, "dropped", v) for k, v in reads.merged.dropped.items()}
    edits = edit_rows(proposed, endings, gone)
    losses = {d.id: Loss(d.id, "dropped", d.reason) for p in gathered.patches.values() for d in p.dropped}
    for lesson in reads.pool:
        unit = lesson.id.split("-L")[0]
        if unit in gathered.failed:
            losses.setdefault(lesson.id, Loss(lesson.id, "failed", gathered.failed[unit]))
    lessons = lesson_rows([x.id for x in reads.pool], proposed, edits, losses)
    return [*(_as_example(row, done) for row in lessons), *edits, *refused_rows(gathered.patches)]


def _as_example(row: Entry, done: Assembled) -> Entry:
    """A lesson whose rule stayed out but whose case the skill shows is in the skill, as an example."""
    shown = next((x for x in done.settled.kept if x.id == program_edit(1) and row.id in x.lessons), None)
    if row.state == "in_skill" or shown is None:
        return row
    reason = f"as an example; its rule is {row.state}: {row.reason}"
    return row.model_copy(update={"state": "in_skill", "reason": reason, "file": shown.file, "edit": shown.id})


def _write(
    seed: Seed, done: Assembled, pool: Sequence[Lesson], ledger: Sequence[Entry], more: Sequence[Violation]
) -> None:
    folder, settled = seed.folder, done.settled
    save_skill(settled.skill, folder.candidate / seed.s0.name)
    write_text(folder.diff, "".join(part["diff"] for part in changed_files(seed.s0, settled.skill)))
    rows = [v.model_dump(mode="json") for v in (*settled.violations, *more)]
    write_text(folder.violations, dump_toml({"format": 1, "violations": rows}))
    aside = [held.edit for held in done.aside.values()]
    write_text(folder.provenance, dump_provenance(provenance(settled, pool, done.writers, aside)))
    write_text(folder.ledger, dump_ledger(ledger))


def _carries(seed: Seed, done: Assembled) -> e.NoteLeft:
    """What the candidate carries, or why that is nothing."""
    if kept := done.settled.kept:
        lessons = len({name for edit in kept for name in edit.lessons})
        of = f"{lessons} lesson{'s' * (lessons != 1)}"
        return e.NoteLeft(text=f"candidate {seed.side} carries {ALONE[seed.carries]}, of {of}")
    none = "no rule goes in" if seed.carries == "rules" else "no lesson has a case to show"
    why = done.withheld[0].reason if done.withheld else none
    return e.NoteLeft(
        text=label(f"candidate {seed.side} carries nothing and is not compared: {why}", 300), severity="warning"
    )


def _tell_drops(seed: Seed, examples: ExamplesMade, contradicted: Sequence[Held]) -> None:
    for left_out in examples.left_out:
        text = e.label(f"example of {left_out.lesson} left out of the skill: {left_out.reason}", 300)
        seed.ctx.emit(e.NoteLeft(text=text, severity="warning"))
    for held in contradicted:
        seed.ctx.emit(e.EditDropped(edit=seed.prefix + held.edit.id, reason=e.label(held.reason)))


def _tell(seed: Seed, done: Assembled, reads: _Settling, more: Sequence[Violation]) -> None:
    emit, prefix, settled = seed.ctx.emit, seed.prefix, done.settled
    for held in reads.routed.quarantined:
        emit(e.EditQuarantined(edit=prefix + held.edit.id, reason=e.label(held.reason)))
    for withheld in (*reads.screened, *done.withheld):
        emit(e.EditWithheld(edit=prefix + withheld.edit.id, reason=e.label(withheld.reason)))
    for file in sorted(set(done.page.values())):
        count = sum(page == file for page in done.page.values())
        emit(e.NoteLeft(text=f"{count} less supported edits stand in {file}"))
    for v in (*settled.violations, *more):
        emit(
            e.GuardFlagged(
                rule=v.rule, severity=v.severity, file=v.file, line=v.line or 0, message=e.label(v.message, 300),
                edit=v.edit or "", inherited=v.inherited,
            )
        )  # fmt: skip
    files = {placed.file for placed in settled.applied.placed}
    lines = sum(placed.end - placed.start + 1 for placed in settled.applied.placed)
    emit(e.PatchApplied(edits=len(settled.kept), files=len(files), lines=lines))
