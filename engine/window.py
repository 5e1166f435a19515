"""How much a model can read, measured: what the server tells, what its refusals tell, what finished calls counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from engine.llm.learned import keep, known

CAUTIOUS = 3.6  # characters a token, before any call has been counted: four, with the caution below
ENOUGH = 2_000  # characters that must have been counted to be believed
LEAST, MOST = 0.5, 6.0  # what a count may say: half a character (rare scripts) to six
CAUTION = 0.9  # other texts have more tokens than those that were counted


class Windows:
    """By model: tokens of its context, and characters a token. What refusals told is kept in `endpoints.toml`."""

    def __init__(self, told: Mapping[str, int] | None = None, path: Path | None = None) -> None:
        self._told = dict(told or {})
        self._limits = dict(self._told)
        self._path = path
        self._counted: dict[str, tuple[int, int]] = {}
        for model, limit in _kept(path).items():
            self._lower(model, limit)

    def limit(self, model: str) -> int:
        """Tokens that prompt and reply may have together; 0 = not known."""
        return self._limits.get(model, 0)

    def told(self, model: str) -> int:
        """What the server said before any call; 0 = nothing."""
        return self._told.get(model, 0)

    def learn(self, model: str, limit: int | None) -> None:
        """A refusal told the limit; kept for the run's later lives."""
        if limit and self._lower(model, limit):
            keep(self._path, "windows", model, limit)

    def count(self, model: str, characters: int, tokens: int | None) -> None:
        """A prompt of so many characters had so many tokens."""
        if tokens:
            before = self._counted.get(model, (0, 0))
            self._counted[model] = (before[0] + characters, before[1] + tokens)

    def per_token(self, model: str) -> float:
        """Characters a token of this model has, rather too few than too many; in steps of a half, so that a few calls
        more or less make no difference."""
        characters, tokens = self._counted.get(model, (0, 0))
        if characters < ENOUGH:
            return CAUTIOUS
        return max(LEAST, math.floor(min(MOST, characters / tokens) * CAUTION * 2) / 2)

    def _lower(self, model: str, limit: int) -> bool:
        if 0 < self._limits.get(model, 0) <= limit:
            return False
        self._limits[model] = limit
        return True


def _kept(path: Path | None) -> dict[str, int]:
    return TypeAdapter(dict[str, int]).validate_python(known(path, "windows"))
