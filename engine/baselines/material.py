"""What a finished run gives its baselines: S0, the trajectories it learnt from, its lessons, and its own result."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.stages.analyse import wanted
from workspace.errors import BusyError, InputError
from workspace.files import digest, is_file, read_text
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load_pool
from workspace.reports.summary import first_skill, result_skill
from workspace.runs.assessment import load_assessment
from workspace.runs.decision import candidate_of, only_skill, sides_by_choice
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder, alive
from workspace.runs.start import run_config
from workspace.settings.config import Config, inputs
from workspace.skills.skill import Skill, load_skill
from workspace.trajectory import Trajectory, load_trajectory

BASE = "base"


class Result(NamedTuple):
    """What the run made, the round it was made in, and its side there (s0, s1, …) or none where it is S0 itself."""

    skill: Skill
    round: RoundFolder
    side: str


class Material(NamedTuple):
    """All that baselines read. `trajectories` are those of round 1 that the run learns from, in plan order; `lessons`
    are those of round 1 as they count now, without dropped ones."""

    run: RunFolder
    config: Config
    s0: Skill
    trajectories: tuple[Trajectory, ...]
    lessons: tuple[Lesson, ...]
    result: Result

    @property
    def round(self) -> RoundFolder:
        return self.run.round(1)

    @property
    def shuffled(self) -> list[Trajectory]:
        """The trajectories in the order drawn by the run's seed: what happens to come first has no advantage."""
        return random.Random(self.config.sampling.seed).sample(self.trajectories, len(self.trajectories))

    @property
    def digest(self) -> str:
        """Of everything that baselines read, but for models and prompts."""
        said = (t.model_dump_json(exclude={"key", "source"}) for t in self.trajectories)
        lessons = (lesson.digest for lesson in self.lessons)
        return digest(self.s0.digest, json.dumps(inputs(self.config), sort_keys=True), *said, "lessons", *lessons)


def open_material(run: RunFolder, config: Config | None = None) -> Material:
    """What the run has. Raises `InputError` where it has no result yet, `BusyError` while an engine works on it."""
    if alive(run):
        raise BusyError(f"run {run.id} is being worked on; compare it when its engine has ended")
    config, first = config or run_config(run), first_skill(run)
    if first is None or candidate_of(run.round(1)) is None:
        raise InputError(f"run {run.id} has made nothing yet to compare; `t2s resume {run.id}` goes on with it")
    s0 = load_skill(first)
    found = tuple(t for t in _trajectories(run.round(1)) if wanted(t, config.source))
    if not found:
        raise InputError(f"run {run.id} keeps no trajectory that it learns from in {run.round(1).trajectories}")
    return Material(run, config, s0, found, _lessons(run.round(1)), _result(run, s0))


def _trajectories(round: RoundFolder) -> list[Trajectory]:
    paths = sorted(round.trajectories.glob("t*.jsonl"))
    return [_as_judged(round, load_trajectory(read_text(path), path)) for path in paths]


def _as_judged(round: RoundFolder, trajectory: Trajectory) -> Trajectory:
    """With the outcome that the run's judge saw, where nobody else knew one."""
    path = round.assessed(trajectory.id)
    if trajectory.outcome.status != "unknown" or not is_file(path):
        return trajectory
    return trajectory.model_copy(update={"outcome": load_assessment(read_text(path), path).outcome})


def _lessons(round: RoundFolder) -> tuple[Lesson, ...]:
    """Of the candidate that the verdict is on. Raises `InputError` for one that does not parse."""
    pool = load_pool(_judged_seed(round))
    if pool.invalid:
        raise InputError(next(iter(pool.invalid.values())))
    return tuple(one.lesson for one in pool.lessons.values() if one.lesson.status != "dropped")


def _judged_seed(round: RoundFolder) -> SeedFolder:
    sides = sides_by_choice(round)
    return next((side for side in sides if only_skill(side.candidate)), sides[0])


def _result(run: RunFolder, s0: Skill) -> Result:
    """What the run accepted, by its verdict or by hand, else its last candidate; S0 where all of them were rejected by
    hand."""
    folder = result_skill(run)
    if folder is None:
        return Result(s0, run.round(1), BASE)
    round = made_in(run, folder)
    return Result(load_skill(folder), round, _judged_seed(round).name)


def made_in(run: RunFolder, folder: Path) -> RoundFolder:
    """`skills/2/<name>` was accepted in round 2, `rounds/2/s0/candidate/<name>` is its candidate."""
    parts: Sequence[str] = folder.resolve().relative_to(run.path.resolve()).parts
    return run.round(int(parts[1]))
