"""The simulation of large runs (benchmarks/scale_model.py): what holds of it whatever its prices are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.machine import Speeds
from benchmarks.scale_costs import Costs
from benchmarks.scale_model import Fleet, Simulation, Talk, Tree, Work, levels
from workspace.edits.patch import Patch
from workspace.merging.tree import make_plan

FREE = Costs(*[0.0] * len(Costs()))
ALONE = Speeds(speed=10, knee=1e9, reading=1e12)
ONE_CALL = Work("one call", (Talk("analyse", 1, 0, 1, 0, 20),), Tree(edits=1, own=1, reply=5, room=10_000))


def test_the_levels_are_those_of_the_real_plan() -> None:
    for count, fan_in in ((1, 8), (2, 2), (9, 8), (64, 8), (65, 8), (100, 3), (1_000, 8)):
        names = {f"t{n:04d}": Patch(id=f"t{n:04d}", base="x", edits=()) for n in range(count)}
        real = [node.level for node in make_plan(names, fan_in, "given").nodes]
        assert levels(count, fan_in) == [real.count(level) for level in sorted(set(real))]


@given(st.integers(1, 10**7), st.integers(2, 64))
def test_there_are_as_many_levels_as_the_logarithm_says(count: int, fan_in: int) -> None:
    found = levels(count, fan_in)
    assert fan_in ** len(found) >= count
    assert not found or (fan_in ** (len(found) - 1) < count and found[-1] == 1)


def test_one_server_and_an_engine_that_costs_nothing_take_what_pencil_and_paper_say() -> None:
    """8 slots, 64 calls of 20 tokens at 10 a second: 8 rounds of 2 s; then 8 merges of 8 edits, 4 s, and one of 64."""
    played = Simulation(ONE_CALL, 64, Fleet(1, ALONE, 8), FREE, sigma=0.0).run()
    assert played.leaf == pytest.approx(16)
    assert played.seconds == pytest.approx(16 + 4 + 32)
    assert played.above == pytest.approx(32)
    assert played.engine == 0


def test_an_engine_that_takes_all_the_time_is_the_only_thing_that_counts() -> None:
    slow = FREE._replace(call=1.0, unit=0.5)
    played = Simulation(ONE_CALL, 100, Fleet(64, ALONE._replace(speed=1e6), 64), slow, sigma=0.0).run()
    assert played.leaf == pytest.approx(150, rel=0.01)
    assert played.leaf_engine == pytest.approx(played.leaf, rel=0.01)


def test_a_root_that_holds_more_than_one_call_reads_asks_one_part_after_another() -> None:
    narrow = ONE_CALL._replace(tree=ONE_CALL.tree._replace(room=8 * 60))
    played = Simulation(narrow, 64, Fleet(1, ALONE, 8), FREE, sigma=0.0).run()
    assert played.parts == 8
    assert played.above == pytest.approx(8 * 4)


def test_few_cores_make_the_sandboxes_wait_and_many_do_not() -> None:
    work = Work("tools", (Talk("rollout", 3, 0, 1, 1, 10, command=2.0),), ONE_CALL.tree)
    enough, few = (Simulation(work, 32, Fleet(1, ALONE, 64, cores=n), FREE, sigma=0.0).run() for n in (0, 1))
    assert enough.commands == few.commands == 32 * 2 * 2.0
    assert enough.leaf == pytest.approx(3 * 1 + 2 * 2)
    assert few.leaf >= few.commands


@settings(max_examples=40)
@given(
    count=st.integers(1, 200),
    gpus=st.integers(1, 5),
    batch=st.sampled_from((1, 4, 16)),
    turns=st.integers(1, 3),
    fan_in=st.integers(2, 9),
)
def test_no_call_is_lost_and_none_made_twice(count: int, gpus: int, batch: int, turns: int, fan_in: int) -> None:
    talks = (Talk("rollout", turns, 10, 10, 5, 20, 0.1), Talk("analyse", 1, 10, 100, 0, 30))
    work = Work("some", talks, Tree(fan_in=fan_in, room=10**9))
    played = Simulation(work, count, Fleet(gpus, Speeds(50, 48), 96), batch=batch).run()
    merges = sum(levels(count, fan_in))
    assert played.finished == {"rollout": count, "analyse": count} | ({"merge": merges} if merges else {})
    assert played.calls == count * (turns + 1) + merges
    assert played.seconds >= played.leaf >= played.leaf_engine
    assert played.seconds >= played.alone
    assert math.isclose(played.commands, count * (turns - 1) * 0.1)


def test_calls_that_go_together_take_as_long_as_single_ones() -> None:
    work = Work("traces", (Talk("analyse", 1, 500, 2_000, 0, 300),))
    exact, coarse = (Simulation(work, 4_000, Fleet(2, Speeds(50, 48), 96), batch=n).run() for n in (1, 16))
    assert coarse.seconds == pytest.approx(exact.seconds, rel=0.05)
    assert coarse.calls == exact.calls
    assert coarse.engine == pytest.approx(exact.engine, rel=0.05)
