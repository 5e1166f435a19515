"""Starting engines: a process of its own that says in one sentence why it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from t2s_tui import host
from tests.shell import Shell, end_engine, kinds, scripted, wait_until
from workspace.errors import BusyError, InputError, T2SError
from workspace.runs.run import RunFolder, alive, engine_lock, load_view, runs_in
from workspace.runs.start import new_run
from workspace.settings.config import load_config


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    """An endpoint that takes its time, so that there is something to interrupt."""
    with scripted("--latency", "0.5") as url:
        yield url


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def _new(shell: Shell, url: str) -> RunFolder:
    flags = {
        "skill.path": shell.skill(),
        "traces.paths": [str(shell.traces(16))],
        "endpoint.base_url": url,
        "endpoint.model": "scripted",
        "endpoint.limit": 2,
    }
    config = load_config(file=None, cwd=shell.cwd, env={}, flags=flags).config
    return new_run(config, runs=shell.runs, label="x")


@pytest.fixture
def run(shell: Shell, slow: str) -> Iterator[RunFolder]:
    run = _new(shell, slow)
    yield run
    end_engine(run)


def test_start_returns_when_the_run_has_begun(run: RunFolder) -> None:
    engine = host.start(run, new=True)
    assert kinds(run)[0] == "run.started"
    assert alive(run)
    assert engine.code() is None
    engine.terminate()
    engine.terminate()
    assert engine.wait(20) is not None


def test_an_engine_has_a_session_of_its_own_and_no_terminal(run: RunFolder) -> None:
    engine = host.start(run, new=True)
    assert os.getsid(engine.pid) == engine.pid
    assert Path(f"/proc/{engine.pid}/fd/0").readlink() == Path("/dev/null")


def test_an_engine_that_watches_its_face_stops_softly_when_it_is_gone(run: RunFolder) -> None:
    engine = host.start(run, watch=True, new=True)
    engine.let_go()
    assert engine.wait(20) == 3
    assert load_view(run).view.state == "stopped"


def test_an_engine_that_does_not_watch_goes_on_without_its_face(run: RunFolder) -> None:
    engine = host.start(run, new=True)
    engine.let_go()
    time.sleep(0.5)
    assert engine.code() is None


def test_a_new_run_that_the_engine_refuses_is_removed_again(shell: Shell) -> None:
    run = _new(shell, "http://127.0.0.1:9/v1")
    with pytest.raises(InputError) as caught:
        host.start(run, new=True)
    assert caught.value.exit_code == 2
    assert "127.0.0.1:9" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert list(shell.runs.iterdir()) == []


def test_an_older_run_that_the_engine_refuses_stays(shell: Shell) -> None:
    run = _new(shell, "http://127.0.0.1:9/v1")
    with pytest.raises(InputError):
        host.start(run)
    assert run.config.is_file()


def test_a_run_at_work_is_not_started_twice(run: RunFolder) -> None:
    with engine_lock(run), pytest.raises(BusyError, match=f"t2s attach {run.id}"):
        host.start(run)


def test_a_crash_of_the_engine_is_told_with_its_last_line_and_the_log(run: RunFolder) -> None:
    run.calls.mkdir()  # an engine cannot expect this
    with pytest.raises(T2SError) as caught:
        host.start(run)
    assert caught.value.exit_code == 1
    assert len(str(caught.value).splitlines()) == 1


def test_engine_packages_are_found_from_any_folder(shell: Shell, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "engine").mkdir(parents=True)
    (tmp_path / "elsewhere" / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    code = (
        "from pathlib import Path; from t2s_tui import host; from workspace.runs.run import RunFolder\n"
        f"print(host.start(RunFolder(Path({str(run.path)!r}))).pid)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path / "elsewhere",
        env=shell.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_hangup_of_the_face_does_not_reach_the_engine(shell: Shell, run: RunFolder) -> None:
    engine = host.start(run, new=True)
    os.kill(engine.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert engine.code() is None


def test_calling_off_a_start_ends_the_engine_and_removes_the_run(run: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt):
        host.start(run, watch=True, new=True, called_off=lambda: run.lock.exists())
    assert not alive(run)
    assert not run.path.exists()


def test_ctrl_c_twice_does_not_wait_for_a_slow_endpoint(shell: Shell) -> None:
    with scripted("--latency", "60") as url:
        words = ["run", "--skill", shell.skill(), "--traces", shell.traces(4), "--base-url", url, "--model", "scripted"]
        child = shell.spawn(*words, "--plain")
        wait_until(
            lambda: shell.runs.exists() and any("agent.started" in kinds(run) for run in runs_in(shell.runs)), 20
        )
        for _ in range(2):
            child.send_signal(signal.SIGINT)
            time.sleep(0.3)
        out, err = child.communicate(timeout=20)
    assert child.returncode == 130, (out, err)
    assert load_view(shell.run()).view.state == "stopped"
