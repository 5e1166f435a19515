"""JSON replies as people see them while they stream."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from t2s_tui.prose import Prose, readable

REPLY = '{"groups": [{"from": ["e1", "e4"], "text": "Say \\"no\\"\\nand go", "n": 3}, {"from": []}], "dropped": []}'
WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def test_a_json_reply_is_read_as_one_key_a_line() -> None:
    lines = Prose().take(REPLY).split("\n")
    assert lines == ["groups: ", "from: e1, e4", 'text: Say "no"', "and go", "n: 3", "from: ", "dropped: "]


def test_what_is_not_json_stays_as_it_is() -> None:
    assert Prose().take("RULE: write {name}, not [name]") == "RULE: write {name}, not [name]"
    assert readable("- {x}") == "- {x}"


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4), st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_it_does_not_matter_in_which_pieces_a_reply_comes(reply: object, sizes: list[int], ascii: bool) -> None:
    text = json.dumps(reply, ensure_ascii=ascii)
    pieces, prose, at, n = list[str](), Prose(), 0, 0
    while at < len(text):
        size = sizes[n % len(sizes)]
        pieces.append(prose.take(text[at : at + size]))
        at, n = at + size, n + 1
    assert "".join(pieces) == Prose().take(text)


@given(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), min_size=1, max_size=3))
def test_no_word_of_a_reply_is_lost(reply: dict[str, list[str]]) -> None:
    said = Prose().take(json.dumps(reply, ensure_ascii=False))
    for key, values in reply.items():
        assert all(word in said for word in (key, *values))


@given(st.text())
def test_whatever_follows_a_brace_is_taken(text: str) -> None:
    Prose().take("{" + text)
