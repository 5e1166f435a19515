"""How much one skill is better than another on the same tasks, among so many comparisons. Pure.

    found = difference(mine, theirs, Test(alpha=0.05, seed=41, comparisons=7))

`mine` and `theirs` are task → scores in 0…1, one a repeat. p is exact McNemar for yes/no scores with one repeat, else
the sign-flip test on the tasks' means, times the number of comparisons; the interval is as much wider.
"""

from __future__ import annotations

from statistics import fmean
from typing import NamedTuple

from workspace.evidence.paired import Interval, bootstrap, mcnemar, sign_flip, wilson
from workspace.score import MIN_PAIRS, Scores


class Test(NamedTuple):
    """How sure one wants to be, the seed of what is drawn, and how many differences are looked at."""

    __test__ = False
    alpha: float
    seed: int
    comparisons: int


class Difference(NamedTuple):
    """The first side's mean minus the second's over the `tasks` that both have, and the tasks on which the first is
    better (`fixed`) and worse (`broken`). `interval` and `p` are None below six tasks."""

    tasks: int
    mean: float
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    interval: Interval | None = None
    p: float | None = None


def difference(mine: Scores, theirs: Scores, test: Test) -> Difference | None:
    """What differs; None where the two have no task in common."""
    both = sorted(mine.keys() & theirs.keys())
    if not both:
        return None
    pairs = [fmean(mine[task]) - fmean(theirs[task]) for task in both]
    fixed, broken = (tuple(t for t, by in zip(both, pairs, strict=True) if by * sign > 0) for sign in (1, -1))
    told = Difference(len(both), fmean(pairs), fixed, broken)
    if len(both) < MIN_PAIRS:
        return told
    one_each = all(len(side[task]) == 1 and side[task][0] in (0, 1) for side in (mine, theirs) for task in both)
    p = mcnemar(len(fixed), len(broken)) if one_each else sign_flip(pairs, test.seed)
    interval = bootstrap(pairs, test.seed, 1 - test.alpha / test.comparisons)
    return told._replace(p=min(1.0, p * test.comparisons), interval=interval)


def spread(scores: Scores, test: Test) -> Interval:
    """The interval of one skill's mean: Wilson's for yes/no scores, else by resampling the tasks."""
    means = [fmean(one) for one in scores.values()]
    if not all(mean in (0, 1) for mean in means):
        return bootstrap(means, test.seed, 1 - test.alpha)
    return wilson(fmean(means), len(means), 1 - test.alpha)
