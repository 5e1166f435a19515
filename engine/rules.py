"""The guard's rules for one round: what the settings say, and what of the held-out tasks may reach no lesson or skill.

Fingerprints of validation and test tasks are taken by program; no model is shown any of it. What the evolve tasks and
S0 say is open. Trajectories that came with the run are not: one of them may be of a held-out task.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.context import Context
from engine.domains.base import Domain, Task
from workspace.guard.leak import HeldOut, HeldTask, held_out
from workspace.guard.ruleset import Ruleset, ruleset
from workspace.skills.skill import Skill


def rules_for(ctx: Context, number: int, s0: Skill) -> Ruleset:
    """The rules of round `number`, which starts from `s0`."""
    return ruleset(ctx.config, _held(ctx, number, s0))


def _held(ctx: Context, number: int, s0: Skill) -> HeldOut | None:
    domain, settings = ctx.domain, ctx.config.domain
    if domain is None or not settings.validation:
        return None
    tasks = [*domain.tasks("validation", settings.validation, settings.seed)]
    tasks += domain.tasks("test", settings.test, settings.seed) if settings.test else ()
    held = [HeldTask(task.id, task.prompt, task.expected) for task in tasks]
    return held_out(held, _open(ctx, domain, number, s0))


def _open(ctx: Context, domain: Domain, number: int, s0: Skill) -> Iterator[str]:
    settings = ctx.config.domain
    evolve: list[Task] = []
    for round in range(1, number + 1):
        evolve += domain.tasks("evolve", settings.evolve, settings.seed + round - 1)
    yield from (text for task in evolve for text in (task.prompt, task.expected))
    yield from (text for _, text in s0.texts())
