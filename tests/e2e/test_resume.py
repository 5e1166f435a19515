"""A run that lost its engine goes on where it was: nothing is paid twice, and the result is the same to the byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell import Shell, engine_pid, scripted, wait_until
from workspace.files import write_text
from workspace.reports.summary import result_skill
from workspace.runs import events as e
from workspace.runs.events import Event
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view
from workspace.runs.wishes import Wish, leave_wish
from workspace.skills.skill import load_skill

STAGES = ("analyse", "propose", "merge", "settle")


@pytest.fixture(scope="module")
def unhurried() -> Iterator[str]:
    """Slow enough to be hit in the middle of every stage."""
    with scripted("--latency", "0.25", "--latency-dist", "lognormal") as url:
        yield url


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the skill that an undisturbed run makes."""
    shell = Shell(tmp_path_factory.mktemp("undisturbed"))
    with scripted() as url:
        assert shell.t2s(*_words(shell, url)).code == 0
    return _digest(shell.run())


def _words(shell: Shell, url: str) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(24)]
    return ["run", *inputs, "--base-url", url, "--model", "scripted", "--limit", "4", "--fan-in", "4"]


def _digest(run: RunFolder) -> str:
    result = result_skill(run)
    assert result is not None
    return load_skill(result).digest


def _events(run: RunFolder) -> list[Event]:
    return [event for event, _ in read_events(run.journal)]


def _kill_in(run: RunFolder, stage: str) -> None:
    """kill -9 once a unit of `stage` is at work."""

    def there() -> bool:
        events = _events(run)
        return any(isinstance(event, e.StageEntered) and event.stage == stage for event in events) or not alive(run)

    wait_until(there, 60, f"stage {stage}")
    if alive(run):
        os.kill(engine_pid(run), 9)
    wait_until(lambda: not alive(run), 10, "the end of the engine")


@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_any_stage_the_run_ends_with_the_same_skill(
    shell: Shell, unhurried: str, reference: str, stage: str
) -> None:
    assert shell.t2s(*_words(shell, unhurried), "--detach").code == 0
    run = shell.run()
    _kill_in(run, stage)
    before = load_view(run).view
    finished = sum(row.done for row in before.stages.values())
    resumed = shell.t2s("resume", "last", "--json")
    assert resumed.code == 0, resumed.err
    assert _digest(run) == reference
    table = resumed.json
    assert (table["edits"]["unaccounted"], table["lessons"]["unaccounted"]) == (0, 0)
    assert table["units"]["reused"] >= finished > 0 or stage == "analyse"
    assert table["units"]["done"] == table["units"]["total"]


def test_no_finished_call_is_paid_twice(shell: Shell, unhurried: str) -> None:
    assert shell.t2s(*_words(shell, unhurried), "--detach").code == 0
    run = shell.run()
    for stage in ("analyse", "propose", "merge"):
        if not alive(run):
            shell.t2s("resume", "last", "--detach")
        _kill_in(run, stage)
    assert shell.t2s("resume", "last", "--plain").code == 0
    paid = [line.partition(b'"key"')[2][:24] for line in run.calls.read_bytes().splitlines()]
    assert len(paid) == len(set(paid))


def test_a_lost_run_is_shown_as_lost_with_the_way_on(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    _kill_in(shell.run(), "analyse")
    assert shell.t2s("ls", "--json").json[0]["state"] == "lost"
    attached = shell.t2s("attach", "last", "--plain")
    assert attached.code == 1
    assert "t2s resume" in attached.out


def test_torn_files_of_a_crash_are_cut_and_the_run_goes_on(shell: Shell, unhurried: str, reference: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    _kill_in(run, "propose")
    for path in (run.journal, run.calls):
        path.write_bytes(path.read_bytes()[:-7])
    assert shell.t2s("resume", "last", "--plain").code == 0
    assert _digest(run) == reference
    assert [event.seq for event in _events(run)] == list(range(1, len(_events(run)) + 1))


def test_resuming_a_finished_run_pays_nothing(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    before = shell.t2s("show", "last", "--json").json
    again = shell.t2s("resume", "last", "--json").json
    assert (again["calls"], again["state"]) == (before["calls"], "finished")
    assert again["units"]["reused"] == again["units"]["total"]


def test_a_changed_prompt_is_refused_by_name_unless_it_is_accepted(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    prompt = next(path for path in sorted(shell.run().prompts.glob("merger*.md")))
    prompt.write_text(prompt.read_text() + "\nBe brief.\n")
    refused = shell.t2s("resume", "last", "--plain")
    assert (refused.code, prompt.name in refused.err, "--accept-changes" in refused.err) == (2, True, True)
    accepted = shell.t2s("resume", "last", "--json", "--accept-changes")
    assert accepted.code == 0
    assert 0 < accepted.json["units"]["reused"] < accepted.json["units"]["total"]


def test_knobs_may_change_at_a_resume(shell: Shell, unhurried: str, fast: str, reference: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    _kill_in(shell.run(), "analyse")
    assert shell.t2s("resume", "last", "--base-url", fast, "--limit", "16", "--plain").code == 0
    assert _digest(shell.run()) == reference


def test_a_hold_ends_a_plain_run_with_exit_3_and_fires_once(shell: Shell, fast: str, reference: str) -> None:
    held = shell.t2s(*_words(shell, fast), "--hold-after", "analyse", "--plain")
    assert held.code == 3
    assert "t2s resume" in held.out
    assert not any(isinstance(event, e.PatchProposed) for event in _events(shell.run()))
    assert shell.t2s("resume", "last", "--plain").code == 0
    assert _digest(shell.run()) == reference


def test_a_lesson_file_nested_too_deep_pauses_the_run_and_once_it_is_gone_the_run_goes_on(
    shell: Shell, fast: str, reference: str
) -> None:
    shell.t2s(*_words(shell, fast), "--hold-after", "analyse", "--plain")
    run = shell.run()
    broken = run.round(1).seed(0).edits / "t001-L1.toml"
    write_text(broken, "a = " + "[" * 100_000)
    stopped = shell.t2s("resume", "last", "--plain")
    assert stopped.code == 3
    assert "t001-L1.toml: not TOML that can be read: nested too deeply" in stopped.out
    broken.unlink()
    seen = load_view(run).view.seq
    leave_wish(run, Wish(kind="stop", who="a face that came too late", seq=seen))
    assert shell.t2s("resume", "last", "--plain").code == 0
    assert _digest(run) == reference


def test_a_run_moved_to_another_folder_goes_on_there(
    shell: Shell, unhurried: str, reference: str, tmp_path: Path
) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    _kill_in(run, "propose")
    moved = run.path.rename(tmp_path / "moved-run")
    assert shell.t2s("resume", moved, "--plain").code == 0
    assert _digest(RunFolder(moved)) == reference
