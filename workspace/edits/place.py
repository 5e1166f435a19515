"""Where an edit lands in S0: blocks become line positions, or a sentence says why not."""

from __future__ import annotations

import re
import textwrap
from typing import Literal, NamedTuple

from workspace.edits.patch import (
    MAIN,
    AddSection,
    AppendToSection,
    Create,
    Delete,
    DeleteFile,
    Edit,
    InsertAfter,
    InsertBefore,
    Replace,
)
from workspace.skills.links import links_to
from workspace.skills.outline import TOP, Block, Outline, blank, headings_in, is_markdown, outline_of
from workspace.skills.skill import Skill, path_fault

How = Literal["insert_after", "append", "insert_before", "add_section", "replace", "remove", "relink"]
INSERTS: tuple[How, ...] = ("insert_after", "append", "insert_before", "add_section")


class Span(NamedTuple):
    """Lines `start` to `end` of S0, from 0, end exclusive; equal for a place between lines."""

    file: str
    start: int
    end: int


class Refusal(NamedTuple):
    """Why the edit with this id cannot be applied."""

    edit: str
    reason: str


class Put(NamedTuple):
    """One change of one file. An insertion stands right behind a line with text: `start == end`.

    anchor  the block it was anchored at; for a range its first and last block
    within  the list that the text becomes items of
    depth   how deep the anchor is nested
    title   of a new section, still to be written as its heading of `level`
    held    the lines of the block that an insertion is anchored at
    family  orders new sections: all texts of one title follow its heading
    """

    edit: str
    support: int
    how: How
    file: str
    start: int
    end: int
    text: str = ""
    anchor: tuple[str, ...] = ()
    within: str | None = None
    depth: int = 0
    title: str = ""
    level: int = 0
    inside: bool = False
    held: tuple[int, int] | None = None
    family: tuple[int, str] = (0, "")

    @property
    def is_range(self) -> bool:
        """Takes lines of S0 away."""
        return self.end > self.start

    @property
    def order(self) -> tuple[int, int, tuple[int, str], int, str]:
        """Among insertions at one place: by operation, nesting, support, id."""
        nesting = {"insert_after": -self.depth, "insert_before": self.depth}.get(self.how, 0)
        return (INSERTS.index(self.how), nesting, self.family, -self.support, self.edit)


class Plan(NamedTuple):
    """All that one edit does: changes of files, a file that comes, a file that goes."""

    puts: tuple[Put, ...] = ()
    creates: tuple[str, str] | None = None
    deletes: str | None = None


class No(Exception):
    """Carries the reason of a refusal out of the depth."""


def place(skill: Skill, edit: Edit) -> Span | Refusal:
    """The lines of S0 that `edit` touches; for a new file the place of its link, for a deleted one all its lines."""
    plan = plan_of(skill, edit)
    if isinstance(plan, Refusal):
        return plan
    if plan.deletes is not None:
        text = skill.text(plan.deletes) or ""
        return Span(plan.deletes, 0, len(outline_of(plan.deletes, text).lines))
    put = plan.puts[0]
    return Span(put.file, put.start, put.end)


def plan_of(skill: Skill, edit: Edit) -> Plan | Refusal:
    """What `edit` does to S0, or why it cannot."""
    try:
        match edit:
            case DeleteFile():
                return _delete_file(skill, edit)
            case Create():
                return _create(skill, edit)
            case _:
                return Plan((_put(skill, edit),))
    except No as no:
        return Refusal(edit.id, str(no))


def _put(skill: Skill, edit: InsertAfter | InsertBefore | AppendToSection | Replace | Delete | AddSection) -> Put:
    plan = _outline(skill, edit.file)
    match edit:
        case InsertAfter():
            return _insert(plan, edit, "insert_after", edit.block, edit.text)
        case InsertBefore():
            return _insert(plan, edit, "insert_before", edit.block, edit.text)
        case AppendToSection():
            return _append(plan, edit, edit.section, edit.text)
        case AddSection():
            return _add_section(plan, edit)
        case Replace():
            return _replace(plan, edit)
        case Delete():
            return _delete(plan, edit)


def clean(text: str) -> str:
    """The text of an edit as it is put in: LF, no blank lines around it, no common indent."""
    lines = textwrap.dedent(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    while lines and blank(lines[0]):
        lines.pop(0)
    while lines and blank(lines[-1]):
        lines.pop()
    return "\n".join(lines)


def _outline(skill: Skill, file: str) -> Outline:
    if fault := path_fault(file):
        raise No(f"{file!r}: {fault}")
    if file not in skill.files:
        raise No(f"{file} is not in the skill")
    text = skill.text(file)
    if text is None:
        raise No(f"{file} is not a text file")
    return outline_of(file, text)


def _block(plan: Outline, file: str, name: str, or_top: bool = False) -> Block:
    block = plan.block(name)
    if block is None:
        raise No(f"{file} has no block {name!r} (ids are {TOP} and b1 to b{len(plan.blocks) - 1})")
    if block.kind == "front_matter":
        raise No(f"{name} is the front matter of {file}, which no edit changes")
    if block.kind == "top" and not or_top:
        raise No("`top` is a place, not a block that could be taken away")
    return block


def _section(plan: Outline, file: str, name: str) -> Block:
    block = _block(plan, file, name, or_top=True)
    if block.kind not in {"heading", "top"}:
        raise No(f"{name} of {file} is no section but {_a(block.kind)}; its section is {plan.section_of(name)}")
    return block


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _words(text: str) -> str:
    if not (words := clean(text)):
        raise No("the edit brings no text")
    return words


def _free(plan: Outline, file: str, line: int) -> int:
    """`line`, unless a fence that is never closed would swallow what is put there."""
    for fence in plan.fences:
        if fence.closed or not fence.start < line <= fence.end:
            continue
        if not any(b.kind in {"item", "quote"} and b.start <= fence.start < b.end for b in plan.blocks):
            raise No(f"the fence opened on line {fence.start + 1} of {file} is never closed; text here would be code")
    return line


def _insert(plan: Outline, edit: Edit, how: How, name: str, text: str) -> Put:
    block = _block(plan, edit.file, name, or_top=True)
    words = _words(text)
    line = block.end if how == "insert_after" else plan.back(block.start)
    within = _list_of(plan, block)
    if within and headings_in(words):
        raise No(f"{name} of {edit.file} stands in a list, where a heading cannot go")
    return Put(
        edit.id, len(edit.support), how, edit.file, _free(plan, edit.file, line), line,
        words, (name,), within, block.level if within else 0, held=(block.start, block.end),
    )  # fmt: skip


def _list_of(plan: Outline, block: Block) -> str | None:
    """The list that text beside `block` joins as items: an item's own, a nested list itself."""
    if block.kind == "item":
        return block.parent
    return block.id if block.kind == "list" and block.parent else None


def _append(plan: Outline, edit: Edit, name: str, text: str) -> Put:
    section = _section(plan, edit.file, name)
    line = _free(plan, edit.file, plan.own_end(section))
    return Put(
        edit.id,
        len(edit.support),
        "append",
        edit.file,
        line,
        line,
        _words(text),
        (name,),
        held=(section.start, section.end),
    )


def _add_section(plan: Outline, edit: AddSection) -> Put:
    title = " ".join(edit.title.split()).lstrip("#").strip()
    if not title:
        raise No("the new section has no title")
    if not is_markdown(edit.file):
        raise No(f"{edit.file} is not Markdown and has no sections")
    after = _section(plan, edit.file, edit.after) if edit.after else None
    words = _words(_without_title(edit.text, title))
    same = [h for h in plan.headings if h.title.casefold() == title.casefold()]
    if len(same) == 1:
        return _append(plan, edit, same[0].id, words)
    line, level = _section_place(plan, after)
    anchor = (edit.after,) if edit.after else ()
    return Put(
        edit.id, len(edit.support), "add_section", edit.file, _free(plan, edit.file, line), line,
        words, anchor, title=title, level=level,
    )  # fmt: skip


def _section_place(plan: Outline, after: Block | None) -> tuple[int, int]:
    """Line and heading level of a new section: a sibling of `after`; beside a single title, one level below it."""
    levels = [h.level for h in plan.headings]
    usual = 1 if levels.count(1) > 1 else min((n for n in levels if n > 1), default=2)
    if after is None:
        return plan.back(len(plan.lines), plan.top.start), usual
    if after.kind == "top":
        return plan.own_end(after), usual
    level = usual if after.level == 1 and levels.count(1) == 1 else after.level
    return plan.back(after.section_end, after.end), level


def _without_title(text: str, title: str) -> str:
    """A model often writes the heading into the text as well."""
    lines = clean(text).split("\n")
    found = re.fullmatch(r"#{1,6}\s+(.*?)[\s#]*", lines[0])
    return "\n".join(lines[1:]) if found and found[1].casefold() == title.casefold() else text


def _replace(plan: Outline, edit: Replace) -> Put:
    first = _block(plan, edit.file, edit.block)
    last = _block(plan, edit.file, edit.last) if edit.last else first
    if last.start < first.start or last.end < first.end:
        raise No(f"{last.id} stands above {first.id} in {edit.file}")
    words = _words(edit.text)
    _keeps_heads(plan, edit.file, first, last)
    within = _list_around(plan, first, last)
    if within and headings_in(words):
        raise No(f"{first.id} of {edit.file} stands in a list, where a heading cannot go")
    return Put(
        edit.id, len(edit.support), "replace", edit.file, first.start, last.end,
        words, (first.id, last.id), within,
    )  # fmt: skip


def _keeps_heads(plan: Outline, file: str, first: Block, last: Block) -> None:
    """Raises `No` where an item would lose its first line and keep others, which would then belong to nothing."""
    for b in plan.blocks:
        if b.kind == "item" and first.start < b.start < last.end < b.end:
            raise No(f"only a part of {b.id} of {file} would go, its first line among it; end with {b.id} itself")


def _list_around(plan: Outline, first: Block, last: Block) -> str | None:
    """The innermost list that the range lies in; None for an outermost list that goes as a whole."""
    around = [b for b in plan.blocks if b.kind == "list" and b.start <= first.start and last.end <= b.end]
    inner = around[-1] if around else None
    return None if inner is None or (inner == first and not inner.parent) else inner.id


def _delete(plan: Outline, edit: Delete) -> Put:
    block = _block(plan, edit.file, edit.block)
    if edit.section and block.kind != "heading":
        raise No(f"{block.id} of {edit.file} is no section but {_a(block.kind)}")
    end = plan.back(block.section_end, block.end) if edit.section else block.end
    return Put(edit.id, len(edit.support), "remove", edit.file, block.start, end, anchor=(block.id, block.id))


def _create(skill: Skill, edit: Create) -> Plan:
    if fault := path_fault(edit.path):
        raise No(f"{edit.path!r}: {fault}")
    for path in skill.files:
        if path.casefold() == edit.path.casefold():
            raise No(f"{path} is already in the skill; edit it instead")
        if nested(path, edit.path):
            raise No(f"{edit.path} cannot stand beside {path}: one of them would be a folder")
    text = edit.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not text.strip():
        raise No(f"the new file {edit.path} is empty")
    plan = _outline(skill, edit.file)
    link = edit.link
    if link.op == "append_to_section":
        put = _append(plan, edit, link.block, link.text)
    else:
        put = _insert(plan, edit, "insert_after", link.block, link.text)
    return Plan((put,), creates=(edit.path, text + "\n"))


def _delete_file(skill: Skill, edit: DeleteFile) -> Plan:
    if edit.path not in skill.files:
        raise No(f"{edit.path} is not in the skill")
    if edit.path == MAIN:
        raise No(f"{MAIN} is the skill itself")
    puts = tuple(
        Put(
            edit.id, len(edit.support), "relink" if found.text else "remove", found.file,
            found.line, found.line + 1, found.text, inside=found.inside,
        )
        for found in links_to(skill, edit.path)
    )  # fmt: skip
    return Plan(puts, deletes=edit.path)


def nested(one: str, other: str) -> bool:
    """Would one path be a folder on the way to the other?"""
    return one.startswith(other + "/") or other.startswith(one + "/")
