"""Trying what was learnt before it counts: which tasks a lesson is tried on, and what follows from how they end. Pure
but for `tried`, which reads a trial back.

A lesson's rule alone, beside S0, is put before the task it was learnt from (does it flip that failure?) and before a
few others (does it break one that passed, does it fix another?). Which others depends on names and outcomes alone,
never on the order in which things end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.errors import LessonInvalid
from workspace.files import digest, dump_toml, is_file, parse_toml, read_text
from workspace.lessons.lesson import Lesson
from workspace.runs.run import SeedFolder

Ended = Literal["pass", "fail"]
WINDOW = 3  # so many times the siblings wanted are looked at for some that passed and some that failed
CALLS = 4  # a lesson, where nobody says how many
LEAST = 6  # tries, below which a comparison says nothing


class Try(BaseModel):
    """One task: the trajectory that knows how it ended without the rule, and how it ended with it."""

    model_config = ConfigDict(frozen=True)
    trajectory: str
    task: str
    before: Ended
    after: Ended


class Trial(BaseModel):
    """What stands in `trials/<lesson>.toml`. `claim` is the digest of the words that were tried; `own` is the task
    that taught the lesson, None where it could not be tried. `told`: the words give that task's answer away."""

    model_config = ConfigDict(frozen=True)
    format: int = 1
    key: str
    lesson: str
    claim: str
    told: bool = False
    own: Try | None = None
    others: tuple[Try, ...] = ()

    @property
    def flips(self) -> bool:
        """Is the failure that taught it gone?"""
        return self.own is not None and (self.own.before, self.own.after) == ("fail", "pass")

    @property
    def verified(self) -> bool:
        """Is the rule proven? Where its words hold the answer, it must have mended another failure as well."""
        return self.flips and (not self.told or self.fixed > 0)

    @property
    def fixed(self) -> int:
        """Other tasks that pass only with the rule."""
        return sum((x.before, x.after) == ("fail", "pass") for x in self.others)

    @property
    def broken(self) -> int:
        """Tasks that pass only without the rule."""
        tries = (*self.others, *filter(None, (self.own,)))
        return sum((x.before, x.after) == ("pass", "fail") for x in tries)

    @property
    def against(self) -> str:
        """Why the rule is set aside; empty: it is not."""
        if self.flips or self.broken <= self.fixed:
            return ""
        own = "" if self.own is None or self.own.before == "pass" else " and does not mend its own failure"
        tries = len(self.others) + (self.own is not None)
        return f"tried on {tries} tasks, it breaks {self.broken} and fixes {self.fixed} others{own}"


class Known(NamedTuple):
    """A trajectory that others may be tried on: its id, its task, and how it ended."""

    trajectory: str
    task: str
    status: str

    @property
    def usable(self) -> bool:
        """Does it say how the task ends without the rule?"""
        return self.status in ("pass", "fail")


def in_order(names: Iterable[str], seed: str) -> list[str]:
    """`names` in an order that `seed` draws; adding or removing one leaves the order of the others as it is."""
    return sorted(names, key=lambda name: (digest(seed, name), name))


def drawn(names: Sequence[str], count: int, seed: str) -> list[str]:
    """`count` of `names` (fewer where there are not so many), each once, from a place and at a distance that `seed`
    draws: the work does not grow with the number of names."""
    if not names:
        return []
    dice = digest(seed)
    start, step = int(dice[:8], 16), 1 + int(dice[8:], 16) % len(names)
    while gcd(step, len(names)) > 1:
        step += 1
    return [names[(start + n * step) % len(names)] for n in range(min(count, len(names)))]


def pick(known: Sequence[Known], most: int, own: str) -> list[Known]:
    """At most `most`, each of another task than `own`: half of them passed where there are so many, the others failed;
    the first ones first. What ended otherwise says nothing."""
    by_task = {one.task: one for one in reversed(known) if one.usable and one.task != own}
    usable = [one for one in known if by_task.get(one.task) is one]
    passed = [one for one in usable if one.status == "pass"]
    failed = [one for one in usable if one.status == "fail"]
    passes = min(len(passed), max((most + 1) // 2, most - len(failed)))
    chosen = {*passed[:passes], *failed[: max(0, most - passes)]} if most > 0 else set[Known]()
    return [one for one in usable if one in chosen]


def share(place: int, of: int, calls: int) -> int:
    """Of so many `calls` those that the trajectory at `place` (from 0) has: equal parts, the first ones take what is
    left over. So nobody's tries depend on who came first."""
    return calls // of + (place < calls % of) if of else 0


def covering(wanted: Sequence[Sequence[str]], others: Sequence[str], most: int) -> list[str]:
    """At most `most` different names: of each list in `wanted` one in turn, then of `others`."""
    turns = max(map(len, wanted), default=0)
    rows = [row[n] for n in range(turns) for row in wanted if n < len(row)]
    return list(dict.fromkeys([*rows, *others]))[:most]


def costs(right: int, without: int, tries: int) -> str:
    """The reason to leave a rule out: fewer right answers with it than without. Empty: none, or too few tries."""
    if tries < LEAST or right >= without:
        return ""
    return f"costs points: {right} of {tries} with it, {without} of {tries} without"


def trial_path(seed: SeedFolder, lesson: str) -> Path:
    """Where a lesson's trial stands."""
    return seed.trials / f"{lesson}.toml"


def tells(lesson: Lesson) -> bool:
    """Do the words of a lesson hold the right answer of one of its examples? A model may copy it from there."""
    claim = " ".join(lesson.claim.split())
    return any(right in claim for x in lesson.examples if (right := " ".join(x.right.split())))


def said(lesson: Lesson) -> str:
    """The digest of the words that a trial tries."""
    return digest(lesson.claim)


def tried(seed: SeedFolder, lesson: Lesson) -> Trial | None:
    """The trial of these very words; None where there is none, or it tried other words. Raises `LessonInvalid`."""
    path = trial_path(seed, lesson.id)
    if lesson.author == "human" or not is_file(path):
        return None
    try:
        trial = Trial.model_validate(parse_toml(read_text(path), path))
    except ValidationError as error:
        raise LessonInvalid(f"{path}: not the trial of a lesson; delete it, and it is tried again") from error
    return trial if trial.claim == said(lesson) else None


def dump_trial(trial: Trial) -> str:
    """The trial as TOML, with the counts that people look for."""
    counts = {
        "verified": trial.verified,
        "flips": trial.flips,
        "fixed": trial.fixed,
        "broken": trial.broken,
        "against": trial.against,
    }
    return dump_toml({**trial.model_dump(mode="json", exclude_none=True), "counts": counts})
