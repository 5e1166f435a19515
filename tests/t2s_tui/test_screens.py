"""What people do on the screens, key by key, and what it leaves on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

from t2s_tui.app import T2SApp
from t2s_tui.farewell import exit_code, farewell
from t2s_tui.people import workplace
from t2s_tui.screens.agent import AgentScreen, TrajectoryScreen
from t2s_tui.screens.budget import BudgetScreen
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.diff import DiffScreen, compare, file_diff, sides, unified
from t2s_tui.screens.drafts import draft_path, editor_command, open_lesson, save
from t2s_tui.screens.help import HelpScreen
from t2s_tui.screens.lesson import Fault, LessonScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.new_run import NewRunScreen
from t2s_tui.screens.node import NodeScreen
from t2s_tui.screens.runs import RunList, RunsScreen
from t2s_tui.screens.verdict import VerdictScreen
from t2s_tui.theme import Look
from t2s_tui.widgets.editor import Editor
from t2s_tui.widgets.pool import Pool
from tests.shell import Shell
from tests.t2s_tui.recorded import SKILL, write_run
from workspace.errors import InputError, LessonInvalid
from workspace.files import write_text
from workspace.lessons.pool import load
from workspace.runs import events as e
from workspace.runs.events import dump_event
from workspace.runs.run import RunFolder, SeedFolder, engine_lock, load_view
from workspace.runs.wishes import read_wish, waiting

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


@asynccontextmanager
async def shown(
    run: RunFolder, *, alive: bool = True, size: tuple[int, int] = (120, 36), readonly: bool = False
) -> AsyncIterator[tuple[T2SApp, Pilot[int]]]:
    """The app on `run`'s live screen."""
    with held(run, alive):
        app = T2SApp(run.path.parent, run, look=Look(), readonly=readonly)
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.2)
            yield app, pilot


@contextmanager
def held(run: RunFolder, alive: bool):
    if alive:
        with engine_lock(run):
            yield
    else:
        yield


def text(app: T2SApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[int], true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        await pilot.pause(0.05)
    assert true()


def seed_of(run: RunFolder) -> SeedFolder:
    seed = workplace(run)
    assert seed is not None
    return seed


def wishes(run: RunFolder) -> list[str]:
    return [read_wish(path).kind for path in waiting(run)]


# --- the run -----------------------------------------------------------------------------------------------------


async def test_space_asks_the_engine_to_pause_with_what_the_person_had_seen(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("space")
        await pilot.pause()
        (path,) = waiting(run)
        wish = read_wish(path)
        assert app.feed is not None
        assert (wish.kind, wish.seq) == ("pause", app.feed.view.seq)


async def test_space_keeps_a_run_paused_that_waits_for_its_endpoint_and_the_next_one_lets_it_go(
    run: RunFolder,
) -> None:
    lost = [e.EndpointLost(endpoint="h", reason="gone"), e.RunPaused(why="endpoint", detail="cannot reach h")]
    _append(run, *lost)
    async with shown(run) as (app, pilot):
        assert "goes on by itself; space keeps it paused" in text(app)
        await pilot.press("space")
        await pilot.pause()
        assert wishes(run) == ["pause"]
        _append(
            run, e.WishGranted(wish="w", what="pause"), e.RunPaused(why="endpoint", detail="cannot reach h; paused")
        )
        await until(pilot, lambda: "space goes on" in text(app))
        await pilot.press("space")
        await until(pilot, lambda: wishes(run) == ["pause", "resume"])


async def test_a_hold_is_lifted_by_the_first_space(run: RunFolder) -> None:
    _append(run, e.RunPaused(why="hold:analyse", detail="held after analyse"))
    async with shown(run) as (_, pilot):
        await pilot.press("space")
        await until(pilot, lambda: wishes(run) == ["resume"])


def _append(run: RunFolder, *found: e.Event) -> None:
    """What an engine would write now."""
    last = load_view(run).view
    with run.journal.open("a") as file:
        for n, event in enumerate(found, 1):
            file.write(dump_event(event.model_copy(update={"seq": last.seq + n, "time": last.now + n})) + "\n")


OUT_OF_TOKENS = (
    e.BudgetReached(cap="tokens", limit=3000, spent=2900),
    e.RunPaused(why="budget", detail="a budget of 3,000 tokens is reached"),
)


@pytest.mark.parametrize("key", ["B", "space"])
async def test_a_key_raises_the_cap_that_holds_the_run(run: RunFolder, key: str) -> None:
    _append(run, *OUT_OF_TOKENS)
    async with shown(run) as (app, pilot):
        assert "B raises the cap" in text(app)
        await pilot.press(key)
        await until(pilot, lambda: "Raise the budget of tokens?" in text(app))
        await pilot.press("ctrl+u", *"2999", "enter")
        await until(pilot, lambda: "only a number above 3,000 lets the run go on" in text(app))
        assert not wishes(run)
        await pilot.press("ctrl+u", *"9,000", "enter")
        await until(pilot, lambda: wishes(run) == ["spending"])
        assert read_wish(waiting(run)[0]).arguments == {"tokens": 9000}


async def test_a_cap_can_be_taken_away_or_left_as_it_is(run: RunFolder) -> None:
    _append(run, *OUT_OF_TOKENS)
    async with shown(run) as (app, pilot):
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BudgetScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        assert not wishes(run)
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BudgetScreen))
        await pilot.press("ctrl+u", *"none", "enter")
        await until(pilot, lambda: wishes(run) == ["spending"])
        assert read_wish(waiting(run)[0]).arguments == {"tokens": "none"}


async def test_a_persons_pause_beside_an_empty_budget_is_lifted_by_space(run: RunFolder) -> None:
    _append(run, *OUT_OF_TOKENS, e.WishGranted(wish="w", what="pause"))
    async with shown(run) as (_, pilot):
        await pilot.press("space")
        await until(pilot, lambda: wishes(run) == ["resume"])


async def test_without_an_empty_budget_there_is_nothing_to_raise(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("B")
        await pilot.pause(0.2)
        assert isinstance(app.screen, LiveScreen)
        assert not wishes(run)


def _busy(run: RunFolder, agents: int, wait: float) -> None:
    """So many agents are told by the server to wait so long from now."""
    at_work = [agent.id for agent in load_view(run).view.agents.values() if agent.state == "running"][:agents]
    past = time.time() - load_view(run).view.now
    reason = "http://gpu-02:8000/v1 (model q) is busy (429): too many requests"
    busy = e.CallRetried(agent="", attempt=1, failure="rejected", reason=reason, wait=past + wait)
    _append(run, *(busy.model_copy(update={"agent": agent}) for agent in at_work))


async def test_who_waits_for_a_busy_server_is_seen_at_a_glance(run: RunFolder) -> None:
    _busy(run, 9, 3000)
    async with shown(run, size=(140, 36)) as (app, pilot):
        assert "9 waiting to retry" in text(app)
        assert "↻ 9 wait 30" in text(app)
        await pilot.press("5")
        await until(pilot, lambda: "9 agents, next tries in" in text(app))
        assert "the endpoint is busy (429): too many requests" in " ".join(text(app).split())
        _append(run, *(e.AgentSpoke(agent=a, tokens=1, words="so") for a in load_view(run).view.retrying))
        await until(pilot, lambda: "9 agents" not in text(app))


async def test_what_failed_and_what_was_turned_is_in_the_machine_room(run: RunFolder) -> None:
    failed = e.UnitFailed(unit="t099", stage="analyse", reason="no lesson could be read")
    _append(run, failed, e.KnobTurned(key="spending.tokens", before="3000", after="9000", who="kim"))
    async with shown(run, size=(140, 36)) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "analyse t099: no lesson could be read" in text(app))
        assert "spending.tokens: 3000 → 9000, by kim" in text(app)


async def test_a_stop_under_way_is_in_the_header(run: RunFolder) -> None:
    _append(run, e.WishGranted(wish="w", what="stop"))
    async with shown(run) as (app, _):
        assert "stopping" in text(app).splitlines()[0]


async def test_nobody_is_at_work_in_a_lost_run(run: RunFolder) -> None:
    for size in ((80, 24), (120, 36), (200, 50)):
        async with shown(run, alive=False, size=size) as (app, pilot):
            await pilot.pause(0.2)
            assert "24 cut off" in text(app)
            assert "running" not in text(app)
            assert "merging" not in text(app)
            assert "24/27" not in text(app), "no call is in flight"


async def test_stopping_asks_first_and_a_no_changes_nothing(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "24 calls in flight finish" in text(app)
        await pilot.press("n")
        await pilot.pause(0.1)
        assert wishes(run) == []
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: wishes(run) == ["stop"])


async def test_more_calls_are_asked_for_with_a_number(run: RunFolder) -> None:
    async with shown(run) as (_, pilot):
        await pilot.press("plus")
        await pilot.pause()
        assert read_wish(waiting(run)[0]).arguments == {"limit": 30}


async def test_q_leaves_while_the_run_goes_on_and_says_how_to_come_back(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        assert f"t2s attach {run.id}" in farewell(app.feed)
        await pilot.press("q")
    assert app.return_value == 0
    assert wishes(run) == []


async def test_one_ctrl_c_is_a_hint_and_two_leave(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("ctrl+c")
        await pilot.pause(0.1)
        assert app.is_running
        assert app.return_value is None
        await pilot.press("ctrl+c")
    assert app.return_value == 0


async def test_a_run_without_its_engine_is_called_lost_and_offers_the_key(run: RunFolder) -> None:
    async with shown(run, alive=False) as (app, pilot):
        assert "lost" in text(app)
        assert "R resumes" in text(app)
        await pilot.press("space")
        await pilot.pause()
        assert wishes(run) == [], "nobody would hear it"
        assert exit_code(app.feed) == 1


async def test_a_viewer_that_only_reads_leaves_nothing_behind(run: RunFolder) -> None:
    run.lock.touch()
    before = sorted(run.path.rglob("*"))
    async with shown(run, readonly=True) as (app, pilot):
        for key in ("space", "2", "x", "p", "e", "a", "u", "R", "r", "plus"):
            await pilot.press(key)
        await pilot.pause(0.2)
        assert isinstance(app.screen, LiveScreen)
        assert "read-only" in text(app)
    assert sorted(run.path.rglob("*")) == before


async def test_an_attached_finished_run_ends_with_the_runs_own_code(tmp_path: Path) -> None:
    async with shown(write_run(tmp_path, "finished"), alive=False) as (app, pilot):
        assert "✓ accept: 34 % → 81 %" in text(app)
        assert text(app).count("accept") == 1
        await pilot.press("q")
    assert app.return_value == 0


async def test_a_slow_terminal_skips_frames_and_says_so(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(run) as (app, pilot):
        monkeypatch.setattr(app, "_behind", lambda: True)
        await pilot.pause(0.8)
        monkeypatch.setattr(app, "_behind", lambda: False)
        await until(pilot, lambda: "slow link" in text(app))


# --- lessons -----------------------------------------------------------------------------------------------------


async def lesson_screen(pilot: Pilot[int], app: T2SApp, lesson: str) -> LessonScreen:
    await pilot.press("2")
    app.screen.query_one(Pool).go(lesson)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, LessonScreen))
    await pilot.pause(0.1)
    assert isinstance(app.screen, LessonScreen)
    return app.screen


async def test_a_lesson_shows_its_evidence_where_it_was_said(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        assert "D7 expected 41.2 got None" in text(app)
        assert "A change makes again when the run goes on" in text(app) or "A change makes again at once" in text(app)
        assert "proposal t003; merge m1-01" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrajectoryScreen))
        await pilot.pause(0.1)
        assert "I write =SUM(B2:B14)" in text(app)
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, LiveScreen)


async def test_an_edited_lesson_counts_when_it_is_saved(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        editor = app.screen.query_one(Editor)
        editor.load_text(editor.text.replace("openpyxl writes formulas as text", "Nobody calculates"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.screen.query(Editor))
        now = load(seed_of(run), "t003-L1")
        assert now.edited
        assert now.lesson.why.startswith("Nobody calculates")
        await until(pilot, lambda: "edited by you" in text(app))


async def test_a_text_that_does_not_parse_stays_in_the_field_and_names_its_line(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        editor = app.screen.query_one(Editor)
        editor.load_text(editor.text.replace('kind = "', "kind = "))
        await pilot.press("ctrl+s")
        await pilot.pause(0.2)
        said = app.screen.query_one(Fault).text
        assert "t003-L1.toml:" in said
        assert editor.text.splitlines()[editor.cursor_location[0]].startswith("kind")
        assert not load(seed_of(run), "t003-L1").edited
        assert draft_path(seed_of(run), "t003-L1").read_text() == editor.text


async def test_leaving_the_field_with_changes_asks_first(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.pause(0.1)
        assert 'title = "x' in app.screen.query_one(Editor).text


async def test_a_viewer_that_must_end_keeps_what_was_being_typed(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        await pilot.press("h", "i")
        app.leave(129)
    assert 'title = "hi' in draft_path(seed_of(run), "t003-L1").read_text()


async def test_a_key_drops_a_lesson_and_the_same_key_takes_it_back(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2")
        app.screen.query_one(Pool).go("t003-L1")
        await pilot.press("x")
        await pilot.pause(0.1)
        assert load(seed_of(run), "t003-L1").lesson.status == "dropped"
        await until(pilot, lambda: "dropped" in text(app))
        await pilot.press("x")
        await pilot.pause(0.1)
        assert not load(seed_of(run), "t003-L1").edited
        await pilot.press("p")
        await until(pilot, lambda: app.feed is not None and "t003-L1" in app.feed.people.own)
        await pilot.press("u")
        await pilot.pause(0.1)
        assert not load(seed_of(run), "t003-L1").edited


async def test_a_person_writes_a_lesson_of_their_own(run: RunFolder) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press("2", "a")
        await until(pilot, lambda: bool(app.screen.query(Editor)))
        editor = app.screen.query_one(Editor)
        editor.load_text(editor.text.replace('claim = ""', 'claim = "Close the workbook."'))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.screen.query(Editor))
        assert load(seed_of(run), "H001").lesson.claim == "Close the workbook."


def test_a_lesson_that_changed_meanwhile_is_not_overwritten(run: RunFolder) -> None:
    seed = seed_of(run)
    mine = open_lesson(seed, "t003-L1")
    save(seed, open_lesson(seed, "t003-L1"), mine.text.replace("openpyxl writes", "They write"))
    with pytest.raises(InputError, match="changed meanwhile"):
        save(seed, mine, mine.text.replace("openpyxl writes", "I write"))
    assert load(seed, "t003-L1").lesson.why.startswith("They write")
    assert "I write" in open_lesson(seed, "t003-L1").text, "the draft opens again"


def test_a_draft_never_counts_as_a_lesson(run: RunFolder) -> None:
    seed = seed_of(run)
    with pytest.raises(LessonInvalid):
        save(seed, open_lesson(seed, "t003-L1"), "not = [toml")
    assert not load(seed, "t003-L1").edited


def test_the_persons_editor_is_the_one_their_shell_names() -> None:
    assert editor_command({"EDITOR": "vim -n", "VISUAL": "code --wait"}) == ["code", "--wait"]
    assert editor_command({"EDITOR": "vim -n"}) == ["vim", "-n"]


async def test_text_from_the_persons_editor_that_does_not_parse_is_opened_again(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "path = pathlib.Path(sys.argv[1]); text = path.read_text()\n"
        "broken = '= broken' in text\n"
        "path.write_text(text.replace('= broken', '# mine') if broken else text + '= broken')\n"
    )
    monkeypatch.setenv("VISUAL", shlex.join([sys.executable, str(script)]))
    async with shown(run) as (app, pilot):
        monkeypatch.setattr(app, "suspend", lambda: held(run, alive=False))
        await lesson_screen(pilot, app, "t003-L1")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "t003-L1.toml:" in text(app)
        assert "= broken" in draft_path(seed_of(run), "t003-L1").read_text()
        await pilot.press("y")
        await until(pilot, lambda: load(seed_of(run), "t003-L1").edited)


# --- the other screens -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "screen", "wanted"),
    [
        (("enter",), AgentScreen, "speaking"),
        (("3", "j", "enter"), NodeScreen, "support"),
        (("d",), DiffScreen, "no candidate yet"),
        (("v",), VerdictScreen, "No verdict yet"),
        (("question_mark",), HelpScreen, "those at work first"),
        (("escape",), RunsScreen, "running"),
    ],
)
async def test_every_way_in_has_a_way_back(
    run: RunFolder, keys: tuple[str, ...], screen: type[Screen[None]], wanted: str
) -> None:
    async with shown(run) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, screen))
        await pilot.pause(0.3)
        assert wanted in text(app)
        await pilot.press("enter" if screen is RunsScreen else "escape")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))


async def test_the_diff_stands_side_by_side_on_a_wide_screen_and_below_each_other_on_a_narrow_one(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path, "finished")
    for size, numbers in (((140, 40), 2), ((80, 40), 1)):
        async with shown(run, alive=False, size=size) as (app, pilot):
            await pilot.press("d")
            await until(pilot, lambda app=app: isinstance(app.screen, DiffScreen))
            await pilot.pause(0.2)
            row = next(line for line in text(app).splitlines() if "## Reading" in line)
            assert row.count("## Reading") == numbers
            assert "references/rare.md" in text(app)


def test_the_diff_gives_back_both_files(tmp_path: Path) -> None:
    run = write_run(tmp_path, "finished")
    files = compare(*sides(run))
    assert [file.name for file in files] == ["SKILL.md", "references/rare.md"]
    old = SKILL.splitlines()
    whole = file_diff("SKILL.md", old, [*old[:9], "new", *old[10:]])
    assert (whole.added, whole.removed) == (1, 1)
    assert any(line == "+ new" for line in unified([whole]))


async def test_the_verdict_lists_fixed_and_broken_tasks(tmp_path: Path) -> None:
    async with shown(write_run(tmp_path, "finished"), alive=False) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
        await pilot.pause(0.2)
        for wanted in ("ACCEPT", "81.0 %", "fixed", "broken", "[+25, +66]"):
            assert wanted in text(app)
        assert "accept:" not in text(app), "the decision is said once"


async def test_home_lists_the_runs_and_deletes_one_only_after_a_yes(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old = write_run(runs, "finished", name="2026-11-01-0900-old-aaa")
    app = T2SApp(runs, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: bool(app.screen.query_one(RunList).cards))
        await pilot.pause(0.1)
        assert "✓ accept" in text(app)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.pause(0.1)
        assert old.path.exists()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: not old.path.exists())


async def test_home_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    app = T2SApp(tmp_path / "nothing", look=Look())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "t2s demo" in text(app))


async def test_what_is_typed_behind_a_tab_belongs_to_the_next_field(tmp_path: Path) -> None:
    app = T2SApp(tmp_path / "runs", look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        for char in "skills/mine\t\t\ttraces/mine":  # all at once, as from a paste or a fast hand on a slow line
            app.post_message(events.Key("tab" if char == "\t" else char, char))
        await until(pilot, lambda: "--skill skills/mine --traces traces/mine" in " ".join(text(app).split()))


async def test_a_new_run_that_lacks_something_names_all_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("T2S_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    app = T2SApp(tmp_path / "runs", look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.press(*"skills/mine")
        await pilot.pause(0.1)
        assert "--skill skills/mine" in text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "traces" in text(app).split("command line")[-1])
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_a_large_run_is_asked_about_and_a_no_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("T2S_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    shell = Shell(tmp_path)
    shell.skill()
    shell.traces()
    endpoint = '[endpoint]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    write_text(tmp_path / "t2s.toml", endpoint + "[spending]\nconfirm = 100\n")
    app = T2SApp(tmp_path / "runs", look=Look())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.press(*"skills/ledger", "tab", "tab", "tab", *"traces.jsonl", "ctrl+s")
        await until(pilot, lambda: "This run may use about" in text(app))
        assert "more than the 100 tokens that spending.confirm lets pass" in text(app)
        await pilot.press(key)
        await until(pilot, lambda: "not started; nothing was called and nothing was written" in text(app))
    assert not (tmp_path / "runs").exists()


# --- a real terminal ---------------------------------------------------------------------------------------------

VIEWER = """
import sys
from pathlib import Path
from t2s_tui.app import T2SApp
from t2s_tui.farewell import exit_code, farewell
from workspace.runs.run import RunFolder
run = RunFolder(Path(sys.argv[1]))
raise SystemExit(T2SApp(run.path.parent, run).run())
"""


class Terminal:
    """A viewer on a pty of its own, as a person's shell would start it."""

    def __init__(self, run: RunFolder) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        ends = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs}
        command = [sys.executable, "-c", VIEWER, str(run.path)]
        self.viewer = subprocess.Popen(command, env=env, start_new_session=True, **ends)
        self.seen = b""

    def wait_for(self, wanted: bytes, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while wanted not in self.seen and time.monotonic() < until:
            self.read(0.1)
        assert wanted in self.seen

    def read(self, seconds: float) -> None:
        if select.select([self.ours], [], [], seconds)[0]:
            self.seen += os.read(self.ours, 65536)

    def end(self, seconds: float = 8) -> int:
        """The viewer's exit code; it must come by itself."""
        until = time.monotonic() + seconds
        while self.viewer.poll() is None and time.monotonic() < until:
            self.read(0.05)
        code = self.viewer.poll()
        assert code is not None, "the viewer did not end"
        return code

    def close(self) -> None:
        if self.viewer.poll() is None:
            self.viewer.kill()
        self.viewer.wait()
        for handle in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(handle)


@pytest.fixture
def terminal(run: RunFolder) -> Iterator[Terminal]:
    with held(run, alive=True):
        viewer = Terminal(run)
        viewer.wait_for(b"AGENTS")
        yield viewer
        viewer.close()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_viewer_and_gives_the_terminal_back(terminal: Terminal, sign: signal.Signals) -> None:
    terminal.viewer.send_signal(sign)
    assert terminal.end() == 128 + sign
    terminal.read(0.5)
    assert b"\x1b[?1049l" in terminal.seen, "the alternate screen is left"
    assert b"\x1b[?25h" in terminal.seen, "the cursor is back"
    assert termios.tcgetattr(terminal.theirs)[3] == terminal.before[3], "typing echoes again"


def test_q_leaves_and_the_normal_screen_says_how_to_come_back(terminal: Terminal, run: RunFolder) -> None:
    os.write(terminal.ours, b"q")
    assert terminal.end() == 0
    terminal.wait_for(f"t2s attach {run.id}".encode(), 2)


def test_a_terminal_that_is_closed_ends_the_viewer(terminal: Terminal) -> None:
    os.close(terminal.theirs)
    os.close(terminal.ours)
    terminal.viewer.wait(10)


def test_a_terminal_that_stops_reading_cannot_hold_the_viewer(terminal: Terminal) -> None:
    time.sleep(1.5)  # nobody reads: the pty fills up
    terminal.viewer.send_signal(signal.SIGTERM)
    assert terminal.viewer.wait(12) in (0, 143)
