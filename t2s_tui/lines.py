"""Where the lines of a run's skill come from: what the reading screens ask of `workspace.origins`, for a feed."""

from __future__ import annotations

from t2s_tui.feed import Feed
from t2s_tui.people import workplace
from workspace.origins.lineage import Lineage
from workspace.origins.redo import prefix_of
from workspace.runs.decision import only_skill
from workspace.runs.run import RunFolder
from workspace.skills.skill import Skill, load_skill


def lineage_of(feed: Feed) -> Lineage | None:
    """The edits of the place where people work; None before there is one. Raises `SkillError` for a broken S0."""
    seed = workplace(feed.run)
    return Lineage(seed, _base(feed.run)) if seed else None


def local(feed: Feed, unit: str) -> str:
    """A unit's name inside its round, as its files have it: `m1-01` of `r2-m1-01`."""
    rounds = feed.run.rounds()
    return unit.removeprefix(prefix_of(int(rounds[-1].path.name), 0)) if rounds else unit


def _base(run: RunFolder) -> Skill | None:
    """The skill that the last round's edits are about."""
    rounds = run.rounds()
    folder = only_skill(run.skill(int(rounds[-1].path.name) - 1)) if rounds else None
    return load_skill(folder) if folder else None
