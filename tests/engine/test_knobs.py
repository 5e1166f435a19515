"""Settings that change between engines, or under one: what is told about them."""

from __future__ import annotations

from engine.knobs import Knobs, with_knobs
from workspace.runs.events import Event, KnobTurned
from workspace.runs.view import RunView
from workspace.settings.config import Config

MADE = Config.model_validate({"endpoint": {"base_url": "http://h/v1", "model": "m"}})


class Told:
    """Lives of one run, with the view that each leaves to the next."""

    def __init__(self) -> None:
        self.view = RunView()
        self.turns: list[tuple[str, str, str, str]] = []

    def life(self, **knobs: str) -> Knobs:
        """A new engine with these knobs (dots as double underscores); `turns` holds what it told."""
        self.turns = []
        found = Knobs(MADE, self.view, self._take)
        found.begin(with_knobs(MADE, {key.replace("__", "."): value for key, value in knobs.items()}))
        return found

    def _take(self, event: Event) -> None:
        self.view.apply(event)
        assert isinstance(event, KnobTurned)
        self.turns.append((event.key, event.before, event.after, event.who))


def test_an_engine_tells_what_it_has_otherwise_than_the_one_before() -> None:
    told = Told()
    told.life()
    assert told.turns == []
    told.life(endpoint__limit="8", spending__tokens="9000")
    assert told.turns == [("endpoint.limit", "auto", "8", ""), ("spending.tokens", "none", "9000", "")]
    told.life(endpoint__limit="8")
    assert told.turns == [("spending.tokens", "9000", "none", "")], "a knob counts for one engine"


def test_what_a_person_turns_under_a_living_engine_is_told_once_with_their_name() -> None:
    told = Told()
    knobs = told.life()
    knobs.turn("spending.tokens", 500, "kim")
    knobs.turn("spending.tokens", 500, "kim")
    assert told.turns == [("spending.tokens", "none", "500", "kim")]
    assert told.view.knobs == {"spending.tokens": "500"}


def test_only_the_name_of_a_key_is_told_and_no_query_of_an_address() -> None:
    told = Told()
    told.life(endpoint__base_url="http://other/v1?key=sk-secret", endpoint__api_key_env="OTHER_KEY")
    assert ("endpoint.base_url", "http://h/v1", "http://other/v1", "") in told.turns
    assert ("endpoint.api_key_env", "OPENAI_API_KEY", "OTHER_KEY", "") in told.turns
    assert "sk-secret" not in repr(told.turns)


def test_several_servers_reach_an_engine_and_are_told_as_a_list() -> None:
    told = Told()
    told.life(endpoint__also='["http://a/v1", "http://b/v1"]')
    assert told.turns == [("endpoint.also", "not set", "http://a/v1, http://b/v1", "")]
