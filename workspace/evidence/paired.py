"""Two skills on the same tasks: tests on paired differences, intervals, and how many tasks would decide.

Pure functions on numbers; everything random is seeded.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

from workspace.errors import InputError

EXACT_PAIRS = 20
RESAMPLES = 10_000
MOST_PAIRS = 1_000_000


class Interval(NamedTuple):
    """Lower and upper end, in the unit of the scores."""

    low: float
    high: float


def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p of `fixed` against `broken` changed pairs when both directions were equally likely."""
    changed = fixed + broken
    ways = tail = 1
    for k in range(min(fixed, broken)):
        ways = ways * (changed - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**changed)


def sign_flip(differences: Sequence[float], seed: int, samples: int = 100_000) -> float:
    """Two-sided p of the sum of paired differences when each sign was a coin's.

    Exact up to 20 pairs that differ; above that `samples` seeded draws, with the observed one counted in.
    """
    moved = [d for d in differences if d != 0]
    if not moved:
        return 1.0
    # Sums that equal the observed one must count as such whatever order they were added in.
    reach = abs(math.fsum(moved)) - 1e-9 * math.fsum(map(abs, moved))
    if len(moved) <= EXACT_PAIRS:
        return _exact_tail(moved, reach)
    return (_drawn_tail(moved, reach, seed, samples) + 1) / (samples + 1)


def bootstrap(differences: Sequence[float], seed: int, level: float = 0.95) -> Interval:
    """Percentile interval of the mean over seeded resamples of the pairs. Raises `InputError` without pairs."""
    if not differences:
        raise InputError("no pairs to compare")
    draw = random.Random(seed).choices
    pairs, count = list(differences), len(differences)
    means = sorted(fmean(draw(pairs, k=count)) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - level) / 2)
    return Interval(means[cut], means[-1 - cut])


def wilson(mean: float, count: int, level: float = 0.95) -> Interval:
    """The interval of a mean of `count` scores in 0…1 (Wilson 1927). Scores between 0 and 1 spread no wider than
    yes/no scores of the same mean, so for them it is a cautious one."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    spread = z * z / count
    centre, half = mean + spread / 2, z * math.sqrt(mean * (1 - mean) / count + spread / (4 * count))
    return Interval(max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread)))


def ceiling(differences: Sequence[float], level: float = 0.95) -> float:
    """The upper end of a cautious interval of the mean difference of scores in 0…1.

    One invented win and one invented loss stand beside the pairs (Bonett and Price 2012, widened from yes/no pairs
    to any difference), so that twelve unchanged tasks do not look like proof that nothing can change.
    """
    count = len(differences)
    return _ceiling(_mean(differences), _mean([d * d for d in differences]), count, level)


def needed(fixed_rate: float, broken_rate: float, alpha: float, power: float = 0.8) -> int | None:
    """About how many pairs McNemar's test needs to decide if pairs keep changing at these rates (Miettinen 1968).

    None when both rates are equal: no number would decide.
    """
    return _pairs_to_accept(fixed_rate - broken_rate, fixed_rate + broken_rate, alpha, power)


def more_needed(differences: Sequence[float], alpha: float, min_gain: float) -> int | None:
    """More pairs until accept or reject, whichever comes first, if the pairs go on as they did; at least 1."""
    mean, square = _mean(differences), _mean([d * d for d in differences])
    totals = (_pairs_to_accept(mean, square, alpha, 0.8), _pairs_to_reject(mean, square, alpha, min_gain))
    found = [total for total in totals if total is not None]
    return max(1, min(found) - len(differences)) if found else None


def _pairs_to_accept(mean: float, square: float, alpha: float, power: float) -> int | None:
    """`square` is the mean squared difference, for yes/no pairs the share that changed."""
    if mean == 0:
        return None
    spread = math.sqrt(max(0.0, square - mean * mean))
    root = _z(1 - alpha) * math.sqrt(square) + NormalDist().inv_cdf(power) * spread
    # Below this many changed pairs no exact test can reach alpha, however one-sided they are.
    fewest = math.ceil(math.log2(2 / alpha)) / square
    return min(MOST_PAIRS, math.ceil(max((root / mean) ** 2, fewest)))


def _pairs_to_reject(mean: float, square: float, alpha: float, min_gain: float) -> int | None:
    """The first number of pairs at which the largest plausible gain falls below `min_gain`."""
    if mean >= min_gain:
        return None
    low, high = 1, 2
    while high < MOST_PAIRS and _ceiling(mean, square, high, 1 - alpha) >= min_gain:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _ceiling(mean, square, middle, 1 - alpha) >= min_gain else (low, middle)
    return high


def _exact_tail(moved: Sequence[float], reach: float) -> float:
    """Share of all sign choices whose sum is at least `reach` away from 0: two halves of sums, met in the middle."""
    left = sorted(_signed_sums(moved[: len(moved) // 2]))
    right = _signed_sums(moved[len(moved) // 2 :])
    above = sum(len(left) - bisect_left(left, reach - other) for other in right)
    return min(1.0, 2 * above / 2 ** len(moved))


def _signed_sums(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for value in values:
        sums = [s + value for s in sums] + [s - value for s in sums]
    return sums


def _drawn_tail(moved: Sequence[float], reach: float, seed: int, samples: int) -> int:
    """How many drawn sign choices reach as far; one random byte picks the signs of eight pairs at a time."""
    tables = [_signed_sums(moved[start : start + 8]) for start in range(0, len(moved), 8)]
    draw = random.Random(seed)
    hits = 0
    for _ in range(samples):
        picks = draw.randbytes(len(tables))
        total = sum(table[pick % len(table)] for table, pick in zip(tables, picks, strict=True))
        hits += abs(total) >= reach
    return hits


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _ceiling(mean: float, square: float, count: float, level: float) -> float:
    total = count + 2
    centre = mean * count / total
    spread = (square * count + 2) / total - centre * centre
    return min(1.0, centre + _z(level) * math.sqrt(max(0.0, spread) / total))


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
