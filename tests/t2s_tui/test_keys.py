"""Keys: each has a name and a sentence, people can give it another key, and nothing is offered that cannot work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from t2s_tui.keys import GROUPS, TOGETHER, bindings, user_keymap
from t2s_tui.screens.help import HelpScreen
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import shown, text, wishes
from workspace.errors import ConfigError
from workspace.files import write_text
from workspace.runs.run import RunFolder

TABLE = Path(__file__).resolve().parents[2] / "docs" / "keys.md"
HEAD = """\
# Keys

Every key of the screen. A line in `~/.config/t2s/keys.toml` gives one another key: `"run.pause" = "ctrl+o"`; several
are divided by commas. `?` on any screen shows the keys that work there, your own included.
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


def keymap(folder: Path, *lines: str) -> Path:
    path = folder / "keys.toml"
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_every_key_has_an_id_of_its_own_and_a_sentence() -> None:
    keys = [key for group in GROUPS.values() for key in group]
    assert len({key.id for key in keys}) == len(keys)
    assert all(key.help.endswith(".") for key in keys)
    assert all(binding.id for binding in bindings(*GROUPS.values()))


def test_every_key_stands_in_the_table_that_people_read() -> None:
    """After a change: T2S_SNAPSHOTS=write pytest tests/t2s_tui/test_keys.py"""
    parts = [HEAD]
    for name, keys in GROUPS.items():
        rows = [f"| `{k.id}` | {' '.join(f'`{word}`' for word in k.shown.split())} | {k.help} |" for k in keys]
        parts.append("\n".join([f"## {name}", "", "| id | key | does |", "|---|---|---|", *rows, ""]))
    table = "\n".join(parts)
    if os.environ.get("T2S_SNAPSHOTS") == "write":
        TABLE.write_text(table)
    assert TABLE.read_text() == table


def test_no_two_keys_of_one_screen_are_the_same() -> None:
    for group in TOGETHER:
        keys = [one for key in group for one in key.keys.split(",")]
        assert len(keys) == len(set(keys)), [one for one in keys if keys.count(one) > 1]


async def test_people_can_give_a_key_another_key(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "config" / "t2s" / "keys.toml", '"run.pause" = "ctrl+o"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with shown(run) as (_, pilot):
        await pilot.press("space")
        await pilot.pause()
        assert wishes(run) == []
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert wishes(run) == ["pause"]


def test_a_key_id_that_does_not_exist_is_refused_with_those_that_are_like_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run\.pawse.*did you mean run\.pause"):
        user_keymap(keymap(tmp_path, '"run.pawse" = "p"'))
    with pytest.raises(ConfigError, match=r"docs/keys\.md"):
        user_keymap(keymap(tmp_path, '"zzzz" = "p"'))


def test_a_key_that_does_something_else_on_the_same_screen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'`run\.pause` cannot be "q": that is `app\.detach` \(detach\)'):
        user_keymap(keymap(tmp_path, '"run.pause" = "q"'))
    with pytest.raises(ConfigError, match=r"cannot be"):
        user_keymap(keymap(tmp_path, '"run.pause" = "ctrl+o"', '"run.stop" = "ctrl+o"'))


def test_two_keys_can_change_places_and_other_screens_do_not_matter(tmp_path: Path) -> None:
    swapped = {"run.pause": "q", "app.detach": "space", "replay.play": "ctrl+p"}
    given = ['"run.pause" = "q"', '"app.detach" = "space"', '"app.palette" = "colon"', '"replay.play" = "ctrl+p"']
    assert user_keymap(keymap(tmp_path, *given)) == {**swapped, "app.palette": "colon"}


async def test_the_palette_offers_every_action_of_the_screen(run: RunFolder) -> None:
    async with shown(run) as (app, _):
        offered = {command.help for command in app.get_system_commands(app.screen)}
        for shown_key in ("space", "X", "d", "v", "z", "?", "e", "enter", "/"):
            assert shown_key in offered


async def test_what_cannot_be_done_with_a_finished_run_is_not_offered(tmp_path: Path) -> None:
    async with shown(write_run(tmp_path / "over", "finished"), alive=False) as (app, pilot):
        offered = {command.help for command in app.get_system_commands(app.screen)}
        assert not {"space", "X", "P", "B", "+", "-"} & offered
        await pilot.press("5")
        await pilot.pause()
        assert "+ - calls" not in text(app)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert "Pause the run" not in text(app)


async def test_below_the_run_escape_is_said_to_lead_one_step_back(tmp_path: Path) -> None:
    async with shown(write_run(tmp_path / "over", "finished"), alive=False) as (app, pilot):
        await pilot.press("d", "question_mark")
        await pilot.pause()
        assert "Back to where you came from." in text(app)
        assert "Back to the list of runs." not in text(app)
