"""What a run keeps about its endpoints."""

from __future__ import annotations

from pathlib import Path

from engine.llm.learned import Ladder, keep, known


def test_each_refusal_is_one_step_down_and_the_last_form_has_none(tmp_path: Path) -> None:
    ladder = Ladder("here:1", tmp_path / "endpoints.toml")
    assert ladder.form("m") == "json_schema"
    assert ladder.refused("m", "json_schema") and ladder.form("m") == "json_object"
    assert ladder.refused("m", "json_object") and ladder.form("m") == "text"
    assert not ladder.refused("m", "text")


def test_many_calls_refused_at_once_are_one_step() -> None:
    ladder = Ladder()
    assert all(ladder.refused("m", "json_schema") for _ in range(5))
    assert ladder.form("m") == "json_object"


def test_a_later_life_knows_and_another_endpoint_or_model_does_not(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    Ladder("here:1", path).refused("m", "json_schema")
    assert Ladder("here:1", path).form("m") == "json_object"
    assert Ladder("here:2", path).form("m") == Ladder("here:1", path).form("n") == "json_schema"


def test_facts_of_different_kinds_stand_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    keep(path, "windows", "m", 700)
    Ladder("here:1", path).refused("m", "json_schema")
    keep(path, "windows", "n", 800)
    assert known(path, "windows") == {"m": 700, "n": 800}
    assert known(path, "forms") == {"here:1 m": "json_object"}
