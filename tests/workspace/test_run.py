"""Runs on disk: found by name, held by one engine, and readable as a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workspace.errors import BusyError, InputError
from workspace.files import write_text
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.journal import Journal, read_events
from workspace.runs.run import RunFolder, alive, engine_lock, find_run, load_view, lock_holder, runs_in, save_view
from workspace.runs.view import fold


def _run(folder: Path, name: str, age: float = 0.0) -> RunFolder:
    run = RunFolder(folder / name)
    write_text(run.config, "format = 1\nkind = 'run'\n")
    os.utime(run.config, (time.time() - age, time.time() - age))
    return run


def _journal(run: RunFolder, *found: Event) -> None:
    lines = (event.model_copy(update={"seq": n, "t": float(n)}) for n, event in enumerate(found, 1))
    write_text(run.journal, "".join(dump_event(event) + "\n" for event in lines))


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run whose lock another process holds."""
    run = _run(tmp_path, "held")
    code = (
        "import sys; from pathlib import Path; from workspace.runs.run import RunFolder, engine_lock\n"
        f"with engine_lock(RunFolder(Path({str(run.path)!r}))):\n    print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout and child.stdin
    assert child.stdout.readline() == b"held\n"
    yield run
    child.stdin.close()
    child.wait(10)
    child.stdout.close()


def test_a_run_is_found_by_id_prefix_path_and_last(tmp_path: Path) -> None:
    old, new = _run(tmp_path, "2026-11-22-1405-xlsx-a3f", 60), _run(tmp_path, "2026-11-23-0900-date-b11")
    for name in (old.id, "2026-11-22", str(old.path)):
        assert find_run(tmp_path, name).path == old.path
    assert find_run(tmp_path, "last").path == new.path


def test_a_whole_id_wins_over_longer_ones_that_begin_alike(tmp_path: Path) -> None:
    short = _run(tmp_path, "run-a")
    _run(tmp_path, "run-ab")
    assert find_run(tmp_path, "run-a").path == short.path


def test_an_ambiguous_or_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    _run(tmp_path, "run-a")
    _run(tmp_path, "run-b")
    with pytest.raises(InputError, match="the start of 2 runs, newest first: run-b, run-a"):
        find_run(tmp_path, "run")
    with pytest.raises(InputError, match=r"no run 'x' in .* \(newest first: run-b, run-a\)"):
        find_run(tmp_path, "x")
    with pytest.raises(InputError, match="there is none yet"):
        find_run(tmp_path / "empty", "last")


def test_folders_without_a_run_toml_are_no_runs(tmp_path: Path) -> None:
    _run(tmp_path, "real")
    (tmp_path / "half").mkdir()
    assert [run.id for run in runs_in(tmp_path)] == ["real"]


def test_a_second_engine_is_refused_with_a_sentence_that_helps(holder: RunFolder) -> None:
    with (
        pytest.raises(BusyError, match=r"already worked on by engine process [0-9]+; watch it with `t2s attach held`"),
        engine_lock(holder, patience=0.1),
    ):
        raise AssertionError("two engines at work")


def test_a_lock_is_seen_from_outside_and_gone_with_its_process(holder: RunFolder) -> None:
    assert alive(holder)
    os.kill(int(lock_holder(holder)["pid"]), 9)
    until = time.monotonic() + 5
    while alive(holder) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(holder)


def test_many_looks_at_a_free_lock_never_keep_an_engine_out(tmp_path: Path) -> None:
    run = _run(tmp_path, "busy")
    with engine_lock(run):
        pass
    code = (
        "import sys; from pathlib import Path; from workspace.runs.run import RunFolder, alive\n"
        f"run = RunFolder(Path({str(run.path)!r}))\nprint('go', flush=True)\n"
        "import time; until = time.monotonic() + 1.0\nwhile time.monotonic() < until: alive(run)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    for _ in range(5):
        with engine_lock(run, patience=5):
            pass
    child.wait(10)
    child.stdout.close()


def test_a_run_that_never_started_is_not_alive(tmp_path: Path) -> None:
    assert not alive(_run(tmp_path, "new"))


def test_a_saved_view_and_the_rest_of_the_journal_give_the_whole(tmp_path: Path) -> None:
    run = _run(tmp_path, "r")
    journal = Journal(run.journal)
    journal.emit(e.RunStarted(run="r", skill="s", model="m"))
    journal.emit(e.LessonLearned(lesson="t001-L1", title="one"))
    journal.close()
    events = list(read_events(run.journal))
    save_view(run, fold([events[0][0]]), events[0][1])
    journal = Journal(run.journal)
    journal.emit(e.RunFinished(state="finished", code=0))
    journal.close()
    loaded = load_view(run)
    assert loaded.view == fold(event for event, _ in read_events(run.journal))
    assert loaded.offset == run.journal.stat().st_size


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 99, "offset": 0, "view": {}}', '{"format": 1, "offset": 10000000, "view": {}}']
)
def test_a_view_file_that_does_not_fit_only_costs_time(tmp_path: Path, text: str) -> None:
    run = _run(tmp_path, "r")
    _journal(run, e.RunStarted(run="r", skill="s", model="m"), e.RunFinished(state="finished", code=0))
    write_text(run.view, text)
    assert load_view(run).view.state == "finished"


def test_a_run_without_an_engine_and_without_an_end_is_lost(tmp_path: Path) -> None:
    run = _run(tmp_path, "r")
    _journal(run, e.RunStarted(run="r", skill="s", model="m"))
    assert load_view(run).view.state == "lost"
    with engine_lock(run):
        assert load_view(run).view.state == "running"


def test_a_copy_of_a_running_run_is_a_run_of_its_own(tmp_path: Path) -> None:
    run = _run(tmp_path, "r")
    _journal(run, e.RunStarted(run="r", skill="s", model="m"))
    with engine_lock(run):
        copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
        assert load_view(copy).view.state == "lost"
        assert find_run(tmp_path, "copy").path == copy.path


def test_rounds_and_seeds_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    run = _run(tmp_path, "r")
    for number in (10, 2, 1):
        (run.round(number).seed(11).path).mkdir(parents=True)
        (run.round(number).seed(2).path).mkdir()
    assert [each.path.name for each in run.rounds()] == ["1", "2", "10"]
    assert [seed.name for seed in run.rounds()[0].seeds()] == ["s2", "s11"]
