"""Leaving out one group of lessons after another, and what that does on held-out tasks, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from statistics import fmean
from typing import NamedTuple

from engine.ablation.plan import LeftOut, Plan, plan_of
from engine.ablation.subject import Subject, check_tasks
from engine.ablation.trials import Tally, Trial, Trials
from engine.baselines.costs import cost, making
from engine.baselines.measure import Held, held_of, tell_opening
from engine.baselines.office import at_work, open_office
from engine.baselines.place import Workplace
from engine.looking import look_of, record_look
from engine.sandbox.in_thread import in_thread
from workspace.ablation.table import LEANER, Ablation, Effect, ablation_file, ablation_home, measured
from workspace.evidence.difference import Test, spread
from workspace.evidence.looks import HeldSplit
from workspace.files import remove, write_text
from workspace.score import price
from workspace.skills.skill import Skill, save_skill


class Asked(NamedTuple):
    """What somebody wants to know: at most `most` groups, on the tasks of `split`, with `cap` tokens (None: as many as
    making the skill took the run, 0: any number)."""

    most: int = 12
    split: HeldSplit = "validation"
    cap: int | None = None


class _Work(NamedTuple):
    """One ablation at work. `number`: which look at these tasks it is."""

    place: Workplace
    held: Held
    plan: Plan
    trials: Trials
    test: Test
    number: int

    @property
    def subject(self) -> Subject:
        return self.plan.subject


async def ablate(subject: Subject, asked: Asked, told: Callable[[str], None]) -> Ablation:
    """The table; it is also kept as `RUN/ablation/table.json`. Raises before any call what is wrong with the input."""
    check_tasks(subject, asked.split)
    run = subject.material.run
    cap = cost(run, making).tokens if asked.cap is None else asked.cap
    async with open_office(subject.material, ablation_home(run)) as office:
        held = held_of(office, asked.split)
        name = f"{asked.split}-{subject.candidate.digest[:8]}"
        async with at_work(office, name, cap, told) as place:
            table = await _table(await _begun(place, held, subject, asked))
    write_text(ablation_file(run), table.model_dump_json(indent=1) + "\n")
    return table


async def _begun(place: Workplace, held: Held, subject: Subject, asked: Asked) -> _Work:
    """All that is settled before the first try; the look is on record."""
    plan = await in_thread(lambda: plan_of(place.ctx, subject, asked.most))
    trials = await in_thread(lambda: Trials(place, held, subject))
    trials.check()
    skills = [trial.skill for trial in plan.trials]
    place.told(_beforehand(place, trials, subject, skills))
    settings = subject.material.config
    test = Test(settings.verdict.alpha, settings.sampling.seed, len(plan.left_out) + 1)
    return _Work(place, held, plan, trials, test, _look(place, held, subject, skills))


def _beforehand(place: Workplace, trials: Trials, subject: Subject, skills: Sequence[Skill]) -> str:
    """How much there is to try, as far as that can be known."""
    needs = list(accumulate(map(trials.tokens, skills)))
    about = f", about {needs[-1]:,} tokens" if trials.per_try else ""
    cap = f"; at most {place.cap:,} may be used" if place.cap else ""
    own, left = trials.tokens(subject.candidate), place.cap - place.spent
    holds = f", enough for about {sum(need + own <= left for need in needs)} groups" if cap and about else ""
    return f"{len(skills)} groups of lessons: {sum(map(trials.missing, skills))} tries{about}{cap}{holds}"


def _look(place: Workplace, held: Held, subject: Subject, skills: Sequence[Skill]) -> int:
    """Put on record that these tasks are looked at; the leaner skill is part of the same look."""
    look = look_of(place.ctx, held.domain, held.split, subject.candidate, skills, held.tasks)
    tell_opening(place.ctx, held)
    return record_look(subject.material.run, subject.round, look)


# --- what was measured ---------------------------------------------------------------------------------------------


async def _table(work: _Work) -> Ablation:
    subject, held, test = work.subject, work.held, work.test
    own = await work.trials.candidate()
    found = await work.trials.within_budget(work.plan.trials)
    rows = [_with(_row(left), own, found.get(left.trial.name), test) for left in work.plan.left_out]
    leaner = await _leaner(work, own, rows)
    scores, run = own.measured.found.scores, subject.material.run
    return Ablation(
        id=run.id,
        skill=subject.material.s0.name,
        candidate=subject.candidate.digest,
        round=subject.number,
        side=subject.side,
        split=held.split,
        tasks=len(held.tasks),
        repeats=held.repeats,
        alpha=test.alpha,
        comparisons=test.comparisons,
        look=work.number,
        cap=work.place.cap,
        spent=work.place.spent,
        mean=fmean(map(fmean, scores.values())) if scores else None,
        interval=spread(scores, test) if scores else None,
        groups=tuple(rows),
        leaner=leaner,
        leaner_skill=f"{ablation_home(run).id}/{LEANER}/{subject.material.s0.name}" if leaner else "",
        notes=tuple(_notes(work, own, rows)),
    )


def _row(left: LeftOut) -> Effect:
    group, went = left.group, left.without.went
    return Effect(
        name=group.name,
        kind=group.kind,
        says=group.says,
        edits=tuple(edit.id for edit in group.edits),
        lessons=group.lessons,
        support=len(group.support),
        notes=(f"{', '.join(went)} cannot stand without it and went with it",) if went else (),
    )


def _with(row: Effect, own: Tally, found: Tally | None, test: Test) -> Effect:
    """The row with what was measured, None where nothing was."""
    if found is None:
        return row
    row = measured(row, own.measured.found.scores, found.measured.found.scores, test)
    paid, lost = found.measured.cost, found.measured.found.lost
    if not lost:
        return row.model_copy(update={"calls": paid.calls, "tokens": paid.tokens})
    notes = (*row.notes, f"{len(lost)} tries came to nothing: {lost[0]}")
    return row.model_copy(update={"calls": paid.calls, "tokens": paid.tokens, "state": "incomplete", "notes": notes})


async def _leaner(work: _Work, own: Tally, rows: Sequence[Effect]) -> Effect | None:
    """The candidate without every group whose effect is below 0, kept as a skill; None where there is no such group."""
    subject = work.subject
    home, s0 = ablation_home(subject.material.run).path / LEANER, subject.material.s0
    remove(home)
    names = {row.name for row in rows if row.effect is not None and row.effect < 0}
    groups = [left.group for left in work.plan.left_out if left.group.name in names]
    if not groups:
        return None
    skill = work.plan.without(groups).settled.skill
    save_skill(skill, home / s0.name)
    found = await work.trials.within_budget([Trial(LEANER, skill)])
    row = Effect(
        name=LEANER,
        kind="leaner",
        says=f"without {', '.join(group.name for group in groups)}",
        edits=tuple(edit.id for group in groups for edit in group.edits),
        lessons=tuple(dict.fromkeys(name for group in groups for name in group.lessons)),
        support=len(frozenset[str]().union(*(group.support for group in groups))),
        notes=("it is the skill that the run began with",) if skill.digest == s0.digest else (),
    )
    return _with(row, own, found.get(LEANER), work.test)


def _notes(work: _Work, own: Tally, rows: Sequence[Effect]) -> Iterator[str]:
    if lost := own.measured.found.lost:
        yield f"{len(lost)} tries of the candidate itself came to nothing: {lost[0]}"
    if left := [row.name for row in rows if row.state == "not measured"]:
        yield f"not measured, as the cap of {work.place.cap:,} tokens does not hold them: {', '.join(left)}"
    if joined := [row for row in rows if len(row.edits) > 1 and row.kind == "rule"]:
        yield "; ".join(f"{row.name} is {', '.join(row.edits)} together" for row in joined)
    if work.held.split == "test":
        yield f"the test tasks were looked at {work.number} times in this run; nothing may be chosen by them any more"
        return
    yield (
        f"look {work.number} at these tasks in this run, on record: p of a later verdict on them is multiplied by "
        f"{price(work.number + 1, 1)}"
    )
