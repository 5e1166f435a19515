"""Held-out tasks: what of them may not reach a skill, and what everybody may say."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from engine.domains.house import FAMILIES, House
from workspace import seeds
from workspace.edits.patch import InsertAfter
from workspace.guard.guard import Ruleset, guard_edits, lint, settle
from workspace.guard.leak import HeldOut, HeldTask, held_out, leaks, own_case, own_marks
from workspace.skills.skill import Skill, new_skill

PROMPT = "Which harbour did the barge Lorelei leave on the morning after the great storm of that spring?"
TASK = HeldTask("barge-test-0042", PROMPT, "14-MAR-2031 17:05 UTC")


def _found(text: str, *known: str, task: HeldTask = TASK) -> list[tuple[int, str]]:
    return [(one.line, one.message.partition(" of the held-out")[0]) for one in leaks(text, held_out([task], known))]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"- {PROMPT}", "repeats the question"),
        ("## When did the barge\n\nThe  BARGE lorelei, leave on the\nmorning after the great storm", "repeats words"),
        ("As in barge-test-0042, look twice.", "repeats the id"),
        ("The answer is 14-mar-2031, 17:05 UTC.", "repeats the answer"),
    ],
)
def test_what_is_copied_from_a_held_out_task_is_found(text: str, what: str) -> None:
    assert {told for _, told in _found(text)} == {what}


def test_a_leak_is_told_once_a_line_with_the_words_that_were_found() -> None:
    text = f"# T\n\n{PROMPT}\n\nmore\n\n{PROMPT}\n"
    assert [line for line, _ in _found(text)] == [3, 7]
    (first, _) = leaks(text, held_out([TASK], []))
    assert "the held-out task barge-test-0042: Which harbour did the barge Lorelei leave on" in first.message


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (TASK, "The barge left on the morning after the storm; write which harbour it was."),
        (TASK, "Write 14-MAR-2031 as the day."),
        (HeldTask("17", "x", "AMBER"), "17 tickets go to AMBER"),
        (HeldTask("t003", "x", "yes"), "t003: yes"),
        (HeldTask("13-1", "x", "42"), "13-1 42"),
        (HeldTask("a", "Nine times six?", "USD 1,000.00"), "Nine times six? USD 1,000.00"),
        (HeldTask("a", "x", "07-MAR-2021"), "07-MAR-2021"),
        (HeldTask("a", "x", "not in the table"), "Write: not in the table"),
        (HeldTask("a", "", ""), "anything"),
    ],
)
def test_what_anybody_may_write_is_no_leak(task: HeldTask, text: str) -> None:
    assert _found(text, task=task) == []


def test_what_the_open_material_holds_is_no_leak() -> None:
    assert _found(PROMPT, f"seen before: {PROMPT.upper()}, and again: {PROMPT}") == []


def test_the_form_that_four_questions_share_is_no_leak_but_their_own_words_are() -> None:
    form = "Please read the ticket below and name the one queue that it belongs to: the ticket says that {}"
    own = ["a red lamp blinks twice", "some paper is jammed inside", "one door stays shut", "the old bell rings late"]
    held = held_out([HeldTask(f"q{n}", form.format(text)) for n, text in enumerate(own)], [])
    assert not list(leaks(form.format("nobody knows"), held))
    assert list(leaks(form.format(own[0]), held))


def test_a_short_question_counts_as_a_whole() -> None:
    task = HeldTask("a", "Who founded the town Brenz?")
    assert _found("Who founded the town Brenz?", task=task)
    assert not _found("Ask who founded the town.", task=task)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2, 3, 7])
def test_a_skill_of_rules_and_evolve_cases_is_no_leak_in_a_domain_whose_questions_share_their_form(
    family: str, seed: int
) -> None:
    house = House(family)
    evolve = house.tasks("evolve", 40, seed)
    shut = [*house.tasks("validation", 12, seed), *house.tasks("test", 40, seed)]
    held = held_out((HeldTask(t.id, t.prompt, t.expected) for t in shut), (f"{t.prompt}\n{t.expected}" for t in evolve))
    shown = "\n".join(f"- Task: {' '.join(t.prompt.split())}\n  Answer: {t.expected}" for t in evolve[:12])
    rules = "- Write a day as 07-MAR-2021.\n- Write a sum as USD 4,500.00.\n- Reply AMBER, COBALT, IVORY or SLATE.\n"
    assert not list(leaks(f"# House\n\n{house.about}\n\n{rules}\n## Examples\n\n{shown}\n", held))
    assert all(list(leaks(f"Answer {t.prompt} with care", held)) for t in shut)
    invented = house.tasks("evolve", 40, seed + 100)
    assert sum(bool(list(leaks(t.prompt, held))) for t in invented) <= 3, "cases of the same form, not in the open"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_skills_that_ship_with_a_domain_are_no_leak(family: str) -> None:
    house = House(family)
    held = held_out((HeldTask(t.id, t.prompt, t.expected) for s in range(20) for t in house.tasks("test", 40, s)), [])
    for page in Path(seeds.__file__).parent.joinpath("house", family).rglob("SKILL.md"):
        assert not list(leaks(page.read_text(encoding="utf-8"), held))


def test_three_thousand_edits_are_looked_through_in_well_under_a_second() -> None:
    chance = Random(1)
    tasks = [HeldTask(f"task-{n:04d}", _prose(chance, 60), f"{n}-2031-445566") for n in range(2000)]
    held = held_out(tasks, [_prose(chance, 2000)])
    assert len(held.prints) > 100_000
    texts = [_prose(chance, 40) for _ in range(3000)]
    start = time.process_time()
    assert [one for text in texts for one in leaks(text, held)] == []
    assert time.process_time() - start < 0.5


def _prose(chance: Random, count: int) -> str:
    return " ".join(f"w{chance.randrange(5000)}" for _ in range(count))


def _skill(body: str = "# T\n\nIntro.\n") -> Skill:
    return new_skill("barges", "Use it for barges.", body)


def test_an_edit_that_repeats_a_held_out_task_is_kept_out() -> None:
    rules = Ruleset(held=held_out([TASK], []))
    bad, good = (
        InsertAfter(id="e1", block="b3", text=PROMPT),
        InsertAfter(id="e2", block="b3", text="Name the harbour."),
    )
    settled = settle(_skill(), [bad, good], rules=rules)
    assert [(w.edit.id, w.rule) for w in settled.withheld] == [("e1", "leak")]
    assert [v.rule for v in guard_edits(_skill(), [bad])] == []


def test_a_skill_that_repeats_a_held_out_task_is_told_with_the_line() -> None:
    rules = Ruleset(held=held_out([TASK], []))
    assert [(v.rule, v.line) for v in lint(_skill(f"# T\n\n{PROMPT}\n"), rules=rules)] == [("leak", 8)]
    assert lint(_skill(f"# T\n\n{PROMPT}\n"), rules=Ruleset(held=HeldOut())) == ()


def test_equal_fingerprints_have_equal_digests() -> None:
    assert held_out([TASK], ["x"]).digest == held_out([TASK], ["y"]).digest != held_out([], []).digest


# --- a lesson that is only its own task ----------------------------------------------------------------------------

OWN = own_marks(HeldTask("bank-evolve-03", "Fill D14 of budget_2023.xlsx from data.csv; start at A1, sum B2:F19."))


def test_marks_of_a_task_are_its_id_its_files_and_its_cells_but_not_what_every_task_has() -> None:
    assert frozenset({"bank-evolve-03", "budget_2023.xlsx", "D14", "B2:F19"}) == OWN
    assert own_marks(HeldTask("7", "Count the words."), ["ledger-7"]) == {"ledger-7"}


@pytest.mark.parametrize(
    "claim",
    [
        "Write the total into D14.", "In budget_2023.xlsx the header is in row 3.", "Task bank-evolve-03 wants a sum.",
        "Sum b2:f19 before writing.",
    ],
)  # fmt: skip
def test_a_claim_that_holds_in_its_own_task_only_is_named(claim: str) -> None:
    reason = own_case(claim, OWN)
    assert reason is not None
    assert reason.endswith(", which only its own task has")


@pytest.mark.parametrize(
    "claim",
    [
        "Write a total below its column, e.g. in D14.", "Name outputs by year (like budget_2023.xlsx), keep the rest.",
        "Start at A1.", "Read data.csv with its encoding.", "Address cells such as D14 or B2:F19.", "Check sums.",
    ],
)  # fmt: skip
def test_an_example_that_shows_a_form_is_fine(claim: str) -> None:
    assert own_case(claim, OWN) is None
