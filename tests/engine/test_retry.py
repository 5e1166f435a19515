"""Failures by class, the sentences that users read, and when a call is tried again."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from engine.llm.failures import (
    Answer,
    CallFailed,
    Capability,
    Fatal,
    Overflow,
    Refused,
    Rejected,
    Sizes,
    Target,
    Transient,
    Unreachable,
    answer_of,
    classify,
    refusal,
    retry_after,
)
from engine.llm.retry import LONGEST_ASKED, next_wait
from workspace.errors import EndpointError

TARGET = Target("gpu box", "http://box:8000/v1", "qwen", "BOX_KEY", has_key=True)


class Dice(random.Random):
    """Jitter at its upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Fatal), (402, Fatal), (403, Fatal), (404, Fatal), (405, Fatal),
        (429, Rejected), (503, Rejected), (529, Rejected),
        (408, Transient), (409, Transient), (500, Transient), (502, Transient), (504, Transient),
        (400, Refused), (422, Refused), (413, Overflow),
    ],
)  # fmt: skip
def test_every_status_has_its_class(status: int, kind: type[CallFailed]):
    assert type(refusal(Answer(status, "some words"), TARGET)) is kind


def test_a_wrong_key_is_told_with_the_variable_that_holds_it():
    failure = refusal(Answer(401, "Incorrect API key"), TARGET)
    assert "$BOX_KEY" in str(failure) and "http://box:8000/v1" in str(failure)
    assert isinstance(failure, EndpointError) and failure.exit_code == 2


def test_a_missing_key_is_told_apart_from_a_wrong_one():
    assert "$BOX_KEY is not set" in str(refusal(Answer(401), TARGET._replace(has_key=False)))


def test_an_unknown_model_is_told_with_what_the_server_offers():
    answer = Answer(404, "The model `qwen` does not exist.")
    failure = refusal(answer, TARGET._replace(offered=("llama", "phi")))
    assert str(failure) == "gpu box at http://box:8000/v1 has no model 'qwen'; it offers: llama, phi"


def test_a_wrong_path_is_told_apart_from_an_unknown_model():
    assert "most addresses end in /v1" in str(refusal(Answer(404, "Not Found"), TARGET))


def test_an_account_without_credit_is_not_retried():
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    assert isinstance(refusal(answer_of(429, body), TARGET), Fatal)


@pytest.mark.parametrize(
    ("body", "sizes"),
    [
        (
            {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
             "(4000 in the messages, 1000 in the completion). Please reduce the length."},
            Sizes(5000, 4096),
        ),
        (
            {"error": {"message": "'max_tokens' or 'max_completion_tokens' is too large: 900. This model's "
             "maximum context length is 2048 tokens and your request has 1900 input tokens."}},
            Sizes(1900, 2048),
        ),
        (
            {"error": {"code": 400, "message": "the request exceeds the available context size", "n_prompt_tokens": 999,
             "type": "exceed_context_size_error", "n_ctx": 512}},
            Sizes(999, 512),
        ),
        (
            {"error": {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."}},
            Sizes(5000, 4096),
        ),
        ({"error": {"message": "prompt is too long: 210,000 tokens > 200,000 maximum"}}, Sizes(210000, 200000)),
        (
            {"error": {"message": "Please reduce the length of the messages.", "code": "context_length_exceeded"}},
            Sizes(None, None),
        ),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_an_overflow_with_its_sizes(body: dict[str, object], sizes: Sizes):
    failure = refusal(answer_of(400, body), TARGET)
    assert isinstance(failure, Overflow), failure
    assert failure.sizes == sizes


@pytest.mark.parametrize(
    ("message", "param", "what"),
    [
        ("'response_format' of type 'json_schema' is not supported", "response_format", "response_format"),
        ("This model does not support guided decoding", "", "response_format"),
        ("unknown field stream_options", "", "stream_options"),
        ('"auto" tool choice requires --enable-auto-tool-choice', "", "tools"),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens", "max_tokens"),
        ("Unsupported value: 'temperature' does not support 0.0 with this model.", "temperature", "temperature"),
    ],
)  # fmt: skip
def test_a_feature_that_the_server_lacks_is_named(message: str, param: str, what: str):
    failure = refusal(Answer(400, message, param), TARGET)
    assert isinstance(failure, Capability), failure
    assert failure.what == what


def test_broken_json_may_pass_next_time():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads('{"a": ')
    assert type(classify(caught.value, TARGET)) is Transient


def test_a_failure_stays_the_failure_it_is():
    failure = Rejected("busy", 2.0)
    assert classify(failure, TARGET) is failure


def test_retry_after_is_read_in_seconds_milliseconds_and_dates():
    now = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    date = (now + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": date}, now) == 30
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, now) == 0
    for nonsense in ("", "soon", "-5", "nan", "inf"):
        assert retry_after({"retry-after": nonsense}, now) is None


def test_a_server_is_never_asked_again_before_the_time_it_named():
    dice = random.Random(1)
    waits = [next_wait(Rejected("busy", 7.0), attempt, dice) for attempt in range(1, 30)]
    assert all(wait is not None and 7.0 <= wait <= 8.0 for wait in waits)
    assert len(set(waits)) > 20, "those who were told the same time must not come back together"


def test_waits_grow_to_a_cap_and_are_spread_over_the_whole_range():
    dice = random.Random(2)
    first = [next_wait(Transient("gone"), 1, dice) or 0.0 for _ in range(200)]
    assert min(first) < 0.1 and max(first) <= 0.5
    assert next_wait(Transient("gone"), 5, Dice()) == 8.0
    assert next_wait(Rejected("busy"), 40, Dice()) == 30.0


def test_an_unreachable_server_is_not_hammered():
    assert (next_wait(Unreachable("down"), 1, random.Random(3)) or 0) >= 0.5


def test_failures_that_no_repetition_mends_are_given_up_at_once():
    for failure in (Fatal("key"), Refused("no"), Overflow("long", Sizes(2, 1)), Capability("no tools", "tools")):
        assert next_wait(failure, 1, Dice()) is None


def test_a_lost_connection_is_given_up_after_five_retries_and_a_busy_server_is_not():
    assert next_wait(Transient("gone"), 5, Dice()) is not None
    assert next_wait(Transient("gone"), 6, Dice()) is None
    assert next_wait(Rejected("busy"), 30, Dice()) is not None


def test_a_server_that_asks_for_hours_is_treated_as_gone():
    assert next_wait(Rejected("busy", LONGEST_ASKED + 1), 1, Dice()) is None
