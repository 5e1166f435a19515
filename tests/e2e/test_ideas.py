"""A run over 323 trajectories of which it is known what there is to learn, and how often (benchmarks/ideas.py)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.ideas import CONTRARY, SUPPORTS, Found, found, ideas, write_inputs
from t2s_tui.screens.fates import fates
from tests.shell import Shell, scripted
from workspace.guard.guard import lint
from workspace.runs.run import RunFolder
from workspace.skills.skill import load_skill


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunFolder]]:
    """The same trajectories in two orders, and replies that arrive in different orders."""
    with scripted() as calm, scripted("--latency", "0.02", "--latency-dist", "lognormal") as shaky:
        yield [
            _evolved(tmp_path_factory.mktemp("given"), calm, None),
            _evolved(tmp_path_factory.mktemp("mixed"), shaky, 7),
        ]


def _evolved(folder: Path, url: str, shuffled: int | None) -> RunFolder:
    shell = Shell(folder)
    skill, traces = write_inputs(folder, shuffled=shuffled)
    done = shell.t2s(
        "run", "--skill", skill, "--traces", traces, "--base-url", url, "--model", "scripted", "--limit", 32, "--json"
    )
    assert done.code == 0, done.err
    return shell.run()


def _found(run: RunFolder) -> dict[int, Found]:
    return found(run.path)


def _skill(run: RunFolder):
    return load_skill(run.round(1).seed(0).candidate / "sheets")


def test_the_support_of_every_idea_is_exact_in_whatever_order_trajectories_and_replies_come(
    runs: list[RunFolder],
) -> None:
    for run in runs:
        assert {n: one.supports for n, one in _found(run).items()} == {n: (s,) for n, s in enumerate(SUPPORTS)}


def test_the_ten_most_supported_ideas_are_in_the_skill_itself(runs: list[RunFolder]) -> None:
    body = _skill(runs[0]).body
    assert all(_found(runs[0])[n].ends == (("in_skill", "SKILL.md"),) for n in range(10))
    assert all(f"(idea {n})" in body for n in range(10))


def test_what_a_single_task_says_is_listed_and_not_in_the_skill(runs: list[RunFolder]) -> None:
    texts = "\n".join(text for _, text in _skill(runs[0]).texts())
    for n, support in enumerate(SUPPORTS):
        if support == 1:
            assert {state for state, _ in _found(runs[0])[n].ends} == {"quarantined"}
            assert f"(idea {n})" not in texts


def test_what_few_tasks_say_stands_on_a_page_that_the_skill_links(runs: list[RunFolder]) -> None:
    page = "references/less-common.md"
    few = [n for n, support in enumerate(SUPPORTS) if 1 < support < 10 and n not in CONTRARY]
    assert all(_found(runs[0])[n].ends == (("in_skill", page),) for n in few)
    assert f"]({page})" in _skill(runs[0]).body


def test_every_contradiction_is_listed_and_the_better_supported_side_stays(runs: list[RunFolder]) -> None:
    run = runs[0]
    rows = tomllib.loads(run.round(1).seed(0).violations.read_text())["violations"]
    told = [row["message"] for row in rows if row["rule"] == "contradiction"]
    for idea in ideas():
        if idea.against is not None:
            assert any(f"(idea {idea.number})" in line and f"(idea {idea.against})" in line for line in told)
            assert {state for state, _ in _found(run)[idea.number].ends} == {"dropped"}
    assert len(told) == len(CONTRARY)
    assert all(f"(idea {n})" in run.report.read_text().partition("## Edits")[0] for n in CONTRARY)


def test_the_verdict_screen_tells_of_sums_contradictions_and_what_stayed_out(runs: list[RunFolder]) -> None:
    told = "\n".join("".join(span.text for span in line.spans) for line in fates(runs[0], 80))
    assert "875 = 860 in skill + 4 quarantined + 11 dropped" in told
    assert "contradicts" in told and "quarantined: a single source, unverified" in told
    assert all(len(line) <= 80 for line in told.split("\n"))


def test_the_result_is_within_its_budget_and_breaks_no_rule(runs: list[RunFolder]) -> None:
    skill = _skill(runs[0])
    assert len(skill.body.splitlines()) < 500 and len(skill.body) // 4 < 5000
    assert [v for v in lint(skill, folder_name="sheets") if v.severity == "error"] == []
