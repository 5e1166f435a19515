"""A merger's answer as data, whatever it looks like: what is right in it is taken, group by group. Pure.

Models forget keys, send numbers as ids, nest lists, leave texts out. None of that may cost an edit: a part that cannot
be read is as if it had not been said, and what it spoke of counts as missing.
"""

from __future__ import annotations

import re
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from workspace.edits.patch import Dropped
from workspace.skills.outline import outline, without_marks

LONGEST = 4000  # characters of one text, unless the edits it is made of are longer
_INLINE = re.compile(r"(?<=[^\n⟦])⟦(?:top|b\d+)⟧")  # a mark in the middle of a line: copied, like those above blocks
_ALIAS = re.compile(r"[eE]?(\d+)")


class Group(BaseModel):
    """One output edit as the merger wants it: the aliases it came from, its text and why."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    sources: tuple[str, ...] = Field(alias="from")
    text: str = ""
    reason: str = ""


class MergeReply(BaseModel):
    """A joint merge as a model answers it (method.md §3)."""

    model_config = ConfigDict(frozen=True)
    groups: tuple[Group, ...] = ()
    dropped: tuple[Dropped, ...] = ()


class RawReply(BaseModel):
    """The two keys of an answer, of any type."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    groups: Any = ()
    dropped: Any = ()


def read_reply(raw: RawReply) -> MergeReply:
    """What can be understood of an answer. Never raises."""
    groups = tuple(g for item in _items(raw.groups) if (g := _group(item)) is not None)
    return MergeReply(groups=groups, dropped=tuple(d for item in _items(raw.dropped) for d in _drops(item)))


def usable_text(text: str, longest: int = LONGEST) -> str:
    """`text` without marks of blocks; empty when it cannot stand in a skill: too long, or a fence it never closes."""
    clean = without_marks(_INLINE.sub("", text)).strip("\n")
    if len(clean) > longest or any(not fence.closed for fence in outline(clean).fences):
        return ""
    return clean if clean.strip() else ""


def _items(value: Any) -> list[Any]:
    """A list as it is, the values of an object, one thing alone as a list of it."""
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return [table] if table.keys() & {"from", "id", "sources"} else list(table.values())
    if isinstance(value, list | tuple):
        return list(cast("list[Any]", value))
    return []


def _group(item: Any) -> Group | None:
    if not isinstance(item, dict):
        return None
    row = cast("dict[str, Any]", item)
    sources = tuple(dict.fromkeys(_aliases(row.get("from", row.get("sources")))))
    if not sources:
        return None
    return Group.model_validate({"from": sources, "text": _words(row.get("text")), "reason": _words(row.get("reason"))})


def _drops(item: Any) -> list[Dropped]:
    """A drop without a reason is none: its id is missing, so that it is asked for or carried."""
    if not isinstance(item, dict):
        return []
    row = cast("dict[str, Any]", item)
    reason = " ".join(_words(row.get("reason")).split())
    return [Dropped(id=name, reason=reason) for name in _aliases(row.get("id"))] if reason else []


def _aliases(value: Any) -> list[str]:
    """`e4` out of "e4", "E4", 4, ["e4"], [["e4"]]; anything else names nothing."""
    if isinstance(value, list | tuple):
        return [name for one in cast("list[Any]", value) for name in _flat(one)]
    return _flat(value)


def _flat(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [
            name for one in cast("list[Any]", value)[:1000] if not isinstance(one, list | dict) for name in _flat(one)
        ]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return []
    found = [_ALIAS.fullmatch(part) for part in re.split(r"[\s,;]+", str(value).strip("[](){}\"' "))]
    return [f"e{int(match[1])}" for match in found if match and len(match[1]) < 9]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""
