"""Lessons as people edit them: whole, checked, and with errors that name file, line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import LessonInvalid
from workspace.lessons.lesson import Example, Lesson, Quote, checked, dump_lesson, load_lesson, occurs
from workspace.trajectory import Step, Trajectory

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=60)
LESSONS = st.builds(
    Lesson,
    id=TEXT,
    title=TEXT,
    claim=TEXT.filter(lambda text: bool(text.strip())),
    why=TEXT,
    kind=st.sampled_from(["failure", "success", "contrast", "corpus", "human"]),
    status=st.sampled_from(["kept", "dropped", "pinned", "unpinned"]),
    verified=st.booleans(),
    tasks=st.lists(TEXT, max_size=3).map(tuple),
    examples=st.lists(st.builds(Example, input=TEXT, wrong=TEXT, right=TEXT), max_size=2).map(tuple),
    evidence=st.lists(st.builds(Quote, trajectory=TEXT, turn=st.integers(1, 99), quote=TEXT), max_size=2).map(tuple),
)
GOOD = Lesson(id="t001-L1", title="Read back", claim="Read the file back.\nThen compare.", why="It may be empty.")


@given(LESSONS)
def test_a_lesson_comes_back_from_its_toml(lesson: Lesson) -> None:
    assert load_lesson(dump_lesson(lesson), "edits/t001-L1.toml") == lesson


def test_what_the_lesson_was_made_from_does_not_change_its_digest() -> None:
    assert GOOD.digest == GOOD.model_copy(update={"base": "0123"}).digest
    assert GOOD.digest != GOOD.model_copy(update={"claim": "Something else."}).digest


def test_broken_toml_names_file_and_line() -> None:
    text = dump_lesson(GOOD).replace('why = "It may be empty."', "why = It may be empty.")
    line = text.split("\n").index("why = It may be empty.") + 1
    with pytest.raises(LessonInvalid, match=rf"^edits/t001-L1\.toml:{line}: "):
        load_lesson(text, "edits/t001-L1.toml")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("claim = ", "clam = "), "`claim`: field required|`clam`: extra inputs"),
        (('status = "kept"', 'status = "keep"'), "`status`: input should be 'kept'"),
        (("verified = false", 'verified = "perhaps"'), "`verified`: "),
    ],
)
def test_a_wrong_key_or_value_names_the_key_and_its_line(change: tuple[str, str], told: str) -> None:
    text = dump_lesson(GOOD).replace(*change)
    with pytest.raises(LessonInvalid, match=rf"^x\.toml:[0-9]+: ({told})"):
        load_lesson(text, "x.toml")


def test_a_lesson_that_says_nothing_is_refused() -> None:
    text = dump_lesson(GOOD.model_copy(update={"claim": "  \n"}))
    with pytest.raises(LessonInvalid, match="`claim` is empty; say what to do, or drop the lesson"):
        load_lesson(text, "x.toml")


@given(
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=5),
    st.sampled_from([" ", "\n", "\t  ", " \r\n"]),
)
def test_a_quote_is_found_whatever_its_white_space(words: list[str], between: str) -> None:
    assert occurs(between.join(words), "before " + " ".join(words) + " after")


@pytest.mark.parametrize("quote", ["", "   ", "never said", "total  row of"])
def test_a_quote_that_was_never_said_is_not_found(quote: str) -> None:
    assert not occurs(quote, "The total row is empty.")


def test_only_quotes_that_occur_are_kept_with_their_turn() -> None:
    steps = (Step(role="user", text="Sum column D."), Step(role="agent", text="I wrote\n  the formula."))
    found = checked(
        ["the formula", "I wrote the formula.", "I recalculated", "the formula"],
        Trajectory(id="t1", task="a", steps=steps),
    )
    assert found == (
        Quote(trajectory="t1", turn=2, quote="the formula"),
        Quote(trajectory="t1", turn=2, quote="I wrote the formula."),
    )
