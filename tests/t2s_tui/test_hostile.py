"""Whatever models, tools and strangers' files say, a terminal only ever shows it."""

from __future__ import annotations

import base64
import importlib
import inspect
import os
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

from t2s_tui import screens, terminal, widgets
from t2s_tui.cli import main
from t2s_tui.feed import Feed, Tail
from t2s_tui.narrate import Narrator, summary_lines
from t2s_tui.plan import plan_of
from t2s_tui.presence import need_sentence, window_title
from t2s_tui.screens.agent import AgentScreen, TrajectoryScreen
from t2s_tui.screens.budget import BudgetScreen, Cap
from t2s_tui.screens.compare import CompareScreen
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.diff import DiffScreen
from t2s_tui.screens.edit import EditScreen
from t2s_tui.screens.estimate import EstimateScreen
from t2s_tui.screens.help import HelpScreen, about
from t2s_tui.screens.lesson import LessonScreen
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.new_run import NewRunScreen
from t2s_tui.screens.node import NodeScreen
from t2s_tui.screens.reason import ReasonScreen
from t2s_tui.screens.runs import RunsScreen
from t2s_tui.screens.tries import sides
from t2s_tui.screens.verdict import VerdictScreen
from t2s_tui.text import cut, fit, harmless, right, safe, safe_lines, width, wrap
from t2s_tui.theme import Look
from tests.t2s_tui.evaluations import write_evaluation
from tests.t2s_tui.hostile import (
    ACTS,
    CODED,
    HALVES,
    MB,
    NAME,
    TEXTS,
    break_files,
    break_names,
    write_hostile_run,
)
from tests.t2s_tui.on_a_pty import Viewer
from tests.t2s_tui.stage import Stage
from workspace.files import dump_toml, write_text
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, engine_lock
from workspace.settings.config import load_config

SIZES = ((80, 24), (200, 50))
PATIENCE = 10.0
"""Seconds a picture may take on a busy machine, megabytes and all; most take a tenth."""
ALL = "\n".join(TEXTS)

Make = Callable[[Feed], Screen[Any]]


def on_round(feed: Feed) -> CompareScreen:
    side = sides(feed.run, None, feed.view)[0]
    return CompareScreen(feed, feed.run.round(1), side, side.tasks[0])


def evaluated(feed: Feed) -> Feed:
    """An evaluation beside the run, whose tasks and answers are hostile."""
    folder = feed.run.path.parent.parent / "evaluations"
    found = next(folder.glob("*"), None)
    return Feed(RunFolder(found) if found else write_evaluation(folder, tried=3, said=ALL))


def estimate(feed: Feed) -> EstimateScreen:
    flags = {"skill.create": "x", "skill.about": ALL, "endpoint.model": ALL, "endpoint.base_url": "http://h/v1"}
    flags |= {"domain.name": "house", "domain.family": "date"}
    return EstimateScreen(plan_of(load_config(file=None, cwd=feed.run.path, env={}, flags=flags).config))


SCREENS: dict[type[Screen[Any]], tuple[tuple[Make, tuple[str, ...]], ...]] = {
    LiveScreen: (
        (
            LiveScreen,
            ("1", "j", "G", "s", "s", "2", "G", "s", "i", "3", "G", "s", "4", "z", "z", "5", "G", "slash", "["),
        ),
        (
            lambda feed: LiveScreen(evaluated(feed)),
            ("1", "G", "2", "G", "z", "z", "s", "i", "f", "3", "4", "slash", "["),
        ),
    ),
    AgentScreen: (
        (lambda feed: AgentScreen(feed, "analyst-t001"), ("G", "slash", "O", "enter", "n", "f")),
        (lambda feed: AgentScreen(feed, "solver-t002"), ("G", "k")),
        (lambda feed: AgentScreen(feed, ALL), ("j",)),
        (lambda feed: AgentScreen(feed, "y" * 5_000), ("j",)),
    ),
    TrajectoryScreen: (
        (lambda feed: TrajectoryScreen(feed, "t003", 2, ALL), ("G",)),
        (lambda feed: TrajectoryScreen(feed, "t004", -1, ""), ("G",)),
        (lambda feed: TrajectoryScreen(feed, ALL, 2, ALL), ("G",)),
        (lambda feed: TrajectoryScreen(feed, "y" * 5_000, 0, ""), ()),
    ),
    LessonScreen: (
        *((lambda feed, n=n: LessonScreen(feed, f"t00{n}-L1"), ("j", "G", "j")) for n in (1, 2, 3, 4)),
        (lambda feed: LessonScreen(feed, "H001"), ("j", "j", "G", "enter")),
        (lambda feed: LessonScreen(feed, hostile_lesson(feed)), ("j", "e", "ctrl+end", "ctrl+home")),
        (lambda feed: LessonScreen(feed, "t001-L1", editing="here"), ("ctrl+end", "x", "ctrl+s", "escape")),
        (lambda feed: LessonScreen(feed, ALL), ("j", "e")),
        (lambda feed: LessonScreen(feed, "y" * 5_000), ("e", "x", "p", "u")),
    ),
    NodeScreen: (
        (lambda feed: NodeScreen(feed, "m3-01"), ("G", "j", "s")),
        (lambda feed: NodeScreen(feed, "m1-01"), ("j", "G", "enter")),
        (lambda feed: NodeScreen(feed, "t001"), ("j", "G")),
        (lambda feed: NodeScreen(feed, f"m1-{TEXTS[0]}"), ("j", "enter")),
        (lambda feed: NodeScreen(feed, "y" * 5_000), ("j",)),
    ),
    EditScreen: (
        (lambda feed: EditScreen(feed, "m3-01-E1"), ("j", "G", "enter")),
        (lambda feed: EditScreen(feed, "t001-E1"), ("j", "G")),
        (lambda feed: EditScreen(feed, f"m1-01-E{TEXTS[1]}"), ("j",)),
        (lambda feed: EditScreen(feed, "y" * 5_000), ("j",)),
    ),
    DiffScreen: ((DiffScreen, ("j", "b", *"jjjjjj", "G", "enter", "slash", "[")),),
    VerdictScreen: ((VerdictScreen, ("G", "tab", "j", "f", "f")),),
    CompareScreen: ((on_round, ("tab", "G")),),
    HelpScreen: ((lambda feed: HelpScreen(about(LiveScreen(feed), ALL, {"run.pause": TEXTS[0]})), ("G",)),),
    Confirm: ((lambda feed: Confirm(ALL, ALL, TEXTS[0], TEXTS[2]), ()),),
    ReasonScreen: ((lambda feed: ReasonScreen(ALL, ALL, TEXTS[0]), ("[", "]")),),
    BudgetScreen: ((lambda feed: BudgetScreen(Cap(TEXTS[0] + ALL, 3.0, 9.0)), ("x",)),),
    EstimateScreen: ((estimate, ()),),
    NewRunScreen: (
        (
            lambda feed: NewRunScreen(feed.run.path.parent, dict.fromkeys(("skill.path", "endpoint.model"), ALL)),
            ("down",),
        ),
        (lambda feed: NewRunScreen(feed.run.path.parent, {}), ("down", "down", "[", "tab", "down", "ctrl+s")),
    ),
    RunsScreen: ((lambda feed: RunsScreen(feed.run.path.parent), ("j", "s", "slash", "[")),),
}
"""Every screen, with what it is opened on and the keys that are pressed there."""


def hostile_lesson(feed: Feed) -> str:
    return next(name for name in feed.people.own if name.startswith("H002"))


def classes(package: ModuleType, of: type[Any]) -> set[type[Any]]:
    """The classes of a package's modules that are no mere base of others."""
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if issubclass(c, of)}
    found = {c for c in found if c.__module__.startswith(f"{package.__name__}.")}
    return {c for c in found if not c.__subclasses__()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose remembered values are hostile too; copies go there."""
    folder = tmp_path_factory.mktemp("home")
    recent = {"skill.path": list(TEXTS), "endpoint.model": list(TEXTS), "endpoint.base_url": list(TEXTS)}
    write_text(folder / "state" / "t2s" / "recent.toml", dump_toml({"format": 1, "recent": recent}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("XDG_STATE_HOME", folder / "state"), ("XDG_RUNTIME_DIR", folder), ("HOME", folder)):
            patch.setenv(name, str(value))
        yield folder


@pytest.fixture(scope="module")
def whole(home: Path) -> RunFolder:
    """Every file can be read, and everything in it is hostile."""
    return write_hostile_run(home / "runs", large=True)


@pytest.fixture(scope="module")
def damaged(home: Path) -> RunFolder:
    """The same with files that cannot be read."""
    run = write_hostile_run(home / "damaged")
    break_files(run)
    break_names(run)
    return run


class Stages:
    """One app for each size. One that has failed is not asked again."""

    def __init__(self, runs: Path) -> None:
        self.made = {size: Stage(runs, size) for size in SIZES}

    def get(self, size: tuple[int, int]) -> Stage:
        if self.made[size].app.fault:
            seen = self.made[size].seen
            with suppress(WorkerFailed):  # told by the test that it ended
                self.made[size].close()
            self.made[size] = Stage(self.made[size].app.runs, size)
            self.made[size].seen = seen
        return self.made[size]


@pytest.fixture(scope="module")
def stages(whole: RunFolder) -> Iterator[Stages]:
    made = Stages(whole.path.parent)
    yield made
    for each in made.made.values():
        each.close()


@pytest.fixture
def wide(stages: Stages) -> Stage:
    return stages.get(SIZES[-1])


@pytest.fixture
def narrow(stages: Stages) -> Stage:
    return stages.get(SIZES[0])


@pytest.fixture(params=SIZES, ids="{0[0]}x{0[1]}".format)
def stage(request: pytest.FixtureRequest, stages: Stages) -> Stage:
    return stages.get(request.param)


# --- every screen ------------------------------------------------------------------------------------------------


def test_every_screen_is_among_those_that_are_tried() -> None:
    missing = classes(screens, Screen) - set(SCREENS)
    assert not missing, "give SCREENS a way to open it on a hostile run"


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__name__)
def test_hostile_text_in_every_field_shows_and_does_nothing(
    stage: Stage, whole: RunFolder, screen: type[Screen[Any]]
) -> None:
    with engine_lock(whole):
        feed = stage.open(whole)
        for make, keys in SCREENS[screen]:
            began = time.monotonic()
            stage.do(stage.visit(lambda make=make: make(feed), *keys))
            assert time.monotonic() - began < PATIENCE * (2 + len(keys)) / 4


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__name__)
def test_nothing_acts_out_of_a_file_that_cannot_be_read(
    narrow: Stage, damaged: RunFolder, screen: type[Screen[Any]]
) -> None:
    feed = narrow.open(damaged)
    for make, keys in SCREENS[screen]:
        narrow.do(narrow.visit(lambda make=make: make(feed), *keys))


def test_notices_and_the_list_of_all_actions_only_show(wide: Stage, whole: RunFolder) -> None:
    feed = wide.open(whole)

    async def told() -> None:
        for text in (*TEXTS, ALL, "x" * MB):
            wide.app.tell(text, bad=True)
            await wide.look()
        wide.app.clear_notifications()
        wide.app.action_command_palette()
        await wide.visit(lambda: None, *"[red]", "down", "escape")

    async def typed() -> None:
        await wide.visit(lambda: LiveScreen(feed), "slash")
        await wide.app.push_screen(screen := NewRunScreen(whole.path.parent, {}))
        await wide.look()
        for text in TEXTS:
            assert screen.focused is not None
            screen.focused.post_message(events.Paste(text))
            await wide.look()
        await wide.app.pop_screen()

    wide.do(told())
    wide.do(typed())


def test_every_widget_is_on_a_screen_that_is_tried(wide: Stage, whole: RunFolder) -> None:
    feed = wide.open(whole)
    wanted = classes(widgets, Widget) | {c for c in classes(screens, Widget) if not issubclass(c, Screen)}
    for make, keys in (visit for visits in SCREENS.values() for visit in visits):
        if wanted - wide.seen:
            wide.do(wide.visit(lambda make=make: make(feed), *keys))
    missing = {widget.__name__ for widget in wanted - wide.seen}
    assert not missing, "no screen that is tried shows these"


def test_all_that_can_be_copied_is_harmless_where_it_is_pasted(
    wide: Stage, whole: RunFolder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(wide.app, "_send", sent.append)
    feed = wide.open(whole)
    for screen in (LiveScreen, AgentScreen, LessonScreen, NodeScreen, EditScreen, DiffScreen, VerdictScreen):
        for make, _ in SCREENS[screen]:
            wide.do(wide.visit(lambda make=make: make(feed), "y"))
    wide.app.copy(HALVES + ALL, whole)
    assert len(sent) > 5
    assert not any(CODED in sequence for sequence in sent)
    copies = [base64.b64decode(s[7:-1]).decode() for s in sent if s.startswith("\x1b]52;c;") and s]
    copies.append((home / f"t2s-copy-{os.getuid()}.txt").read_text())
    for copy in copies:
        assert not ACTS.difference("\n\t").intersection(copy)


# --- the bytes a terminal gets -----------------------------------------------------------------------------------

OURS = re.compile(
    rb"\x1b\[\?(?:1049|1000|1003|1015|1006|1004|2004|25|7|2048|1016)[hl]|\x1b\[\?2026(?:\$p|[hl])|\x1b\[\?2048\$p"
    rb"|\x1b\[\d*;?\d*H|\x1b\[[<>]\d*u|\x1b\[2[23];2t|\x1b\[\?1;31;112\S"
    rb"|\x1b\[(?:(?:0|1|2|3|4|7|9|39|49|[34]8;2;\d+;\d+;\d+|[34]8;5;\d+)?(?:;|(?=m)))*m"
    rb"|\x1b\]22;\w*\x07|\x1b\]2;[^\x00-\x1f]*\x07|\x1b\]9;[^\x00-\x1f]*\x07|\x1b\]52;c;[A-Za-z0-9+/=]*\x07"
)
"""What the driver and `t2s_tui.terminal` send; everything else is somebody else's."""
WALK = (
    b"1", b"G", b"\r", b"G", b"y", b"\x1b", b"2", b"j", b"y", b"\r", b"j", b"e",
    b"\x1b", b"\x1b", b"2", b"i", b"\r", b"\x1b", b"3", b"j", b"\r", b"\x1b", b"4", b"5",
    b"G", b"d", b"b", b"j", b"j", b"G", b"y", b"\r", b"\x1b", b"\x1b", b"v", b"G",
    b"\t", b"j", b"\r", b"\x1b", b"y", b"\x1b", b"?", b"\x1b", b"\x10", b"theme", b"\x1b", b"/",
    b"\x1b[200~\x1b[31m\x1b[201~", b"\x1b", b"\x1b", b"j", b"n", b"\x1b[B", b"\x1b[B", b"\x1b", b"\x1b",
)  # fmt: skip


def assert_only_ours(seen: bytes) -> None:
    """Without what we send, nothing is left that acts; and what we send holds nothing of the payloads."""
    shown = OURS.sub(b"", seen).decode()
    left = sorted({c for c in shown if c in ACTS and c not in "\r\n"})
    at = next((n for n, c in enumerate(shown) if c in left), 0)
    assert not left, ascii(shown[max(0, at - 60) : at + 60])
    for acts in (f"52;c;{CODED}\x07".encode(), b"TAKEN\x07", b"TAKEN\x1b", b"taken.example\x1b", b"\x1b[31m"):
        assert acts not in seen


def test_a_terminal_gets_nothing_but_what_we_send_on_every_screen(home: Path, whole: RunFolder) -> None:
    manner = {"T2S_SCREEN__BELL": "both", "XDG_RUNTIME_DIR": str(home), "XDG_STATE_HOME": str(home / "state")}
    with engine_lock(whole), closing(Viewer(whole, manner, size=(140, 40))) as viewer:
        viewer.wait_for(b"AGENTS")
        for keys in WALK:
            viewer.press(keys)
            viewer.read(0.2 if keys == b"\x1b" else 0.06)  # a key at once behind an escape would be another key
        viewer.read(1)
        assert viewer.process.poll() is None, viewer.seen[-600:]
        viewer.press(b"q")
        viewer.end()
    assert_only_ours(viewer.seen)
    assert b"come back with `t2s attach 2026-" in viewer.seen


@pytest.mark.parametrize("text", [*TEXTS, ALL, "x" * MB, HALVES], ids=lambda text: ascii(text[:12]))
def test_titles_and_messages_are_one_sequence_each(text: str) -> None:
    for sequence in (terminal.title(text), terminal.message(text, {})):
        assert sequence.count("\x1b") == 1
        assert not ACTS.intersection(sequence[1:-1])
        assert len(sequence) < 200


def test_what_a_run_says_outside_of_the_picture_is_harmless(damaged: RunFolder) -> None:
    feed = Feed(damaged)
    for text in TEXTS:
        feed.view = feed.view.model_copy(update={"skill": text, "why": text, "held_by": text})
        for said in (window_title(feed, Look()), need_sentence(feed)):
            assert not ACTS.intersection(said)


# --- the other faces ---------------------------------------------------------------------------------------------

COMMANDS = (
    ("ls",), ("show", "last"), ("attach", "last", "--plain"), ("verdict", "last"),
    ("lessons", "last", "list"), ("blame", "last"), ("show", "nothing"), ("lessons", "last", "show", "t001-L1"),
    ("rm", "last"), ("pause", "last"),
)  # fmt: skip


def t2s(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command writes on both streams."""
    main(["--runs", str(folder), *words])
    done = capsys.readouterr()
    return done.out + done.err


@pytest.mark.parametrize("which", ["whole", "damaged"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_writes_no_character_that_acts(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], which: str, words: tuple[str, ...]
) -> None:
    run: RunFolder = request.getfixturevalue(which)
    shown = t2s(run.path.parent, capsys, *words)
    left = {c for c in shown if c in ACTS and c != "\n"}
    assert not left, ascii(shown[:2000])


def test_the_json_face_is_ascii_to_its_last_byte(whole: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("attach", "last", "--json"), ("show", "last", "--json"), ("ls", "--json")):
        said = t2s(whole.path.parent, capsys, *words).replace("\n", "")
        assert said.isascii() and said.isprintable(), words


def test_every_sentence_of_the_plain_face_is_one_harmless_line(whole: RunFolder) -> None:
    narrator = Narrator()
    for event, _ in read_events(whole.journal):
        assert not ACTS.intersection(narrator.tell(event) or "")


def test_a_summary_is_harmless_whatever_a_run_and_its_skill_are_called() -> None:
    counts = dict.fromkeys(("learned", "proposed", "in_skill", "total", "done", "failed", "reused"), 1)
    verdict = {"decision": ALL, "sentence": ALL, "fixed": list(TEXTS), "broken": [], "test": {"n": 0}}
    verdict["by_hand"] = {"decision": "accept", "who": ALL, "why": ALL, "stands": False}
    table = {"id": NAME, "state": ALL, "why": ALL, "phases": {ALL: 1.0}, "seconds": 1.0, "calls": 1, "cost": None}
    table |= {"tokens": {"prompt": 1, "completion": 1}, "units": counts, "lessons": counts, "edits": counts}
    table |= {"judged": {"fail": 1}}
    for line in summary_lines({**table, "verdict": verdict, "result": f"/{NAME}"}):
        assert not ACTS.intersection(line)


# --- the text itself ---------------------------------------------------------------------------------------------

NASTY = st.lists(st.one_of(st.sampled_from([*TEXTS, HALVES]), st.text(max_size=20)), max_size=6).map("".join)
BOUNDED = settings(max_examples=150, derandomize=True, deadline=None)


@given(NASTY, st.integers(0, 70))
@BOUNDED
def test_no_way_of_laying_text_out_lets_anything_through_or_leaves_its_column(text: str, cells: int) -> None:
    rows = [part for line in safe_lines(text) for part in wrap(line, max(2, cells))]
    for row in (*rows, safe(text), cut(safe(text), cells), fit(text, cells), right(text, cells)):
        assert not ACTS.intersection(row)
        assert CODED not in row
    assert width(fit(text, cells)) == width(right(text, cells)) == cells
    assert all(width(row) <= max(2, cells) for row in rows)


@given(NASTY)
@BOUNDED
def test_what_is_made_harmless_stays_as_it_is_and_can_be_written(text: str) -> None:
    assert safe(safe(text)) == safe(text)
    assert harmless(harmless(text)) == harmless(text)
    harmless(text).encode()
    safe(text).encode()


@pytest.mark.parametrize("mark", ["\u0301", "\u0e34", "\u20dd", "\u0488", "\u0653"])
def test_a_tower_of_marks_is_cut_in_every_script(mark: str) -> None:
    assert len(safe("a" + mark * 300)) <= 3


def test_a_sequence_that_is_cut_in_two_by_streaming_never_becomes_whole() -> None:
    for text in TEXTS:
        for at in range(0, len(text), 1 + len(text) // 60):
            tail = Tail()
            tail.say(text[:at])
            tail.say(text[at:])
            assert not ACTS.intersection("".join(tail.rows(60, 9)))


@pytest.mark.parametrize(
    "large", ["x" * MB, "表" * MB, "\x1b[31m" * 200_000, "a\u0301" * 500_000, "[" * MB, "\n" * MB, " " * MB]
)
def test_a_megabyte_takes_no_longer_than_a_person_waits(large: str) -> None:
    began = time.monotonic()
    safe(large), fit(large, 80), safe_lines(large), harmless(large)
    assert time.monotonic() - began < PATIENCE
