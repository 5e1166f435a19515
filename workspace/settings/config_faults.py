"""A wrong setting in words: what is wrong, what is allowed, and the nearest thing that would be right."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from workspace.settings.settings import SETTINGS, Setting

NOT_REPEATED = ("endpoint.api_key_env", "endpoint.base_url")
_SECRET_NAME = re.compile(r"(^|_)(key|token|secret|password)$")


def expects(setting: Setting) -> str:
    """What a setting takes, in words: "one of auto, joint, guided", "a whole number, 2 or more"."""
    return _words(setting.annotation, setting.limits, setting.example)


def unknown_variable(name: str, short: Mapping[str, str]) -> str:
    """Variables with T2S_ that are close to ours are typos; others may belong to someone else."""
    long = ["T2S_" + key.upper().replace(".", "__") for key in SETTINGS]
    near = difflib.get_close_matches(name, [*short, *long], 1, 0.8)
    if near:
        return f"{name} in the environment is not a setting; did you mean {near[0]}?"
    return f"{name} in the environment is not a setting" if "__" in name else ""


def told_faults(error: ValidationError, place: Callable[[str], str]) -> list[str]:
    """One sentence a fault of `Config`, in the order of their places; `place` says where a dotted key stands."""
    told: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        key = _key_of(detail["loc"])
        kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            sentence = _unknown_key(key)
        elif key not in SETTINGS:
            sentence = f"{key} is a section with settings of its own; write [{key}] above them"
        else:
            sentence = _wrong_value(key, detail["input"], message, kind)
        told.setdefault(key, f"{place(key)}: {sentence}")
    return sorted(told.values(), key=_by_line)


def _by_line(fault: str) -> int:
    found = re.match(r"[^\n]*?:(\d+): ", fault)
    return int(found[1]) if found else 0


def _key_of(loc: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in loc]
    known = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in SETTINGS), len(parts))
    return ".".join(parts[:known])


def _unknown_key(key: str) -> str:
    section, _, name = key.rpartition(".")
    if _SECRET_NAME.search(name):
        return (
            f"{key} is not a setting: keys are never kept in a file;"
            " name the environment variable that holds it in endpoint.api_key_env"
        )
    siblings = _names_in(section)
    near = _nearest(key, section, name, siblings)
    if near:
        return f"{key} is not a setting; did you mean {near}?"
    known = f"[{section}] has" if section and siblings else "there are"
    return f"{key} is not a setting; {known} {', '.join(siblings or _names_in(''))}"


def _names_in(section: str) -> list[str]:
    """Settings and sections directly in `section`, "" being the whole file, in their order."""
    inside = [key.removeprefix(f"{section}.") for key in SETTINGS if not section or key.startswith(f"{section}.")]
    return list(dict.fromkeys(key.partition(".")[0] for key in inside))


def _nearest(key: str, section: str, name: str, siblings: list[str]) -> str:
    """The name beside it, else the whole dotted key, else the same name in another section."""
    if beside := difflib.get_close_matches(name, siblings, 1, 0.7):
        return f"{section}.{beside[0]}".lstrip(".")
    if near := difflib.get_close_matches(key, SETTINGS, 1, 0.75):
        return near[0]
    names = {full.rpartition(".")[2]: full for full in reversed(list(SETTINGS))}
    return names[near[0]] if (near := difflib.get_close_matches(name, names, 1, 0.75)) else ""


def _wrong_value(key: str, value: object, message: str, kind: str) -> str:
    shown = f"{key} is {json.dumps(value, ensure_ascii=False, default=str)[:80]}" if key not in NOT_REPEATED else key
    if kind == "value_error":
        return f"{shown}: {message}"
    allowed = expects(SETTINGS[key])
    near = difflib.get_close_matches(str(value), allowed.removeprefix("one of ").split(", "), 1)
    hint = f'; did you mean "{near[0]}"?' if near and allowed.startswith("one of") else ""
    return f"{shown}; it takes {allowed}{hint}"


def _words(annotation: Any, limits: Iterable[Any], example: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, *own = inner
        return _words(kind, [*own, *limits], example)
    if origin is Literal:
        first, *others = inner
        return f"one of {', '.join(inner)}" if others else f'"{first}"'
    if origin is tuple:
        return "a list of texts"
    if inner:
        return ", or ".join(_words(one, limits, example) for one in inner if one is not type(None))
    if annotation is bool:
        return "true or false"
    if annotation is str:
        return f'text like "{example}"'
    return ("a whole number" if annotation is int else "a number") + _bounds(limits)


def _bounds(limits: Iterable[Any]) -> str:
    flat = [one for limit in limits for one in getattr(limit, "metadata", [limit])]
    bounds = {name: getattr(one, name) for one in flat for name in ("ge", "gt", "le", "lt") if hasattr(one, name)}
    low = f"{bounds['ge']} or more" if "ge" in bounds else f"more than {bounds['gt']}" if "gt" in bounds else ""
    high = f"{bounds['le']} or less" if "le" in bounds else f"less than {bounds['lt']}" if "lt" in bounds else ""
    return "".join(f", {words}" for words in (low, high) if words)
