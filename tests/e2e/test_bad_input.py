"""What cannot be used is told in one sentence, within seconds, with exit 2, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import ROOT, Done, Shell, end_engine, scripted, wait_until
from workspace.runs.run import RunFolder, alive

SECONDS = 15


def _run(shell: Shell, *words: object, url: str, model: str = "scripted") -> Done:
    skill = shell.cwd / "skills" / "ledger"
    traces = shell.cwd / "traces.jsonl"
    return shell.t2s(
        "run", "--skill", skill, "--traces", traces, "--base-url", url, "--model", model, "--plain", *words
    )


def _is_one_sentence(done: Done, *words: str) -> None:
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("t2s: ")
    assert done.err.count("\n") == 1
    assert done.seconds < SECONDS
    for word in words:
        assert word in done.err


def _nothing_is_left(shell: Shell) -> None:
    assert not shell.runs.exists() or list(shell.runs.iterdir()) == []


@pytest.fixture(autouse=True)
def _inputs(shell: Shell) -> None:
    shell.skill()
    shell.traces()


def test_a_wrong_key(shell: Shell) -> None:
    shell.env["LEDGER_KEY"] = "sk-wrong-1234567890"
    with scripted("--api-key", "sk-right") as url:
        done = _run(shell, "--api-key-env", "LEDGER_KEY", url=url)
    _is_one_sentence(done, "LEDGER_KEY")
    assert "sk-wrong" not in done.err
    _nothing_is_left(shell)


def test_an_endpoint_that_is_not_there(shell: Shell) -> None:
    _is_one_sentence(_run(shell, url="http://127.0.0.1:9/v1"), "127.0.0.1:9")
    _nothing_is_left(shell)


def test_an_endpoint_whose_name_nobody_knows(shell: Shell) -> None:
    _is_one_sentence(_run(shell, url="http://no-such-host.invalid:8000/v1"), "no-such-host.invalid")
    _nothing_is_left(shell)


def test_an_unknown_model(shell: Shell, fast: str) -> None:
    _is_one_sentence(_run(shell, url=fast, model="gpt-99"), "gpt-99", "scripted")
    _nothing_is_left(shell)


def test_a_traces_file_that_is_not_there(shell: Shell, fast: str) -> None:
    (shell.cwd / "traces.jsonl").unlink()
    _is_one_sentence(_run(shell, url=fast), "traces.jsonl")
    _nothing_is_left(shell)


def test_a_traces_file_that_nobody_can_read(shell: Shell, fast: str) -> None:
    (shell.cwd / "traces.jsonl").write_bytes(b"\x00\x01 not a trace \xff\n")
    _is_one_sentence(_run(shell, url=fast), "traces.jsonl")
    _nothing_is_left(shell)


def test_a_folder_without_a_skill_in_it(shell: Shell, fast: str) -> None:
    (shell.cwd / "skills" / "ledger" / "SKILL.md").unlink()
    _is_one_sentence(_run(shell, url=fast), "SKILL.md")
    _nothing_is_left(shell)


def test_a_domain_that_does_not_exist(shell: Shell, fast: str) -> None:
    done = shell.t2s(
        "run", "--skill", shell.skill(), "--domain", "house:poems", "--base-url", fast, "--model", "scripted", "--plain"
    )
    _is_one_sentence(done, "poems")
    _nothing_is_left(shell)


def test_two_engines_on_one_run(shell: Shell, slow: str) -> None:
    words = ["run", "--skill", shell.skill(), "--traces", shell.traces(32), "--base-url", slow, "--model", "scripted"]
    started = shell.t2s(*words, "--limit", "2", "--detach")
    assert started.code == 0
    run = shell.run()
    command = [sys.executable, "-P", "-m", "engine", str(run.path)]
    second = subprocess.run(command, env=shell.env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert second.returncode == 2
    assert f"run {run.id} is already worked on by engine process" in second.stderr
    _is_one_sentence(shell.t2s("resume", "last"), run.id, "t2s attach")
    assert alive(run)
    end_engine(run)


def test_a_full_disk_ends_the_run_with_one_sentence_and_what_is_there_can_be_resumed(shell: Shell, fast: str) -> None:
    small = shell.cwd / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1600k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        words = [
            "run",
            "--skill",
            shell.skill(),
            "--traces",
            shell.traces(64),
            "--base-url",
            fast,
            "--model",
            "scripted",
        ]
        done = shell.t2s(*words, "--runs", small, "--plain")
        assert done.code == 1, done
        assert "disk is full" in done.out + done.err
        assert "Traceback" not in done.out + done.err
        assert not list(small.rglob("*.tmp"))
        runs = [RunFolder(path) for path in small.iterdir() if not path.name.startswith(".")]
        assert not any(alive(run) for run in runs)
        if runs:
            assert subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=False).returncode == 0
            resumed = shell.t2s("resume", "last", "--runs", small, "--json")
            assert (resumed.code, resumed.json["edits"]["unaccounted"]) == (0, 0)
    finally:
        wait_until(lambda: subprocess.run(["umount", str(small)], check=False, capture_output=True).returncode == 0, 10)


def test_a_runs_folder_that_cannot_be_written(shell: Shell, fast: str) -> None:
    if os.geteuid() == 0:
        place = Path("/proc/t2s-runs")
    else:
        place = shell.cwd / "locked" / "runs"
        place.parent.mkdir(mode=0o500)
    done = _run(shell, "--runs", place, url=fast)
    assert done.code == 1
    assert done.err.startswith("t2s: cannot write ")
    assert "Traceback" not in done.err


def test_the_engine_alone_tells_a_foreign_folder_in_one_sentence(shell: Shell) -> None:
    command = [sys.executable, "-P", "-m", "engine", str(shell.cwd)]
    env = shell.env | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert "is not the folder of a run" in done.stderr
    assert done.stderr.count("\n") == 1
