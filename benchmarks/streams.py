"""A run folder in which many agents stream, written as an engine writes it, by a process of its own.

Journal and live files grow ten times a second: each agent says `rate` tokens a second, tells the journal once a second
what it said last, and the usage is counted once a second. A history of many finished units can lie below.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from engine.book import open_book
from workspace.files import write_text
from workspace.runs import events as e
from workspace.runs.journal import Journal
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, engine_lock

TICK = 0.1
WORDS = "the agent wrote a formula into the cell but never calculated it, so the value is empty"
LESSONS = 60
SPOKEN = 8
"""How often an agent of the history has told what it says."""
FAN_IN = 32


class Writer:
    """Writes what an engine with that many streaming agents writes."""

    def __init__(self, run: RunFolder, agents: int, rate: int) -> None:
        self.journal = Journal(run.journal)
        self.live = LiveWriter(run)
        self.rng = random.Random(1)
        self.words = WORDS.split()
        self.rate = rate
        self.tokens = {f"analyst-live{n:03d}": 0 for n in range(1, agents + 1)}
        self.said = dict.fromkeys(self.tokens, "")
        self._ticks = 0
        self._due = time.monotonic()

    def open(self) -> None:
        """The run begins or, on a history, goes on; all agents start."""
        if not self.journal.seq:
            for event in beginning(len(self.tokens) * 4):
                self.journal.emit(event)
            for n in range(LESSONS):
                title = " ".join(WORDS.split()[:8])
                lesson = e.LessonLearned(lesson=f"t{n:03d}-L1", title=title, verified=n % 2 == 0, support=n % 9 + 1)
                self.journal.emit(lesson)
            for event in plan(LESSONS):
                self.journal.emit(event)
        for agent in self.tokens:
            unit = agent.removeprefix("analyst-")
            self.journal.emit(e.AgentQueued(agent=agent, role="analyst", unit=unit, stage="analyse"))
            self.journal.emit(e.AgentStarted(agent=agent))

    def tick(self) -> float:
        """Write what fell due; returns the seconds until more does."""
        while time.monotonic() >= self._due:
            self._due += TICK
            self._ticks += 1
            for agent in self.tokens:
                self._say(agent, max(1, int(self.rate * TICK)))
            self.live.flush()
            self._tell()
        return max(0.0, self._due - time.monotonic())

    def _say(self, agent: str, tokens: int) -> None:
        text = " ".join(self.rng.choices(self.words, k=tokens)) + (".\n" if self.rng.random() < 0.1 else " ")
        self.live.say(agent, text)
        self.said[agent] = (self.said[agent] + text)[-80:]
        self.tokens[agent] += tokens

    def _tell(self) -> None:
        """Each agent once a second, spread over the ticks; the usage once a second."""
        for n, (agent, tokens) in enumerate(self.tokens.items()):
            if n % 10 == self._ticks % 10:
                self.journal.emit(e.AgentSpoke(agent=agent, tokens=tokens, words=e.label(self.said[agent], 80)))
        if self._ticks % 10 == 0:
            many = len(self.tokens)
            self.journal.emit(
                e.UsageCounted(
                    calls=self._ticks, prompt=self._ticks * 900, completion=sum(self.tokens.values()),
                    in_flight=many, limit=many, rate=many * self.rate,
                )
            )  # fmt: skip


@contextmanager
def streaming(run: RunFolder, agents: int, rate: int) -> Iterator[None]:
    """The agents at work, in a child that holds the run's lock; ended at the end."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_stream, args=(run, agents, rate, there), daemon=True)
    child.start()
    there.close()
    try:
        if not here.poll(30) or here.recv() != "on":
            raise RuntimeError("the agents did not start within 30 s")
        yield
    finally:
        here.close()
        child.join(10)
        if child.is_alive():
            child.kill()


def _stream(run: RunFolder, agents: int, rate: int, tell: Connection) -> None:
    with engine_lock(run):
        writer = Writer(run, agents, rate)
        writer.open()
        tell.send("on")
        while not tell.poll(writer.tick()):  # its other end is closed when we shall stop
            pass
        writer.journal.close()


def new_run(folder: Path) -> RunFolder:
    """An empty run."""
    run = RunFolder(folder / "2026-11-22-bench")
    write_text(run.config, 'format = 1\nkind = "run"\n')
    return run


def write_history(run: RunFolder, units: int) -> None:
    """A run of that many finished units as an engine leaves it while it is at work: `view.json` and the journal, which
    has grown since by almost as many events as an engine lets it (`VIEW_EVERY`)."""
    asyncio.run(_write_history(run, units))
    journal = Journal(run.journal)
    for n in range(4_900):
        journal.emit(e.AgentSpoke(agent=f"analyst-t{n % 100:05d}", tokens=n, words=WORDS[:80]))
    journal.close()


async def _write_history(run: RunFolder, units: int) -> None:
    async with open_book(run) as book:
        for n, event in enumerate(history(units)):
            book.emit(event)
            if n % 100 == 0:
                book.keep_view()


def history(units: int) -> Iterator[e.Event]:
    """Everything that analysts and proposers did for one half of the units each, and a tree of merges above."""
    half = units // 2
    yield from beginning(half)
    for n in range(half):
        yield from _unit("analyst", "analyse", f"t{n:05d}")
        title = f"{' '.join(WORDS.split()[:8])} {n}"
        yield e.LessonLearned(lesson=f"t{n:05d}-L1", title=title, verified=n % 2 == 0, support=n % 9 + 1)
    yield e.StageEntered(stage="propose", units=half)
    for n in range(half):
        yield from _unit("proposer", "propose", f"t{n:05d}")
        yield e.PatchProposed(patch=f"t{n:05d}", edits=1, lessons=1)
    yield from plan(half)
    for n in range(half // FAN_IN // 2):
        yield e.MergeStarted(node=f"m1-{n:03d}", way="joint")
        yield e.EditMerged(edit=f"m1-{n:03d}-E1", node=f"m1-{n:03d}", sources=4, support=9, text=WORDS[:80])
        yield e.MergeDone(node=f"m1-{n:03d}", edits_in=FAN_IN, edits_out=9, dropped=1, support=9)


def beginning(units: int) -> Iterator[e.Event]:
    """Of a run."""
    yield e.RunStarted(run="2026-11-22-bench", skill="xlsx", model="m", endpoint="http://127.0.0.1:1/v1")
    yield e.StageEntered(stage="analyse", units=units)


def plan(patches: int) -> Iterator[e.Event]:
    """Of the merges of so many patches."""
    below, level = [f"t{n:05d}" for n in range(patches)], 1
    while len(below) > 1:
        groups = [tuple(below[n : n + FAN_IN]) for n in range(0, len(below), FAN_IN)]
        nodes = {f"m{level}-{n:03d}": group for n, group in enumerate(groups)}
        yield from (e.MergePlanned(node=node, level=level, children=group) for node, group in nodes.items())
        below, level = list(nodes), level + 1


def _unit(role: e.Role, stage: e.Stage, unit: str) -> Iterator[e.Event]:
    agent = f"{role}-{unit}"
    yield e.AgentQueued(agent=agent, role=role, unit=unit, stage=stage)
    yield e.AgentStarted(agent=agent)
    for n in range(1, SPOKEN + 1):
        yield e.AgentSpoke(agent=agent, tokens=n * 50, words=WORDS[:80])
    yield e.AgentFinished(agent=agent, tokens=SPOKEN * 50, seconds=SPOKEN, words=WORDS[:80])
    yield e.UnitDone(unit=unit, stage=stage, seconds=SPOKEN)
