"""What no edit may touch: the bytes of S0 outside its range, code it does not name, the disk outside the skill."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import event, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.workspace.markdowns import edits_of, markdown, unhurried
from workspace.edits.apply import Applied, apply, conflicts
from workspace.edits.patch import Create, DeleteFile, Edit, InsertAfter, Link, Replace
from workspace.edits.place import Plan, Put, plan_of
from workspace.guard.guard import settle
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, load_skill, save_skill

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
BLANK = " \t\r\n"


class Case(NamedTuple):
    """S0, edits that fit together, and every change they make to SKILL.md."""

    skill: Skill
    edits: list[Edit]
    puts: list[Put]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    text = draw(markdown())
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n"})
    drawn = draw(edits_of(outline(text)))
    fit = [edit for edit in drawn if isinstance(plan_of(skill, edit), Plan)]
    losers = {c.b for c in conflicts(skill, fit)}
    edits = [edit for edit in fit if edit.id not in losers]
    plans = [plan for edit in edits if isinstance(plan := plan_of(skill, edit), Plan)]
    return Case(skill, edits, [put for plan in plans for put in plan.puts if put.file == "SKILL.md"])


def _stretches(lines: Sequence[str], puts: Sequence[Put]) -> Iterator[str]:
    """S0 cut at every change: what stands between two of them, without the blank lines beside the cuts."""
    taken = {n for put in puts for n in range(put.start, put.end)}
    cuts = {put.start for put in puts} | {put.end for put in puts}
    stretch: list[str] = []
    for n in range(len(lines) + 1):
        if n in cuts or n == len(lines) or n in taken:
            yield "".join(_trimmed(stretch))
            stretch = []
        if n < len(lines) and n not in taken:
            stretch.append(lines[n])


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[0].strip(BLANK):
        lines = lines[1:]
    while lines and not lines[-1].strip(BLANK):
        lines = lines[:-1]
    return lines


def _tell(case: Case) -> None:
    text = case.skill.body
    plan = outline(text)
    event(f"{len(case.edits)} edits")
    for edit in case.edits:
        many = isinstance(edit, Replace) and edit.last not in (None, edit.block)
        event(f"applied: {edit.op}{' of several blocks' if many else ''}")
    for kind in {b.kind for b in plan.blocks}:
        event(f"text: {kind}")
    for fence in plan.fences:
        event(f"text: fence {fence.markup[0]}{'' if fence.closed else ', never closed'}")
    marks = {"CR LF": "\r\n" in text, "mark": text.startswith("\ufeff"), "no final newline": text[-1:] not in "\r\n"}
    for name, there in marks.items():
        event(f"text: {name}: {there}")


@settings(unhurried, max_examples=300)
@given(cases())
def test_between_two_changes_every_byte_of_s0_stays_and_stays_in_order(case: Case) -> None:
    _tell(case)
    result = apply(case.skill, case.edits)
    assert isinstance(result, Applied), result
    text, at = result.skill.body, 0
    for stretch in _stretches(LINE.findall(case.skill.body.removeprefix("\ufeff")), case.puts):
        found = text.find(stretch, at)
        assert found >= 0, (stretch, text[at:])
        at = found + len(stretch)


@unhurried
@given(cases())
def test_before_the_first_change_and_behind_the_last_not_even_a_blank_line_moves(case: Case) -> None:
    lines = LINE.findall(case.skill.body.removeprefix("\ufeff"))
    result = apply(case.skill, case.edits)
    assert isinstance(result, Applied), result
    if not case.puts:
        assert result.skill.body == case.skill.body
        return
    text = result.skill.body.removeprefix("\ufeff")
    first, last = min(put.start for put in case.puts), max(put.end for put in case.puts)
    head, tail = lines[:first], lines[last:]
    while head and not head[-1].strip(BLANK):
        head.pop()
    while tail and not tail[0].strip(BLANK):
        tail.pop(0)
    assert text.startswith("".join(head))
    assert text.endswith("".join(tail))


@unhurried
@given(cases())
def test_no_words_of_an_edit_stand_in_code_that_it_did_not_bring(case: Case) -> None:
    rows = [edit.model_copy(update={"text": "words of an edit"}) for edit in case.edits if _brings_text(edit)]
    result = apply(case.skill, [edit for edit in rows if isinstance(plan_of(case.skill, edit), Plan)])
    assert isinstance(result, Applied), result
    tokens = MarkdownIt("commonmark").parse(_without_head(result.skill.body))
    code = [token.content for token in tokens if token.type in {"fence", "code_block"}]
    assert not any("words of an edit" in content for content in code)


def _brings_text(edit: Edit) -> bool:
    return not isinstance(edit, Create | DeleteFile) and "text" in type(edit).model_fields


def _without_head(text: str) -> str:
    bare = text.removeprefix("\ufeff")
    return re.sub(r"\A---\s*?\n.*?^---\s*?$", "", bare, count=1, flags=re.DOTALL | re.MULTILINE)


# --- paths -----------------------------------------------------------------------------------------------------------

PATHS = st.one_of(
    st.sampled_from(
        ["references/n.md", "../x.md", "references/../../x.md", "/etc/x", "~/x", "C:/x", "c:x", "a\\..\\b",
         ".git/config", "x/./y", "x//y", "x/", "", ".", "..", "SKILL.md/x", "references", "a\0b", "a\nb", "\u202ex",
         "//host/x", "references/x.md/../../../x", "references/.x", "x" * 300, " x", "%2e%2e/x", "file:///etc/x"]
    ),
    st.text(alphabet="./\\~a:", max_size=12),
)  # fmt: skip


@st.composite
def _led_astray(draw: st.DrawFn) -> Edit:
    path = draw(PATHS)
    link = Link(block="top", text=f"See [it]({path}).")
    match draw(st.integers(0, 3)):
        case 0:
            return InsertAfter(id="e", file=path, block="top", text="x")
        case 1:
            return DeleteFile(id="e", path=path)
        case 2:
            return Create(id="e", file=path, path="references/new.md", text="x", link=link)
        case _:
            return Create(id="e", path=path, text="x", link=link)


@unhurried
@given(_led_astray())
def test_whatever_path_an_edit_names_nothing_is_written_outside_the_skill(edit: Edit) -> None:
    skill = Skill(name="x", files={"SKILL.md": "---\nname: x\ndescription: d\n---\n# X\n", "references/x.md": "# X\n"})
    settled = settle(skill, [edit], allow_scripts=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "a" / "b" / "x"
        save_skill(settled.skill, home)
        there = {path for path in Path(folder).rglob("*") if path.is_file()}
        assert all(path.is_relative_to(home) for path in there)
        assert load_skill(home).files == settled.skill.files
    if settled.kept:
        event(f"kept: {edit.op}")
