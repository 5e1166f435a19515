"""A small fleet of simulated endpoints behind the engine's own caller, pool, gate and limiters, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.fleet import Best, best, hit_rate, lost, places, ratio, servers, twice
from benchmarks.fleet_agents import Load, Told
from benchmarks.fleet_sim import Outage, run_fleet
from benchmarks.machine import Ears, Job, Machine, Speeds
from benchmarks.simulated import Server
from benchmarks.virtual import StandsStill, play
from workspace.runs.events import EndpointBack, EndpointLost, LimiterResized

SECONDS, LOAD = 200, Load(agents=200, groups=12)
GONE = Outage(2, 80.0, 120.0)


@pytest.fixture(scope="module")
def fleet() -> list[Server]:
    """Four servers: the first has 12 slots, the last two bear the most calls, and the last one is the fastest."""
    sixteen = servers()
    return [replace(sixteen[n], cached=4) for n in (6, 8, 10, 11)]


@pytest.fixture(scope="module")
def bests(fleet: list[Server]) -> list[Best]:
    return [best(server) for server in fleet]


@pytest.fixture(scope="module")
def told(fleet: list[Server]) -> Told:
    """One run in which the third server is away for a while."""
    return run_fleet(fleet, SECONDS, LOAD, [GONE])


def test_the_pool_gives_nine_tenths_of_the_sum_of_the_best(told: Told, bests: list[Best]) -> None:
    assert ratio(told, bests, [GONE]) >= 0.85
    assert ratio(told, bests, [GONE], SECONDS / 4) >= 0.9


def test_calls_stay_with_the_servers_that_have_their_prefix(told: Told) -> None:
    assert hit_rate(told) >= 0.9
    spread, _ = places(told, SECONDS / 4)
    assert spread < 2


def test_every_call_is_answered_once_though_a_server_died_with_calls_in_it(told: Told) -> None:
    assert told.wasted > 0
    assert (lost(told, LOAD.agents), twice(told)) == (0, 0)
    assert sorted(told.given) == sorted({one.number for one in told.answered} & set(told.given))


def test_a_lost_server_gets_no_call_until_a_probe_finds_it_and_then_its_share(told: Told, fleet: list[Server]) -> None:
    name = fleet[GONE.server].name
    (gone,) = [at for at, event in told.events if isinstance(event, EndpointLost)]
    (back,) = [at for at, event in told.events if isinstance(event, EndpointBack)]
    assert GONE.begin <= gone < GONE.begin + 2
    assert GONE.end <= back <= GONE.end + 10.5
    answered = [one.at for one in told.answered if one.server == name]
    assert not [at for at in answered if GONE.begin < at < back]
    assert told.rate(name, GONE.end + 30, SECONDS) > 0.9 * told.rate(name, 40, GONE.begin)


def test_the_other_servers_go_on_meanwhile(told: Told, fleet: list[Server]) -> None:
    for number, server in enumerate(fleet):
        if number != GONE.server:
            assert told.rate(server.name, GONE.begin, GONE.end) > 0.9 * told.rate(server.name, 40, GONE.begin)


def test_limits_adapt_to_each_server_apart(told: Told, fleet: list[Server], bests: list[Best]) -> None:
    by_name = {server.name: [8] for server in fleet}
    for _, event in told.events:
        if isinstance(event, LimiterResized):
            by_name[event.endpoint].append(event.limit)
    few, many = by_name[fleet[0].name], by_name[fleet[3].name]
    assert max(few) < max(many)
    assert max(many) >= 0.7 * bests[3].limit
    assert told.limits[fleet[0].name] < told.limits[fleet[3].name]


# --- what it is simulated with


def test_virtual_time_goes_on_to_what_is_due_and_no_further() -> None:
    seen: list[float] = []

    async def work(clock: Callable[[], float]) -> None:
        await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (3_600, 60)))
        seen.append(clock())

    play(work)
    assert seen == [pytest.approx(3_600)]


def test_nobody_waits_for_ever_in_virtual_time() -> None:
    async def work(clock: Callable[[], float]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StandsStill):
        play(work)


def read_by(cached: int, prefixes: str) -> tuple[int, int, float]:
    """Hits, misses and seconds of a server that reads so many prompts, one after the other."""
    spoken: list[Job] = []
    machine = Machine(Speeds(10, 8, reading=1_000, cached=cached), Ears(spoken.append, lambda job: None))
    for prefix in prefixes:
        machine.line_up(Job(prompt=100, reply=1, prefix=prefix, shared=900))
        count = len(spoken)
        while len(spoken) == count:
            machine.advance(machine.due())
            machine.happen()
        while machine.streams:
            machine.advance(machine.due())
            machine.happen()
    return machine.hits, machine.misses, machine.now


def test_a_simulated_server_reads_a_prefix_again_when_it_has_dropped_it() -> None:
    assert read_by(2, "aab") == (1, 2, pytest.approx(2 * 1.0 + 0.1 + 3 * 0.1, rel=0.01))
    assert read_by(2, "abcab")[:2] == (0, 5)
    assert read_by(3, "abcab")[:2] == (2, 3)
