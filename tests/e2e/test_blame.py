"""`t2s blame` on a real run of two rounds: line → edit → lessons → quoted turns, for people and for scripts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.shell import Shell
from workspace.reports.summary import result_skill
from workspace.runs.start import starter_skill
from workspace.skills.skill import load_skill
from workspace.trajectory import load_trajectory

OWN = "Sort by the oldest day."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, fast: str) -> Shell:
    """Round 1 learns from four tasks; round 2 learns nothing more, but a person adds a lesson to it."""
    shell = Shell(tmp_path_factory.mktemp("home"))
    tasks = ["--domain", "house:date", "--evolve", 4, "--validation", 0, "--test", 0, "--rounds", 2]
    words = ["--skill", starter_skill("date"), *tasks, "--base-url", fast, "--model", "scripted"]
    assert shell.t2s("run", *words).code == 0
    assert shell.t2s("lessons", "last", "add", "--title", "Order", "--claim", OWN).code == 0
    assert shell.t2s("resume", "last", "--plain").code == 0
    return shell


def _rows(shell: Shell, *words: object) -> list[dict[str, Any]]:
    done = shell.t2s("blame", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def _row(rows: list[dict[str, Any]], text: str) -> dict[str, Any]:
    return next(row for row in rows if text in row["text"])


def test_every_line_of_the_result_has_a_row_with_the_keys_that_scripts_read(home: Shell) -> None:
    rows = _rows(home, "last")
    result = result_skill(home.run())
    assert result is not None
    lines = [(file, line) for file, text in load_skill(result).texts() for line in text.splitlines()]
    assert [(row["file"], row["text"]) for row in rows] == lines
    assert {"file", "line", "text", "edit", "lessons", "trajectories", "author"} <= set(rows[0])


def test_a_rule_leads_through_two_rounds_to_turns_that_hold_the_quoted_words(home: Shell) -> None:
    rule = _row(_rows(home, "last"), "DD-MON-YYYY")
    assert (rule["round"], rule["author"], rule["support"], len(rule["lessons"])) == (1, "model", 4, 4)
    for quote in rule["trajectories"]:
        path = home.run().round(rule["round"]).trajectory(quote["id"])
        step = load_trajectory(path.read_text(), path).steps[quote["turn"] - 1]
        assert quote["quote"] in " ".join(step.text.split())


def test_a_lesson_of_ones_own_is_blamed_on_a_person(home: Shell) -> None:
    row = _row(_rows(home, "last"), OWN)
    assert (row["author"], row["lessons"], row["round"], row["by"]) == ("human", ["H001"], 2, "run")
    assert "lesson H001, by a person: Order" in home.t2s("blame", "last").out


def test_people_see_a_few_of_what_is_behind_a_line_and_all_of_it_when_they_ask(home: Shell) -> None:
    number = _row(_rows(home, "last"), "DD-MON-YYYY")["line"]
    few, whole = home.t2s("blame", "last"), home.t2s("blame", "last", "--all")
    assert "and 1 more lesson: --all shows them" in few.out
    assert "--all shows them" not in whole.out
    one = home.t2s("blame", "last", f"SKILL.md:{number}")
    assert "edit m1-01-E1 of round 1, from 4 tasks, by the model" in one.out
    assert one.out.count(" turn 2: ") == 4
    assert len([line for line in one.out.splitlines() if line.lstrip().startswith(f"{number} ")]) == 1


def test_a_narrow_terminal_cuts_no_word_and_overflows_no_line(home: Shell) -> None:
    home.env["COLUMNS"] = "60"
    lines = home.t2s("blame", "last").out.splitlines()
    del home.env["COLUMNS"]
    assert max(map(len, lines)) <= 60
    assert "DD-MON-YYYY" in " ".join(lines)


def test_a_copy_that_a_person_changed_is_traced_to_its_run(home: Shell) -> None:
    result = result_skill(home.run())
    assert result is not None
    mine = Path(shutil.copytree(result, home.cwd / "mine"))
    with (mine / "SKILL.md").open("a") as file:
        file.write("- Mine, \x1b[2J\x9b31m and loud.\n")
    done = home.t2s("blame", "mine")
    assert (done.code, f"traced to run {home.run().id}" in done.err) == (0, True)
    assert "by hand: the run did not make this line" in done.out
    assert "\x1b" not in done.out and "\x9b" not in done.out
    rows = _rows(home, "mine")
    assert [row["text"][:6] for row in rows if row["by"] == "hand"] == ["- Mine"]
    assert {row["run"] for row in rows} == {home.run().id}
    assert home.t2s("blame", "mine", "--runs", "nowhere").code == 2


def test_a_copied_run_folder_is_blamed_where_it_lies(home: Shell, tmp_path: Path) -> None:
    copy = shutil.copytree(home.run().path, tmp_path / home.run().id)
    assert _rows(home, copy) == _rows(home, "last")
    assert _rows(home, copy / "rounds" / "2" / "s0" / "candidate" / "house-date") == _rows(home, "last")
    assert home.t2s("blame", copy / "skills" / "0" / "house-date").err == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["last", "nowhere.md"], "no file 'nowhere.md' in house-date; there are: SKILL.md"),
        (["last", "SKILL.md:999"], "there is no line 999"),
        (["nobody"], "no run 'nobody'"),
        (["home-of-nothing"], "home-of-nothing is neither a run nor a skill"),
        (["home-of-nothing/a.md:3"], "a.md is a file; name its skill first: t2s blame home-of-nothing a.md:3"),
        ([], "the following arguments are required"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_exit_2(home: Shell, words: list[str], told: str) -> None:
    (home.cwd / "home-of-nothing").mkdir(exist_ok=True)
    (home.cwd / "home-of-nothing" / "a.md").touch()
    done = home.t2s("blame", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("t2s: ")
    assert told in done.err


def test_a_run_without_a_result_says_so(home: Shell) -> None:
    (home.cwd / "runs" / "begun").mkdir()
    (home.cwd / "runs" / "begun" / "run.toml").write_text('kind = "run"\n')
    done = home.t2s("blame", "begun")
    shutil.rmtree(home.cwd / "runs" / "begun")
    assert (done.code, "run begun has no result yet" in done.err) == (2, True)
