"""The view is a pure fold: any prefix replays, and it does not matter where a replay was cut."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from workspace.runs import events as e
from workspace.runs.events import Event, dump_event, load_event
from workspace.runs.view import RunView, fold

NAMES = {"agent", "unit", "lesson", "node", "edit", "patch", "task", "side"}
KINDS = [model for model in Event.__subclasses__() if model is not e.Unknown]


def _field(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    if name in NAMES:
        return st.sampled_from(["a", "b", "c"])
    if name == "children":
        return st.just(("a", "b"))
    if annotation == dict[str, tuple[int, int]]:
        return st.dictionaries(st.text(max_size=8), st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=3)
    if values := [v for v in get_args(annotation) if isinstance(v, str)]:
        return st.sampled_from(values)
    kinds = {str: st.text(max_size=5), int: st.integers(0, 99), bool: st.booleans(), float: st.floats(0, 99)}
    return kinds.get(annotation, st.none())


def _event(model: type[Event]) -> st.SearchStrategy[Event]:
    fields = {
        name: _field(name, info.annotation)
        for name, info in model.model_fields.items()
        if name not in ("seq", "time", "t") and (info.default is PydanticUndefined or name != "format")
    }
    return st.builds(model, **fields)


@st.composite
def journals(draw: st.DrawFn) -> list[Event]:
    """Up to 40 events of any kind in any order, numbered and stamped; engines may start anew in between."""
    found = draw(st.lists(st.sampled_from(KINDS).flatmap(_event), max_size=40))
    t, stamped = 0.0, []
    for number, event in enumerate(found, 1):
        t = 0.0 if isinstance(event, e.RunResumed) and event.fresh else t + draw(st.floats(0, 5))
        stamped.append(event.model_copy(update={"seq": number, "time": 1000.0 + number, "t": t}))
    return stamped


@given(journals(), st.data())
def test_a_fold_may_be_cut_anywhere(journal: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(journal)))
    first = fold(journal[:cut])
    assert fold(journal[cut:], onto=first) == fold(journal)


@given(journals())
def test_folding_on_leaves_the_earlier_view_as_it_was(journal: list[Event]) -> None:
    first = fold(journal[:5])
    before = first.model_copy(deep=True)
    fold(journal[5:], onto=first)
    assert first == before


@given(journals())
def test_a_view_comes_back_from_its_json(journal: list[Event]) -> None:
    view = fold(journal)
    assert RunView.model_validate_json(view.model_dump_json()) == view


@given(journals())
def test_every_event_comes_back_from_its_line(journal: list[Event]) -> None:
    assert [load_event(dump_event(event)) for event in journal] == journal


@given(journals())
def test_no_count_of_units_goes_below_zero_or_above_what_is_known(journal: list[Event]) -> None:
    for row in fold(journal).stages.values():
        assert row.done >= row.reused >= 0
        assert row.failed >= 0


def _stamped(*found: Event) -> list[Event]:
    return [event.model_copy(update={"seq": n, "time": 1000.0 + n, "t": float(n)}) for n, event in enumerate(found, 1)]


def test_a_unit_that_failed_and_then_succeeded_counts_once() -> None:
    view = fold(
        _stamped(
            e.StagePlanned(stage="analyse", units=2),
            e.UnitDone(unit="t001", stage="analyse"),
            e.UnitFailed(unit="t002", stage="analyse", reason="no answer"),
            e.RunResumed(fresh=True),
            e.UnitReused(unit="t001", stage="analyse"),
            e.UnitDone(unit="t002", stage="analyse"),
        )
    )
    row = view.stages["analyse"]
    assert (row.units, row.done, row.failed, row.reused) == (2, 2, 0, 1)


def test_a_stale_unit_is_no_longer_done() -> None:
    view = fold(_stamped(e.UnitDone(unit="m1-01", stage="merge"), e.UnitStale(unit="m1-01", stage="merge")))
    assert view.stages["merge"].done == 0


def test_a_new_engine_has_no_agent_of_the_old_one_at_work() -> None:
    view = fold(
        _stamped(
            e.AgentQueued(agent="analyst-t001", role="analyst", unit="t001", stage="analyse"),
            e.AgentQueued(agent="analyst-t002", role="analyst", unit="t002", stage="analyse"),
            e.AgentStarted(agent="analyst-t001"),
            e.AgentFinished(agent="analyst-t002"),
            e.RunResumed(fresh=True),
        )
    )
    assert list(view.agents) == ["analyst-t002"]


def test_the_clock_of_a_dead_engine_stands_still() -> None:
    lives = [
        e.RunStarted(run="r", skill="s", model="m").model_copy(update={"seq": 1, "time": 0.0, "t": 0.0}),
        e.StageEntered(stage="analyse").model_copy(update={"seq": 2, "time": 10.0, "t": 10.0}),
        e.RunResumed(fresh=True).model_copy(update={"seq": 3, "time": 5000.0, "t": 0.5}),
        e.RunFinished(state="finished", code=0).model_copy(update={"seq": 4, "time": 5004.0, "t": 4.5}),
    ]
    assert fold(lives).active == pytest.approx(14.0, abs=0.6)


def test_a_kind_of_tomorrow_changes_nothing_but_the_seq() -> None:
    event = load_event('{"seq": 7, "kind": "moon.rose", "time": 1.0, "t": 1.0, "phase": "full"}')
    assert isinstance(event, e.Unknown)
    assert (event.was, fold([event]).seq) == ("moon.rose", 7)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"null", b'"kind"', b"{}", b'{"kind": "run.started", "seq": "x"}', b'{"kind": "x", "seq": []}'],
)
def test_a_line_that_is_no_event_breaks_nothing(line: bytes) -> None:
    event = load_event(line)
    assert event is None or isinstance(event, e.Unknown)


def test_an_event_line_stays_below_a_kilobyte_with_the_longest_labels() -> None:
    long = e.label("ü" * 5000)
    event = e.LessonLearned(lesson="t0001-L1", title=long, source="failure")
    assert len(dump_event(event).encode()) < 1024


def _hired() -> list[Event]:
    return [e.AgentQueued(agent="a", role="analyst", unit="t1", stage="analyse"), e.AgentStarted(agent="a")]


def _retried(wait: float) -> Event:
    return e.CallRetried(agent="a", attempt=1, failure="rejected", reason="busy", wait=wait)


def _at(seconds: float, *events: Event) -> list[Event]:
    return [event.model_copy(update={"time": seconds}) for event in events]


@pytest.mark.parametrize("heard", [e.AgentSpoke(agent="a", tokens=1), e.AgentFailed(agent="a", reason="x")])
def test_an_agent_waits_to_try_again_until_something_is_heard_of_it(heard: Event) -> None:
    view = fold([*_at(10, *_hired()), *_at(20, _retried(12))])
    assert (view.retrying, view.agents["a"].trouble) == ({"a": 32.0}, "rejected")
    view = fold(_at(33, heard), onto=view)
    assert (view.retrying, view.agents["a"].trouble) == ({}, "")


def test_nobody_of_an_engine_that_is_gone_waits_to_try_again() -> None:
    view = fold([*_hired(), _retried(12), e.RunResumed(fresh=True)])
    assert view.retrying == {}


def test_a_failed_unit_keeps_its_reason_until_it_is_made_after_all() -> None:
    failed = fold([e.UnitFailed(unit="t1", stage="analyse", reason="no reply")])
    assert failed.failures == {"analyse/t1": "no reply"}
    assert fold([e.UnitDone(unit="t1", stage="analyse")], onto=failed).failures == {}


def test_a_cap_holds_the_run_from_the_pause_to_the_resume() -> None:
    held = fold([e.BudgetReached(cap="tokens", limit=9, spent=8), e.RunPaused(why="budget", detail="9 are reached")])
    assert (held.short, held.held_by) == ("tokens", "budget")
    free = fold([e.RunResumed()], onto=held)
    assert (free.short, free.held_by, free.reached) == ("", "", {"tokens": 9.0})


def test_a_node_is_what_was_last_heard_of_it() -> None:
    view = fold(
        [
            e.WorkerJoined(node="a", cores=4, level="namespaces", version="1"),
            e.WorkerJoined(node="b", cores=2, level="process", version="1"),
            e.WorkerRefused(node="c", reason="it has version 0"),
            e.WorkerCounted(node="a", sessions=9, busy=3),
            e.WorkerCounted(node="b", sessions=5, busy=2),
            e.WorkerLost(node="b", reason="its node left the cluster", sessions=5),
            e.WorkerCounted(node="b", sessions=1, busy=1),
        ]
    )
    told = [(row.node, row.state, row.cores, row.sessions, row.busy, row.reason) for row in view.workers.values()]
    assert told == [
        ("a", "working", 4, 9, 3, ""),
        ("b", "lost", 2, 5, 0, "its node left the cluster"),
        ("c", "refused", 0, 0, 0, "it has version 0"),
    ]
    back = fold([e.WorkerJoined(node="b", cores=2, level="process")], onto=view).workers["b"]
    assert (back.state, back.reason, back.sessions) == ("working", "", 0)


def test_a_new_engine_has_no_node_of_the_old_one_but_knows_which_were_used() -> None:
    first = [e.WorkerJoined(node="a", cores=4), e.WorkerCounted(node="a", sessions=2, busy=1)]
    view = fold([*first, e.WorkerRefused(node="c", reason="no sandbox"), e.RunResumed(fresh=True)])
    assert {name: (row.state, row.busy, row.sessions) for name, row in view.workers.items()} == {"a": ("left", 0, 0)}


def test_a_run_that_goes_on_under_the_same_engine_keeps_its_nodes() -> None:
    view = fold([e.WorkerJoined(node="a", cores=4), e.RunPaused(why="person"), e.RunResumed()])
    assert view.workers["a"].state == "working"
