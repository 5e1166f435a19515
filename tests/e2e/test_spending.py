"""A run with a budget: it stops before it would spend more, and goes on when it may."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

from tests.shell import Shell, kinds, scripted, wait_until
from workspace.files import write_text
from workspace.reports.summary import result_skill
from workspace.runs.events import KnobTurned
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view
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


# --- a living engine ------------------------------------------------------------------------------------------------


def _turns(run: RunFolder) -> list[tuple[str, str, str]]:
    found = [event for event, _ in read_events(run.journal) if isinstance(event, KnobTurned)]
    return [(event.key, event.before, event.after) for event in found]


def _held(shell: Shell, url: str, *caps: str) -> RunFolder:
    assert shell.t2s(*_words(shell, url, 12), *caps, "--detach").code == 0
    run = shell.run()
    wait_until(lambda: load_view(run).view.state == "paused", 20, "the pause")
    return run


def test_a_living_run_goes_on_with_a_larger_cap_and_loses_nothing(shell: Shell, fast: str) -> None:
    run = _held(shell, fast, "--budget-requests", "5")
    more = shell.t2s("resume", "last", "--budget-requests", "9", "--detach")
    assert more.code == 0, more.err
    wait_until(lambda: kinds(run).count("budget.reached") == 2, 20, "the next pause")
    wait_until(lambda: load_view(run).view.usage.calls == 9, 5, "the count")
    assert load_view(run).view.lives == 1, "the same engine"
    assert shell.t2s("resume", "last", "--budget-requests", "none", "--json").code == 0
    assert _turns(run) == [("spending.requests", "5", "9"), ("spending.requests", "9", "none")]
    assert load_view(run).view.lives == 1
    assert shell.t2s("show", "last", "--json").json["units"]["failed"] == 0


def test_raising_another_cap_than_the_one_that_holds_does_not_spend(shell: Shell, fast: str) -> None:
    run = _held(shell, fast, "--budget-requests", "5", "--budget-tokens", "900000")
    assert shell.t2s("resume", "last", "--budget-tokens", "990000", "--detach").code == 0
    wait_until(lambda: kinds(run).count("budget.reached") == 2, 20, "the same pause again")
    wait_until(lambda: load_view(run).view.usage.calls >= 5, 5, "the count")
    assert load_view(run).view.usage.calls == 5


def test_a_living_engine_takes_no_cap_on_an_unknown_cost(shell: Shell, fast: str) -> None:
    run = _held(shell, fast, "--budget-requests", "5")
    refused = shell.t2s("resume", "last", "--budget-cost", "1")
    assert refused.code == 2
    assert "a cap on cost needs both prices" in refused.err
    assert alive(run)
    assert _turns(run) == []


def test_knobs_of_a_resume_are_told_with_what_they_were(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, 12), "--budget-requests", "5", "--plain").code == 3
    plain = shell.t2s("resume", "last", "--budget-requests", "9", "--limit", "2", "--plain")
    assert plain.code == 3
    assert "setting spending.requests: 5 → 9" in plain.out
    assert "setting endpoint.limit: auto → 2" in plain.out
    assert shell.t2s("resume", "last", "--budget-requests", "none", "--plain").code == 0
    assert _turns(shell.run())[2:] == [("endpoint.limit", "2", "auto"), ("spending.requests", "9", "none")]


# --- asked before anything is spent ---------------------------------------------------------------------------------


class Seen(NamedTuple):
    """How a command on a terminal ended, and what it showed."""

    code: int
    text: str


def _answering(shell: Shell, typed: bytes, *words: object) -> Seen:
    """Run a command on a terminal and type once it asks."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "t2s_tui", *map(str, words)]
    child = subprocess.Popen(command, cwd=shell.cwd, env=shell.env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, until = b"", time.monotonic() + 60
    try:
        while time.monotonic() < until and (piece := os.read(ours, 65536)):
            seen += piece
            if typed and (b"[y/N]" in seen or b"nothing is written" in seen):
                os.write(ours, typed)
                typed = b""
    except OSError:
        pass  # the terminal's other end is closed
    finally:
        os.close(ours)
        child.kill() if child.poll() is None and time.monotonic() > until else None
    return Seen(child.wait(20), seen.decode(errors="replace"))


@pytest.fixture
def careful(shell: Shell) -> Shell:
    """A person who wants to be asked early."""
    write_text(shell.cwd / "t2s.toml", "[spending]\nconfirm = 100\n")
    return shell


def test_a_script_is_told_and_never_asked(careful: Shell, fast: str) -> None:
    done = careful.t2s(*_words(careful, fast, 12), "--json")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("t2s: this run may use about ")
    assert "more than the 100 tokens that spending.confirm lets pass; no budget ends it" in line


def test_below_the_threshold_nobody_is_told_anything(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, 12), "--json").err == ""


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04"])
def test_plain_on_a_terminal_asks_and_leaves_nothing_after_a_no(careful: Shell, fast: str, typed: bytes) -> None:
    seen = _answering(careful, typed, *_words(careful, fast, 12), "--plain")
    assert seen.code == 3
    assert "not started; nothing was called and nothing was written" in seen.text
    assert not careful.runs.exists()


def test_plain_on_a_terminal_begins_after_a_yes(careful: Shell, fast: str) -> None:
    assert _answering(careful, b"y\n", *_words(careful, fast, 12), "--plain").code == 0


def test_yes_on_the_command_line_is_an_answer(careful: Shell, fast: str) -> None:
    seen = _answering(careful, b"", *_words(careful, fast, 12), "--plain", "--yes")
    assert seen.code == 0
    assert "[y/N]" not in seen.text


@pytest.mark.parametrize("typed", [b"n", b"q", b"\x1b", b"\x03\x03"])
def test_the_screen_shows_the_estimate_and_leaves_nothing_after_a_no(careful: Shell, fast: str, typed: bytes) -> None:
    seen = _answering(careful, typed, *_words(careful, fast, 12))
    assert seen.code == 3
    assert "This run may use about" in seen.text
    assert not careful.runs.exists()


def test_a_dry_run_tells_the_cost_by_stage(shell: Shell, fast: str) -> None:
    dry = shell.t2s(*_words(shell, fast), "--dry-run", "--json", "--price-prompt", "2", "--price-completion", "10").json
    tokens = dry["tokens"]
    assert dry["cost"] == pytest.approx((2 * tokens["prompt"] + 10 * tokens["completion"]) / 1e6)
    assert dry["cost"] == pytest.approx(sum(row["cost"] for row in dry["stages"]))
    bare = shell.t2s(*_words(shell, fast), "--dry-run", "--json").json
    assert (bare["cost"], {row["cost"] for row in bare["stages"]}) == (None, {None})
    assert "the cost is not known" in shell.t2s(*_words(shell, fast), "--dry-run").out


def test_asking_about_a_cost_needs_prices(shell: Shell, fast: str) -> None:
    write_text(shell.cwd / "t2s.toml", "[spending]\nconfirm_cost = 1.0\n")
    refused = shell.t2s(*_words(shell, fast, 12))
    assert refused.code == 2
    assert "t2s.toml:2: spending.confirm_cost needs both prices" in refused.err
