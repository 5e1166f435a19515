"""The screens with a real engine behind them: a run begun from the form, watched to its end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from t2s_tui.app import T2SApp
from t2s_tui.screens.live import LiveScreen
from t2s_tui.screens.new_run import NewRunScreen
from t2s_tui.theme import Look
from tests.shell import Shell
from workspace.run import load_view


async def _until(true: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(0.05)


async def test_the_form_starts_an_engine_and_shows_its_run(
    shell: Shell, fast: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("T2S_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(shell.cwd / "home"))
    monkeypatch.chdir(shell.cwd)
    shell.skill()
    shell.traces()
    app = T2SApp(shell.runs, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("n")
        await _until(lambda: isinstance(app.screen, NewRunScreen), 5, "the form")
        await pilot.press(*"skills/ledger", "tab", *"traces.jsonl", "tab", "tab", "tab", *fast, "tab", *"scripted")
        await pilot.press("ctrl+s")
        await _until(lambda: isinstance(app.screen, LiveScreen), 30, "the live screen")
        await _until(lambda: app.feed is not None and app.feed.state == "finished", 60, "the end of the run")
        await pilot.press("q")
    assert app.return_value == 0
    assert load_view(shell.run()).view.verdict is not None
