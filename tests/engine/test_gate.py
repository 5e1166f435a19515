"""Admission: who goes next and where to, and that no permit is ever lost."""

import asyncio
import random
import time

import pytest

from engine.llm.gate import LEVEL_AGE, PREFIX_AGE, Gate, Recalled, Ticket
from engine.llm.lane import BURST_EVERY, LONG_PREFIX, PREFIX_WAIT, Call, Lane

LONG = "the skill " * LONG_PREFIX


def gate_of(limit: int) -> Gate:
    return Gate([Lane("here", limit)])


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def hold(gate: Gate, ticket: Ticket, order: list[int], done: asyncio.Event) -> None:
    async with gate.admit(ticket):
        order.append(ticket.number)
        await done.wait()


async def test_no_more_calls_are_in_flight_than_the_limit():
    gate, peak = gate_of(3), 0

    async def call() -> None:
        nonlocal peak
        async with gate.admit(gate.ticket()):
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(call())
    assert (peak, gate.in_flight, gate.queued) == (3, 0, 0)


async def test_higher_levels_go_first_then_later_turns_then_who_came_first():
    gate, order, done = gate_of(1), [], asyncio.Event()
    done.set()
    wanted = [(1, 1), (3, 1), (1, 2), (3, 1), (2, 5)]
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket()):
        tickets = [gate.ticket(level=stage, turn=turn) for stage, turn in wanted]
        for ticket in tickets:
            group.create_task(hold(gate, ticket, order, done))
        await settle()
        assert gate.queued == 5
    assert order == [tickets[n].number for n in (1, 3, 4, 2, 0)]


async def test_who_has_waited_long_overtakes_a_higher_level():
    gate, order, done = gate_of(1), [], asyncio.Event()
    done.set()
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket()):
        old = gate.ticket(level=1)
        old = old._replace(urgency=old.urgency + LEVEL_AGE + 1)  # as if it had come so much earlier
        for ticket in (gate.ticket(level=2), old):
            group.create_task(hold(gate, ticket, order, done))
        await settle()
    assert order[0] == old.number


async def test_a_call_cancelled_in_the_tick_of_its_admission_gives_the_permit_back():
    gate, order, done = gate_of(1), [], asyncio.Event()
    permit = gate.admit(gate.ticket())
    await permit.__aenter__()
    waiting = asyncio.create_task(hold(gate, gate.ticket(), order, done))
    await settle()
    await permit.__aexit__(None, None, None)
    assert gate.in_flight == 1, "the waiting call is admitted in this very tick"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (gate.in_flight, gate.queued, order) == (0, 0, [])


async def test_a_call_cancelled_while_it_waits_leaves_the_queue():
    gate, order, done = gate_of(1), [], asyncio.Event()
    async with gate.admit(gate.ticket()):
        first, second = (asyncio.create_task(hold(gate, gate.ticket(), order, done)) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        assert gate.queued == 1
    await settle()
    assert gate.in_flight == 1
    done.set()
    await second
    assert len(order) == 1


async def test_a_larger_limit_admits_at_once_and_a_smaller_one_lets_calls_finish():
    gate, order, done = gate_of(2), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(hold(gate, gate.ticket(), order, done))
        await settle()
        gate.resize(gate.lanes[0], 4)
        await settle()
        assert gate.in_flight == 4
        gate.resize(gate.lanes[0], 1)
        await settle()
        assert (gate.in_flight, gate.queued) == (4, 2)
        done.set()
    assert (gate.in_flight, gate.queued) == (0, 0)


async def test_a_shut_gate_admits_nobody_until_it_is_opened():
    gate, order, done = gate_of(2), [], asyncio.Event()
    gate.shut()
    task = asyncio.create_task(hold(gate, gate.ticket(), order, done))
    await settle()
    assert (gate.in_flight, gate.queued) == (0, 1)
    gate.open()
    await settle()
    assert gate.in_flight == 1
    done.set()
    await task


async def test_a_call_that_has_to_wait_lets_others_pass_and_keeps_its_place():
    gate, order, done = gate_of(1), [], asyncio.Event()
    done.set()
    early, late = gate.ticket(), gate.ticket()

    async def again() -> None:
        await gate.rest(time.monotonic() + 0.05)
        async with gate.admit(early):
            order.append(early.number)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(again())
        group.create_task(hold(gate, late, order, done))
        await settle()
        assert gate.queued == 1
    assert order == [late.number, early.number]
    assert time.monotonic() - began >= 0.05
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket()):
        newcomer = gate.ticket()
        group.create_task(hold(gate, newcomer, order, done))
        group.create_task(hold(gate, early, order, done))
        await settle()
    assert order[-2:] == [early.number, newcomer.number]


def test_a_lane_lets_calls_in_by_bursts_of_a_tenth_of_its_limit():
    lane, call = Lane("here", 100), Call()

    def taken(now: float) -> int:
        before = lane.in_flight
        while lane.ready_at(call, now) <= now:
            lane.take(call, now)
        return lane.in_flight - before

    assert [taken(now) for now in (5.0, 5.0 + BURST_EVERY / 2, 5.0 + BURST_EVERY)] == [10, 0, 10]


async def test_many_calls_all_start_though_in_bursts():
    gate, done, inside = gate_of(100), asyncio.Event(), asyncio.Semaphore(0)

    async def call() -> None:
        async with gate.admit(gate.ticket()):
            inside.release()
            await done.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(call())
        async with asyncio.timeout(10):
            for _ in range(100):
                await inside.acquire()
        assert gate.in_flight == 100
        done.set()


# --- several endpoints -----------------------------------------------------------------------------------------------


async def test_calls_spread_over_the_endpoints_they_may_go_to():
    lanes = [Lane("one", 4), Lane("two", 4), Lane("other", 4)]
    gate, done = Gate(lanes), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(hold(gate, gate.ticket(lanes[:2]), [], done))
        await settle()
        assert [lane.in_flight for lane in lanes] == [3, 3, 0]
        done.set()


async def test_a_full_endpoint_does_not_hold_up_the_calls_for_another_one():
    lanes = [Lane("one", 1), Lane("two", 1)]
    gate, done, order = Gate(lanes), asyncio.Event(), []
    async with asyncio.TaskGroup() as group:
        for lane in (lanes[0], lanes[0], lanes[1]):
            group.create_task(hold(gate, gate.ticket([lane], level=9 if lane is lanes[0] else 0), order, done))
        await settle()
        assert ([lane.in_flight for lane in lanes], gate.queued) == ([1, 1], 1)
        done.set()


async def test_nobody_is_sent_to_a_lost_endpoint_and_all_wait_where_none_is_left():
    lanes = [Lane("one", 2), Lane("two", 2)]
    gate, done = Gate(lanes), asyncio.Event()
    gate.close_lane(lanes[0])
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(hold(gate, gate.ticket(), [], done))
        await settle()
        assert ([lane.in_flight for lane in lanes], gate.queued, gate.limit) == ([0, 2], 1, 2)
        gate.reopen_lane(lanes[0])
        await settle()
        assert ([lane.in_flight for lane in lanes], gate.queued) == ([1, 2], 0)
        done.set()


# --- prefixes --------------------------------------------------------------------------------------------------------


async def test_the_first_call_of_a_long_prefix_goes_alone_until_its_first_token():
    gate, done = gate_of(6), asyncio.Event()
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket(prefix=LONG)) as first:
        for prefix in (LONG, LONG, "short", "short"):
            group.create_task(hold(gate, gate.ticket(prefix=prefix), [], done))
        await settle()
        assert (gate.in_flight, gate.queued) == (3, 2)
        first.spoke()
        await settle()
        assert (gate.in_flight, gate.queued) == (5, 0)
        done.set()


async def test_calls_wait_for_the_first_one_of_their_prefix_for_a_short_time_only():
    gate, done = gate_of(6), asyncio.Event()
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket(prefix=LONG)):
        for _ in range(2):
            group.create_task(hold(gate, gate.ticket(prefix=LONG), [], done))
        await asyncio.sleep(PREFIX_WAIT * 0.8)
        assert gate.in_flight == 1
        await asyncio.sleep(PREFIX_WAIT * 0.3)
        assert gate.in_flight == 3
        done.set()


async def test_when_the_first_call_of_a_prefix_fails_the_next_one_takes_its_part():
    gate, done = gate_of(6), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        async with gate.admit(gate.ticket(prefix=LONG)):
            for _ in range(2):
                group.create_task(hold(gate, gate.ticket(prefix=LONG), [], done))
            await settle()
        await settle()
        assert (gate.in_flight, gate.queued) == (1, 1)
        done.set()


async def test_a_server_that_keeps_one_prefix_gets_one_at_a_time():
    gate, done, order = Gate([Lane("small", 4, alone=True)]), asyncio.Event(), []
    async with asyncio.TaskGroup() as group:
        tickets = [gate.ticket(prefix=prefix) for prefix in ("a", "b", "a", "b", "a")]
        for ticket in tickets:
            group.create_task(hold(gate, ticket, order, done))
        await settle()
        assert order == [tickets[n].number for n in (0, 2, 4)]
        done.set()
    assert order[3:] == [tickets[n].number for n in (1, 3)]


async def known_by(gate: Gate, lane: Lane, *prefixes: str) -> None:
    """The endpoint of `lane` has read these, one after the other."""
    for prefix in prefixes:
        async with gate.admit(gate.ticket([lane], prefix=prefix)) as permit:
            permit.spoke()


async def test_calls_stay_with_the_endpoint_that_has_read_their_prefix_while_it_has_room():
    lanes = [Lane("one", 10), Lane("two", 10)]
    gate, done = Gate(lanes), asyncio.Event()
    await known_by(gate, lanes[1], LONG)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(hold(gate, gate.ticket(prefix=LONG), [], done))
        await settle()
        assert [lane.in_flight for lane in lanes] == [0, 3]
        for _ in range(12):
            group.create_task(hold(gate, gate.ticket(prefix=LONG), [], done))
        await settle()
        assert lanes[0].in_flight == 1, "one reads it there as well, once the first one is clearly fuller"
        done.set()


async def test_an_endpoint_that_gets_room_takes_a_call_whose_prefix_it_has():
    lanes = [Lane("one", 1), Lane("two", 1)]
    gate, order, done = Gate(lanes), [], asyncio.Event()
    done.set()
    await known_by(gate, lanes[0], LONG + "a")
    await known_by(gate, lanes[1], LONG + "b")
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket(lanes[:1])), gate.admit(gate.ticket(lanes[1:])):
        tickets = [gate.ticket(lanes[:1], prefix=LONG + name) for name in "bbaa"]
        for ticket in tickets:
            group.create_task(hold(gate, ticket, order, done))
        await settle()
        assert gate.queued == 4
    assert order == [tickets[n].number for n in (2, 3, 0, 1)]


async def test_who_has_waited_long_overtakes_whom_the_cache_fits():
    gate, order, done = gate_of(1), [], asyncio.Event()
    done.set()
    await known_by(gate, gate.lanes[0], LONG)
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket()):
        old = gate.ticket(prefix=LONG + "other")
        old = old._replace(since=old.since - PREFIX_AGE - 1, urgency=old.urgency + PREFIX_AGE + 1)
        for ticket in (gate.ticket(prefix=LONG), old):
            group.create_task(hold(gate, ticket, order, done))
        await settle()
    assert order[0] == old.number


async def test_no_prefix_lets_a_call_overtake_a_higher_level():
    gate, order, done = gate_of(1), [], asyncio.Event()
    done.set()
    await known_by(gate, gate.lanes[0], LONG)
    async with asyncio.TaskGroup() as group, gate.admit(gate.ticket()):
        tickets = [gate.ticket(level=1, turn=5, prefix=LONG), gate.ticket(level=2, prefix=LONG + "other")]
        for ticket in tickets:
            group.create_task(hold(gate, ticket, order, done))
        await settle()
    assert order == [tickets[1].number, tickets[0].number]


async def test_what_a_lost_endpoint_had_in_its_cache_counts_no_more_when_it_is_back():
    lanes = [Lane("one", 4), Lane("two", 4)]
    gate, call = Gate(lanes), Call(LONG)
    await known_by(gate, lanes[1], LONG)
    assert (lanes[0].fits(call), lanes[1].fits(call)) == (0.0, 1.0)
    gate.close_lane(lanes[1])
    gate.reopen_lane(lanes[1])
    assert lanes[1].fits(call) == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_endpoint_is_idle_while_a_call_waits_that_it_could_take(seed: int):
    dice, now = random.Random(seed), 0.0
    lanes = [Lane(str(n), dice.randint(1, 4)) for n in range(4)]
    gate = Gate(lanes, lambda: now)
    waiting: dict[int, Ticket] = {}
    inside: dict[int, asyncio.Event] = {}

    async def call(ticket: Ticket) -> None:
        waiting[ticket.number] = ticket
        async with gate.admit(ticket) as permit:
            del waiting[ticket.number]
            done = inside[ticket.number] = asyncio.Event()
            permit.spoke()
            await done.wait()

    async with asyncio.TaskGroup() as group:
        for step in range(400):
            now += 0.01
            if inside and (step > 300 or dice.random() < 0.45):
                inside.pop(dice.choice(list(inside))).set()
            else:
                some, prefix = dice.sample(lanes, dice.randint(1, 4)), LONG + dice.choice("abcdef")
                ticket = gate.ticket(some, level=dice.randint(0, 2), turn=dice.randint(1, 4), prefix=prefix)
                group.create_task(call(ticket))
            await settle()
            could = [(one, lane.name) for one in waiting.values() for lane in one.lanes if lane.has_room]
            assert (could, gate.queued) == ([], len(waiting))
        while inside:
            inside.popitem()[1].set()
            await settle()
    assert (gate.in_flight, gate.queued) == (0, 0)


# --- a failing endpoint ----------------------------------------------------------------------------------------------


async def test_after_failures_in_a_row_one_call_tries_and_its_first_word_lets_all_go():
    gate, done = gate_of(20), asyncio.Event()
    rests: list[float] = []
    for _ in range(5):
        async with gate.admit(gate.ticket()) as permit:
            rests.append(permit.failed())
    assert rests == [0, 0, 0, 0, 1.0]
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        async with gate.admit(gate.ticket()) as permit:
            assert 0.9 < time.monotonic() - began < 3
            for _ in range(4):
                group.create_task(hold(gate, gate.ticket(), [], done))
            await settle()
            assert (gate.in_flight, gate.queued) == (1, 4)
            permit.spoke()
            await settle()
            assert gate.in_flight == 5
        done.set()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_permits_are_never_lost_under_random_cancellation(seed: int):
    lanes = [Lane("one", 2), Lane("two", 2), Lane("alone", 1, alone=True)]
    gate, dice = Gate(lanes), random.Random(seed)

    async def call() -> None:
        prefix = dice.choice(["", "a", LONG])
        some = dice.choice([lanes, lanes[:1], lanes[1:]])
        await gate.rest(time.monotonic() + dice.uniform(0, 0.01))
        async with gate.admit(gate.ticket(some, prefix=prefix)) as permit:
            if dice.random() < 0.5:
                permit.spoke()
            await asyncio.sleep(dice.uniform(0, 0.002))

    tasks = [asyncio.create_task(call()) for _ in range(300)]
    for task in tasks:
        if dice.random() < 0.4:
            await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.in_flight, gate.queued, [lane.in_flight for lane in lanes]) == (0, 0, [0, 0, 0])


def test_a_gate_without_room_is_a_mistake():
    with pytest.raises(ValueError, match="at least one call"):
        Lane("here", 0)


async def test_everybody_who_waits_can_be_called_back():
    gate, done = gate_of(1), asyncio.Event()
    async with gate.admit(gate.ticket()):
        waiting = asyncio.create_task(hold(gate, gate.ticket(), [], done))
        resting = asyncio.create_task(gate.rest(time.monotonic() + 60))
        await settle()
        assert gate.queued == 2
        gate.recall()
        ends = await asyncio.gather(waiting, resting, return_exceptions=True)
    assert [type(end) for end in ends] == [Recalled, Recalled]
    assert (gate.in_flight, gate.queued) == (0, 0)
