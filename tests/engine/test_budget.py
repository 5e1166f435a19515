"""What a run may spend: never more than the caps, whatever order calls begin and end in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.budget import Budget, Cap, Later, Prices, Reached, Reservation, Use, most, used


def _tokens(budget: Budget) -> int:
    return budget.spent.prompt + budget.spent.completion


@st.composite
def _calls(draw: st.DrawFn) -> list[tuple[Use, Use, int]]:
    """Calls: the most each can use, what it uses, and how many others begin before it ends."""
    found: list[tuple[Use, Use, int]] = []
    for _ in range(draw(st.integers(1, 30))):
        need = Use(1, draw(st.integers(1, 500)), draw(st.integers(1, 500)))
        real = Use(1, draw(st.integers(0, need.prompt)), draw(st.integers(0, need.completion)))
        found.append((need, real, draw(st.integers(0, 8))))
    return found


@given(_calls(), st.integers(1, 4000), st.integers(1, 20))
def test_calls_within_their_limits_never_spend_more_than_the_caps(
    calls: list[tuple[Use, Use, int]], tokens: int, requests: int
) -> None:
    budget = Budget({"tokens": tokens, "requests": requests, "cost": 0.004}, Prices(1.0, 3.0))
    open_calls: list[tuple[Reservation, Use]] = []
    for need, real, others in calls:
        if isinstance(answer := budget.reserve(need), Reservation):
            open_calls.append((answer, real))
        while len(open_calls) > others:
            budget.settle(*open_calls.pop(0))
    for call in open_calls:
        budget.settle(*call)
    assert _tokens(budget) <= tokens
    assert budget.spent.requests <= requests
    assert budget.cost is not None and budget.cost <= 0.004 + 1e-12


@given(_calls(), st.integers(1, 4000))
def test_calls_larger_than_was_estimated_overspend_by_no_more_than_was_in_flight(
    calls: list[tuple[Use, Use, int]], tokens: int
) -> None:
    budget = Budget({"tokens": tokens})
    open_calls: list[tuple[Reservation, Use]] = []
    aside = 0
    for need, _, others in calls:
        if isinstance(answer := budget.reserve(need), Reservation):
            open_calls.append((answer, need + need))
            aside = sum(use.prompt + use.completion for _, use in open_calls) // 2
        while len(open_calls) > others:
            budget.settle(*open_calls.pop(0))
    for call in open_calls:
        budget.settle(*call)
    assert _tokens(budget) <= tokens + aside


def test_a_call_waits_for_others_where_their_rest_may_make_room() -> None:
    budget = Budget({"tokens": 1000})
    first = budget.reserve(Use(1, 100, 700))
    assert isinstance(first, Reservation)
    assert isinstance(budget.reserve(Use(1, 100, 700)), Later)
    budget.settle(first, Use(1, 100, 50))
    assert isinstance(budget.reserve(Use(1, 100, 700)), Reservation)


def test_a_call_that_came_to_nothing_gives_everything_back() -> None:
    budget = Budget({"requests": 1})
    first = budget.reserve(Use(1, 10, 10))
    assert isinstance(first, Reservation)
    budget.settle(first, None)
    assert budget.spent == Use()
    assert isinstance(budget.reserve(Use(1, 10, 10)), Reservation)


def test_once_reached_nothing_smaller_slips_through() -> None:
    budget = Budget({"tokens": 1000}, spent=Use(3, 500, 100))
    assert isinstance(budget.reserve(Use(1, 100, 700)), Reached)
    assert isinstance(budget.reserve(Use(1, 1, 1)), Reached)


@pytest.mark.parametrize(("limit", "granted"), [(999, False), (1000, False), (5000, True)])
def test_a_later_life_needs_a_larger_cap_than_the_one_that_was_reached(limit: int, granted: bool) -> None:
    budget = Budget({"tokens": limit}, spent=Use(1, 10, 10), reached={"tokens": 1000})
    assert isinstance(budget.reserve(Use(1, 1, 1)), Reservation) == granted


def test_the_time_of_earlier_lives_counts() -> None:
    budget = Budget({"seconds": 60.0}, seconds=50.0)
    assert isinstance(budget.reserve(Use(1, 1, 1), 9.0), Reservation)
    assert isinstance(budget.reserve(Use(1, 1, 1), 11.0), Reached)


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        ({"tokens": 3000}, "a budget of 3,000 tokens is reached: 2,900 spent and the next call may need 300;"),
        ({"cost": 0.003}, "a cost budget of 0.003 is reached: 0.0029 spent and the next call may need 0.0003;"),
        ({"requests": 7}, "a budget of 7 model calls is reached: 7 spent;"),
    ],
)
def test_the_sentence_names_the_cap_what_is_spent_and_the_flag(caps: dict[Cap, float], words: str) -> None:
    budget = Budget(caps, Prices(1.0, 1.0), spent=Use(7, 2000, 900))
    reached = budget.reserve(Use(1, 100, 200))
    assert isinstance(reached, Reached)
    assert reached.sentence == f"{words} a larger --budget-{reached.cap}, or none, lets the run go on"


@pytest.mark.parametrize("prices", [Prices(), Prices(prompt=1.0), Prices(completion=1.0)])
def test_an_unknown_price_is_no_price_of_zero(prices: Prices) -> None:
    assert Budget(prices=prices, spent=Use(1, 100, 100)).cost is None
    with pytest.raises(ValueError, match="needs both prices"):
        Budget({"cost": 1.0}, prices)


def test_what_a_server_does_not_count_is_estimated() -> None:
    assert used(None, None, 400, 80) == Use(1, 100, 20)
    assert used(7, 0, 400, 80) == Use(1, 7, 0)
    assert most(1000, 2.5, 64) == Use(1, 400, 64)


def test_a_raised_cap_is_no_longer_reached_and_the_same_one_still_is() -> None:
    budget = Budget({"requests": 1, "tokens": 100})
    first = budget.reserve(Use(1, 10, 10))
    assert isinstance(first, Reservation)
    budget.settle(first, Use(1, 10, 10))
    assert isinstance(budget.reserve(Use(1, 10, 10)), Reached)
    budget.set_cap("tokens", 200)
    assert budget.closed, "another cap than the one that is reached"
    budget.set_cap("requests", 1)
    assert budget.closed
    budget.set_cap("requests", 2)
    assert not budget.closed
    assert isinstance(budget.reserve(Use(1, 10, 10)), Reservation)


def test_a_cap_that_is_taken_away_holds_nobody() -> None:
    budget = Budget({"requests": 1}, reached={"requests": 1})
    assert budget.closed
    budget.set_cap("requests", None)
    assert isinstance(budget.reserve(Use(1, 10, 10)), Reservation)


def test_a_cap_on_an_unknown_cost_is_refused_later_too() -> None:
    with pytest.raises(ValueError, match="both prices"):
        Budget({}).set_cap("cost", 1.0)
