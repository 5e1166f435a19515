"""Small things that people rely on: what enter does in a question, what esc takes back, what a note covers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from textual import events
from textual.widgets._toast import Toast

from t2s_tui.app import T2SApp
from t2s_tui.feed import Feed
from t2s_tui.screens.agent import AgentScreen
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.diff import DiffScreen, DiffText
from t2s_tui.screens.help import HelpScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.runs import RunsScreen
from t2s_tui.screens.verdict import VerdictScreen
from t2s_tui.theme import Look
from t2s_tui.widgets.editor import Editor
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.roster import Roster
from t2s_tui.widgets.status import Footer
from tests.t2s_tui.on_a_pty import Viewer
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import shown, text, until, wishes
from workspace.runs import events as e
from workspace.runs.journal import Journal
from workspace.runs.run import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs", "finished")


# --- questions ----------------------------------------------------------------------------------------------------


async def test_enter_leaves_a_run_alone_unless_the_other_answer_was_marked(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "enter: let it run" in text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert wishes(run) == []
        await pilot.press("X", "right")
        await until(pilot, lambda: "enter: stop it" in text(app))
        await pilot.press("enter")
        await pilot.pause()
        assert wishes(run) == ["stop"]


async def test_enter_deletes_no_run(finished: RunFolder) -> None:
    async with shown(finished, alive=False) as (app, pilot):
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert finished.journal.is_file()


# --- finding ------------------------------------------------------------------------------------------------------


async def test_a_filter_is_counted_shown_in_the_rows_and_taken_back_with_esc_before_anything_else(
    run: RunFolder,
) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        roster = app.screen.query_one(Roster)
        wanted = sum("t06" in roster.sought(key).casefold() for key in list(roster.keys()))
        await pilot.press("slash", *"T06")
        await pilot.pause()
        assert 0 < wanted < 60 and f"/T06  {wanted} of 213" in text(app)
        assert "enter keep  esc clear" in text(app)
        assert any(
            span.ink.endswith("+reverse") and span.text == "t06" for line in roster.paint() for span in line.spans
        )
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert isinstance(app.screen, LiveScreen)
        assert "of 213" in text(app) and "/T06" not in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_places_in_a_text_are_counted_and_n_goes_through_them_round_and_round(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("slash", *"lesson", "enter")
        await pilot.pause()
        count = int(text(app).split(" found")[0].split()[-1])
        assert count > 3 and f"1 of {count} found" in text(app)
        for _ in range(count - 1):
            await pilot.press("n")
        assert f"{count} of {count} found" in text(app)
        await pilot.press("n")
        assert f"1 of {count} found" in text(app)
        await pilot.press("N")
        assert f"{count} of {count} found" in text(app)
        await pilot.press("slash", *"zzz", "enter")
        await pilot.pause()
        assert "nothing found" in text(app)


# --- notes --------------------------------------------------------------------------------------------------------


async def test_a_note_takes_the_place_of_the_one_before(run: RunFolder) -> None:
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for n in range(4):
            app.tell(f"note number {n}")
            await pilot.pause(0.2)
        assert len(app.screen.query(Toast)) == 1
        assert "note number 3" in text(app) and "note number 2" not in text(app)
        assert "? help" in text(app).splitlines()[-1]  # the footer stays in sight


# --- what a stop leaves -------------------------------------------------------------------------------------------


async def test_a_stage_that_was_stopped_in_its_middle_is_not_shown_as_done(run: RunFolder) -> None:
    journal = Journal(run.journal)
    for stage in ("analyse", "propose", "merge"):
        journal.emit(e.StageLeft(stage=stage))
    journal.emit(e.RunStopped(why="a person"))
    journal.close()
    async with shown(run, alive=False) as (app, pilot):
        assert "analyse 64/80" in text(app) and "merge 5/9" in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "analyse 64/80" in text(app))
        assert "analyse ✓" not in text(app)


# --- the mouse ----------------------------------------------------------------------------------------------------


async def test_the_wheel_scrolls_and_the_cursor_stays_while_its_row_is_in_sight(run: RunFolder) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        roster = app.screen.query_one(Roster)
        await pilot.press(*"jjjjjj")
        cursor = roster.cursor
        roster.post_message(events.MouseScrollDown(roster, 3, 3, 0, 0, 0, False, False, False))
        await pilot.pause()
        assert "4–21 of 213" in text(app)
        assert roster.cursor == cursor
        for _ in range(5):
            roster.post_message(events.MouseScrollDown(roster, 3, 3, 0, 0, 0, False, False, False))
        await pilot.pause()
        assert roster.cursor != cursor


async def test_a_click_on_a_hint_is_its_key(finished: RunFolder) -> None:
    async with shown(finished, alive=False, size=(80, 24)) as (app, pilot):
        footer = text(app).splitlines()[-1]
        await pilot.click(Footer, offset=(footer.index("v verdict") + 3, 0))
        await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
        await pilot.click(Footer, offset=(1, 0))  # esc
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        await pilot.click(Footer, offset=(footer.index("enter open"), 0))
        await until(pilot, lambda: isinstance(app.screen, AgentScreen))


# --- the diff -----------------------------------------------------------------------------------------------------


async def test_the_diff_begins_at_its_first_change_and_a_key_goes_to_the_next(finished: RunFolder) -> None:
    async with shown(finished, alive=False) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.pause(0.1)
        diff = app.screen.query_one(DiffText)
        places = [diff.cursor]
        for _ in range(20):
            await pilot.press("right_square_bracket")
            places.append(diff.cursor)
        stops = list(dict.fromkeys(places))
        assert len(stops) > 1
        for expected in reversed(stops[:-1]):
            await pilot.press("left_square_bracket")
            assert diff.cursor == expected


# --- the shell ----------------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(run: RunFolder) -> Iterator[Viewer]:
    opened = Viewer(run)
    yield opened
    if opened.process.poll() is None:
        os.kill(opened.process.pid, signal.SIGCONT)
    opened.close()


def test_ctrl_z_gives_the_terminal_back_and_fg_brings_the_screen_again(viewer: Viewer) -> None:
    viewer.wait_for(b"AGENTS")
    viewer.press(b"\x1a")
    viewer.until(lambda seen: seen.rfind(b"\x1b[?1049l") > seen.rfind(b"\x1b[?1049h"))
    end = time.monotonic() + 5
    while psutil.Process(viewer.process.pid).status() != psutil.STATUS_STOPPED and time.monotonic() < end:
        time.sleep(0.02)
    assert psutil.Process(viewer.process.pid).status() == psutil.STATUS_STOPPED
    viewer.seen = b""
    os.kill(viewer.process.pid, signal.SIGCONT)
    viewer.wait_for(b"\x1b[?1049h", b"AGENTS")
    viewer.press(b"q")
    viewer.end()


# --- what was found by somebody who had only the README -----------------------------------------------------------


async def test_the_page_behind_a_question_goes_on(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        journal = Journal(run.journal)
        journal.emit(e.RunPaused(why="person", detail="paused by a person"))
        journal.close()
        await until(pilot, lambda: "paused" in text(app).splitlines()[0])


async def test_a_rejection_by_hand_is_said_before_what_the_test_said(finished: RunFolder) -> None:
    async with shown(finished, alive=False) as (app, pilot):
        await pilot.press("v", "J", "enter")
        await until(pilot, lambda: isinstance(app.screen, VerdictScreen) and "rejected by" in text(app))
        page = text(app)
        assert page.index("rejected by") < page.index("ACCEPT")
        await pilot.press("escape")
        await until(pilot, lambda: "rejected by hand; the test said accept" in text(app))


async def test_saving_a_lesson_that_was_not_changed_makes_it_nobodys(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2", "j", "e")
        await pilot.pause(0.3)
        await pilot.press("ctrl+s")
        await pilot.pause(0.3)
        assert list(run.round(1).seed(0).edits.glob("*.toml")) == []
        assert app.feed is not None and not app.feed.people.own


def test_the_night_between_two_engines_is_not_counted(run: RunFolder) -> None:
    before = Feed(run).elapsed
    journal = Journal(run.journal)
    journal.emit(e.NoteLeft(text="a day later, another engine"))
    journal.close()
    feed = Feed(run, lambda: feed.view.now + 5)
    assert feed.elapsed == pytest.approx(before, abs=1)


async def test_letters_typed_in_one_go_with_moves_stay_behind_them(run: RunFolder) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        await pilot.press("2", "e")
        await pilot.pause(0.3)
        editor = app.screen.query_one(Editor)
        editor.text = 'title = "a"\nclaim = "b"\nwhy = ""\n'
        editor.move_cursor((0, 0))
        for key, char in (("down", None), ("end", None), ("backspace", "\x7f"), ("X", "X"), ("quotation_mark", '"')):
            app.post_message(events.Key(key, char))
        await pilot.pause(0.3)
        assert editor.text == 'title = "a"\nclaim = "bX"\nwhy = ""\n'


async def test_a_correction_typed_in_one_go_hits_the_letter_before_it(run: RunFolder) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        await pilot.press("slash")
        for key, char in (("t", "t"), ("x", "x"), ("backspace", "\x7f"), ("0", "0"), ("home", None), ("a", "a")):
            app.post_message(events.Key(key, char))
        await pilot.pause(0.2)
        assert app.screen.query_one(FindBar).value == "at0"
