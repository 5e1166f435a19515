"""The plain face: safe words for every event, and it knows when a run is over."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from t2s_tui.narrate import Narrator, summary_lines
from t2s_tui.plain import Interrupts, Printer, Tail, watch
from tests.t2s_tui.recorded import write_run
from workspace.files import write_text
from workspace.reports.summary import summary
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.run import RunFolder

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nsecond line\x9b31m\u202e"


def _stamped(*found: Event) -> list[Event]:
    return [event.model_copy(update={"seq": n, "time": 1000.0 + n, "t": float(n)}) for n, event in enumerate(found, 1)]


def _tell(*found: Event) -> list[str]:
    narrator = Narrator()
    return [line for event in _stamped(*found) if (line := narrator.tell(event))]


def _run(tmp_path: Path, *found: Event) -> RunFolder:
    run = RunFolder(tmp_path / "2026-11-22-1405-x-abc")
    write_text(run.config, 'format = 1\nkind = "run"\n')
    write_text(run.journal, "".join(dump_event(event) + "\n" for event in _stamped(*found)))
    return run


STARTED = e.RunStarted(run="r", skill="dates", model="m", endpoint="http://h/v1")


def test_events_are_told_with_the_time_since_the_start() -> None:
    lines = _tell(
        STARTED,
        e.NoteLeft(text="first"),
        e.LessonLearned(lesson="t001-L1", title="Read it back", verified=True, quoted=True),
    )
    assert lines == [
        "  0:00  run r: skill dates, model m at http://h/v1",
        "  0:01  first",
        "  0:02  lesson t001-L1 (verified): Read it back",
    ]


def test_what_happens_many_times_a_second_is_not_told() -> None:
    queued = e.AgentQueued(agent="a", role="analyst", unit="t001", stage="analyse")
    quiet = [
        queued,
        e.AgentStarted(agent="a"),
        e.AgentSpoke(agent="a", tokens=3, words="hm"),
        e.AgentFinished(agent="a"),
    ]
    assert (
        _tell(*quiet, e.UsageCounted(calls=1, prompt=1, completion=1), e.UnitDone(unit="t001", stage="analyse")) == []
    )


@pytest.mark.parametrize(
    "event",
    [
        e.LessonLearned(lesson="t001-L1", title=HOSTILE),
        e.NoteLeft(text=HOSTILE),
        e.RunFailed(reason=HOSTILE),
        e.UnitFailed(unit=HOSTILE, stage="analyse", reason=HOSTILE),
        e.VerdictReached(decision="undecided", sentence=HOSTILE),
        e.TrajectorySaved(trajectory="t001", task=HOSTILE, status="fail"),
        e.GuardFlagged(rule="r", severity="error", file=HOSTILE, message=HOSTILE),
    ],
)
def test_nothing_a_model_wrote_can_move_the_cursor(event: Event) -> None:
    for line in _tell(event):
        assert line.isprintable()
        assert "\u202e" not in line


def _retried(agent: str, attempt: int) -> Event:
    reason = "embedded at http://127.0.0.1:4321/v1 (model tiny-mentor) failed (503): no slot is free at this moment"
    return e.CallRetried(agent=agent, attempt=attempt, failure="transient", reason=reason + " and so on" * 20)


def test_retries_of_one_agent_are_told_once_in_ten_seconds_and_without_the_address() -> None:
    events = [_retried("a", n) if n % 2 else _retried("b", n) for n in range(1, 13)]
    lines = _tell(STARTED, *events)[1:]
    told = [line[8:].split(" tries again ")[0] for line in lines]
    assert told == ["a", "b", "a", "b"]
    assert lines[2].startswith(
        "  0:11  a tries again (transient, attempt 11 failed): the endpoint failed (503): no slot"
    )
    assert all(len(line) < 130 and "127.0.0.1" not in line for line in lines)


@pytest.mark.parametrize(
    ("decision", "sentence", "wanted"),
    [
        ("not_validated", "not validated: no verifier", "verdict not_validated: no verifier"),
        ("accept", "accept: 0.0 % → 75.0 %", "verdict accept: 0.0 % → 75.0 %"),
    ],
)
def test_a_decision_is_said_once(tmp_path: Path, decision: str, sentence: str, wanted: str) -> None:
    verdict = e.VerdictReached(decision=decision, sentence=sentence)
    assert _tell(verdict)[0].endswith(f"  {wanted}")
    run = write_run(tmp_path / "runs", until="finished")
    table = summary(run)
    table["verdict"] |= {"decision": decision, "sentence": sentence}
    assert wanted.replace("verdict ", "  verdict   ") in summary_lines(table)


def test_a_stage_that_is_left_says_what_became_of_its_units() -> None:
    lines = _tell(
        e.StagePlanned(stage="analyse", units=3),
        e.StageEntered(stage="analyse", units=3),
        e.UnitReused(unit="t001", stage="analyse"),
        e.UnitDone(unit="t002", stage="analyse"),
        e.UnitFailed(unit="t003", stage="analyse", reason="no answer"),
        e.StageLeft(stage="analyse"),
    )
    assert lines[-1].endswith("analyse: done, 2/3 (1 reused, 1 failed)")


def test_a_long_silence_says_what_is_worked_on() -> None:
    narrator = Narrator()
    for event in _stamped(e.StagePlanned(stage="analyse", units=64), e.StageEntered(stage="analyse")):
        narrator.tell(event)
    assert "analyse 0/64" in narrator.still()


def test_a_torn_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    line = dump_event(STARTED).encode() + b"\n"
    path.write_bytes(line[:20])
    tail = Tail(path)
    assert list(tail.poll()) == []
    path.write_bytes(line + line[:5])
    assert [type(one.event) for one in tail.poll()] == [e.RunStarted]
    assert list(tail.poll()) == []


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (e.RunFinished(state="finished", code=0), 0),
        (e.RunFinished(state="finished", code=4), 4),
        (e.RunFinished(state="incomplete", code=1), 1),
        (e.RunStopped(why="by a person"), 3),
        (e.RunFailed(reason="the key is wrong", code=2), 2),
    ],
)
def test_watching_ends_with_the_runs_code(tmp_path: Path, end: Event, code: int) -> None:
    run = _run(tmp_path, STARTED, end)
    assert watch(run, Printer(io.StringIO()), None, Interrupts()) == code


def test_a_run_that_lost_its_engine_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    run = _run(tmp_path, STARTED)
    write_text(run.log, "some noise\nt2s engine: the disk is full\n")
    out = io.StringIO()
    assert watch(run, Printer(out), None, Interrupts()) == 1
    assert "lost its engine: the disk is full" in out.getvalue()
    assert f"t2s resume {run.id}" in out.getvalue()


def test_as_json_each_event_is_one_object_and_the_last_one_the_summary(tmp_path: Path) -> None:
    run = _run(tmp_path, STARTED, e.NoteLeft(text=HOSTILE), e.RunFinished(state="finished", code=0))
    out = io.StringIO()
    watch(run, Printer(out, as_json=True), None, Interrupts())
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()
    assert [row.get("kind") for row in rows] == ["run.started", "note.left", "run.finished", None]
    assert rows[1]["text"] == HOSTILE
    assert rows[-1] == summary(run)


def test_an_event_of_a_later_version_is_passed_on_whole(tmp_path: Path) -> None:
    run = _run(tmp_path, STARTED)
    row = {"seq": 2, "kind": "moon.rose", "time": 1002.0, "t": 2.0, "phase": "full"}
    run.journal.write_text(run.journal.read_text() + json.dumps(row) + "\n")
    out = io.StringIO()
    watch(run, Printer(out, as_json=True), None, Interrupts())
    assert json.loads(out.getvalue().splitlines()[1]) == row


def test_the_summary_for_people_says_time_lessons_verdict_and_place(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", until="finished")
    table = summary(run)
    text = "\n".join(summary_lines(table))
    assert text.isprintable() or "\n" in text
    for word in ("analyse", "lessons", "edits", f"verdict   {table['verdict']['decision']}", "skill"):
        assert word in text
    if table["verdict"]["fixed"]:
        assert table["verdict"]["fixed"][0] in text


def test_a_demo_says_that_zero_without_a_skill_is_by_construction(tmp_path: Path) -> None:
    run = _run(tmp_path, STARTED, e.RunFinished(state="finished", code=0))
    out = io.StringIO()
    watch(run, Printer(out), None, Interrupts(), demo=True)
    assert "0 % without the skill is by construction" in out.getvalue()
