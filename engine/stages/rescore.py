"""Part of rollout: trajectories that came with the run without an outcome, but about tasks of the run's own domain.

Where the answer is all that a task asks for, the domain's verifier says how they ended; no model is asked. Only tasks
to learn from count: a held-out one must not become a lesson.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.context import Round
from engine.crew import Failed, Job
from engine.domains.base import Domain, Handed, Task
from engine.together import together
from workspace.files import digest, dump_toml, parse_toml
from workspace.trajectory import Outcome, Trajectory

MOST = 20_000
SOURCE = "verified by "
"""What the source of an outcome begins with that a domain's verifier gave; the domain's name follows."""


async def rescored(round: Round, brought: Sequence[Trajectory]) -> list[Trajectory]:
    """All of `brought`, with the verifier's word where there was none."""
    domain, tasks = round.ctx.domain, _tasks(round)
    about = {one.id: task for one in brought if (task := _about(one, tasks))}
    if domain is None or not about:
        return list(brought)
    part = f"{round.prefix}verify"
    round.ctx.crew.plan("rollout", len(about), part)
    found = await together(_rescored(round, domain, about[one.id], one) for one in brought if one.id in about)
    round.ctx.crew.leave("rollout", part)
    by_id = {one.id: one for one in found}
    return [by_id.get(one.id, one) for one in brought]


def _tasks(round: Round) -> Mapping[str, Task]:
    """The tasks to learn from by id and by their words; none where agents must have left files, or where the domain
    makes its tasks up."""
    domain, settings = round.ctx.domain, round.ctx.config.domain
    if domain is None or domain.hands_on or not settings.data:
        return {}
    tasks = domain.tasks("evolve", MOST, settings.seed)
    return {" ".join(task.prompt.split()): task for task in tasks} | {task.id: task for task in tasks}


def _about(trajectory: Trajectory, tasks: Mapping[str, Task]) -> Task | None:
    """The task of a trajectory whose outcome nobody knows: by its name for it, else by the question."""
    if trajectory.outcome.status != "unknown" or not tasks:
        return None
    return tasks.get(trajectory.task) or tasks.get(" ".join(trajectory.question.split()))


async def _rescored(round: Round, domain: Domain, task: Task, trajectory: Trajectory) -> Trajectory:
    """A unit; where the verifier fails, or has no word on the answer, the trajectory stays as it was."""
    path = round.folder.path / "rescored" / f"{trajectory.id}.toml"
    key = digest(domain.name, task.model_dump_json(), trajectory.answer)

    async def work() -> str:
        outcome = await round.ctx.workers.score(domain, task, Handed(trajectory.answer))
        return dump_toml({"format": 1, "key": key, "outcome": outcome.model_dump(exclude_none=True)})

    made = await round.ctx.crew.make("rollout", f"{round.prefix}{trajectory.id}-verified", lambda: Job(key, path, work))
    if isinstance(made, Failed):
        return trajectory
    outcome = Outcome.model_validate(parse_toml(made.text, path)["outcome"])
    if outcome.status not in ("pass", "fail"):
        return trajectory
    return trajectory.model_copy(update={"outcome": outcome.model_copy(update={"source": f"{SOURCE}{domain.name}"})})
