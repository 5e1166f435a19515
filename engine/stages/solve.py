"""A task and a frozen skill: one reply, or an agent with tools in a work folder. The verifier has the word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.agent import Agent
from engine.context import Context
from engine.domains.base import Domain, Handed, Task
from engine.llm.endpoint import Message
from engine.prompt import Prompt
from engine.react.hands import Bash, Submit
from engine.react.manners import in_a_manner, room_of
from engine.react.protocol import Manner
from engine.react.tool import Hand
from engine.react.worker import Worked, Worker
from engine.reply import spoken
from engine.sandbox.confined import HOME, TEMPORARY
from engine.sandbox.folder import clear
from engine.sandbox.in_thread import in_thread
from workspace.errors import DomainError, SandboxError
from workspace.files import append_text, remove
from workspace.settings.settings import RoleModel
from workspace.skills.skill import Skill, save_skill
from workspace.trajectory import Outcome, Step, dump_step

SKILL = "skill"
"""Where an agent with tools finds the skill's folder, below its work folder."""


class Try(NamedTuple):
    """What is tried: `key` is the digest of all that counts, `folder` the place to work in, `part` the file that grows
    with every turn and is gone at the end.
    """

    task: Task
    skill: Skill
    model: RoleModel
    key: str
    folder: Path
    part: Path


class Solved(NamedTuple):
    """How it went: the conversation from the task on, how it ended, and what held the commands."""

    steps: tuple[Step, ...]
    outcome: Outcome
    sandbox: str = ""


def solver_prompt(ctx: Context, domain: Domain, skill: Skill) -> Prompt:
    """What a solver is told in this domain; with a skill without files nobody tells it of one."""
    name = "solver_tools" if domain.hands_on else "solver"
    return ctx.prompts[name if skill.files else f"{name}_bare"]


async def reply(ctx: Context, domain: Domain, agent: Agent, one: Try) -> Solved:
    """One call, whose text is the result."""
    prompt, task = solver_prompt(ctx, domain, one.skill), one.task
    messages = prompt.messages(skill=shown(one.skill), rules=domain.solve_rules, task=task.prompt)
    with agent.at_work():
        answer = await agent.ask(with_images(messages, task), spoken)
    steps = (Step(role="user", text=task.prompt), Step(role="agent", text=answer))
    return Solved(steps, await ctx.workers.score(domain, task, Handed(answer)))


async def with_tools(ctx: Context, domain: Domain, agent: Agent, one: Try) -> Solved:
    """As many turns as the run allows; a machine that fails is `infra`, never the skill's fault."""
    asked = Step(role="user", text=one.task.prompt)
    try:
        with agent.at_work():
            worked = await _at_the_bench(ctx, domain, agent, one)
        outcome = await ctx.workers.score(domain, one.task, Handed(worked.reply, one.folder))
    except (DomainError, SandboxError) as fault:
        return Solved((asked,), Outcome(status="infra", message=str(fault), source=domain.name), ctx.workers.level)
    finally:
        remove(one.part)
        await ctx.workers.leave(one.folder)
        await in_thread(lambda: tidy(one.folder))
    if worked.end != "handed in":
        why = f"the agent ended {worked.end}"
        outcome = outcome.model_copy(update={"message": "; ".join(filter(None, (why, outcome.message)))})
    return Solved((asked, *worked.steps), outcome, ctx.workers.level)


async def _at_the_bench(ctx: Context, domain: Domain, agent: Agent, one: Try) -> Worked:
    task, prompt = one.task, solver_prompt(ctx, domain, one.skill)
    await prepare(domain, one.task, one.skill, one.folder)
    hands: list[Hand] = [
        Bash(ctx.workers, one.folder, ctx.workers.limits),
        Submit(lambda said: domain.missing(task, Handed(said, one.folder))),
    ]

    def opening(manner: Manner) -> Sequence[Message]:
        skill, rules = one.skill.instructions.strip(), domain.solve_rules
        messages = prompt.messages(skill=skill, rules=rules, tools=manner.taught(), place=SKILL, task=task.prompt)
        return with_images(messages, task)

    def saved(steps: Sequence[Step]) -> None:
        append_text(one.part, "".join(dump_step(step) for step in steps))

    async def begin(manner: Manner) -> Worked:
        remove(one.part)  # of an earlier life, or another manner: its steps come again
        room = room_of(ctx, one.model)
        worker = Worker(agent, one.key, hands, manner, ctx.config.domain.turns, room, saved)
        return await worker.work(opening(manner))

    return await in_a_manner(ctx, "solver", one.model, hands, begin)


async def prepare(domain: Domain, task: Task, skill: Skill, folder: Path) -> None:
    """An empty work folder, the task's inputs and a copy of the skill. Raises `DomainError`."""
    await in_thread(lambda: fresh(folder))
    await domain.prepare(task, folder)
    if skill.files:
        save_skill(skill, folder / SKILL)


def tidy(folder: Path) -> None:
    """What is of no use once the work is over."""
    for name in (HOME, TEMPORARY, SKILL):
        clear(folder / name)


def fresh(folder: Path) -> None:
    """The folder, empty."""
    clear(folder)
    folder.mkdir(parents=True)


def with_images(messages: tuple[Message, ...], task: Task) -> tuple[Message, ...]:
    """The task's pictures go with the last message."""
    if not task.images:
        return messages
    return (*messages[:-1], messages[-1].model_copy(update={"images": task.images}))


def shown(skill: Skill) -> str:
    """What a solver in one reply sees: the instructions and, since it cannot open files, the references below them."""
    parts = [skill.instructions.strip()]
    for path, content in skill.files.items():
        if path.startswith("references/") and isinstance(content, str):
            parts.append(f"# {path}\n\n{content.strip()}")
    return "\n\n".join(parts)
