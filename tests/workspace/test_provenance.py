"""Every line of a settled skill says what wrote it and which line of the first skill it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.markdowns import edits_of, markdown, unhurried
from workspace.edits.patch import AppendToSection, Create, Edit, Link
from workspace.errors import InputError
from workspace.guard.guard import Settled, settle
from workspace.lessons.lesson import Example, Lesson, Quote
from workspace.origins.provenance import Origin, dump_provenance, load_provenance, provenance
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, split_lines

TEXT = "---\nname: ledger\ndescription: Keeps a ledger.\n---\n\n# Ledger\n\n- Write twice.\n\n## Examples\n\nNone.\n"
RULES = next(b.id for b in outline(TEXT).blocks if b.title == "Ledger")


def _skill(text: str = TEXT) -> Skill:
    return Skill(name="ledger", files={"SKILL.md": text, "references/more.md": "# More\n\nMore.\n"})


def _lesson(name: str, *examples: Example) -> Lesson:
    quote = Quote(trajectory=name[:4], turn=2, quote=f"said in {name}")
    return Lesson(id=name, title="T", claim="C", examples=examples, evidence=(quote,))


def _rule(name: str, text: str, *lessons: str) -> Edit:
    return AppendToSection(id=name, section=RULES, text=text, lessons=lessons)


def _settled(*edits: Edit, skill: Skill | None = None) -> Settled:
    return settle(skill or _skill(), edits)


def _row(rows: list[Origin], text: str) -> Origin:
    return next(row for row in rows if row.text == text)


def test_a_line_of_the_first_skill_keeps_its_number_there() -> None:
    rows = provenance(_settled(_rule("t001-E1", "- Round last.", "t001-L1")), [_lesson("t001-L1")])
    assert _row(rows, "None.").was == TEXT.split("\n").index("None.") + 1
    assert _row(rows, "None.").line == _row(rows, "None.").was + 1
    assert (_row(rows, "- Round last.").was, _row(rows, "- Round last.").author) == (0, "model")


def test_a_file_that_no_edit_touches_is_the_first_skills_line_for_line() -> None:
    rows = provenance(_settled(_rule("t001-E1", "- Round last.")), [])
    assert [(row.line, row.was, row.author) for row in rows if row.file == "references/more.md"] == [
        (1, 1, "s0"),
        (2, 2, "s0"),
        (3, 3, "s0"),
    ]


def test_a_new_file_is_all_the_edits_and_so_is_its_link() -> None:
    link = Link(block=RULES, text="See [dates](references/dates.md).")
    edit = Create(id="t001-E1", path="references/dates.md", text="# Dates\n\nAs here.\n", link=link)
    rows = provenance(_settled(edit), [])
    assert {row.edit for row in rows if row.file == "references/dates.md"} == {"t001-E1"}
    assert _row(rows, link.text).edit == "t001-E1"


def test_each_line_of_a_page_that_the_program_put_together_leads_to_its_own_edit() -> None:
    parts = [_rule(f"t00{n}-E1", f"- Rule {n}.", f"t00{n}-L1") for n in (1, 2)]
    page = "# Less common\n\n- Rule 1.\n- Rule 2.\n"
    link = Link(block=RULES, text="- [more](references/less-common.md)")
    both = ("t001-L1", "t002-L1")
    made = Create(id="X-E2", path="references/less-common.md", text=page, link=link, author="program", lessons=both)
    writers = {made.path: (None, None, "t001-E1", "t002-E1")}
    rows = provenance(_settled(made), [_lesson(name) for name in both], writers, parts)
    found = [(row.edit, row.author, row.lessons) for row in rows if row.file == made.path]
    assert found == [
        ("X-E2", "program", ()),
        ("X-E2", "program", ()),
        ("t001-E1", "model", ("t001-L1",)),
        ("t002-E1", "model", ("t002-L1",)),
    ]
    assert _row(rows, "- [more](references/less-common.md)").lessons == both


def test_a_shown_case_is_traced_to_the_lesson_it_comes_from_and_no_other() -> None:
    cases = [_lesson(f"t00{n}-L1", Example(input=f"What of {n}?", right=f"It is {n}")) for n in (1, 2)]
    text = "- Task: What of 1?\n  Answer: It is 1\n- Task: What of 2?\n  Answer: It is 2"
    rows = provenance(_settled(_rule("X-E1", text, "t001-L1", "t002-L1")), cases)
    assert _row(rows, "- Task: What of 1?").lessons == ("t001-L1",)
    assert _row(rows, "  Answer: It is 2").trajectories == cases[1].evidence


def test_a_case_without_an_answer_claims_no_line() -> None:
    lessons = [_lesson("t001-L1", Example(input="What?", right="")), _lesson("t002-L1")]
    rows = provenance(_settled(_rule("m1-01-E1", "- Round last.", "t001-L1", "t002-L1")), lessons)
    assert _row(rows, "- Round last.").lessons == ("t001-L1", "t002-L1")


def test_the_file_of_a_run_from_before_line_numbers_still_loads() -> None:
    quote = {"id": "t001", "turn": 2, "quote": "said"}
    old = {"file": "SKILL.md", "line": 1, "text": "x", "author": "model", "edit": "t001-E1", "lessons": ["t001-L1"]}
    [row] = load_provenance(json.dumps({"format": 1, "lines": [{**old, "trajectories": [quote]}]}), "p.json")
    assert (row.was, row.trajectories) == (0, (Quote(trajectory="t001", turn=2, quote="said"),))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "p.json: not a provenance that can be read; `t2s resume` makes it again"),
        ("[]", "p.json: not a provenance"),
        ('{"format": 9, "lines": []}', "p.json: `format` is 9; this version reads format 1"),
        ('{"format": 1, "lines": [{"file": "a"}]}', "p.json: `line`: field required"),
        ('{"format": 1, "lines": [7]}', "p.json: not a provenance"),
    ],
)
def test_a_file_that_is_no_provenance_is_named_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        load_provenance(text, Path("p.json"))
    assert told in str(caught.value)


@unhurried
@given(st.data())
def test_every_line_has_one_row_and_what_it_was_is_that_line_of_the_first_skill(data: st.DataObject) -> None:
    text = data.draw(markdown())
    first = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n"})
    settled = settle(first, data.draw(edits_of(outline(text))))
    rows = [row for row in provenance(settled, []) if row.file == "SKILL.md"]
    lines = [line.rstrip("\r\n") for line in split_lines(settled.skill.body)]
    assert [row.text for row in rows] == lines
    assert [row.line for row in rows] == list(range(1, len(lines) + 1))
    before = [line.rstrip("\r\n") for line in split_lines(text)]
    assert all(before[row.was - 1].strip("\ufeff") == row.text.strip("\ufeff") for row in rows if row.was)
    assert load_provenance(dump_provenance(rows), "p.json") == rows
