"""Patches of the released Trace2Skill code as edits of ours: quoted places become blocks of S0, or a sentence why not.

The released code applies edits one after another, takes the first match of any text, finds headings inside fences and
passes silently over what it does not find. Here all edits are against S0 as one set. What only an earlier edit of the
same patch makes is understood where that is certain: a section to append to, a file to change, a file to link.
Every source edit is behind an edit of ours (its id is in `sources`) or is refused; none is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rapidfuzz import fuzz

from workspace.edits.apply import Refused, apply
from workspace.edits.listing import whole_list
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
    Link,
)
from workspace.edits.place import Refusal, place
from workspace.guard.guard import lint
from workspace.released.anchors import Candidate, How, Match, Missed, find_heading, find_text, short, title_of, words_of
from workspace.released.introduce import link_line, link_place, linked
from workspace.released.released_json import Released, SourceEdit, looks_released, parse_released
from workspace.released.rewrite import Cannot, insert_lines, rewrite
from workspace.skills.outline import Block, Outline, headings_in, is_markdown, outline, outline_of
from workspace.skills.skill import Skill, path_fault

__all__ = ["Found", "Rejected", "Released", "SourceEdit", "Translated", "looks_released", "parse_released", "translate"]


class Rejected(NamedTuple):
    """A source edit that has no certain place, why, and the nearest places."""

    edit: str
    reason: str
    file: str = MAIN
    candidates: tuple[Candidate, ...] = ()


class Found(NamedTuple):
    """How the place of a source edit was found: exact, in other spelling, or nearly (`score` of 100)."""

    edit: str
    file: str
    how: How
    score: float
    line: int


@dataclass(frozen=True)
class Translated:
    """`edits` in the order of the file, `refused` and `found` by source id, `notes` for people."""

    edits: tuple[Edit, ...]
    refused: tuple[Rejected, ...] = ()
    found: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()


class _Section(NamedTuple):
    """A section that the patch itself adds."""

    source: str
    title: str
    after: str | None


def translate(skill: Skill, released: Released) -> Translated:
    """Edits against `skill` that do what `released` asks for. Ids are those of the source edits; nothing is applied.

    Edits that conflict with each other are both given: the guard decides.
    """
    work = _Work(skill)
    sources = [_plain_file(source) for source in released.edits]
    made = {s.file: s for s in reversed(sources) if s.op == "create" and s.file not in skill.files}
    inner = [s for s in sources if s.file in made and s.op != "create"]
    for source in _sections_first(sources):
        if source.op != "create" and source not in inner:
            work.take(source)
    for source in sources:
        if source.op == "create":
            its = [s for s in inner if s.file == source.file and made[s.file] is source]
            work.create(source, its)
    if released.changelog:
        count = len(released.changelog)
        entries = "entry is" if count == 1 else "entries are"
        work.notes.append(f"{count} changelog {entries} not part of a skill and left out")
    return work.done([source.id for source in sources])


def _plain_file(source: SourceEdit) -> SourceEdit:
    return source.model_copy(update={"file": source.file.strip().removeprefix("./")})


def _sections_first(sources: Sequence[SourceEdit]) -> list[SourceEdit]:
    return sorted(sources, key=lambda s: s.op != "add_section")


class _Work:
    """One translation while it goes on."""

    def __init__(self, skill: Skill) -> None:
        self.skill = skill
        self.edits: dict[str, tuple[Edit, ...]] = {}
        self.refused: list[Rejected] = []
        self.found: list[Found] = []
        self.notes: list[str] = []
        self.sections: dict[tuple[str, str], _Section] = {}

    def done(self, order: Sequence[str]) -> Translated:
        edits = tuple(edit for name in order for edit in self.edits.get(name, ()))
        refused = sorted(self.refused, key=lambda r: order.index(r.edit))
        found = sorted(dict.fromkeys(self.found), key=lambda f: order.index(f.edit))
        return Translated(edits, tuple(refused), tuple(found), tuple(self.notes))

    def take(self, source: SourceEdit) -> None:
        """The edits for one source edit, or its refusal."""
        seen, noted = len(self.found), len(self.notes)
        try:
            edits = self._placed(tuple(self._edits(source)))
        except Cannot as cannot:
            self._refuse(source, str(cannot), cannot.candidates)
            del self.found[seen:], self.notes[noted:]
        else:
            self.edits[source.id] = edits

    def _refuse(self, source: SourceEdit, reason: str, candidates: tuple[Candidate, ...] = ()) -> None:
        self.refused.append(Rejected(source.id, reason, source.file or MAIN, candidates))

    def _placed(self, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
        for edit in edits:
            if isinstance(where := place(self.skill, edit), Refusal):
                raise Cannot(where.reason)
        return edits

    def _edits(self, source: SourceEdit) -> Iterator[Edit]:
        plan = self._plan(source.file)
        if source.op not in {"delete_section", "delete_file", "replace_in_section"} and not source.content.strip():
            raise Cannot("the edit brings no `content`")
        match source.op:
            case "append_to_section":
                yield self._append(source, plan)
            case "add_section":
                yield self._add_section(source, plan)
            case "insert_after" | "insert_before":
                yield self._insert(source, plan, source.op == "insert_after")
            case "replace_in_section":
                yield from rewrite(self.skill, source, plan, self._text(source, plan, source.old_text))
            case "delete_section":
                block = self._section(source, plan, source.target_section)
                yield Delete(id=source.id, file=source.file, reason=source.reason, block=block.id, section=True)
            case _:
                yield DeleteFile(id=source.id, reason=source.reason, path=source.file)

    def _plan(self, file: str) -> Outline:
        if not file:
            raise Cannot("the edit names no `file`")
        if fault := path_fault(file):
            raise Cannot(f"{file!r}: {fault}")
        if file not in self.skill.files:
            names = sorted(self.skill.files, key=lambda name: -fuzz.ratio(name, file))[:3]
            raise Cannot(f"{file} is not in the skill; it has {', '.join(names)}")
        return outline_of(file, self.skill.text(file) or "")

    # --- places ----------------------------------------------------------------------------------------------------

    def _section(self, source: SourceEdit, plan: Outline, name: str) -> Block:
        if not is_markdown(source.file):
            raise Cannot(f"{source.file} is not Markdown and has no sections")
        return self._known(source, find_heading(plan, name)).first

    def _text(self, source: SourceEdit, plan: Outline, quote: str, beside: bool = False) -> Match:
        if self.skill.text(source.file) is None:
            raise Cannot(f"{source.file} is not a text file")
        section = self._section(source, plan, source.target_section) if source.target_section.strip() else None
        return self._known(source, find_text(plan, quote, section, beside=beside))

    def _known(self, source: SourceEdit, found: Match | Missed) -> Match:
        if isinstance(found, Missed):
            raise Cannot(found.reason, found.candidates)
        self.found.append(Found(source.id, source.file, found.how, found.score, found.line))
        return found

    # --- operations ------------------------------------------------------------------------------------------------

    def _append(self, source: SourceEdit, plan: Outline) -> Edit:
        new = self._new_section(source.file, source.target_section)
        found = find_heading(plan, source.target_section)
        if new and (isinstance(found, Missed) or found.how == "fuzzy"):
            return AddSection(
                id=source.id, file=source.file, reason=source.reason, title=new.title, text=source.content,
                after=new.after,
            )  # fmt: skip
        block = self._section(source, plan, source.target_section)
        return AppendToSection(
            id=source.id, file=source.file, reason=source.reason, section=block.id, text=source.content
        )

    def _new_section(self, file: str, header: str) -> _Section | None:
        return self.sections.get((file, words_of(title_of(header)[1]).rstrip(":. ")))

    def _add_section(self, source: SourceEdit, plan: Outline) -> Edit:
        title = title_of(source.target_section)[1] or _own_title(source.content)
        if not title:
            raise Cannot("the new section has no title; name it in `target_section`")
        for broken in lint(Skill(name="x", files={MAIN: f"## {title}\n"})):
            if broken.rule == "headings":
                raise Cannot(f"{broken.message}; name the section for what it holds")
        after = self._after(source, plan) if source.after_section.strip() else None
        edit = AddSection(
            id=source.id, file=source.file, reason=source.reason, title=title, text=source.content, after=after
        )
        if any(h.title.casefold() == title.casefold() for h in plan.headings):
            self.notes.append(f"{source.id}: the section {short(title, 60)!r} is there already and gets the text")
        key = (source.file, words_of(title).rstrip(":. "))
        self.sections.setdefault(key, _Section(source.id, title, after))
        return edit

    def _after(self, source: SourceEdit, plan: Outline) -> str | None:
        found = find_heading(plan, source.after_section)
        new = self._new_section(source.file, source.after_section)
        if new and (isinstance(found, Missed) or found.how == "fuzzy"):
            return new.after
        return self._section(source, plan, source.after_section).id

    def _insert(self, source: SourceEdit, plan: Outline, after: bool) -> Edit:
        match = self._text(source, plan, source.target_text, beside=True)
        if not is_markdown(source.file) or _is_row(plan, match, source.content):
            return insert_lines(self.skill, source, plan, match, after)
        _outside_code(plan, match, after)
        block = _whole_list(plan, match.last if after else match.first, source.content, after)
        kind = InsertAfter if after else InsertBefore
        return kind(id=source.id, file=source.file, reason=source.reason, block=block.id, text=source.content)

    # --- new files -------------------------------------------------------------------------------------------------

    def create(self, source: SourceEdit, inner: Sequence[SourceEdit]) -> None:
        """A new file with the changes that the same patch makes to it, and the edit that links it."""
        try:
            text, folded = self._folded(source, inner)
            edit = self._linked(source, text, folded)
            self.edits[source.id] = (edit,)
        except Cannot as cannot:
            for each in (source, *(s for s in inner if s.id not in {r.edit for r in self.refused})):
                self._refuse(each, str(cannot), cannot.candidates)

    def _folded(self, source: SourceEdit, inner: Sequence[SourceEdit]) -> tuple[str, tuple[str, ...]]:
        if fault := path_fault(source.file):
            raise Cannot(f"{source.file!r}: {fault}")
        if not source.content.strip():
            raise Cannot(f"the new file {source.file or 'without a name'} is empty")
        alone = _Work(Skill(name=self.skill.name, files={source.file: source.content}))
        for each in _sections_first(inner):
            alone.take(each)
        if any(isinstance(e, DeleteFile) for edits in alone.edits.values() for e in edits):
            raise Cannot(f"the patch makes {source.file} and deletes it again")
        applied = apply(alone.skill, [edit for edits in alone.edits.values() for edit in edits])
        self.refused += alone.refused
        if isinstance(applied, Refused):
            raise Cannot(f"the patch's own edits of {source.file} do not fit together: {applied.reasons[0].reason}")
        self.found += alone.found
        return applied.skill.text(source.file) or "", tuple(alone.edits)

    def _linked(self, source: SourceEdit, text: str, folded: tuple[str, ...]) -> Edit:
        names = (source.id, *folded)
        carrier, words = self._carrier(source.file)
        if carrier and words is not None:
            link = _link(carrier, words)
            edit = Create(
                id=source.id, file=carrier.file, reason=source.reason, sources=(*names, carrier.id), path=source.file,
                text=text, link=link,
            )  # fmt: skip
            self._placed((edit,))
            del self.edits[carrier.id]
            if words != carrier.text:
                self.notes.append(f"{source.id}: the mention of {source.file} in {carrier.id} has become a link")
            return edit
        line = link_line(source.file, text)
        link = Link(block=link_place(self.skill), text=line)
        edit = Create(id=source.id, reason=source.reason, sources=names, path=source.file, text=text, link=link)
        self._placed((edit,))
        self.notes.append(f"{source.id}: a new file comes with its own link, so the line `{line}` is added to {MAIN}")
        return edit

    def _carrier(self, path: str) -> tuple[InsertAfter | AppendToSection | None, str | None]:
        """The first edit of the patch whose text links or names `path`, and that text with the link."""
        texts = (e for es in self.edits.values() for e in es if isinstance(e, InsertAfter | AppendToSection))
        for edit in texts:
            words = linked(edit.text, edit.file, path) if is_markdown(edit.file) else None
            if words is not None:
                return edit, words
        return None, None


def _link(carrier: InsertAfter | AppendToSection, text: str) -> Link:
    if isinstance(carrier, InsertAfter):
        return Link(op="insert_after", block=carrier.block, text=text)
    return Link(op="append_to_section", block=carrier.section, text=text)


def _own_title(content: str) -> str:
    """The title that a new section's text begins with."""
    first = headings_in(content)[:1]
    return first[0].title if first and not "".join(content.splitlines()[: first[0].start]).strip() else ""


def _outside_code(plan: Outline, match: Match, after: bool) -> None:
    """Text beside a quote inside code stands beside the code if the quote is its last or first; else it is refused."""
    line = match.lines[1] if after else match.lines[0]
    code = [(f.start, f.end, f.start + 1, f.end - f.closed) for f in plan.fences]
    code += [(b.start, b.end, b.start, b.end) for b in plan.blocks if b.kind == "code"]
    for start, end, first, last in code:
        if not start <= line < end:
            continue
        between = plan.lines[line + 1 : last] if after else plan.lines[first:line]
        if any(text.strip() for text in between):
            raise Cannot(f"the text would stand inside the code of lines {start + 1}–{end}; replace the code instead")


def _is_row(plan: Outline, match: Match, content: str) -> bool:
    """Are table rows put beside a row of a table?"""
    rows = [line for line in content.splitlines() if line.strip()]
    same = match.first.kind == "table" and match.first.id == match.last.id
    return same and match.lines[0] >= match.first.start + 2 and all(row.lstrip().startswith("|") for row in rows)


def _whole_list(plan: Outline, block: Block, content: str, after: bool) -> Block:
    """The list instead of its item, where the new text cannot be an item and the item is the list's last (first)."""
    if block.kind != "item" or whole_list(content):
        return block
    if not headings_in(content) and len([b for b in outline(content).blocks if not b.parent]) <= 2:
        return block
    outer = block
    while outer.parent and (above := plan.block(outer.parent)):
        outer = above
    same = outer.end == block.end if after else outer.start == block.start
    return outer if same else block
