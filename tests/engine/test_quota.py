"""Calls and tokens a minute: as set by the user, as told by servers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.quota import LONGEST_HOLD, Quota

WALL = 1_800_000_000.0


def play(quota: Quota, sizes: list[int], seconds: float) -> list[float]:
    """Starts of calls that go as soon as they may."""
    now, starts = 0.0, list[float]()
    for size in sizes:
        while (at := quota.ready_at(now, size)) > now:
            now = at
        if now > seconds:
            break
        quota.took(now, size)
        starts.append(now)
    return starts


@given(st.integers(1, 600), st.integers(1, 5))
def test_no_minute_has_more_calls_than_its_number_and_a_burst(rpm: int, minutes: int) -> None:
    starts = play(Quota(rpm=rpm), [1] * (rpm * minutes + 50), 60.0 * minutes)
    for start in starts:
        within = sum(start <= other < start + 60 - 1e-6 for other in starts)
        assert within <= rpm + max(1, rpm * 0.1) + 1
    assert len(starts) >= rpm * minutes * 0.99


@given(st.integers(100, 100_000), st.lists(st.integers(1, 50_000), min_size=1, max_size=60))
def test_tokens_keep_to_their_number_and_no_call_is_ever_stuck(tpm: int, sizes: list[int]) -> None:
    starts = play(Quota(tpm=tpm), sizes, 1e12)
    assert len(starts) == len(sizes)
    spent = sum(sizes[:-1])
    assert spent <= tpm * 0.1 + starts[-1] * tpm / 60 + 1e-3 + max(sizes)


def test_without_a_number_nothing_waits() -> None:
    assert Quota().ready_at(5.0, 10**9) == 5.0


def test_what_a_call_did_not_use_is_free_again() -> None:
    quota = Quota(tpm=6000)
    quota.took(0.0, 600)
    assert quota.ready_at(0.0, 600) == pytest.approx(6.0)
    quota.used(0.0, 600, 100)
    assert quota.ready_at(0.0, 500) == 0.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(WALL) + 9)}, 9.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": datetime.fromtimestamp(WALL + 30, UTC).isoformat(),
            },
            30.0,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999"}, LONGEST_HOLD),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "7"}, 0.0),
        ({"x-ratelimit-remaining": "nan", "x-ratelimit-reset": "7"}, 0.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, 0.0),
        ({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "1e999"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0"}, 0.0),
    ],
)
def test_a_server_that_has_nothing_left_is_left_alone_until_it_has(headers: dict[str, str], wait: float) -> None:
    quota = Quota()
    quota.told(100.0, headers, WALL)
    assert quota.ready_at(100.0, 50) == pytest.approx(100.0 + wait)
    assert quota.ready_at(100.0 + wait, 50) == pytest.approx(100.0 + wait)


def test_fresh_headers_lift_an_earlier_hold_and_calls_count_down() -> None:
    quota = Quota()
    quota.told(0.0, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, WALL)
    quota.told(1.0, {"x-ratelimit-remaining": "2", "x-ratelimit-reset": "60"}, WALL)
    for _ in range(2):
        assert quota.ready_at(1.0, 1) == 1.0
        quota.took(1.0, 1)
    assert quota.ready_at(1.0, 1) == 61.0
