"""A damaged, foreign or hostile run folder: whatever stands in its files, a viewer reads on and shows the rest."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2s_tui.app import T2SApp
from t2s_tui.feed import Feed
from t2s_tui.prose import Prose
from t2s_tui.screens.agent import AgentScreen, TrajectoryScreen
from t2s_tui.screens.base import Base
from t2s_tui.screens.diff import DiffScreen
from t2s_tui.screens.edit import EditScreen
from t2s_tui.screens.lesson import LessonScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.node import NodeScreen
from t2s_tui.screens.runs import RunList
from t2s_tui.screens.verdict import VerdictScreen
from t2s_tui.theme import Look
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.stage import Stage, assert_rows_fit
from tests.t2s_tui.test_screens import shown, text, until
from tests.workspace.test_view import journals
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event, load_event
from workspace.runs.journal import read_events
from workspace.runs.live import LiveReader, LiveWriter, Piece
from workspace.runs.run import RunFolder, engine_lock, load_view, save_view
from workspace.runs.view import fold

MB = 1_000_000
PANELS = "12345"
JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 10**14, 10**30, -(10**400), 1e308, math.nan, math.inf, "", "x", "\x1b[31mOWNED", "[red]",
    "\ud800", "\x00", "../../etc/passwd", "http://[", "y" * 5_000, [], ["a"], {}, {"a": 1},
)  # fmt: skip
GARBAGE = (
    b"", b"\x00", b"\xff\xfe\x00", b"{", b"[]", b"null", b"7", b'"kind"', b'{"kind": {}}',
    b'{"kind": "\\ud800", "seq": 3}',
    b'{"kind": "agent.spoke", "seq": 4, "agent": 7}', b"[" * 200_000, b'{"a":' * 200_000, b"9" * 5_000, b"x" * MB,
    b'{"kind": "moon.rose", "seq": 5, "time": 1.0, "t": 1.0, "phase": "full"}', b"\r", "{“kind”: “note”}".encode(),
    b'{"kind": "note.left", "text": "' + b"z" * MB + b'"}',
)  # fmt: skip
QUICK = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
QUICKER = settings(QUICK, max_examples=8)


def lines(*found: Event, seq: int = 0, began: float = 1000.0) -> bytes:
    """Events as a journal holds them."""
    stamped = [
        event.model_copy(update={"seq": seq + n, "time": began + n, "t": float(n)}) for n, event in enumerate(found, 1)
    ]
    return b"".join(dump_event(event).encode() + b"\n" for event in stamped)


STORY = (
    e.RunStarted(run="r", skill="xlsx", model="q", endpoint="http://gpu:8000/v1"),
    e.StageEntered(stage="analyse", units=2),
    e.AgentQueued(agent="analyst-t001", role="analyst", unit="t001", stage="analyse"),
    e.AgentStarted(agent="analyst-t001"),
    e.AgentSpoke(agent="analyst-t001", tokens=9, words="Überschrift — 数式"),
    e.CallRetried(agent="analyst-t001", attempt=1, failure="reject", reason="busy", wait=2),
    e.AgentFinished(agent="analyst-t001", tokens=40, words="done"),
    e.UnitDone(unit="t001", stage="analyse"),
    e.LessonLearned(lesson="t001-L1", title="Recalculate"),
    e.MergePlanned(node="m1-01", level=1, children=("t001", "t002")),
    e.MergeStarted(node="m1-01"),
    e.UsageCounted(calls=3, prompt=10, completion=20, lanes={"a": (1, 2)}),
    e.NoteLeft(text="a note"),
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A journal in which fields are missing, strange or of another kind, and lines are garbage, doubled or swapped."""
    rows = [json.loads(dump_event(event)) for event in draw(journals())]
    for row in rows:
        for key in draw(st.lists(st.sampled_from([*row, "of_tomorrow"]), max_size=2)):
            if draw(st.booleans()):
                row[key] = draw(st.sampled_from(JUNK))
            else:
                row.pop(key, None)
    made = [json.dumps(row).encode() for row in rows] + draw(st.lists(st.sampled_from(GARBAGE), max_size=4))
    order = draw(st.lists(st.sampled_from(range(len(made))), max_size=60)) if made else []
    whole = b"".join(made[n] + b"\n" for n in order)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


def wild() -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=400), st.text(max_size=200).map(lambda t: t.encode(errors="replace")), spoiled()
    )


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A folder with nothing in it but its name."""
    made = RunFolder(tmp_path / "runs" / "r")
    made.path.mkdir(parents=True)
    made.config.write_text("format = 1\n")
    return made


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One folder for all examples of a property; each writes its own journal into it."""
    made = RunFolder(tmp_path_factory.mktemp("runs") / "r")
    made.path.mkdir()
    made.config.write_text("format = 1\n")
    return made


def asked_everything(feed: Feed) -> None:
    """All that a screen asks of a feed."""
    feed.poll()
    assert feed.state
    assert feed.left() is None or feed.left()
    assert feed.usage and feed.elapsed >= 0
    for agent, row in feed.view.agents.items():
        assert isinstance(feed.words(agent) + feed.again(agent) + feed.standing(row), str)
        feed.tail(agent).rows(40, 10)


def view_of(data: bytes, run: RunFolder) -> dict[str, Any]:
    """What a viewer that comes after everything sees."""
    run.journal.write_bytes(data)
    return load_view(run).view.model_dump()


# --- the journal -------------------------------------------------------------------------------------------------


@given(wild(), wild())
@QUICK
def test_whatever_stands_in_a_journal_it_is_read_to_its_end(still: RunFolder, first: bytes, then: bytes) -> None:
    still.journal.write_bytes(first)
    feed = Feed(still)
    asked_everything(feed)
    still.journal.write_bytes(first + then)
    asked_everything(feed)
    assert feed.poll().events == 0


@given(spoiled(), st.data())
@QUICK
def test_a_damaged_journal_may_be_cut_anywhere(still: RunFolder, data: bytes, draw: st.DataObject) -> None:
    still.journal.write_bytes(data)
    found = [event for event, _ in read_events(still.journal)]
    cut = draw.draw(st.integers(0, len(found)))
    first = fold(found[:cut])
    assert fold(found[cut:], onto=first) == fold(found)


def test_a_journal_cut_at_any_byte_and_then_completed_shows_the_same(run: RunFolder) -> None:
    data = lines(*STORY[2:7], *STORY[8:10])
    whole = view_of(data, run)
    for cut in range(len(data) + 1):
        run.journal.write_bytes(data[:cut])
        feed = Feed(run)
        run.journal.write_bytes(data)
        feed.poll()
        assert {**feed.view.model_dump(), "state": ""} == {**whole, "state": ""}, cut


def test_a_journal_that_comes_byte_by_byte_loses_and_doubles_nothing(run: RunFolder) -> None:
    data = lines(*STORY)
    whole = view_of(data, run)
    run.journal.write_bytes(b"")
    feed, taken = Feed(run), 0
    with run.journal.open("ab", buffering=0) as journal:
        for byte in data:
            journal.write(bytes([byte]))
            taken += feed.poll().events
    assert taken == len(STORY)
    assert {**feed.view.model_dump(), "state": ""} == {**whole, "state": ""}


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda data: repr(data[:24]))
def test_a_line_of_garbage_costs_no_other_line(run: RunFolder, garbage: bytes) -> None:
    before, after = lines(*STORY[:4]), lines(*STORY[4:], seq=4)
    run.journal.write_bytes(before + garbage + b"\n" + after)
    feed = Feed(run)
    asked_everything(feed)
    assert feed.view.agents["analyst-t001"].state == "done"
    assert list(feed.view.lessons) == ["t001-L1"]


@pytest.mark.parametrize("journal", [None, b"", b"\n\n\n", b"{"])
def test_a_run_without_a_single_event_is_starting_and_then_lost(run: RunFolder, journal: bytes | None) -> None:
    if journal is not None:
        run.journal.write_bytes(journal)
    feed = Feed(run)
    assert feed.state == "starting"
    with engine_lock(run):
        feed.look()
        assert feed.state == "starting"
        run.journal.write_bytes((journal or b"").replace(b"{", b"") + lines(*STORY))
        feed.poll()
        assert feed.state == "running"


def test_fields_and_kinds_of_tomorrow_change_nothing(run: RunFolder) -> None:
    rows = [json.loads(line) | {"colour": "blue", "nested": {"a": [1]}} for line in lines(*STORY).splitlines()]
    tomorrow = b'{"seq": 99, "kind": "moon.rose", "time": 1013.0, "t": 13.0}\n'
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    assert view_of(data + tomorrow, run) == {**view_of(lines(*STORY), run), "seq": 99}


def test_missing_doubled_and_falling_numbers_and_a_clock_that_goes_back_are_taken_as_they_come(run: RunFolder) -> None:
    rows = [json.loads(line) for line in lines(*STORY).splitlines()]
    for n, row in enumerate(rows):
        row |= {"time": 1000.0 - 50 * n, "t": 9.0 - n, "seq": [7, 7, 3][n % 3]}
        if n % 4 == 0:
            del row["seq"]
    run.journal.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    feed = Feed(run)
    asked_everything(feed)
    assert list(feed.view.lessons) == ["t001-L1"]
    assert feed.view.active >= 0


def test_events_in_an_order_that_cannot_be_are_no_fault(run: RunFolder) -> None:
    run.journal.write_bytes(lines(*reversed(STORY), *STORY, *reversed(STORY)))
    feed = Feed(run)
    asked_everything(feed)
    assert feed.view.nodes


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 400, "-1e300", "9e15"])
@pytest.mark.parametrize("key", ["time", "t", "seq", "wait", "tokens", "units"])
def test_a_number_that_no_run_can_have_is_no_number(run: RunFolder, number: str, key: str) -> None:
    row = '{"kind": "call.retried", "agent": "analyst-t001", "attempt": 1, "failure": "x", "reason": "y"'
    bad = f'{row}, "{key}": {number}}}'
    run.journal.write_bytes(lines(*STORY[:4]) + bad.encode() + b"\n")
    feed = Feed(run)
    asked_everything(feed)
    assert 0 <= feed.view.seq < 10
    assert load_event(bad) is None


def test_the_engines_next_number_is_found_behind_damaged_lines(run: RunFolder) -> None:
    from workspace.runs.journal import last_seq

    run.journal.write_bytes(lines(*STORY) + b"[" * 5_000 + b'\n{"kind": "\\ud800", "seq": 40}\n{"torn": ')
    assert last_seq(run.journal) == 40


# --- the view that is kept beside it -----------------------------------------------------------------------------

BROKEN_VIEWS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda kept: [],
    "a number": lambda kept: 7,
    "another version": lambda kept: {**kept, "format": 2, "view": {"skill": "wrong"}},
    "ahead of the journal": lambda kept: {**kept, "offset": 10**9, "view": {"skill": "wrong"}},
    "before the beginning": lambda kept: {**kept, "offset": -5, "view": {"skill": "wrong"}},
    "an offset in words": lambda kept: {**kept, "offset": "half", "view": {"skill": "wrong"}},
    "half an offset": lambda kept: {**kept, "offset": 3.5, "view": {"skill": "wrong"}},
    "no view": lambda kept: {**kept, "view": None},
    "no stages": lambda kept: {**kept, "view": {"skill": "wrong", "stages": {}}},
    "a stage of tomorrow": lambda kept: {**kept, "view": {"skill": "wrong", "stages": {"dream": {}}}},
    "no number": lambda kept: {**kept, "view": {"skill": "wrong", "began": math.nan}},
    "another type": lambda kept: {**kept, "view": {"skill": 7, "agents": []}},
}


def kept_view(run: RunFolder, events: int) -> dict[str, Any]:
    """What an engine keeps after so many events."""
    data = lines(*STORY[:events])
    run.journal.write_bytes(data)
    save_view(run, fold(event for event, _ in read_events(run.journal)), len(data))
    return json.loads(run.view.read_text())


@pytest.mark.parametrize("broken", BROKEN_VIEWS)
def test_a_kept_view_that_does_not_fit_only_costs_time(run: RunFolder, broken: str) -> None:
    run.view.write_text(json.dumps(BROKEN_VIEWS[broken](kept_view(run, 6))))
    assert load_view(run).view.skill == "xlsx"
    whole = view_of(lines(*STORY), run)
    run.view.unlink()
    assert view_of(lines(*STORY), run) == whole


def test_a_kept_view_may_be_torn_at_any_byte(run: RunFolder) -> None:
    kept_view(run, 6)
    kept = run.view.read_bytes()
    run.journal.write_bytes(lines(*STORY))
    whole = load_view(run).view
    for cut in range(0, len(kept), 7):
        run.view.write_bytes(kept[:cut])
        assert load_view(run).view == whole, cut


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 300_000, b"null", b'{"format": 1}', b"\x00" * 1000])
def test_a_kept_view_of_garbage_is_passed_over(run: RunFolder, data: bytes) -> None:
    run.journal.write_bytes(lines(*STORY))
    run.view.write_bytes(data)
    assert load_view(run).view.skill == "xlsx"


# --- what agents say this moment ---------------------------------------------------------------------------------

LIVE = (
    b"", b"\n", b"{", b'{"generation": ', b'{"generation": 1e999}\n', b'{"generation": "x"}\n', b'{"generation": -4}\n',
    b"[[[\n", b"\xff\n\xfe", b'{"generation": 3}\n{"a": 1, "s": 2}\n{"a": ["x"], "s": "y"}\n{"a": "k"}\n"a"\n["a"]\n',
    b'{"generation": 3}\n{"a": "\\ud800", "s": "\\udfff"}\n',
    b'{"generation": 3}\n{"a": "k", "s": "' + b"x" * MB + b'"}\n',
    b'{"generation": 3}\n' + b"[" * 300_000 + b"\n",
)  # fmt: skip


@pytest.mark.parametrize("first", LIVE, ids=lambda data: repr(data[:30]))
@pytest.mark.parametrize("second", LIVE[4:9], ids=lambda data: repr(data[:30]))
def test_streamed_text_that_is_damaged_is_passed_over(run: RunFolder, first: bytes, second: bytes) -> None:
    run.live(0).write_bytes(first)
    run.live(1).write_bytes(second)
    feed = Feed(run)
    feed.poll_text()
    for agent in feed.tails:
        assert all(row.isprintable() for row in feed.tail(agent).rows(40, 10))


@given(st.binary(max_size=200), st.binary(max_size=200))
@QUICK
def test_any_bytes_as_streamed_text_are_read(still: RunFolder, first: bytes, second: bytes) -> None:
    still.live(0).write_bytes(b'{"generation": 1}\n' + first)
    still.live(1).write_bytes(b'{"generation": 2}\n' + second)
    assert all(isinstance(piece, Piece) for piece in LiveReader(still).poll())


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=30), st.booleans()), max_size=30))
@QUICK
def test_a_reader_that_looks_now_and_then_hears_everything(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, bool]]
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("live"))
    writer, reader, heard = LiveWriter(run, full=400), LiveReader(run), {"a": "", "b": ""}
    for agent, words, looks in said:
        writer.say(agent, words)
        writer.flush()
        if looks or run.live(0).exists():
            for piece in reader.poll():
                heard[piece.agent] += piece.text
    for piece in reader.poll():
        heard[piece.agent] += piece.text
    assert heard == {name: "".join(words for agent, words, _ in said if agent == name) for name in heard}


def test_streamed_text_that_comes_byte_by_byte_is_heard_once(run: RunFolder) -> None:
    data = '{"generation": 1}\n{"a": "k", "s": "数"}\n{"a": "k", "s": "式", "new": true}\n'.encode()
    reader, heard = LiveReader(run), list[Piece]()
    with run.live(1).open("ab", buffering=0) as file:
        for byte in data:
            file.write(bytes([byte]))
            heard += reader.poll()
    assert heard == [Piece("k", "数", False), Piece("k", "式", True)]


def test_streamed_text_goes_on_when_its_files_are_cut_or_turned_over(run: RunFolder) -> None:
    run.live(1).write_bytes(b'{"generation": 1}\n{"a": "k", "s": "one"}\n')
    reader = LiveReader(run)
    assert [piece.text for piece in reader.poll()] == ["one"]
    run.live(1).write_bytes(b'{"generation": 1}\n')  # cut shorter than what was read
    assert reader.poll() == []
    run.live(0).write_bytes(b'{"generation": 2}\n{"a": "k", "s": "two"}\n{"a": "k", "s": "thr')
    assert [piece.text for piece in reader.poll()] == ["two"]
    run.live(0).unlink()
    assert reader.poll() == []
    run.live(1).write_bytes(b'{"generation": 3}\n{"a": "k", "s": "four"}\n')
    assert [piece.text for piece in reader.poll()] == ["four"]


def test_a_line_of_streamed_text_without_an_end_does_not_stop_the_reading(run: RunFolder) -> None:
    run.live(1).write_bytes(b'{"generation": 1}\n' + b"x" * (9 << 20))
    reader = LiveReader(run)
    for _ in range(4):
        assert reader.poll() == []
    with run.live(1).open("ab") as file:
        file.write(b'\n{"a": "k", "s": "on"}\n')
    assert [piece.text for piece in reader.poll()] == ["on"]


@pytest.mark.parametrize(
    "said",
    ["{" * 300_000 + "}" * 300_000, "[{" * 300_000, '{"' + "\\" * 300_000, '{"a":"' + "\\u00" * 60_000, "\n" * 300_000],
)
def test_a_reply_that_never_makes_sense_is_readable_in_time(said: str) -> None:
    began = time.monotonic()
    Prose().take(said)
    assert time.monotonic() - began < 8


# --- on the screen -----------------------------------------------------------------------------------------------


async def every_panel(stage: Stage, feed: Feed) -> None:
    await stage.visit(lambda: LiveScreen(feed), *PANELS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("nothing"))
    yield made
    made.close()


@given(wild())
@QUICKER
def test_whatever_stands_in_a_journal_can_be_shown(stage: Stage, still: RunFolder, data: bytes) -> None:
    still.journal.write_bytes(lines(*STORY) + data)
    stage.do(every_panel(stage, stage.open(still)))


@pytest.mark.parametrize(
    "journal",
    [
        (e.MergePlanned(node="m1-01", level=1, children=("m1-01",)),),
        (e.MergePlanned(node="a", level=1, children=("b",)), e.MergePlanned(node="b", level=1, children=("a",))),
        (
            e.MergePlanned(node="r", level=3, children=("a", "a")),
            e.MergePlanned(node="a", level=2, children=("b", "a")),
            e.MergePlanned(node="b", level=1, children=("a", "t")),
        ),
        tuple(e.MergePlanned(node=f"n{n}", level=n, children=(f"n{n + 1}", f"n{n + 1}")) for n in range(2_000)),
        (e.RunStarted(run="r", skill="s", model="m", endpoint="http://[::1"),),
        (e.RunStarted(run="r", skill="s", model="m", endpoint="http://a\uff03b/v1"),),
        (e.StagePlanned(stage="merge", units=-7), e.StageEntered(stage="merge"), e.UnitDone(unit="u", stage="merge")),
        (e.UsageCounted(calls=-1, prompt=10**14, completion=-9, in_flight=-3, limit=-9, lanes={"": (-1, 0)}),),
        (*STORY[:4], e.CallRetried(agent="analyst-t001", attempt=1, failure="", reason="x" * MB, wait=1e14)),
        (e.RunPaused(why="budget"), e.BudgetReached(cap="", limit=-1e14)),
    ],
    ids=[
        "a merge in itself", "two in each other", "a ring under a root", "a tower of doubles", "half an address",
        "an address that no host has", "fewer than no units", "fewer than no calls", "a reason of a megabyte",
        "a budget of nothing",
    ],
)  # fmt: skip
def test_what_no_engine_would_write_is_shown_all_the_same(
    stage: Stage, still: RunFolder, journal: tuple[Event, ...]
) -> None:
    still.journal.write_bytes(lines(*journal, *(() if STORY[0] in journal else STORY[1:3])))
    began = time.monotonic()
    stage.do(every_panel(stage, stage.open(still)))
    assert time.monotonic() - began < 10


SCREENS: dict[str, Callable[[Feed], Base]] = {
    "live": LiveScreen,
    "agent": lambda feed: AgentScreen(feed, "analyst-t003"),
    "trajectory": lambda feed: TrajectoryScreen(feed, "t003", 3, "cells differ"),
    "lesson": lambda feed: LessonScreen(feed, "t003-L1"),
    "merge": lambda feed: NodeScreen(feed, "m1-01"),
    "edit": lambda feed: EditScreen(feed, "m1-01-E1"),
    "diff": DiffScreen,
    "verdict": VerdictScreen,
}


@pytest.mark.parametrize("screen", SCREENS)
def test_a_run_that_is_deleted_while_it_is_looked_at_breaks_no_screen(
    stage: Stage, tmp_path: Path, screen: str
) -> None:
    run = write_run(tmp_path / "runs", "finished")
    feed = stage.open(run)
    shown_first = SCREENS[screen](feed)

    async def looked_on() -> None:
        await stage.app.push_screen(shown_first)
        await stage.press("j")
        for path in [path for path in sorted(run.path.rglob("*")) if path.is_file()][::3]:
            path.unlink()
        await looked_again()
        shutil.rmtree(run.path)
        await looked_again()
        while len(stage.app.screen_stack) > 2:
            await stage.app.pop_screen()

    async def looked_again() -> None:
        feed.people.poll(feed.view, at_once=True)
        shown_first.pull(feed.poll())
        await stage.press("j", "enter", "y")

    stage.do(looked_on())


async def test_runs_that_come_and_go_and_are_damaged_do_not_break_the_list(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "runs", "finished")
    for n, journal in enumerate(GARBAGE):
        bad = RunFolder(tmp_path / "runs" / f"bad-{n:02d}")
        bad.path.mkdir()
        bad.config.write_text("")
        bad.journal.write_bytes(journal)
        bad.view.write_bytes(journal[:1000])
    (bad.path / "rounds" / "1.old" / "s0.old").mkdir(parents=True)
    (bad.path / "rounds" / "1").write_text("")
    folder = RunFolder(tmp_path / "runs" / "bad-folder")
    folder.journal.mkdir(parents=True)
    folder.config.write_text("")
    app = T2SApp(tmp_path / "runs", look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        runs = app.screen.query_one(RunList)
        await until(pilot, lambda: len(runs.cards) == len(GARBAGE) + 2, 10)
        shutil.rmtree(whole.path)
        for _ in range(len(runs.cards)):
            await pilot.press("j")
        await pilot.pause(0.3)
        await until(pilot, lambda: whole.id not in runs.cards, 10)
        assert_rows_fit(app)


async def test_copies_beside_the_rounds_are_no_rounds(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", "finished")
    shutil.copytree(run.round(1).path, run.path / "rounds" / "1.bak")
    shutil.copytree(run.round(1).seed(0).path, run.round(1).path / "s0 copy")
    (run.path / "rounds" / "2").write_text("a file")
    assert [each.path.name for each in run.rounds()] == ["1"]
    assert [each.name for each in run.round(1).seeds()] == ["s0"]
    async with shown(run, alive=False) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: "ACCEPT" in text(app))


# --- large -------------------------------------------------------------------------------------------------------


def huge_journal(units: int) -> bytes:
    found: list[Event] = [STORY[0], e.StageEntered(stage="analyse", units=units)]
    for n in range(units):
        unit, agent = f"t{n:05d}", f"analyst-t{n:05d}"
        found += [e.AgentQueued(agent=agent, role="analyst", unit=unit, stage="analyse"), e.AgentStarted(agent=agent)]
        found += [e.AgentFinished(agent=agent, tokens=n, words="done")] if n % 50 else []
        found += [e.UnitDone(unit=unit, stage="analyse"), e.LessonLearned(lesson=f"{unit}-L1", title=unit, support=n)]
        found += [e.GuardFlagged(rule="link", severity="error", file=unit)] if n % 10 == 0 else []
    nodes = [e.MergePlanned(node=f"m1-{n:04d}", level=1, children=(f"t{n:05d}",)) for n in range(units // 8)]
    return lines(*found, *nodes)


async def test_a_run_of_ten_thousand_units_is_opened_and_shown_in_time(run: RunFolder) -> None:
    run.journal.write_bytes(huge_journal(10_000))
    began = time.monotonic()
    with engine_lock(run):
        app = T2SApp(run.path.parent, run, look=Look())
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, LiveScreen), 20)
            assert app.feed is not None
            assert (len(app.feed.view.agents), len(app.feed.view.lessons)) == (10_000, 10_000)
            assert time.monotonic() - began < 30
            for key in PANELS:
                began = time.monotonic()
                await pilot.press(key, "j", "G")
                assert_rows_fit(app)
                assert time.monotonic() - began < 6, key
