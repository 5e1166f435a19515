"""Making and measuring all baselines that are asked for, one after another, into one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from engine.baselines.base import Baseline, Impossible, Shown
from engine.baselines.costs import NOTHING, Cost, cost, making, measuring
from engine.baselines.given import First, NoSkill, Own
from engine.baselines.material import BASE, Material
from engine.baselines.measure import Before, Held, Measured, held_of, measure_shown, tell_opening
from engine.baselines.office import Office, at_work, home_of, open_office
from engine.baselines.one_pass import OnePass
from engine.baselines.pasted import Pasted
from engine.baselines.place import Workplace
from engine.baselines.retrieval import Retrieval
from engine.baselines.sequential import Sequential
from engine.baselines.table import Row, Table, with_scores
from engine.looking import look_of, record_look
from workspace.errors import InputError
from workspace.evidence.difference import Test
from workspace.evidence.looks import HeldSplit
from workspace.files import write_text
from workspace.runs.run import RunFolder
from workspace.score import MIN_PAIRS

NAMES = ("s0", "no-skill", "sequential", "one-pass", "examples", "retrieval")
TABLE = "table.json"
LATER: Mapping[HeldSplit, str] = {
    "validation": "a later verdict of the run is corrected for that",
    "test": "they are not unseen any more",
}
"""What it means that tasks were looked at."""


class Asked(NamedTuple):
    """What somebody wants to see. `split` is empty where nothing shall be measured, `cap` the tokens that making a
    baseline may take: None as many as the run took, 0 any number."""

    only: tuple[str, ...] = NAMES
    batches: tuple[int, ...] = (1, 4)
    examples: int = 12
    lessons: int = 3
    split: HeldSplit | None = "validation"
    cap: int | None = None


def wanted(asked: Asked) -> list[Baseline]:
    """The baselines in the order of `NAMES`. Raises `InputError` with the names there are."""
    if unknown := [name for name in asked.only if name not in NAMES]:
        raise InputError(f"no baseline {unknown[0]!r}; there are {', '.join(NAMES)}")
    found: dict[str, list[Baseline]] = {
        "s0": [First()],
        "no-skill": [NoSkill()],
        "sequential": [Sequential(batch) for batch in dict.fromkeys(asked.batches)],
        "one-pass": [OnePass()],
        "examples": [Pasted(asked.examples)],
        "retrieval": [Retrieval(asked.lessons)],
    }
    return [one for name in NAMES if name in asked.only for one in found[name]]


async def compare(material: Material, asked: Asked, told: Callable[[str], None]) -> Table:
    """The table; it is also kept as `RUN/baselines/table.json`. Raises before any call what is wrong with the input."""
    baselines = wanted(asked)
    _check_tasks(material, asked)
    async with open_office(material) as office:
        held = held_of(office, asked.split) if asked.split and office.domain else None
        own_cost = cost(material.run, making)
        cap = own_cost.tokens if asked.cap is None else asked.cap
        test = Test(material.config.verdict.alpha, material.config.sampling.seed, max(1, len(baselines)))
        made = [await _make(office, one, cap, told) for one in (Own(), *baselines)]
        looks = await _look(office, made, held) if held else 0
        own, *others = [await _measure(office, one, held, told) for one in made]
    rows = [_row(own, own_cost, None, test), *(_row(one, one.made.cost, own.measured, test) for one in others)]
    table = _table(material, asked, held, test, cap, rows, looks)
    write_text(home_of(material.run).path / TABLE, table.model_dump_json(indent=1) + "\n")
    return table


def _check_tasks(material: Material, asked: Asked) -> None:
    """What would make measuring useless is told before anything is called."""
    settings, run = material.config.domain, material.run
    if asked.split is None:
        return
    if not settings.name:
        raise InputError(
            f"run {run.id} has no tasks to measure on, its traces came without a verifier; --make-only makes the "
            "baselines and tells what that costs"
        )
    count = settings.test if asked.split == "test" else settings.validation
    if count < MIN_PAIRS:
        raise InputError(
            f"run {run.id} has {count} {asked.split} tasks and {MIN_PAIRS} or more are needed; measure on the other "
            "ones with --tasks, or make the baselines alone with --make-only"
        )


class _Made(NamedTuple):
    """One baseline made; `why` says why it could not be, `failed` which of its units did not succeed."""

    baseline: Baseline
    shown: Shown | None
    cost: Cost
    failed: tuple[str, ...] = ()
    why: str = ""


class _Done(NamedTuple):
    """One baseline at its end."""

    made: _Made
    measured: Measured | None
    measuring: Cost
    failed: tuple[str, ...] = ()


async def _make(office: Office, baseline: Baseline, cap: int, told: Callable[[str], None]) -> _Made:
    name = baseline.name
    async with at_work(office, name, cap, lambda text: told(f"{name}: {text}"), bound=True) as place:
        told(f"{name}: making")
        try:
            shown = await baseline.make(place)
        except Impossible as fault:
            return _Made(baseline, None, NOTHING, why=str(fault))
    return _Made(baseline, shown, cost(RunFolder(place.folder), making) + shown.inherited, _failed(place))


async def _look(office: Office, made: Sequence[_Made], held: Held) -> int:
    """All baselines of a command are one look at the tasks; gives how often these were looked at by then."""
    material, (own, *others) = office.material, [one.shown for one in made if one.shown]
    async with at_work(office, Own.name, 0, lambda text: None) as place:
        look = look_of(place.ctx, held.domain, held.split, own.skill, (), held.tasks)
    candidates = tuple(shown.digest(held.tasks) for shown in others)
    return record_look(material.run, material.result.round, look.model_copy(update={"candidates": candidates}))


async def _measure(office: Office, made: _Made, held: Held | None, told: Callable[[str], None]) -> _Done:
    name, shown = made.baseline.name, made.shown
    if shown is None or held is None:
        return _Done(made, None, cost(RunFolder(office.home.path / name), measuring))
    async with at_work(office, name, 0, lambda text: told(f"{name}: {text}")) as place:
        told(f"{name}: {len(held.tries)} tries")
        tell_opening(place.ctx, held)
        found = await measure_shown(place, held, shown, _before(place, made.baseline))
        return _Done(made, found, found.cost, _failed(place))


def _failed(place: Workplace) -> tuple[str, ...]:
    return tuple(f"{unit}: {reason}" for unit, reason in place.ctx.crew.failures.items())


def _before(place: Workplace, baseline: Baseline) -> Before | None:
    """Where the run has measured the same skill: its first S0, and its own result."""
    match baseline.name:
        case "s0":
            return Before(place.material.round, BASE)
        case "run":
            return Before(place.material.result.round, place.material.result.side)
        case _:
            return None


def _row(done: _Done, made: Cost, own: Measured | None, test: Test) -> Row:
    baseline, shown = done.made.baseline, done.made.shown
    failed = (*done.made.failed, *done.failed)
    state = "impossible" if shown is None else "incomplete" if failed else "measured" if done.measured else "made"
    lost = len(done.measured.found.lost) if done.measured else 0
    notes = (
        *filter(None, (done.made.why,)),
        *(shown.notes if shown else ()),
        *((f"{lost} tries came to nothing",) if lost else ()),
        *failed[:3],
    )
    row = Row(
        name=baseline.name,
        about=baseline.about,
        state=state,
        making=made,
        measuring=done.measuring,
        lines=len(shown.skill.body.splitlines()) if shown else 0,
        notes=notes,
    )
    if done.measured is None:
        return row
    return with_scores(row, done.measured.found.scores, own.found.scores if own else None, test)


def _table(
    material: Material, asked: Asked, held: Held | None, test: Test, cap: int, rows: Sequence[Row], looks: int
) -> Table:
    notes: list[str] = []
    if len(material.run.rounds()) > 1:
        notes.append("the run learnt in several rounds, its baselines from the trajectories of the first")
    if asked.split == "test":
        notes.append(f"the test tasks were opened for {len(rows)} skills; nothing may be chosen by them any more")
    if held and (looks > 1 or held.split == "test"):
        times = "once" if looks == 1 else f"{looks} times"
        notes.append(f"by now the {held.split} tasks of this run were looked at {times}: {LATER[held.split]}")
    return Table(
        id=material.run.id,
        skill=material.s0.name,
        split=held.split if held else "",
        tasks=len(held.tasks) if held else 0,
        repeats=held.repeats if held else 0,
        alpha=test.alpha,
        comparisons=test.comparisons,
        trajectories=len(material.trajectories),
        cap=cap,
        rows=tuple(rows),
        notes=tuple(notes),
    )
