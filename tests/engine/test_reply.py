"""From a model's words to data, however odd they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.caller import well_formed
from engine.llm.endpoint import Reply
from engine.reply import BadReply, parse_json, parse_lines


class Shape(BaseModel):
    name: str
    count: int = 0


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "a"}',
        'Sure!\n```json\n{"name": "a"}\n```\nDone.',
        '<think>{"name": "wrong"}</think>{"name": "a"}',
        'The answer is {"name": "a"} as asked',
        '{"name": "a",}',
        "{'name': 'a'}",
    ],
)
def test_json_is_found_in_what_models_say(text: str) -> None:
    assert parse_json(Reply(text=text), Shape).name == "a"


def test_a_reply_without_content_is_read_from_its_reasoning() -> None:
    assert parse_json(Reply(text="", reasoning='{"name": "a"}'), Shape).name == "a"


def test_a_truncated_reply_is_never_repaired() -> None:
    with pytest.raises(BadReply, match="cut off"):
        parse_json(Reply(text='{"name": "a"', finish="length"), Shape)


def test_a_wrong_field_is_named_for_the_model() -> None:
    with pytest.raises(BadReply, match="count"):
        parse_json(Reply(text='{"name": "a", "count": "many"}'), Shape)


@pytest.mark.parametrize("text", ["[" * 20_000, '{"a":' * 20_000, "", "no", "[1, 2]", '{"name": "\\ud83d"}'])
def test_no_reply_breaks_the_parser(text: str) -> None:
    try:
        found = parse_json(Reply(text=text), Shape)
    except BadReply:
        return
    assert found.name.encode()


@given(st.text())
def test_any_text_is_data_or_a_bad_reply(text: str) -> None:
    try:
        parse_json(Reply(text=text), Shape)
    except BadReply as fault:
        assert str(fault)


def test_half_characters_are_replaced_before_a_reply_is_kept() -> None:
    assert well_formed(Reply(text="a\ud83db", reasoning="\udc00")).model_dump_json().encode()


def test_labelled_lines_come_in_blocks() -> None:
    text = "TITLE: one\nRULE: do this\n\n**RULE:** do that\nWHY: because\nchatter"
    assert parse_lines(Reply(text=text), ("TITLE", "RULE", "WHY")) == [
        {"TITLE": "one", "RULE": "do this"},
        {"RULE": "do that", "WHY": "because"},
    ]
