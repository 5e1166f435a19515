"""Palettes, glyphs and settings of the screen: everything can be read, on every terminal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from t2s_tui.app import T2SApp
from t2s_tui.keys import known_ids, written
from t2s_tui.palettes import BACKS, PALETTES, choices, fitting
from t2s_tui.screens import agent, diff, lesson, live, new_run, node, runs, verdict
from t2s_tui.screens.base import Base
from t2s_tui.screens.help import SHOWS, HelpScreen, HelpText
from t2s_tui.text import width
from t2s_tui.theme import STATES, Look, ink_style, textual_theme
from t2s_tui.widgets.canvas import Canvas
from t2s_tui.widgets.reduced import in_ascii
from tests.t2s_tui.on_a_pty import Glass, Viewer
from tests.t2s_tui.recorded import write_run
from workspace.runs import events as e
from workspace.runs.events import dump_event
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, engine_lock, load_view
from workspace.settings.screen import ScreenSettings

SIZE = (120, 36)
TOUR = (b"2", b"jj", b"?", b"\x1b", b"d", b"\x1b", b":", b"lesson", b"\x1b", b"X", b"n", b"y", b"3", b"\r", b"\x1b")
COLOUR = re.compile(r"(?:^|;)(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;|$)")
RUSSIAN_AND_MORE = "表計算の答え 🧪 naïve Übersicht привет"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    folder = write_run(tmp_path / "runs")
    with engine_lock(folder):
        yield folder


@pytest.fixture
def toured(run: RunFolder, request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything that was on the wire on a tour through the screens."""
    environment: dict[str, str] = request.param
    viewer = Viewer(run, environment, size=SIZE)
    try:
        viewer.wait_for(b"AGENTS")
        for keys in TOUR:
            viewer.press(keys)
            viewer.read(0.3)
        viewer.press(b"q")
        viewer.end()
        yield viewer.seen.decode()
    finally:
        viewer.close()


def styles(wire: str) -> list[str]:
    found = re.findall(r"\x1b\[([0-9;]*)m", wire)
    assert len(found) > 100, "there was something to see"
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# --- colours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, palette in PALETTES.items() if palette.colours == "own"])
def test_every_ink_can_be_read_on_every_background_it_stands_on(name: str) -> None:
    inks = PALETTES[name].inks
    high = name.startswith("contrast")
    for back in ("back", "bar", "rest", "pick"):
        for ink in ("text", "bright", "run", "ok", "bad", "you"):
            assert contrast(inks[ink], inks[back]) >= (7 if high else 4.5), (ink, back)
        assert contrast(inks["dim"], inks[back]) >= (7 if high else 4.5), back
        assert contrast(inks["faint"], inks[back]) >= (4.5 if high else 3), back
    for back in ("gone", "new", "gone2", "new2"):
        assert contrast(inks["bright"], inks[back]) >= 7, back
        assert contrast(inks["text"], inks[back]) >= 4.5, back


def test_all_palettes_have_the_same_inks_and_people_can_name_each() -> None:
    for palette in PALETTES.values():
        assert palette.inks.keys() == PALETTES["dark"].inks.keys()
        assert set(BACKS) < palette.inks.keys()
    assert choices() == ("auto", *PALETTES)
    for name in PALETTES:
        assert textual_theme(name).name == name
        for mark in STATES.values():
            ink_style(name, mark.ink, "pick")


def test_auto_takes_what_the_terminal_promises() -> None:
    assert fitting("auto", {"TERM": "xterm-256color"}) == "dark"
    assert fitting("auto", {"TERM": "linux"}) == "ansi-dark"
    assert fitting("auto", {"TERM": "alacritty", "COLORTERM": "truecolor"}) == "dark"
    assert fitting("auto", {"NO_COLOR": "1", "COLORTERM": "truecolor"}) == "mono"
    assert fitting("auto", {"NO_COLOR": "", "COLORTERM": "truecolor"}) == "dark"
    assert fitting("light", {"NO_COLOR": "1"}) == "light"


@pytest.mark.parametrize("toured", [{"NO_COLOR": "1"}, {"T2S_THEME": "mono"}], indirect=True)
def test_no_color_leaves_not_one_colour_on_the_wire(toured: str) -> None:
    assert not [style for style in styles(toured) if COLOUR.search(style)]
    assert any("7" in style.split(";") for style in styles(toured)), "the picked row is reversed"


@pytest.mark.parametrize("theme", ["mono", "ansi-light"])
def test_without_colours_of_our_own_what_is_picked_is_reversed_in_every_list(run: RunFolder, theme: str) -> None:
    viewer = Viewer(run, {"T2S_THEME": theme}, size=SIZE)
    try:
        viewer.wait_for(b"AGENTS")
        viewer.read(0.5)
        assert [y for y, row in enumerate(glass(viewer).cells) if "7" in row[5][1].split(";")] == [3]
        viewer.press(b":")
        viewer.wait_for(b"Search for commands")
        viewer.read(0.8)
        shown = glass(viewer)
        picked = [row for row, cells in zip(shown.text(), shown.cells, strict=True) if "7" in cells[30][1].split(";")]
        assert len(picked) == 1, "an action with its key"
    finally:
        viewer.close()


def glass(viewer: Viewer) -> Glass:
    shown = Glass(*SIZE)
    shown.write(viewer.seen.decode())
    return shown


@pytest.mark.parametrize("toured", [{"T2S_THEME": "ansi-dark"}, {"T2S_THEME": "ansi-light"}], indirect=True)
def test_an_ansi_theme_uses_the_terminals_own_colours_only(toured: str) -> None:
    said = styles(toured)
    assert not [style for style in said if re.search(r"(?:^|;)[34]8(?:;|$)", style)]
    assert [style for style in said if COLOUR.search(style)], "states have a colour"


@pytest.mark.parametrize("toured", [{"T2S_ASCII": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], indirect=True)
def test_the_ascii_set_puts_no_other_byte_on_the_wire(toured: str) -> None:
    assert sorted({char for char in toured if not char.isascii()}) == []
    assert "Ubersicht" in toured, "letters lose their accents, not their place"


async def test_a_key_changes_the_colours_of_everything_at_once(run: RunFolder) -> None:
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.pause(0.3)
        before = drawn(app)
        await pilot.press("T")
        await pilot.pause(0.3)
        assert (app.look.name, app.theme) == ("light", "light")
        light = PALETTES["light"].inks
        assert not before & drawn(app)
        assert light["back"] in drawn(app)
        await pilot.press("ctrl+t")
        await pilot.pause(0.3)
        shown = "".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "only ASCII characters" in shown
        assert shown.isascii()


def drawn(app: T2SApp) -> set[str]:
    """The backgrounds of what stands on the panels."""
    return {
        segment.style.bgcolor.name
        for name in ("#roster", "#pool", "#tree", "#header")
        for y in range(3)
        for segment in app.screen.query_one(name, Canvas).render_line(y)
        if segment.style and segment.style.bgcolor
    }


def test_ascii_takes_as_many_cells_as_what_it_stands_for() -> None:
    for text in (RUSSIAN_AND_MORE, "├─╰─│━╸╌▁█▌…“”–→", "ﬁ ½ é"):
        assert in_ascii(text).isascii()
        assert width(in_ascii(text)) == width(text), text
    assert in_ascii("Übersicht ├─ │") == "Ubersicht +- |"


# --- width -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
def test_wide_characters_and_emoji_shift_no_column(run: RunFolder, size: tuple[int, int]) -> None:
    agents = [row.id for row in load_view(run).view.agents.values() if row.state == "running"]
    writer = LiveWriter(run)
    for name in agents:
        writer.say(name, f"{RUSSIAN_AND_MORE}\n{RUSSIAN_AND_MORE} 👩‍🔬 字")
    writer.flush()
    seq = load_view(run).view.seq
    with run.journal.open("a") as journal:
        learned = e.LessonLearned(
            lesson="t001-L9", title=f"{RUSSIAN_AND_MORE} 🧪", verified=True, support=99, seq=seq + 1
        )
        journal.write(dump_event(learned) + "\n")
    viewer = Viewer(run, size=size)
    try:
        viewer.wait_for("表計算".encode())
        viewer.read(1.5)
        shown = Glass(*size)
        shown.write(viewer.seen.decode())
    finally:
        viewer.close()
    rows = shown.text()
    assert all(width(row) == size[0] for row in rows)
    if size[0] >= 120:
        edge = next(
            x
            for x, (char, _) in enumerate(shown.cells[2])
            if "".join(c for c, _ in shown.cells[2][x:]).startswith("LESSONS")
        )
        for row in shown.cells[3:12]:
            assert row[edge - 1][0] in (" ", "✓", "·", "▲", "✎", "▎", ""), "".join(c for c, _ in row)
            assert row[edge - 2][0] != "", "a wide character reaches into the next panel"


# --- settings ----------------------------------------------------------------------------------------------------


def t2s(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "t2s_tui", *words]
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        command, cwd=cwd, env={**env, "PYTHONPATH": root}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_an_unknown_theme_is_refused_with_the_names_there_are(tmp_path: Path, how: str) -> None:
    words = ["attach", "last", *(["--theme", "pink"] if how == "flag" else [])]
    (tmp_path / ".config" / "t2s").mkdir(parents=True)
    own = tmp_path / ".config" / "t2s" / "config.toml"
    own.write_text('[screen]\ntheme = "pink"\n' if how == "file" else "")
    done = t2s(*words, cwd=tmp_path, **({"T2S_THEME": "pink"} if how == "variable" else {}))
    assert done.returncode == 2
    place = {"flag": "--theme", "variable": "T2S_THEME in the environment", "file": ".config/t2s/config.toml:2"}[how]
    assert place in done.stderr
    assert "contrast-light" in done.stderr


def test_an_option_goes_before_a_variable_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argparse import ArgumentParser

    from t2s_tui.commands.common import add_screen, manner

    (tmp_path / "t2s").mkdir()
    (tmp_path / "t2s" / "config.toml").write_text('[screen]\ntheme = "light"\nfps = 9\nmouse = true\nbell = "off"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("T2S_THEME", "mono")
    monkeypatch.setenv("T2S_ASCII", "1")
    parser = ArgumentParser()
    add_screen(parser)
    assert manner() == ScreenSettings(theme="mono", ascii=True, fps=9, bell="off")
    given = parser.parse_args(["--theme", "ansi-light", "--no-mouse", "--low-bandwidth", "--fps", "2"])
    wanted = manner(given)
    assert (wanted.theme, wanted.mouse, wanted.low_bandwidth, wanted.fps) == ("ansi-light", False, True, 2)
    assert (wanted.ascii, wanted.bell) == (True, "off")


async def test_a_slow_link_is_offered_thrift_and_a_key_takes_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.2)
        monkeypatch.setattr(app, "_behind", lambda: True)
        await pilot.pause(0.6)
        assert [badge.text for badge in app.badges()] == ["slow link"]
        monkeypatch.setattr("t2s_tui.ground.SLOW_FOR", 0.1)
        assert [badge.text for badge in app.badges()] == ["slow link, L: low bandwidth"]
        monkeypatch.undo()
        await pilot.press("L")
        await pilot.pause(1.2)
        assert (app.low_bandwidth, app.frames) == (True, 1)
        assert not set("▂▃▄▅▆▇█") & set(app.screen.query_one("#endpoint", Canvas).text_rows()[0])
        assert "low bandwidth" in app.screen.query_one("#header", Canvas).text_rows()[0]
        await pilot.press("L")
        assert (app.low_bandwidth, app.frames) == (False, app.fps)


# --- help --------------------------------------------------------------------------------------------------------


def all_screens(base: type[Base]) -> Iterator[type[Base]]:
    for child in base.__subclasses__():
        yield child
        yield from all_screens(child)


def test_every_screen_says_what_it_shows() -> None:
    assert {agent, diff, lesson, live, new_run, node, runs, verdict}, "imported, so that they are known"
    for screen in all_screens(Base):
        if screen.__name__.endswith("Screen"):
            assert getattr(screen, "shows", "") or SHOWS.get(screen.__name__), screen.__name__


async def test_help_begins_with_the_place_the_person_is_at(run: RunFolder) -> None:
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("2")
        await pilot.press("question_mark")
        await pilot.pause(0.2)
        assert isinstance(app.screen, HelpScreen)
        rows = app.screen.query_one(HelpText).text_rows()
        here = rows.index("  Here")
        assert any("lessons by support" in row for row in rows[:here])
        assert rows[here + 1].split()[0] == "space"
        listed = "\n".join(rows[here : rows.index("", here)])
        assert "Edit the lesson here." in listed
        assert "To the agents." not in listed
        assert sum("Edit the lesson here." in row for row in rows) == 1, "told once"


async def test_help_and_the_list_of_actions_show_a_persons_own_keys(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t2s").mkdir()
    (tmp_path / "t2s" / "keys.toml").write_text('"run.pause" = "ctrl+o,exclamation_mark"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.pause(0.2)
        shown = {command.title: command.help for command in app.get_system_commands(app.screen)}
        assert shown["Pause the run (agents at work finish), or go on"] == "ctrl+o !"
        assert "Colours: contrast-dark" in shown
        assert app.screen.query_one("#footer", Canvas).text_rows()[0].startswith(" ctrl+o pause  enter open")
        await pilot.press("question_mark")
        await pilot.pause(0.2)
        rows = app.screen.query_one(HelpText).text_rows()
        assert any(re.match(r"\s+ctrl\+o !\s+Pause the run", row) for row in rows)
    assert written(known_ids()["run.stop"], {}) == "X"
