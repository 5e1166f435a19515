"""The form for a new run: what it says while one types, what it offers, and that it starts what it shows."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from t2s_tui.app import T2SApp
from t2s_tui.models import Offer, offered
from t2s_tui.recent import completions, load_recent, recent_file, remember
from t2s_tui.screens.form_checks import look_at
from t2s_tui.screens.form_fields import command, settings_of
from t2s_tui.screens.form_widgets import FormInput
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.new_run import NewRunScreen
from t2s_tui.theme import Look
from tests.shell import Shell, end_engine, scripted
from tests.t2s_tui.test_screens import text, until


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("T2S_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    shell = Shell(tmp_path)
    shell.skill()
    shell.traces()
    return shell


@asynccontextmanager
async def form(shell: Shell, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[T2SApp, Pilot[int]]]:
    app = T2SApp(shell.runs, look=Look())
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        yield app, pilot


def put(app: T2SApp, key: str, value: str) -> FormInput:
    field = next(one for one in app.screen.query(FormInput) if one.field.key == key)
    field.value = value
    field.focus()
    return field


def said(typed: dict[str, str], key: str, offers: dict[str, Offer] | None = None) -> tuple[bool | None, str]:
    found = look_at(typed, False, offers or {}, lambda: False)
    assert found is not None
    return found.checks[key]


# --- what it says ------------------------------------------------------------------------------------------------


async def test_every_field_says_while_one_types_whether_it_is_right(shell: Shell) -> None:
    async with form(shell) as (app, pilot):
        put(app, "skill.path", "skills/ledger")
        put(app, "traces.paths", "traces.jsonl")
        await until(pilot, lambda: "✓ ledger: 14 lines" in text(app))
        await until(pilot, lambda: "✓ 12 trajectories (messages): 9 failed, 3 passed" in text(app))
        put(app, "skill.path", "skills/nope")
        await until(pilot, lambda: "✗ no such folder" in text(app))


async def test_what_it_may_use_stands_there_before_the_start(shell: Shell) -> None:
    async with form(shell) as (app, pilot):
        put(app, "skill.path", "skills/ledger")
        put(app, "traces.paths", "traces.jsonl")
        put(app, "endpoint.base_url", "http://127.0.0.1:9/v1")
        put(app, "endpoint.model", "m")
        await until(pilot, lambda: "analyse" in text(app) and "written" in text(app))
        await until(pilot, lambda: "✗ does not answer: connection refused" in text(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "tokens in" in text(app) and "calls" in text(app))


def test_numbers_out_of_range_addresses_and_families_are_told_by_what_they_take(shell: Shell) -> None:
    assert said({"run.rounds": "0"}, "run.rounds") == (False, "it takes a whole number, 1 or more")
    good, words = said({"endpoint.base_url": "gpu:8000"}, "endpoint.base_url")
    assert good is False and "http://127.0.0.1:8000/v1" in words
    assert said({"domain.name": "house", "domain.family": "cats"}, "domain.name")[0] is False
    assert said({"skill.create": "dates"}, "skill.create") == (False, "say what it is for, under about")


def test_traces_that_teach_nothing_are_told_before_the_start(shell: Shell) -> None:
    good, words = said({"traces.paths": "traces.jsonl", "source": "success"}, "traces.paths")
    assert (good, "3 passed" in words) == (True, True)
    (shell.cwd / "only.jsonl").write_text(
        "".join(line for line in (shell.cwd / "traces.jsonl").read_text().splitlines(True) if '"reward": 1' in line)
    )
    good, words = said({"traces.paths": "only.jsonl"}, "traces.paths")
    assert good is False and "none to learn from" in words


def test_a_model_that_the_server_lacks_is_told_with_those_it_has(shell: Shell) -> None:
    offers = {"http://h/v1": Offer(("small", "large"))}
    typed = {"endpoint.base_url": "http://h/v1", "endpoint.model": "huge"}
    good, words = said(typed, "endpoint.model", offers)
    assert good is False and "small, large" in words
    assert said({**typed, "endpoint.model": "large"}, "endpoint.model", offers) == (True, "on offer")


def test_a_look_that_is_overtaken_says_nothing(shell: Shell) -> None:
    assert look_at({"traces.paths": "traces.jsonl"}, False, {}, lambda: True) is None


def test_a_path_with_a_blank_in_it_comes_back_from_the_command_line_as_one() -> None:
    values = settings_of({"traces.paths": "'my traces' other", "skill.path": "a skill"})
    assert values["traces.paths"] == ("my traces", "other")
    assert command(values) == "t2s run --skill 'a skill' --traces 'my traces' other"


async def test_a_fault_leads_to_its_field_even_below_more_settings(shell: Shell) -> None:
    async with form(shell) as (app, pilot):
        put(app, "run.seeds", "none")
        app.screen.query(FormInput).first().focus()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: getattr(app.focused, "id", "") == "run-seeds")
        put(app, "run.seeds", "")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: getattr(app.focused, "id", "") == "skill-path")
    assert not shell.runs.exists()


# --- what it offers ----------------------------------------------------------------------------------------------


async def test_the_right_arrow_completes_a_path_and_down_goes_through_what_there_is(shell: Shell) -> None:
    async with form(shell) as (app, pilot):
        await pilot.press(*"ski")
        await pilot.pause(0.2)
        await pilot.press("right")
        field = app.focused
        assert isinstance(field, FormInput)
        await until(pilot, lambda: field.value == "skills/")
        await pilot.press("down")
        assert field.value == "skills/ledger/"
        source = put(app, "source", "")
        await pilot.pause()
        await pilot.press("down", "down")
        assert source.value == "success"


async def test_what_was_typed_is_still_there_when_the_form_opens_again(shell: Shell) -> None:
    async with form(shell) as (app, pilot):
        await pilot.press(*"skills/ledger", "escape")
        await until(pilot, lambda: not isinstance(app.screen, NewRunScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen) and "skills/ledger" in text(app))


def test_recent_values_come_newest_first_and_never_hold_a_key(shell: Shell) -> None:
    path = recent_file()
    remember(path, {"endpoint.base_url": "http://a/v1", "endpoint.model": "m1", "skill.about": "long words"})
    remember(path, {"endpoint.base_url": "http://b/v1?key=sk-123", "endpoint.model": "m2"})
    assert load_recent(path) == {"endpoint.base_url": ["http://a/v1"], "endpoint.model": ["m2", "m1"]}
    assert "sk-123" not in path.read_text()
    assert not stat.S_IMODE(path.stat().st_mode) & 0o022


def test_a_damaged_file_of_recent_values_only_offers_nothing(shell: Shell) -> None:
    path = recent_file()
    path.parent.mkdir(parents=True)
    path.write_text("recent = ")
    assert load_recent(path) == {}
    remember(path, {"endpoint.model": "m"})
    assert load_recent(path) == {"endpoint.model": ["m"]}


def test_paths_are_completed_from_the_disk(shell: Shell) -> None:
    assert completions("skills/") == ["skills/ledger/"]
    assert completions("tra") == ["traces.jsonl"]
    assert completions("tra", folders_only=True) == []
    assert completions("nowhere/x") == []


# --- asking the server, and starting -----------------------------------------------------------------------------


def test_a_server_is_asked_for_its_models_and_nothing_else() -> None:
    with scripted() as address:
        offer = offered(address)
        assert offer.names and not offer.fault
        assert "is no list" not in offer.said
        assert offered(f"{address}/nothing").fault
    assert offered(address).fault.startswith("does not answer")


async def test_a_run_is_started_from_the_form_by_keys_alone(shell: Shell) -> None:
    with scripted() as address:
        async with form(shell) as (app, pilot):
            await pilot.press(*"skills/ledger", "tab", "tab", "tab", *"traces.jsonl", "tab", "tab", "tab", "tab", "tab")
            await pilot.press(*address, "enter")
            await until(pilot, lambda: "answers; it has" in text(app))
            await pilot.press("down")
            model = app.focused
            assert isinstance(model, FormInput) and model.value
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, LiveScreen), 30)
            run = shell.run()
        end_engine(run)
    assert load_recent(recent_file())["endpoint.base_url"] == [address]
