"""What is left out of the candidate at a time, and the skill that remains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.ablation.subject import Subject
from engine.ablation.trials import Trial
from engine.context import Context, program_edit
from engine.rules import rules_for
from workspace.ablation.groups import Group, Without, grouped, without
from workspace.errors import InputError
from workspace.guard.guard import settle
from workspace.guard.ruleset import Ruleset


class LeftOut(NamedTuple):
    """A group, and the candidate without it."""

    group: Group
    without: Without

    @property
    def trial(self) -> Trial:
        return Trial(f"without-{self.group.name}", self.without.settled.skill)


class Plan(NamedTuple):
    """The groups of a candidate in the order they are measured in."""

    subject: Subject
    rules: Ruleset
    left_out: tuple[LeftOut, ...] = ()

    @property
    def trials(self) -> list[Trial]:
        return [one.trial for one in self.left_out]

    def without(self, groups: Sequence[Group]) -> Without:
        """The candidate without `groups`, past the guard like any candidate."""
        s0, edits = self.subject.material.s0, self.subject.patch.edits
        return without(edits, groups, lambda left: settle(s0, left, rules=self.rules))


def plan_of(ctx: Context, subject: Subject, most: int) -> Plan:
    """At most `most` groups. Raises `InputError` where the edits on record do not give the candidate: what is left out
    must be all that differs."""
    rules = rules_for(ctx, subject.number, subject.material.s0)
    plan = Plan(subject, rules.without(frozenset({"contradiction"})))  # the run's judge has spoken
    if plan.without([]).settled.skill.digest != subject.candidate.digest:
        run = subject.material.run
        raise InputError(
            f"the candidate of run {run.id} is not what its patch makes of the first skill: somebody changed it, or "
            f"another version of this program made it; `t2s resume {run.id}` makes it anew"
        )
    groups = grouped(subject.patch.edits, program_edit(1), subject.tasks, most)
    return plan._replace(left_out=tuple(LeftOut(group, plan.without([group])) for group in groups))
