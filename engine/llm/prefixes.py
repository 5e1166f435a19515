"""Which prefixes a server is likely to have in its cache, judged by what was sent there. Pure."""

from __future__ import annotations

import math

REMEMBERED = 64


class Prefixes:
    """The latest prefixes that a server has read, the last one first."""

    def __init__(self) -> None:
        self._latest: list[str] = []
        self._chances: dict[str, float] = {}

    def __contains__(self, prefix: str) -> bool:
        return prefix in self._chances

    def chance(self, prefix: str) -> float:
        """How likely `prefix` is still there, 1 (the last one) to 0 (not among the last 64).

        Nobody tells how much a cache holds. Servers drop what was used longest ago, so n prefixes later it is there if
        the cache holds more than n, and of that any order of magnitude is taken to be as likely as any other.
        """
        return self._chances.get(prefix, 0.0)

    def used(self, prefix: str) -> None:
        """A call with `prefix` was sent, or the server has read it."""
        if self._latest[:1] == [prefix]:
            return
        if prefix in self._chances:
            self._latest.remove(prefix)
        self._latest = [prefix, *self._latest[: REMEMBERED - 1]]
        self._chances = {known: _chance(after) for after, known in enumerate(self._latest)}

    def forget(self) -> None:
        """The server has begun anew."""
        self._latest, self._chances = [], {}


def _chance(after: int) -> float:
    return 1 - math.log1p(after) / math.log1p(REMEMBERED)
