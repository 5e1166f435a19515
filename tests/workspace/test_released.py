from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workspace.markdowns import TEXTS, markdown, unhurried
from workspace.edits.apply import Applied, Refused, apply
from workspace.edits.patch import AddSection, Create, Delete, InsertAfter, InsertBefore, Replace
from workspace.edits.place import Span, place
from workspace.errors import InputError
from workspace.guard.guard import settle
from workspace.released.released import Translated, looks_released, parse_released, translate
from workspace.skills.outline import blank, outline
from workspace.skills.skill import Skill, front_matter_end, split_lines

HEAD = "---\nname: sheets\ndescription: Works on sheets.\n---\n"
BODY = """\
# Sheets

Read the whole sheet first. Then plan small steps.

## Important Requirements

- Always write with `openpyxl`, never with pandas.
- Save the file before you leave.
  - Keep the old name.
- Close the file.

1. Open
2. Edit

## Examples

```python
# Load data
wb = load(path)

## Important Requirements
wb.save(path)
```

| case | rule |
|------|------|
| sums | two digits |
| rates | three digits |

## Notes

Ask when in doubt.
"""


def _skill(text: str = HEAD + BODY, **files: str) -> Skill:
    return Skill(name="sheets", files={"SKILL.md": text} | files)


def _edit(op: str, **fields: str) -> dict[str, Any]:
    return {"file": "SKILL.md", "op": op} | fields


def _translated(*edits: dict[str, Any], skill: Skill | None = None) -> Translated:
    released = parse_released(json.dumps({"reasoning": "why", "edits": edits}), "p.json")
    return translate(skill or _skill(), released)


def _result(*edits: dict[str, Any], skill: Skill | None = None) -> Skill:
    skill = skill or _skill()
    done = _translated(*edits, skill=skill)
    assert not done.refused, done.refused
    applied = apply(skill, done.edits)
    assert isinstance(applied, Applied), applied
    return applied.skill


def _body(*edits: dict[str, Any]) -> str:
    return _result(*edits).body.removeprefix(HEAD)


def _refused(*edits: dict[str, Any], skill: Skill | None = None) -> str:
    done = _translated(*edits, skill=skill)
    assert len(done.refused) == 1, done
    return done.refused[0].reason


# --- reading -------------------------------------------------------------------------------------------------------

ONE = '{"edits": [{"op": "deleteFile", "file": "references/x.md"}]}'


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        f"[{ONE}]",
        f"Here it is:\n\n```json\n{ONE}\n```\nDone.",
        f"The patch is {ONE}, that is all.",
        f"\ufeff{ONE}",
    ],
)
def test_a_patch_is_read_from_an_object_a_list_a_fence_and_running_text(text: str) -> None:
    assert looks_released(text)
    (edit,) = parse_released(text, "p.json").edits
    assert (edit.id, edit.op, edit.file) == ("P001", "delete_file", "references/x.md")


def test_edits_of_several_patches_in_one_file_are_numbered_through_and_know_their_lines() -> None:
    second = '{\n"edits": [\n{"op": "create", "file": "a.md",\n"content": "x"},\n{"op": "createFile"}\n]}'
    text = f"[\n{ONE},\n{second}\n]"
    edits = parse_released(text, "p.json").edits
    assert [(e.id, e.op, e.line) for e in edits] == [
        ("P001", "delete_file", 2),
        ("P002", "create", 5),
        ("P003", "create", 7),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"edits": [\n{"op" "create"}\n]}', "p.json:2:7: not JSON"),
        ('words\n```json\n{"edits": [\n}\n```\n', "p.json:4:1: not JSON"),
        ('{"edits": [\n{"op": "replace_all"}]}', "p.json:2: P001: unknown `op` 'replace_all'; known are"),
        ('{"edits": [\n{"op": "create",\n"file": 3}]}', "p.json:2: P001: `file` must be a text"),
        ('{"edits": [\n3]}', "p.json:2: P001: an edit is an object"),
        ('{"edits": {}}', "p.json:1: `edits` is missing or no list"),
        ('{"op": "create"}', "p.json:1: an edit alone; put it in `edits`"),
        ("[1]", "p.json:1: each patch of the list is an object"),
        ('{"edits": [{"op": "create", "content": "\\ud800"}]}', "half a character"),
        ("nothing here", "no patch in it"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_patch_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        parse_released(text, "p.json")
    assert told in str(error.value)


# --- one test an operation -----------------------------------------------------------------------------------------


def test_append_to_section_goes_to_the_end_of_the_sections_own_text() -> None:
    edit = _edit("append_to_section", target_section="## Notes", content="- New.")
    assert _body(edit) == BODY + "\n- New.\n"


def test_insert_after_an_item_makes_the_next_item() -> None:
    edit = _edit("insert_after", target_text="never with pandas.", content="- New.")
    assert _body(edit) == BODY.replace("pandas.\n", "pandas.\n- New.\n")


def test_insert_before_an_item_makes_the_item_before() -> None:
    edit = _edit("insert_before", target_text="Close the file.", content="New.")
    assert _body(edit) == BODY.replace("- Close", "- New.\n- Close")


def test_insert_beside_half_a_paragraph_stands_beside_the_whole() -> None:
    edit = _edit("insert_after", target_text="Read the whole sheet first.", content="New.")
    assert _body(edit) == BODY.replace("small steps.\n", "small steps.\n\nNew.\n")


def test_a_new_section_behind_the_last_item_does_not_become_an_item() -> None:
    edit = _edit("insert_after", target_text="- Close the file.", content="### Saving\n\nSave twice.")
    assert "- Close the file.\n\n### Saving\n\nSave twice.\n\n1. Open" in _body(edit)


def test_rows_beside_a_row_stay_in_the_table() -> None:
    edit = _edit("insert_after", target_text="| sums | two digits |", content="| days | ISO |")
    assert _body(edit) == BODY.replace("two digits |\n", "two digits |\n| days | ISO |\n")


def test_a_replaced_part_of_a_paragraph_leaves_the_rest_byte_for_byte() -> None:
    edit = _edit("replace_in_section", old_text="plan small steps", content="plan")
    assert _body(edit) == BODY.replace("plan small steps", "plan")


@pytest.mark.parametrize(
    ("old", "content", "now"),
    [
        ("never with pandas", "or xlsxwriter", ("never with pandas", "or xlsxwriter")),
        ("- Close the file.", "- Leave it open.", ("- Close the file.", "- Leave it open.")),
        ("- Close the file.", "Leave it open.", ("- Close the file.", "- Leave it open.")),
        ("Close the file.", "- Leave it open.", ("Close the file.", "Leave it open.")),
        ("Keep the old name.", "Keep it.\n- Sort.", ("Keep the old name.", "Keep it.\n    - Sort.")),
        ("  - Keep the old name.", "  - Keep it.\n  - Sort.", ("  - Keep the old name.", "  - Keep it.\n  - Sort.")),
        ("Save the file", "Save it twice", ("Save the file", "Save it twice")),
        ("2. Edit", "2. Change", ("2. Edit", "2. Change")),
        ("Open\n2. Edit", "Begin\n2. End", ("Open\n2. Edit", "Begin\n2. End")),
        ("## Notes", "## Questions", ("## Notes", "## Questions")),
        ("- Save the file before you leave.\n  - Keep the old name.", "- Save.", None),
    ],
)  # fmt: skip
def test_a_replaced_part_of_a_list_keeps_marks_and_indent(old: str, content: str, now: tuple[str, str] | None) -> None:
    before, after = now or ("- Save the file before you leave.\n  - Keep the old name.", "- Save.")
    edit = _edit("replace_in_section", old_text=old, content=content)
    assert _body(edit) == BODY.replace(before, after)


def test_a_text_replaced_by_nothing_goes_with_its_block() -> None:
    edit = _edit("replace_in_section", old_text="- Close the file.", content="")
    assert isinstance(_translated(edit).edits[0], Delete)
    assert _body(edit) == BODY.replace("- Close the file.\n", "")


def test_several_items_replaced_by_nothing_go_together() -> None:
    edit = _edit("replace_in_section", old_text="1. Open\n2. Edit", content="")
    assert {e.sources for e in _translated(edit).edits} == {("P001",)}
    assert "Open" not in _body(edit) and "Edit" not in _body(edit)


def test_replace_inside_a_fence_changes_the_code_and_nothing_else() -> None:
    edit = _edit("replace_in_section", old_text="wb = load(path)", content="wb = load(path, data=True)")
    assert _body(edit) == BODY.replace("load(path)", "load(path, data=True)")


def test_replace_inside_a_fence_never_ends_it_early() -> None:
    edit = _edit("replace_in_section", old_text="wb = load(path)", content="x\n```\ntext\n```py")
    assert "end the code of lines" in _refused(edit)


def test_text_never_goes_between_lines_of_code() -> None:
    for op, quote in (
        ("insert_after", "wb = load(path)"),
        ("insert_before", "wb.save(path)"),
        ("insert_after", "# Load data"),
    ):
        assert "inside the code of lines" in _refused(_edit(op, target_text=quote, content="- No."))


def test_text_beside_the_ends_of_code_stands_outside_it() -> None:
    after = _edit("insert_after", target_text="wb.save(path)", content="After.")
    before = _edit("insert_before", target_text="# Load data", content="Before.")
    body = _body(after, before)
    assert "## Examples\n\nBefore.\n\n```python\n" in body
    assert "wb.save(path)\n```\n\nAfter.\n\n| case" in body


def test_a_heading_like_line_in_a_fence_is_no_section() -> None:
    edit = _edit("append_to_section", target_section="# Load data", content="No.")
    assert "no section '# Load data'" in _refused(edit)
    edit = _edit("append_to_section", target_section="## Important Requirements", content="Yes.")
    assert "2. Edit\n\nYes.\n\n## Examples" in _body(edit)


def test_add_section_takes_its_place_behind_the_section_it_names() -> None:
    edit = _edit("add_section", target_section="Pitfalls", content="Beware.", after_section="important requirements:")
    assert "2. Edit\n\n## Pitfalls\n\nBefore.".replace("Before", "Beware") + "\n\n## Examples" in _body(edit)
    assert _translated(edit).found[0].how == "normalised"


def test_add_section_may_bring_its_title_in_its_text() -> None:
    assert _body(_edit("add_section", content="## Pitfalls\n\nBeware.")).endswith("\n\n## Pitfalls\n\nBeware.\n")


@pytest.mark.parametrize("title", ["", "## New Section", "## TODO"])
def test_add_section_without_a_real_title_is_refused(title: str) -> None:
    reason = _refused(_edit("add_section", target_section=title, content="x"))
    assert "no title" in reason or "placeholder" in reason


def test_add_section_behind_an_unknown_one_is_refused_with_the_nearest() -> None:
    done = _translated(_edit("add_section", target_section="## A", content="x", after_section="## Exampels of notes"))
    assert done.refused[0].candidates


def test_delete_section_takes_all_of_it() -> None:
    edit = _edit("delete_section", target_section="Examples")
    assert _body(edit) == BODY[: BODY.index("## Examples")] + BODY[BODY.index("## Notes") :]


def test_append_to_a_section_that_the_patch_adds_joins_it_in_either_order() -> None:
    append = _edit("append_to_section", target_section="pitfalls", content="- Two.")
    add = _edit("add_section", target_section="## Pitfalls", content="- One.")
    assert _body(add, append).endswith("## Pitfalls\n\n- One.\n- Two.\n")
    assert all(isinstance(e, AddSection) for e in _translated(append, add).edits)


def test_delete_file_takes_its_links_with_it() -> None:
    skill = _skill(HEAD + BODY + "\nSee [x](references/x.md).\n", **{"references/x.md": "# X\n"})
    result = _result({"op": "deleteFile", "file": "references/x.md"}, skill=skill)
    assert result.body == HEAD + BODY and list(result.files) == ["SKILL.md"]


def test_a_section_may_follow_another_that_the_patch_adds() -> None:
    one = _edit("add_section", target_section="## One", content="1", after_section="## Examples")
    two = _edit("add_section", target_section="## Two", content="2", after_section="## One")
    body = _body(one, two)
    assert body.index("## Examples") < body.index("## One\n\n1\n\n## Two\n\n2") < body.index("## Notes")


HARD = """\
Title
=====

* one:

  ```python
  # Comment
  a = 1
  ```

* two

~~~~md
```
# Inner
```
last
~~~~

- [ ] todo

```
never closed
"""


def _hard(*edits: dict[str, Any]) -> str:
    return _result(*edits, skill=_skill(HEAD + HARD)).body.removeprefix(HEAD)


@pytest.mark.parametrize(
    ("old", "content", "before", "after"),
    [
        ("Title", "Other", "Title\n===", "\nOther\n==="),
        ("a = 1", "a = 2\nb = 3", "  a = 1\n", "  a = 2\n  b = 3\n"),
        ("# Inner", "# Innermost", "# Inner", "# Innermost"),
        ("todo", "- [ ] done", "- [ ] todo", "- [ ] done"),
    ],
)
def test_replace_keeps_what_stands_around_in_hard_markdown(old: str, content: str, before: str, after: str) -> None:
    assert _hard(_edit("replace_in_section", old_text=old, content=content)) == HARD.replace(before, after)


def test_a_quote_that_takes_the_head_of_a_table_and_leaves_its_rows_is_refused() -> None:
    skill = _skill(HEAD + "# Data\n\n| case | rule |\n|---|---|\n| a | b |\n\nMore.\n")
    edit = _edit("replace_in_section", old_text="# Data\n\n| case | rule |", content="- New.")
    assert "cannot be changed on its own; quote the whole block" in _refused(edit, skill=skill)


def test_a_fence_that_was_never_closed_can_be_closed() -> None:
    skill = _skill(HEAD + "# T\n\n```py\nx = 1\n\n## Lost\n")
    closed = _edit("replace_in_section", old_text="```py\nx = 1", content="```py\nx = 1\n```")
    assert _result(closed, skill=skill).body == HEAD + "# T\n\n```py\nx = 1\n```\n\n## Lost\n"


def test_text_beside_nested_code_never_goes_inside() -> None:
    skill = _skill(HEAD + HARD)
    for op, quote in (("insert_before", "a = 1"), ("insert_after", "# Comment"), ("insert_after", "# Inner")):
        assert "inside the code of lines" in _refused(_edit(op, target_text=quote, content="No."), skill=skill)
    assert "~~~~\n\nYes.\n\n- [ ] todo" in _hard(_edit("insert_after", target_text="last", content="Yes."))


def test_a_fence_that_is_never_closed_takes_no_text() -> None:
    for edit in (
        _edit("insert_after", target_text="never closed", content="No."),
        _edit("append_to_section", target_section="Title", content="No."),
        _edit("add_section", target_section="## New rules", content="No."),
    ):
        assert "never closed; text here would be code" in _refused(edit, skill=_skill(HEAD + HARD))


def test_a_quote_that_is_there_twice_is_refused_unless_its_section_decides() -> None:
    skill = _skill(HEAD + "## A\n\n- Save.\n\n## B\n\n- Save.\n")
    edit = _edit("replace_in_section", old_text="- Save.", content="- Close.")
    done = _translated(edit, skill=skill)
    assert "2 times: lines 7, 11" in done.refused[0].reason
    body = _result(edit | {"target_section": "B"}, skill=skill).body
    assert body == HEAD + "## A\n\n- Save.\n\n## B\n\n- Close.\n"


def test_a_part_that_is_only_roughly_there_is_never_replaced() -> None:
    assert "to the letter" in _refused(_edit("replace_in_section", old_text="THEN plan", content="x"))


# --- new files -----------------------------------------------------------------------------------------------------

NEW = {"op": "create", "file": "references/dates.md", "content": "# Dates\n\nUse ISO.\n"}


def test_a_new_file_and_the_edit_that_links_it_become_one() -> None:
    link = _edit("append_to_section", target_section="## Notes", content="See [dates](references/dates.md).")
    done = _translated(NEW, link)
    (edit,) = done.edits
    assert isinstance(edit, Create) and edit.sources == ("P001", "P002")
    assert settle(_skill(), done.edits).kept == done.edits


def test_a_mention_of_a_new_file_becomes_its_link_and_is_told() -> None:
    link = _edit("insert_after", target_text="Ask when in doubt.", content="Read `references/dates.md` for dates.")
    done = _translated(link, NEW)
    assert "has become a link" in done.notes[0]
    assert "Read [`references/dates.md`](references/dates.md) for dates." in _result(link, NEW).body


def test_a_new_file_that_no_edit_links_gets_a_line_and_it_is_told() -> None:
    done = _translated(NEW)
    assert "- [Dates](references/dates.md)" in done.notes[0]
    assert _result(NEW).body.endswith("- [Dates](references/dates.md)\n")
    assert not settle(_skill(), done.edits).withheld


def test_edits_of_a_new_file_are_folded_into_it() -> None:
    more = {"op": "append_to_section", "file": "references/dates.md", "target_section": "Dates", "content": "Use UTC."}
    done = _translated(NEW, more)
    assert done.edits[0].sources == ("P001", "P002")
    assert _result(NEW, more).files["references/dates.md"] == "# Dates\n\nUse ISO.\n\nUse UTC.\n"


def test_an_edit_of_a_new_file_that_has_no_place_in_it_is_refused_alone() -> None:
    more = {"op": "delete_section", "file": "references/dates.md", "target_section": "## Zones"}
    done = _translated(NEW, more)
    assert [r.edit for r in done.refused] == ["P002"] and len(done.edits) == 1


def test_creating_what_is_there_and_editing_what_is_not_are_refused() -> None:
    assert "already in the skill" in _refused({"op": "create", "file": "SKILL.md", "content": "x"})
    assert "it has SKILL.md" in _refused({"op": "delete_file", "file": "references/x.md"})
    assert "leaves the skill" in _refused({"op": "create", "file": "../x.md", "content": "x"})
    assert "relative" in _refused({"op": "delete_section", "file": "/etc/passwd", "target_section": "a"})


# --- all together --------------------------------------------------------------------------------------------------


def test_the_front_matter_is_never_an_anchor() -> None:
    assert "front matter" in _refused(_edit("replace_in_section", old_text="Works on sheets.", content="x"))


def test_how_each_place_was_found_is_told() -> None:
    done = _translated(
        _edit("insert_after", target_text="Close the file.", content="- a"),
        _edit("insert_after", target_text="* close the FILE.", content="- b"),
        _edit("insert_after", target_text="- Save the files before you leave.", content="- c"),
    )
    assert [f.how for f in done.found] == ["exact", "normalised", "fuzzy"]


def test_a_skill_with_carriage_returns_keeps_them() -> None:
    skill = _skill((HEAD + BODY).replace("\n", "\r\n"))
    result = _result(
        _edit(
            "replace_in_section",
            old_text="- Save the file before you leave.\n  - Keep the old name.",
            content="- Save.",
        ),
        _edit("append_to_section", target_section="## Notes", content="- New.\n- Two."),
        skill=skill,
    )
    now = BODY.replace("- Save the file before you leave.\n  - Keep the old name.", "- Save.") + "\n- New.\n- Two.\n"
    assert result.body == (HEAD + now).replace("\n", "\r\n")


def test_a_script_takes_lines_where_they_are_quoted() -> None:
    skill = _skill(**{"scripts/a.py": "import os\n\nprint(1)\n"})
    edit = {"op": "insert_after", "file": "scripts/a.py", "target_text": "import os", "content": "import sys"}
    assert _result(edit, skill=skill).files["scripts/a.py"] == "import os\nimport sys\n\nprint(1)\n"


OPS = ["append_to_section", "insert_after", "insert_before", "replace_in_section", "add_section", "delete_section"]
FILES = ["SKILL.md"] * 8 + ["references/x.md", "references/n.md", "../x.md", "/etc/x", ".git/x"]
WORDS = [*TEXTS, "- [n](references/n.md)", "see references/n.md", "x\n```\ny", ""]


@st.composite
def _patched(draw: st.DrawFn) -> tuple[str, list[dict[str, str]]]:
    """A text, and edits that mostly quote it: whole lines, runs of lines, parts of a line, in this or that spelling."""
    text = draw(markdown())
    lines = [line for line in text.splitlines() if line.strip()] or ["x"]
    headings = [h.title for h in outline(text).headings] or ["A"]
    edits: list[dict[str, str]] = []
    for _ in range(draw(st.integers(1, 5))):
        edit = {
            "op": draw(st.sampled_from([*OPS, *OPS, "create", "delete_file"])),
            "file": draw(st.sampled_from(FILES)),
        }
        first = draw(st.integers(0, len(lines) - 1))
        whole = "\n".join(lines[first : first + draw(st.sampled_from([1, 1, 1, 2, 3]))])
        quote = draw(st.sampled_from([whole, whole, whole.strip(), whole.upper(), whole[1:], whole.split()[0]]))
        edit |= {"target_text": quote, "old_text": quote, "content": draw(st.sampled_from(WORDS))}
        edit["target_section"] = draw(st.sampled_from([*headings, "## New", "## Other"]))
        if edit["op"] not in {"append_to_section", "add_section", "delete_section"} and draw(st.booleans()):
            del edit["target_section"]
        if draw(st.booleans()):
            edit["after_section"] = draw(st.sampled_from(headings))
        edits.append(edit)
    return text, edits


@settings(unhurried, max_examples=300)
@given(_patched())
def test_whatever_a_patch_says_no_other_byte_changes_and_no_edit_is_lost(
    case: tuple[str, list[dict[str, str]]],
) -> None:
    text, edits = case
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n\ntext\n"})
    done = translate(skill, parse_released(json.dumps({"edits": edits}), "p.json"))
    names = {f"P{n:03d}" for n in range(1, len(edits) + 1)}
    placed = [name for edit in done.edits for name in edit.sources]
    refused = [r.edit for r in done.refused]
    assert set(placed) | set(refused) == names and not set(placed) & set(refused)
    assert len(refused) == len(set(refused))
    lines = split_lines(text)
    head = max(front_matter_end(lines), 0)
    for edit in done.edits:
        span = place(skill, edit)
        assert isinstance(span, Span) and (span.file != "SKILL.md" or span.start >= head)
        applied = apply(skill, [edit])
        assert not isinstance(applied, Refused)
        assert all(".." not in path and not path.startswith(("/", ".")) for path in applied.skill.files)
        assert "".join(split_lines(applied.skill.body)[:head]).rstrip() == "".join(lines[:head]).rstrip()
        if isinstance(edit, InsertAfter | InsertBefore | Replace) and edit.file == "SKILL.md":
            kept = {s for s in applied.sources["SKILL.md"] if s is not None}
            outside = {n for n, line in enumerate(lines) if not blank(line) and not span.start <= n < span.end}
            assert outside <= kept
            _in_no_fence(text, edit)


def _in_no_fence(text: str, edit: InsertAfter | InsertBefore | Replace) -> None:
    plan = outline(text)
    block = plan.block(edit.block)
    assert block is not None
    if not isinstance(edit, Replace):
        line = block.end if isinstance(edit, InsertAfter) else block.start
        assert not any(f.start < line < f.end for f in plan.fences if f.closed)
