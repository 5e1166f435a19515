from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.markdowns import edits_of, markdown, unhurried
from workspace.edits.apply import Applied, Refusal, Refused, Span, apply, conflicts, place
from workspace.edits.clashes import clash
from workspace.edits.patch import (
    AddSection,
    AppendToSection,
    Create,
    Delete,
    DeleteFile,
    Edit,
    InsertAfter,
    InsertBefore,
    Link,
    Replace,
)
from workspace.edits.place import Plan, plan_of
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, split_lines

HEAD = "---\nname: x\ndescription: d\n---\n"
BODY = """\
# Title

Intro.

## Rules

- a
- b
  - b1
- c

## Steps

1. one
2. two

See [d](references/d.md).

## Empty

## Code

```py
x
```
"""


def _skill(text: str = HEAD + BODY, **files: str) -> Skill:
    return Skill(name="x", files={"SKILL.md": text, "references/d.md": "# D\n\ntext\n"} | files)


def _id(line: str, text: str = HEAD + BODY) -> str:
    """The id of the innermost block that starts with `line`."""
    plan = outline(text)
    return [b.id for b in plan.blocks if b.end > b.start and plan.lines[b.start].strip() == line][-1]


def _list(item: str, text: str = HEAD + BODY) -> str:
    return outline(text).block(_id(item, text)).parent or ""  # pyright: ignore[reportOptionalMemberAccess]


def _applied(*edits: Edit, skill: Skill | None = None) -> Applied:
    result = apply(skill or _skill(), edits)
    assert isinstance(result, Applied), result
    return result


def _body(*edits: Edit, text: str | None = None) -> str:
    result = _applied(*edits, skill=_skill(HEAD + BODY if text is None else text))
    return result.skill.body.removeprefix(HEAD)


def _reason(*edits: Edit, skill: Skill | None = None) -> str:
    result = apply(skill or _skill(), edits)
    assert isinstance(result, Refused), result
    return " / ".join(f"{r.edit}: {r.reason}" for r in result.reasons)


def _section(body: str, title: str) -> str:
    return body.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0].strip("\n")


# --- one test an operation -----------------------------------------------------------------------------------------


def test_insert_after_puts_a_paragraph_between_blank_lines() -> None:
    edit = InsertAfter(id="e", block=_id("Intro."), text="New.\n")
    assert _body(edit) == BODY.replace("Intro.\n", "Intro.\n\nNew.\n")


def test_insert_before_puts_text_above_a_heading_into_the_section_before() -> None:
    edit = InsertBefore(id="e", block=_id("## Steps"), text="End of rules.")
    assert _section(_body(edit), "Rules") == "- a\n- b\n  - b1\n- c\n\nEnd of rules."


def test_a_list_item_appended_to_a_section_joins_its_list_in_the_lists_own_style() -> None:
    edit = AppendToSection(id="e", section=_id("## Rules"), text="* d\n* e\n  more")
    assert _section(_body(edit), "Rules") == "- a\n- b\n  - b1\n- c\n- d\n- e\n  more"


def test_a_new_numbered_item_goes_on_counting() -> None:
    edit = InsertAfter(id="e", block=_list("1. one"), text="1. three\n2. four")
    assert "1. one\n2. two\n3. three\n4. four\n" in _body(edit)


def test_text_beside_a_list_item_becomes_an_item() -> None:
    below = InsertAfter(id="e1", block=_id("- b1"), text="b2 with\ntwo lines")
    above = InsertBefore(id="e2", block=_id("- b"), text="between")
    rules = _section(_body(below, above), "Rules")
    assert rules == "- a\n- between\n- b\n  - b1\n  - b2 with\n    two lines\n- c"


def test_items_of_a_loose_list_keep_a_blank_line_between_them() -> None:
    text = "# T\n\n- a\n\n- b\n\nend\n"
    edit = InsertAfter(id="e", block=_id("- a", text), text="- new")
    assert _body(edit, text=text) == "# T\n\n- a\n\n- new\n\n- b\n\nend\n"


def test_append_to_section_stays_above_the_first_sub_heading_and_outside_the_fence() -> None:
    text = "# T\n\n```\ncode\n```\n\n## Sub\n\nx\n"
    edit = AppendToSection(id="e", section="b1", text="After the code.")
    assert _body(edit, text=text) == "# T\n\n```\ncode\n```\n\nAfter the code.\n\n## Sub\n\nx\n"


def test_append_to_an_empty_section_stands_below_its_heading() -> None:
    edit = AppendToSection(id="e", section=_id("## Empty"), text="No longer.")
    assert _section(_body(edit), "Empty") == "No longer."


def test_replace_takes_the_place_of_a_block_and_nothing_else() -> None:
    assert _body(Replace(id="e", block=_id("Intro."), text="Other.")) == BODY.replace("Intro.", "Other.")
    assert _body(Replace(id="e", block=_id("## Rules"), text="## All rules")) == BODY.replace(
        "## Rules", "## All rules"
    )


def test_replace_reaches_from_the_first_to_the_last_block() -> None:
    edit = Replace(id="e", block=_id("## Rules"), last=_list("1. one"), text="Gone.")
    assert _body(edit) == BODY[: BODY.index("## Rules")] + "Gone.\n\nSee" + BODY.split("See", 1)[1]


def test_a_replaced_item_stays_an_item_of_its_list() -> None:
    edit = Replace(id="e", block=_id("2. two"), text="- TWO\n- THREE")
    assert "1. one\n2. TWO\n3. THREE\n\nSee" in _body(edit)


def test_a_range_inside_a_list_is_replaced_by_items_of_it() -> None:
    text = "- a\n  1. x\n  2. y\n- b\n  - z\n"
    nested = Replace(id="e", block=_list("1. x", text), last=_id("2. y", text), text="new")
    assert _body(nested, text=text) == "- a\n  1. new\n- b\n  - z\n"
    both = Replace(id="e", block=_id("2. y", text), last=_id("- b", text), text="new")
    assert _body(both, text=text) == "- a\n  1. x\n- new\n"


def test_a_range_never_takes_the_first_line_of_an_item_and_leaves_the_others() -> None:
    text = "Intro.\n\n- a\n- b\n  - x\n  - y\n- c\n"
    edit = Replace(id="e", block=_id("Intro.", text), last=_id("- x", text), text="new")
    told = _reason(edit, skill=_skill(text))
    assert f"only a part of {_id('- b', text)} of SKILL.md would go, its first line among it" in told
    whole = Replace(id="e", block=_id("Intro.", text), last=_id("- b", text), text="new")
    assert _body(whole, text=text) == "new\n\n- c\n"


def test_a_nested_list_stays_a_list_when_its_first_item_goes() -> None:
    text = "- a\n  1. x\n  2. y\n- b\n"
    assert _body(Delete(id="e", block=_id("1. x", text)), text=text) == "- a\n\n  2. y\n- b\n"
    assert outline("- a\n\n  2. y\n- b\n").lists_at(2) == {"b1", "b3"}
    text = text.replace("1. x", "- x").replace("2. y", "-").replace("\n", "\r\n")
    assert "- a\r\n\r\n  -\r\n- b" in _body(Delete(id="e", block=_id("- x", text)), text=text)


def test_delete_takes_a_block_and_leaves_one_blank_line() -> None:
    assert _body(Delete(id="e", block=_id("Intro."))) == BODY.replace("Intro.\n\n", "")
    assert _body(Delete(id="e", block=_id("- a"))) == BODY.replace("- a\n", "")


def test_delete_of_a_section_takes_all_up_to_the_next_heading_of_its_level() -> None:
    edit = Delete(id="e", block=_id("## Steps"), section=True)
    assert _body(edit) == BODY[: BODY.index("## Steps")] + BODY[BODY.index("## Empty") :]


def test_deleting_what_parted_two_paragraphs_does_not_join_them() -> None:
    text = "one\n```\nx\n```\ntwo\n"
    assert _body(Delete(id="e", block="b2"), text=text) == "one\n\ntwo\n"


def test_add_section_goes_behind_its_sibling_with_its_level() -> None:
    body = _body(AddSection(id="e", title="Gotchas", text="## Gotchas\n\n- g", after=_id("## Rules")))
    assert "- c\n\n## Gotchas\n\n- g\n\n## Steps\n" in body


def test_add_section_without_a_place_ends_the_file_below_its_only_title() -> None:
    assert _body(AddSection(id="e", title="# More", text="x")).endswith("```\n\n## More\n\nx\n")
    assert _body(AddSection(id="e", title="More", text="x", after=_id("# Title"))).endswith("```\n\n## More\n\nx\n")


def test_new_sections_of_one_title_become_one_section() -> None:
    one = AddSection(id="e1", title="Gotchas", text="- weak", support=("t1",))
    two = AddSection(id="e2", title="gotchas", text="- strong", support=("t1", "t2"))
    assert _body(one, two).endswith("\n## gotchas\n\n- strong\n- weak\n")


def test_a_section_that_is_already_there_is_appended_to() -> None:
    edit = AddSection(id="e", title="rules", text="- d")
    assert _section(_body(edit), "Rules").endswith("- c\n- d")


def test_create_adds_the_file_and_its_link_in_one() -> None:
    link = Link(op="insert_after", block=_id("See [d](references/d.md)."), text="See [n](references/n.md).")
    result = _applied(Create(id="e", path="references/n.md", text="# N\r\n\r\ntext", link=link))
    assert result.skill.files["references/n.md"] == "# N\n\ntext\n"
    assert "See [d](references/d.md).\n\nSee [n](references/n.md).\n" in result.skill.body
    assert result.origin("references/n.md") == ("e", "e", "e")


def test_delete_file_takes_every_link_line_and_unlinks_longer_prose() -> None:
    text = (
        "# T\n\n- one\n- See [d](references/d.md).\n\nLong prose\nwith [the words](references/d.md#x) in it.\n\n"
        "| a | b |\n|---|---|\n| x | [d](references/d.md) |\n| y | z |\n\n"
        "Run `references/d.md`\n\n```\nreferences/d.md\n```\n"
    )
    skill = _skill(text, **{"references/e.md": "- back to [d](d.md)\n- stays\n"})
    result = _applied(DeleteFile(id="e", path="references/d.md"), skill=skill).skill
    assert "references/d.md" not in result.files
    assert result.files["references/e.md"] == "- stays\n"
    assert result.body == (
        "# T\n\n- one\n\nLong prose\nwith the words in it.\n\n"
        "| a | b |\n|---|---|\n| y | z |\n\n```\nreferences/d.md\n```\n"
    )


# --- refusals ------------------------------------------------------------------------------------------------------


def test_every_reason_is_told_not_only_the_first() -> None:
    told = _reason(InsertAfter(id="e1", block="b99", text="x"), Replace(id="e2", block="b1", text="x"))
    assert "e1: SKILL.md has no block 'b99'" in told
    assert "e2: b1 is the front matter of SKILL.md" in told


def test_edits_that_have_no_place_are_refused_with_the_reason() -> None:
    link = Link(block="top", text="[x](references/d.md)")
    cases: list[tuple[Edit, str]] = [
        (InsertAfter(id="e", file="references/no.md", block="b1", text="x"), "is not in the skill"),
        (InsertAfter(id="e", file="../x.md", block="b1", text="x"), "leaves the skill"),
        (AppendToSection(id="e", section=_id("- a"), text="x"), "is no section but an item; its section is"),
        (InsertAfter(id="e", block="top", text=" \n "), "brings no text"),
        (InsertAfter(id="e", block=_id("- a"), text="## H"), "a heading cannot go"),
        (Delete(id="e", block="top"), "`top` is a place"),
        (Delete(id="e", block=_id("Intro."), section=True), "is no section but a paragraph"),
        (Replace(id="e", block=_id("- c"), last=_id("- a"), text="x"), "stands above"),
        (AddSection(id="e", title=" # ", text="x"), "has no title"),
        (AddSection(id="e", title="T", text="x", after=_id("- a")), "is no section"),
        (Create(id="e", path="References/D.md", text="x", link=link), "already in the skill"),
        (Create(id="e", path="references", text="x", link=link), "one of them would be a folder"),
        (Create(id="e", path="/etc/x", text="x", link=link), "relative"),
        (Create(id="e", path="references/n.md", text="\n", link=link), "is empty"),
        (DeleteFile(id="e", path="references/no.md"), "is not in the skill"),
        (DeleteFile(id="e", path="SKILL.md"), "is the skill itself"),
    ]
    for edit, words in cases:
        assert words in _reason(edit), edit


def test_nothing_is_put_behind_a_fence_that_is_never_closed() -> None:
    text = "# T\n\n```\ncode\n\n"
    for edit in (
        AppendToSection(id="e", section="b1", text="x"),
        InsertAfter(id="e", block="b2", text="x"),
        AddSection(id="e", title="S", text="x"),
    ):
        assert "opened on line 3 of SKILL.md is never closed" in _reason(edit, skill=_skill(text))


def test_two_edits_with_one_id_are_refused() -> None:
    edit = InsertAfter(id="e", block="top", text="x")
    assert "two edits have this id" in _reason(edit, edit)


# --- conflicts -----------------------------------------------------------------------------------------------------


def _conflict(*edits: Edit) -> list[tuple[str, str]]:
    return [(c.a, c.b) for c in conflicts(_skill(), edits)]


def test_overlapping_ranges_conflict_and_the_set_is_refused() -> None:
    one, two = Replace(id="e1", block=_id("- b"), text="x"), Delete(id="e2", block=_id("- b1"))
    assert _conflict(two, one) == [("e1", "e2")]
    assert "e1: conflicts with e2: both change line 13 of SKILL.md" in _reason(one, two)


def test_inserting_at_the_border_of_a_replaced_block_is_allowed_inside_is_not() -> None:
    taken = Replace(id="e1", block=_id("Intro."), text="Other.")
    borders = (
        InsertBefore(id="e2", block=_id("Intro."), text="B"),
        InsertAfter(id="e3", block=_id("Intro."), text="A"),
    )
    assert _conflict(taken, *borders) == []
    assert "# Title\n\nB\n\nOther.\n\nA\n\n## Rules" in _body(taken, *borders)
    section = Delete(id="e4", block=_id("## Rules"), section=True)
    assert _conflict(section, InsertAfter(id="e5", block=_id("- a"), text="x")) == [("e4", "e5")]


def test_text_for_a_section_that_is_deleted_conflicts_also_at_its_border() -> None:
    gone = Delete(id="e1", block=_id("## Rules"), section=True)
    assert _conflict(gone, AppendToSection(id="e2", section=_id("## Rules"), text="- d")) == [("e1", "e2")]
    assert _conflict(gone, InsertAfter(id="e2", block=_id("- c"), text="- d")) == [("e1", "e2")]
    assert _conflict(gone, InsertBefore(id="e2", block=_id("## Steps"), text="x")) == []


def test_two_new_files_of_one_path_conflict() -> None:
    link = Link(block="top", text="[n](references/n.md)")
    one = Create(id="e1", path="references/n.md", text="x", link=link)
    assert _conflict(one, Create(id="e2", path="references/N.md", text="y", link=link)) == [("e1", "e2")]
    assert _conflict(one, Create(id="e2", path="references/n.md/x", text="y", link=link)) == [("e1", "e2")]


def test_new_files_are_compared_by_path_alone_however_many_they_are() -> None:
    link = Link(block="top", text="[n](references/n.md)")
    names = ["references/n.md", "REFERENCES/n.md", "references/n.md/deep/x.md", "references/other.md"]
    files = [Create(id=f"e{n}", path=name, text="x", link=link) for n, name in enumerate(names)]
    assert _conflict(*files) == [("e0", "e1"), ("e0", "e2")]


def test_deleting_a_file_conflicts_with_every_edit_of_it() -> None:
    gone = DeleteFile(id="e1", path="references/d.md")
    edit = InsertAfter(id="e2", file="references/d.md", block="b2", text="x")
    assert _conflict(gone, edit) == [("e1", "e2")]
    assert _conflict(gone, Replace(id="e2", block=_id("See [d](references/d.md)."), text="x")) == [("e1", "e2")]


def test_the_lines_that_an_edit_touches_are_known_before_it_is_applied() -> None:
    assert place(_skill(), Replace(id="e", block=_id("- b"), text="x")) == Span("SKILL.md", 11, 13)
    assert place(_skill(), InsertBefore(id="e", block=_id("## Rules"), text="x")) == Span("SKILL.md", 7, 7)
    assert place(_skill(), DeleteFile(id="e", path="references/d.md")) == Span("references/d.md", 0, 3)
    assert isinstance(place(_skill(), Delete(id="e", block="b99")), Refusal)


# --- order and provenance ------------------------------------------------------------------------------------------


def test_at_one_place_operation_then_support_then_id_decide() -> None:
    edits: list[Edit] = [
        AddSection(id="a", title="New", text="s", after=_id("## Rules")),
        InsertBefore(id="b", block=_id("## Steps"), text="before"),
        AppendToSection(id="c", section=_id("## Rules"), text="weak"),
        AppendToSection(id="d", section=_id("## Rules"), text="strong", support=("t1",)),
        AppendToSection(id="e", section=_id("## Rules"), text="weak too"),
        InsertAfter(id="f", block=_list("- a"), text="after"),
    ]
    body = _body(*edits)
    words = ["- c", "after", "strong", "weak", "weak too", "before", "## New"]
    assert [line for line in body.splitlines() if line in words] == words


def test_each_line_of_the_result_knows_its_edit() -> None:
    result = _applied(
        AppendToSection(id="e1", section=_id("## Rules"), text="- d\n- e"),
        Replace(id="e2", block=_id("Intro."), text="I."),
    )
    lines = split_lines(result.skill.body)
    written = {(p.edit, "".join(lines[p.start - 1 : p.end])) for p in result.placed}
    assert written == {("e1", "- d\n- e\n"), ("e2", "I.\n")}
    origins = result.origin("SKILL.md")
    assert [line for line, origin in zip(lines, origins, strict=True) if origin] == ["I.\n", "- d\n", "- e\n"]
    assert result.origin("references/d.md") == (None, None, None)


# --- bytes ---------------------------------------------------------------------------------------------------------


def test_crlf_files_get_crlf_lines() -> None:
    text = (HEAD + BODY).replace("\n", "\r\n")
    edit = AppendToSection(id="e", section=_id("## Rules"), text="- d\n- e")
    result = _applied(edit, skill=_skill(text)).skill.body
    assert result == text.replace("- c\r\n", "- c\r\n- d\r\n- e\r\n")


def test_a_missing_final_newline_is_kept_where_nothing_is_appended() -> None:
    text = "# T\n\n## A\n\nlast line"
    assert _body(AppendToSection(id="e", section="b1", text="x"), text=text) == "# T\n\nx\n\n## A\n\nlast line"
    assert _body(AppendToSection(id="e", section="b2", text="x"), text=text) == "# T\n\n## A\n\nlast line\n\nx\n"


def test_unicode_and_odd_white_space_outside_an_edit_stay_byte_for_byte() -> None:
    text = "\ufeff# Tïtle \u2028 x\n\n\tcode\u00a0\n\n- ✓ a  \n- \u200bb\n\n\n\nend\x0c\n \n"
    body = _body(InsertAfter(id="e", block=_id("- ✓ a", text), text="- ñ"), text=text)
    assert body == text.replace("- ✓ a  \n", "- ✓ a  \n- ñ\n")


def test_a_file_that_is_not_markdown_gets_its_text_without_blank_lines() -> None:
    skill = _skill(**{"scripts/x.py": "a = 1\n# b\n"})
    result = _applied(InsertAfter(id="e", file="scripts/x.py", block="b1", text="c = 2"), skill=skill)
    assert result.skill.files["scripts/x.py"] == "a = 1\n# b\nc = 2\n"


# --- properties ----------------------------------------------------------------------------------------------------


def _without_clashes(skill: Skill, edits: list[Edit]) -> list[Edit]:
    placed = [edit for edit in edits if isinstance(place(skill, edit), Span)]
    losers = {c.b for c in conflicts(skill, placed)}
    return [edit for edit in placed if edit.id not in losers]


@unhurried
@given(markdown(), st.data())
def test_the_order_in_which_edits_come_does_not_matter(text: str, data: st.DataObject) -> None:
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n"})
    edits = data.draw(edits_of(outline(text)))
    assert apply(skill, data.draw(st.permutations(edits))) == apply(skill, edits)
    assert set(conflicts(skill, data.draw(st.permutations(edits)))) == set(conflicts(skill, edits))


@unhurried
@given(markdown(), st.data())
def test_the_sweep_finds_the_very_conflicts_that_comparing_all_pairs_finds(text: str, data: st.DataObject) -> None:
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n\nSee [main](../SKILL.md).\n"})
    drawn = [edit for _ in range(3) for edit in data.draw(edits_of(outline(text)))]
    edits = [edit.model_copy(update={"id": f"e{n:02d}"}) for n, edit in enumerate(drawn)]
    plans = {e.id: plan for e in edits if isinstance(plan := plan_of(skill, e), Plan)}
    pairs = ((a, b, clash(plans[a], plans[b])) for a, b in combinations(sorted(plans), 2))
    assert [tuple(c) for c in conflicts(skill, edits)] == [pair for pair in pairs if pair[2]]


@unhurried
@given(markdown(), st.data())
def test_taking_out_what_the_edits_wrote_leaves_s0_byte_for_byte(text: str, data: st.DataObject) -> None:
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n"})
    drawn = _without_clashes(skill, data.draw(edits_of(outline(text))))
    edits = [edit for edit in drawn if not isinstance(edit, Replace | Delete | DeleteFile)]
    result = _applied(*edits, skill=skill)
    lines = split_lines(result.skill.body)
    rest = "".join(s for s, origin in zip(lines, result.origin("SKILL.md"), strict=True) if origin is None)
    assert rest.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r") == text.removeprefix(
        "\ufeff"
    ).removesuffix("\n").removesuffix("\r")


@unhurried
@given(markdown(), st.data())
def test_only_the_lines_of_a_removed_block_go(text: str, data: st.DataObject) -> None:
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n"})
    drawn = _without_clashes(skill, data.draw(edits_of(outline(text))))
    edits = [edit for edit in drawn if not isinstance(edit, DeleteFile)]
    result = _applied(*edits, skill=skill)
    spans = [place(skill, edit) for edit in edits if isinstance(edit, Replace | Delete)]
    taken = {n for span in spans if isinstance(span, Span) for n in range(span.start, span.end)}
    old = [line.strip() for n, line in enumerate(split_lines(text.removeprefix("\ufeff"))) if n not in taken]
    lines = zip(split_lines(result.skill.body), result.origin("SKILL.md"), strict=True)
    new = [line.removeprefix("\ufeff").strip() for line, origin in lines if origin is None]
    assert [line for line in new if line] == [line for line in old if line]
