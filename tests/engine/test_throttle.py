"""A gate that a limiter steers: what an attempt's end means, and who hears of a new limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.llm.failures import Refused, Rejected, Transient
from engine.llm.gate import Gate, Permit
from engine.llm.lane import Call, Lane
from engine.llm.limiter import Limiter
from engine.llm.throttle import Heard, Throttle
from workspace.runs.events import EndpointResting, Event, LimiterResized


class Desk:
    """A gate of 8 with a limiter, and everything that was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.hired: list[int] = []
        self.limiter = Limiter(8)
        self.lane = Lane("here", 8)
        self.gate = Gate([self.lane])
        self.throttle = Throttle(self.gate, self.lane, self.limiter, self.events.append)
        self.throttle.then = lambda: self.hired.append(self.gate.limit)

    @contextmanager
    def attempt(self, tries: bool = False) -> Iterator[Heard]:
        with self.throttle.attempt(Permit(self.gate, Call(), self.lane, tries)) as heard:
            yield heard


def test_a_busy_server_lowers_the_limit_at_once_and_everybody_hears_of_it() -> None:
    desk = Desk()
    for _ in range(7):
        desk.limiter.admitted(0.0)
    with pytest.raises(Rejected), desk.attempt():
        raise Rejected("busy", 1.0)
    assert desk.gate.limit == desk.limiter.limit == 6
    assert desk.hired == [6]
    assert [(e.endpoint, e.limit) for e in desk.events if isinstance(e, LimiterResized)] == [("here", 6)]


@pytest.mark.parametrize("end", [None, Transient("gone"), Refused("no"), asyncio.CancelledError()])
def test_every_attempt_ends_exactly_once_whatever_ends_it(end: BaseException | None) -> None:
    desk = Desk()
    try:
        with desk.attempt() as heard:
            heard.piece()
            heard.piece()
            if end:
                raise end
    except (Transient, Refused, asyncio.CancelledError) as error:
        assert error is end
    assert desk.limiter.in_flight == 0
    assert desk.events == []


def test_a_number_that_a_person_names_stays() -> None:
    desk = Desk()
    with pytest.raises(Rejected), desk.attempt():
        desk.throttle.fix(3, "wished by somebody")
        raise Rejected("busy")
    desk.throttle.tick()
    assert desk.gate.limit == 3
    assert desk.hired == [3]


def test_without_a_limiter_the_limit_is_fixed() -> None:
    lane = Lane("here", 5)
    gate = Gate([lane])
    throttle = Throttle(gate, lane, None, lambda event: None)
    with throttle.attempt(Permit(gate, Call(), lane, False)) as heard:
        heard.piece()
    throttle.tick()
    assert gate.limit == 5


def test_an_endpoint_that_fails_again_and_again_rests_and_the_journal_says_so() -> None:
    desk = Desk()
    for _ in range(5):
        with pytest.raises(Transient), desk.attempt():
            raise Transient("500: out of order")
    told = [(e.endpoint, e.seconds, e.reason) for e in desk.events if isinstance(e, EndpointResting)]
    assert told == [("here", 1.0, "500: out of order")]
    with pytest.raises(Transient), desk.attempt(tries=True):
        raise Transient("500: still")
    assert [e.seconds for e in desk.events if isinstance(e, EndpointResting)] == [1.0, 2.0]
    with desk.attempt(tries=True) as heard:
        heard.piece()
    assert desk.lane.breaker.is_closed


async def test_a_server_without_metrics_is_asked_once() -> None:
    desk, looks = Desk(), 0

    async def look() -> str:
        nonlocal looks
        looks += 1
        return ""

    await desk.throttle.watch(look)
    assert looks == 1


async def test_metrics_are_looked_at_until_the_limit_is_fixed_also_while_the_server_is_silent() -> None:
    desk, pages = Desk(), ["vllm:num_requests_waiting 4\n", "", "vllm:num_requests_waiting 2\n"]

    async def look() -> str:
        if len(pages) == 1:
            desk.throttle.fix(3, "wished by somebody")
        return pages.pop(0)

    await desk.throttle.watch(look)
    assert pages == []
