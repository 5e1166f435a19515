"""The adaptive limiter against the best fixed limit, on simulated servers in virtual time.

    python benchmarks/limiter.py [--quick] [--only PART …] [--trace PART [--seed 1]]

Every server is tried with each fixed limit of a grid and with the limiter, three seeds each; the same seed means the
same calls. Tokens a second are counted from the end of the limiter's ramp (its climb is over; at the latest a quarter
into the run) to the end of the run, for the fixed limits over the same span; medians of the seeds. `best fixed` is the
smallest limit within 1 % of the fastest, the ratio is against the fastest. `to 90 %`: seconds until a mean of five
seconds reaches 0.9 × the fastest. `wait`: mean seconds to the first token, adaptive and best fixed. Servers with a bar
must reach 0.95 of the fastest, with at most 1 % of the calls rejected; exit code 1 when one does not. `--only` and
`--trace` (the limit's path, with reasons) take a part of a server's name.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from typing import NamedTuple

from benchmarks.simulated import TICK, Seen, Server, Span, play

SEEDS = (1, 2, 3)
BAR, REJECTED_BAR, CALLS_BAR = 0.95, 0.01, 5_000
_GPU = Server("batching knee", speed=50, knee=48, seconds=240)
_SLOTS = Server("8 slots, queue", speed=40, knee=40, slots=8, reading=8_000, reading_share=0.6, seconds=240)
_API = Server("429 above 24", speed=80, knee=1_000, ceiling=24, reading=1e6, delay=0.3, seconds=1_000)
_FEW = (1, 2, 4, 8, 12, 16, 24, 32, 48, 96)
SERVERS = (
    replace(_GPU, bar=BAR),
    replace(_SLOTS, bar=BAR),
    replace(_API, bar=BAR, grid=_FEW),
    Server(
        "embedded, 4 slots", speed=9.5, knee=2.3, bend=1.4, slots=4, reading=59, prompt=(60, 200), reply=80, spread=0.5,
        callers=40, seconds=900, grid=(2, 4, 8), limits=(4, 2, 8), bar=0.9,
    ),
    replace(_GPU, name="soft knee", speed=60, knee=80, bend=1.3),
    replace(_GPU, name="other tenant 60-150 s", capacity=(Span(60, 150, 0.4),)),
    replace(_GPU, name="30 % 500s 60-80 s", failures=(Span(60, 80, 0.3),), seconds=180),
    replace(_GPU, name="outage 60-80 s", failures=(Span(60, 80, 1.0),), seconds=180),
    replace(_GPU, name="replies of 5 tokens", reply=5, spread=0.3, prompt=(200, 1_500), seconds=120),
    replace(_GPU, name="three callers", callers=3, grid=(1, 2, 3, 4, 8), seconds=120),
    Server("one token a second", speed=1.2, knee=16, slots=64, callers=200, reply=60, seconds=900, reading=2_000),
    Server("1 slot, queue", speed=40, knee=40, slots=1, reading=4_000, seconds=600, grid=(1, 2, 4, 8, 16)),
    replace(_SLOTS, name="8 slots, starts at 64", limits=(64, 1, 1_024), seconds=600),
    replace(_API, name="60 calls a minute", ceiling=None, rate=1.0, grid=_FEW),
)  # fmt: skip


class Row(NamedTuple):
    """One line of the table, medians of the seeds."""

    server: Server
    limit: int
    fixed: float
    adaptive: float
    ratio: float
    attempts: int
    rejected: float
    reached: float
    mean_limit: float
    wait: float
    fixed_wait: float

    @property
    def good(self) -> bool:
        """Every bar that this server has is held."""
        enough = self.server.ceiling is None or self.attempts >= CALLS_BAR
        return self.server.bar is None or (self.ratio >= self.server.bar and self.rejected <= REJECTED_BAR and enough)


def compare(server: Server, seeds: tuple[int, ...] = SEEDS, grid: tuple[int, ...] = ()) -> Row:
    """The limiter beside all fixed limits of the grid."""
    runs = [play(server, seed) for seed in seeds]
    begins = [min(run.ramped or server.seconds, server.seconds / 4) for run in runs]
    fixed = {limit: [play(server, seed, limit) for seed in seeds] for limit in grid or server.grid}

    def rate(of: list[Seen]) -> float:
        return statistics.median(run.rate(begin) for run, begin in zip(of, begins, strict=True))

    def wait(of: list[Seen]) -> float:
        return statistics.median(run.first_token(begin) for run, begin in zip(of, begins, strict=True))

    rates = {limit: rate(of) for limit, of in fixed.items()}
    most = max(rates.values())
    best = min(limit for limit, found in rates.items() if found >= 0.99 * most)
    late = [statistics.fmean(run.limits[round(begin / TICK) :]) for run, begin in zip(runs, begins, strict=True)]
    return Row(
        server, best, most, rate(runs), rate(runs) / most, min(run.attempts for run in runs),
        max(run.rejects / run.attempts for run in runs), statistics.median(run.reached(0.9 * most) for run in runs),
        statistics.median(late), wait(runs), wait(fixed[best]),
    )  # fmt: skip


def show(row: Row) -> str:
    """The row as a line of the table."""
    bar = "" if row.server.bar is None else f"{row.server.bar:g} {'held' if row.good else 'MISSED'}"
    return (
        f"{row.server.name:<22}{row.limit:>6}{row.fixed:>8.0f}{row.adaptive:>10.0f}{row.ratio:>7.3f}  {bar:<12}"
        f"{row.rejected:>8.2%}{row.attempts:>7}{row.reached:>7.0f} s{row.mean_limit:>8.0f}"
        f"{row.wait:>8.2f} s{row.fixed_wait:>7.2f} s"
    )


def trace(server: Server, seed: int) -> None:
    """Print each change of the limit, with the tokens a second since the one before."""
    run, since = play(server, seed), 0
    for at, change in run.path:
        between = run.tokens[since : max(int(at), since + 1)]
        since = int(at)
        print(f"{at:8.1f} s {change.before:>4} -> {change.limit:<4} {statistics.fmean(between):7.0f}/s  {change.why}")


def main() -> int:
    """Print the table, or a path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and a third of the grid")
    parser.add_argument("--only", nargs="+", default=[""], metavar="PART")
    parser.add_argument("--trace", metavar="PART")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.trace:
        trace(next(server for server in SERVERS if given.trace in server.name), given.seed)
        return 0
    chosen = [server for server in SERVERS if any(part in server.name for part in given.only)]
    print(
        f"{'server':<22}{'best fixed':>14}{'adaptive':>10}{'ratio':>7}  {'bar':<12}{'rejected':>8}{'calls':>7}", end=""
    )
    print(f"{'to 90 %':>9}{'limit':>8}{'wait':>10}{'fixed':>9}")
    good = True
    for server in chosen:
        row = compare(server, SEEDS[:1], server.grid[::3]) if given.quick else compare(server)
        good &= row.good
        print(show(row), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
