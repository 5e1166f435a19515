"""The adaptive limiter: each rule on a time line made by hand, what holds for any, and whole simulated servers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.limiter import REJECTED_BAR, SERVERS, compare
from benchmarks.simulated import Server, play
from engine.llm.limiter import USED, Attempt, Change, Limiter
from engine.llm.watched import Sample

Rate = Callable[[int], float]


class Load:
    """A server of `rate(n)` tokens a second with n calls in flight, and as many callers as `callers` (or the limit).

    Replies have ten tokens; a first token takes 50 ms, and beyond `slots` calls wait for a slot.
    """

    def __init__(
        self, limiter: Limiter, rate: Rate, callers: int = 10_000, slots: int = 10_000, now: float = 0.0
    ) -> None:
        self.limiter, self.rate, self.callers, self.slots = limiter, rate, callers, slots
        self.now = now
        self.calls: deque[Attempt] = deque()
        self.changes: list[Change] = []
        self._done = 0.0
        self.failing = False

    def run(self, seconds: float) -> list[Change]:
        """The changes of so many seconds."""
        before = len(self.changes)
        for _ in range(round(seconds / 0.05)):
            self._step()
        return self.changes[before:]

    def limits(self) -> list[int]:
        return [change.limit for change in self.changes]

    def _step(self) -> None:
        self.now += 0.05
        for call in list(self.calls)[: self.slots]:
            self.limiter.spoke(self.now, call)
        tokens = self.rate(min(len(self.calls), self.slots)) * 0.05
        self._done += tokens / 10
        if not self.failing:
            self.limiter.streamed(round(tokens))
        while self._done >= 1 and self.calls:
            self._done -= 1
            end = self.limiter.failed if self.failing else self.limiter.finished
            end(self.now, self.calls.popleft())
        while len(self.calls) < min(self.limiter.limit, self.callers):
            self.calls.append(self.limiter.admitted(self.now))
        if change := self.limiter.tick(self.now):
            self.changes.append(change)


def knee(at: int) -> Rate:
    """Twenty tokens a second for each call, up to `at` calls."""
    return lambda n: 20.0 * min(n, at)


def settled(limiter: Limiter, at: int = 16, seconds: float = 60) -> Load:
    """A load whose climb is over."""
    load = Load(limiter, knee(at))
    load.run(seconds)
    assert not limiter.climbing
    return load


# --- the rules -------------------------------------------------------------------------------------------------------


def test_a_limiter_starts_inside_its_bounds_and_refuses_bounds_that_make_no_sense():
    assert Limiter(100, least=2, most=8).limit == 8
    assert Limiter(1, least=2, most=8).limit == 2
    with pytest.raises(ValueError, match="1 <= least <= most, not 0 and 8"):
        Limiter(4, least=0, most=8)


def test_while_more_calls_bring_more_tokens_the_limit_doubles():
    load = Load(Limiter(4, most=64), knee(1_000))
    load.run(30)
    assert load.limits() == [8, 16, 32, 64]


def test_the_climb_ends_where_more_calls_are_no_faster_and_says_so():
    limiter = Limiter(4)
    load = settled(limiter)
    top = next(change for change in load.changes if change.limit < change.before)
    assert (top.before, top.limit) == (32, 16)
    assert top.why == "32 calls at once were no faster: 320 tokens/s, 16 gave 320"


def test_trials_that_are_not_kept_come_ever_more_rarely():
    load = settled(Limiter(4, least=16))
    begun = []
    for _ in range(600):
        begun += [load.now for change in load.run(1) if change.limit > change.before]
    gaps = [later - sooner for sooner, later in pairwise(begun)]
    assert len(gaps) >= 3
    assert all(later > 1.3 * sooner for sooner, later in pairwise(gaps)), gaps


def test_a_limit_that_is_too_high_for_no_gain_comes_down():
    limiter = Limiter(30, most=30)
    load = Load(limiter, knee(12))
    load.run(900)
    assert 11 <= limiter.limit <= 17


def test_a_clock_that_is_far_from_zero_changes_nothing():
    sooner, later = Load(Limiter(4), knee(16)), Load(Limiter(4, now=50_000), knee(16), now=50_000)
    assert sooner.run(300) == later.run(300)


def test_a_limit_that_is_not_used_does_not_grow():
    load = Load(Limiter(4), knee(1_000), callers=3)
    assert load.run(300) == []


def test_a_trial_that_nobody_uses_is_called_off_with_the_reason():
    limiter = Limiter(4)
    load = Load(limiter, knee(1_000), callers=4)
    load.run(60)
    assert load.changes[1].limit == 4
    assert "only 4 calls were in flight" in load.changes[1].why
    assert max(load.limits()) == 8


def test_a_silent_server_changes_nothing():
    limiter = Limiter(4)
    for _ in range(4):
        limiter.admitted(0.0)
    assert [limiter.tick(second / 4) for second in range(2_400)] == [None] * 2_400


def test_two_first_tokens_are_no_evidence():
    limiter = Limiter(4)
    calls = [limiter.admitted(0.0) for _ in range(4)]
    limiter.tick(0.25)
    for call in calls[:2]:
        limiter.spoke(0.5, call)
        limiter.streamed(1_000)
    assert [limiter.tick(second / 4) for second in range(3, 230)] == [None] * 227


def test_a_reject_shrinks_the_limit_at_once_to_three_quarters_of_what_was_in_flight():
    limiter = Limiter(20)
    calls = [limiter.admitted(0.0) for _ in range(12)]
    change = limiter.rejected(0.1, calls[0])
    assert change == Change(20, 9, "the server refused a call with 12 in flight")
    assert limiter.limit == 9


def test_a_burst_of_rejects_counts_once_a_cool_down():
    limiter = Limiter(20)
    calls = [limiter.admitted(0.0) for _ in range(20)]
    assert limiter.rejected(0.1, calls[0])
    assert [limiter.rejected(1.9, call) for call in calls[1:5]] == [None] * 4
    assert limiter.rejected(2.2, calls[5]) == Change(15, 11, "the server refused a call with 15 in flight")


def test_retry_after_lengthens_the_cool_down():
    limiter = Limiter(20)
    calls = [limiter.admitted(0.0) for _ in range(20)]
    assert limiter.rejected(0.0, calls[0], retry_after=30.0)
    assert limiter.rejected(29.0, calls[1]) is None
    assert limiter.rejected(31.0, calls[2])


def test_a_reject_in_a_trial_leads_back_to_the_limit_before_it_and_the_next_trial_stays_below():
    limiter = Limiter(4)
    load = Load(limiter, knee(1_000))
    while limiter.limit < 32:
        load.run(0.05)
    load.run(0.05)
    assert len(load.calls) == 32
    change = limiter.rejected(load.now, load.calls.pop())
    assert change == Change(32, 16, "the server refused a call with 32 in flight")
    assert load.run(30)[0] == Change(16, 23, "trying whether more calls at once are faster")


def test_when_most_calls_fail_the_limit_is_halved_once_and_climbs_again_afterwards():
    limiter = Limiter(16, most=16)
    load = Load(limiter, knee(16))
    load.run(20)
    load.failing = True
    assert load.run(60) == [Change(16, 8, "more than half of the calls failed")]
    load.failing = False
    assert load.run(30)[0] == Change(8, 16, "trying whether more calls at once are faster")


def test_while_some_calls_fail_nothing_is_tried():
    limiter = Limiter(4)
    load = Load(limiter, knee(1_000))
    for _ in range(600):
        load.run(0.2)
        limiter.failed(load.now, limiter.admitted(load.now))
    assert load.changes == []


def test_calls_that_wait_for_a_slot_make_a_queue_and_the_limit_shrinks_by_it():
    limiter = Limiter(8)
    load = Load(limiter, lambda n: 20.0 * n, slots=8)
    load.run(40)
    back = next(change for change in load.changes if change.limit < change.before)
    assert "calls only waited for their turn" in back.why
    load.run(300)
    assert {6 <= limit <= 12 for limit in load.limits()[2:]} == {True}


def test_a_cancelled_call_is_no_evidence():
    limiter = Limiter(4)
    for tick in range(400):
        call = limiter.admitted(tick / 4)
        limiter.left(tick / 4 + 0.1, call)
        assert limiter.tick(tick / 4 + 0.2) is None
    assert (limiter.in_flight, limiter.limit) == (0, 4)


# --- what a server's metrics say -------------------------------------------------------------------------------------


def with_metrics(sample: Sample) -> list[Change]:
    """The changes of a busy minute in which the server says this once a second."""
    limiter = Limiter(16, most=64)
    load = Load(limiter, knee(1_000))
    for _ in range(60):
        limiter.sampled(load.now, sample)
        load.run(1)
    return load.changes


def test_a_queue_that_the_server_tells_of_is_taken_off_the_limit():
    assert with_metrics(Sample(waiting=5))[0] == Change(16, 11, "about 5 of 16 calls only waited for their turn")


def test_a_full_cache_stops_growth():
    assert with_metrics(Sample(cache=0.9)) == []
    assert with_metrics(Sample(cache=0.7))[0].limit == 32


def test_preempted_calls_shrink_the_limit():
    limiter = Limiter(16)
    load = Load(limiter, knee(1_000))
    limiter.sampled(0.0, Sample(preemptions=2))
    assert load.run(10)[0] == Change(16, 12, "the server's memory was full, it preempted calls")


def test_metrics_older_than_fifteen_seconds_are_forgotten():
    limiter = Limiter(16, most=64)
    load = Load(limiter, knee(1_000))
    limiter.sampled(0.0, Sample(cache=0.99))
    assert load.run(14) == []
    assert load.run(30)[0].limit == 32


# --- what holds for anything that may happen -------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("admit", "speak", "stream", "finish", "fail", "reject", "leave", "sample")),
        st.floats(0, 4),
        st.integers(0, 50),
    ),
    max_size=300,
)


class Story:
    """Whatever happens to a limiter; never more calls than it allows."""

    def __init__(self, start: int) -> None:
        self.limiter = Limiter(start, least=2, most=40)
        self.now = 0.0
        self.calls: list[Attempt] = []
        self.said: list[tuple[float, str, Change]] = []
        self.peak = 0

    def happen(self, kind: str, wait: float, number: int) -> None:
        self.now += wait
        limiter = self.limiter
        self.hear("tick", limiter.tick(self.now))
        call = self.calls[number % len(self.calls)] if self.calls else None
        match kind:
            case "admit":
                for _ in range(min(number, limiter.limit - len(self.calls))):
                    self.calls.append(limiter.admitted(self.now))
                self.peak = max(self.peak, len(self.calls))
            case "stream":
                limiter.streamed(number * 10)
            case "sample":
                limiter.sampled(self.now, Sample(number % 9, number / 50, number // 45))
            case "speak":
                for each in self.calls:
                    limiter.spoke(self.now, each)
            case _ if call:
                self.end(kind, call)
            case _:
                pass

    def end(self, kind: str, call: Attempt) -> None:
        self.calls.remove(call)
        if kind == "reject":
            self.hear("reject", self.limiter.rejected(self.now, call, None))
        else:
            {"finish": self.limiter.finished, "fail": self.limiter.failed, "leave": self.limiter.left}[kind](
                self.now, call
            )

    def hear(self, source: str, change: Change | None) -> None:
        if change:
            self.said.append((self.now, source, change))
            grown = change.limit > change.before
            assert not grown or self.peak >= USED * change.before, "grew without having been used"
            assert not grown or source == "tick", "grew by a reject"
            self.peak = len(self.calls)


def tell(start: int, events: list[tuple[str, float, int]]) -> Story:
    story = Story(start)
    for kind, wait, number in events:
        story.happen(kind, wait, number)
        assert 2 <= story.limiter.limit <= 40
        assert story.limiter.in_flight == len(story.calls)
    return story


@given(st.integers(1, 60), EVENTS)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_the_limit_stays_in_its_bounds_and_never_grows_unused(
    start: int, events: list[tuple[str, float, int]]
):
    tell(start, events)


@given(st.integers(1, 60), EVENTS)
@settings(max_examples=50, deadline=None)
def test_the_same_events_give_the_same_limits(start: int, events: list[tuple[str, float, int]]):
    assert tell(start, events).said == tell(start, events).said


@given(st.integers(1, 60), EVENTS)
@settings(max_examples=100, deadline=None)
def test_rejects_never_count_twice_within_two_seconds(start: int, events: list[tuple[str, float, int]]):
    times = [at for at, source, _ in tell(start, events).said if source == "reject"]
    assert all(later - sooner >= 2 for sooner, later in pairwise(times))


@given(st.integers(1, 60), EVENTS)
@settings(max_examples=50, deadline=None)
def test_every_change_is_one_and_says_why(start: int, events: list[tuple[str, float, int]]):
    limit = Story(start).limiter.limit
    for _, _, change in tell(start, events).said:
        assert change.before == limit != change.limit
        assert len(change.why) > 20
        limit = change.limit


# --- whole servers, in virtual time ----------------------------------------------------------------------------------


def named(part: str) -> Server:
    return next(server for server in SERVERS if part in server.name)


@pytest.mark.parametrize("name", [server.name for server in SERVERS if server.bar])
def test_the_limiter_comes_near_the_best_fixed_limit(name: str):
    server = named(name)
    row = compare(server, seeds=(1,), grid=server.grid[1::3])
    assert row.ratio >= 0.9
    assert row.rejected <= REJECTED_BAR


def test_the_embedded_server_keeps_between_half_and_twice_its_slots():
    run = play(named("embedded"), 1)
    assert {2 <= limit <= 8 for limit in run.limits} == {True}
    assert run.limits[0] == 4


def test_another_tenant_who_comes_and_goes_does_not_leave_the_limit_low():
    run = play(named("other tenant"), 1)
    assert min(run.limits[200:]) >= 24
    assert sum(run.tokens[-40:]) > 1.8 * sum(run.tokens[80:120])


def test_after_an_outage_the_old_speed_is_back_within_half_a_minute():
    run = play(named("outage"), 1)
    assert sum(run.tokens[105:115]) > 0.8 * sum(run.tokens[45:55])


def test_three_callers_are_never_given_room_for_more():
    assert set(play(named("three callers"), 1).limits) == {4}


@pytest.mark.parametrize("name", ["soft knee", "500s", "5 tokens", "one token", "1 slot", "starts at 64", "a minute"])
def test_other_servers_are_kept_busy(name: str):
    server = named(name)
    assert compare(server, seeds=(1,), grid=server.grid[1::3]).ratio >= 0.7
