"""What a skill, or an edit of it, tells the agent, one statement after the other: for comparing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from workspace.edits.patch import AddSection, AppendToSection, Create, Delete, DeleteFile, Edit, Replace
from workspace.edits.place import Span, place
from workspace.skills.outline import TOP, Outline, is_markdown, outline, outline_of
from workspace.skills.skill import Skill

LONGEST = 600  # characters; longer blocks are explanations, not rules


class Statement(NamedTuple):
    """Something a skill (or an edit) tells the agent. `section` keeps apart what stands under different headings."""

    id: str
    text: str
    section: str = ""
    file: str = ""
    line: int = 0


def statements_of(skill: Skill) -> list[Statement]:
    """What the Markdown files of a skill tell the agent: list items and short paragraphs, examples and code left out.

    Ids are `file:line`, lines count from 1.
    """
    return [rule for file, text in skill.texts() if is_markdown(file) for rule in _statements(file, outline(text))]


def statements_in(skill: Skill, edits: Iterable[Edit]) -> list[Statement]:
    """What `edits` of `skill` would tell the agent; the id of a rule is that of its edit, its section where it goes."""
    out: list[Statement] = []
    for edit in edits:
        if not isinstance(edit, Delete | DeleteFile):
            found = _statements(edit.file, outline(edit.text))
            out += [rule._replace(id=edit.id, section=_goes_to(skill, edit), line=0) for rule in found]
    return out


def _goes_to(skill: Skill, edit: Edit) -> str:
    match edit:
        case Create() | DeleteFile():
            return f"{edit.path}#"
        case AddSection():
            return f"{edit.file}#section:{' '.join(edit.title.casefold().split())}"
        case AppendToSection():
            return f"{edit.file}#{edit.section}"
        case _:
            plan = outline_of(edit.file, skill.text(edit.file) or "")
            return f"{edit.file}#{plan.section_of(edit.block) if plan.block(edit.block) else TOP}"


def removed_lines(skill: Skill, edits: Iterable[Edit]) -> frozenset[tuple[str, int]]:
    """(file, line from 1) of all that `edits` take away or write anew."""
    gone: set[tuple[str, int]] = set()
    for edit in edits:
        span = place(skill, edit) if isinstance(edit, Delete | DeleteFile | Replace) else None
        if isinstance(span, Span):
            gone.update((span.file, line) for line in range(span.start + 1, span.end + 1))
    return frozenset(gone)


def _statements(file: str, plan: Outline) -> Iterator[Statement]:
    title, section = "", TOP
    nested: dict[str | None, int] = {}
    for block in plan.blocks:
        nested[block.parent] = min(block.start, nested.get(block.parent, block.start))
    for block in plan.blocks:
        if block.kind == "heading":
            title, section = block.title.casefold(), block.id
        if block.kind not in {"item", "paragraph"} or "example" in title:
            continue
        lines = plan.lines[block.start : min(nested.get(block.id, block.end), block.end)]
        words = " ".join("".join(lines).split()).lstrip("-*+ ")
        if words and len(words) <= LONGEST:
            yield Statement(f"{file}:{block.start + 1}", words, f"{file}#{section}", file, block.start + 1)
