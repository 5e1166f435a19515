"""Trajectories longer than the model's context teach all the same."""

from __future__ import annotations

import json

import pytest

from tests.shell import Shell, scripted


def _long(shell: Shell) -> None:
    """Talks of about 30,000 characters; what is to be learnt stands at their end."""
    rows: list[str] = []
    for n in range(6):
        talk = [{"role": "user", "content": f"Mend sheet {n}."}]
        talk += [{"role": "assistant", "content": f"Look {k}: " + "cells and rows " * 100} for k in range(20)]
        talk.append({"role": "assistant", "content": f"I worked on sheet {n}.\nLesson: Rule {n}: write sums twice"})
        rows.append(json.dumps({"id": f"case-{n}", "messages": talk, "reward": 0}))
    (shell.cwd / "traces.jsonl").write_text("\n".join(rows))


@pytest.mark.parametrize("told", [("--tell-context",), (), ("--tell-context", "--whole-context"), ("--whole-context",)])
def test_what_does_not_fit_is_shown_in_part(shell: Shell, told: tuple[str, ...]) -> None:
    _long(shell)
    with scripted("--context", 5000, *told) as url:
        words = ("--skill", shell.skill(), "--traces", "traces.jsonl", "--base-url", url, "--model", "scripted")
        done = shell.t2s("run", *words, "--json")
    assert (done.code, done.json["units"]["failed"]) == (0, 0), done.json["why"]
    assert done.json["lessons"]["learned"] >= 6
