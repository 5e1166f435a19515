"""Taking back what one did to a lesson."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace.errors import ChangedMeanwhile, InputError
from workspace.files import write_text
from workspace.lessons.history import History
from workspace.lessons.lesson import Lesson, dump_lesson
from workspace.lessons.pool import load, restore, set_status
from workspace.runs.run import RunFolder, SeedFolder


@pytest.fixture
def seed(tmp_path: Path) -> SeedFolder:
    seed = RunFolder(tmp_path / "run").round(1).seed(0)
    write_text(seed.lessons / "t001-L1.toml", dump_lesson(Lesson(id="t001-L1", title="Save", claim="Save the file.")))
    return seed


def _status(seed: SeedFolder, status: str, history: History) -> None:
    with history.step(seed, "t001-L1", status):
        set_status(seed, "t001-L1", status)


def test_each_step_is_taken_back_and_done_again_to_the_byte(seed: SeedFolder) -> None:
    history = History()
    _status(seed, "pinned", history)
    pinned = (seed.edits / "t001-L1.toml").read_bytes()
    _status(seed, "dropped", history)
    assert history.undo().what == "dropped"
    assert (seed.edits / "t001-L1.toml").read_bytes() == pinned
    assert history.undo().what == "pinned"
    assert not (seed.edits / "t001-L1.toml").exists()
    history.redo()
    history.redo()
    assert load(seed, "t001-L1").lesson.status == "dropped"


def test_a_restored_version_comes_back(seed: SeedFolder) -> None:
    history = History()
    _status(seed, "pinned", history)
    with history.step(seed, "t001-L1", "restore"):
        restore(seed, "t001-L1")
    history.undo()
    assert load(seed, "t001-L1").lesson.status == "pinned"


def test_what_somebody_else_changed_since_stays(seed: SeedFolder) -> None:
    history = History()
    _status(seed, "pinned", history)
    set_status(seed, "t001-L1", "dropped")
    with pytest.raises(ChangedMeanwhile, match="changed elsewhere"):
        history.undo()
    assert load(seed, "t001-L1").lesson.status == "dropped"
    with pytest.raises(InputError, match="nothing to undo"):
        history.undo()


def test_a_change_that_failed_or_changed_nothing_is_no_step(seed: SeedFolder) -> None:
    history = History()
    with pytest.raises(InputError), history.step(seed, "t001-L1", "nonsense"):
        set_status(seed, "t001-L1", "nonsense")
    with history.step(seed, "t001-L1", "nothing"):
        pass
    with pytest.raises(InputError, match="nothing to undo"):
        history.undo()
    with pytest.raises(InputError, match="nothing to redo"):
        history.redo()


def test_a_new_change_ends_what_could_be_done_again(seed: SeedFolder) -> None:
    history = History()
    _status(seed, "pinned", history)
    history.undo()
    _status(seed, "dropped", history)
    with pytest.raises(InputError, match="nothing to redo"):
        history.redo()
