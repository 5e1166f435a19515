"""One evolution, the stages in order. Read this first.

    draft → rollout → analyse → propose → merge → settle → validate

Each trajectory goes its own way from rollout to its patch; the plan of the merge tree needs all patches, the tree
itself has no barriers. A person may edit lessons at any time before settling: whatever read an older version is made
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from engine.context import Context, Round, Seed
from engine.rules import rules_for
from engine.stages.draft import starting_skill
from engine.stages.harvest import harvest
from engine.stages.merge import consolidate
from engine.stages.rollout import Rollout, start_rollouts
from engine.stages.screen import screen
from engine.stages.settle import Candidate, settle_candidates
from engine.stages.validate import judge
from engine.together import together
from workspace.files import remove
from workspace.lessons.pool import versions
from workspace.merging.rejected import rejected
from workspace.runs.events import NoteLeft, SkillAccepted, SkillRejected
from workspace.score import Verdict
from workspace.skills.skill import Skill, save_skill


class Evolved(NamedTuple):
    """How an evolution ended: the last round's verdict, and lessons or edits without a fate (must be none)."""

    verdict: Verdict
    unaccounted: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code where nothing is missing."""
        return 4 if self.verdict.decision in ("reject", "undecided") else 0

    @property
    def lacks(self) -> str:
        """What is missing, as a sentence; empty where nothing is."""
        return f"nobody can say what became of {', '.join(self.unaccounted[:8])}" if self.unaccounted else ""


async def evolve(ctx: Context) -> Evolved:
    """Round after round from S0 to a verdict; an accepted skill is the next round's S0."""
    skill = await starting_skill(ctx)
    lost: list[str] = []
    for number in count(1):
        left_out = rejected([ctx.run.round(earlier) for earlier in range(1, number)])
        round = Round(ctx, number, skill, rules_for(ctx, number, skill), left_out)
        _arm_hold(round)
        async with asyncio.TaskGroup() as group:
            rollouts = await start_rollouts(round, group)
            distilled = await together(distil(Seed(round, n), rollouts) for n in range(ctx.config.run.seeds))
        candidates = [candidate for of_seed in distilled for candidate in of_seed]
        lost += [name for candidate in candidates for name in candidate.unaccounted]
        verdict, accepted = await judge(round, candidates)
        skill = _take(round, verdict, accepted) or skill
        if accepted is None or number == ctx.config.run.rounds:
            return Evolved(verdict, tuple(lost))
    raise AssertionError("unreachable: the last round returns")


async def distil(seed: Seed, rollouts: Sequence[Rollout]) -> list[Candidate]:
    """The candidates of a seed: a patch of each trajectory, all patches merged, and settled once nothing is stale any
    more, one candidate for each thing that it may carry."""
    while True:
        before = versions(seed.folder)
        gathered = await harvest(seed, rollouts)
        if versions(seed.folder) != before:
            continue
        screened = screen(seed, gathered.patches)
        merged = await consolidate(seed, screened.patches)
        if versions(seed.folder) != before:
            continue
        candidates = await settle_candidates(seed, gathered, screened.withheld, merged)
        if versions(seed.folder) == before:  # judges take their time too
            return candidates


def _arm_hold(round: Round) -> None:
    """A hold fires once a round, also over restarts."""
    stage = round.ctx.config.run.hold_after
    if stage is not None and round.ctx.view.held.count(stage) < round.number:
        round.ctx.crew.pause.hold_after(stage)


def _take(round: Round, verdict: Verdict, accepted: Candidate | None) -> Skill | None:
    if verdict.decision != "accept":
        remove(round.ctx.run.skill(round.number))  # of an earlier end of this round, before somebody changed a lesson
    if accepted is None:
        round.ctx.emit(SkillRejected(skill=round.s0.name))
        if round.number > 1:
            round.ctx.emit(NoteLeft(text=f"the skill that round {round.number - 1} accepted stays the result"))
        return None
    if verdict.decision == "accept":
        save_skill(accepted.skill, round.ctx.run.skill(round.number) / accepted.skill.name)
        round.ctx.emit(SkillAccepted(skill=accepted.skill.name))
    return accepted.skill
