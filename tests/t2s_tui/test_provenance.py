"""From a line of the result down to the words somebody said, key by key; on the run of a real model."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from textual.pilot import Pilot

from t2s_tui.app import T2SApp
from t2s_tui.screens.agent import TrajectoryScreen
from t2s_tui.screens.blame import BlameText
from t2s_tui.screens.diff import DiffScreen, DiffText
from t2s_tui.screens.edit import EditScreen, EditText
from t2s_tui.screens.lesson import LessonScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.node import NodeScreen, NodeText
from t2s_tui.widgets.page import Page
from t2s_tui.widgets.status import Header
from tests.shell import Shell
from tests.t2s_tui.test_screens import shown, text, until
from workspace.edits.patch import Delete, dumps_patch, edit_text, loads_patch
from workspace.origins.lineage import Lineage, patch_of
from workspace.runs.run import RunFolder
from workspace.skills.outline import outline_of
from workspace.skills.skill import load_skill

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The recorded run of the pictures: 48 tasks, the embedded model, three levels of merges."""
    run = tmp_path_factory.mktemp("recorded") / "runs" / "2026-11-23-0844-house-date-f1e"
    with tarfile.open(ROOT / "screenshots" / "recorded.tar.xz") as archive:
        archive.extractall(run, filter="data")
    return RunFolder(run)


@pytest.fixture
def run(real: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may change."""
    return RunFolder(Path(shutil.copytree(real.path, tmp_path / "runs" / real.path.name)))


async def to_line(pilot: Pilot[int], app: T2SApp, said: str) -> DiffText:
    """The diff with the cursor on the first line that holds `said`."""
    await pilot.press("d")
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))
    diff = app.screen.query_one(DiffText)
    pair = next((f.name, p) for f in diff.files for p in f.pairs if p.after and said in p.after)
    diff.put(f"{pair[1].old}:{pair[1].new}:{pair[0]}")
    return diff


async def go_to(pilot: Pilot[int], page: Page, kind: str) -> None:
    """Step down with j until the cursor is on an item of that kind."""
    for _ in range(200):
        if page.cursor.startswith(kind):
            return
        await pilot.press("j")
    raise AssertionError(f"no {kind} was reached from {page.cursor}")


def unwrapped(app: T2SApp) -> str:
    """What stands on the screen without blanks: a long path may be broken at any place."""
    return "".join(text(app).split())


async def test_from_a_line_of_the_result_to_the_quoted_words_and_back(real: RunFolder) -> None:
    async with shown(real, alive=False) as (app, pilot):
        await to_line(pilot, app, "DD-MMM-YYYY")
        await pilot.press("b")
        blame = app.screen.query_one(BlameText)
        await until(pilot, lambda: "Written by the model in m3-01-E1" in "\n".join(blame.text_rows()))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditScreen))
        for expected in ("edit:m2-", "edit:m1-", "edit:t0"):  # one level after the other
            page = app.screen.query_one(EditText)
            await go_to(pilot, page, expected)
            await pilot.press("enter")
            await until(pilot, lambda key=expected: app.screen.query_one(EditText).edit.startswith(key[5:]))
        page = app.screen.query_one(EditText)
        await go_to(pilot, page, "lesson:")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LessonScreen))
        await go_to(pilot, app.screen.query_one(Page), "quote:")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrajectoryScreen))
        assert "› t0" in app.screen.query_one(Header).text_rows()[0]
        for _ in range(7):
            await pilot.press("escape")
            await pilot.pause(0.1)
        assert isinstance(app.screen, LiveScreen)


async def test_an_edit_names_the_merge_that_took_it_and_what_the_settling_made_of_it(real: RunFolder) -> None:
    seed = real.round(1).seed(0)
    lineage = Lineage(seed, load_skill(real.skill(0) / "house-date"))
    root = loads_patch((seed.tree / "m3-01.toml").read_text(), "m3-01")
    source = lineage.sources(root.edits[0])[0]
    above = lineage.taken_by(source)
    assert above is not None and above.edit is not None
    assert above.edit.id == root.edits[0].id
    async with shown(real, alive=False) as (app, pilot):
        app.push_screen(EditScreen(app.feed, source.id))  # pyright: ignore[reportArgumentType]
        await until(pilot, lambda: f"taken into {above.edit.id} by m3-01" in text(app))
        assert "in the skill" in text(app)


def test_every_merged_edit_is_made_of_edits_that_hold_all_its_sources(real: RunFolder) -> None:
    seed = real.round(1).seed(0)
    lineage = Lineage(seed)
    for path in seed.tree.glob("m*.toml"):
        for edit in loads_patch(path.read_text(), path).edits:
            if patch_of(edit.id) != path.stem:
                continue  # carried up unchanged
            below = lineage.sources(edit)
            assert set(edit.sources) == {leaf for each in below for leaf in each.sources or (each.id,)}
            assert {x for each in below for x in each.support} == set(edit.support)


async def test_a_merge_opens_its_edits_and_its_children(real: RunFolder) -> None:
    async with shown(real, alive=False) as (app, pilot):
        await pilot.press("3", "enter")
        await until(pilot, lambda: isinstance(app.screen, NodeScreen))
        page = app.screen.query_one(NodeText)
        await go_to(pilot, page, "merge:")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(NodeText).node.startswith("m2-"))
        await go_to(pilot, app.screen.query_one(NodeText), "merge:")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(NodeText).node.startswith("m1-"))
        await go_to(pilot, app.screen.query_one(NodeText), "patch:")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(NodeText).name_shown == "PATCH")
        await go_to(pilot, app.screen.query_one(NodeText), "lesson:")


async def test_the_edits_of_a_merge_can_be_sorted_by_name(real: RunFolder) -> None:
    async with shown(real, alive=False) as (app, pilot):
        app.push_screen(NodeScreen(app.feed, "m1-01"))  # pyright: ignore[reportArgumentType]
        await until(pilot, lambda: "m1-01-E1" in text(app))
        await pilot.press("s")
        rows = [row for row in app.screen.query_one(NodeText).text_rows() if "m1-01-E" in row]
        assert rows == sorted(rows)


async def test_blame_knows_a_line_of_the_first_skill_and_one_written_by_the_program(real: RunFolder) -> None:
    async with shown(real, alive=False) as (app, pilot):
        diff = await to_line(pilot, app, "Find the day that the question asks about")
        await pilot.press("b")
        blame = app.screen.query_one(BlameText)
        await until(pilot, lambda: "the first skill" in "\n".join(blame.text_rows()))
        pair = next((f.name, p) for f in diff.files for p in f.pairs if p.after and "Answer:" in p.after)
        assert "the program" in blame.sentence(f"{pair[1].old}:{pair[1].new}:{pair[0]}")


async def test_blame_names_the_edit_that_took_a_line_out(shell: Shell, fast: str) -> None:
    """A real run whose candidate lost a line: its S0 is made to hold one that a patch deletes."""
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(8)]
    assert shell.t2s("run", *inputs, "--base-url", fast, "--model", "scripted", "--plain").code == 0
    run = shell.run()
    seed = run.round(1).seed(0)
    patch = loads_patch(seed.patch.read_text(), seed.patch)
    base = load_skill(run.skill(0) / "ledger")
    line = next(n for n, said in enumerate(base.body.split("\n"), 1) if "Write every sum twice" in said)
    whole = base.text("SKILL.md") or ""
    number = line + whole.split(base.body)[0].count("\n")
    block = next(b for b in outline_of("SKILL.md", whole).blocks if b.start < number <= b.end and b.kind == "item")
    delete = Delete(id="t001-E9", block=block.id, support=("task-1",))
    seed.patch.write_text(dumps_patch(patch.model_copy(update={"edits": (*patch.edits, delete)})))
    lineage = Lineage(seed, base)
    found = lineage.remover("SKILL.md", number)
    assert found is not None and found.id == "t001-E9"
    assert lineage.takes_out(found) == ["- Write every sum twice."]
    assert not edit_text(found)


@pytest.mark.parametrize("broken", ["tree/m3-01.toml", "tree/plan.toml", "patches/t005.toml"])
async def test_a_file_that_does_not_parse_is_named_and_the_rest_can_still_be_read(run: RunFolder, broken: str) -> None:
    path = run.round(1).seed(0).path / broken
    path.write_text("format = 1\nid = [\x1b[31m\n")
    async with shown(run, alive=False) as (app, pilot):
        app.push_screen(NodeScreen(app.feed, "m3-01"))  # pyright: ignore[reportArgumentType]
        await pilot.pause(0.3)
        app.push_screen(EditScreen(app.feed, "m3-01-E1"))  # pyright: ignore[reportArgumentType]
        await pilot.pause(0.3)
        app.push_screen(LessonScreen(app.feed, "t005-L1"))  # pyright: ignore[reportArgumentType]
        await pilot.pause(0.3)
        if "patches" in broken:
            assert "t005.toml:2" in unwrapped(app)
        await pilot.press("escape")
        await pilot.pause(0.2)
        if "m3-01" in broken:
            assert "m3-01.toml:2" in unwrapped(app)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_the_line_under_the_cursor_stays_in_sight_when_its_blame_takes_room(
    real: RunFolder, size: tuple[int, int]
) -> None:
    async with shown(real, alive=False) as (app, pilot):
        diff = await to_line(pilot, app, "DD-MMM-YYYY")
        await pilot.press("b")
        await pilot.pause(0.2)
        await pilot.resize_terminal(*size)
        await pilot.pause(0.3)
        assert any("Write the date in the format" in row for row in diff.text_rows())
