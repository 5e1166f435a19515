"""Admission: who goes next, and that no permit is ever lost."""

import asyncio
import random

import pytest

from engine.llm.gate import Gate


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def hold(gate: Gate, priority: tuple[int, ...], order: list[tuple[int, ...]], done: asyncio.Event) -> None:
    async with gate.admit(priority):
        order.append(priority)
        await done.wait()


async def test_no_more_calls_are_in_flight_than_the_limit():
    gate, peak = Gate(3), 0

    async def call() -> None:
        nonlocal peak
        async with gate.admit():
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(call())
    assert (peak, gate.in_flight, gate.queued) == (3, 0, 0)


async def test_later_stages_go_first_then_later_turns_then_who_came_first():
    gate, order, done = Gate(1), [], asyncio.Event()
    done.set()
    wanted = [(1, 1), (3, 1), (1, 2), (3, 1), (2, 5)]
    async with asyncio.TaskGroup() as group, gate.admit():
        for priority in wanted:
            group.create_task(hold(gate, priority, order, done))
        await settle()
        assert gate.queued == 5
    assert order == [(3, 1), (3, 1), (2, 5), (1, 2), (1, 1)]


async def test_a_call_cancelled_in_the_tick_of_its_admission_gives_the_permit_back():
    gate, order, done = Gate(1), [], asyncio.Event()
    permit = gate.admit()
    await permit.__aenter__()
    waiting = asyncio.create_task(hold(gate, (1,), order, done))
    await settle()
    await permit.__aexit__(None, None, None)
    assert gate.in_flight == 1, "the waiting call is admitted in this very tick"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (gate.in_flight, gate.queued, order) == (0, 0, [])


async def test_a_call_cancelled_while_it_waits_leaves_the_queue_and_the_next_one_goes():
    gate, order, done = Gate(1), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        async with gate.admit():
            first = group.create_task(hold(gate, (9,), order, done))
            group.create_task(hold(gate, (1,), order, done))
            await settle()
            first.cancel()
            await settle()
            assert gate.queued == 1
        await settle()
        assert order == [(1,)]
        done.set()


async def test_a_shut_gate_admits_nobody_and_lets_what_is_in_flight_finish():
    gate, order, done = Gate(2), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(gate, (1,), order, done))
        await settle()
        gate.shut()
        group.create_task(hold(gate, (2,), order, done))
        await settle()
        assert (gate.in_flight, gate.queued, order) == (1, 1, [(1,)])
        done.set()
        await settle()
        assert (gate.in_flight, gate.queued) == (0, 1)
        gate.open()
    assert order == [(1,), (2,)]


async def test_a_larger_limit_admits_at_once_and_a_smaller_one_lets_calls_finish():
    gate, order, done = Gate(1), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(hold(gate, (number,), order, done))
        await settle()
        gate.resize(3)
        await settle()
        assert (gate.in_flight, gate.queued) == (3, 1)
        gate.resize(1)
        await settle()
        assert gate.in_flight == 3
        done.set()
    assert gate.in_flight == 0


async def test_permits_survive_random_arrivals_cancellations_and_failures():
    gate, dice = Gate(4), random.Random(7)

    async def call() -> None:
        async with gate.admit((dice.randint(0, 3),)):
            assert gate.in_flight <= 6
            await asyncio.sleep(dice.random() / 500)
            if dice.random() < 0.2:
                raise ValueError

    tasks = [asyncio.create_task(call()) for _ in range(300)]
    for number in range(300):
        if number % 10 == 0:
            gate.resize(dice.randint(1, 6))
        if number % 5 == 0:
            await asyncio.sleep(dice.random() / 1000)
            tasks[dice.randint(0, 299)].cancel()
    gate.resize(4)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.in_flight, gate.queued) == (0, 0)


def test_a_gate_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one call"):
        Gate(0)
