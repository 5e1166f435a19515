"""The fields of the form: which setting each is, how it is called, and which stand in one row."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from workspace.settings.settings import SETTINGS, Setting

LOCAL = "endpoint.local"
JUDGE = "traces.judge"


class Field(NamedTuple):
    """One field. `many`: several values, parted by spaces. `path`: completed from the disk. `hint`: what it is for,
    where the setting's own sentence says more than the form offers."""

    key: str
    name: str
    example: str = ""
    many: bool = False
    path: str = ""
    hint: str = ""

    @property
    def id(self) -> str:
        return id_of(self.key)

    @property
    def called(self) -> str:
        """Its name within a sentence."""
        return CALLED.get(self.key, self.name)

    @property
    def sentence(self) -> str:
        """What it is for."""
        return self.hint or self.setting.sentence

    @property
    def setting(self) -> Setting:
        return SETTINGS[self.key]


DOMAIN_HINT = "Tasks with a verifier, to try and learn from: one that is built in, or a folder of your own."
ROWS: tuple[tuple[Field, ...], ...] = (
    (Field("skill.path", "skill folder", "skills/my-skill", path="folder"),),
    (Field("skill.create", "or create", "name-of-a-skill"), Field("skill.about", "about", "what it is for")),
    (Field("traces.paths", "traces", "traces/  (files or folders of trajectories)", many=True, path="any"),),
    (
        Field("domain.name", "or domain", "house, ./tasks", path="folder", hint=DOMAIN_HINT),
        Field("domain.family", "family", "date"),
    ),
    (Field("source", "learn from", "error"),),
    (Field("endpoint.base_url", "base URL", "http://127.0.0.1:8000/v1"),),
    (Field("endpoint.model", "model", "its name there"), Field("endpoint.api_key_env", "key in", "OPENAI_API_KEY")),
)
ADVANCED: tuple[tuple[Field, ...], ...] = (
    (Field("run.seeds", "seeds"), Field("run.rounds", "rounds")),
    (Field("merge.fan_in", "fan-in"), Field("endpoint.limit", "limit")),
    (Field("spending.tokens", "token cap"), Field("spending.cost", "cost cap")),
    (Field("prices.prompt", "price read"), Field("prices.completion", "written")),
    (Field("domain.evolve", "tasks"), Field("domain.validation", "held out")),
    (Field("domain.test", "test tasks"), Field("verdict.repeats", "repeats")),
    (Field("verdict.carry", "carry", "all examples", many=True),),
    (Field("domain.data", "data", "data/", path="folder"), Field("domain.turns", "turns")),
    (Field("sampling.temperature", "temperature"), Field("run.hold_after", "hold after")),
    (Field("traces.labels", "labels", "labels.csv", path="any"), Field(JUDGE, "judge", "no")),
    (Field("endpoint.also", "more servers", "http://127.0.0.1:8001/v1", many=True),),
)
CALLED: Mapping[str, str] = {
    "skill.create": "new skill",
    "domain.name": "domain",
    "endpoint.api_key_env": "the key's variable",
    "prices.prompt": "price of what is read",
    "prices.completion": "price of what is written",
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "source": {"error": "failures", "success": "successes", "combined": "both"},
    JUDGE: {"no": "unknown outcomes are left out", "yes": "a model judges them"},
    "run.hold_after": {
        "draft": "the new skill is written",
        "rollout": "tasks are tried",
        "analyse": "lessons are there",
        "propose": "patches are there",
        "merge": "one set of edits is there",
        "settle": "the candidate is there",
        "validate": "it is measured",
    },
    "domain.name": {
        "house": "answers in the form of a house, exact match",
        "spreadsheet": "workbooks to change, compared cell by cell",
        "tableqa": "questions about tables",
        "math": "problems with a whole number as answer",
        "docqa": "questions about pages, for models that see",
    },
    "domain.family": {
        "date": "07-MAR-2021",
        "money": "USD 4,500.00",
        "queue": "the queue of a ticket",
        "refund": "the code of a refund",
        "table": "[P42]",
    },
}
"""Fields with a fixed set of values, and what each means. Where nothing is typed the setting's default holds."""
SWITCH = {"yes": True, "no": False}


def fields(rows: tuple[tuple[Field, ...], ...] = (*ROWS, *ADVANCED)) -> Iterator[Field]:
    return (field for each in rows for field in each)


def id_of(key: str) -> str:
    return key.replace(".", "-").replace("_", "-")


def settings_of(typed: Mapping[str, str]) -> dict[str, object]:
    """What was typed, as settings take it; empty fields are left out."""
    found: dict[str, object] = {}
    for field in fields():
        if text := typed.get(field.key, "").strip():
            found[field.key] = words(text) if field.many else SWITCH.get(text, text) if field.key == JUDGE else text
    return found


def words(text: str) -> tuple[str, ...]:
    """Values parted by spaces; one with spaces in it stands in quotes."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())  # a quote that is still open


def command(values: Mapping[str, object]) -> str:
    """The command that does what the form does."""
    said = ["t2s run"]
    for key, value in values.items():
        if value is False:
            continue
        flag = SETTINGS[key].flag
        shown = [shlex.quote(str(one)) for one in (value if isinstance(value, tuple) else (value,))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        said.append(flag if value is True else f"{flag} {' '.join(shown)}")
    return " ".join(said)
