"""A run with a budget: it stops before it would spend more, and goes on when it may."""

from __future__ import annotations

import pytest

from tests.shell import Shell, kinds, scripted, wait_until
from workspace.files import write_text
from workspace.reports.summary import result_skill
from workspace.runs.run import load_view
from workspace.skills.skill import load_skill


def _words(shell: Shell, url: str, count: int = 64) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(count), "--source", "combined"]
    return ["run", *inputs, "--base-url", url, "--model", "scripted"]


def _digest(shell: Shell, run: str) -> str:
    skill = result_skill(shell.run(run))
    assert skill is not None
    return load_skill(skill).digest


def test_a_run_out_of_tokens_stops_and_a_resume_without_the_cap_loses_nothing(shell: Shell, fast: str) -> None:
    write_text(shell.cwd / "t2s.toml", "[prices]\nprompt = 2.0\ncompletion = 10.0\n")
    held = shell.t2s(*_words(shell, fast), "--budget-tokens", "3000", "--json")
    assert held.code == 3, held.err
    table = held.json
    assert table["calls"] > 0 and sum(table["tokens"].values()) <= 3000
    assert "a budget of 3,000 tokens is reached" in table["why"]

    again = shell.t2s("resume", "last", "--json")
    assert again.code == 3
    assert again.json["calls"] == table["calls"], "the same cap pauses without a call"

    done = shell.t2s("resume", "last", "--budget-tokens", "none", "--json")
    assert done.code == 0, done.err
    end = shell.t2s("show", "last", "--json").json
    assert end["lessons"]["unaccounted"] == end["edits"]["unaccounted"] == end["units"]["failed"] == 0
    tokens = end["tokens"]
    assert end["cost"] == pytest.approx((2 * tokens["prompt"] + 10 * tokens["completion"]) / 1e6)
    held_run = shell.run().id

    free = shell.t2s(*_words(shell, fast), "--json").json
    assert (free["calls"], free["tokens"]) == (end["calls"], tokens), "nothing was paid twice"
    assert _digest(shell, free["id"]) == _digest(shell, held_run)


def test_a_larger_cap_goes_on_where_the_smaller_one_stopped(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, 12), "--budget-requests", "5", "--json").json["calls"] == 5
    more = shell.t2s("resume", "last", "--budget-requests", "9", "--json")
    assert (more.code, more.json["calls"]) == (3, 9)
    assert kinds(shell.run()).count("budget.reached") == 2
    refused = shell.t2s("resume", "last", "--budget-cost", "1")
    assert refused.code == 2
    assert "a cap on cost needs both prices" in refused.err


def test_a_run_out_of_time_stops(shell: Shell, slow: str) -> None:
    done = shell.t2s(*_words(shell, slow, 12), "--limit", "1", "--budget-seconds", "0.7", "--json")
    assert done.code == 3
    assert 1 <= done.json["calls"] <= 2


def test_what_is_in_flight_when_the_budget_ends_is_kept(shell: Shell, slow: str) -> None:
    done = shell.t2s(*_words(shell, slow, 12), "--limit", "4", "--budget-requests", "6", "--json")
    assert (done.code, done.json["calls"], done.json["units"]["done"]) == (3, 6, 6)


def test_a_detached_run_waits_for_its_budget(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, 12), "--budget-requests", "5", "--detach").code == 0
    run = shell.run()
    wait_until(lambda: load_view(run).view.state == "paused", 20, "the pause")
    assert shell.t2s("resume", "last", "--detach").code == 0
    wait_until(lambda: kinds(run).count("budget.reached") == 2, 20, "the next pause")
    wait_until(lambda: load_view(run).view.usage.calls >= 5, 5, "the count")
    assert load_view(run).view.usage.calls == 5


def test_a_cap_on_cost_needs_prices(shell: Shell, fast: str) -> None:
    refused = shell.t2s(*_words(shell, fast, 12), "--budget-cost", "1")
    assert refused.code == 2
    assert refused.err.splitlines() == [
        "t2s: --budget-cost: a cap on cost needs both prices: --price-prompt and --price-completion, or both under "
        "[prices] in a settings file"
    ]
    assert not shell.runs.exists()


def test_without_prices_the_cost_is_not_known(shell: Shell) -> None:
    with scripted() as url:
        assert shell.t2s(*_words(shell, url, 12), "--budget-tokens", "500000", "--json").json["cost"] is None
