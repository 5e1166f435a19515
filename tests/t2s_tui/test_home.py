"""The list of runs: what each row says, how they are ordered, and what is told of the one under the cursor."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from t2s_tui.app import T2SApp
from t2s_tui.people import workplace
from t2s_tui.screens.cards import SORTS, Card, Print, card_line, cards_of, needed, ordered
from t2s_tui.screens.runs import RunList
from t2s_tui.theme import Look
from tests.shell import Shell
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import text, until
from workspace.files import write_text
from workspace.lessons.pool import lesson_ids, restore, set_status
from workspace.runs.decision import decide
from workspace.runs.run import RunFolder, load_view, save_view

PRINT = Print(0, False, 0)


def card(name: str, state: str = "finished", skill: str = "xlsx", verdict: str = "", began: float = 0.0) -> Card:
    return Card(RunFolder(Path(name)), PRINT, state, skill, "m", "3 lessons", verdict, began=began)


@pytest.fixture
def finished(shell: Shell, fast: str) -> RunFolder:
    """A run that a real engine made."""
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(16), "--fan-in", "3"]
    assert shell.t2s("run", *inputs, "--base-url", fast, "--model", "scripted", "--plain").code == 0
    return shell.run()


def test_what_needs_a_person_comes_first_when_sorted_by_state() -> None:
    cards = [card("a", "finished"), card("b", "running"), card("c", "paused"), card("d", "lost"), card("e", "stopped")]
    assert ordered(cards, "state") == ["c", "d", "b", "e", "a"]


def test_alike_runs_keep_the_newest_first() -> None:
    cards = [card("a", skill="b", began=1), card("b", skill="a", began=2), card("c", skill="a", began=3)]
    assert ordered(cards, "skill") == ["c", "b", "a"]
    assert ordered(cards, "newest") == ["c", "b", "a"]
    assert ordered([card("a", verdict="reject", began=9), card("b", verdict="accept")], "verdict") == ["b", "a"]


@pytest.mark.parametrize("cells", [58, 78, 98, 118, 148, 198])
def test_a_row_never_is_wider_than_the_screen_from_narrow_to_wide(cells: int) -> None:
    row = card("2026-11-18-1405-xlsx-3f2", "incomplete", "a-skill-with-a-very-long-name-indeed", "not_validated", 1.0)
    words = "".join(span.text for span in card_line(row._replace(tokens=12_000_000), Look(), cells))
    assert cells < 78 or len(words) <= cells
    assert "not validated" in words and "incomplete" in words


SHAPES = [
    card("a", "finished", "xlsx", "accept", 1.0),
    card("b", "incomplete", "house-date", "not_validated", 1.0),
    card("c", "running", "a-much-longer-name", began=1.0),
]


def rows(cells: int) -> list[str]:
    longest = needed(SHAPES, Look())
    return ["".join(span.text for span in card_line(one, Look(), cells, longest)) for one in SHAPES]


@pytest.mark.parametrize("cells", range(20, 200, 3))
def test_no_word_is_cut_beside_a_wide_gap_however_much_room_there_is(cells: int) -> None:
    found = rows(cells)
    assert all(len(row) <= cells for row in found)
    assert "incomplete" in found[1] or cells < 48, "a sign stands for the word before a word is cut"
    assert "not validated" in found[1] or "not" not in found[1]


def test_at_sixty_columns_a_verdict_is_read_to_its_end() -> None:
    assert "not validated" in rows(58)[1] and "house-date" in rows(58)[1]


def test_columns_begin_at_the_same_place_in_every_row() -> None:
    for cells in (38, 58, 78, 118, 158):
        assert len({row.index("3 lessons") for row in rows(cells)}) == 1


async def test_a_low_screen_shows_the_runs_before_anything_about_them(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, "merging", name="2026-11-02-0900-new-bbb")
    write_run(runs, "finished", name="2026-11-01-0900-old-aaa")
    app = T2SApp(runs, look=Look())
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: len(app.screen.query_one(RunList).cards) == 2)
        await until(pilot, lambda: "60 lessons" in text(app) and "merge" in text(app))
        assert " t2s" in text(app) and "enter open" in text(app)
        await pilot.resize_terminal(40, 20)
        await until(pilot, lambda: "2026-11-0" in text(app))


async def test_the_order_stands_at_the_edge_where_all_runs_fit(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, "merging", name="2026-11-02-0900-new-bbb")
    write_run(runs, "finished", name="2026-11-01-0900-old-aaa")
    app = T2SApp(runs, look=Look())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(app.screen.query_one(RunList).cards) == 2)
        await until(
            pilot, lambda: any(row.endswith("newest first ") and len(row) == 80 for row in text(app).split("\n"))
        )


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_run_whose_lessons_were_changed_after_its_end_says_that_it_is_out_of_date(
    finished: RunFolder, size: tuple[int, int]
) -> None:
    app = T2SApp(finished.path.parent, look=Look())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "lessons" in text(app) and "reading" not in text(app))
        assert "Lessons were changed" not in text(app)
        seed = workplace(finished)
        assert seed is not None
        dropped = lesson_ids(seed)[0]
        set_status(seed, dropped, "dropped")
        await until(pilot, lambda: "Lessons were changed: what they led to is out of date. R makes it" in text(app))
        restore(seed, dropped)
        await until(pilot, lambda: "Lessons were changed" not in text(app))


async def test_the_run_under_the_cursor_tells_what_it_learnt_and_why_it_stopped(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, "merging", name="2026-11-02-0900-new-bbb")
    done = write_run(runs, "finished", name="2026-11-01-0900-old-aaa")
    decide(done, "reject", who="", why="too long")
    app = T2SApp(runs, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: len(app.screen.query_one(RunList).cards) == 2)
        app.screen.query_one(RunList).go(done.id)
        await until(pilot, lambda: "rejected by you: too long" in text(app))
        for wanted in ("60 lessons", "34 % → 81 %", "tokens read", "rollout ✓64", f"t2s attach {done.id}"):
            assert wanted in text(app)
        app.screen.query_one(RunList).go("2026-11-02-0900-new-bbb")
        await until(pilot, lambda: "Its engine is gone" in text(app) and "5/9" in text(app))


async def test_a_key_sorts_and_the_filter_finds_a_run_by_its_id(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs, "merging", name="2026-11-02-0900-new-bbb")
    write_run(runs, "finished", name="2026-11-01-0900-old-aaa")
    app = T2SApp(runs, look=Look())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(app.screen.query_one(RunList).cards) == 2)
        for name in (*SORTS[1:], "newest"):
            await pilot.press("s")
            await until(pilot, lambda name=name: f"by {name}" in text(app) or "newest first" in text(app))
        await pilot.press("slash", *"old-a", "enter")
        await until(pilot, lambda: app.screen.query_one(RunList).cursor == "2026-11-01-0900-old-aaa")


def test_a_thousand_runs_are_listed_at_once_and_read_one_after_another(tmp_path: Path) -> None:
    first = write_run(tmp_path, "finished", name="run-0000")
    view = load_view(first)
    save_view(first, view.view, view.offset)
    (first.path / "rounds").rename(tmp_path / "kept")  # what a list does not read need not be copied
    for n in range(1, 1000):
        shutil.copytree(first.path, tmp_path / f"run-{n:04d}")
    shown: list[tuple[float, int]] = []
    began = time.monotonic()
    cards = cards_of(
        tmp_path,
        {},
        lambda now: shown.append((time.monotonic() - began, sum(c.state == "reading" for c in now.values()))),
    )
    assert len(cards) == 1000 and {c.state for c in cards.values()} == {"finished"}
    assert shown[0][1] == 1000 and shown[0][0] < 1, "the first look shows every run before one is read"
    again = time.monotonic()
    assert cards_of(tmp_path, cards, lambda _: None) == cards
    assert time.monotonic() - again < 1, "a second look reads nothing"


def test_a_run_whose_decision_changed_is_read_again(tmp_path: Path) -> None:
    run = write_run(tmp_path, "finished")
    before = cards_of(tmp_path, {}, lambda _: None)
    decide(run, "accept", who="kim", why="")
    after = cards_of(tmp_path, before, lambda _: None)
    assert (before[run.id].said, after[run.id].said) == ("", "accepted by kim")


def test_a_damaged_decision_does_not_hide_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path, "finished")
    write_text(run.round(1).path / "decision.toml", "format = ")
    assert cards_of(tmp_path, {}, lambda _: None)[run.id].decided == "accept"
