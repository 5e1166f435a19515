"""Writing a lesson: what stands in the field, where drafts go, and what is said about a text that does not count."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.drafts import draft_path, open_lesson, save
from t2s_tui.screens.lesson import Fault
from t2s_tui.screens.lesson_sheet import first_place, sheet
from t2s_tui.text_faults import fault_of
from t2s_tui.widgets.editor import Editor, inks
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import held, lesson_screen, seed_of, shown, text, until
from workspace.errors import LessonInvalid
from workspace.lessons.lesson import load_lesson
from workspace.lessons.pool import load, set_status
from workspace.runs.run import RunFolder

PATH = Path("/tmp/a-rather-long-place/of/runs/2026-11-02-0900-xlsx-3f2/rounds/1/s0/edits/drafts/t003-L1.toml")
CELLS = 58


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


def told(words: str) -> list[str]:
    """What is said of a text that `load_lesson` refuses."""
    with pytest.raises(LessonInvalid) as refused:
        load_lesson(words, PATH)
    return fault_of(words, str(refused.value)).told(PATH, CELLS)


# --- the sheet ---------------------------------------------------------------------------------------------------


def test_what_is_ones_own_to_write_comes_first_and_the_rest_says_that_it_can_be_left_alone(run: RunFolder) -> None:
    sheet_ = open_lesson(seed_of(run), "t003-L1").text
    order = [sheet_.index(words) for words in ("# title:", "title = ", "claim = ", "why = ", "# kept by", "id = ")]
    assert order == sorted(order)
    assert "can be left alone" in sheet_.split("title = ")[0]


def test_a_new_lesson_has_three_lines_to_fill_in_and_no_more_fields_than_it_must(run: RunFolder) -> None:
    lines = [line for line in open_lesson(seed_of(run), "").text.splitlines() if line and not line.startswith("#")]
    assert lines[:3] == ['title = ""', 'claim = ""', 'why = ""']
    assert {line.split(" = ")[0] for line in lines[3:]} == {"id", "kind", "status", "author"}


def test_a_lesson_saved_as_it_was_opened_says_the_same_as_before(run: RunFolder) -> None:
    before = load(seed_of(run), "t003-L1").lesson
    opened = open_lesson(seed_of(run), "t003-L1")
    now = save(seed_of(run), opened, opened.text).lesson
    assert now.model_dump(exclude={"author", "status", "base"}) == before.model_dump(
        exclude={"author", "status", "base"}
    )
    assert (now.author, now.status) == ("human", "pinned")


def test_a_persons_own_remarks_are_still_there_when_the_lesson_is_opened_again(run: RunFolder) -> None:
    seed, opened = seed_of(run), open_lesson(seed_of(run), "t003-L1")
    save(seed, opened, f"# ask kim\n{opened.text}")
    assert open_lesson(seed, "t003-L1").text.startswith("# ask kim\n")


def test_a_lesson_that_was_only_dropped_opens_as_a_sheet(run: RunFolder) -> None:
    set_status(seed_of(run), "t003-L1", "dropped")
    assert 'status = "dropped"' in open_lesson(seed_of(run), "t003-L1").text
    assert open_lesson(seed_of(run), "t003-L1").text.startswith("# title:")


def test_writing_begins_in_the_title(run: RunFolder) -> None:
    words = sheet(load(seed_of(run), "t003-L1").lesson)
    line, column = first_place(words)
    assert words.splitlines()[line][:column] == 'title = "'


def test_names_of_fields_and_remarks_have_an_ink_of_their_own() -> None:
    assert [tuple(one) for one in inks('title = "x"', False)] == [(0, 5, "run")]
    assert [tuple(one) for one in inks("# help", False)] == [(0, 6, "dim")]
    assert not list(inks("# no help: part of a text", True)) and not list(inks("plain words", False))


# --- the field ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_field_says_how_to_save_leave_and_undo_and_where_a_draft_is_kept(
    run: RunFolder, size: tuple[int, int]
) -> None:
    async with shown(run, size=size) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await until(pilot, lambda: "edits/drafts/H001.toml" in text(app))
        for wanted in ("ctrl+s save", "esc leave", "ctrl+z undo typing"):
            assert wanted in text(app)


async def test_ctrl_z_takes_back_typing_and_does_not_leave_the_screen(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await pilot.press("h", "i")
        assert 'title = "hi"' in app.screen.query_one(Editor).text
        await pilot.press("ctrl+z")
        assert 'title = ""' in app.screen.query_one(Editor).text


async def test_the_cursor_goes_to_the_line_at_fault_and_the_line_is_shown_with_a_mark(run: RunFolder) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        editor = app.screen.query_one(Editor)
        editor.load_text(editor.text.replace('status = "kept"', 'status = "kept'))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "A quote is not closed" in text(app))
        line, column = editor.cursor_location
        assert editor.text.splitlines()[line] == 'status = "kept' and column == len('status = "kept')
        said = app.screen.query_one(Fault).text.split("\n")
        assert '  status = "kept' in said and f"{' ' * 16}^" in said


async def test_a_new_lesson_that_was_not_saved_when_the_screen_ended_opens_again(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await pilot.press("h", "i")
        app.leave(129)
    async with shown(run) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        assert 'title = "hi"' in app.screen.query_one(Editor).text
        assert "This is your unfinished text" in text(app)


async def test_a_text_that_is_given_up_leaves_no_draft(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await pilot.press("h", "i", "ctrl+s")
        draft = draft_path(seed_of(run), "H001")
        await until(pilot, draft.is_file)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: not draft.exists())


# --- what is wrong with a text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "line", "column", "said"),
    [
        ('id = "x"\ntitle = "abc\n', 2, 13, "A quote is not closed"),
        ('title "abc"\n', 1, 7, "An = is missing"),
        ('title = "a"\nid = "x"\ntitle = "b"\n', 3, 1, "`title` is there twice, first in line 1"),
        ('tasks = ["a"\nid = "x"\n', 2, 1, "A list is not closed"),
        ('tasks = ["a"', 1, 13, "A list is not closed"),
        ('claim = """\nDo it.\n', 1, 9, "A quote is not closed"),
        ("title = \n", 1, 9, "A value is missing"),
        ("title = “abc”\n", 1, 9, "straight quotes"),
        ('why = "C:\\dir"\n', 1, 12, "\\ in a text is written as two"),
        ('why = "the "sum" row"\n', 1, 13, "Something stands behind the value"),
    ],
)
def test_usual_slips_are_told_in_words_with_the_line_and_a_mark(words: str, line: int, column: int, said: str) -> None:
    rows = told(words)
    assert rows[0] == f"t003-L1.toml:{line}:{column}", "the whole path does not fit"
    assert rows[1].strip() == words.splitlines()[line - 1].strip()
    assert rows[2] == " " * (2 + column - 1) + "^"
    rest = " ".join(rows[3:])
    assert said in rest and "(the parser: " in rest
    assert all(len(row) <= CELLS for row in rows)


def test_a_field_that_lessons_do_not_have_is_shown_where_it_stands() -> None:
    rows = told('title = "a"\nclaim = "b"\nid = "t003-L1"\ncolour = "red"\n')
    assert rows == ["t003-L1.toml:4:1", '  colour = "red"', "  ^", "`colour`: a lesson has no field of this name"]


def test_a_long_line_is_shown_around_its_fault() -> None:
    rows = told(f'title = "{"word " * 40}\n')
    assert rows[1].startswith("  …") and all(len(row) <= CELLS for row in rows)


def test_a_path_that_fits_is_named_in_full() -> None:
    assert fault_of("= 1", "").told(Path("/tmp/H001.toml"), CELLS)[0] == "/tmp/H001.toml:1:1"


async def test_the_question_after_the_persons_editor_shows_the_line(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.write_text(path.read_text().replace('status = \"kept\"', 'status = \"kept'))\n"
    )
    monkeypatch.setenv("VISUAL", shlex.join([sys.executable, str(script)]))
    async with shown(run, size=(80, 24)) as (app, pilot):
        monkeypatch.setattr(app, "suspend", lambda: held(run, alive=False))
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        for wanted in ("t003-L1.toml:", 'status = "kept', "^", "A quote is not closed", "the parser: Illegal"):
            assert wanted in text(app)
