from __future__ import annotations

import re

from hypothesis import given

from tests.workspace.markdowns import markdown, unhurried
from workspace.skills.outline import Block, annotated, annotated_skill, blank, outline, outline_of, without_marks
from workspace.skills.skill import new_skill

TEXT = """\
---
name: x
---
# Title

Intro of
two lines.

## Rules

- a
- b
  - b1

    more of b1
- c

Setext
------
```py
# not a heading
```
| a | b |
|---|---|
| 1 | 2 |

> quoted
> - item

<div>
raw
</div>

***
[ref]: http://x
"""


def _kinds(text: str) -> list[str]:
    return [b.kind for b in outline(text).blocks]


def _at(text: str, first: str) -> Block:
    plan = outline(text)
    found = [b for b in plan.blocks if b.end > b.start and plan.lines[b.start].strip() == first]
    return found[-1]


def test_every_kind_of_block_gets_an_id_in_document_order() -> None:
    plan = outline(TEXT)
    assert _kinds(TEXT) == [
        "front_matter", "top", "heading", "paragraph", "heading", "list", "item", "item", "list", "item", "item",
        "heading", "fence", "table", "quote", "html", "break", "definition",
    ]  # fmt: skip
    assert [b.id for b in plan.blocks if b.id != "top"] == [f"b{n}" for n in range(1, len(plan.blocks))]
    assert [b.start for b in plan.blocks] == sorted(b.start for b in plan.blocks)


def test_a_section_reaches_to_the_next_heading_of_its_level() -> None:
    title, rules, setext = outline(TEXT).headings
    assert (title.title, title.level, title.start, title.end) == ("Title", 1, 3, 4)
    assert title.section_end == len(outline(TEXT).lines)
    assert rules.section_end == setext.start == 17
    assert (setext.title, setext.level, setext.end) == ("Setext", 2, 19)


def test_a_sections_own_content_ends_before_its_first_sub_heading() -> None:
    plan = outline("# T\n\nown\n\n\n## Sub\n\ntext\n")
    assert plan.own_end(plan.headings[0]) == 3
    bare = outline("# T\n## Sub\n")
    assert bare.own_end(bare.headings[0]) == 1


def test_items_nest_in_lists_and_blank_lines_behind_them_are_not_theirs() -> None:
    a, b, b1, c = (_at(TEXT, line) for line in ("- a", "- b", "- b1", "- c"))
    assert (b.start, b.end, b1.start, b1.end, c.end) == (11, 15, 12, 15, 16)
    assert a.parent == b.parent == c.parent != b1.parent
    assert (a.level, b1.level) == (1, 2)


def test_what_stands_in_a_fence_is_no_heading() -> None:
    assert "not a heading" not in [h.title for h in outline(TEXT).headings]


def test_an_unclosed_fence_runs_to_the_end_and_is_marked_open() -> None:
    plan = outline("# T\n\n```\ncode\n\n## swallowed\n\n")
    assert [(f.start, f.closed) for f in plan.fences] == [(2, False)]
    assert plan.blocks[-1].end == len(plan.lines)
    assert [f.closed for f in outline("~~~\n```\n~~~\n").fences] == [True]
    assert [f.closed for f in outline("```\nx\n    ```\n").fences] == [False]
    assert [f.closed for f in outline("- a\n  ```\n  x\n  ```\n").fences] == [True]


def test_top_is_there_in_every_file_also_an_empty_one() -> None:
    assert outline("").blocks == (Block("top", "top", 0, 0),)
    assert outline("---\nname: x\n---\n").top.start == 3
    assert outline("text\n").top.start == 0


def test_crlf_and_a_byte_order_mark_change_no_block() -> None:
    same = outline("\ufeff" + TEXT.replace("\n", "\r\n")).blocks
    assert same == outline(TEXT).blocks


def test_the_section_of_a_block_is_the_heading_above() -> None:
    plan = outline(TEXT)
    assert plan.section_of(_at(TEXT, "- b1").id) == plan.headings[1].id
    assert outline("text\n").section_of("b1") == "top"


def test_a_file_that_is_not_markdown_is_one_block() -> None:
    assert [b.id for b in outline_of("scripts/x.py", "# no heading\n\nx = 1\n").blocks] == ["top", "b1"]


def test_a_model_sees_an_id_before_every_block_and_items_keep_their_line() -> None:
    assert annotated("# T\n\n- a\n  - b\n") == "⟦top⟧\n⟦b1⟧\n# T\n\n⟦b2⟧\n⟦b3⟧- a\n⟦b4⟧\n⟦b5⟧  - b\n"
    assert "⟦b1⟧" not in annotated("---\nname: x\n---\ntext\n")


def test_all_text_files_are_shown_under_their_path() -> None:
    skill = new_skill("x", "d", "# T").with_file("references/a.md", "# A\n")
    shown = annotated_skill(skill)
    assert shown.index("⟦file SKILL.md⟧") < shown.index("⟦file references/a.md⟧\n⟦top⟧\n⟦b1⟧\n# A")
    assert "⟦file SKILL.md⟧" not in annotated_skill(skill, ["references/a.md"])


def test_text_that_looks_like_a_mark_is_not_taken_for_one() -> None:
    text = "⟦b1⟧ is shown\n"
    assert annotated(text) == "⟦top⟧\n⟦b1⟧\n⟦⟦b1⟧ is shown\n"
    assert without_marks(annotated(text)) == text


@unhurried
@given(markdown())
def test_slices_of_the_blocks_are_the_text_itself(text: str) -> None:
    plan = outline(text)
    assert "".join(plan.lines) == text
    outer = [b for b in plan.blocks if b.parent is None and b.kind != "top"]
    covered = {n for b in outer for n in range(b.start, b.end)}
    assert sum(b.end - b.start for b in outer) == len(covered)
    assert all(blank(line) for n, line in enumerate(plan.lines) if n not in covered)


@unhurried
@given(markdown())
def test_children_lie_within_their_parents(text: str) -> None:
    plan = outline(text)
    for b in plan.blocks:
        parent = plan.block(b.parent) if b.parent else None
        assert parent is None or parent.start <= b.start <= b.end <= parent.end


@unhurried
@given(markdown())
def test_taking_the_marks_out_gives_the_text_back(text: str) -> None:
    plain = re.sub(r"\r\n?", "\n", text)
    assert without_marks(annotated(text)).removesuffix("\n") == plain.removesuffix("\n")


@unhurried
@given(markdown())
def test_looking_a_place_up_gives_what_reading_all_blocks_gives(text: str) -> None:
    plan = outline(text)
    for line in range(-1, len(plan.lines) + 1):
        around = {b.id for b in plan.blocks if b.kind == "list" and b.start <= line < b.end}
        assert plan.lists_at(line) == around
    for b in plan.blocks:
        assert plan.block(b.id) == b
        above = [h.id for h in plan.headings if h.start <= b.start]
        assert plan.section_of(b.id) == (above[-1] if above else "top")
    for h in plan.headings:
        next_ = [x.start for x in plan.headings if x.start > h.start and x.level <= h.level]
        assert h.section_end == min([*next_, len(plan.lines)])
        later = [x.start for x in plan.headings if x.start >= h.end]
        assert plan.own_end(h) == plan.back(min([*later, len(plan.lines)]), h.end)
