"""Looks at held-out tasks are counted on the disk of their run."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace.errors import InputError
from workspace.evidence.looks import FILE, Look, note, note_unseen, noted, unseen
from workspace.files import write_text
from workspace.runs.run import RunFolder

FIRST = Look(split="validation", base="b", candidates=("c1",), how="m", tasks=("t1", "t2"))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_the_same_look_is_one_look_however_often_the_run_is_taken_up(run: RunFolder) -> None:
    assert [note(run, run.round(1), FIRST) for _ in range(3)] == [1, 1, 1]
    assert len(noted(run)) == 1


@pytest.mark.parametrize(
    "change",
    [{"candidates": ("c2",)}, {"candidates": ("c1", "c2")}, {"base": "c0"}, {"how": "n"}, {"tasks": ("t2", "t3")}],
)
def test_another_candidate_baseline_or_way_of_trying_is_a_further_look(
    run: RunFolder, change: dict[str, object]
) -> None:
    note(run, run.round(1), FIRST)
    other = FIRST.model_copy(update=change)
    assert note(run, run.round(1), other) == 2
    assert note(run, run.round(1), FIRST) == 1  # whoever goes back to the first candidate is at the first look again
    assert note(run, run.round(2), FIRST.model_copy(update={"candidates": ("c9",)})) == 3


def test_tasks_that_nobody_asked_before_are_a_first_look(run: RunFolder) -> None:
    note(run, run.round(1), FIRST)
    assert note(run, run.round(1), FIRST.model_copy(update={"tasks": ("t8", "t9")})) == 1
    assert note(run, run.round(1), FIRST.model_copy(update={"split": "test"})) == 1


def test_skills_that_were_seen_are_no_further_look_whatever_they_stood_beside(run: RunFolder) -> None:
    note(run, run.round(1), FIRST)
    others = FIRST.model_copy(update={"base": "c1", "candidates": ("b", "x", "y", "x")})
    assert unseen(noted(run), others) == others.model_copy(update={"candidates": ("x", "y")})
    assert note_unseen(run, run.round(1), others) == 2
    assert [one.candidates for one in noted(run)] == [("c1",), ("x", "y")]
    for some in (("x", "y"), ("y",), ("b",), ()):
        assert note_unseen(run, run.round(1), others.model_copy(update={"candidates": some})) == 2
    assert len(noted(run)) == 2
    assert note_unseen(run, run.round(1), others.model_copy(update={"candidates": ("y", "z")})) == 3


@pytest.mark.parametrize("change", [{"how": "n"}, {"tasks": ("t1", "t2", "t3")}, {"split": "test"}, {"base": "new"}])
def test_seen_is_only_what_was_tried_in_the_same_way_on_all_of_the_tasks(
    run: RunFolder, change: dict[str, object]
) -> None:
    note(run, run.round(1), FIRST)
    assert unseen(noted(run), FIRST) is None
    assert unseen(noted(run), FIRST.model_copy(update={"tasks": ("t2",)})) is None
    assert unseen(noted(run), FIRST.model_copy(update=change)) is not None


def test_what_was_seen_counts_for_the_next_verdict(run: RunFolder) -> None:
    note(run, run.round(1), FIRST)
    note_unseen(run, run.round(1), FIRST.model_copy(update={"candidates": ("x",)}))
    assert note(run, run.round(1), FIRST.model_copy(update={"candidates": ("c2",)})) == 3


def test_a_record_that_cannot_be_read_is_named_with_its_line(run: RunFolder) -> None:
    note(run, run.round(1), FIRST)
    path = run.round(1).path / FILE
    write_text(path, path.read_text() + '{"look": "many"}\n')
    with pytest.raises(InputError, match=r"looks\.jsonl:2: not the record of a look"):
        noted(run)
