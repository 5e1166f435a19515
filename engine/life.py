"""One life of an engine: get everything ready, evolve, end in one clear state.

A run has as many lives as it needs; each begins by reading what the ones before left on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from engine.agent import Desk
from engine.book import Book, open_book
from engine.caller import Caller
from engine.context import Context
from engine.crew import Crew
from engine.domains.apart import check_held_out
from engine.domains.base import Domain, runs_commands
from engine.domains.faults import Fault
from engine.domains.find import open_domain
from engine.ears import Ears
from engine.evaluate import check_tasks, evaluate, open_solvers
from engine.evolve import evolve
from engine.heartbeat import heartbeat
from engine.inputs import check_inputs
from engine.knobs import Knobs
from engine.lifeline import Lifeline
from engine.llm.failures import Fatal
from engine.llm.gate import Gate
from engine.llm.lane import Lane
from engine.llm.learned import Ladder
from engine.llm.open import Fleet, open_fleet
from engine.llm.pool import Member, Pool
from engine.llm.throttle import Throttle
from engine.pause import Pause, Stopped
from engine.prompt import Prompts, copy_prompts
from engine.purse import budget_of
from engine.record import Record
from engine.replan import set_plans_aside
from engine.sandbox.folder import clear
from engine.together import first_cause
from engine.window import Windows
from engine.workers.base import Tasks, Workers
from engine.workers.open import workers_of
from workspace.errors import DiskError, T2SError
from workspace.files import remove, walk
from workspace.reports.matrix_text import write_matrix_report
from workspace.reports.report import write_report
from workspace.reports.summary import first_skill
from workspace.runs import events as e
from workspace.runs.evaluation import KIND, Evaluation, evaluation_of
from workspace.runs.events import Event
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, load_view
from workspace.runs.start import run_config, version
from workspace.runs.view import RunView
from workspace.settings.config import Config

TOLD = 8
"""Tasks left out that a run names."""


class Ending(NamedTuple):
    """How a life ended: its last event and the process's exit code."""

    event: Event
    code: int


class Worked(Protocol):
    """What the work of a run came to: the exit code where nothing is missing, else what is, as a sentence."""

    @property
    def code(self) -> int: ...

    @property
    def lacks(self) -> str: ...


class Options(NamedTuple):
    """What this life was told beside the run's own configuration."""

    watch_stdin: bool = False
    accept_changes: bool = False
    replan: bool = False
    knobs: Mapping[str, str] = {}


async def live(run: RunFolder, config: Config, options: Options) -> int:
    """Work on `run` until it has an end; returns the exit code. Raises `T2SError` when it cannot even start."""
    before, plan = load_view(run).view, evaluation_of(run)
    sweep(run)
    if not run.prompts.exists():
        copy_prompts(run)
    check_inputs(run, accept=options.accept_changes)
    async with AsyncExitStack() as stack:
        opening = open_solvers(run, config, plan) if plan else open_fleet(run, config)
        fleet = await stack.enter_async_context(opening)
        journal = await stack.enter_async_context(open_book(run))
        workers = workers_of(config)
        stack.push_async_callback(workers.close)
        domain = await open_tasks(config, workers)
        odd: Sequence[str] = ()
        if plan:
            check_tasks(domain, config, plan)
        elif domain:
            odd = await asyncio.to_thread(check_held_out, domain, config)
        code = await _evolve(run, config, options, before, fleet, journal, Work(domain, workers, odd), plan)
    with contextlib.suppress(DiskError):  # a full disk was told already; all that the report says is in the run
        (write_matrix_report if plan else write_report)(run)
    return code


def sweep(run: RunFolder) -> None:
    """Remove what a killed engine left half-written, and the folders its agents worked in."""
    clear(run.path / "work")
    for path in walk(run.path):
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            remove(path)


class Work(NamedTuple):
    """Where tasks come from, if the run has any, who runs their commands, and what is odd about their splits."""

    domain: Domain | None
    workers: Workers
    warnings: Sequence[str] = ()


async def open_tasks(config: Config, workers: Workers) -> Domain | None:
    """The run's domain, its workers opened where there are commands to run. Raises `ConfigError`, `DomainError`."""
    if not config.domain.name:
        return None
    domain = open_domain(config.domain, workers, Path.cwd())
    if runs_commands(domain):
        await workers.open(Tasks(config.domain, Path.cwd()))
    return domain


async def _evolve(
    run: RunFolder,
    config: Config,
    options: Options,
    before: RunView,
    fleet: Fleet,
    journal: Book,
    work: Work,
    plan: Evaluation | None,
) -> int:
    pool = pool_of(fleet, run, journal.emit)
    pause = Pause(journal.emit, pool.gate)
    record = Record(run, Windows(fleet.windows, run.endpoints))
    patience = config.endpoint.wait if options.watch_stdin else None
    lifeline = Lifeline(pool, pause, journal.emit, patience)
    budget = budget_of(config, record.spent, before)
    caller = Caller(pool, pause, lifeline, record, journal.emit, budget)
    crew = Crew(pause, journal.emit, hired(pool.limit))
    pool.on_resize(lambda limit: crew.resize(hired(limit)))
    context = Context(
        run=run,
        config=config,
        emit=journal.emit,
        crew=crew,
        desk=Desk(run, caller, LiveWriter(run), journal.emit),
        prompts=Prompts(run.prompts),
        domain=work.domain,
        models=fleet.models,
        view=journal.view,
        workers=work.workers,
    )
    _begin(run, config, fleet, before, journal, plan)
    _tell_faults(work.domain, before, journal)
    for warning in work.warnings:
        if (told := e.label(warning, 400)) not in before.notes:
            journal.emit(e.NoteLeft(text=told, severity="warning"))
    work.workers.watch(pause, journal.emit, patience)
    knobs = Knobs(run_config(run), before, journal.emit)
    knobs.begin(config)
    for member, opened in zip(pool.members, fleet.opened, strict=True):
        if opened.gone:
            lifeline.lose(member, opened.gone)
    if options.replan:
        set_plans_aside(run, journal.emit)
    ears = Ears(run, pause, pool, journal.emit, before, crew.forget_fresh, budget, knobs)
    ending = await _until_the_end(context, ears, journal, options, evaluate(context, plan) if plan else evolve(context))
    lifeline.close()
    record.close()
    if isinstance(ending.event, e.RunFailed):
        journal.make_room()
    caller.count()
    journal.emit(ending.event)
    return ending.code


def pool_of(fleet: Fleet, run: RunFolder, emit: Callable[[Event], object]) -> Pool:
    """The endpoints of a run behind one gate."""
    lanes = [Lane(one.endpoint.name, one.limit, alone=one.alone, pace=one.quota) for one in fleet.opened]
    gate = Gate(lanes)
    members = [
        Member(
            one.endpoint, Throttle(gate, lane, one.limiter, emit), Ladder(lane.name, run.endpoints), one.metrics
        )
        for one, lane in zip(fleet.opened, lanes, strict=True)
    ]  # fmt: skip
    return Pool(gate, members, {role: [members[place] for place in places] for role, places in fleet.roles.items()})


def hired(limit: int) -> int:
    """How many sub-agents are at work where so many calls may be in flight: some parse or wait for their turn."""
    return 2 * limit + 8


async def _until_the_end(
    context: Context, ears: Ears, book: Book, options: Options, working: Coroutine[Any, Any, Worked]
) -> Ending:
    """Work beside the watchers; whatever ends first decides."""
    pause, began = context.crew.pause, time.monotonic()
    work = asyncio.create_task(working, name="work")
    helpers = [
        asyncio.create_task(ears.listen(work.cancel), name="ears"),
        asyncio.create_task(heartbeat(context, book), name="tick"),
        asyncio.create_task(_leave_when_held(pause, options, context.config), name="held"),
    ]
    if options.watch_stdin:
        helpers.append(asyncio.create_task(_watch_face(pause, ears), name="face"))
    for member in context.desk.caller.pool.members:
        if member.metrics:
            helpers.append(asyncio.create_task(member.throttle.watch(member.metrics), name=f"metrics-{member.name}"))
    dead: list[BaseException] = []
    for helper in helpers:
        helper.add_done_callback(lambda done: _end_with(done, work, dead))
    book.on_failure = work.cancel
    try:
        worked = await work
    except asyncio.CancelledError:
        return _failed(dead[0], context) if dead else _cut_short(book, pause)
    except BaseException as error:
        return _failed(first_cause(error), context)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
    return _finished(context, worked, time.monotonic() - began)


def _end_with(helper: asyncio.Task[None], work: asyncio.Task[Worked], dead: list[BaseException]) -> None:
    """A helper that fails ends the run with its reason: an engine that cannot hear or speak must not go on."""
    if not helper.cancelled() and (error := helper.exception()) is not None:
        dead.append(error)
        work.cancel()


def _finished(context: Context, worked: Worked, seconds: float) -> Ending:
    if context.crew.failures or worked.lacks:
        detail = e.label(_incomplete(context, worked), 600)
        return Ending(e.RunFinished(state="incomplete", code=1, seconds=round(seconds, 3), detail=detail), 1)
    return Ending(e.RunFinished(state="finished", code=worked.code, seconds=round(seconds, 3)), worked.code)


def _incomplete(context: Context, worked: Worked) -> str:
    parts: list[str] = []
    if failures := context.crew.failures:
        shown = "; ".join(f"{unit}: {reason}" for unit, reason in list(failures.items())[:3])
        parts.append(f"{len(failures)} units failed ({shown}); `t2s resume {context.run.id}` tries them again")
    if worked.lacks:
        parts.append(worked.lacks)
    return "; ".join(parts)


def _cut_short(book: Book, pause: Pause) -> Ending:
    if book.failure:
        return _disk_full(book.failure)
    return Ending(e.RunStopped(why=pause.stopping or "stopped at once"), 3)


def _failed(error: BaseException, context: Context) -> Ending:
    match error:
        case Stopped():
            return Ending(e.RunStopped(why=str(error)), 3)
        case DiskError():
            return _disk_full(error)
        case T2SError():
            code = 2 if isinstance(error, Fatal) and not context.desk.caller.finished else error.exit_code
            _say(str(error))
            return Ending(e.RunFailed(reason=e.label(str(error), 600), code=code), code)
        case _:
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=sys.stderr)
            return Ending(e.RunFailed(reason=e.label(f"{type(error).__name__}: {error}", 600), code=1), 1)


def _disk_full(error: DiskError) -> Ending:
    _say(str(error))
    return Ending(e.RunFailed(reason=e.label(str(error), 600), code=1), 1)


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):  # engine.log may lie on the very disk that is full
        print(f"t2s engine: {sentence}", file=sys.stderr, flush=True)


def _begin(run: RunFolder, config: Config, fleet: Fleet, before: RunView, book: Book, plan: Evaluation | None) -> None:
    if before.seq:
        book.emit(e.RunResumed(pid=os.getpid(), fresh=True))
        return
    domain = "/".join(filter(None, (config.domain.name, config.domain.family)))
    book.emit(
        e.RunStarted(
            run=run.id, skill=_skill_name(run, config, plan), model=_models(fleet), endpoint=fleet.name,
            source=KIND if plan else config.source, domain=domain, pid=os.getpid(), version=version(),
        )
    )  # fmt: skip


def _tell_faults(domain: Domain | None, before: RunView, book: Book) -> None:
    """Tasks that cannot be used are left out; the run says so once."""
    faults: Sequence[Fault] = () if before.seq else getattr(domain, "faults", ())
    for fault in faults[:TOLD]:
        book.emit(
            e.NoteLeft(
                text=e.label(f"left out: {fault.task or 'the task set'}: {fault.message}", 300), severity="warning"
            )
        )
    if len(faults) > TOLD:
        book.emit(e.NoteLeft(text=f"{len(faults) - TOLD} more tasks were left out", severity="warning"))


def _models(fleet: Fleet) -> str:
    return e.label(", ".join(dict.fromkeys(fleet.models.values())))


def _skill_name(run: RunFolder, config: Config, plan: Evaluation | None) -> str:
    if plan:
        return e.label(", ".join(skill.name for skill in plan.skills))
    frozen = first_skill(run)
    return frozen.name if frozen else config.skill.create or ""


# --- what runs beside the work ---------------------------------------------------------------------------------------


async def _watch_face(pause: Pause, ears: Ears) -> None:
    """The plain face holds the other end of our stdin: a byte tells of a wish; when it is gone, stop softly."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()

    def look() -> None:
        if os.read(0, 4096):
            ears.look_now()
        else:
            loop.remove_reader(0)
            gone.set()

    loop.add_reader(0, look)
    await gone.wait()
    pause.stop("the terminal that watched it is gone")


async def _leave_when_held(pause: Pause, options: Options, config: Config) -> None:
    """A plain run that is held ends after its checkpoint (exit 3) instead of waiting for nobody."""
    while options.watch_stdin:
        await pause.change()
        if pause.paused and pause.why.startswith(("hold:", "budget", "lesson")):
            pause.stop(pause.detail or pause.why)
