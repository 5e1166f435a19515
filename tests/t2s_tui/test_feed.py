"""What a face knows of a run, from its folder alone."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from t2s_tui.feed import LINES, TAILS, Feed, Tail
from t2s_tui.people import workplace
from tests.t2s_tui.recorded import write_run
from workspace.lessons.pool import restore, set_status
from workspace.runs import events as e
from workspace.runs.journal import Journal
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, engine_lock


@pytest.fixture
def merging(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path, "merging")


def test_a_late_viewer_sees_the_same_as_one_who_was_there(merging: RunFolder, tmp_path: Path) -> None:
    whole = merging.journal.read_bytes().splitlines(keepends=True)
    growing = RunFolder(tmp_path / "growing")
    growing.path.mkdir()
    growing.journal.write_bytes(b"".join(whole[:100]))
    early = Feed(growing)
    growing.journal.write_bytes(b"".join(whole))
    early.poll()
    late = Feed(merging)
    assert early.view.model_dump(exclude={"state"}) == late.view.model_dump(exclude={"state"})


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    line = e.dump_event(e.LessonLearned(seq=1, lesson="t001-L1", title="Recalculate")).encode() + b"\n"
    run.journal.write_bytes(line[:30])
    feed = Feed(run)
    assert feed.poll().events == 0
    run.journal.write_bytes(line)
    assert feed.poll().events == 1
    assert feed.view.lessons["t001-L1"].title == "Recalculate"


def test_a_dead_engine_is_shown_as_lost_within_two_seconds_and_as_running_when_it_is_back(merging: RunFolder) -> None:
    with engine_lock(merging):
        feed = Feed(merging)
        assert feed.state == "running"
    assert _seconds_until(feed, "lost") < 2
    with engine_lock(merging):
        assert _seconds_until(feed, "running") < 2


def test_a_finished_run_is_never_lost(tmp_path: Path) -> None:
    assert Feed(write_run(tmp_path, "finished")).state == "finished"


def test_a_copied_run_folder_reads_the_same_elsewhere(merging: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(tmp_path / "elsewhere")
    shutil.copytree(merging.path, copy.path)
    assert Feed(copy).view == Feed(merging).view


def test_streamed_text_reaches_the_agent_who_said_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.journal.touch()
    live, feed = LiveWriter(run), Feed(run)
    live.begin("analyst-t001")
    live.say("analyst-t001", "first line\nsecond ")
    live.say("analyst-t002", "another")
    live.flush()
    assert feed.poll().spoke == {"analyst-t001", "analyst-t002"}
    live.say("analyst-t001", "half")
    live.flush()
    assert feed.poll_text() == {"analyst-t001"}
    assert feed.tail("analyst-t001").rows(40, 5) == ["first line", "second half"]


def test_a_new_reply_begins_below_a_blank_row() -> None:
    tail = Tail()
    tail.say("the first reply", new=True)
    tail.say("the second", new=True)
    assert tail.rows(40, 5) == ["the first reply", "", "the second"]


def test_what_an_agent_said_long_ago_leaves_memory() -> None:
    tail = Tail()
    for n in range(10_000):
        tail.say(f"line {n}\n")
    tail.say("x" * 1_000_000)
    assert len(tail.rows(80, 10_000)) < LINES * 60
    assert sum(map(len, tail._lines)) < 2_000_000


def test_memory_holds_the_text_of_a_bounded_number_of_agents(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.journal.touch()
    live, feed = LiveWriter(run), Feed(run)
    for n in range(500):
        live.say(f"analyst-t{n:03d}", "words")
    live.flush()
    feed.poll()
    assert len(feed.tails) == TAILS
    assert "analyst-t499" in feed.tails


def test_a_lesson_dropped_from_outside_shows_before_any_engine_reads_it(merging: RunFolder) -> None:
    feed = Feed(merging)
    seed = workplace(merging)
    assert seed is not None
    set_status(seed, "t003-L1", "dropped")
    _wait_for_own(feed)
    assert feed.people.own["t003-L1"].status == "dropped"
    restore(seed, "t003-L1")
    _wait_for_own(feed)
    assert not feed.people.own


def test_a_lesson_file_that_does_not_parse_says_where(merging: RunFolder) -> None:
    seed = workplace(merging)
    assert seed is not None
    seed.edits.mkdir()
    (seed.edits / "t003-L1.toml").write_text("format = 1\nid = \n")
    own = Feed(merging).people.own["t003-L1"]
    assert own.status == "invalid"
    assert "t003-L1.toml:2" in own.error


def test_time_left_is_only_told_while_it_can_be_known(merging: RunFolder, tmp_path: Path) -> None:
    assert Feed(merging).left() is None, "no engine: nothing will happen"
    with engine_lock(merging):
        feed = Feed(merging)
        feed._clock = lambda: feed.view.now
        left = feed.left()
    assert left is not None
    assert 0 < left.low <= left.high


def test_a_viewer_that_comes_late_has_the_curve_of_tokens_at_once(merging: RunFolder) -> None:
    assert len(Feed(merging).rates) > 20


def test_catching_up_with_a_long_journal_does_not_hold_up_the_screen(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.journal.touch()
    feed = Feed(run)
    journal = Journal(run.journal)
    for n in range(12_000):
        journal.emit(e.LessonLearned(lesson=f"t{n}-L1", title="Recalculate"))
    journal.close()
    began = time.process_time()
    assert feed.poll().events == 5_000
    assert time.process_time() - began < 1
    assert feed.poll().events == 5_000


def _seconds_until(feed: Feed, state: str) -> float:
    began = time.monotonic()
    while feed.state != state and time.monotonic() - began < 5:
        feed.poll()
        time.sleep(0.02)
    return time.monotonic() - began


def _wait_for_own(feed: Feed) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if feed.poll().own:
            return
        time.sleep(0.05)
    raise AssertionError("the feed did not see the edit")
