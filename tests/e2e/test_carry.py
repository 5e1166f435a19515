"""Candidates of one seed that differ in what they carry: rules and examples, rules alone, examples alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.baselines.material import open_material
from t2s_tui.people import workplace
from t2s_tui.screens.diff import sides
from tests.shell import Done, Shell, engine_pid, scripted, wait_until
from workspace.evidence.looks import noted
from workspace.files import read_toml
from workspace.lessons.pool import load, save_edit, set_status
from workspace.merging.ledger import load_ledger
from workspace.runs import events as e
from workspace.runs.decision import candidate_of
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, SeedFolder, alive
from workspace.runs.start import starter_skill
from workspace.skills.skill import load_skill

HURTS = "Forget the forms of this house: give every date as it was asked."
FILES = ("patch.toml", "patch.diff", "ledger.jsonl", "violations.toml", "provenance.json", "candidate")


def _replies(folder: Path) -> Path:
    """Analysts that find a rule that hurts; the cases of their lessons are true all the same."""
    lesson = {"title": "Dates", "claim": HURTS, "why": "It was asked so.", "quotes": []}
    path = folder / "replies.jsonl"
    said = json.dumps({"lessons": [lesson]})
    path.write_text(json.dumps({"role": "error analyst", "content": said}) + "\n")
    return path


def _words(url: str, *more: object) -> list[object]:
    domain = ["--skill", starter_skill("date"), "--domain", "house:date", "--evolve", 8, "--test", 0]
    return ["run", *domain, "--base-url", url, "--model", "scripted", *more]


def _settings(shell: Shell, more: str = "") -> None:
    """Without trials, so that the rule that hurts is not found out before validation."""
    (shell.cwd / "t2s.toml").write_text(f"[analysis]\ntrials = 0\n{more}")


def _kinds(*kinds: str) -> tuple[str, ...]:
    return ("--carry", *kinds)


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An endpoint whose analysts draw the wrong rule from true cases."""
    with scripted("--replies", _replies(tmp_path_factory.mktemp("replies"))) as url:
        yield url


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory, misled: str) -> Path:
    """The home of a run that the candidate with examples alone has won; nobody changes it."""
    shell = Shell(tmp_path_factory.mktemp("won"))
    _settings(shell)
    done = shell.t2s(*_words(misled, *_kinds("examples", "rules", "all"), "--json"))
    assert done.code == 0, done.err
    return shell.cwd


@pytest.fixture
def winner(shell: Shell, won: Path) -> RunFolder:
    """A copy of that run, to be changed."""
    shutil.copytree(won / "runs", shell.runs, symlinks=True)
    return shell.run()


def _side(run: RunFolder, name: str) -> SeedFolder:
    return run.round(1).side(name)


def _text(side: SeedFolder) -> str:
    (folder,) = side.candidate.iterdir()
    return (folder / "SKILL.md").read_text()


def _fates(side: SeedFolder, what: str) -> dict[str, Any]:
    return {row.id: row for row in load_ledger(side.ledger.read_text()) if row.what == what}


def _notes(run: RunFolder) -> list[str]:
    return [event.text for event, _ in read_events(run.journal) if isinstance(event, e.NoteLeft)]


def _agents(run: RunFolder) -> list[str]:
    """Who called a model, once for each call, but for the held-out tasks."""
    rows = [json.loads(line) for line in run.calls.read_text().splitlines()]
    return sorted(row["agent"] for row in rows if "-validation-" not in row["agent"])


def _ok(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


# --- what is made ---------------------------------------------------------------------------------------------------


def test_all_are_made_of_the_same_lessons_without_another_call(shell: Shell, misled: str, won: Path) -> None:
    _settings(shell)
    shell.t2s(*_words(misled, "--json"))
    alone, all_ = shell.run(), Shell(won).run()
    assert _agents(alone) == _agents(all_)
    assert _text(_side(alone, "s0")) == _text(_side(all_, "s0"))


def test_each_carries_what_its_name_says_and_the_examples_are_the_same(won: Path) -> None:
    run = Shell(won).run()
    whole, rules, examples = (_text(_side(run, name)) for name in ("s0", "s0-rules", "s0-examples"))
    assert HURTS in whole and HURTS in rules and HURTS not in examples
    assert "## Examples" in whole and "## Examples" in examples and "## Examples" not in rules
    assert whole.partition("## Examples")[2] == examples.partition("## Examples")[2]
    assert not (_side(run, "s0-examples").path / "lessons").exists()


def test_the_candidate_without_the_rule_that_hurts_wins_and_the_choice_is_paid_for(won: Path) -> None:
    table = Shell(won).t2s("show", "last", "--json").json
    verdict = table["verdict"]
    assert (verdict["decision"], verdict["side"], verdict["candidates"]) == ("accept", "s0-examples", 3)
    assert "corrected for 3 candidates" in verdict["sentence"]
    assert "candidate s0-examples carries examples alone" in verdict["sentence"]
    assert verdict["p"] == pytest.approx(3 * 2 / 2**12)
    assert HURTS not in (Path(table["result"]) / "SKILL.md").read_text()


def test_no_lesson_and_no_edit_is_lost_in_any_of_them(won: Path) -> None:
    run = Shell(won).run()
    names = {path.stem for path in _side(run, "s0").lessons.glob("*.toml")}
    edits = set(_fates(_side(run, "s0"), "edit"))
    assert len(names) == 8 and edits
    for name in ("s0", "s0-rules", "s0-examples"):
        assert set(_fates(_side(run, name), "lesson")) == names
        assert set(_fates(_side(run, name), "edit")) == edits
    for row in _fates(_side(run, "s0-examples"), "edit").values():
        assert (row.state, row.reason) == ("withheld", "this candidate carries examples only")
    rows = _fates(_side(run, "s0-examples"), "lesson").values()
    assert {row.state for row in rows} == {"in_skill"} and all("as an example" in row.reason for row in rows)


def test_the_sums_count_every_lesson_once_by_what_became_of_it_in_the_winner(won: Path) -> None:
    table = Shell(won).t2s("show", "last", "--json").json
    assert (table["lessons"]["learned"], table["lessons"]["in_skill"]) == (8, 8)
    edits = table["edits"]
    assert (edits["proposed"], edits["withheld"], edits["unaccounted"]) == (8, 8, 0)
    assert table["units"]["total"] == table["units"]["done"]


def test_a_candidate_that_would_carry_nothing_is_told_and_not_raced(shell: Shell, fast: str) -> None:
    _settings(shell, "[budgets]\nexamples = 0\n")
    table = shell.t2s(*_words(fast, *_kinds("all", "rules", "examples"), "--json")).json
    run = shell.run()
    assert table["verdict"]["candidates"] == 1  # without examples, rules alone are all there is
    assert any("s0-examples carries nothing and is not compared: no lesson has a case" in note for note in _notes(run))
    assert not run.round(1).validation("validation", "s0-examples").exists()
    assert not run.round(1).validation("validation", "s0-rules").exists()


def test_a_run_with_examples_alone_has_one_candidate(shell: Shell, misled: str) -> None:
    _settings(shell)
    table = shell.t2s(*_words(misled, *_kinds("examples"), "--json")).json
    assert (table["verdict"]["side"], table["verdict"]["candidates"]) == ("s0-examples", 1)
    assert (table["lessons"]["in_skill"], table["edits"]["withheld"]) == (8, 8)
    run = shell.run()
    assert not _side(run, "s0").candidate.exists() and candidate_of(run.round(1)) is not None
    assert table["units"]["total"] == table["units"]["done"]


# --- who asks which one it was ----------------------------------------------------------------------------------------


def test_every_command_speaks_of_the_candidate_that_won(shell: Shell, winner: RunFolder) -> None:
    skill = shell.cwd / "out"
    _ok(shell.t2s("export", "last", "--to", skill))
    (exported,) = skill.rglob("SKILL.md")
    assert HURTS not in exported.read_text()
    lines = _ok(shell.t2s("blame", "last", "--json")).json
    answers = [line for line in lines if line["text"].startswith("  Answer:")]
    assert answers and all(line["side"] == "s0-examples" and line["lessons"] for line in answers)
    told = _ok(shell.t2s("blame", "last")).out
    assert "of candidate s0-examples" in told
    listed = _ok(shell.t2s("lessons", "last", "--json")).out
    assert "as an example" in listed
    _ok(shell.t2s("report", "last"))
    page = (winner.path / "report.html").read_text()
    assert "validation, candidate s0-examples" in page and "validation, candidate s0-rules" in page
    assert "3 candidates in each" in page
    assert "this candidate carries examples only" in _ok(shell.t2s("report", "last", "--markdown")).out


def test_the_screens_show_the_candidate_that_won(winner: RunFolder) -> None:
    shown = workplace(winner)
    assert shown is not None and shown.name == "s0-examples"
    after = sides(winner).after
    assert after is not None and after.parent.parent.name == "s0-examples"


def test_baselines_are_compared_with_the_candidate_that_won(winner: RunFolder) -> None:
    material = open_material(winner)
    assert material.result.side == "s0-examples"
    assert HURTS not in (material.result.skill.text("SKILL.md") or "")
    assert len(material.lessons) == 8


def test_ablation_looks_into_the_candidate_that_won(shell: Shell, winner: RunFolder) -> None:
    table = _ok(shell.t2s("ablate", "last", "--json")).json
    assert table["side"] == "s0-examples"
    assert [row["kind"] for row in table["groups"]] == ["examples"]


def test_a_person_may_reject_it_and_take_that_back(shell: Shell, winner: RunFolder) -> None:
    _ok(shell.t2s("verdict", "last", "--reject", "--why", "no rules"))
    assert shell.t2s("show", "last", "--json").json["result"] is None
    _ok(shell.t2s("verdict", "last", "--withdraw"))
    _ok(shell.t2s("verdict", "last", "--accept"))
    decided = read_toml(winner.round(1).path / "decision.toml")
    assert decided["skill"] == load_skill(next(_side(winner, "s0-examples").candidate.iterdir())).digest


def test_the_next_round_begins_with_it(shell: Shell, misled: str) -> None:
    _settings(shell)
    shell.t2s(*_words(misled, *_kinds("all", "examples"), "--rounds", 2, "--json"))
    run = shell.run()
    assert read_toml(run.round(1).verdict)["side"] == "s0-examples"
    accepted = next(run.skill(1).iterdir())
    assert load_skill(accepted).digest == load_skill(next(_side(run, "s0-examples").candidate.iterdir())).digest
    lines = _ok(shell.t2s("blame", accepted, "--json")).json
    assert {line["side"] for line in lines if line["edit"]} == {"s0-examples"}


# --- resume, edits, other settings ------------------------------------------------------------------------------------


def _made(run: RunFolder) -> dict[str, bytes]:
    """Everything that settling and validation wrote."""
    folder = run.round(1).path
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in files}
    kept = {name: path for name, path in names.items() if len(Path(name).parts) > 1 and Path(name).parts[1] in FILES}
    return {name: path.read_bytes() for name, path in kept.items()} | {
        "scores": run.round(1).scores.read_bytes(),
        "verdict": run.round(1).verdict.read_bytes(),
    }


def test_killed_in_validation_it_ends_with_the_same_bytes_and_pays_nothing_twice(
    shell: Shell, tmp_path: Path, won: Path
) -> None:
    _settings(shell)
    with scripted("--replies", _replies(tmp_path), "--latency", "0.3") as url:
        words = _words(url, *_kinds("examples", "rules", "all"), "--limit", 4)
        _ok(shell.t2s(*words, "--detach"))
        run = shell.run()
        tried = run.round(1).validation("validation", "s0-examples")
        wait_until(lambda: len(list(tried.glob("t*.jsonl"))) >= 2 or not alive(run), 60, "some held-out tries")
        os.kill(engine_pid(run), 9)
        wait_until(lambda: not alive(run), 10, "the end of the engine")
    with scripted("--replies", _replies(tmp_path)) as url:
        _ok(shell.t2s("resume", "last", "--base-url", url, "--plain"))
    assert _made(run) == _made(Shell(won).run())
    keys = [json.loads(line)["key"] for line in run.calls.read_text().splitlines()]
    assert len(keys) == len({*keys})
    assert len(noted(run)) == 1


def test_a_lesson_edited_after_the_verdict_makes_all_of_them_anew(shell: Shell, misled: str, winner: RunFolder) -> None:
    before = {name: _side(winner, name).patch.read_text() for name in ("s0", "s0-rules", "s0-examples")}
    seed = winner.round(1).seed(0)
    loaded = load(seed, "t001-L1")
    save_edit(seed, loaded.text.replace(HURTS, "Write dates as the house does."), "t001-L1", loaded.digest)
    second = shell.t2s("resume", "last", "--base-url", misled, "--json").json["verdict"]
    assert all(_side(winner, name).patch.read_text() != text for name, text in before.items())
    assert "Write dates as the house does." in _text(_side(winner, "s0"))
    assert "Write dates as the house does." not in _text(_side(winner, "s0-examples"))  # also what a person wrote
    assert (second["side"], second["looks"]) == ("s0-examples", 2)


def test_a_case_whose_lesson_is_dropped_leaves_the_examples(shell: Shell, misled: str, winner: RunFolder) -> None:
    seed = winner.round(1).seed(0)
    case = load(seed, "t001-L1").lesson.examples[0].right
    assert case in _text(_side(winner, "s0-examples"))
    set_status(seed, "t001-L1", "dropped")
    shell.t2s("resume", "last", "--base-url", misled, "--json")
    assert case not in _text(_side(winner, "s0-examples"))
    assert _fates(_side(winner, "s0-examples"), "lesson")["t001-L1"].state == "dropped"


def test_what_is_carried_is_an_input_and_what_is_no_longer_carried_goes(
    shell: Shell, misled: str, winner: RunFolder
) -> None:
    text = winner.config.read_text()
    carried = 'carry = [\n    "all",\n    "rules",\n    "examples",\n]'
    assert carried in text
    winner.config.write_text(text.replace(carried, 'carry = ["all"]'))
    refused = shell.t2s("resume", "last", "--base-url", misled, "--plain")
    assert refused.code == 2 and "verdict.carry changed since" in refused.err
    table = shell.t2s("resume", "last", "--base-url", misled, "--accept-changes", "--json").json
    assert (table["verdict"]["side"], table["verdict"]["looks"]) == ("s0", 2)
    assert table["verdict"]["decision"] != "accept" and HURTS in (Path(table["result"]) / "SKILL.md").read_text()
    assert [side.name for side in winner.round(1).sides()] == ["s0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["al"], "did you mean all?"), (["fruit"], "there are: all"), (["rules", "rules"], "stands there twice")],
)
def test_words_that_name_no_candidates_are_refused_before_a_run(
    shell: Shell, fast: str, words: list[str], said: str
) -> None:
    done = shell.t2s(*_words(fast, *_kinds(*words), "--plain"))
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1 and said in done.err, done.err
    assert not shell.runs.exists()


def test_a_settings_file_that_asks_for_none_is_refused(shell: Shell, fast: str) -> None:
    (shell.cwd / "t2s.toml").write_text("[verdict]\ncarry = []\n")
    done = shell.t2s(*_words(fast, "--plain"))
    assert done.code == 2 and "t2s.toml:2: verdict.carry is []: a run needs a candidate" in done.err
