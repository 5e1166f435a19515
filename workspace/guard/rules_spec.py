"""Front matter against the Agent Skills specification (agentskills.io): `spec` is one rule with many sentences.

Errors are what the reference validator refuses; warnings are ours, where one host or another is stricter than it. The
reference validator reads every value as text, so values are compared as text here too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workspace.edits.patch import MAIN
from workspace.guard.ruleset import Finding, Findings, Ruleset, Severity
from workspace.skills.skill import NAME, Skill, front_matter_end, front_matter_fault, split_lines

KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
LISTED = 500
_NOT_PLAIN = {
    "FlowMappingStartToken": "a mapping in braces",
    "FlowSequenceStartToken": "a list in brackets",
    "AnchorToken": "an anchor (&)",
    "AliasToken": "an alias (*)",
    "TagToken": "a tag (!)",
}


class _Fault(NamedTuple):
    key: str
    message: str
    severity: Severity | None = None


def spec(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """What hosts would refuse in SKILL.md's front matter, each at the line of its key."""
    body = skill.body
    if fault := front_matter_fault(body):
        yield Finding(MAIN, fault.line, fault.message, "unreadable")
        return
    for line, what in _not_plain(body):
        yield Finding(MAIN, line, f"{what} in the front matter; strict readers know only `key: value` lines", what)
    try:
        head = _as_text(body)
    except YAMLError as error:
        yield Finding(MAIN, 1, f"front matter is not YAML: {str(error).splitlines()[0]}", "unreadable")
        return
    faults = [*_name(head, folder), *_description(head), *_others(head), *_types(head, skill.front_matter)]
    for key, message, severity in faults:
        yield Finding(MAIN, _key_line(body, key), message, f"{key}: {message}", severity)
    yield from _early_end(body, folder)


def _name(head: Mapping[str, Any], folder: str | None) -> Iterator[_Fault]:
    value = head.get("name")
    if not isinstance(value, str) or not value.strip():
        yield _Fault("name", "`name` is missing; write 1 to 64 lower-case letters, digits and single hyphens")
        return
    plain = unicodedata.normalize("NFKC", value.strip())
    well_formed = plain == plain.lower() and all(part and part.isalnum() for part in plain.split("-"))
    if not well_formed or len(plain) > 64:
        yield _Fault("name", f"`name` is {value!r}: 1 to 64 lower-case letters, digits and single hyphens")
    elif folder is not None and plain != unicodedata.normalize("NFKC", folder):
        yield _Fault("name", f"`name` is {value!r} but the folder is {folder!r}; they must be equal")
    elif not NAME.fullmatch(value):
        yield _Fault("name", f"`name` is {value!r}: some hosts take only a-z, 0-9 and hyphens", "warning")


def _description(head: Mapping[str, Any]) -> Iterator[_Fault]:
    words = head.get("description")
    if not isinstance(words, str) or not words.strip():
        yield _Fault("description", "`description` has 0 characters; 1 to 1024 are allowed")
    elif len(words) > 1024:
        yield _Fault("description", f"`description` has {len(words)} characters; 1 to 1024 are allowed")
    elif len(words) > LISTED:
        told = f"`description` has {len(words)} characters; hosts cut it at about {LISTED}"
        yield _Fault("description", told, "warning")


def _others(head: Mapping[str, Any]) -> Iterator[_Fault]:
    fits = head.get("compatibility", "anywhere")
    if not isinstance(fits, str) or len(fits) > 500:
        yield _Fault("compatibility", "`compatibility` must be a text of at most 500 characters")
    elif not fits.strip():
        yield _Fault("compatibility", "`compatibility` is empty; leave the key out", "warning")
    if "metadata" in head and not _is_flat(head["metadata"]):
        yield _Fault("metadata", "`metadata` must map texts to texts", "warning")
    for key in ("license", "allowed-tools"):
        if not isinstance(head.get(key, ""), str):
            yield _Fault(key, f"`{key}` must be one text", "warning")
    for key in head:
        if key not in KEYS:
            yield _Fault(key, f"`{key}` is not a key of the specification ({', '.join(KEYS)})")


def _types(head: Mapping[str, Any], typed: Mapping[str, Any]) -> Iterator[_Fault]:
    """A text that YAML takes for a number, a date or a truth value: quoted it is a text for everybody."""
    for key, value in head.items():
        read = typed.get(key)
        if key in KEYS and isinstance(value, str) and value and not isinstance(read, str):
            yield _Fault(key, f"`{key}` is read as {type(read).__name__}, not as text; put it in quotes", "warning")
        elif key == "metadata" and _is_flat(value) and not _is_flat(read):
            told = "`metadata` must map texts to texts; put numbers, dates, true and false in quotes"
            yield _Fault(key, told, "warning")


def _early_end(body: str, folder: str | None) -> Findings:
    """Simple readers take the first `---` for the end, wherever it stands."""
    lines = split_lines(body)
    end = front_matter_end(lines)
    line = next((n for n, one in enumerate(lines[1 : max(end - 1, 1)], 2) if "---" in one), 0)
    if line:
        rest = "".join(lines).split("---", 2)[1]
        try:
            head = _load(rest)
        except YAMLError:
            head = {}
        broken = any(fault.severity is None for fault in (*_name(head, folder), *_description(head)))
        message = "`---` inside the front matter: simple readers take it for its end"
        yield Finding(MAIN, line, message, "early end", None if broken else "warning")


def _as_text(body: str) -> dict[str, Any]:
    lines = split_lines(body)
    return _load("".join(lines[1 : max(front_matter_end(lines) - 1, 1)]))


@lru_cache(maxsize=64)
def _load(text: str) -> dict[str, Any]:
    """The mapping with every value as it is written; raises `YAMLError`."""
    reader: Any = YAML(typ="base", pure=True)
    value: object = reader.load(text)
    if not isinstance(value, dict):
        return {}
    return {str(key): item for key, item in cast("dict[object, Any]", value).items()}


def _not_plain(body: str) -> Iterator[tuple[int, str]]:
    """Line and name of each construct that the reference validator does not read."""
    lines = split_lines(body)
    reader: Any = YAML(typ="safe", pure=True)
    for token in reader.scan("".join(lines[1 : max(front_matter_end(lines) - 1, 1)])):
        if what := _NOT_PLAIN.get(type(token).__name__):
            yield token.start_mark.line + 2, what


def _key_line(body: str, key: str) -> int:
    """Where the key stands; what is missing is told at the first line."""
    lines = split_lines(body)
    head = lines[: max(front_matter_end(lines), 0)]
    start = re.compile(rf"[\"']?{re.escape(key)}[\"']?\s*:")
    return next((n for n, line in enumerate(head, 1) if start.match(line)), 1)


def _is_flat(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
