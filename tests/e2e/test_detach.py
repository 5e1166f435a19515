"""Faces come and go; the engine stays, and never outlives a run that nobody watches on purpose."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.shell import Shell, engine_pid, kinds, scripted, wait_until
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view


@pytest.fixture(scope="module")
def unhurried() -> Iterator[str]:
    with scripted("--latency", "0.4") as url:
        yield url


def _words(shell: Shell, url: str, count: int = 24) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(count)]
    return ["run", *inputs, "--base-url", url, "--model", "scripted", "--limit", "2"]


def _on_a_terminal(shell: Shell, *words: object) -> tuple[int, int]:
    """Start `t2s` on a terminal of its own; gives the process and the terminal's other end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(shell.cwd)
        command = [sys.executable, "-P", "-m", "t2s_tui", *map(str, words)]
        os.execve(sys.executable, command, shell.env | {"COLUMNS": "100", "LINES": "30"})
    return pid, terminal


def _read(terminal: int, wanted: bytes, seconds: float = 20) -> bytes:
    """What the terminal showed, until `wanted` is in it."""
    os.set_blocking(terminal, False)
    shown, until = b"", time.monotonic() + seconds
    while wanted not in shown:
        assert time.monotonic() < until, f"{wanted!r} never came; shown: {shown[-500:]!r}"
        try:
            shown += os.read(terminal, 65536)
        except BlockingIOError:
            time.sleep(0.05)
    return shown


def _exit_code(pid: int, terminal: int, seconds: float = 20) -> int:
    """Wait for the end, reading on so that the child is never stuck in a write."""
    os.set_blocking(terminal, False)
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        assert time.monotonic() < until, "the viewer did not end"
        try:
            os.read(terminal, 65536)
        except (BlockingIOError, OSError):
            time.sleep(0.05)


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_detach_returns_at_once_and_attach_sees_the_whole_run(shell: Shell, unhurried: str) -> None:
    done = shell.t2s(*_words(shell, unhurried), "--detach", "--json")
    run = shell.run()
    assert (done.code, done.json) == (0, {"id": run.id, "path": str(run.path)})
    assert alive(run)
    attached = shell.t2s("attach", "last", "--json")
    assert attached.code == 0
    rows = [json.loads(line) for line in attached.out.splitlines()]
    assert [row["seq"] for row in rows[:-1]] == list(range(1, len(rows)))
    assert rows[-1]["state"] == "finished"


def test_a_plain_face_that_is_killed_leaves_no_orphan(shell: Shell, unhurried: str) -> None:
    face = shell.spawn(*_words(shell, unhurried), "--plain")
    wait_until(lambda: shell.runs.exists() and list(shell.runs.glob("*/journal.jsonl")), 20, "the run")
    run = shell.run()
    wait_until(lambda: "agent.started" in kinds(run), 20, "work")
    pid = engine_pid(run)
    face.kill()
    face.communicate()
    wait_until(lambda: not alive(run), 30, "the end of the engine")
    wait_until(lambda: _is_gone(pid), 10, "the end of its process")
    assert load_view(run).view.state == "stopped"


def test_looking_on_in_plain_and_leaving_does_not_touch_the_run(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    viewer = shell.spawn("attach", "last", "--plain")
    assert viewer.stdout
    viewer.stdout.readline()
    viewer.send_signal(signal.SIGINT)
    viewer.communicate(timeout=20)
    assert viewer.returncode == 130
    assert load_view(run).view.state == "running"


def test_a_hangup_ends_the_screen_and_the_run_goes_on_without_a_gap(shell: Shell, unhurried: str) -> None:
    pid, terminal = _on_a_terminal(shell, *_words(shell, unhurried))
    try:
        wait_until(lambda: shell.runs.exists() and list(shell.runs.glob("*/journal.jsonl")), 20, "the run")
        run = shell.run()
        _read(terminal, b"AGENTS", 20)
        os.kill(pid, signal.SIGHUP)
        _exit_code(pid, terminal)
    finally:
        os.close(terminal)
    assert alive(run)
    attached = shell.t2s("attach", "last", "--json")
    assert attached.code == 0
    numbers = [event.seq for event, _ in read_events(run.journal)]
    assert numbers == list(range(1, len(numbers) + 1))
    times = [event.time for event, _ in read_events(run.journal)]
    assert max(b - a for a, b in pairwise(times)) < 3


def test_q_detaches_and_says_how_to_come_back(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    pid, terminal = _on_a_terminal(shell, "attach", "last")
    try:
        _read(terminal, b"AGENTS")
        os.write(terminal, b"q")
        _read(terminal, f"t2s attach {run.id}".encode())
        assert _exit_code(pid, terminal) == 0
    finally:
        os.close(terminal)
    assert alive(run)


def test_the_screen_of_a_finished_run_can_be_opened(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast, 8))
    pid, terminal = _on_a_terminal(shell, "attach", "last")
    try:
        _read(terminal, b"detach")
        os.write(terminal, b"q")
        assert _exit_code(pid, terminal) == 0
    finally:
        os.close(terminal)


def test_a_dumb_terminal_gets_plain_lines(shell: Shell, fast: str) -> None:
    shell.env["TERM"] = "dumb"
    pid, terminal = _on_a_terminal(shell, *_words(shell, fast, 8))
    try:
        shown = _read(terminal, b"verdict   not_validated")
        assert _exit_code(pid, terminal) == 0
    finally:
        os.close(terminal)
    assert b"\x1b" not in shown


def test_a_copy_of_a_run_works_alone(shell: Shell, fast: str, tmp_path: Path) -> None:
    shell.t2s(*_words(shell, fast, 8))
    run = shell.run()
    wanted = {words: shell.t2s(*words.split(), run.id).out for words in ("diff", "lessons")}
    copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "far" / "copy")))
    shutil.rmtree(run.path)
    for words, out in wanted.items():
        assert shell.t2s(*words.split(), copy.path).out == out
    assert shell.t2s("show", copy.path, "--json").json["edits"]["unaccounted"] == 0
    assert shell.t2s("attach", copy.path).code == 0


def test_a_lost_engine_does_not_keep_a_plain_face_waiting(shell: Shell, unhurried: str) -> None:
    face = shell.spawn(*_words(shell, unhurried), "--plain")
    wait_until(lambda: shell.runs.exists() and list(shell.runs.glob("*/journal.jsonl")), 20, "the run")
    run = shell.run()
    wait_until(lambda: "agent.started" in kinds(run), 20, "work")
    os.kill(engine_pid(run), 9)
    out, _ = face.communicate(timeout=20)
    assert face.returncode == 1
    assert f"t2s resume {run.id}" in out.decode()


def test_an_engine_never_holds_the_pipes_of_its_face(shell: Shell, unhurried: str) -> None:
    """`id=$(t2s run --detach)` must return although the engine lives on."""
    began = time.monotonic()
    command = [sys.executable, "-P", "-m", "t2s_tui", *map(str, _words(shell, unhurried)), "--detach"]
    subprocess.run(command, cwd=shell.cwd, env=shell.env, capture_output=True, timeout=30, check=True)
    assert time.monotonic() - began < 20
    assert alive(shell.run())
