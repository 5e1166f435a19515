"""`sequential`: one patch after another, each against the skill that the one before has made.

In each step analysts read the next trajectories beside the skill as it is by then, a proposer turns their lessons into
edits of it, and the program applies what the guard lets in. Same S0, trajectories, models, prompts and guard as the
run, and the run's tokens as its cap; only the order differs: nothing is merged, and a step waits for the one before.
Within a step the analysts of its trajectories work side by side, as in the paper's batches. A step whose calls the cap
does not hold is not applied, and is the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

from engine.baselines.base import Shown
from engine.baselines.place import Kept, Workplace, kept, proposed, with_examples, within
from engine.context import Seed
from engine.stages.analyse import Analysis, analyse
from engine.together import together
from workspace.edits.patch import Edit, edit_text
from workspace.files import digest, dump_toml, is_file, read_toml, write_text
from workspace.guard.guard import Settled, settle
from workspace.lessons.lesson import Lesson
from workspace.skills.skill import Skill
from workspace.trajectory import Trajectory

SAME = 90.0  # how alike a rule must be to a line of the skill to be there already, where no model looks


class _Taken(NamedTuple):
    """What a step has made of the skill, and what it learnt; `tokens` are those of all steps until then."""

    skill: Skill
    lessons: tuple[Lesson, ...]
    withheld: int
    tokens: int


class Sequential:
    """Steps of `batch` trajectories in the shuffled order."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self.name = f"sequential-{batch}"
        self.about = f"patch after patch, {batch} {'trajectory' if batch == 1 else 'trajectories'} a step"

    async def make(self, place: Workplace) -> Shown:
        made = await kept(place, place.inputs(self.name), lambda: self._made(place))
        return Shown(made.skill, made.notes)

    async def _made(self, place: Workplace) -> Kept:
        batches = batched(place.material.shuffled, self._batch)
        skill, lessons, withheld, done = place.material.s0, tuple[Lesson, ...](), 0, 0
        for number, batch in enumerate(batches, 1):
            place.told(f"step {number} of {len(batches)}")
            taken = await within(_step(place, number, skill, batch))
            if taken is None or (place.cap and taken.tokens > place.cap):  # also where a larger cap has paid for it
                break
            skill, lessons, withheld = taken.skill, (*lessons, *taken.lessons), withheld + taken.withheld
            done = number
        settled = with_examples(place, skill, lessons)
        return Kept(settled.skill, tuple(_notes(place, done, len(batches), withheld)))


def batched(trajectories: Sequence[Trajectory], size: int) -> list[list[Trajectory]]:
    """In order, `size` at a time; the last batch may have fewer."""
    return [list(trajectories[start : start + size]) for start in range(0, len(trajectories), size)]


async def _step(place: Workplace, number: int, skill: Skill, batch: Sequence[Trajectory]) -> _Taken:
    seed = place.step(number, skill)
    found = await together(analyse(seed, trajectory) for trajectory in batch)
    names = tuple(name for one in found if isinstance(one, Analysis) for name in one.lessons)
    said = await proposed(seed, "step", names)
    edits = _new_ones(seed, said.edits)
    settled = settle(skill, edits, rules=place.rules)
    tokens = place.spent if place.ctx.crew.failures else _put_down(place, number, seed, batch, edits, settled)
    return _Taken(settled.skill, said.lessons, len(settled.withheld), tokens)


def _new_ones(seed: Seed, edits: Sequence[Edit]) -> list[Edit]:
    """A model that answers in JSON has seen the skill and leaves out what stands there; for a small one the program
    places each rule, so it is the program that must see it."""
    if seed.ctx.style("proposer") != "lines":
        return list(edits)
    new: list[Edit] = []
    lines = [line.strip() for _, text in seed.s0.texts() for line in text.splitlines() if line.strip()]
    for edit in edits:
        text = edit_text(edit).strip()
        if process.extractOne(text, lines, scorer=fuzz.ratio, score_cutoff=SAME) is None:
            new.append(edit)
            lines.append(text)
    return new


def _put_down(
    place: Workplace, number: int, seed: Seed, batch: Sequence[Trajectory], edits: Sequence[Edit], settled: Settled
) -> int:
    """`steps/003/step.toml`: what the step read and did, and the tokens of all steps until then, the same however often
    the work was cut short; gives these."""
    key = digest(seed.s0.digest, *(edit.model_dump_json() for edit in edits))
    path = seed.round.folder.path / "step.toml"
    before = read_toml(path) if is_file(path) else {}
    tokens = int(before["tokens"]) if before.get("key") == key else place.spent
    table = {
        "format": 1,
        "key": key,
        "step": number,
        "trajectories": [trajectory.id for trajectory in batch],
        "kept": [edit.id for edit in settled.kept],
        "withheld": [{"edit": one.edit.id, "reason": one.reason} for one in settled.withheld],
        "skill": settled.skill.digest,
        "tokens": tokens,
    }
    write_text(path, dump_toml(table))
    return tokens


def _notes(place: Workplace, done: int, steps: int, withheld: int) -> list[str]:
    notes: list[str] = []
    if done < steps:
        notes.append(f"stopped after {done} of {steps} steps: its {place.cap:,} tokens were used up")
    if withheld:
        notes.append(f"{withheld} edits were kept out by the guard")
    return notes
