"""An evaluation on the screen: it has no lessons, no tree and no verdict, and shows its table where a verdict is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from t2s_tui.app import T2SApp
from t2s_tui.screens.verdict import VerdictScreen
from t2s_tui.theme import Look
from t2s_tui.widgets.merge_tree import MergeTree
from t2s_tui.widgets.pool import Pool
from tests.shell import Shell
from tests.t2s_tui.evaluations import write_evaluation
from tests.t2s_tui.stage import assert_rows_fit
from tests.t2s_tui.test_screens import text, until
from workspace.files import read_text, write_text
from workspace.reports.matrix import matrix_file
from workspace.runs import events as e
from workspace.runs.events import dump_event
from workspace.runs.run import RunFolder, engine_lock, load_view
from workspace.runs.start import starter_skill


@pytest.fixture
def evaluation(shell: Shell, fast: str) -> RunFolder:
    words = ["eval", "--domain", "house:date", "--skill", starter_skill("date"), "none", "--tasks", 6]
    assert shell.t2s(*words, "--endpoint", f"a={fast},scripted", f"b={fast},scripted").code == 0
    return shell.run()


@pytest.mark.parametrize("size", [(120, 36), (60, 20)])
async def test_its_table_stands_where_a_verdict_would(evaluation: RunFolder, size: tuple[int, int]) -> None:
    app = T2SApp(evaluation.path.parent, evaluation, look=Look())
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerdictScreen) and "6 tasks of validation" in text(app))
        assert "house-date" in text(app)
        assert not app.fault, app.fault


async def test_no_key_of_a_run_breaks_on_it(evaluation: RunFolder) -> None:
    app = T2SApp(evaluation.path.parent, evaluation, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        for key in ("v", "A", "J", "]", "escape", "d", "escape", "t", "escape", "l", "enter", "escape", "enter"):
            await pilot.press(key)
            await pilot.pause(0.05)
        assert not app.fault, app.fault


async def test_its_matrix_grows_in_place_of_lessons_and_tree(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path / "runs", tried=5)
    with engine_lock(run):
        app = T2SApp(run.path.parent, run, look=Look())
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "30 of 72 tries" in text(app))
            assert "5/12" in text(app)
            assert not app.screen.query(Pool)
            assert not app.screen.query(MergeTree)
            assert not {"LESSONS", "TREE", "analyse"} & set(text(app).split())
            event = e.ScoreMeasured(split="validation", side="old@small", task="date-006", status="pass", score=1.0)
            done = e.UnitDone(unit="validation-old@small-t006", stage="validate")
            last = load_view(run).view.seq
            with run.journal.open("a") as journal:
                for n, each in enumerate((event, done), last + 1):
                    journal.write(dump_event(each.model_copy(update={"seq": n, "t": 99.0})) + "\n")
            await until(pilot, lambda: "31 of 72 tries" in text(app) and "6/12" in text(app))
            assert not app.fault, app.fault


@pytest.mark.parametrize(
    ("key", "panel"),
    [("1", "roster"), ("2", "means"), ("l", "means"), ("3", "wall"), ("4", "machine"), ("5", "machine")],
)
async def test_a_number_leads_to_the_panel_that_bears_it(tmp_path: Path, key: str, panel: str) -> None:
    run = write_evaluation(tmp_path / "runs")
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        await pilot.press(key)
        await pilot.pause(0.1)
        assert app.screen.focused is not None
        assert app.screen.focused.id == panel


async def test_many_skills_and_models_scroll_and_stand_below_each_other(tmp_path: Path) -> None:
    skills = tuple(f"a-skill-with-a-long-name-{n:02d}-{'x' * 30}"[:60] for n in range(30))
    run = write_evaluation(tmp_path / "runs", tried=1, skills=skills)
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("2")
        await until(pilot, lambda: "60 of 720 tries" in text(app))
        await pilot.press("G")
        await until(pilot, lambda: "when all are tried" in text(app))
        assert_rows_fit(app)


async def test_a_broken_plan_is_shown_as_a_run(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path / "runs")
    write_text(run.config, 'kind = "eval"\n[eval]\nskills = 3\n')
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.2)
        assert "LESSONS" in text(app)
        assert not app.fault, app.fault


async def test_a_replay_shows_the_means_as_they_were(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path / "runs")
    app = T2SApp(run.path.parent, run, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("w")
        await until(pilot, lambda: app.replay is not None and "of 72 tries" in text(app))
        assert "72 of 72 tries" not in text(app)
        assert not app.fault, app.fault


async def test_a_broken_table_is_told_on_the_screen(evaluation: RunFolder) -> None:
    file = matrix_file(evaluation)
    write_text(file, json.dumps({**json.loads(read_text(file)), "cells": 3}))
    app = T2SApp(evaluation.path.parent, evaluation, look=Look())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerdictScreen) and "`cells`" in text(app))
