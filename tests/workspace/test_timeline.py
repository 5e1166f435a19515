"""When things happened, on a scale without the hours in which nothing did; and what agents had said by then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.retold import retell, told_by
from workspace.runs.timeline import LONGEST, Stretch, read_timeline

DAY = 86_400.0


def journal(folder: Path, *events: tuple[float, Event], torn: str = "") -> Path:
    """A journal of events at those wall-clock times."""
    lines = [dump_event(event.model_copy(update={"seq": n, "time": at})) for n, (at, event) in enumerate(events, 1)]
    path = folder / "journal.jsonl"
    path.write_text("".join(line + "\n" for line in lines) + torn)
    return path


def night(folder: Path) -> Path:
    """A run that somebody paused for a day."""
    return journal(
        folder,
        (1000.0, e.RunStarted(run="r", skill="s", model="m")),
        (1001.0, e.StageEntered(stage="analyse", units=1)),
        (1001.5, e.AgentStarted(agent="analyst-t001")),
        (1001.5 + DAY, e.AgentFinished(agent="analyst-t001")),
        (1003.0 + DAY, e.RunFinished(state="finished", code=0)),
        torn='{"seq": 6, "kind": "note.left", "time": 9',
    )


def test_a_pause_of_a_day_lasts_seconds(tmp_path: Path) -> None:
    timeline = read_timeline(night(tmp_path))
    assert timeline.seconds == pytest.approx(1.5 + LONGEST + 1.5)
    assert timeline.stages == [1.0]
    assert timeline.spans == {"analyst-t001": Stretch(1.5, 1.5 + LONGEST)}
    assert timeline.wall(1.5) == 1001.5
    assert timeline.wall(timeline.seconds) == 1003.0 + DAY


def test_every_second_has_its_place_in_the_journal(tmp_path: Path) -> None:
    path = night(tmp_path)
    lines = path.read_bytes().split(b"\n")
    timeline = read_timeline(path)
    assert timeline.offset(-1) == 0
    assert timeline.offset(0) == len(lines[0]) + 1
    assert timeline.offset(1.2) == len(lines[0]) + len(lines[1]) + 2
    assert timeline.offset(99) == sum(len(line) + 1 for line in lines[:5])
    assert timeline.second(timeline.offset(1.2)) == 1.0


def test_the_places_worth_going_to_come_one_after_the_other(tmp_path: Path) -> None:
    stages = [(1000.0 + 2 * n, e.StageEntered(stage=stage)) for n, stage in enumerate(("analyse", "propose", "merge"))]
    timeline = read_timeline(journal(tmp_path, *stages, (1007.0, e.RunFinished(state="finished", code=0))))
    assert [timeline.turn(at, 1) for at in (0.0, 1.0, 2.0, 4.0)] == [2.0, 2.0, 4.0, timeline.seconds]
    assert [timeline.turn(at, -1) for at in (0.5, 3.5, 4.0, 6.0)] == [0.0, 2.0, 2.0, 4.0]


@given(st.lists(st.one_of(st.binary(max_size=60), st.floats(0, 2e9)), max_size=20))
def test_whatever_the_lines_are_time_never_runs_backwards(lines: list[bytes | float]) -> None:
    from workspace.runs.timeline import Timeline

    timeline, end = Timeline(), 0
    for given_line in lines:
        event = e.NoteLeft(text="x").model_copy(update={"time": given_line, "seq": 1})
        line = given_line if isinstance(given_line, bytes) else dump_event(event).encode()
        end += len(line) + 1
        before = timeline.seconds
        timeline.take(line, end)
        assert before <= timeline.seconds <= before + LONGEST
    assert timeline.offset(timeline.seconds) <= end


def test_a_line_of_another_hand_counts_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"kind":"note.left","time":5.0,"seq":1,"t":0}\nnonsense\n{"time":6.0,"kind":"later.kind"}\n[]\n')
    assert read_timeline(path).seconds == 1.0


def conversation(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "analyst.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn": ')
    return path


def test_replies_fill_the_agents_time_as_long_as_each_took(tmp_path: Path) -> None:
    path = conversation(
        tmp_path,
        {"turn": 1, "role": "user", "text": "do it"},
        {"turn": 1, "role": "assistant", "text": "a" * 10, "seconds": 1.0},
        {"turn": 2, "role": "tool", "text": "done"},
        {"turn": 2, "role": "assistant", "text": "b" * 10, "seconds": 3.0},
    )
    replies = retell(path)
    assert [(reply.begin, reply.end, reply.text[0]) for reply in replies] == [(0.0, 0.25, "a"), (0.25, 1.0, "b")]
    rows = path.read_bytes()
    assert [json.loads(rows[reply.row :].split(b"\n")[0])["turn"] for reply in replies] == [1, 2]
    assert [told_by(replies, part) for part in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0, 5, 10, 15, 20]


def test_lines_that_would_break_a_reader_are_passed_over(tmp_path: Path) -> None:
    deep = '{"role": "assistant", "text": ' + "[" * 100_000 + "\n"
    (tmp_path / "journal.jsonl").write_text(deep + '{"kind": "note.left", "time": NaN}\n{"kind": "x", "time": 1e999}\n')
    (tmp_path / "talk.jsonl").write_text(deep)
    assert read_timeline(tmp_path / "journal.jsonl").seconds == 0.0
    assert retell(tmp_path / "talk.jsonl") == []


def test_who_has_said_nothing_has_nothing_to_tell(tmp_path: Path) -> None:
    assert retell(tmp_path / "nobody.jsonl") == []
    assert told_by([], 0.5) == 0
