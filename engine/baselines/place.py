"""Where a baseline is made: its folder as a run's, the run's models, and what of the budget is left."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from engine.baselines.costs import cost, making
from engine.baselines.material import Material
from engine.context import Context, Round, Seed
from engine.llm.budget import Budget, Use
from engine.purse import UsedUp
from engine.stages.propose import propose
from engine.together import together
from workspace.edits.patch import Edit, Patch
from workspace.files import digest, dump_toml, is_file, read_toml, write_text
from workspace.guard.guard import Settled, settle
from workspace.guard.ruleset import Ruleset
from workspace.lessons.examples import examples_edit
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load
from workspace.runs.decision import only_skill
from workspace.runs.run import RoundFolder, RunFolder
from workspace.settings.settings import ROLES
from workspace.skills.skill import Skill, load_skill, save_skill

T = TypeVar("T")
TOGETHER = 12
"""Lessons that one proposer reads: as many edits as it may propose."""
EXAMPLES = "X-E1"


class Workplace(NamedTuple):
    """One baseline at work. `cap`: tokens that making it may take, read and written (0: no bound); `spent` counts
    them; `told` shows a line to whoever waits; `longest`: tokens of a reply that is reckoned with (0: not known)."""

    ctx: Context
    material: Material
    rules: Ruleset
    budget: Budget
    cap: int
    told: Callable[[str], None]
    longest: int = 0

    @property
    def spent(self) -> int:
        """Tokens that this work has used over all its lives."""
        return self.budget.spent.prompt + self.budget.spent.completion

    @property
    def folder(self) -> Path:
        return self.ctx.run.path

    def inputs(self, *options: str) -> str:
        """The digest of everything a paid baseline reads: the material, its options, models, prompts and rules."""
        ctx = self.ctx
        models = json.dumps({role: ctx.model(role)._asdict() for role in ROLES}, sort_keys=True)
        styles = "".join(ctx.style(role) for role in ROLES)
        prompts = json.dumps(ctx.prompts.digests(), sort_keys=True)
        return digest(self.material.digest, models, styles, prompts, self.rules.digest, *options)

    def step(self, number: int, skill: Skill) -> Seed:
        """A step that begins from `skill`, in a room of its own; it learns as a seed of the run's first round does."""
        return Seed(Step(self.ctx, 1, skill, self.rules, step=number, source=self.material.round), 0)


class StepFolder(RoundFolder):
    """A step's files; what agents left behind lies where the run kept it."""

    def __init__(self, path: Path, source: RoundFolder) -> None:
        super().__init__(path)
        self._source = source

    def left(self, trajectory: str) -> Path:
        return self._source.left(trajectory)


@dataclass(frozen=True)
class Step(Round):
    """Like a first round, with a skill and a folder of its own."""

    step: int = 1
    source: RoundFolder | None = None

    @property
    def folder(self) -> RoundFolder:
        return StepFolder(self.ctx.run.path / "steps" / f"{self.step:03d}", self.source or self.ctx.run.round(1))

    @property
    def prefix(self) -> str:
        return f"b{self.step:03d}-"


# --- what several baselines do -------------------------------------------------------------------------------------


class Proposed(NamedTuple):
    """The edits that lessons became, and the lessons as they were read."""

    edits: tuple[Edit, ...]
    lessons: tuple[Lesson, ...]


async def proposed(seed: Seed, unit: str, names: tuple[str, ...]) -> Proposed:
    """Edits for all these lessons, by as many proposers as it takes; those that fail are listed by the crew."""
    parts = [names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER)]
    found = await together(propose(seed, f"{unit}-{n}", part) for n, part in enumerate(parts, 1))
    edits = tuple(edit for patch in found if isinstance(patch, Patch) for edit in patch.edits)
    return Proposed(edits, tuple(load(seed.folder, name).lesson for name in names))


def with_examples(place: Workplace, skill: Skill, lessons: tuple[Lesson, ...]) -> Settled:
    """The skill with true cases of the lessons, as a run's candidate has them: by program, and past the guard."""
    most = place.ctx.config.budgets.examples
    edit = examples_edit(skill, lessons, most, EXAMPLES).edit
    return settle(skill, [edit] if edit else [], rules=place.rules)


class Kept(NamedTuple):
    """A skill that was made and what is to be said of it."""

    skill: Skill
    notes: tuple[str, ...]


async def kept(place: Workplace, inputs: str, work: Callable[[], Awaitable[Kept]]) -> Kept:
    """What lies in the folder under this cap and the digest `inputs` of what is read, else what `work` gives; it is
    kept when no unit failed in it, also where its tokens were used up before its end."""
    record, key = place.folder / "made.toml", digest(inputs, str(place.cap))
    if (known := _known(place, record, key)) is not None:
        return known
    _count_from(place, inputs)
    made = await work()
    save(place.folder, made.skill)
    if not place.ctx.crew.failures:
        table = {"format": 1, "key": key, "skill": made.skill.digest, "notes": list(made.notes)}
        write_text(record, dump_toml(table))
    return made


async def within(work: Awaitable[T]) -> T | None:
    """What `work` gives; None where its tokens were used up before its end. Raises whatever else ended it."""
    try:
        return await work
    except UsedUp:
        return None
    except BaseExceptionGroup as group:
        _, rest = group.split(UsedUp)
        if rest is not None:
            raise rest from None
        return None


def _count_from(place: Workplace, inputs: str) -> None:
    """What this making has used so far, under any cap: calls for other inputs and for measuring do not count."""
    path = place.folder / "making.toml"
    table, used = read_toml(path) if is_file(path) else {}, cost(RunFolder(place.folder), making).tokens
    before = min(used, int(table["before"])) if table.get("inputs") == inputs else used
    write_text(path, dump_toml({"format": 1, "inputs": inputs, "before": before}))
    place.budget.spent = Use(prompt=used - before)


def save(folder: Path, skill: Skill) -> None:
    """The skill of a baseline, for people to read and to install; nothing where there is no skill."""
    if skill.files:
        save_skill(skill, folder / "skill" / skill.name)


def _known(place: Workplace, record: Path, key: str) -> Kept | None:
    table = read_toml(record) if is_file(record) else {}
    found = only_skill(place.folder / "skill")
    if table.get("key") != key or found is None:
        return None
    skill = load_skill(found)
    if skill.digest != table.get("skill"):  # somebody changed it since
        return None
    return Kept(skill, tuple(map(str, table.get("notes", ()))))
