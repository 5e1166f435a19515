"""How much of a pool of trajectories so many characters hold. Pure.

portion(sizes, per_call=4, room=9_000.0, besides=2_000.0)     the first `most`, at most `share` characters of each
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.stages.retell import ALL_CHARS, LEAST_CHARS


class Portion(NamedTuple):
    """The first `most` trajectories, and the most characters of one that are shown."""

    most: int
    share: int = ALL_CHARS

    def cuts(self, sizes: Sequence[int]) -> bool:
        """Is one of them shown in part?"""
        return any(size > self.share for size in sizes[: self.most])


def portion(sizes: Sequence[int], per_call: int, room: float, besides: float) -> Portion:
    """As many of `sizes` (characters of each trajectory), from the first on, as `room` holds with `LEAST_CHARS` each;
    what is left then goes to all of them. A call reads `per_call` of them and takes `besides` characters of the room
    for itself."""
    most = next((n for n in range(len(sizes), 0, -1) if _takes(sizes[:n], LEAST_CHARS, per_call, besides) <= room), 0)
    low, high = LEAST_CHARS, ALL_CHARS
    while low < high:
        middle = (low + high + 1) // 2
        if _takes(sizes[:most], middle, per_call, besides) <= room:
            low = middle
        else:
            high = middle - 1
    return Portion(most, low)


def _takes(sizes: Sequence[int], share: int, per_call: int, besides: float) -> float:
    calls = -(-len(sizes) // max(1, per_call))
    return calls * besides + sum(min(size, share) for size in sizes)
