"""What a small model is told about two answers."""

import pytest

from workspace.lessons.differences import differences


@pytest.mark.parametrize(
    ("given", "right", "told"),
    [
        ("AB 12", "[AB-12]", '"[" was added at the start; " " became "-"; "]" was added at the end'),
        ("ab 12", "[AB-0012]", "nothing in common"),
        ("71.60", "USD 71.60", '"USD " was added at the start'),
        ("4500 dollars", "4500", '" dollars" was removed at the end'),
        ("the stairs", "OAK", "nothing in common"),
        ("12-34", "12-34", "none"),
    ],
)
def test_the_difference_is_told_in_words(given: str, right: str, told: str) -> None:
    assert differences(given, right) == told
