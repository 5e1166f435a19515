"""Pause, edit a lesson, go on: only what the lesson touches is made again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.shell import Shell, kinds, scripted, wait_until
from workspace.files import read_toml
from workspace.lessons.pool import load_pool
from workspace.reports.summary import result_skill
from workspace.runs import events as e
from workspace.runs.events import Event
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view
from workspace.skills.skill import load_skill


@pytest.fixture(scope="module")
def unhurried() -> Iterator[str]:
    with scripted("--latency", "0.3") as url:
        yield url


def _words(shell: Shell, url: str) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(24)]
    return ["run", *inputs, "--base-url", url, "--model", "scripted", "--limit", "4", "--fan-in", "4"]


def _events(run: RunFolder, after: int = 0) -> list[Event]:
    return [event for event, _ in read_events(run.journal) if event.seq > after]


def _first_lesson(run: RunFolder) -> str:
    seed = run.round(1).seed(0)
    wait_until(lambda: load_pool(seed).lessons, 30, "a lesson")
    return next(iter(load_pool(seed).lessons))


def _reword(shell: Shell, lesson: str, claim: str) -> None:
    text = shell.t2s("lessons", "last", "show", lesson).out
    lines = [f"claim = '{claim}'" if line.startswith("claim = ") else line for line in text.splitlines()]
    (shell.cwd / "new.toml").write_text("\n".join(lines) + "\n")
    done = shell.t2s("lessons", "last", "edit", lesson, "--from", "new.toml")
    assert done.code == 0, done.err


def _path_to_root(run: RunFolder, patch: str) -> set[str]:
    """The merges that read what came of `patch`, as the journal planned them."""
    nodes = {event.node: set(event.children) for event in _events(run) if isinstance(event, e.MergePlanned)}
    path, below = set[str](), {patch}
    while below := {node for node, children in nodes.items() if children & below} - path:
        path |= below
    return path


def _finish(shell: Shell, run: RunFolder) -> int:
    wait_until(lambda: not alive(run), 90, "the end of the run")
    return int(shell.t2s("show", "last", "--json").json["code"])


def test_pause_lets_what_is_in_flight_finish_and_resume_goes_on(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    assert shell.t2s("pause", "last").code == 0
    wait_until(lambda: load_view(run).view.state == "paused", 30, "the pause")
    quiet = len(kinds(run))
    assert "agent.failed" not in kinds(run)
    assert shell.t2s("resume", "last").code == 0
    assert _finish(shell, run) == 0
    assert len(kinds(run)) > quiet


def test_pause_and_stop_answer_scripts_with_one_object(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    paused = shell.t2s("pause", "last", "--json")
    assert paused.json["id"] == run.id
    assert paused.json["state"] in ("pausing", "paused")
    going = shell.t2s("resume", "last", "--detach", "--json")
    assert going.json["id"] == run.id
    assert len(going.out.splitlines()) == 1
    stopped = shell.t2s("stop", "last", "--json")
    assert (stopped.json["id"], len(stopped.out.splitlines())) == (run.id, 1)
    assert stopped.json["state"] == "stopped" or "stopping" in stopped.json["why"]


@pytest.mark.parametrize("face", ["--json", "--plain"])
def test_resume_with_a_face_of_a_paused_run_follows_it_to_its_end(shell: Shell, unhurried: str, face: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    assert shell.t2s("pause", "last").code == 0
    wait_until(lambda: load_view(run).view.state == "paused", 30, "the pause")
    done = shell.t2s("resume", "last", face)
    assert done.code == shell.t2s("show", "last", "--json").json["code"] == 0
    if face == "--json":
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert [row.get("kind") for row in rows[-2:]] == ["run.finished", None]
        assert rows[-1]["state"] == "finished"
    else:
        assert f"run {run.id}: finished" in done.out


def test_a_person_can_keep_a_run_paused_that_waits_for_its_endpoint(shell: Shell) -> None:
    with scripted("--latency", "0.3") as url:
        shell.t2s(*_words(shell, url), "--detach")
        run = shell.run()
        wait_until(lambda: "lesson.learned" in kinds(run), 30, "a lesson")
    wait_until(lambda: load_view(run).view.state == "paused", 60, "the pause")
    done = shell.t2s("pause", "last")
    assert done.code == 0
    assert f"now it stays so until `t2s resume {run.id}`" in done.out
    with scripted("--latency", "0.3", "--port", url.rpartition(":")[2].partition("/")[0]):
        wait_until(lambda: "endpoint.back" in kinds(run), 60, "the endpoint")
        quiet = len([kind for kind in kinds(run) if kind == "agent.finished"])
        time.sleep(1)
        assert load_view(run).view.state == "paused"
        assert len([kind for kind in kinds(run) if kind == "agent.finished"]) == quiet
        assert shell.t2s("resume", "last").code == 0
        assert _finish(shell, run) == 0


def test_after_an_edit_only_its_patch_and_its_path_are_made_again(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    run = shell.run()
    seen = load_view(run).view.seq
    before = load_view(run).view
    lesson = _first_lesson(run)
    patch = lesson.partition("-")[0]
    _reword(shell, lesson, "Write every sum three times, and say so.")
    again = shell.t2s("resume", "last", "--json")
    assert again.code == 0
    made = {(event.stage, event.unit) for event in _events(run, seen) if isinstance(event, e.UnitDone)}
    merges = {unit for stage, unit in made if stage == "merge"}
    assert {unit for stage, unit in made if stage == "propose"} == {patch}
    assert {stage for stage, _ in made} <= {"propose", "merge", "settle"}
    assert patch in _path_to_root(run, patch) | {patch}
    assert merges == _path_to_root(run, patch)
    total = sum(row.units for row in before.stages.values())
    assert again.json["units"]["reused"] == total - len(made)
    result = result_skill(run)
    assert result is not None
    assert "three times" in load_skill(result).body + "".join(text for _, text in load_skill(result).texts())


def test_an_edit_during_a_pause_counts_when_the_run_goes_on(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    lesson = _first_lesson(run)
    assert shell.t2s("pause", "last").code == 0
    wait_until(lambda: load_view(run).view.state == "paused", 30, "the pause")
    _reword(shell, lesson, "Count the commas before you trust a sum.")
    assert shell.t2s("resume", "last").code == 0
    assert _finish(shell, run) == 0
    assert any(isinstance(event, e.LessonEdited) and event.lesson == lesson for event in _events(run))
    patch = run.round(1).seed(0).patches / f"{lesson.partition('-')[0]}.toml"
    assert "Count the commas" in str(read_toml(patch))


def test_a_dropped_lesson_is_not_in_the_skill_and_listed_as_dropped(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    lesson = _first_lesson(shell.run())
    assert shell.t2s("lessons", "last", "drop", lesson).code == 0
    again = shell.t2s("resume", "last", "--json")
    assert again.code == 0
    assert again.json["lessons"]["dropped"] >= 1
    assert (again.json["lessons"]["unaccounted"], again.json["edits"]["unaccounted"]) == (0, 0)


def test_a_lesson_of_ones_own_goes_into_the_skill(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    claim = "Round only at the very end."
    assert shell.t2s("lessons", "last", "add", "--title", "Rounding", "--claim", claim).code == 0
    assert shell.t2s("resume", "last", "--plain").code == 0
    result = result_skill(shell.run())
    assert result is not None
    assert any(claim in text for _, text in load_skill(result).texts())


def test_a_broken_edit_file_pauses_the_run_with_its_line(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    run = shell.run()
    lesson = _first_lesson(run)
    broken = run.round(1).seed(0).edits / f"{lesson}.toml"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text('id = "x"\ntitle = broken\n')
    paused = shell.t2s("resume", "last", "--plain")
    assert paused.code == 3
    assert f"{lesson}.toml:2" in paused.out
    broken.unlink()
    assert shell.t2s("resume", "last", "--plain").code == 0


def test_a_broken_edit_that_is_mended_lets_a_detached_run_go_on(shell: Shell, fast: str) -> None:
    shell.t2s(*_words(shell, fast))
    run = shell.run()
    lesson = _first_lesson(run)
    broken = run.round(1).seed(0).edits / f"{lesson}.toml"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("claim = \n")
    assert shell.t2s("resume", "last", "--detach").code == 0
    wait_until(lambda: load_view(run).view.state == "paused", 30, "the pause")
    broken.unlink()
    assert shell.t2s("resume", "last").code == 0
    assert _finish(shell, run) == 0


def test_stopping_and_an_old_wish(shell: Shell, unhurried: str) -> None:
    shell.t2s(*_words(shell, unhurried), "--detach")
    run = shell.run()
    assert shell.t2s("stop", "last").code == 0
    wait_until(lambda: not alive(run), 30, "the end of the run")
    table = shell.t2s("show", "last", "--json").json
    assert (table["state"], table["code"]) == ("stopped", 3)
    assert shell.t2s("resume", "last", "--plain").code == 0
