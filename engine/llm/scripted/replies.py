"""Replies given beforehand: what a role answers, line by line, instead of what the scripted brain would say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Given(NamedTuple):
    """One reply: its words (None is sent as null) and its thinking, or with `status` an error of that number."""

    content: str | None = ""
    reasoning: str = ""
    status: int = 200
    finish: str = "stop"


class Replies:
    """The given replies of each role, in turn and then from the first one again."""

    def __init__(self, given: Mapping[str, Sequence[Given]]) -> None:
        self._given = given
        self._next: Counter[str] = Counter()

    def take(self, role: str) -> Given | None:
        """The next reply of `role`; None when none was given for it."""
        rows = self._given.get(role)
        if not rows:
            return None
        self._next[role] += 1
        return rows[(self._next[role] - 1) % len(rows)]


def read_replies(path: Path) -> dict[str, tuple[Given, ...]]:
    """JSON Lines of {role, content, reasoning, status, finish}; all but `role` may be missing. Raises `ValueError`."""
    found: dict[str, list[Given]] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            row: dict[str, Any] = json.loads(line)
            given = Given(**{key: row[key] for key in Given._fields if key in row})
            found.setdefault(str(row["role"]), []).append(given)
    return {role: tuple(rows) for role, rows in found.items()}
