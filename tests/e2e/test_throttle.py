"""The limit that nobody named: it grows while more calls at once are faster, and the result does not depend on it."""

from __future__ import annotations

import json
import time

import pytest

from tests.shell import Shell, scripted


def test_an_unnamed_limit_grows_on_a_server_that_bears_more(shell: Shell) -> None:
    with scripted("--latency", 0.3, "--tokens-per-second", 150, "--slots", 64) as url:
        words = ("--skill", shell.skill(), "--traces", shell.traces(120), "--base-url", url, "--model", "scripted")
        done = shell.t2s("run", *words, "--json")
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines()[:-1]]
    limits = [event["limit"] for event in events if event["kind"] == "limiter.resized"]
    assert limits[:2] == [16, 32]
    assert max(event["in_flight"] for event in events if event["kind"] == "usage.counted") > 8
    assert done.json["lessons"]["unaccounted"] == 0


@pytest.mark.parametrize("more", [(), ("--metrics",)], ids=["silent", "telling"])
def test_calls_that_only_queue_do_not_make_the_limit_grow_for_long(shell: Shell, more: tuple[str, ...]) -> None:
    with scripted("--latency", 0.1, "--tokens-per-second", 250, "--slots", 6, *more) as url:
        words = ("--skill", shell.skill(), "--traces", shell.traces(60), "--base-url", url, "--model", "scripted")
        done = shell.t2s("run", *words, "--json")
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines()[:-1]]
    limits = [event["limit"] for event in events if event["kind"] == "limiter.resized"]
    assert max([8, *limits]) <= 16
    assert done.json["lessons"]["unaccounted"] == 0


def test_calls_a_minute_are_kept_to(shell: Shell, fast: str) -> None:
    (shell.cwd / "t2s.toml").write_text("[endpoint]\nrpm = 600\n")
    began = time.monotonic()
    words = ("--skill", shell.skill(), "--traces", shell.traces(60), "--base-url", fast, "--model", "scripted")
    done = shell.t2s("run", *words, "--json")
    took = time.monotonic() - began
    assert done.code == 0, done.err
    calls = done.json["calls"]
    assert took >= (calls - 60 - 1) / 10
