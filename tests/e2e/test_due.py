"""What the screen marks as out of date is what a resume makes again, and nothing else."""

from __future__ import annotations

import pytest

from t2s_tui.feed import Feed
from t2s_tui.people import workplace
from tests.shell import Shell
from workspace.lessons.pool import load_pool, own_lesson, restore, set_status
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder


@pytest.fixture
def run(shell: Shell, fast: str) -> RunFolder:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(24), "--fan-in", "3"]
    assert shell.t2s("run", *inputs, "--base-url", fast, "--model", "scripted", "--plain").code == 0
    return shell.run()


def _made_by_resuming(shell: Shell, run: RunFolder) -> set[str]:
    """Every proposal, merge and settling that the resume worked on."""
    before = Feed(run).view.seq
    assert shell.t2s("resume", "last", "--plain").code == 0
    events = [event for event, _ in read_events(run.journal) if event.seq > before]
    return {event.unit for event in events if isinstance(event, e.UnitDone) and event.stage != "validate"}


def test_a_dropped_lesson_makes_its_path_to_the_root_due_and_the_resume_makes_that_again(
    shell: Shell, run: RunFolder
) -> None:
    seed = workplace(run)
    assert seed is not None
    assert not Feed(run).people.due.anything
    lesson = next(iter(load_pool(seed).lessons))
    set_status(seed, lesson, "dropped")
    people = Feed(run).people
    assert people.due.propose == (lesson.rpartition("-")[0],)
    assert people.due_nodes and people.due.settle
    made = _made_by_resuming(shell, run)
    assert made <= {*people.due.propose, *people.due.merges, "settle"}
    assert set(people.due.propose) <= made
    assert not Feed(run).people.due.anything


def test_a_lesson_taken_back_before_the_resume_makes_nothing_due(run: RunFolder) -> None:
    seed = workplace(run)
    assert seed is not None
    lesson = next(iter(load_pool(seed).lessons))
    set_status(seed, lesson, "dropped")
    feed = Feed(run)
    assert feed.people.due.anything
    restore(seed, lesson)
    feed.people.poll(feed.view, at_once=True)
    assert not feed.people.due.anything
    assert not feed.people.due_nodes


def test_a_lesson_of_ones_own_is_due_until_it_is_in_and_again_when_it_is_deleted(shell: Shell, run: RunFolder) -> None:
    seed = workplace(run)
    assert seed is not None
    mine = own_lesson(seed, "Sign", "Sign what you hand in.").lesson.id
    due = Feed(run).people.due
    assert due.propose == (mine,)
    assert due.merges
    assert mine in _made_by_resuming(shell, run)
    assert not Feed(run).people.due.anything
    restore(seed, mine)
    assert Feed(run).people.due.settle


def test_a_lesson_changed_and_taken_back_without_an_engine_is_still_known_to_be_due(
    shell: Shell, run: RunFolder
) -> None:
    seed = workplace(run)
    assert seed is not None
    lesson = next(iter(load_pool(seed).lessons))
    set_status(seed, lesson, "dropped")
    _made_by_resuming(shell, run)
    assert Feed(run).view.lessons[lesson].status == "dropped"
    restore(seed, lesson)
    assert Feed(run).people.due.propose == (lesson.rpartition("-")[0],)
    _made_by_resuming(shell, run)
    feed = Feed(run)
    assert (feed.view.lessons[lesson].status, feed.people.due.anything) == ("kept", False)
