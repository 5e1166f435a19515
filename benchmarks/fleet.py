"""Sixteen endpoints of different speeds behind one pool, one failing and returning, against the sum of their best.

    python benchmarks/fleet.py [--seconds 480] [--agents 1024] [--groups 48] [--no-outage]
    python benchmarks/fleet.py --real [--seconds 60]

In virtual time, and with the engine's own caller, pool, gate, limiters and lifeline. The servers differ up to eight
times in speed and four times in how many calls they need for it; two have few slots and queue, one refuses beyond 20
calls. A server keeps six prefixes in its cache; the agents work in groups that share a prefix of 4,000 tokens, in tasks
of one to six calls. One of the faster servers dies at a third of the run and answers again at half of it.

`best`: each server alone under each fixed limit of a grid, every prefix in its cache; the smallest limit within 1 % of
the fastest. `pool`: what the same server gave in the pool while it was there, after the ramp (a sixth of the run).
Bars: the whole run, its ramp and the outage included, gives 0.90 of the sum of the best (a server that is away counts
for nothing meanwhile); 0.90 of prefixes are found in the cache; after its return the server is at 0.9 of its share
within 30 s; every call is answered once. Exit code 1 when one is missed.

`--real`: the same engine code against sixteen scripted servers in processes of their own over HTTP, with small rates,
since one machine's cores serve all of them (benchmarks/fleet_real.py). Bar: in the last third of the run, after one
server was killed and started again, 0.85 of what the same servers give under fixed limits that are known to be right.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.fleet_agents import Load, Told
from benchmarks.fleet_real import LOAD, SLOTS, measure
from benchmarks.fleet_sim import Outage, run_fleet
from benchmarks.simulated import Server, play
from workspace.runs.events import EndpointBack, EndpointLost

COUNT, FASTEST, AWAY = 16, 8.0, 12
KNEES = (8, 12, 20, 32)
OTHERS = {3: {"slots": 16}, 6: {"slots": 12}, 9: {"ceiling": 20}}  # the rest bear more calls than pay
GRID = (2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128)
CACHED, PEAK, READING = 6, 350.0, 20.0
BAR, HITS, SOON, SHARE = 0.90, 0.90, 30.0, 0.9
RAMP, MINUTE, BUSIEST = 1 / 6, 60.0, 3
REAL_BAR, WARM = 0.85, 5


class Best(NamedTuple):
    """A server alone: the smallest limit within 1 % of the fastest one's tokens a second."""

    limit: int
    rate: float


class Away(NamedTuple):
    """How the pool bore an outage: seconds from its end until the endpoint was back, and until it was at its share."""

    lost: int
    back: float
    share: float


def servers(count: int = COUNT) -> list[Server]:
    """From 350 tokens a second to eight times that; the speed of one stream follows from the knee."""
    found: list[Server] = []
    for number in range(count):
        peak, knee = PEAK * FASTEST ** (number / max(1, count - 1)), KNEES[number % len(KNEES)]
        server = Server(
            f"server-{number:02d}", speed=peak / knee, knee=knee, reading=peak * READING, cached=CACHED,
            prompt=(300, 2_000), limits=(8, 1, 1_024), callers=300, seconds=240,
        )  # fmt: skip
        found.append(replace(server, **OTHERS.get(number, {})))
    return found


def best(server: Server) -> Best:
    """Found by trying, without prefixes that would have to be read."""
    rates = {limit: play(server, 1, limit).rate(server.seconds / 4) for limit in GRID}
    most = max(rates.values())
    return Best(min(limit for limit, rate in rates.items() if rate >= 0.99 * most), most)


def there(seconds: int, number: int, outages: Sequence[Outage], begin: float = 0.0) -> float:
    """Seconds from `begin` to the end in which a server was not away."""
    away = sum(max(0.0, o.end - max(o.begin, begin)) for o in outages if o.server == number)
    return seconds - begin - away


def ratio(told: Told, bests: Sequence[Best], outages: Sequence[Outage], begin: float = 0.0) -> float:
    """Tokens of all from `begin` to the end, without those of replies that broke off, against the sum of the best."""
    made = sum(sum(row[round(begin) :]) for row in told.tokens.values()) - told.wasted
    return made / sum(one.rate * there(told.seconds, n, outages, begin) for n, one in enumerate(bests))


def hit_rate(told: Told) -> float:
    """Share of prompts whose prefix was in the server's cache."""
    hits, misses = sum(told.hits.values()), sum(told.misses.values())
    return hits / max(1, hits + misses)


def places(told: Told, begin: float) -> tuple[float, float]:
    """How many servers a prefix's calls of a minute amount to (the exponential of the entropy), and the share of its
    three busiest ones; means over all calls from `begin`."""
    by_minute: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for one in told.answered:
        if one.at >= begin:
            by_minute[one.prefix, int(one.at // MINUTE)][one.server] += 1
    total = max(1, sum(counts.total() for counts in by_minute.values()))
    spread = sum(counts.total() * _amount(counts) for counts in by_minute.values()) / total
    home = sum(count for counts in by_minute.values() for _, count in counts.most_common(BUSIEST)) / total
    return spread, home


def _amount(counts: Counter[str]) -> float:
    total = counts.total()
    return math.exp(-sum(n / total * math.log(n / total) for n in counts.values()))


def away(told: Told, name: str, outage: Outage, rate: float) -> Away:
    """What became of the one that failed; `rate` is what it gave before."""
    lost = sum(isinstance(event, EndpointLost) for _, event in told.events)
    back = next((at for at, event in told.events if isinstance(event, EndpointBack)), math.inf)
    return Away(lost, back - outage.end, told.reached([name], SHARE * rate, outage.end) - outage.end)


def twice(told: Told) -> int:
    """Calls that servers answered more than once."""
    return len(told.answered) - len({one.number for one in told.answered})


def lost(told: Told, agents: int) -> int:
    """Calls that are neither answered nor still on their way at the end, where each agent has one at most."""
    return max(0, told.asked - len(set(told.given)) - agents)


def table(fleet: Sequence[Server], bests: Sequence[Best], told: Told, outages: Sequence[Outage]) -> Iterator[str]:
    """One line a server."""
    begin = told.seconds * RAMP
    yield f"{'server':<12}{'best limit':>11}{'tokens/s':>10}{'pool':>8}{'share':>7}{'limit':>7}{'hits':>7}"
    for number, (server, one) in enumerate(zip(fleet, bests, strict=True)):
        rate = sum(told.tokens[server.name][round(begin) :]) / there(told.seconds, number, outages, begin)
        hits, misses = told.hits[server.name], told.misses[server.name]
        kind = (
            f"{server.slots} slots" if server.slots < 256 else f"429 above {server.ceiling}" if server.ceiling else ""
        )
        yield (
            f"{server.name:<12}{one.limit:>11}{one.rate:>10.0f}{rate:>8.0f}{rate / one.rate:>7.2f}"
            f"{told.limits[server.name]:>7}{hits / max(1, hits + misses):>7.2f}  {kind}"
        )


def close(bars: Mapping[str, bool]) -> int:
    """Print which bars are held; 1 when one is missed."""
    for what, held in bars.items():
        print(f"  {'held' if held else 'MISSED'}: {what}")
    print(f"bars {'held' if all(bars.values()) else 'MISSED'}: {next(iter(bars))}")
    return int(not all(bars.values()))


def once(told: Told, agents: int) -> tuple[str, bool]:
    """The bar that every call is answered once."""
    gone, double = lost(told, agents), twice(told)
    return f"{gone} calls lost, {double} answered twice", not gone and not double


def simulated(seconds: int, load: Load, with_outage: bool) -> int:
    """Print the table and the bars; 1 when one is missed."""
    fleet = servers()
    outages = [Outage(AWAY, seconds / 3, seconds / 2)] if with_outage else []
    bests = [best(server) for server in fleet]
    told = run_fleet(fleet, seconds, load, outages)
    print("\n".join(table(fleet, bests, told, outages)))
    begin, total = seconds * RAMP, sum(one.rate for one in bests)
    whole, later = ratio(told, bests, outages), ratio(told, bests, outages, begin)
    ramp = told.reached(told.tokens, BAR * total)
    print(f"\nsum of the best {total:,.0f} tokens/s; the pool was at {BAR:.0%} of it after {ramp:.0f} s")
    show_calls(told, begin)
    bars = {
        f"{whole:.3f} of the sum of the best over the whole run, {later:.3f} after the ramp": whole >= BAR,
        f"{hit_rate(told):.3f} of prefixes found in the cache": hit_rate(told) >= HITS,
    }
    bars.update([once(told, load.agents)])
    for outage in outages:
        name = fleet[outage.server].name
        seen = away(told, name, outage, told.rate(name, begin, outage.begin))
        print(f"{name} was away for {outage.end - outage.begin:.0f} s, lost {seen.lost} time, and found again ", end="")
        print(f"{seen.back:.1f} s after its return")
        bars[f"at {SHARE:g} of its share {seen.share:.0f} s after its return"] = seen.share <= SOON
    return close(bars)


def show_calls(told: Told, begin: float) -> None:
    """Where calls went and what they cost."""
    spread, home = places(told, begin)
    print(
        f"one prefix's calls of a minute amount to {spread:.1f} servers, its {BUSIEST} busiest have {home:.0%} of them"
    )
    print(
        f"{told.asked:,} calls, {told.rejects:,} refusals by servers, {told.cpu / told.asked * 1e3:.2f} ms CPU a call"
    )


def over_http(seconds: int) -> int:
    """The same over HTTP; only the last third counts, since the ramp is most of so short a run."""
    fixed, found = measure(seconds)
    begin, total, whole = seconds * 2 / 3, 0.0, 0.0
    print(f"{'server':<12}{'slots':>6}{'fixed, tokens/s':>17}{'found, last third':>19}{'limit':>7}")
    for slots, name in zip(SLOTS, found.tokens, strict=True):
        alone, late = fixed.rate(name, WARM, fixed.seconds), found.rate(name, begin, seconds)
        total, whole = total + alone, whole + late
        print(f"{name:<12}{slots:>6}{alone:>17.0f}{late:>19.0f}{found.limits[name]:>7}")
    show_calls(found, begin)
    for at, event in found.events:
        if isinstance(event, EndpointLost | EndpointBack):
            print(f"{event.kind} {event.endpoint} at {at:.0f} s")
    bars = {f"{whole / total:.3f} of what fixed limits give, over HTTP": whole >= REAL_BAR * total}
    bars.update([once(found, LOAD.agents)])
    return close(bars)


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, help="of the run (virtual: 480, real: 60)")
    parser.add_argument("--agents", type=int, default=1_024)
    parser.add_argument("--groups", type=int, default=48)
    parser.add_argument("--no-outage", action="store_true")
    parser.add_argument("--real", action="store_true", help="over HTTP, for a short time")
    given = parser.parse_args()
    if given.real:
        return over_http(given.seconds or 60)
    return simulated(given.seconds or 480, Load(given.agents, given.groups), not given.no_outage)


if __name__ == "__main__":
    sys.exit(main())
