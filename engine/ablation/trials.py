"""Measuring skills on held-out tasks as long as the tokens last.

What a try costs is known from the candidate's own tries, on the same tasks with nearly the same skill. Before anything
is tried with the next skills, all those begin that fit into what is left by that estimate; what has begun is finished,
in this life or the next, so that a life that was cut short ends as the one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from engine.ablation.subject import Subject
from engine.baselines.base import Shown
from engine.baselines.costs import cost, measuring
from engine.baselines.material import BASE
from engine.baselines.measure import Before, Held, Measured, measure_shown
from engine.baselines.place import Workplace
from engine.crew import stored_key
from engine.sandbox.in_thread import in_thread
from engine.stages.rollout import attempt_key
from engine.together import together
from engine.tried import Tried
from workspace.errors import InputError
from workspace.files import is_file, read_text, write_text
from workspace.json_text import parse_json
from workspace.skills.skill import Skill

OWN = "candidate"


class Trial(NamedTuple):
    """A skill to be measured, under a name for its files."""

    name: str
    skill: Skill


class Tally(NamedTuple):
    """What the tries of a skill came to; `lost` of them came to nothing."""

    measured: Measured
    lost: int


class Trials:
    """All measuring of one ablation. `per_try`: tokens that a try takes, 0 where nobody knows yet."""

    def __init__(self, place: Workplace, held: Held, subject: Subject) -> None:
        self._place, self._held, self._subject = place, held, subject
        self._tried = Tried(subject.material.run, _others(subject, held.split))
        self._admitted = place.folder / "admitted.json"
        self._found: dict[str, Tally] = {}
        self.per_try = _per_try(subject, held)

    def check(self) -> None:
        """Raise `InputError` where the candidate's own missing tries do not fit into the cap."""
        own, left = self._subject.candidate, self._left()
        if left is not None and own.digest not in self._read() and (need := self.tokens(own)) > left:
            raise InputError(
                f"the candidate's own missing tries take about {need:,} tokens, more than the cap of "
                f"{self._place.cap:,}; give more with --cap, or 0 for any number"
            )

    async def candidate(self) -> Tally:
        """Measure the candidate itself: the run's tries are taken over, the missing ones made now."""
        await in_thread(partial(self._admit, [self._subject.candidate.digest]))
        found = (await self.within_budget([Trial(OWN, self._subject.candidate)]))[OWN]
        tries = sum(map(len, found.measured.found.scores.values()))
        self.per_try = found.measured.cost.tokens / tries if tries else self.per_try
        return found

    def missing(self, skill: Skill) -> int:
        """Tries that nobody has made yet."""
        before = self._before(skill)
        return sum(not self._is_there(name, key, before) for name, key in self._keys(skill))

    def tokens(self, skill: Skill) -> int:
        """About how many tokens measuring it takes now."""
        return round(self.missing(skill) * self.per_try)

    async def within_budget(self, trials: Sequence[Trial]) -> dict[str, Tally]:
        """Measure `trials` in their order, equal skills once, up to the first that would exceed the cap; by name."""
        waiting = [one for one in _once(trials) if one.skill.digest not in self._found]
        while waiting and (now := await in_thread(partial(self._fitting, waiting))):
            ends = await together(self._measure(one) for one in now)
            self._found |= {one.skill.digest: end for one, end in zip(now, ends, strict=True)}
            waiting = waiting[len(now) :]
        return {one.name: self._found[one.skill.digest] for one in trials if one.skill.digest in self._found}

    async def _measure(self, trial: Trial) -> Tally:
        place, held = self._place, self._held
        before = self._before(trial.skill)
        found = await measure_shown(place, held, Shown(trial.skill), before, side=trial.name, tried=self._tried)
        place.told(f"{trial.name}: tried on {len(found.found.scores)} of {len(held.tasks)} tasks")
        return Tally(found, len(found.found.lost))

    def _fitting(self, waiting: Sequence[Trial]) -> list[Trial]:
        """Those that begin now: what has begun before, and as many more of them as the tokens that are left hold."""
        admitted, left = self._read(), self._left()
        now: list[Trial] = []
        for trial in waiting:
            need = self.tokens(trial.skill)
            if trial.skill.digest not in admitted and left is not None and need > left:
                break
            now.append(trial)
            left = None if left is None else left - need
        self._admit([trial.skill.digest for trial in now])
        return now

    def _admit(self, digests: Sequence[str]) -> None:
        write_text(self._admitted, json.dumps(sorted({*self._read(), *digests})))

    def _left(self) -> int | None:
        return self._place.cap - self._place.spent if self._place.cap else None

    def _read(self) -> set[str]:
        if not is_file(self._admitted):
            return set()
        try:
            return set(map(str, parse_json(read_text(self._admitted))))
        except (ValueError, TypeError) as error:
            raise InputError(f"{self._admitted}: no list of what has begun; delete the file") from error

    def _before(self, skill: Skill) -> Before | None:
        """Where the run itself has measured this skill."""
        subject = self._subject
        sides: Mapping[str, str] = {
            subject.material.s0.digest: BASE,
            subject.candidate.digest: subject.side,
        }
        side = sides.get(skill.digest)
        return Before(subject.round, side) if side else None

    def _keys(self, skill: Skill) -> list[tuple[str, str]]:
        ctx, held = self._place.ctx, self._held
        return [(name, attempt_key(ctx, held.domain, task, skill, repeat)) for name, task, repeat in held.tries]

    def _is_there(self, name: str, key: str, before: Before | None) -> bool:
        if self._tried.has(key):
            return True
        return before is not None and stored_key(before.path(self._held.split, name)) == key


def _once(trials: Sequence[Trial]) -> list[Trial]:
    """The first trial of each skill."""
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.skill.digest, trial)
    return list(first.values())


def _per_try(subject: Subject, held: Held) -> float:
    """Tokens of a try with the candidate, as the run's own tries have them."""
    before = Before(subject.round, subject.side)
    agents = {before.agent(held.split, name) for name, _, _ in held.tries if is_file(before.path(held.split, name))}
    used = cost(subject.material.run, lambda worker: measuring(worker) and worker.name in agents)
    return used.tokens / len(agents) if agents else 0.0


def _others(subject: Subject, split: str) -> list[Path]:
    """Where else in this run tasks of the split were tried: by baselines, and by its ablations."""
    return sorted(path.parent for path in subject.material.run.path.glob(f"*/*/{split}/*/paid.jsonl"))
