"""Put a part of a text in the place of another, as an edit of whole blocks that writes exactly that and no more.

An edit names blocks, a quote may be half a line. So the new text of the blocks around it is made here, applied on
trial, and taken only when the result is the old text with that part replaced, byte for byte;
only blank lines may be more or fewer where the new text is of another kind than the old.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from workspace.edits.apply import Applied, apply
from workspace.edits.patch import Delete, Edit, Replace
from workspace.guard.structure import roles
from workspace.released.anchors import BOX, MARK, Candidate, Match, line_starts, plain, unmarked
from workspace.released.released_json import SourceEdit
from workspace.skills.outline import Block, Fence, Outline, blank, outline_of
from workspace.skills.skill import Skill

_BARE = re.compile(r"(?:[\s>]|[-*+]|#{1,6}|\d{1,9}[.)])*")


class Cannot(Exception):
    """Carries the reason of a refusal and the nearest places out of the depth."""

    def __init__(self, reason: str, candidates: tuple[Candidate, ...] = ()) -> None:
        super().__init__(reason)
        self.candidates = candidates


class Change(NamedTuple):
    """Characters `start` to `end` of `text` (the whole file, LF) become `new`."""

    text: str
    start: int
    end: int
    new: str

    @property
    def result(self) -> str:
        """The whole text afterwards."""
        return self.text[: self.start] + self.new + self.text[self.end :]


def rewrite(skill: Skill, source: SourceEdit, plan: Outline, match: Match) -> tuple[Edit, ...]:
    """The edits (one; several only where several blocks go) that put the source's `content` where `match` is.

    Raises `Cannot`: only a part of a line is alike, a fence would end early, or no edit of blocks gives just that.
    """
    if match.span is None:
        raise Cannot("`old_text` is not there to the letter, only as a part of a line in other words; quote it exactly")
    change = _change(plan, match, source.content)
    first, last = _siblings(plan, match.first, match.last)
    if not _BARE.sub("", _put(change, first, last)):
        return _deletes(plan, source, first, last)
    edit = _fitting(skill, source, plan, change, (first, last))
    _still_code(plan, outline_of(source.file, change.result), change, match)
    return (edit,)


def insert_lines(skill: Skill, source: SourceEdit, plan: Outline, match: Match, after: bool) -> Edit:
    """The edit that puts the source's `content` as lines of their own right behind (or before) the match's lines.

    For text whose lines are no blocks: rows of a table, files that are not Markdown. Raises `Cannot` as `rewrite`.
    """
    text = plain(plan)
    starts = line_starts(text)
    content = _lf(source.content).strip("\n")
    if after:
        at = starts[match.lines[1] + 1] - 1 if match.lines[1] + 1 < len(starts) else len(text)
        change = Change(text, at, at, f"\n{content}")
    else:
        change = Change(text, starts[match.lines[0]], starts[match.lines[0]], f"{content}\n")
    return _fitting(skill, source, plan, change, _siblings(plan, match.first, match.last))


def _fitting(skill: Skill, source: SourceEdit, plan: Outline, change: Change, blocks: tuple[Block, Block]) -> Edit:
    """The first replacement that does just the change: of the smallest blocks, else of the outermost ones."""
    pairs = dict.fromkeys((blocks, (_outermost(plan, blocks[0]), _outermost(plan, blocks[1]))))
    edits = [_replace(source, first, last, _put(change, first, last)) for first, last in pairs]
    for same in (_equal, _equal_but_for_blank_lines):
        for edit in edits:
            if (result := _does(skill, edit, change, same)) and _rest_stays(plan, result, change):
                return edit
    line = change.text.count("\n", 0, change.start) + 1
    raise Cannot(f"line {line} cannot be changed on its own; quote the whole block and write it anew")


def _change(plan: Outline, match: Match, content: str) -> Change:
    """`content` fitted to its place: the list mark and the indent that the quote leaves to the file stay right."""
    text = plain(plan)
    start, end = match.span or (0, 0)
    new = _lf(content).strip()
    line = line_starts(text)[match.lines[0]]
    head = text[line:start]
    if any(f.start <= match.lines[0] < f.end for f in plan.fences):
        return Change(text, start, end, _under(new, head) if not head.strip() else new)
    marked = MARK.match(new)
    if new and marked and head.strip() and not BOX.sub("", unmarked(head)):
        new = BOX.sub("", unmarked(new))
    elif new and not head.strip() and (old := MARK.match(text, start, end)) and not marked:
        head, new = head + old[0], old[0].lstrip() + new
    one_line = match.lines[0] == match.lines[1] or (match.how != "exact" and not head.strip())
    if one_line and match.first.kind == "item":
        new = _under(new, head)
    return Change(text, start, end, new)


def _under(new: str, head: str) -> str:
    """Lines behind the first get the width of what stands before it, unless they are that deep already."""
    first, *rest = new.split("\n")
    width = len(head)
    depths = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
    if not depths or min(depths) >= width:
        return new
    return "\n".join([first, *(" " * width + line if line.strip() else line for line in rest)])


def _put(change: Change, first: Block, last: Block) -> str:
    """The text of the blocks from `first` to `last` once the change is made."""
    starts = line_starts(change.text)
    low = starts[first.start]
    high = starts[last.end] - 1 if last.end < len(starts) else len(change.text)
    put = change.text[low : change.start] + change.new + change.text[change.end : high]
    return put if low else put.removeprefix("\ufeff")  # the mark is the file's; putting the text in adds it again


def _replace(source: SourceEdit, first: Block, last: Block, text: str) -> Replace:
    end = None if last.id == first.id else last.id
    return Replace(id=source.id, file=source.file, reason=source.reason, block=first.id, last=end, text=text)


def _deletes(plan: Outline, source: SourceEdit, first: Block, last: Block) -> tuple[Edit, ...]:
    def delete(name: str, block: Block) -> Delete:
        return Delete(id=name, file=source.file, reason=source.reason, sources=(source.id,), block=block.id)

    inside = [b for b in plan.blocks if first.start <= b.start and b.end <= last.end and b.parent == first.parent]
    whole = [b for b in inside if b.kind not in {"top", "front_matter"}]
    if len(whole) == 1:
        return (delete(source.id, whole[0]),)
    return tuple(delete(f"{source.id}.{n}", block) for n, block in enumerate(whole, 1))


def _siblings(plan: Outline, first: Block, last: Block) -> tuple[Block, Block]:
    """The innermost blocks around both that stand beside each other, or one that holds both."""
    for b in _chain(plan, last):
        for a in _chain(plan, first):
            if a.parent == b.parent and (a.id == b.id or (a.start <= b.start and a.end <= b.end)):
                return a, b
    return first, last


def _chain(plan: Outline, block: Block) -> list[Block]:
    out = [block]
    while (name := out[-1].parent) and (outer := plan.block(name)):
        out.append(outer)
    return out


def _outermost(plan: Outline, block: Block) -> Block:
    return _chain(plan, block)[-1]


def _does(skill: Skill, edit: Edit, change: Change, same: Callable[[str, str], bool]) -> Outline | None:
    """The file with `edit` when it is just the change."""
    applied = apply(skill, [edit])
    text = (applied.skill.text(edit.file) or "") if isinstance(applied, Applied) else None
    return outline_of(edit.file, text) if text is not None and same(_lf(text), change.result) else None


def _rest_stays(plan: Outline, result: Outline, change: Change) -> bool:
    """Are the lines around the change what they were? (A table without its header is none.) A change of a text with an
    open fence may well mean to close it."""
    if any(not fence.closed for fence in plan.fences):
        return True
    first, last = change.text.count("\n", 0, change.start), change.text.count("\n", 0, change.end)
    was = [(n, role) for n, role in enumerate(roles(plan)) if not blank(plan.lines[n])]
    now = [role for line, role in zip(result.lines, roles(result), strict=True) if not blank(line)]
    above, below = [role for n, role in was if n < first], [role for n, role in was if n > last]
    return now[: len(above)] == above and now[len(now) - len(below) :] == below


def _equal(got: str, wanted: str) -> bool:
    return got.rstrip("\n") == wanted.rstrip("\n")


def _equal_but_for_blank_lines(got: str, wanted: str) -> bool:
    """Where the new text is of another kind than the old, Markdown needs a blank line beside it."""
    return [line for line in got.split("\n") if line.strip()] == [line for line in wanted.split("\n") if line.strip()]


def _still_code(plan: Outline, after: Outline, change: Change, match: Match) -> None:
    for fence in plan.fences:
        if fence.start < match.lines[0] and match.lines[1] < fence.end - fence.closed:
            more = change.new.count("\n") - change.text[change.start : change.end].count("\n")
            same = Fence(fence.start, fence.end + more, fence.markup, fence.info, fence.closed)
            if same not in after.fences:
                raise Cannot(f"the new text would end the code of lines {fence.start + 1}–{fence.end} early")


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
