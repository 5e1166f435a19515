"""What candidates carry: their words, their names, their folders, and which one is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.carry import CARRIES, Carry, carried, parse_side, side_name
from workspace.lessons.lesson import Lesson, dump_lesson
from workspace.lessons.pool import load, own_lesson
from workspace.reports.estimate import Facts, estimate
from workspace.runs.decision import candidate_of, shown_side, shown_sides
from workspace.runs.run import RoundFolder
from workspace.settings.config import load_config


@given(st.integers(0, 99), st.sampled_from(CARRIES))
def test_a_name_says_seed_and_what_is_carried(seed: int, carries: Carry) -> None:
    assert parse_side(side_name(seed, carries)) == (seed, carries)


@pytest.mark.parametrize("name", ["base", "s", "s0.old", "s0-", "s0-all", "s0-fruit", "x0", "", "s-1", "s0-rules-x"])
def test_what_is_no_candidate_has_no_parts(name: str) -> None:
    assert parse_side(name) is None


@given(st.permutations(CARRIES), st.integers(1, len(CARRIES)))
def test_the_order_in_which_kinds_are_named_does_not_matter(kinds: list[Carry], most: int) -> None:
    assert carried(tuple(kinds[:most])) == tuple(kind for kind in CARRIES if kind in kinds[:most])


def _round(path: Path, *sides: str) -> RoundFolder:
    round = RoundFolder(path / "rounds" / "1")
    for name in sides:
        skill = round.side(name).candidate / "ledger"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text(name)
        round.side(name).ledger.write_text("")
    return round


def test_lessons_and_trials_of_all_candidates_of_a_seed_are_those_of_the_seed(tmp_path: Path) -> None:
    round = _round(tmp_path, "s0", "s0-examples")
    seed, examples = round.seed(0), round.side("s0-examples")
    seed.lessons.mkdir()
    (seed.lessons / "t001-L1.toml").write_text(dump_lesson(Lesson(id="t001-L1", title="A", claim="Do a.")))
    own_lesson(examples, "Mine", "Do b.")
    assert load(examples, "t001-L1").lesson.claim == "Do a." and load(seed, "H001").lesson.claim == "Do b."
    assert (examples.trials, examples.tree, examples.plan) == (seed.trials, seed.tree, seed.plan)
    assert (examples.patch, examples.ledger) != (seed.patch, seed.ledger)
    assert sorted(path.name for path in examples.path.iterdir()) == ["candidate", "ledger.jsonl"]


def test_candidates_are_listed_seed_by_seed_and_copies_of_somebody_are_none(tmp_path: Path) -> None:
    round = _round(tmp_path, "s10", "s2-rules", "s2", "s2-examples", "s2.old", "s3-fruit")
    assert [side.name for side in round.sides()] == ["s2", "s2-rules", "s2-examples", "s10"]
    assert [seed.name for seed in round.seeds()] == ["s2", "s10"]


def test_of_each_seed_that_candidate_is_shown_that_the_verdict_is_on(tmp_path: Path) -> None:
    round = _round(tmp_path, "s0", "s0-examples", "s1-rules")
    round.seed(1).path.mkdir()
    assert [side.name for side in shown_sides(round)] == ["s0", "s1-rules"]
    assert candidate_of(round) == round.seed(0).candidate / "ledger"
    round.verdict.write_text('side = "s0-examples"\n')
    assert [side.name for side in shown_sides(round)] == ["s0-examples", "s1-rules"]
    assert candidate_of(round) == round.side("s0-examples").candidate / "ledger"


def test_before_anything_is_settled_the_seed_itself_is_shown(tmp_path: Path) -> None:
    seed = RoundFolder(tmp_path / "rounds" / "1").seed(0)
    seed.path.mkdir(parents=True)
    assert shown_side(RoundFolder(seed.path.parent), seed).name == "s0"


def test_an_estimate_counts_the_tries_of_each_candidate(tmp_path: Path) -> None:
    def tries(*kinds: str, seeds: int = 1) -> int:
        flags = {
            "domain.name": "house", "domain.family": "date", "domain.validation": 10, "domain.test": 0,
            "run.seeds": seeds, "verdict.carry": kinds,
        }  # fmt: skip
        config = load_config(file=None, cwd=tmp_path, env={}, flags=flags).config
        return next(row.calls for row in estimate(config, Facts(100)).rows if row.stage == "validate")

    assert tries("all") == 20
    assert tries("all", "examples") == 30
    assert tries("all", "rules", "examples", seeds=2) == 70
