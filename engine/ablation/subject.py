"""What an ablation is about: the candidate of a finished run, the edits in it, and the lessons behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.baselines.material import Material, Result, made_in
from workspace.edits.patch import Patch, loads_patch
from workspace.errors import BusyError, InputError
from workspace.evidence.looks import HeldSplit
from workspace.files import is_file, read_text
from workspace.lessons.pool import load_pool
from workspace.reports.summary import first_skill, result_skill
from workspace.runs.decision import candidate_of, only_skill
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder, alive
from workspace.score import MIN_PAIRS
from workspace.settings.settings import Config
from workspace.skills.skill import Skill, load_skill


class Subject(NamedTuple):
    """A candidate: `material` has the run, S0 of its round, and the candidate as result; `patch` what stands in it,
    `tasks` those behind each of its lessons."""

    material: Material
    number: int
    patch: Patch
    tasks: Mapping[str, Sequence[str]]

    @property
    def candidate(self) -> Skill:
        return self.material.result.skill

    @property
    def round(self) -> RoundFolder:
        return self.material.result.round

    @property
    def side(self) -> str:
        return self.material.result.side


def open_subject(run: RunFolder, config: Config) -> Subject:
    """The run's result, or the last candidate where nothing was accepted. Raises `InputError` where there is none or
    nothing stands in it, `BusyError` while an engine works on the run."""
    if alive(run):
        raise BusyError(f"run {run.id} is being worked on; look into its lessons when its engine has ended")
    result = result_skill(run)
    candidate = candidate_of(made_in(run, result)) if result else None
    if result is None or candidate is None:
        raise InputError(
            f"run {run.id} has no candidate whose lessons could be left out: it has made none yet (`t2s resume "
            f"{run.id}` goes on with it), or all were rejected by hand"
        )
    round, side = made_in(run, result), SeedFolder(candidate.parent.parent)
    s0 = _s0(run, int(round.path.name))
    patch = _patch(run, side, s0)
    made = Result(load_skill(candidate), round, side.name)
    material = Material(run, config, s0, (), (), made)
    tasks = {name: one.lesson.tasks for name, one in load_pool(side).lessons.items()}
    return Subject(material, int(round.path.name), patch, tasks)


def check_tasks(subject: Subject, split: HeldSplit) -> None:
    """What would make measuring useless is told before anything is called. Raises `InputError`."""
    settings, run = subject.material.config.domain, subject.material.run
    if not settings.name:
        raise InputError(
            f"run {run.id} has no tasks to measure on: its traces came without a verifier, so nobody can say which "
            "of its lessons help"
        )
    count = settings.test if split == "test" else settings.validation
    if count < MIN_PAIRS:
        raise InputError(
            f"run {run.id} has {count} {split} tasks and {MIN_PAIRS} or more are needed; measure on the other ones "
            "with --tasks"
        )


def _s0(run: RunFolder, number: int) -> Skill:
    """What round `number` began from."""
    before = first_skill(run) if number == 1 else only_skill(run.skill(number - 1))
    if before is None:
        raise InputError(f"run {run.id} does not keep the skill that its round {number} began from")
    return load_skill(before)


def _patch(run: RunFolder, side: SeedFolder, s0: Skill) -> Patch:
    again = f"`t2s resume {run.id}` makes it anew"
    if not is_file(side.patch):
        raise InputError(f"{side.patch} is missing, which says what stands in the candidate; {again}")
    patch = loads_patch(read_text(side.patch), side.patch)
    if patch.base != s0.digest:
        raise InputError(f"{side.patch} was made for another skill than the one its round began from; {again}")
    if not patch.edits:
        raise InputError(f"the candidate of run {run.id} is the skill it began with: there is nothing to leave out")
    return patch
