"""Trajectories survive their file form, whatever an agent said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import TraceError
from workspace.trajectory import Outcome, Step, ToolCall, Trajectory, dump_trajectory, load_trajectory

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["\u2028", "a\x85b", "\x0c", "\r\n"]
)
CALLS = st.builds(ToolCall, id=TEXT, name=TEXT, arguments=TEXT)
STEPS = st.builds(
    Step,
    role=st.sampled_from(["system", "user", "agent", "tool"]),
    text=TEXT,
    reasoning=TEXT,
    calls=st.lists(CALLS, max_size=2).map(tuple),
    is_error=st.booleans(),
    tokens=st.none() | st.integers(0, 10**6),
    name=TEXT,
)
OUTCOMES = st.builds(
    Outcome,
    status=st.sampled_from(["pass", "fail", "unknown", "infra"]),
    score=st.none() | st.floats(0, 1),
    message=TEXT,
    expected=st.none() | TEXT,
    got=st.none() | TEXT,
)
TRAJECTORIES = st.builds(
    Trajectory,
    id=TEXT,
    task=TEXT,
    source=TEXT,
    key=TEXT,
    steps=st.lists(STEPS, max_size=4).map(tuple),
    outcome=OUTCOMES,
)


@given(TRAJECTORIES)
def test_a_trajectory_comes_back_from_its_lines(trajectory: Trajectory) -> None:
    assert load_trajectory(dump_trajectory(trajectory), "t001.jsonl") == trajectory


def test_a_trajectory_cut_off_by_a_crash_has_an_unknown_outcome() -> None:
    whole = dump_trajectory(Trajectory(id="t001", task="a", steps=(Step(role="user", text="hi"),)))
    started = "".join(whole.splitlines(keepends=True)[:-1])
    assert load_trajectory(started, "t001.jsonl").outcome.status == "unknown"


def test_a_broken_line_is_told_with_file_and_line() -> None:
    text = dump_trajectory(Trajectory(id="t001", task="a")).splitlines()[0] + '\n{"role": "user", "text"\n'
    with pytest.raises(TraceError, match=r"t001\.jsonl:2: not a trajectory line"):
        load_trajectory(text, "t001.jsonl")


def test_a_file_without_our_header_is_refused() -> None:
    with pytest.raises(TraceError, match=r"x\.jsonl:1: no trajectory header"):
        load_trajectory('{"role": "user", "text": "hi"}\n', "x.jsonl")


def test_question_and_answer_are_the_first_and_the_last_word() -> None:
    steps = (
        Step(role="system", text="rules"),
        Step(role="user", text="the task"),
        Step(role="agent", text="first"),
        Step(role="user", text="more"),
        Step(role="agent", text="last"),
        Step(role="tool", text="output"),
    )
    trajectory = Trajectory(id="t", task="t", steps=steps)
    assert (trajectory.question, trajectory.answer) == ("the task", "last")
