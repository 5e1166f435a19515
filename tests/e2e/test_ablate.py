"""Which lessons of a run help and which hurt: measured, told and dropped from the shell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.shell import Done, Shell, scripted, wait_until
from workspace.evidence.looks import noted
from workspace.files import read_toml
from workspace.lessons.pool import load, load_pool, set_status
from workspace.runs.run import RunFolder
from workspace.runs.start import starter_skill
from workspace.skills.skill import load_skill

HELPS = "Write dates as DD-MON-YYYY, such as 07-MAR-2021."
IDLE = "Read the result back after writing it and compare it with the task."
HURTS = "Forget the forms of this house and give what the question says."
TASKS = 12


def _run(shell: Shell, url: str, rules: list[str], *more: object) -> RunFolder:
    """A finished run that learnt `rules` from traces, judged on dates of the house."""
    (shell.cwd / "t2s.toml").write_text("[analysis]\ntrials = 0\n")
    rows: list[dict[str, Any]] = []
    for n in range(4 * len(rules)):
        said = f"I worked on sheet {n}.\nLesson: Rule: {rules[n % len(rules)]}"
        talk = [{"role": "user", "content": f"Mend sheet {n}."}, {"role": "assistant", "content": said}]
        rows.append({"id": f"case-{n}", "messages": talk, "reward": 0})
    traces = shell.cwd / "traces.jsonl"
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--skill", starter_skill("date"), "--traces", traces, "--domain", "house:date", "--test", 0]
    done = shell.t2s("run", *words, "--base-url", url, "--model", "scripted", "--json", *more)
    assert done.code in (0, 4), done.err
    return shell.run()


@pytest.fixture(scope="module")
def hurt(tmp_path_factory: pytest.TempPathFactory, fast: str) -> Path:
    """The home of a run with a rule that hurts and an idle one; nobody changes it."""
    folder = tmp_path_factory.mktemp("hurt")
    _run(Shell(folder), fast, [HURTS, IDLE, HELPS])
    return folder


@pytest.fixture
def copied(shell: Shell, hurt: Path) -> Iterator[Shell]:
    """A home with a copy of that run."""
    shutil.copytree(hurt / "runs", shell.runs, symlinks=True)
    yield shell


def _rows(done: Done) -> dict[str, dict[str, Any]]:
    """By what each group says."""
    assert done.code == 0, done.err
    return {row["says"].removeprefix("- "): row for row in done.json["groups"]}


def _calls(run: RunFolder) -> list[dict[str, Any]]:
    """Every finished call of all ablations."""
    files = sorted(run.path.glob("ablation/*/calls.jsonl"))
    return [row for file in files for row in map(json.loads, file.read_text().splitlines()) if "reply" in row]


def _behind(run: RunFolder, claim: str) -> set[str]:
    pool = load_pool(run.round(1).seed(0))
    return {name for name, loaded in pool.lessons.items() if loaded.lesson.claim == claim}


# --- what is found ------------------------------------------------------------------------------------------------


def test_a_rule_that_hurts_is_found_and_the_skill_without_it_is_kept_and_better(copied: Shell) -> None:
    done = copied.t2s("ablate", "last", "--json")
    rows, table, run = _rows(done), done.json, copied.run()
    assert set(rows) == {HELPS, IDLE, HURTS}
    assert table["mean"] == 0
    hurting = rows[HURTS]
    assert (hurting["found"], hurting["effect"], hurting["mean"], len(hurting["harmed"])) == ("hurts", -1, 1, TASKS)
    assert hurting["p"] == pytest.approx(4 * 2 / 2**TASKS)  # three groups and the leaner skill
    assert set(hurting["lessons"]) == _behind(run, HURTS)
    assert {rows[IDLE]["found"], rows[HELPS]["found"]} == {"cannot be told"}
    leaner = load_skill(run.path / table["leaner_skill"])
    assert HURTS not in leaner.body and HELPS in leaner.body and IDLE in leaner.body
    assert (table["leaner"]["found"], table["leaner"]["mean"]) == ("hurts", 1)
    assert json.loads((run.path / "ablation" / "table.json").read_text()) == table


def test_a_rule_that_helps_is_told_apart_from_one_that_does_nothing(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE])
    done = shell.t2s("ablate", "last", "--json")
    rows = _rows(done)
    assert (rows[HELPS]["found"], rows[HELPS]["effect"], rows[HELPS]["mean"]) == ("helps", 1, 0)
    assert rows[IDLE]["found"] == "cannot be told"
    assert done.json["leaner"] is None
    assert not (run.path / "ablation" / "leaner").exists()


def test_examples_are_a_group_of_their_own(shell: Shell, fast: str) -> None:
    words = ["--skill", starter_skill("date"), "--domain", "house:date", "--evolve", 12, "--test", 0]
    assert shell.t2s("run", *words, "--base-url", fast, "--model", "scripted").code == 0
    table = shell.t2s("ablate", "last", "--json").json
    assert (table["groups"][0]["name"], table["groups"][0]["kind"]) == ("X-E1", "examples")
    assert {row["kind"] for row in table["groups"][1:]} == {"rule"}


def test_what_the_run_has_tried_is_taken_over_and_the_rest_is_tried_now(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE])  # accepted before its last task
    before = {path.stem for path in run.round(1).validation("validation", "s0").glob("t*.jsonl")}
    assert 0 < len(before) < TASKS
    shell.t2s("ablate", "last", "--json")
    own = {row["agent"] for row in _calls(run) if "candidate" in row["agent"]}
    every = {f"t{n:03d}" for n in range(1, TASKS + 1)}
    assert own == {f"solver-validation-candidate-{name}" for name in every - before}


def test_the_skill_without_its_only_rule_is_the_first_one_whose_tries_are_taken_over_too(
    shell: Shell, fast: str
) -> None:
    run = _run(shell, fast, [HELPS])
    before = {path.stem for path in run.round(1).validation("validation", "base").glob("t*.jsonl")}
    table = shell.t2s("ablate", "last", "--json").json
    assert (len(table["groups"]), table["groups"][0]["mean"]) == (1, 0)
    asked = [row["agent"].rpartition("-")[2] for row in _calls(run) if "without" in row["agent"]]
    assert sorted(asked) == sorted({f"t{n:03d}" for n in range(1, TASKS + 1)} - before)


def test_baselines_and_ablation_pay_for_the_same_try_once(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE])
    assert shell.t2s("baselines", "last", "--only", "s0").code == 0
    shell.t2s("ablate", "last", "--json")
    assert not [row for row in _calls(run) if "candidate" in row["agent"]]


def test_a_second_look_pays_nothing_tells_the_same_and_is_no_further_look(copied: Shell) -> None:
    first = copied.t2s("ablate", "last", "--json").json
    calls, looks = _calls(copied.run()), noted(copied.run())
    assert copied.t2s("ablate", "last", "--json").json == first
    assert _calls(copied.run()) == calls
    assert noted(copied.run()) == looks
    assert [look.look for look in looks] == [1, first["look"]] == [1, 2]


def test_the_table_is_for_people_too(copied: Shell) -> None:
    done = copied.t2s("ablate", "last")
    assert done.code == 0
    head, _, columns, *_ = done.out.splitlines()
    assert head.endswith("candidate s0 of round 1: 0 % (0 % … 24 %) on 12 validation tasks")
    assert columns.split()[:4] == ["left", "out", "verdict", "effect"]
    assert "cannot be told: 12 tasks do not decide it" in done.out
    assert "p of a later verdict on them is multiplied by 4" in done.out
    assert "3 groups of lessons: 36 tries, about " in done.err
    assert "\x1b" not in done.out + done.err


def test_where_there_are_more_groups_than_wanted_rules_are_joined_and_named(copied: Shell) -> None:
    table = copied.t2s("ablate", "last", "--most", 2, "--json").json
    assert len(table["groups"]) == 2
    assert len([edit for row in table["groups"] for edit in row["edits"]]) == 3
    joined = next(row for row in table["groups"] if len(row["edits"]) == 2)
    assert f"{joined['name']} is {', '.join(joined['edits'])} together" in table["notes"]


def test_the_test_tasks_can_be_looked_at_and_that_is_an_opening(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE], "--test", 8)  # accepted, so they were opened once
    done = shell.t2s("ablate", "last", "--tasks", "test", "--json")
    assert _rows(done)[HELPS]["found"] == "helps"
    assert done.json["tasks"] == 8
    assert [(look.split, look.look) for look in noted(run)] == [("validation", 1), ("test", 1), ("test", 2)]
    assert "the test tasks were looked at 2 times in this run" in done.json["notes"][-1]
    assert not [row for row in _calls(run) if "candidate" in row["agent"]], "the verdict has tried all of them"


def test_of_several_rounds_and_candidates_the_one_that_counts_is_looked_into(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE], "--rounds", 2, "--evolve", 8, "--seeds", 2)
    done = shell.t2s("ablate", "last", "--json")
    assert _rows(done)[HELPS]["found"] == "helps"
    assert (done.json["round"], done.json["side"]) == (1, read_toml(run.round(1).verdict)["side"])


# --- within a budget ----------------------------------------------------------------------------------------------


def test_the_cap_stops_before_the_group_that_would_exceed_it_and_names_what_was_not_measured(copied: Shell) -> None:
    whole = copied.t2s("ablate", "last", "--json").json
    shutil.rmtree(copied.run().path / "ablation")
    cap = round(1.6 * whole["groups"][0]["tokens"])
    table = copied.t2s("ablate", "last", "--cap", cap, "--json").json
    assert [row["state"] for row in table["groups"]] == ["measured", "not measured", "not measured"]
    assert table["spent"] <= cap
    left = ", ".join(row["name"] for row in table["groups"][1:])
    assert f"not measured, as the cap of {cap:,} tokens does not hold them: {left}" in table["notes"]
    assert len(noted(copied.run())) == 2, "what was planned is the look, not how far the tokens went"
    more = copied.t2s("ablate", "last", "--cap", 0, "--json").json
    assert {row["state"] for row in more["groups"]} == {"measured"}
    assert more["spent"] == whole["spent"]
    assert len(noted(copied.run())) == 2


def test_a_cap_below_the_candidates_own_missing_tries_is_refused_before_any_call(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE])
    done = shell.t2s("ablate", "last", "--cap", 10)
    assert (done.code, done.out) == (2, "")
    assert "more than the cap of 10; give more with --cap" in done.err
    assert _calls(run) == []
    assert len(noted(run)) == 1


def test_a_killed_ablation_goes_on_and_pays_nothing_twice(shell: Shell) -> None:
    with scripted("--latency", "0.3") as url:
        run = _run(shell, url, [HURTS, IDLE, HELPS])
        served = _served(url)
        for least in (4, 14, 24):
            child = shell.spawn("ablate", "last", "--json")
            wait_until(lambda least=least: len(_calls(run)) >= least, 40, "some calls")
            _kill(child)
        table = shell.t2s("ablate", "last", "--json").json
        asked = _served(url) - served
    calls = _calls(run)
    assert len({row["key"] for row in calls}) == len(calls) == 36
    assert asked - len(calls) <= 3 * 8, "only what was in flight is asked again"
    assert {row["state"] for row in table["groups"]} == {"measured"}
    assert len(noted(run)) == 2


def test_a_cap_ends_a_killed_ablation_where_it_ends_one_that_was_not(copied: Shell, tmp_path: Path) -> None:
    run = copied.run()
    whole = copied.t2s("ablate", "last", "--json").json
    words = ("ablate", "last", "--cap", round(2.3 * whole["groups"][0]["tokens"]), "--json")
    shutil.rmtree(run.path / "ablation")
    expected = copied.t2s(*words).json
    assert [row["state"] for row in expected["groups"]] == ["measured", "measured", "not measured"]
    shutil.rmtree(run.path / "ablation")
    with scripted("--latency", "0.3") as url:
        for least in (5, 15):
            child = copied.spawn(*words, "--base-url", url)
            wait_until(lambda least=least: len(_calls(run)) >= least, 40, "some calls")
            _kill(child)
    assert copied.t2s(*words).json == expected


def test_tries_that_come_to_nothing_are_told_and_tried_again_next_time(copied: Shell, tmp_path: Path) -> None:
    replies = tmp_path / "replies.jsonl"
    replies.write_text(json.dumps({"role": "solver", "status": 400, "content": "no"}) + "\n")
    with scripted("--replies", replies) as url:
        done = copied.t2s("ablate", "last", "--base-url", url, "--json")
    assert done.code == 1, done.err
    assert {row["state"] for row in done.json["groups"]} == {"incomplete"}
    assert "tries came to nothing" in done.json["groups"][0]["notes"][-1]
    again = copied.t2s("ablate", "last", "--json")
    assert {row["state"] for row in _rows(again).values()} == {"measured"}


# --- pruning ------------------------------------------------------------------------------------------------------


def test_pruning_drops_what_hurts_and_a_resume_makes_and_judges_the_skill_anew(copied: Shell, fast: str) -> None:
    run = copied.run()
    names = _behind(run, HURTS)
    done = copied.t2s("ablate", "last", "--prune", "--json")
    assert set(done.json["pruned"]["dropped"]) == names
    dropped = [load(run.round(1).seed(0), name).lesson for name in names]
    assert {(lesson.status, lesson.author) for lesson in dropped} == {("dropped", "ablation")}
    listed = copied.t2s("lessons", "last", "list", "--status", "dropped").out
    assert listed.count("ablation") == len(names)
    resumed = copied.t2s("resume", "last", "--base-url", fast, "--json")
    assert resumed.code == 0, resumed.err
    candidate = load_skill(next((run.round(1).seed(0).candidate).iterdir()))
    assert HURTS not in candidate.body and HELPS in candidate.body
    verdict = read_toml(run.round(1).verdict)
    assert (verdict["decision"], verdict["looks"]) == ("accept", 3), "the ablation was a look as well"
    assert resumed.json["lessons"]["unaccounted"] == 0
    assert "measured with an earlier candidate" in copied.t2s("report", "last", "--markdown").out


def test_pruning_says_what_follows_and_a_second_time_drops_nothing_more(copied: Shell) -> None:
    run = copied.run()
    told = copied.t2s("ablate", "last", "--prune").out
    assert "dropped, by ablation: " in told
    assert f"`t2s resume {run.id}` makes the skill without them and validates it: look 3" in told
    assert "multiplied by 4" in told
    again = copied.t2s("ablate", "last", "--prune").out
    assert "dropped before: " in again and "dropped, by ablation" not in again


def test_where_nothing_hurts_nothing_is_dropped(shell: Shell, fast: str) -> None:
    run = _run(shell, fast, [HELPS, IDLE])
    told = shell.t2s("ablate", "last", "--prune").out
    assert told.endswith("nothing is known to hurt, so nothing is dropped\n")
    assert not run.round(1).seed(0).edits.exists()


def test_what_a_person_pinned_is_left_to_them(copied: Shell, fast: str) -> None:
    run = copied.run()
    name = min(_behind(run, HURTS))
    set_status(run.round(1).seed(0), name, "pinned")
    assert copied.t2s("resume", "last", "--base-url", fast, "--json").code == 4
    done = copied.t2s("ablate", "last", "--prune", "--json")
    assert [one["name"] for one in done.json["pruned"]["kept"]] == [name]
    assert load(run.round(1).seed(0), name).lesson.status == "pinned"


# --- reports ------------------------------------------------------------------------------------------------------


def test_both_reports_show_what_leaving_out_lessons_does(copied: Shell) -> None:
    copied.t2s("ablate", "last")
    told = copied.t2s("report", "last", "--markdown").out
    assert "## Which lessons help" in told and "| hurts | -100.0 |" in told
    assert copied.t2s("report", "last").code == 0
    page = (copied.run().path / "report.html").read_text()
    assert "Which lessons help" in page and "measured with an earlier candidate" not in page


# --- what cannot be done ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--most", "1"], "'1' is no number from 2 to 200"),
        (["--cap", "much"], "'much' is no number"),
        (["--tasks", "test"], "has 0 test tasks and 6 or more are needed"),
        (["--base-url", "http://127.0.0.1:9/v1"], "127.0.0.1:9"),
    ],
)
def test_what_cannot_be_done_is_told_before_any_call(copied: Shell, words: list[str], said: str) -> None:
    done = copied.t2s("ablate", "last", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert _calls(copied.run()) == []
    assert len(noted(copied.run())) == 1


def test_an_unknown_run_and_one_without_tasks_are_told(shell: Shell, fast: str) -> None:
    assert shell.t2s("ablate", "nothing").code == 2
    words = ["--skill", shell.skill(), "--traces", shell.traces(), "--base-url", fast, "--model", "scripted"]
    assert shell.t2s("run", *words).code == 0
    done = shell.t2s("ablate", "last")
    assert (done.code, done.out) == (2, "")
    assert "has no tasks to measure on" in done.err


def test_a_run_without_a_candidate_is_told(shell: Shell, fast: str) -> None:
    words = ["--skill", starter_skill("date"), "--domain", "house:date", "--base-url", fast, "--model", "scripted"]
    shell.t2s("run", *words, "--hold-after", "analyse", "--plain")
    done = shell.t2s("ablate", "last")
    assert done.code == 2
    assert "has no candidate whose lessons could be left out" in done.err


def test_a_candidate_that_is_the_first_skill_has_nothing_to_leave_out(copied: Shell, fast: str) -> None:
    seed = copied.run().round(1).seed(0)
    for name in load_pool(seed).lessons:
        set_status(seed, name, "dropped")
    assert copied.t2s("resume", "last", "--base-url", fast, "--json").code == 4
    done = copied.t2s("ablate", "last")
    assert done.code == 2
    assert "is the skill it began with: there is nothing to leave out" in done.err


def test_a_candidate_that_somebody_changed_is_not_taken_for_the_runs_own(copied: Shell) -> None:
    skill = next(copied.run().round(1).seed(0).candidate.iterdir())
    (skill / "SKILL.md").write_text((skill / "SKILL.md").read_text() + "\nOne line more.\n")
    done = copied.t2s("ablate", "last")
    assert done.code == 2
    assert "is not what its patch makes of the first skill" in done.err
    assert _calls(copied.run()) == []


def test_links_in_the_folder_lead_nowhere(copied: Shell, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (copied.run().path / "ablation").symlink_to(outside)
    done = copied.t2s("ablate", "last")
    assert done.code == 2
    assert "is a link" in done.err
    assert list(outside.iterdir()) == []


def _served(url: str) -> int:
    with urlopen(f"{url}/stats", timeout=10) as answer:
        return int(json.load(answer)["requests"])


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The command and what it started, with no time to say anything."""
    tasks = Path(f"/proc/{child.pid}/task").glob("*/children")
    inner = [int(pid) for file in tasks for pid in file.read_text().split()]
    for pid in [*inner, child.pid]:
        os.kill(pid, signal.SIGKILL)
    child.communicate()
