"""Whole runs from the command line: a merger with a small window, a rude one, one that refuses; a new plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shell import Done, Shell, end_engine, kinds, scripted, wait_until
from workspace.merging.ledger import load_ledger
from workspace.merging.tree import Plan, load_plan
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view, runs_in

CORPUS = Path(__file__).with_name("bad_merger_replies.jsonl")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    for run in runs_in(shell.runs):
        end_engine(run)


def evolve(shell: Shell, url: str, traces: int, *more: object) -> Done:
    words = ["run", "--skill", shell.skill(), "--traces", shell.traces(traces), "--base-url", url]
    return shell.t2s(*words, "--model", "scripted", "--source", "combined", *more)


def everything_is_accounted(run: RunFolder, summary: dict[str, Any]) -> None:
    for what in ("lessons", "edits"):
        row = dict(summary[what])
        total = row.pop("learned" if what == "lessons" else "proposed")
        assert row["unaccounted"] == 0
        assert total == sum(row.values()) > 0
    rows = load_ledger(run.round(1).seed(0).ledger.read_text())
    assert len(rows) == summary["lessons"]["learned"] + summary["edits"]["proposed"]
    assert all(row.reason or row.state == "in_skill" for row in rows)


def plan_of(run: RunFolder) -> Plan:
    path = run.round(1).seed(0).plan
    return load_plan(path.read_text(), path)


@pytest.mark.parametrize("tells", [True, False])
def test_64_traces_through_a_small_window_lose_nothing(shell: Shell, tells: bool) -> None:
    with scripted("--context", 700, *(["--tell-context"] if tells else [])) as url:
        done = evolve(shell, url, 64, "--fan-in", 32, "--json")
    summary = done.json
    assert (done.code, summary["units"]["failed"]) == (0, 0), summary["why"]
    everything_is_accounted(shell.run(), summary)
    assert "merge.failed" not in kinds(shell.run())
    plan = plan_of(shell.run())
    assert (plan.window, plan.fan_in < 32) == ((700, True) if tells else (0, False))


def test_replies_in_another_order_give_the_same_tree_patch_and_ledger(shell: Shell, tmp_path: Path) -> None:
    made: list[dict[str, bytes]] = []
    for seed in (1, 2):
        with scripted("--latency", "0.03", "--latency-dist", "stragglers", "--seed", seed) as url:
            assert evolve(shell, url, 32, "--fan-in", 4, "--runs", tmp_path / str(seed), "--plain").code == 0
        folder = runs_in(tmp_path / str(seed))[0].round(1).seed(0)
        files = [*sorted(folder.tree.iterdir()), folder.patch, folder.ledger, folder.provenance, folder.diff]
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]


def test_a_merger_with_every_bad_manner_loses_nothing_and_the_run_says_what_failed(shell: Shell) -> None:
    with scripted("--replies", CORPUS) as url:
        done = evolve(shell, url, 64, "--fan-in", 4, "--json")
    summary = done.json
    everything_is_accounted(shell.run(), summary)
    assert done.code == (1 if summary["units"]["failed"] else 0)
    assert summary["units"]["failed"] == 0  # a bad answer falls back; it fails no unit


def test_where_some_merges_answer_badly_and_some_not_at_all_the_run_is_incomplete_and_whole(shell: Shell) -> None:
    refused = json.dumps({"role": "merger", "status": 422, "content": "not today"})
    both = [line for bad in CORPUS.read_text().splitlines() for line in (bad, refused)]
    (shell.cwd / "both.jsonl").write_text("".join(f"{line}\n" for line in both))
    with scripted("--replies", shell.cwd / "both.jsonl", "--latency", 0.01, "--latency-dist", "lognormal") as url:
        done = evolve(shell, url, 64, "--fan-in", 4, "--json")
    summary = done.json
    assert (done.code, summary["state"]) == (1, "incomplete")
    assert summary["units"]["failed"] >= 1
    everything_is_accounted(shell.run(), summary)


def test_merges_that_cannot_be_asked_fail_aloud_and_the_next_resume_mends_them(shell: Shell, tmp_path: Path) -> None:
    refusing = tmp_path / "refusing.jsonl"
    refusing.write_text(json.dumps({"role": "merger", "status": 422, "content": "not today"}) + "\n")
    with scripted("--replies", refusing) as url:
        done = evolve(shell, url, 24, "--fan-in", 4, "--json")
    summary = done.json
    assert (done.code, summary["state"]) == (1, "incomplete")
    assert summary["units"]["failed"] >= 1
    everything_is_accounted(shell.run(), summary)
    with scripted() as url:
        mended = shell.t2s("resume", "last", "--base-url", url, "--json")
    assert (mended.code, mended.json["units"]["failed"]) == (0, 0)
    everything_is_accounted(shell.run(), mended.json)


# --- --replan ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fast() -> Iterator[str]:
    with scripted() as url:
        yield url


def test_replan_makes_the_plan_anew_and_uses_again_what_still_fits(shell: Shell, fast: str) -> None:
    assert evolve(shell, fast, 24, "--fan-in", 4, "--json").code == 0
    run = shell.run()
    fresh = plan_of(run)
    added = shell.t2s("lessons", "last", "add", "--title", "Ask first", "--claim", "Ask before you delete a sheet.")
    assert added.code == 0, added.err
    assert shell.t2s("resume", "last", "--json").code == 0
    grown = plan_of(run)
    assert "H001" in grown.patches
    done = shell.t2s("resume", "last", "--replan", "--json")
    assert done.code == 0, done.err
    renewed = plan_of(run)
    assert renewed != grown
    assert sorted(renewed.patches) == sorted(grown.patches)
    assert not run.round(1).seed(0).plan_before.exists()
    everything_is_accounted(run, done.json)
    notes = [event.text for event, _ in read_events(run.journal) if isinstance(event, e.NoteLeft)]
    assert any("--replan" in note for note in notes)
    assert "merge.replanned" in kinds(run)
    assert load_view(run).view.nodes.keys() == {node.id for node in renewed.nodes}
    kept = {(n.id, n.children) for n in renewed.nodes} & {(n.id, n.children) for n in grown.nodes}
    assert done.json["units"]["reused"] < done.json["units"]["total"] or len(kept) == len(renewed.nodes)
    assert fresh.fan_in == renewed.fan_in


def test_replan_of_an_unchanged_run_pays_nothing(shell: Shell, fast: str) -> None:
    assert evolve(shell, fast, 24, "--fan-in", 4, "--json").code == 0
    before, calls = plan_of(shell.run()), shell.t2s("show", "last", "--json").json["calls"]
    done = shell.t2s("retry", "last", "--replan", "--json")
    assert (done.code, done.json["calls"]) == (0, calls)
    assert plan_of(shell.run()).nodes == before.nodes


def test_replan_is_refused_while_the_engine_is_at_work(shell: Shell) -> None:
    with scripted("--latency", "0.5") as url:
        assert evolve(shell, url, 24, "--limit", 2, "--detach").code == 0
        wait_until(lambda: alive(shell.run()), 20)
        refused = shell.t2s("resume", "last", "--replan", "--plain")
        assert refused.code == 2
        assert refused.err.count("\n") == 1
        assert "t2s stop" in refused.err
        end_engine(shell.run())
