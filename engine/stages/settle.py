"""Stage settle: route by support, guard, apply, check; then write the candidate with its provenance and ledger.

Everything here is done by program on the merged edits; no model is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.context import Seed, program_edit
from engine.crew import Failed, Job
from engine.stages.harvest import Harvest
from engine.stages.merge import Outcome
from workspace import events as e
from workspace.consolidate import outvoted
from workspace.errors import T2SError
from workspace.events import label
from workspace.examples import examples_edit
from workspace.files import digest, dump_toml, read_text, write_text
from workspace.guard import Settled, settle
from workspace.ledger import Ending, Entry, Loss, dump_ledger, edit_rows, lesson_rows, load_ledger, unaccounted
from workspace.lesson import Lesson
from workspace.patch import Dropped, Edit, Patch, dumps_patch, edit_text
from workspace.pool import load
from workspace.provenance import dump_provenance, provenance
from workspace.skill import Skill, load_skill, save_skill
from workspace.unified import changed_files

SETTLE = "settle"
FEW = 10


class Candidate(NamedTuple):
    """What a seed ends in: the settled skill, whether it differs from S0, and lessons or edits without a fate."""

    side: str
    skill: Skill
    changed: bool
    unaccounted: tuple[str, ...]


async def settle_candidate(seed: Seed, gathered: Harvest, merged: Outcome) -> Candidate:
    """Write `candidate/`, patch, diff, violations, provenance and ledger; all of it again when any input changed."""
    pool = [load(seed.folder, name).lesson for name in gathered.lessons]
    key = _key(seed, gathered, merged, pool)
    seed.ctx.crew.plan("settle", 1, seed.prefix)

    async def work() -> str:
        return _settle(seed, gathered, merged, pool, key)

    made = await seed.ctx.crew.make("settle", seed.prefix + SETTLE, lambda: Job(key, seed.folder.patch, work))
    seed.ctx.crew.leave("settle", seed.prefix)
    if isinstance(made, Failed):
        raise T2SError(f"the candidate could not be settled: {made.reason}")
    skill = load_skill(seed.folder.candidate / seed.s0.name)
    rows = load_ledger(read_text(seed.folder.ledger))
    names = [*gathered.lessons, *(x.id for p in gathered.patches.values() for x in p.edits)]
    return Candidate(seed.side, skill, skill.digest != seed.s0.digest, unaccounted(names, rows))


def _key(seed: Seed, gathered: Harvest, merged: Outcome, pool: Sequence[Lesson]) -> str:
    read = [digest(edit.model_dump_json()) for edit in merged.edits]
    budgets = seed.ctx.config.budgets.model_dump_json()
    failed = repr((sorted(gathered.failed.items()), sorted(merged.dropped.items()), gathered.trajectories))
    return digest(seed.s0.digest, budgets, failed, *read, *(lesson.digest for lesson in pool))


def _settle(seed: Seed, gathered: Harvest, merged: Outcome, pool: Sequence[Lesson], key: str) -> str:
    before = merged.dropped
    merged = _settle_votes(merged)
    edits, quarantined = route(merged.edits, gathered.trajectories)
    cases = _true_cases(edits, pool, checked=seed.ctx.domain is not None)
    examples = examples_edit(seed.s0, cases, seed.ctx.config.budgets.examples, program_edit(1))
    settled = settle(seed.s0, [*edits, *([examples.edit] if examples.edit else [])])
    ledger = _ledger(gathered, merged, pool, settled, quarantined)
    _write(seed, settled, pool, ledger)
    for left_out in examples.left_out:
        text = e.label(f"example of {left_out.lesson} left out of the skill: {left_out.reason}", 300)
        seed.ctx.emit(e.NoteLeft(text=text, severity="warning"))
    for name in sorted(merged.dropped.keys() - before.keys()):
        seed.ctx.emit(e.EditDropped(edit=seed.prefix + name, reason=e.label(merged.dropped[name])))
    _tell(seed, settled, quarantined)
    dropped = tuple(Dropped(id=w.edit.id, reason=w.reason) for w in settled.withheld)
    return dumps_patch(Patch(id="root", key=key, base=seed.s0.digest, edits=tuple(settled.kept), dropped=dropped))


def _settle_votes(merged: Outcome) -> Outcome:
    """Of edits that contradict each other the better supported one stays; the others are dropped with that reason."""
    losers = outvoted(merged.edits)
    reasons = {
        source: label(f"contradicted by {losers[x.id].id}, which has more support: {edit_text(losers[x.id])}", 300)
        for x in merged.edits
        if x.id in losers
        for source in x.sources
    }
    return Outcome(tuple(x for x in merged.edits if x.id not in losers), merged.dropped | reasons)


def least_support(trajectories: int) -> int:
    """How many distinct tasks an edit needs for the skill itself: 1 for a small pool, else 3 % but at least 2."""
    return 1 if trajectories < FEW else max(2, round(0.03 * trajectories))


def route(edits: Sequence[Edit], trajectories: int) -> tuple[list[Edit], list[Edit]]:
    """What may go in, and what is quarantined: a single unverified source in a pool large enough to show recurrence."""
    least = least_support(trajectories)
    kept: list[Edit] = []
    quarantined: list[Edit] = []
    for edit in edits:
        sound = edit.pinned or edit.verified or len(edit.support) >= min(least, 2)
        (kept if sound else quarantined).append(edit)
    return kept, quarantined


def _true_cases(edits: Sequence[Edit], pool: Sequence[Lesson], *, checked: bool) -> list[Lesson]:
    """The lessons whose examples the skill may show: those the edits carry, best supported first.

    Where a verifier has `checked` the cases, those of the other lessons follow: a rule may be poor and its case true.
    """
    by_id = {lesson.id: lesson for lesson in pool if lesson.status != "dropped"}
    names = [name for edit in sorted(edits, key=lambda x: (-len(x.support), x.id)) for name in edit.lessons]
    carried = [by_id[name] for name in dict.fromkeys(names) if name in by_id]
    shown = {lesson.id for lesson in carried}
    return [*carried, *(lesson for lesson in by_id.values() if checked and lesson.id not in shown)]


def _ledger(
    gathered: Harvest, merged: Outcome, pool: Sequence[Lesson], settled: Settled, quarantined: Sequence[Edit]
) -> list[Entry]:
    proposed = [edit for patch in gathered.patches.values() for edit in patch.edits]
    endings = [
        *(Ending(x, "in_skill") for x in settled.kept),
        *(Ending(w.edit, "withheld", w.reason) for w in settled.withheld),
        *(Ending(x, "quarantined", "a single source, unverified") for x in quarantined),
    ]
    gone = {k: Loss(k, "dropped", v) for k, v in merged.dropped.items()}
    edits = edit_rows(proposed, endings, gone)
    losses = {d.id: Loss(d.id, "dropped", d.reason) for p in gathered.patches.values() for d in p.dropped}
    for lesson in pool:
        unit = lesson.id.split("-L")[0]
        if unit in gathered.failed:
            losses.setdefault(lesson.id, Loss(lesson.id, "failed", gathered.failed[unit]))
    lessons = lesson_rows([x.id for x in pool], proposed, edits, losses)
    return [*(_as_example(row, settled) for row in lessons), *edits]


def _as_example(row: Entry, settled: Settled) -> Entry:
    """A lesson whose rule stayed out but whose case the skill shows is in the skill, as an example."""
    shown = next((x for x in settled.kept if x.author == "program" and row.id in x.lessons), None)
    if row.state == "in_skill" or shown is None:
        return row
    reason = f"as an example; its rule is {row.state}: {row.reason}"
    return row.model_copy(update={"state": "in_skill", "reason": reason, "file": shown.file, "edit": shown.id})


def _write(seed: Seed, settled: Settled, pool: Sequence[Lesson], ledger: Sequence[Entry]) -> None:
    folder = seed.folder
    save_skill(settled.skill, folder.candidate / seed.s0.name)
    write_text(folder.diff, "".join(part["diff"] for part in changed_files(seed.s0, settled.skill)))
    rows = [v.model_dump(mode="json") for v in settled.violations]
    write_text(folder.violations, dump_toml({"format": 1, "violations": rows}))
    write_text(folder.provenance, dump_provenance(provenance(settled, pool)))
    write_text(folder.ledger, dump_ledger(ledger))


def _tell(seed: Seed, settled: Settled, quarantined: Sequence[Edit]) -> None:
    emit, prefix = seed.ctx.emit, seed.prefix
    for edit in quarantined:
        emit(e.EditQuarantined(edit=prefix + edit.id, reason="a single source, unverified"))
    for withheld in settled.withheld:
        emit(e.EditWithheld(edit=prefix + withheld.edit.id, reason=e.label(withheld.reason)))
    for v in settled.violations:
        emit(
            e.GuardFlagged(
                rule=v.rule, severity=v.severity, file=v.file, line=v.line or 0, message=e.label(v.message),
                edit=v.edit or "", inherited=v.inherited,
            )
        )  # fmt: skip
    files = {placed.file for placed in settled.applied.placed}
    lines = sum(placed.end - placed.start + 1 for placed in settled.applied.placed)
    emit(e.PatchApplied(edits=len(settled.kept), files=len(files), lines=lines))
