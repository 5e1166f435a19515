"""A run watched again: any moment of it, at any speed, and nothing that is done to it reaches the run."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from textual.pilot import Pilot

from t2s_tui.app import T2SApp
from t2s_tui.commands.screen import second
from t2s_tui.replay import Player, Replay
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.runs import RunsScreen
from t2s_tui.theme import Look
from t2s_tui.widgets.replay_bar import ReplayBar
from tests.shell import Shell
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import text, until
from tests.terminal import Terminal
from workspace.errors import InputError
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, engine_lock, load_view
from workspace.runs.view import fold

ROOT = Path(__file__).resolve().parents[2]
NAME = "2026-11-23-0844-house-date-f1e"


class Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The recorded run of a real model: 48 tasks, 2,044 events."""
    folder = tmp_path_factory.mktemp("recorded") / "runs" / NAME
    with tarfile.open(ROOT / "screenshots" / "recorded.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return RunFolder(folder)


def everything(run: RunFolder) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in run.path.rglob("*")}


# --- state, without a terminal ------------------------------------------------------------------------------------


def test_any_moment_shows_what_a_face_would_have_shown_then(run: RunFolder) -> None:
    replay = Replay(run, Clock())
    replay.player.toggle()
    for at in (30.0, 200.0, 90.0, 0.0, 150.0, 9999.0):  # on and back
        replay.player.seek(at)
        replay.poll()
        until_then = replay.timeline.offset(replay.player.at)
        expected = fold(event for event, after in read_events(run.journal) if after <= until_then)
        assert replay.view == expected
    assert replay.state == "finished"


def test_time_goes_as_fast_as_asked_and_stops_at_the_end() -> None:
    clock = Clock()
    player = Player(60.0, clock)
    clock.now += 2
    assert player.at == 2
    player.faster(1)
    clock.now += 2
    assert (player.speed, player.at) == (2, 6)
    player.toggle()
    clock.now += 50
    assert (player.playing, player.at) == (False, 6)
    player.leap(-1)
    assert player.at == 1
    player.leap(-1)
    assert player.at == 0
    player.toggle()
    clock.now += 50
    assert (player.playing, player.at) == (False, 60)
    player.toggle()  # from the beginning
    clock.now += 1
    assert (player.playing, player.at) == (True, 2)


def test_speeds_have_a_slowest_and_a_fastest() -> None:
    player = Player(60.0, Clock())
    for _ in range(20):
        player.faster(1)
    assert player.speed == 64
    for _ in range(20):
        player.faster(-1)
    assert player.speed == 0.25


def test_agents_say_again_what_they_said_piece_by_piece(run: RunFolder) -> None:
    clock = Clock()
    replay = Replay(run, clock)
    speaking = "analyst-t021"
    replay.player.seek(replay.timeline.spans[speaking].begin)
    heard: list[str] = []
    for _ in range(100):
        clock.now += 0.25
        replay.poll()
        heard.append(replay.words(speaking))
    grown = [words for words in dict.fromkeys(heard) if words]
    assert len(grown) > 10
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(grown))
    assert grown[-1] == "RULE: Write the date in the format DD-MMM-YYYY."
    assert replay.view.agents[speaking].state == "done"


def test_a_conversation_never_shows_what_was_not_yet_said(run: RunFolder) -> None:
    replay = Replay(run, Clock())
    agent = "analyst-t021"
    stretch = replay.timeline.spans[agent]
    sizes: list[int] = []
    for at in (stretch.begin - 30, (stretch.begin + stretch.end) / 2, stretch.end + 1):
        replay.player.seek(at)
        replay.poll()
        sizes.append(replay.conversation(agent))
    assert sizes[0] == 0
    assert 0 < sizes[1] < sizes[2] == run.agent(agent).stat().st_size
    assert b"assistant" not in run.agent(agent).read_bytes()[: sizes[1]]


def test_going_back_in_a_long_run_starts_from_a_mark_not_from_the_beginning(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2s_tui.replay.MARK_EVERY", 300)
    replay = Replay(run, Clock())
    replay.player.toggle()
    for at in (60.0, 120.0, 180.0, 240.0):
        replay.player.seek(at)
        replay.poll()
    replay.player.seek(200.0)
    assert 0 < replay.poll().events < 500
    until_then = replay.timeline.offset(200.0)
    assert replay.view == fold(event for event, after in read_events(run.journal) if after <= until_then)


def test_a_run_whose_engine_was_killed_is_at_work_until_its_record_ends(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs")  # no end, no engine
    replay = Replay(run, Clock())
    replay.player.seek(replay.player.end / 2)
    replay.poll()
    assert replay.state == "running"
    replay.player.seek(replay.player.end)
    replay.poll()
    assert replay.state == "lost"


@pytest.mark.parametrize(("said", "found"), [("0", 0), ("90", 90), ("1:30", 90), ("1:00:00", 3600), ("50%", 1800)])
def test_a_place_can_be_said_in_three_ways(said: str, found: float) -> None:
    assert second(said, 3600) == found


@pytest.mark.parametrize("said", ["soon", "", "120%", "-3", "2:00:00", "nan"])
def test_a_place_outside_of_the_record_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="--from"):
        second(said, 3600)


# --- on the screen ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def replayed(run: RunFolder, start: float = 0.4) -> AsyncIterator[tuple[T2SApp, Pilot[int]]]:
    app = T2SApp(run.path.parent, run, look=Look(), replay=(1.0, start))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.3)
        yield app, pilot


def player(app: T2SApp) -> Player:
    assert app.replay is not None
    return app.replay.player


async def test_space_pauses_the_replay_and_arrows_go_through_it(run: RunFolder) -> None:
    async with replayed(run) as (app, pilot):
        assert "▶ 1×" in text(app)
        await pilot.press("space")
        at = player(app).at
        assert "‖ paused" in text(app)
        await pilot.press("right", "right", "left")
        assert player(app).at == pytest.approx(at + max(5, player(app).end / 50))
        await pilot.press("right_curly_bracket")
        assert player(app).at in app.replay.timeline.stages  # pyright: ignore[reportOptionalMemberAccess]
        await pilot.press("right_square_bracket", "space")
        assert "▶ 2×" in text(app)


async def test_nothing_that_is_pressed_in_a_replay_reaches_the_run(run: RunFolder) -> None:
    before = everything(run)
    async with replayed(run) as (app, pilot):
        for key in ("space", "P", "X", "R", "r", "B", "plus", "2", "e", "x", "p", "u", "a", "3", "enter", "d"):
            await pilot.press(key)
            await pilot.pause(0.05)
        assert app.replay is not None
    assert everything(run) == before


async def test_a_click_on_the_bar_goes_to_that_moment(run: RunFolder) -> None:
    async with replayed(run) as (app, pilot):
        await pilot.press("space")
        await pilot.click(ReplayBar, offset=(117, 0))
        assert player(app).at == pytest.approx(player(app).end, rel=0.02)
        await until(pilot, lambda: "finished" in text(app))
        assert "‖ ended" in text(app)


async def test_a_finished_run_is_watched_again_from_its_screen_and_left_again(run: RunFolder) -> None:
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("w")
        await until(pilot, lambda: app.replay is not None and "▶ 1×" in text(app))
        await pilot.press("right", "right", "enter")
        await pilot.pause(0.2)
        assert "▶ 1×" in text(app).splitlines()[0]  # every page of a replay says so
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.replay is None)
        assert isinstance(app.screen, LiveScreen)
        assert app.feed is not None and app.feed.state == "finished"
        await pilot.press("escape", "w")
        await until(pilot, lambda: app.replay is not None)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.feed is None)


async def test_the_keys_of_a_replay_are_in_its_help_and_in_no_other(run: RunFolder) -> None:
    async with replayed(run) as (app, pilot):
        shown = {active.binding.id for active in app.screen.active_bindings.values()}
        assert {"replay.play", "replay.faster"} <= shown
        assert not {"run.pause", "run.stop"} & shown
        await pilot.press("question_mark")
        await pilot.pause(0.2)
        assert "Twice as fast" in text(app)
    with engine_lock(run):
        app = T2SApp(run.path.parent, run, look=Look())
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(0.2)
            shown = {active.binding.id for active in app.screen.active_bindings.values()}
            assert "run.pause" in shown and not any((key or "").startswith("replay.") for key in shown)


# --- from the shell -----------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(run: RunFolder, shell: Shell) -> Iterator[Terminal]:
    env = {**shell.env, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    words = ["replay", str(run.path), "--speed", "16", "--from", "50%"]
    opened = Terminal([sys.executable, "-m", "t2s_tui", *words], env, run.path.parent)
    yield opened
    opened.close()


def test_a_replay_from_the_shell_plays_to_its_end_and_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.wait_for("▶ 16×")
    terminal.wait_for("‖ ended", seconds=40)
    assert "accept" in terminal.text
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.is_restored()
    assert f"run {NAME}  replayed to 04:27 of 04:27" in terminal.text.replace("\n", " ")


def test_without_a_terminal_there_is_no_replay_but_another_way(run: RunFolder, shell: Shell) -> None:
    done = shell.t2s("replay", run.path)
    assert done.code == 2
    assert f"t2s attach {NAME} --plain" in done.err
    assert shell.t2s("replay", run.path, "--speed", "fast").code == 2


def test_a_replay_of_a_run_that_never_began_says_so(shell: Shell, tmp_path: Path) -> None:
    empty = tmp_path / "runs" / "2026-01-01-empty"
    empty.mkdir(parents=True)
    (empty / "run.toml").write_text('format = 1\nkind = "run"\n')
    env = {**shell.env, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    opened = Terminal([sys.executable, "-m", "t2s_tui", "replay", str(empty)], env, tmp_path)
    try:
        assert opened.end() == 2
        assert "nothing is on record" in opened.text.replace("\n", " ")
    finally:
        opened.close()
    assert [path.name for path in empty.iterdir()] == ["run.toml"]
    assert load_view(RunFolder(empty)).view.seq == 0
