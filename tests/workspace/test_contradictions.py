"""Which rules are shown to a judge, and what follows from its word."""

from __future__ import annotations

import time
from random import Random

import pytest

from workspace.edits.patch import AddSection, AppendToSection, Delete, Edit, InsertAfter, Replace
from workspace.guard.contradictions import candidates, settle_by_support
from workspace.guard.statements import Statement, removed_lines, statements_in, statements_of
from workspace.skills.skill import Skill

BODY = """---
name: sheets
description: "Sheets."
---

# Sheets

## Rules

- Write the file back with openpyxl.
- Keep the header row.
  - Sort rows in ascending order.

Round amounts to two decimals
when you show them.

```
never keep the header row
```

## Examples

- Task: never round. Answer: round.
"""


def skill(body: str = BODY) -> Skill:
    return Skill(name="sheets", files={"SKILL.md": body})


def rules(*texts: str, section: str = "") -> list[Statement]:
    return [Statement(f"r{n}", text, section) for n, text in enumerate(texts)]


def turns(*texts: str) -> list[tuple[str, str, str]]:
    return [(p.a.id, p.b.id, p.turn) for p in candidates(rules(*texts))]


def an_edit(name: str, text: str, support: int = 1, **more: object) -> Edit:
    tasks = tuple(f"task-{n}" for n in range(support))
    return AppendToSection.model_validate({"id": name, "section": "b3", "text": text, "support": tasks, **more})


@pytest.mark.parametrize(
    ("one", "other", "turn"),
    [
        ("Write the file back with openpyxl.", "Never write the file back with openpyxl.", "never"),
        ("Recalculate formulas when saving.", "Don't recalculate formulas when saving.", "never"),
        ("Sort rows in ascending order.", "Sort the rows in descending order.", "opposite"),
        ("Keep the header row of a sheet.", "Delete the header row of the sheet.", "opposite"),
        ("Use openpyxl instead of pandas for writing.", "Use pandas instead of openpyxl for writing.", "order"),
        ("Recalculate formulas before saving.", "Save before recalculating formulas.", "order"),
        ("Round amounts to two decimals.", "Round amounts to three decimals.", "number"),
        ("Write dates as DD-MON-YYYY.", "Write dates as YYYY-MM-DD.", "form"),
        ("Write dates as DD-MON-YYYY, where DD is the day and MON the month.", "Write dates as YYYY-MM-DD.", "form"),
        ("Dates are written as DD/MM/YYYY.", "Write the dates as YYYY-MM-DD.", "form"),
    ],
)
def test_two_rules_that_differ_in_a_turn_are_a_candidate_pair(one: str, other: str, turn: str) -> None:
    assert turns(one, other) == [("r0", "r1", turn)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Keep the header row.", "Keep the header row."),
        ("Do not guess a currency.", "Trim the names of columns."),
        ("Use commas between thousands, e.g. USD 4,500.00.", "Use commas between thousands, e.g. USD 1,200.00."),
        ("Read the result back after writing.", "After writing, read back the result."),
        ("Name the sheet `Total`.", "Name the sheet `Sum`."),
        ("Send tickets about parcels to COBALT.", "Send tickets about invoices to AMBER."),
    ],
)
def test_rules_about_other_things_or_that_say_the_same_are_no_pair(one: str, other: str) -> None:
    assert turns(one, other) == []


def test_statements_of_different_sections_are_compared_only_when_asked_to() -> None:
    pair = [*rules("Keep the header row.", section="a"), Statement("x", "Never keep the header row.", "b")]
    assert candidates(pair) == ()
    assert len(candidates(pair, across=True)) == 1


def test_the_order_of_the_rules_does_not_matter() -> None:
    told = rules(
        *(f"{verb} the {noun} row of the table." for verb in ("Keep", "Never keep", "Delete") for noun in "abc")
    )
    shuffled = list(told)
    Random(1).shuffle(shuffled)
    assert candidates(told) == candidates(shuffled)


def test_the_statements_of_a_skill_are_its_items_and_paragraphs_but_not_its_code_or_examples() -> None:
    assert [(rule.text, rule.line) for rule in statements_of(skill())] == [
        ("Write the file back with openpyxl.", 10),
        ("Keep the header row.", 11),
        ("Sort rows in ascending order.", 12),
        ("Round amounts to two decimals when you show them.", 14),
    ]


def test_an_edit_is_compared_with_the_statements_of_the_section_it_goes_to() -> None:
    edits = [
        an_edit("e1", "- Never keep the header row."),
        InsertAfter(id="e2", block="b8", text="- Sort rows in descending order."),
        AddSection(id="e3", title="Other", text="- Never round amounts to two decimals."),
    ]
    ours = statements_in(skill(), edits)
    found = {(p.a.text, p.b.id) for p in candidates([*statements_of(skill()), *ours]) if p.b.id.startswith("e")}
    found |= {(p.b.text, p.a.id) for p in candidates([*statements_of(skill()), *ours]) if p.a.id.startswith("e")}
    assert found == {("Keep the header row.", "e1"), ("Sort rows in ascending order.", "e2")}


def test_a_rule_that_an_edit_replaces_or_deletes_contradicts_nothing() -> None:
    gone = removed_lines(skill(), [Replace(id="e1", block="b5", text="- Be exact."), Delete(id="e2", block="b6")])
    assert gone == {("SKILL.md", 10), ("SKILL.md", 11), ("SKILL.md", 12)}


def test_the_better_supported_of_two_stays() -> None:
    edits = [an_edit("e1", "- Keep the header row.", 5), an_edit("e2", "- Never keep the header row.", 2)]
    pairs = candidates(statements_in(skill(), edits))
    assert settle_by_support(pairs, edits) == {"e2": "e1"}


def test_a_pinned_edit_stays_whatever_speaks_against_it() -> None:
    edits = [an_edit("e1", "- Keep the header row.", 5), an_edit("e2", "- Never keep the header row.", 0, pinned=True)]
    assert settle_by_support(candidates(statements_in(skill(), edits)), edits) == {"e1": "e2"}


def test_between_equals_nobody_is_dropped() -> None:
    edits = [an_edit("e1", "- Always keep the header row.", 2), an_edit("e2", "- Never keep the header row.", 2)]
    pairs = candidates(statements_in(skill(), edits))
    assert len(pairs) == 1 and settle_by_support(pairs, edits) == {}


def test_an_edit_that_is_dropped_drops_no_other() -> None:
    edits = [
        an_edit("e1", "- Keep the header row.", 9),
        an_edit("e2", "- Never keep the header row.", 5),
        an_edit("e3", "- Always keep the header row there.", 1),
    ]
    pairs = candidates(statements_in(skill(), edits))
    assert settle_by_support(pairs, edits) == {"e2": "e1"}


def test_three_thousand_rules_are_compared_in_a_moment() -> None:
    chance = Random(0)
    words = [f"{a}{b}ing" for a in "bcdfghklmnprst" for b in ("al", "el", "il", "ol", "ul", "an", "en", "in", "on")]
    told = rules(*(" ".join(chance.sample(words, 8)) for _ in range(3000)))
    began = time.process_time()
    candidates(told)
    assert time.process_time() - began < 20  # hundredfold of what it takes; all pairs would take minutes


def test_twenty_thousand_list_items_are_read_in_a_moment() -> None:
    body = "---\nname: s\ndescription: d\n---\n# T\n\n" + "".join(f"- rule {n}\n" for n in range(20_000))
    began = time.process_time()
    assert len(statements_of(Skill(name="s", files={"SKILL.md": body}))) == 20_000
    assert time.process_time() - began < 10
