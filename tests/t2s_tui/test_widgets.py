"""The line-drawn widgets: what stands on them, that they stay in their columns, and that they redraw little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from t2s_tui.app import T2SApp
from t2s_tui.feed import Changes
from t2s_tui.screens.live import LiveScreen
from t2s_tui.theme import STATES, Look
from t2s_tui.widgets.canvas import Canvas
from t2s_tui.widgets.pool import Pool, bar, frontier
from t2s_tui.widgets.roster import Roster
from t2s_tui.widgets.status import EndpointLine, Header
from t2s_tui.widgets.wall import Wall
from tests.t2s_tui.recorded import write_run
from workspace.runs import events as e
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, engine_lock

SIZES = [(60, 15), (80, 24), (120, 36), (200, 50)]
HOSTILE = (
    "\x1b[31mred\x1b[2J", "\x1b]0;title\x07", "[bold]markup[/] [/red] [@click=app.quit]",
    "\u202egnirts\u2066", "nul\x00bell\x07",
    "数式のセルは値ではない", "👩‍🚀🚀❤️", "a" + "\u0301" * 300, "\r\noverwrite\x9b31m", "x" * 1_000_000,
)  # fmt: skip


@asynccontextmanager
async def live(run: RunFolder, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[T2SApp, Pilot[int]]]:
    """The live screen over `run`, as if its engine were at work."""
    with engine_lock(run):
        app = T2SApp(run.path.parent, run, look=Look())
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.2)
            yield app, pilot


def rows(app: T2SApp) -> list[str]:
    """What stands on the terminal, row by row."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


@pytest.mark.parametrize("size", SIZES)
async def test_no_row_is_wider_than_the_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with live(write_run(tmp_path), size) as (app, pilot):
        for key in "12345z":
            await pilot.press(key)
            await pilot.pause(0.05)
            assert {cell_len(row) for row in rows(app)} == {size[0]}
            for canvas in app.screen.query(Canvas):
                assert all(cell_len(row) <= canvas.size.width for row in canvas.text_rows()), canvas


async def test_the_live_screen_tells_what_runs_and_how_far_it_is(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, _):
        text = "\n".join(rows(app))
        for wanted in ("● running", "64/80", "✗2", "24 running", "m1-06", "LESSONS", "of 9 done", "in flight", "tok/s"):
            assert wanted in text


async def test_a_narrow_terminal_shows_one_panel_and_names_the_others(tmp_path: Path) -> None:
    async with live(write_run(tmp_path), (80, 24)) as (app, pilot):
        assert "AGENTS" in "\n".join(rows(app))
        assert "MERGE TREE" not in "\n".join(rows(app))
        await pilot.press("3")
        await pilot.pause(0.1)
        assert "MERGE TREE" in "\n".join(rows(app))
        assert "AGENTS" not in "\n".join(rows(app))


async def test_a_tiny_terminal_gets_a_sentence_instead_of_a_broken_picture(tmp_path: Path) -> None:
    async with live(write_run(tmp_path), (50, 12)) as (app, _):
        assert "needs 60x15" in "\n".join(rows(app))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_hostile_text_in_every_field_shows_and_does_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    run = hostile_run(tmp_path)
    async with live(run, size) as (app, pilot):
        for keys in (
            ("1",),
            ("2",),
            ("i",),
            ("3",),
            ("4",),
            ("5",),
            ("1", "enter"),
            ("escape", "2", "i", "enter"),
            ("escape", "v"),
        ):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            for strip in app.screen._compositor.render_strips():
                assert all(segment.text.isprintable() for segment in strip), repr(strip.text)
                assert not {"\u202e", "\u2066", "\x1b", "\x9b"} & set(strip.text)
                assert cell_len(strip.text) == size[0]
        assert app.is_running


async def test_a_frame_without_news_redraws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path)
    with engine_lock(run):
        app = T2SApp(tmp_path, run, look=Look(), now=lambda: 1_795_000_200.0)
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(0.3)
            redrawn = count_redrawn(monkeypatch)
            app.screen.query_one(Roster).pull()
            assert isinstance(app.screen, LiveScreen)
            app.screen.pull(Changes())
            assert redrawn == []


async def test_one_agents_new_words_redraw_one_row_of_the_roster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path)
    with engine_lock(run):
        app = T2SApp(tmp_path, run, look=Look(), now=lambda: 1_795_000_200.0)
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(0.3)
            roster = app.screen.query_one(Roster)
            assert app.feed is not None
            app.feed.tail("proposer-t057").say("\nentirely different words now, and more of them")
            redrawn = count_redrawn(monkeypatch)
            roster.pull()
            assert [region.height for region in redrawn] == [1]
            assert redrawn[0].x > 40, "the columns before the words stay"


async def test_the_cursor_stays_on_its_agent_when_the_order_changes(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, pilot):
        roster = app.screen.query_one(Roster)
        await pilot.press("j", "j")
        here = roster.cursor
        await pilot.press("s", "s", "s")
        assert roster.cursor == here


async def test_a_filter_shows_only_rows_that_hold_the_text(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, pilot):
        await pilot.press("slash", *"t003", "enter")
        await pilot.pause(0.1)
        roster = app.screen.query_one(Roster)
        shown = [row for row in roster.text_rows()[1:] if row]
        assert shown
        assert all("t003" in row for row in shown)
        assert roster.has_focus
        await pilot.press("slash", "escape")
        assert len([row for row in roster.text_rows()[1:] if row]) > len(shown)


async def test_the_picked_agent_is_always_among_the_live_panes(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, pilot):
        await pilot.press(*["j"] * 15)
        await pilot.pause(0.1)
        picked = app.screen.query_one(Roster).cursor
        assert app.feed is not None
        unit = app.feed.view.agents[picked].unit
        assert unit in "\n".join(app.screen.query_one(Wall).text_rows())


async def test_panes_keep_their_places_while_others_come_and_go(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, pilot):
        wall = app.screen.query_one(Wall)
        before = list(wall._slots)
        await pilot.press(*["j"] * 12)
        await pilot.pause(0.1)
        same = sum(a == b for a, b in zip(before, wall._slots, strict=True))
        assert same == len(before) - 1


async def test_ideas_are_ordered_by_support(tmp_path: Path) -> None:
    async with live(write_run(tmp_path)) as (app, pilot):
        await pilot.press("2", "i")
        await pilot.pause(0.1)
        pool = app.screen.query_one(Pool)
        assert app.feed is not None
        supports = [edit.support for edit in frontier(app.feed.view)]
        assert supports == sorted(supports, reverse=True)
        assert f"{supports[0]:>4}" in pool.text_rows()[1]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
async def test_header_and_endpoint_line_always_hold_the_essentials(tmp_path: Path, width: int) -> None:
    async with live(write_run(tmp_path), (width, 24)) as (app, _):
        header = "\n".join(app.screen.query_one(Header).text_rows())
        assert "xlsx" in header
        assert "running" in header
        assert "analyse" in header
        assert "24/27" in app.screen.query_one(EndpointLine).text_rows()[0]


def test_every_state_has_a_glyph_of_its_own_set_and_a_colour() -> None:
    for name, mark in STATES.items():
        assert cell_len(mark.glyph) == 1, name
        assert mark.ascii.isascii(), name
        assert len(mark.ascii) == 1, name
        assert mark.ink


async def test_the_ascii_set_draws_the_frame_without_a_single_other_character(tmp_path: Path) -> None:
    run = write_run(tmp_path, "finished")
    app = T2SApp(tmp_path, run, look=Look(ascii_only=True))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.2)
        for name in ("#roster", "#tree", "#endpoint", "#header"):
            widget = app.screen.query_one(name, Canvas)
            text = (
                "".join(widget.text_rows())
                .replace("“", "")
                .replace("”", "")
                .replace("Ü", "")
                .replace("…", "")
                .replace("–", "")
            )
            assert text.isascii(), [c for c in text if not c.isascii()]


def test_a_bar_is_seen_for_the_smallest_support_and_full_for_the_largest() -> None:
    look = Look()
    assert bar(0.0, 6, look) == " " * 6
    assert bar(0.01, 6, look).strip()
    assert bar(1.0, 6, look) == look.glyphs.full * 6


def count_redrawn(monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """From now on, every region any canvas asks to have redrawn."""
    seen: list[Region] = []
    plain = Widget.refresh

    def counted(self: Widget, *regions: Region, **options: bool) -> Widget:
        if isinstance(self, Canvas):
            seen.extend(regions or [self.region])
        return plain(self, *regions, **options)

    monkeypatch.setattr(Widget, "refresh", counted)
    return seen


def hostile_run(folder: Path) -> RunFolder:
    """A run in which everything that a model or a tool words is hostile."""
    run = write_run(folder)
    lines, live_text, seq = [], LiveWriter(run), 10_000
    for n, text in enumerate(HOSTILE):
        words = text[:600]
        unit = f"t{n:03d}"
        agent = f"proposer-t{n + 57:03d}"
        live_text.say(agent, text + "\n" + text[:50])
        made = [
            e.AgentSpoke(agent=agent, tokens=5, words=words),
            e.AgentFailed(agent=f"analyst-t{n + 65:03d}", reason=words),
            e.LessonLearned(lesson=f"{unit}-L1", title=words, support=n),
            e.LessonInvalid(lesson=f"{unit}-L1", reason=words),
            e.EditMerged(edit=f"m1-01-E{n}", node="m1-01", sources=1, support=n, text=words),
            e.MergeFailed(node=f"m1-0{n % 8 + 1}", reason=words),
            e.NoteLeft(text=words),
            e.GuardFlagged(rule="link", severity="error", file=words, message=words),
            e.ScoreMeasured(split="validation", side="s0", task=words, status="pass", score=1.0),
            e.ScoreMeasured(split="validation", side="base", task=words, status="fail", score=0.0),
            e.EndpointLost(endpoint="x", reason=words),
            e.EndpointBack(endpoint="x"),
            e.VerdictReached(
                decision="accept", baseline=0.1, candidate=0.5, difference=0.4, p=0.01, n=9, sentence=words
            ),
        ]
        for event in made:
            seq += 1
            lines.append(
                e.dump_event(event.model_copy(update={"seq": seq, "time": 1_795_000_190.0, "t": 190.0})) + "\n"
            )
    live_text.flush()
    with run.journal.open("a") as journal:
        journal.writelines(lines)
    (run.path / "agents").mkdir(exist_ok=True)
    return run
