"""What keeps a run from starting, in the words of the form: which field it is about, and what is wanted there.

LACKS                what the settings lack, by field
name_fault(text)     what is wrong with the name of a new skill
in_fields(text)      a sentence that speaks of flags, speaking of fields
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from t2s_tui.screens.form_fields import fields
from workspace.settings.config import FLAGS, MIN_VALIDATION, Loaded, lacks

LONGEST = 64
NAME = "use a-z, 0-9 and - between words"
_FLAG = re.compile(r"--[a-z][a-z-]*[a-z](?: [A-Z]+(?:\b|…))?")


class Fault(NamedTuple):
    """A sentence, and the setting whose field it is about; none for what stands in no field."""

    key: str
    said: str


LACKS: Mapping[str, Fault] = {
    "skill": Fault("skill.path", "no skill: name a folder, or a new skill's name and what it is for"),
    "about": Fault("skill.about", "about: say in a sentence what the new skill is for"),
    "source": Fault("traces.paths", "nothing to learn from: name traces, or a domain of tasks to try"),
    "domain": Fault("domain.name", "a second round needs tasks to try the new skill on: name a domain, or one round"),
    "server": Fault("endpoint.base_url", "no model: give a base URL and a model, or tick the embedded one"),
    "model": Fault("endpoint.model", "no model: say which one of that server"),
    "base_url": Fault("endpoint.base_url", "there are more servers, but no base URL: give both"),
    "prices": Fault("prices.prompt", "a cap on cost needs both prices: of what is read and of what is written"),
    "confirm": Fault("prices.prompt", "to ask above a cost, both prices are needed: of what is read and written"),
    "held_out": Fault(
        "domain.validation", f"held out: a verdict needs {MIN_VALIDATION} or more tasks (0 = no verdict)"
    ),
}
EITHER_OR = (
    ("skill.path", "skill.create", "a skill folder and a new skill exclude each other: empty one of them"),
    ("endpoint.base_url", "endpoint.local", "a base URL and the embedded model exclude each other: keep one"),
)


def lacking(loaded: Loaded) -> list[Fault]:
    """What the settings lack. Where a file or the environment is to blame, its place comes first."""
    found: list[Fault] = []
    for each in lacks(loaded):
        key, said = LACKS[each.name]
        elsewhere = each.origin and not each.origin.startswith(("--", "flag for", "default"))
        found.append(Fault(key, f"{each.origin}: {said}" if elsewhere else said))
    return found


def clashes(values: Mapping[str, object]) -> Iterator[Fault]:
    """Fields that exclude each other."""
    for one, other, said in EITHER_OR:
        if values.get(one) and values.get(other):
            yield Fault(one, said)


def name_fault(text: str) -> str:
    """What is wrong with `text` as the name of a new skill; empty where nothing is."""
    odd = next(
        (char for char in text if not (char in "-" or (char.isascii() and (char.isdigit() or char.islower())))), ""
    )
    if odd.isspace():
        return f"a blank cannot stand in it; {NAME}"
    if odd.isupper() and odd.isascii():
        return f"{odd} is a capital letter; {NAME}"
    if odd:
        return f"{odd} cannot stand in it; {NAME}"
    if text.startswith("-") or text.endswith("-") or "--" in text:
        return f"a - stands between two words only; {NAME}"
    return f"{len(text)} characters are too many; {LONGEST} may be" if len(text) > LONGEST else ""


def in_fields(text: str) -> str:
    """`--budget-tokens N would` is `“token cap” would`; flags without a field stay."""
    called = {field.setting.flag: field.called for field in fields() if field.setting.flag in FLAGS}
    return _FLAG.sub(lambda found: _field(found[0], called), text)


def _field(flag: str, called: Mapping[str, str]) -> str:
    name = called.get(flag.split(" ")[0])
    return f"“{name}”" if name else flag
