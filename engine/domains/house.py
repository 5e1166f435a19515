"""House conventions: questions whose form of answer only a skill can tell, generated from a seed, without end.

Every family asks something easy and expects the answer in a way of this house that the question does not mention:
`date` as 07-MAR-2021, `money` as USD 4,500.00, `queue` as one of four queue names by what a ticket is about. So a model
without a skill scores 0 by construction. A fact (a day, an amount, a complaint) belongs to exactly one split.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from engine.domains.base import Split, Task
from workspace import seeds
from workspace.errors import ConfigError
from workspace.files import read_toml
from workspace.trajectory import Outcome

SPLITS: tuple[Split, ...] = ("evolve", "validation", "test")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST_DAY, LAST_DAY = dt.date(1950, 1, 1), dt.date(2079, 12, 31)

QUEUES = ("AMBER", "COBALT", "IVORY", "SLATE")

MARKERS = {
    "date": re.compile(r"\b\d{2}-[A-Z]{3}-\d{4}\b"),
    "money": re.compile(r"\bUSD \d{1,3}(?:,\d{3})*\.\d{2}\b"),
    "queue": re.compile("".join(rf"(?=.*\b{code}\b)" for code in QUEUES), re.DOTALL),
}


class _Made(NamedTuple):
    prompt: str
    expected: str


class _DateWords(BaseModel):
    model_config = ConfigDict(frozen=True)
    frames: tuple[str, ...]
    things: tuple[str, ...]
    deeds: tuple[str, ...]


class _MoneyWords(BaseModel):
    model_config = ConfigDict(frozen=True)
    frames: tuple[str, ...]
    things: tuple[str, ...]


class _QueueWords(BaseModel):
    model_config = ConfigDict(frozen=True)
    frame: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    towns: tuple[str, ...]
    things: tuple[str, ...]
    complaints: dict[str, tuple[str, ...]]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True)
    date: _DateWords
    money: _MoneyWords
    queue: _QueueWords


@functools.cache
def _words() -> _Words:
    return _Words.model_validate(read_toml(Path(seeds.__file__).parent / "house" / "words.toml"))


class House:
    """One family of the domain `house`. Raises `ConfigError` for a family that does not exist."""

    def __init__(self, family: str) -> None:
        if family not in FAMILIES:
            raise ConfigError(f"domain house has no family {family!r}; there are: {', '.join(FAMILIES)}")
        self.family = family
        self.name = f"house/{family}"
        self.about = ABOUT[family]
        self.solve_rules = "Reply with the answer alone: one line, no sentence around it."

    def tasks(self, split: Split, count: int, seed: int) -> Sequence[Task]:
        """`count` tasks with different prompts, the same for the same arguments."""
        made = islice(_stream(self.family, split, seed), count)
        return [
            Task(
                id=f"{self.family}-{split}-{seed}-{number:03d}",
                prompt=one.prompt,
                expected=one.expected,
                family=self.family,
            )
            for number, one in enumerate(made, 1)
        ]

    def verify(self, task: Task, reply: str) -> Outcome:
        """Exact match; blank space around the reply is forgiven."""
        got = reply.strip()
        right = got == task.expected
        message = "" if right else f"expected {task.expected}, got {_short(got)}"
        return Outcome(
            status="pass" if right else "fail",
            score=float(right),
            message=message,
            expected=task.expected,
            got=got,
            source=self.name,
        )


def naive(prompt: str) -> str:
    """What an agent answers that does not know the convention: the fact as the question words it."""
    found = _read(prompt)
    return found.naive if found else "I do not know."


def by_convention(prompt: str) -> str | None:
    """The answer as the house wants it, worked out from the question; None when it is no question of this domain."""
    found = _read(prompt)
    return found.right if found else None


def family_of(prompt: str) -> str | None:
    """Which family asked this."""
    found = _read(prompt)
    return found.family if found else None


def conventions(family: str) -> re.Pattern[str]:
    """`conventions(family).search(skill_text)`: does this text carry the right convention, as rule or as example?"""
    return MARKERS[family]


def house_day(day: dt.date) -> str:
    """07-MAR-2021"""
    return f"{day.day:02d}-{MONTHS[day.month - 1][:3].upper()}-{day.year}"


def house_sum(amount: Decimal) -> str:
    """USD 4,500.00"""
    return f"USD {amount:,.2f}"


def _stream(family: str, split: Split, seed: int) -> Iterator[_Made]:
    """Questions of one split, never the same prompt twice."""
    seen: set[str] = set()
    for one in FAMILIES[family](random.Random(f"house/{family}/{split}/{seed}"), split):
        if one.prompt not in seen:
            seen.add(one.prompt)
            yield one


def _belongs(fact: str, split: Split) -> bool:
    return SPLITS[hashlib.sha256(fact.encode()).digest()[0] % 3] == split


def _dates(chance: random.Random, split: Split) -> Iterator[_Made]:
    words = _words().date
    while True:
        day = dt.date.fromordinal(chance.randint(FIRST_DAY.toordinal(), LAST_DAY.toordinal()))
        if _belongs(day.isoformat(), split):
            frame, written = chance.choice(words.frames), chance.choice(_day_forms(day))
            prompt = frame.format(thing=chance.choice(words.things), deed=chance.choice(words.deeds), day=written)
            yield _Made(prompt, house_day(day))


def _day_forms(day: dt.date) -> tuple[str, ...]:
    month = MONTHS[day.month - 1]
    return (
        f"{month} {day.day}, {day.year}",
        f"{day.day} {month} {day.year}",
        f"{month[:3]} {day.day}, {day.year}",
        f"{day.year}-{day.month:02d}-{day.day:02d}",
        f"{WEEKDAYS[day.weekday()]}, {month} {day.day}, {day.year}",
        f"{month} {_ordinal(day.day)}, {day.year}",
    )


def _sums(chance: random.Random, split: Split) -> Iterator[_Made]:
    words = _words().money
    while True:
        cents = int(10 ** chance.uniform(2.7, 7)) if chance.random() < 0.4 else int(10 ** chance.uniform(0.7, 5)) * 100
        amount = Decimal(cents).scaleb(-2)
        if _belongs(str(amount), split):
            frame, written = chance.choice(words.frames), chance.choice(_sum_forms(amount))
            yield _Made(frame.format(thing=chance.choice(words.things), sum=written), house_sum(amount))


def _sum_forms(amount: Decimal) -> tuple[str, ...]:
    whole = amount == amount.to_integral_value()
    plain = f"{amount:.0f}" if whole else f"{amount:.2f}"
    parted = f"{amount:,.0f}" if whole else f"{amount:,.2f}"
    return (
        f"${parted}",
        f"{plain} dollars",
        f"{parted} US dollars",
        f"US${plain}",
        f"${amount:.2f}",
        f"{parted} dollars",
    )


def _tickets(chance: random.Random, split: Split) -> Iterator[_Made]:
    """Every four tickets hold each queue once, so that a small sample shows all of them."""
    words = _words().queue
    while True:
        for code in chance.sample(QUEUES, len(QUEUES)):
            complaint = chance.choice(words.complaints[code][SPLITS.index(split) :: len(SPLITS)])
            name = f"{chance.choice(words.first_names)} {chance.choice(words.last_names)}"
            asked = complaint.format(thing=chance.choice(words.things))
            yield _Made(words.frame.format(name=name, town=chance.choice(words.towns), complaint=asked), code)


class _Reading(NamedTuple):
    family: str
    naive: str
    right: str


def _read(prompt: str) -> _Reading | None:
    return _read_queue(prompt) or _read_date(prompt) or _read_money(prompt)


def _read_date(prompt: str) -> _Reading | None:
    month = "|".join(f"{name}|{name[:3]}" for name in MONTHS)
    patterns = (
        rf"(?:\w+day, )?(?P<m>{month}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?, (?P<y>\d{{4}})",
        rf"(?P<d>\d{{1,2}}) (?P<m>{month}) (?P<y>\d{{4}})",
        r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)",
    )
    for pattern in patterns:
        if found := re.search(pattern, prompt):
            return _Reading("date", found[0], house_day(dt.date(int(found["y"]), _month(found["m"]), int(found["d"]))))
    return None


def _month(written: str) -> int:
    names = [name[:3] for name in MONTHS]
    return int(written) if written.isdigit() else names.index(written[:3]) + 1


def _read_money(prompt: str) -> _Reading | None:
    number = r"\d[\d,]*(?:\.\d\d)?"
    if found := re.search(rf"(?:US)?\$({number})|({number}) (?:US )?dollars", prompt):
        return _Reading("money", found[0], house_sum(Decimal((found[1] or found[2]).replace(",", ""))))
    return None


def _read_queue(prompt: str) -> _Reading | None:
    for code, complaints in _words().queue.complaints.items():
        for complaint in complaints:
            if re.search(re.escape(complaint).replace(r"\{thing\}", r"[\w ]+"), prompt):
                return _Reading("queue", "The support queue", code)
    return None


def _ordinal(number: int) -> str:
    tail = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else tail}"


def _short(got: str) -> str:
    line = " ".join(got.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


FAMILIES: dict[str, Callable[[random.Random, Split], Iterator[_Made]]] = {
    "date": _dates,
    "money": _sums,
    "queue": _tickets,
}
ABOUT = {
    "date": "questions for a day; the house writes days in a form of its own",
    "money": "questions for an amount; the house writes amounts in a form of its own",
    "queue": "support tickets; the house has four queues with names that say nothing",
}
