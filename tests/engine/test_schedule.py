"""The schedule on paper that a run is measured against (benchmarks/schedule.py)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.schedule import Unit, critical_path, list_schedule

CHAINS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=12)


def units(chains: list[list[int]]) -> dict[str, Unit]:
    return {f"u{n}": Unit(tuple(map(float, calls))) for n, calls in enumerate(chains)}


def test_calls_share_the_slots_in_the_order_of_arrival() -> None:
    assert list_schedule(units([[3], [2], [2]]), slots=2) == 4


def test_the_turns_of_a_conversation_follow_one_another() -> None:
    assert list_schedule(units([[1, 2, 3]]), slots=4) == 6


def test_a_more_urgent_unit_goes_before_one_that_waited_longer() -> None:
    graph = {
        "analyst-1": Unit((1.0,), 1),
        "analyst-2": Unit((5.0,), 1),
        "proposer-1": Unit((1.0,), 2, ("analyst-1",)),
        "last": Unit((5.0,), 3, ("proposer-1",)),
    }
    assert list_schedule(graph, slots=1) == 12
    assert list_schedule(graph, slots=2) == 7


def test_what_waits_for_the_plan_waits_for_all_before_it() -> None:
    graph = {
        "a": Unit((1.0,)),
        "b": Unit((4.0,)),
        "plan": Unit((), 0, ("a", "b")),
        "merge": Unit((2.0,), 4, ("plan",)),
    }
    assert list_schedule(graph, slots=2) == 6
    assert critical_path(graph) == 6


@given(CHAINS, st.integers(1, 5))
def test_no_schedule_beats_its_bounds_nor_wastes_a_slot_while_work_waits(chains: list[list[int]], slots: int) -> None:
    graph = units(chains)
    work, path, span = sum(map(sum, chains)), critical_path(graph), list_schedule(graph, slots)
    assert path == max(map(sum, chains))
    assert max(path, work / slots) <= span <= work / slots + path
