"""Stage validate: baseline and candidates on the same held-out tasks, and one rule that decides (method.md §6).

Validation may stop before its last task, once the rule has decided (docs/evidence.md). Each look at the tasks is on
record and paid for. The test tasks are opened once, for the accepted candidate, and decide nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean

from engine.context import Round
from engine.domains.base import Domain, Task
from engine.stages.analyse import load_analysis
from engine.stages.held_out import BASE, HeldOut, Side
from engine.stages.settle import Candidate
from workspace.carry import ALONE, parse_side
from workspace.errors import T2SError
from workspace.evidence.looks import find, note, noted, number_of
from workspace.evidence.race import Race, Rule
from workspace.evidence.stepwise import steps
from workspace.files import dump_toml, read_text, write_text
from workspace.runs.events import NoteLeft, TestOpened, VerdictReached, label
from workspace.score import MIN_PAIRS, Scores, TestScores, Verdict, not_validated


class Unmeasured(T2SError):
    """Too many held-out tasks could not be tried for any verdict."""


async def judge(round: Round, candidates: Sequence[Candidate]) -> tuple[Verdict, Candidate | None]:
    """The verdict on the best candidate, and that candidate when it is accepted or nothing could be validated."""
    domain, settings = round.ctx.domain, round.ctx.config.domain
    best = candidates[0]
    if domain is None or not settings.validation:
        result = not_validated(
            "the traces come without tasks to try the skill on" if domain is None else "no tasks held out"
        )
        return _reached(round, result, best), best
    rivals = _rivals(candidates)
    if not rivals:
        return _reached(round, _nothing_learnt(round, settings.validation), best), None
    best, result = await _raced(round, domain, rivals)
    if result.decision != "accept":
        return _reached(round, result, best), None
    if settings.test:
        result = await _tested(round, domain, best, result)
    return _reached(round, result, best), best


def _rivals(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that differ from S0, each skill once."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.changed:
            found.setdefault(candidate.skill.digest, candidate)
    return list(found.values())


async def _raced(round: Round, domain: Domain, rivals: Sequence[Candidate]) -> tuple[Candidate, Verdict]:
    """The candidate that counts after as many validation tasks as are needed, with its verdict. Raises `Unmeasured`."""
    settings, sides = round.ctx.config.verdict, {rival.side: rival for rival in rivals}
    held = HeldOut(round, domain, "validation", [Side(rival.side, rival.skill) for rival in rivals])
    look = note(round.ctx.run, round.folder, held.look())
    rule = Rule(settings.alpha, settings.min_gain, round.ctx.config.sampling.seed, look)
    race = Race(list(sides), len(held.tasks), rule)
    held.begin()
    for step in _steps(held.tasks, stop_early=settings.stop_early):
        await held.go(step, [BASE, *race.racing])
        if race.step([task.id for task in step], held.scores(BASE), _scores(held, sides)):
            break
    held.end()
    best = race.best(held.scores(BASE), _scores(held, sides))
    if best is None:
        raise Unmeasured(
            f"fewer than {MIN_PAIRS} of {len(held.tasks)} validation tasks could be tried with both skills; "
            f"`t2s resume {round.ctx.run.id}` tries the failed ones again"
        )
    return sides[best[0]], best[1]


def _scores(held: HeldOut, sides: Iterable[str]) -> dict[str, Scores]:
    return {side: held.scores(side) for side in sides}


def _steps(tasks: Sequence[Task], *, stop_early: bool) -> Iterator[Sequence[Task]]:
    ends = steps(len(tasks)) if stop_early else (len(tasks),)
    yield from (tasks[begin:end] for begin, end in pairwise((0, *ends)))


async def _tested(round: Round, domain: Domain, best: Candidate, result: Verdict) -> Verdict:
    """The verdict with the scores on the test tasks, and with how often these have been opened."""
    held = HeldOut(round, domain, "test", [Side(best.side, best.skill)])
    openings = _open(round, held)
    held.begin()
    await held.go(held.tasks, held.names)
    held.end()
    base, mine = held.scores(BASE), held.scores(best.side)
    both = [task for task in base if task in mine]
    if not both:
        raise Unmeasured("no test task could be tried with both skills; the failed units are listed by `t2s show`")
    means = [fmean(fmean(side[task]) for task in both) for side in (base, mine)]
    test = TestScores(baseline=means[0], candidate=means[1], n=len(both))
    said = f"; the test tasks were opened for the {openings}. time in this run" if openings > 1 else ""
    return result.model_copy(update={"test": test, "openings": openings, "sentence": result.sentence + said})


def _open(round: Round, held: HeldOut) -> int:
    """Record that the test tasks are opened, once for each skill they are opened for; gives which time it is."""
    run, look = round.ctx.run, held.look()
    before = noted(run)
    if find(before, look) is None:
        round.ctx.emit(TestOpened(tasks=len(held.tasks)))
        if (number := number_of(before, look)) > 1:
            told = f"the test tasks are opened for the {number}. time in this run: they are not unseen any more"
            round.ctx.emit(NoteLeft(text=told, severity="warning"))
    return note(run, round.folder, look)


def _nothing_learnt(round: Round, n: int) -> Verdict:
    """With the reason that most analysts gave, where they gave one."""
    paths = sorted(round.folder.seed(0).analyses.glob("*.toml"))
    reasons = Counter(
        analysis.none.partition(":")[0] for path in paths if (analysis := load_analysis(read_text(path), path)).none
    )
    why = "".join(f" ({label(reason, 120)}, {count} of {len(paths)})" for reason, count in reasons.most_common(1))
    said = f"rejected: nothing was learnt{why}, the skill is unchanged"
    return Verdict(decision="reject", sentence=said, difference=0.0, n=n, p=1.0)


def _of_what(best: Candidate) -> str:
    """What a person must know of a candidate that carries less than all."""
    found = parse_side(best.side)
    return f"; candidate {best.side} carries {alone}" if found and (alone := ALONE[found.carries]) else ""


def _reached(round: Round, result: Verdict, best: Candidate) -> Verdict:
    result = result.model_copy(update={"side": best.side, "sentence": result.sentence + _of_what(best)})
    for split in ("validation", "test"):
        round.ctx.crew.leave("validate", round.prefix + split)
    write_text(round.folder.verdict, dump_toml({"format": 1, **result.model_dump(mode="json")}))
    fields = result.model_dump(include={"decision", "baseline", "candidate", "difference", "p", "n", "sentence"})
    round.ctx.emit(VerdictReached(**fields))
    return result
