"""Stage rollout: an agent with a frozen skill tries a task; the domain's verifier says how it ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.agent import Agent
from engine.context import Context, Round
from engine.crew import Failed, Job
from engine.domains.base import Domain, Task
from engine.reply import spoken
from workspace.files import read_text
from workspace.ids import trajectory_id
from workspace.runs.events import ScoreMeasured, Stage, TrajectorySaved
from workspace.runs.run import RoundFolder
from workspace.skills.skill import Skill
from workspace.trajectory import Step, Trajectory, dump_trajectory, load_trajectory


class Rollout:
    """A trajectory that is there, or on its way; several seeds may wait for the same one."""

    def __init__(self, name: str, found: Trajectory | asyncio.Task[Trajectory | Failed]) -> None:
        self.name = name
        self._found = found

    @property
    def brought(self) -> Trajectory | None:
        """The trajectory, when the run came with it."""
        return self._found if isinstance(self._found, Trajectory) else None

    async def trajectory(self) -> Trajectory | Failed:
        """The trajectory once it is there, or why there is none."""
        return self._found if isinstance(self._found, Trajectory) else await asyncio.shield(self._found)


def start_rollouts(round: Round, group: asyncio.TaskGroup) -> list[Rollout]:
    """The round's trajectories: those that came with the run (round 1), then one agent a task of the domain."""
    brought = imported(round.folder)
    for trajectory in brought:
        if trajectory.id not in round.ctx.view.outcomes:
            round.ctx.emit(saved(trajectory))
    domain, settings = round.ctx.domain, round.ctx.config.domain
    rollouts = [Rollout(trajectory.id, trajectory) for trajectory in brought]
    if domain is None or rollouts:
        return rollouts
    tasks = domain.tasks("evolve", settings.evolve, settings.seed + round.number - 1)
    round.ctx.crew.plan("rollout", len(tasks), round.prefix)
    for n, task in enumerate(tasks, 1):
        running = group.create_task(_rollout(round, domain, trajectory_id(n), task))
        rollouts.append(Rollout(trajectory_id(n), running))
    return rollouts


async def _rollout(round: Round, domain: Domain, name: str, task: Task) -> Trajectory | Failed:
    path = round.folder.trajectory(name)
    return await attempt(round.ctx, domain, task, round.s0, "rollout", f"{round.prefix}{name}", name, path)


async def attempt(
    ctx: Context, domain: Domain, task: Task, skill: Skill, stage: Stage, unit: str, name: str, path: Path
) -> Trajectory | Failed:
    """One agent, one task, one skill: the trajectory with its verified outcome, kept under `path`."""
    prompt, model = ctx.prompts["solver"], ctx.model("solver")
    key = ctx.key(prompt, model, skill.digest, task.model_dump_json(), domain.solve_rules)
    messages = prompt.messages(skill=shown(skill), rules=domain.solve_rules, task=task.prompt)

    async def solve() -> str:
        agent = Agent(ctx.desk, f"solver-{unit}", "solver", stage, unit, model)
        with agent.at_work():
            answer = await agent.ask(messages, spoken)
        steps = (Step(role="user", text=task.prompt), Step(role="agent", text=answer))
        outcome = domain.verify(task, answer)
        return dump_trajectory(Trajectory(id=name, task=task.id, steps=steps, outcome=outcome, key=key))

    made = await ctx.crew.make(stage, unit, lambda: Job(key, path, solve))
    if isinstance(made, Failed):
        return made
    trajectory = load_trajectory(made.text, path)
    if stage == "rollout" and (made.new or name not in ctx.view.outcomes):
        ctx.emit(saved(trajectory))
    return trajectory


def imported(folder: RoundFolder) -> list[Trajectory]:
    """The trajectories that a run brought along, in order; those it makes itself have a key."""
    paths = sorted(folder.trajectories.glob("t*.jsonl"))
    return [t for p in paths if not (t := load_trajectory(read_text(p), p)).key]


def saved(trajectory: Trajectory) -> TrajectorySaved:
    """The event that tells of a trajectory in the run's folder."""
    outcome = trajectory.outcome
    return TrajectorySaved(trajectory=trajectory.id, task=trajectory.task, status=outcome.status, score=outcome.score)


def measured(split: str, side: str, trajectory: Trajectory) -> ScoreMeasured:
    """The event that tells a held-out result."""
    outcome = trajectory.outcome
    return ScoreMeasured(
        split="test" if split == "test" else "validation", side=side, task=trajectory.task, status=outcome.status,
        score=outcome.score if outcome.score is not None else float(outcome.status == "pass"),
    )  # fmt: skip


def shown(skill: Skill) -> str:
    """What a solver in one reply sees: the instructions and, since it cannot open files, the references below them."""
    parts = [skill.instructions.strip()]
    for path, content in skill.files.items():
        if path.startswith("references/") and isinstance(content, str):
            parts.append(f"# {path}\n\n{content.strip()}")
    return "\n\n".join(parts)
