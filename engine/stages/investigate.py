"""The error analyst with tools: it looks for the cause of a failure until a fix that follows from it passes.

Only such a cause teaches anything (method of the paper, section on error analysis). The expected answer stays where the
verifier reads it, outside the analyst's folder, and the mark of a passed fix is kept by the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.agent import Agent
from engine.context import Seed
from engine.domains.base import Domain, Handed, Task
from engine.llm.endpoint import Message
from engine.react.analyst_hands import Evaluate, Report, Workbench
from engine.react.hands import Bash
from engine.react.manners import in_a_manner, room_of
from engine.react.protocol import Manner
from engine.react.tool import Hand
from engine.react.worker import Worked, Worker
from engine.sandbox.base import Key
from engine.sandbox.folder import clear, copy_in
from engine.sandbox.in_thread import in_thread
from engine.stages.findings import Findings, read_findings
from engine.stages.retell import turns
from engine.stages.solve import SKILL, fresh
from workspace.errors import DomainError, InputError
from workspace.files import write_text
from workspace.skills.skill import save_skill
from workspace.trajectory import Outcome, Trajectory

INPUTS, LOG = "inputs", "what_the_agent_did.md"
LOG_CHARS = 200_000
HIDES_FILES: Key = "reads"
"""The guarantee (engine/sandbox/guarantees.py) without which a fix could have read the expected answer."""
PROMPT = "analyst_tools"


class Case(NamedTuple):
    """One failure to look into: `left` is the work folder as the failed agent left it."""

    domain: Domain
    task: Task
    trajectory: Trajectory
    left: Path


class Found(NamedTuple):
    """What an analyst reports, and the fix that passed; without one there is nothing to learn."""

    findings: Findings
    fix: str = ""


def case_of(seed: Seed, trajectory: Trajectory) -> Case | None:
    """The case, where there are files, a verifier and a place to look into it; else a reply must do."""
    domain, settings, left = seed.ctx.domain, seed.ctx.config, seed.round.folder.left(trajectory.id)
    if domain is None or not (domain.hands_on and settings.analysis.tools and left.is_dir()):
        return None
    number = settings.domain.seed + seed.round.number - 1
    tasks = domain.tasks("evolve", settings.domain.evolve, number)
    task = next((task for task in tasks if task.id == trajectory.task), None)
    return Case(domain, task, trajectory, left) if task and trajectory.outcome.status == "fail" else None


async def investigate(seed: Seed, case: Case, key: str) -> Found:
    """The work of one analyst, from an empty folder to its report. Raises `DomainError`, `SandboxError`."""
    mine = seed.ctx.run.work(f"analyst-{seed.prefix}{case.trajectory.id}")
    trial = mine.with_name(f"{mine.name}.trial")
    agent = seed.agent("analyst", "analyst", "analyse", case.trajectory.id)
    try:
        with agent.at_work():
            await _lay_out(seed, case, mine)
            return await _look(seed, case, key, agent, _bench(seed, case, mine, trial))
    finally:
        for folder in (mine, trial):
            await seed.ctx.workers.leave(folder)
            await in_thread(lambda folder=folder: clear(folder))


async def _look(seed: Seed, case: Case, key: str, agent: Agent, bench: Workbench) -> Found:
    ctx, model = seed.ctx, seed.ctx.model("analyst", seed.number, tools=True)
    passed: list[str] = []
    hands: list[Hand] = [
        Bash(bench.sandbox, bench.mine, bench.limits),
        Evaluate(bench),
        Report(read_findings, lambda: bool(passed)),
    ]

    async def begin(manner: Manner) -> Worked:
        worker = Worker(
            agent, key, hands, manner, ctx.config.analysis.turns, room_of(ctx, model), lambda _: None, passed.append
        )
        return await worker.work(_opening(seed, case, manner))

    return _found(await in_a_manner(ctx, "analyst", model, hands, begin), passed)


def _opening(seed: Seed, case: Case, manner: Manner) -> tuple[Message, ...]:
    return seed.ctx.prompts[PROMPT].messages(
        tools=manner.taught(),
        inputs=INPUTS,
        log=LOG,
        place=SKILL,
        task=case.task.prompt,
        outcome=case.trajectory.outcome.message or "the verifier did not pass it and gave no reason",
    )


async def _lay_out(seed: Seed, case: Case, folder: Path) -> None:
    """The analyst's own folder: what the agent left, the inputs untouched, what it did, and its skill."""
    await _copy(case, folder)
    write_text(folder / LOG, turns(case.trajectory, LOG_CHARS))
    save_skill(seed.s0, folder / SKILL)


async def _copy(case: Case, folder: Path) -> None:
    try:
        await in_thread(lambda: lay_left(case.left, folder))
    except InputError as fault:
        raise DomainError(f"what the agent left cannot be copied: {fault}") from fault
    await case.domain.prepare(case.task, folder / INPUTS)


def lay_left(left: Path, folder: Path) -> None:
    """What the agent left; whatever it put where ours goes gives way."""
    fresh(folder)
    copy_in(left, folder)
    for name in (LOG, SKILL):
        clear(folder / name)
    fresh(folder / INPUTS)


def _bench(seed: Seed, case: Case, mine: Path, trial: Path) -> Workbench:
    async def copy() -> None:
        await _copy(case, trial)

    async def score(answer: str | None) -> Outcome:
        said = case.trajectory.answer if answer is None else answer
        return await seed.ctx.workers.score(case.domain, case.task, Handed(said, trial))

    workers = seed.ctx.workers
    return Workbench(workers, workers.limits, mine, trial, copy, score, lambda: HIDES_FILES in workers.guarantees)


def _found(worked: Worked, passed: Sequence[str]) -> Found:
    """What was reported; without a fix that passed it teaches nothing, and without a report neither."""
    if worked.end != "handed in":
        return Found(Findings(none=f"no verified cause: the analyst ended {worked.end}"))
    findings = read_findings(worked.reply)
    if not passed:
        told = f"; its guess: {findings.cause}" if findings.cause else ""
        return Found(Findings(cause=findings.cause, none=f"no verified cause{told}"))
    return Found(findings, passed[-1])
