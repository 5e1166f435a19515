"""One engine life that makes and measures baselines: the run's endpoints behind one gate, and a desk for each baseline.

Baselines are worked on one after another, so that none of them waits for the calls of another one and the time of each
is its own. Each has a folder like a run's below `RUN/baselines/`: journal, record of calls, conversations.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.agent import Desk
from engine.baselines.costs import longest_reply, making
from engine.baselines.material import Material
from engine.baselines.place import Workplace
from engine.book import Book, open_book
from engine.caller import Caller
from engine.context import Context
from engine.crew import Crew
from engine.domains.base import Domain
from engine.heartbeat import heartbeat
from engine.life import hired, open_tasks, pool_of, sweep
from engine.lifeline import Lifeline
from engine.llm.budget import Budget
from engine.llm.open import Fleet, open_fleet
from engine.llm.pool import Pool
from engine.pause import Pause
from engine.prompt import Prompts
from engine.purse import Allowance
from engine.record import Record
from engine.rules import rules_for
from engine.window import Windows
from engine.workers.base import Workers
from engine.workers.open import workers_of
from workspace.files import read_text, write_text
from workspace.runs import events as e
from workspace.runs.events import Event
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder
from workspace.runs.start import version

HOME = "baselines"
MANY = 4
"""An agent of a baseline may write of up to twelve lessons where one of the run writes of three: as many times longer a
reply is reckoned with."""


@dataclass
class _Voice:
    """Where what happens at the gate is told: the journal of the baseline that is worked on."""

    say: Callable[[Event], object] = lambda event: None

    def emit(self, event: Event) -> object:
        return self.say(event)


class Office(NamedTuple):
    """What all baselines of a life share."""

    material: Material
    home: RunFolder
    fleet: Fleet
    pool: Pool
    pause: Pause
    voice: _Voice
    domain: Domain | None
    workers: Workers
    prompts: Prompts


def home_of(run: RunFolder) -> RunFolder:
    """Where the baselines of a run are kept; a folder like a run's."""
    return RunFolder(run.path / HOME)


@asynccontextmanager
async def open_office(material: Material, home: RunFolder | None = None) -> AsyncGenerator[Office]:
    """Open the run's endpoints and tasks; all is kept in `home` (default: the baselines' own). Raises `EndpointError`,
    `ConfigError`, `DomainError` in one sentence."""
    home = home or home_of(material.run)
    prompts = _prompts(material.run, home)
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(home, material.config))
        workers = workers_of(material.config)
        stack.push_async_callback(workers.close)
        domain = await open_tasks(material.config, workers)
        voice = _Voice()
        pool = pool_of(fleet, home, voice.emit)
        pause = Pause(voice.emit, pool.gate)
        workers.watch(pause, voice.emit, material.config.endpoint.wait)
        _stop_on_signals(pause)
        yield Office(material, home, fleet, pool, pause, voice, domain, workers, prompts)


@asynccontextmanager
async def at_work(
    office: Office, name: str, cap: int, told: Callable[[str], None], *, bound: bool = False
) -> AsyncGenerator[Workplace]:
    """A desk for the baseline `name`, with what earlier lives paid. `bound`: its calls end where `cap` does not hold
    the next one (`UsedUp`), and `kept` counts from where its making began. Raises `DiskError` where its journal ends.
    """
    folder = RunFolder(office.home.path / name)
    if folder.path.is_dir():
        sweep(folder)
    async with open_book(folder) as book:
        office.voice.say = book.emit
        record = Record(folder, Windows(office.fleet.windows, office.home.endpoints))
        lifeline = Lifeline(office.pool, office.pause, book.emit, office.material.config.endpoint.wait)
        budget = Budget({"tokens": cap} if cap else None) if bound else Budget(spent=record.spent)
        longest = MANY * longest_reply(office.material.run, making) if bound else 0
        purse = Allowance(budget, office.pause, book.emit, record.windows, longest) if bound else None
        caller = Caller(office.pool, office.pause, lifeline, record, book.emit, budget, purse=purse)
        crew = Crew(office.pause, book.emit, hired(office.pool.limit))
        office.pool.on_resize(lambda limit: crew.resize(hired(limit)))
        desk = Desk(folder, caller, LiveWriter(folder), book.emit)
        ctx = _context(office, folder, book, crew, desk)
        rules = rules_for(ctx, 1, office.material.s0)
        _begin(office, folder, book)
        try:
            async with _watched(ctx, book):
                yield Workplace(ctx, office.material, rules, budget, cap, told, longest)
        finally:
            lifeline.close()
            record.close()
            caller.count()
            book.emit(_end(ctx))
            office.voice.say = lambda event: None


def _context(office: Office, folder: RunFolder, book: Book, crew: Crew, desk: Desk) -> Context:
    return Context(
        run=folder,
        config=office.material.config,
        emit=book.emit,
        crew=crew,
        desk=desk,
        prompts=office.prompts,
        domain=office.domain,
        models=office.fleet.models,
        view=book.view,
        workers=office.workers,
    )


def _begin(office: Office, folder: RunFolder, book: Book) -> None:
    if book.view.seq:
        book.emit(e.RunResumed(fresh=True))
        return
    models = e.label(", ".join(dict.fromkeys(office.fleet.models.values())))
    skill = office.material.s0.name
    book.emit(e.RunStarted(run=folder.id, skill=skill, model=models, endpoint=office.fleet.name, version=version()))


def _end(ctx: Context) -> Event:
    if ctx.crew.pause.stopping:
        return e.RunStopped(why=ctx.crew.pause.stopping)
    failed = ctx.crew.failures
    detail = e.label("; ".join(f"{unit}: {reason}" for unit, reason in failed.items()), 600)
    return e.RunFinished(state="incomplete" if failed else "finished", code=int(bool(failed)), detail=detail)


@asynccontextmanager
async def _watched(ctx: Context, book: Book) -> AsyncGenerator[None]:
    """Text and counts go out while the work goes on; a journal that cannot be written ends it."""
    work = asyncio.current_task()
    assert work is not None
    book.on_failure = work.cancel
    tick = asyncio.create_task(heartbeat(ctx, book), name="tick")
    watchers = [
        asyncio.create_task(member.throttle.watch(member.metrics), name=f"metrics-{member.name}")
        for member in ctx.desk.caller.pool.members
        if member.metrics
    ]
    try:
        yield
    except asyncio.CancelledError:
        if book.failure:
            raise book.failure from None
        raise
    finally:
        for one in (tick, *watchers):
            one.cancel()
        await asyncio.gather(tick, *watchers, return_exceptions=True)


def _stop_on_signals(pause: Pause) -> None:
    """The first one lets calls in flight finish, the second ends at once; what is finished is kept either way."""
    work, loop = asyncio.current_task(), asyncio.get_running_loop()

    def asked() -> None:
        if pause.stopping and work:
            work.cancel()
        else:
            pause.stop("asked to end")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


def _prompts(run: RunFolder, home: RunFolder) -> Prompts:
    """Those that the run has used, and what it has none of from this version; kept like the run's own."""
    built_in = sorted((Path(__file__).parent.parent / "prompts").glob("*.md"))
    for path in [*built_in, *sorted(run.prompts.glob("*.md"))]:
        mine = home.prompts / path.name
        text = read_text(path)
        if path.parent == run.prompts or not mine.exists():
            _write_new(mine, text)
    return Prompts(home.prompts)


def _write_new(path: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_text(path, text)
