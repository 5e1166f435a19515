"""The pool: a person's version goes before the engine's, and nobody's words are lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workspace.errors import ChangedMeanwhile, InputError, LessonInvalid
from workspace.files import digest, write_bytes, write_text
from workspace.lessons import pool
from workspace.lessons.lesson import Lesson, dump_lesson
from workspace.runs.run import SeedFolder


@pytest.fixture
def seed(tmp_path: Path) -> SeedFolder:
    folder = SeedFolder(tmp_path / "s0")
    for name in ("t001-L1", "t002-L1"):
        write_text(
            folder.lessons / f"{name}.toml", dump_lesson(Lesson(id=name, title=f"About {name}", claim="Do this."))
        )
    return folder


def _reworded(seed: SeedFolder, name: str, claim: str) -> str:
    return dump_lesson(pool.load(seed, name).lesson.model_copy(update={"claim": claim}))


def test_an_edited_lesson_counts_as_the_persons_and_pinned(seed: SeedFolder) -> None:
    before = pool.load(seed, "t001-L1")
    after = pool.save_edit(seed, _reworded(seed, "t001-L1", "Do that."), "t001-L1", before.digest)
    assert (after.lesson.claim, after.lesson.author, after.lesson.status, after.edited) == (
        "Do that.",
        "human",
        "pinned",
        True,
    )
    assert (seed.lessons / "t001-L1.toml").read_text() == before.text


def test_a_person_may_unpin_what_they_edited(seed: SeedFolder) -> None:
    assert pool.set_status(seed, "t001-L1", "unpinned").lesson.status == "unpinned"


def test_two_people_at_one_lesson_lose_no_words(seed: SeedFolder) -> None:
    opened = pool.load(seed, "t001-L1").digest
    pool.save_edit(seed, _reworded(seed, "t001-L1", "First."), "t001-L1", opened)
    mine = _reworded(seed, "t001-L1", "Second.")
    with pytest.raises(ChangedMeanwhile, match="changed meanwhile; yours is kept in"):
        pool.save_edit(seed, mine, "t001-L1", opened)
    assert pool.load(seed, "t001-L1").lesson.claim == "First."
    assert (seed.edits / "t001-L1.toml.yours").read_text() == mine
    assert pool.lesson_ids(seed) == ["t001-L1", "t002-L1"]


def test_a_text_that_does_not_parse_is_refused_before_anything_is_written(seed: SeedFolder) -> None:
    with pytest.raises(LessonInvalid, match=r"t001-L1\.toml:1: "):
        pool.save_edit(seed, "not toml", "t001-L1", pool.load(seed, "t001-L1").digest)
    assert not seed.edits.exists()


def test_an_edit_must_keep_its_id(seed: SeedFolder) -> None:
    text = _reworded(seed, "t002-L1", "x")
    with pytest.raises(LessonInvalid, match="it must stay 't001-L1'"):
        pool.save_edit(seed, text, "t001-L1", pool.load(seed, "t001-L1").digest)


def test_dropping_and_restoring_gives_the_engines_text_back(seed: SeedFolder) -> None:
    before = pool.load(seed, "t001-L1")
    assert pool.set_status(seed, "t001-L1", "dropped").lesson.status == "dropped"
    assert pool.restore(seed, "t001-L1") == before.lesson
    assert pool.load(seed, "t001-L1") == before


def test_own_lessons_take_the_next_free_number(seed: SeedFolder) -> None:
    names = [pool.own_lesson(seed, "Mine", "Do it my way.").lesson.id for _ in range(3)]
    pool.restore(seed, "H002")
    names.append(pool.own_lesson(seed, "Again", "And again.").lesson.id)
    assert names == ["H001", "H002", "H003", "H002"]
    own = pool.load(seed, "H001").lesson
    assert (own.author, own.status, own.kind) == ("human", "pinned", "human")


def test_own_lessons_stand_behind_the_engines(seed: SeedFolder) -> None:
    pool.own_lesson(seed, "Mine", "Do it my way.")
    pool.set_status(seed, "t002-L1", "pinned")
    assert pool.lesson_ids(seed) == ["t001-L1", "t002-L1", "H001"]


def test_a_broken_edit_is_listed_and_the_engines_text_is_never_used_in_its_place(seed: SeedFolder) -> None:
    write_text(seed.edits / "t001-L1.toml", "claim = \n")
    found = pool.load_pool(seed)
    assert list(found.lessons) == ["t002-L1"]
    assert "t001-L1.toml:1: " in found.invalid["t001-L1"]


def test_an_unknown_lesson_is_told_with_those_there_are(seed: SeedFolder) -> None:
    with pytest.raises(InputError, match=r"no lesson 't009-L1' \(there are: t001-L1, t002-L1\)"):
        pool.load(seed, "t009-L1")


def test_a_seed_without_lessons_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none yet"):
        pool.load(SeedFolder(tmp_path / "s0"), "t001-L1")


def test_a_status_nobody_knows_is_refused(seed: SeedFolder) -> None:
    with pytest.raises(InputError, match="dropped, pinned or unpinned, not 'liked'"):
        pool.set_status(seed, "t001-L1", "liked")


def test_an_edit_with_another_lessons_id_inside_is_told_with_its_line(seed: SeedFolder) -> None:
    write_text(seed.edits / "t001-L1.toml", "# mine\n" + _reworded(seed, "t002-L1", "x"))
    with pytest.raises(LessonInvalid, match=r"t001-L1\.toml:3: the id is 't002-L1'; it must stay 't001-L1'"):
        pool.load(seed, "t001-L1")
    assert list(pool.load_pool(seed).lessons) == ["t002-L1"]


def test_an_edit_that_is_not_utf_8_is_told_with_its_line(seed: SeedFolder) -> None:
    write_bytes(seed.edits / "t001-L1.toml", b'id = "t001-L1"\nclaim = "caf\xe9"\n')
    with pytest.raises(LessonInvalid, match=r"t001-L1\.toml:2: not UTF-8 text .*; mend it, or delete it"):
        pool.load(seed, "t001-L1")


def test_a_folder_in_the_place_of_an_edit_is_told_and_counts_as_a_change(seed: SeedFolder) -> None:
    before = pool.versions(seed)
    (seed.edits / "t001-L1.toml").mkdir(parents=True)
    assert pool.versions(seed) == pool.versions(seed) != before
    with pytest.raises(LessonInvalid, match=r"t001-L1\.toml is not a file; mend it, or delete it"):
        pool.load(seed, "t001-L1")
    assert "t001-L1" in pool.load_pool(seed).invalid


@pytest.mark.parametrize("target", ["t001-L1.toml", "nowhere.toml"])
def test_an_edit_that_cannot_be_read_is_told_and_counts_as_a_change(seed: SeedFolder, target: str) -> None:
    seed.edits.mkdir()
    (seed.edits / "t001-L1.toml").symlink_to(target)
    assert list(pool.versions(seed)) == ["t001-L1"]
    with pytest.raises(LessonInvalid, match=r"cannot read .*t001-L1\.toml: .*; mend it, or delete it"):
        pool.load(seed, "t001-L1")


def test_a_pipe_in_the_place_of_an_edit_is_never_waited_for(seed: SeedFolder) -> None:
    seed.edits.mkdir()
    os.mkfifo(seed.edits / "t001-L1.toml")
    assert list(pool.versions(seed)) == ["t001-L1"]
    with pytest.raises(LessonInvalid, match="is not a file"):
        pool.load(seed, "t001-L1")


def test_hidden_files_and_folders_are_no_lessons(seed: SeedFolder) -> None:
    (seed.edits / "H001.toml").mkdir(parents=True)
    for folder in (seed.edits, seed.lessons):
        write_text(folder / ".t003-L1.toml", "half")
        (folder / ".#t004-L1.toml").symlink_to("somebody@host.1")
    assert (pool.lesson_ids(seed), pool.own_lessons(seed)) == (["t001-L1", "t002-L1"], [])
    assert list(pool.versions(seed)) == ["H001"]


def test_a_broken_edit_can_be_mended_by_whoever_opened_it(seed: SeedFolder) -> None:
    good = _reworded(seed, "t001-L1", "Mended.")
    write_text(seed.edits / "t001-L1.toml", "claim = \n")
    assert pool.save_edit(seed, good, "t001-L1", digest("claim = \n")).lesson.claim == "Mended."
