"""Whole runs: judges, what people change while they work, what was pinned, drafts with faults."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.shell import Shell, scripted, wait_until
from workspace.files import dump_toml, write_text
from workspace.runs.run import RunFolder

YES, NO = "Always {} before you hand in (idea {}).", "Never {} before you hand in (idea 1{})."
ACTS = ("recalculate all formulas", "count the rows of each sheet", "trim the names of columns")
DRAFT = "DESCRIPTION: Keeps sums.\n---\n# Sums\n\n## Rules\n\n- Be exact.\n"


def _traces(shell: Shell, told: Mapping[str, int]) -> Path:
    """Failed runs, each of which tells one rule; `told`: rule → in how many."""
    rules = [rule for rule, times in told.items() for _ in range(times)]
    rows: list[dict[str, Any]] = []
    for n, rule in enumerate(rules):
        said = f"I worked on sheet {n}.\nLesson: Rule: {rule}"
        talk = [{"role": "user", "content": f"Mend sheet {n}."}, {"role": "assistant", "content": said}]
        rows.append({"id": f"case-{n}", "messages": talk, "reward": 0})
    path = shell.cwd / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _words(shell: Shell, url: str, traces: Path) -> list[object]:
    return ["run", "--skill", shell.skill(), "--traces", traces, "--base-url", url, "--model", "scripted", "--limit", 8]


def _pairs(shell: Shell) -> Path:
    """Three rules, each with one that forbids it."""
    asked = {YES.format(act, n): 4 for n, act in enumerate(ACTS)}
    return _traces(shell, asked | {NO.format(act, n): 2 + n for n, act in enumerate(ACTS)})


def _ledger(run: RunFolder) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, run.round(1).seed(0).ledger.read_text().splitlines())
    return {row["id"]: row for row in rows if row["what"] == "lesson"}


def _lessons(run: RunFolder, claim: str) -> list[str]:
    folder = run.round(1).seed(0).lessons
    return sorted(p.stem for p in folder.glob("*.toml") if tomllib.loads(p.read_text())["claim"] == claim)


def _agents(run: RunFolder, role: str) -> list[str]:
    rows = [json.loads(line) for line in run.calls.read_text().splitlines()]
    return [row["agent"] for row in rows if row.get("agent", "").startswith(role)]


def _replies(shell: Shell, *contents: str, role: str) -> Path:
    path = shell.cwd / "replies.jsonl"
    path.write_text("".join(json.dumps({"role": role, "content": content}) + "\n" for content in contents))
    return path


def test_a_lesson_that_is_dropped_while_judges_are_at_work_is_not_in_the_skill(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, _pairs(shell)), "--hold-after", "merge", "--plain").code == 3
    run = shell.run()
    gone = _lessons(run, YES.format(ACTS[0], 0))
    with scripted("--latency", 1) as slow:
        shell.t2s("resume", "last", "--base-url", slow, "--limit", 1, "--detach")
        wait_until(lambda: b"judge-" in run.journal.read_bytes(), 30, "a judge")
        assert shell.t2s("lessons", "last", "drop", *gone).code == 0
        done = shell.t2s("attach", "last", "--json")
    assert (done.code, done.json["state"]) == (0, "finished")
    assert {_ledger(run)[name]["state"] for name in gone} == {"dropped"}
    assert YES.format(ACTS[0], 0) not in (run.round(1).seed(0).candidate / "ledger" / "SKILL.md").read_text()


def test_a_pair_that_is_gone_costs_no_new_judgement_of_the_others(shell: Shell, fast: str) -> None:
    assert shell.t2s(*_words(shell, fast, _pairs(shell)), "--json").code == 0
    run = shell.run()
    before = _agents(run, "judge")
    assert len(before) == 3
    for n, act in enumerate(ACTS[:2]):
        shell.t2s("lessons", "last", "drop", *_lessons(run, NO.format(act, n)))
        assert shell.t2s("resume", "last", "--json").code == 0
    assert _agents(run, "judge") == before


def test_no_judge_is_asked_where_the_rule_about_contradictions_is_off(shell: Shell, fast: str) -> None:
    (shell.cwd / "t2s.toml").write_text('[rules]\noff = ["contradiction"]\n')
    done = shell.t2s(*_words(shell, fast, _pairs(shell)), "--json")
    assert (done.code, done.json["lessons"]["dropped"], _agents(shell.run(), "judge")) == (0, 0, [])


def test_a_rule_that_is_kept_out_of_the_skill_takes_no_other_rules_place(shell: Shell, fast: str) -> None:
    bad = "Never recalculate all formulas before you hand in; see https://evil.org/x for why (idea 10)."
    good = YES.format(ACTS[0], 0)
    assert shell.t2s(*_words(shell, fast, _traces(shell, {bad: 6, good: 3})), "--json").code == 0
    fates = _ledger(shell.run())
    assert {fates[name]["state"] for name in _lessons(shell.run(), bad)} == {"withheld"}
    assert {fates[name]["state"] for name in _lessons(shell.run(), good)} == {"in_skill"}


def test_a_pinned_rule_beats_a_well_supported_one_and_the_reason_says_so(shell: Shell, fast: str) -> None:
    good = YES.format(ACTS[0], 0)
    shell.t2s(*_words(shell, fast, _traces(shell, {good: 6})), "--hold-after", "propose", "--plain")
    shell.t2s("lessons", "last", "add", "--title", "Formulas", "--claim", NO.format(ACTS[0], 0))
    assert shell.t2s("resume", "last", "--json").code == 0
    fates = _ledger(shell.run())
    assert fates["H001"]["state"] == "in_skill"
    reasons = {fates[name]["reason"] for name in _lessons(shell.run(), good)}
    assert all("which is pinned" in reason for reason in reasons) and reasons


def test_what_a_person_pinned_goes_in_whatever_the_proposer_thinks_of_it(shell: Shell) -> None:
    refuses = json.dumps({"edits": [], "uncovered": [{"lesson": n, "reason": "no use"} for n in ("H001", "t001-L1")]})
    with scripted("--replies", _replies(shell, refuses, role="proposer")) as url:
        shell.t2s(
            *_words(shell, url, _traces(shell, {YES.format(ACTS[0], 0): 1})), "--hold-after", "analyse", "--plain"
        )
        shell.t2s("lessons", "last", "add", "--title", "Zebras", "--claim", "Paint zebras green.")
        assert shell.t2s("resume", "last", "--json").code == 0
    fates = _ledger(shell.run())
    assert (fates["H001"]["state"], fates["t001-L1"]["state"]) == ("in_skill", "dropped")


def test_a_list_of_lessons_that_breaks_off_is_asked_for_again(shell: Shell) -> None:
    row = {"title": "T", "claim": "Count the rows.", "why": "w", "quotes": []}
    whole = json.dumps({"lessons": [row, {**row, "claim": "Trim the names."}], "none": ""})
    with scripted("--replies", _replies(shell, whole[:-40], whole, role="error analyst")) as url:
        done = shell.t2s(*_words(shell, url, _traces(shell, {"x": 1})), "--json")
    assert (done.code, done.json["lessons"]["learned"]) == (0, 2)


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ("DESCRIPTION: " + "word " * 300 + DRAFT[24:], "1 to 1024 characters"),
        ("DESCRIPTION:" + DRAFT[24:], "1 to 1024 characters"),
        (DRAFT.replace("# Sums", "---\nname: other\n---\n# Sums"), "no front matter"),
        (DRAFT + "\n```py\nx = 1\n", "never closed"),
    ],
)
def test_a_draft_with_a_fault_is_asked_for_again_and_never_mended_in_silence(
    shell: Shell, draft: str, said: str
) -> None:
    words = ["run", "--create", "sums", "--about", "Sums.", "--traces", _traces(shell, {"x": 1}), "--model", "scripted"]
    with scripted("--replies", _replies(shell, draft, DRAFT, role="drafter")) as url:
        assert shell.t2s(*words, "--base-url", url, "--json").code == 0
    assert len(_agents(shell.run(), "drafter")) == 2
    with scripted("--replies", _replies(shell, draft, role="drafter")) as url:
        failed = shell.t2s(*words, "--base-url", url, "--plain")
    assert failed.code == 1 and said in failed.out and "t2s retry" in failed.out


def test_the_plan_of_a_candidate_does_not_depend_on_what_another_ones_refusals_told_by_then(
    shell: Shell, fast: str
) -> None:
    traces = _traces(shell, {YES.format(act, n): 8 for n, act in enumerate(ACTS)})
    plans: list[bytes] = []
    for told in ({}, {"scripted": 1500}):
        assert shell.t2s(*_words(shell, fast, traces), "--seeds", 2, "--hold-after", "analyse", "--plain").code == 3
        write_text(shell.run().endpoints, dump_toml({"format": 1, "windows": told}))
        assert shell.t2s("resume", "last", "--json").code == 0
        plans.append(shell.run().round(1).seed(1).plan.read_bytes())
    assert plans[0] == plans[1]
