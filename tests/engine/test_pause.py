"""Pausing: several reasons, stepping back before a first call, and a stop that leaves nothing half-done."""

import asyncio

import pytest

from engine.llm.gate import Gate
from engine.llm.lane import Lane
from engine.pause import ENDPOINT, Pause, Stopped
from workspace.runs.events import Event, RunPaused, RunResumed


def scene() -> tuple[Pause, list[Event]]:
    events: list[Event] = []
    return Pause(events.append, Gate([Lane("here", 2)])), events


async def test_a_persons_pause_outlives_a_lost_endpoint() -> None:
    pause, events = scene()
    pause.pause(ENDPOINT, "cannot reach the server", now=True)
    pause.pause("person", "paused by ada")
    pause.over(ENDPOINT)
    assert not pause.lets("analyse")
    assert not any(isinstance(event, RunResumed) for event in events)
    assert events[-1] == RunPaused(why="person", detail="paused by ada")
    assert pause.resume()
    assert pause.lets("analyse")


async def test_a_person_cannot_wish_a_lost_endpoint_back() -> None:
    pause, _ = scene()
    pause.pause(ENDPOINT, "cannot reach the server", now=True)
    assert not pause.resume()
    assert pause.why == ENDPOINT


async def test_an_agent_that_has_not_begun_steps_back_so_that_a_pause_is_reached() -> None:
    pause, events = scene()
    pause.begin()
    pause.pause("person")
    assert not pause.paused
    waiting = asyncio.create_task(pause.may_begin())
    await asyncio.sleep(0.01)
    assert pause.paused
    assert isinstance(events[-1], RunPaused)
    pause.resume()
    await asyncio.wait_for(waiting, 1)


async def test_a_stop_waits_for_what_is_at_work_and_then_reaches_those_who_wait() -> None:
    pause, _ = scene()
    pause.begin()
    waiting = asyncio.create_task(pause.may_start("merge"))
    pause.stop("enough")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    pause.end()
    with pytest.raises(Stopped, match="enough"):
        await asyncio.wait_for(waiting, 1)


async def test_a_hold_is_not_reached_before_a_later_stage_asks() -> None:
    pause, _ = scene()
    pause.hold_after("merge")
    pause.begin()
    pause.end()
    await asyncio.sleep(0.25)
    assert not pause.paused
    asking = asyncio.create_task(pause.may_start("settle"))
    await asyncio.sleep(0.25)
    assert pause.paused
    pause.resume()
    await asyncio.wait_for(asking, 1)
