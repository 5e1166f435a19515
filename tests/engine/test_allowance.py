"""The allowance of a piece of work: it ends before a call that its tokens may not hold, and keeps what it has paid."""

from __future__ import annotations

import asyncio

import pytest

from engine.baselines.place import within
from engine.llm.budget import Budget, Use
from engine.llm.endpoint import Message, Reply, Request
from engine.llm.gate import Gate
from engine.llm.lane import Lane
from engine.pause import Pause, Stopped
from engine.purse import Allowance, UsedUp
from engine.together import together
from engine.window import Windows
from workspace.errors import DiskError
from workspace.runs.events import Event, NoteLeft

PROMPT = "x" * 360
"""A hundred tokens, as they are estimated before any is counted."""


class Work:
    """An allowance at work, what it told, and the calls in the order in which they were let in and ended."""

    def __init__(self, cap: int, longest: int = 0) -> None:
        self.told: list[Event] = []
        self.began: list[int] = []
        self.ended: list[int] = []
        self.pause = Pause(self.told.append, Gate([Lane("m", 8)]))
        self.budget = Budget({"tokens": cap})
        self.allowance = Allowance(self.budget, self.pause, self.told.append, Windows(), longest)

    @property
    def spent(self) -> int:
        return self.budget.spent.prompt + self.budget.spent.completion

    async def call(self, number: int, *, seconds: float = 0.0, writes: int = 10, most: int = 100) -> int:
        """One call of a hundred tokens and `writes` more."""
        request = Request(model="m", messages=(Message(role="user", content=PROMPT),), max_tokens=most)
        async with self.allowance.paying(request, begins=True) as bill:
            self.began.append(number)
            await asyncio.sleep(seconds)
            bill.take(Reply(text="", prompt_tokens=100, completion_tokens=writes, seconds=0.0))
        self.ended.append(number)
        return number


async def test_it_ends_before_the_call_that_may_exceed_it_and_never_spends_more() -> None:
    work = Work(cap=500)
    found = await together(within(work.call(n)) for n in range(6))
    assert found == [0, 1, 2, None, None, None]  # the fourth may take 200 of the 170 that are left
    assert work.spent == 330
    notes = [event.text for event in work.told if isinstance(event, NoteLeft)]
    assert notes == ["used up: the next call may take more than the 170 of 500 tokens left"]


async def test_what_is_in_flight_ends_before_anybody_is_told() -> None:
    work = Work(cap=450)
    with pytest.raises(ExceptionGroup) as caught:
        await together(work.call(n, seconds=0.05 * (n + 1)) for n in range(5))
    assert caught.group_contains(UsedUp)
    assert sorted(work.ended) == sorted(work.began) == [0, 1, 2], "a call that was paid for was thrown away"
    assert not work.budget.busy


async def test_a_small_call_does_not_overtake_a_large_one() -> None:
    work = Work(cap=700)

    async def go() -> list[int | None]:
        first = within(work.call(0, seconds=0.05, most=300))
        large = within(work.call(1, seconds=0.05, most=400))
        small = within(work.call(2, most=50))
        return await together((first, large, small))

    assert await go() == [0, 1, 2]
    assert work.began == [0, 1, 2]


async def test_a_reply_is_reckoned_as_long_as_the_longest_one_known() -> None:
    wide = Work(cap=1_000)
    assert await within(wide.call(0, most=4_096)) is None
    known = Work(cap=1_000, longest=40)
    assert await within(known.call(0, most=4_096)) == 0


async def test_what_it_has_spent_before_counts() -> None:
    work = Work(cap=500)
    work.budget.spent = Use(3, 300, 30)
    assert await within(work.call(0)) is None


async def test_a_stop_is_no_end_of_the_tokens_and_nobody_waits_for_ever() -> None:
    work = Work(cap=450)

    async def stopped() -> None:
        await asyncio.sleep(0.02)
        work.pause.stop("asked to end")

    async def agent(number: int) -> int:
        work.pause.begin()
        try:
            return await work.call(number, seconds=0.1)
        finally:
            work.pause.end()

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(5):
            await together((*(agent(n) for n in range(6)), stopped()))
    assert caught.group_contains(Stopped)
    assert sorted(work.ended) == sorted(work.began)


async def test_within_lets_every_other_end_through() -> None:
    async def used_up() -> int:
        raise UsedUp("no more")

    async def broken() -> int:
        raise DiskError("the disk is full")

    async def both() -> list[int]:
        return await together((used_up(), broken()))

    assert await within(used_up()) is None
    assert await within(together((used_up(), used_up()))) is None
    with pytest.raises(ExceptionGroup) as caught:
        await within(both())
    assert caught.group_contains(DiskError)
    assert not caught.group_contains(UsedUp)
    with pytest.raises(Stopped):
        await within(_stop())


async def _stop() -> None:
    raise Stopped("asked to end")
