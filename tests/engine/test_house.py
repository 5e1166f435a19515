"""The domain `house`: unlimited, seeded, disjoint, and judged by exact match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domains.base import Split, find_domain
from engine.domains.house import FAMILIES, by_convention, conventions, family_of, naive
from workspace.errors import ConfigError
from workspace.runs.start import HOUSE
from workspace.skills.skill import load_skill

SPLITS: tuple[Split, ...] = ("evolve", "validation", "test")


@pytest.mark.parametrize("family", FAMILIES)
@given(seeds=st.tuples(*[st.integers(0, 50)] * 3))
def test_no_question_is_in_two_splits_whatever_the_seeds(family: str, seeds: tuple[int, int, int]) -> None:
    domain = find_domain("house", family)
    prompts = [{t.prompt for t in domain.tasks(split, 40, seed)} for split, seed in zip(SPLITS, seeds, strict=True)]
    assert [len(p) for p in prompts] == [40, 40, 40]
    assert not (prompts[0] & prompts[1] or prompts[0] & prompts[2] or prompts[1] & prompts[2])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_tasks_and_more_begin_with_fewer(family: str) -> None:
    domain = find_domain("house", family)
    assert domain.tasks("evolve", 30, 7) == domain.tasks("evolve", 30, 7)
    assert list(domain.tasks("evolve", 30, 7))[:12] == list(domain.tasks("evolve", 12, 7))
    assert domain.tasks("evolve", 30, 7) != domain.tasks("evolve", 30, 8)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_convention_passes_and_what_a_stranger_says_does_not(family: str) -> None:
    domain = find_domain("house", family)
    for task in domain.tasks("test", 60, 3):
        assert family_of(task.prompt) == family
        assert task.expected not in task.prompt
        assert by_convention(task.prompt) == task.expected
        assert domain.verify(task, f"  {task.expected}\n").status == "pass"
        wrong = domain.verify(task, naive(task.prompt))
        assert (wrong.status, wrong.expected) == ("fail", task.expected)
        assert task.expected in wrong.message


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shipped_skills_are_what_they_say(family: str) -> None:
    texts = {kind: load_skill(HOUSE / family / kind / f"house-{family}").instructions for kind in kinds()}
    assert conventions(family).search(texts["hand-written"])
    assert not conventions(family).search(texts["starter"])
    assert not conventions(family).search(texts["wrong"])


def kinds() -> tuple[str, ...]:
    return ("starter", "hand-written", "wrong")


@pytest.mark.parametrize(("name", "family"), [("hause", "date"), ("house", "dates"), ("house", "")])
def test_an_unknown_domain_or_family_is_refused_with_what_exists(name: str, family: str) -> None:
    with pytest.raises(ConfigError, match=r"house/date, house/money, house/queue|date, money, queue"):
        find_domain(name, family)
