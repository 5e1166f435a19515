"""Pausing a run and changing its lessons while it rests: the keys, what the screen says, what is left on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from t2s_tui.people import workplace
from t2s_tui.widgets.merge_tree import MergeTree
from t2s_tui.widgets.pool import Pool
from t2s_tui.widgets.status import Header, Notice
from t2s_tui.widgets.wall import Wall
from tests.shell import Shell
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import shown, until
from workspace.lessons.pool import load
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.run import RunFolder, load_view
from workspace.runs.wishes import read_wish, waiting


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


@pytest.fixture
def finished(shell: Shell, fast: str) -> RunFolder:
    """A run that a real engine made."""
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(16), "--fan-in", "3"]
    assert shell.t2s("run", *inputs, "--base-url", fast, "--model", "scripted", "--plain").code == 0
    return shell.run()


def _tell(run: RunFolder, event: Event) -> None:
    view = load_view(run).view
    stamped = event.model_copy(update={"seq": view.seq + 1, "time": view.now + 1, "t": view.last_t + 1})
    with run.journal.open("a", encoding="utf-8") as journal:
        journal.write(dump_event(stamped) + "\n")


async def test_the_three_states_of_a_pause_are_told_apart(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        header = app.screen.query_one(Header)
        assert "running" in header.text_rows()[0]
        await pilot.press("space")
        assert [read_wish(path).kind for path in waiting(run)] == ["pause"]
        _tell(run, e.RunPausing(why="person", in_flight=24))
        await until(pilot, lambda: "pausing (24 in flight)" in header.text_rows()[0])
        await pilot.press("P")
        assert [read_wish(path).kind for path in waiting(run)] == ["pause", "pause_now"]
        _tell(run, e.RunPausing(why="person", in_flight=24, now=True))
        await until(pilot, lambda: "pausing now (24 in flight)" in header.text_rows()[0])
        _tell(run, e.RunPaused(why="person", detail="paused by kim"))
        await until(pilot, lambda: "‖ paused" in header.text_rows()[0])
        await until(pilot, lambda: "space goes on" in app.screen.query_one(Notice).text_rows()[0])
        await pilot.press("P")
        assert len(waiting(run)) == 2, "a paused run is not paused again"


async def test_a_dropped_lesson_marks_its_path_in_the_tree_and_undo_takes_the_marks_away(finished: RunFolder) -> None:
    async with shown(finished, alive=False) as (app, pilot):
        pool, tree = app.screen.query_one(Pool), app.screen.query_one(MergeTree)
        await pilot.press("2", "x")
        lesson = pool.cursor
        await until(pilot, lambda: any("to be made again" in row for row in tree.text_rows()))
        assert app.feed is not None
        marked = [row for row in tree.text_rows()[1:] if "to be made again" in row]
        assert len(marked) == len(app.feed.people.due_nodes) < len(app.feed.view.nodes)
        assert "R makes it again" in app.screen.query_one(Notice).text_rows()[0]
        seed = workplace(finished)
        assert seed is not None
        await pilot.press("U")
        await until(pilot, lambda: not any("to be made again" in row for row in tree.text_rows()))
        assert load(seed, lesson).lesson.status == "kept"
        await pilot.press("ctrl+r")
        assert load(seed, lesson).lesson.status == "dropped"


async def test_taking_back_a_drop_leaves_no_trace(run: RunFolder) -> None:
    async with shown(run) as (_, pilot):
        await pilot.press("2", "x", "x")
        seed = workplace(run)
        assert seed is not None
        assert not list(seed.edits.glob("*.toml"))


async def test_the_merge_tree_can_be_sorted_and_filtered(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        tree = app.screen.query_one(MergeTree)
        await pilot.press("3")
        assert tree.keys()[0] == "m2-01"
        await pilot.press("s")
        assert tree.sort == "state"
        assert tree.keys()[:2] == ["m1-06", "m1-07"], "what is running comes first"
        await pilot.press("slash", *"m1-03", "enter")
        await until(pilot, lambda: [row for row in tree.text_rows()[1:] if row] == [tree.text_rows()[1]])
        assert "m1-03" in tree.text_rows()[1]


async def test_the_header_names_the_way_to_where_one_is(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("3", "j", "enter")
        await until(pilot, lambda: "› m1-" in app.screen.query_one(Header).text_rows()[0])
        await pilot.press("escape")
        assert "› m1-" not in app.screen.query_one(Header).text_rows()[0]


async def test_one_goes_from_pane_to_pane_and_makes_one_the_whole_screen(run: RunFolder) -> None:
    async with shown(run, size=(120, 36)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        await pilot.press("4")
        first = wall.picked
        await pilot.press("j")
        await until(pilot, lambda: wall.picked != first)
        await pilot.press("z")
        await until(pilot, lambda: wall.size.width == 120 and len(wall.shown) > 1)
        await pilot.press("z")
        await until(pilot, lambda: wall.shown == [wall.picked])
        await pilot.press("z")
        await until(pilot, lambda: wall.size.width < 120 and len(wall.shown) > 1)
