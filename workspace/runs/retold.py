"""What an agent had said at a moment of its work, told again from its conversation. For replays.

Streamed text is not kept, but the conversation is: each reply with the seconds it took. The replies fill the time
between the agent's start and end as they did then, and each comes evenly, character by character. That is close to how
it looked, and no more.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from workspace.files import read_from
from workspace.json_text import parse_json

MOST = 1_000_000
"""Bytes of a conversation that are told again."""


class Retold(NamedTuple):
    """One reply. `begin` and `end` are parts (0…1) of the agent's time, `row` the offset of its line in the file."""

    begin: float
    end: float
    text: str
    row: int


def retell(conversation: Path) -> list[Retold]:
    """The replies in their order; empty where there is no conversation."""
    replies: list[tuple[str, float, int]] = []
    offset = 0
    for line in read_from(conversation, 0, MOST).split(b"\n"):
        if found := _reply(line):
            replies.append((*found, offset))
        offset += len(line) + 1
    shares = [max(0.01, seconds) for _, seconds, _ in replies]
    whole = sum(shares)
    ends = [done / whole for done in accumulate(shares)]
    return [
        Retold(end - share / whole, end, text, row)
        for (text, _, row), share, end in zip(replies, shares, ends, strict=True)
    ]


def told_by(replies: list[Retold], part: float) -> int:
    """How many characters of all replies together have been said when `part` (0…1) of the time is over."""
    said = 0
    for reply in replies:
        if part < reply.end:
            return said + int(len(reply.text) * max(0.0, part - reply.begin) / max(1e-9, reply.end - reply.begin))
        said += len(reply.text)
    return said


def _reply(line: bytes) -> tuple[str, float] | None:
    """Text and seconds of an assistant's message; None for any other line."""
    try:
        row: Any = parse_json(line)
        return (str(row["text"]), float(row.get("seconds") or 0)) if row["role"] == "assistant" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
