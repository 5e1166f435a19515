"""Which run, round and candidate a skill folder comes from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from workspace.carry import parse_side
from workspace.errors import InputError, SkillError
from workspace.reports.summary import first_skill, result_skill
from workspace.runs.decision import sides_by_choice
from workspace.runs.run import RunFolder, SeedFolder, runs_in
from workspace.skills.skill import Skill, load_skill

LEAST_SHARED = 0.3  # of the lines: below, two skills of one name have little but their form in common


class Maker(NamedTuple):
    """Candidate `side` of `round` (s0, s0-examples, …); round 0 is the run's first skill, which nothing in the run
    made."""

    round: int
    side: str = "s0"

    def folder(self, run: RunFolder) -> SeedFolder:
        """What was settled and what it was settled from."""
        return run.round(self.round).side(self.side)


class Found(NamedTuple):
    """The run that a skill comes from, and which of its candidates made it."""

    run: RunFolder
    maker: Maker


def find_origin(folder: Path, runs: Path) -> Found:
    """The run that the skill in `folder` lies in, else the one in `runs` whose result has its name and most of its
    lines (of several alike the newest). Raises `InputError` that says what was looked at, or `SkillError`."""
    skill, place = load_skill(folder), folder.resolve()
    for parent in place.parents:
        if (parent / "run.toml").is_file():
            run = RunFolder(parent)
            return Found(run, folder_made_by(run, place))
    run = _run_that_made(skill, folder, runs)
    result = result_skill(run)
    assert result is not None  # it was chosen for its result
    return Found(run, folder_made_by(run, result))


def folder_made_by(run: RunFolder, folder: Path) -> Maker:
    """Who made the skill in `folder`, which lies in the run."""
    inside = folder.resolve().relative_to(run.path.resolve()).parts
    match inside:
        case ("skills", number, *_) if number.isdigit():
            return _accepted(run, int(number))
        case ("rounds", number, side, "candidate", *_) if number.isdigit() and parse_side(side):
            return Maker(int(number), side)
        case _:
            raise InputError(f"{folder} is in run {run.id} but none of its skills; they are in skills/ and rounds/")


def maker_before(run: RunFolder, maker: Maker) -> Maker:
    """Who made the S0 of `maker`'s round. What could not be validated goes on with the candidate its verdict names."""
    before = maker.round - 1
    if _only(run.skill(before)) or not before:
        return _accepted(run, before)
    made = [side for side in sides_by_choice(run.round(before)) if _only(side.candidate)]
    return Maker(before, made[0].name) if made else Maker(before)


def s0_of(run: RunFolder, maker: Maker) -> Path | None:
    """The folder of the skill that the round of `maker` began with."""
    before = maker_before(run, maker)
    if not before.round:
        return first_skill(run)
    return _only(run.skill(before.round)) or _only(before.folder(run).candidate)


def share(one: Skill, other: Skill) -> float:
    """How much of two skills are the same lines, blank ones aside: 0 to 1."""
    a, b = _lines(one), _lines(other)
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def _accepted(run: RunFolder, number: int) -> Maker:
    """The candidate of round `number` that is the accepted skill: the same text, or the most of it; of equals the one
    that the verdict is on, else the first."""
    folder = _only(run.skill(number))
    sides = sides_by_choice(run.round(number)) if number else []
    if not folder or len(sides) < 2:
        return Maker(number, sides[0].name) if sides else Maker(number)
    skill = load_skill(folder)
    alike = {side.name: share(skill, load_skill(c)) for side in sides if (c := _only(side.candidate))}
    return Maker(number, max(alike, key=lambda name: alike[name], default=sides[0].name))


def _only(parent: Path) -> Path | None:
    return next((folder for folder in sorted(parent.glob("*")) if (folder / "SKILL.md").is_file()), None)


def _run_that_made(skill: Skill, folder: Path, runs: Path) -> RunFolder:
    chosen: RunFolder | None = None
    best, named, looked = LEAST_SHARED, 0, 0
    for run in runs_in(runs):
        looked += 1
        result = result_skill(run)
        other = _readable(result) if result else None
        if other and other.name == skill.name:
            named += 1
            shared = share(skill, other)
            if shared >= best:
                best, chosen = shared, run
    if chosen is None:
        raise InputError(
            f"no run made {folder}: of {looked} runs in {runs}, {named} ended in one named {skill.name!r}, and none "
            f"of these has {LEAST_SHARED:.0%} of its lines; name the folder that its run lives in with --runs"
        )
    return chosen


def _readable(folder: Path) -> Skill | None:
    """None where a result is no skill any more: it cannot be the one that is looked for."""
    try:
        return load_skill(folder)
    except SkillError:
        return None


def _lines(skill: Skill) -> Counter[tuple[str, str]]:
    rows = ((file, line.strip()) for file, text in skill.texts() for line in text.splitlines())
    return Counter(row for row in rows if row[1])
