"""A Markdown text as addressable blocks, so that an edit can name a place instead of quoting it.

Ids are `b1, b2, …` in document order; `top` is the place right after the front matter, there in every file.
Addressable are the blocks outside any container, and lists with their items at any depth. The text is only sliced by
line numbers and never rendered again. Lines are counted from 0, ends are exclusive.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from workspace.skills.skill import Skill, front_matter_end, split_lines

TOP = "top"
BLANK = " \t\r\n"
Kind = Literal[
    "top", "front_matter", "heading", "paragraph", "list", "item", "fence",
    "code", "table", "html", "quote", "break", "definition", "text",
]  # fmt: skip
_KINDS: dict[str, Kind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "list_item_open": "item",
    "fence": "fence",
    "code_block": "code",
    "table_open": "table",
    "html_block": "html",
    "blockquote_open": "quote",
    "hr": "break",
}
_MARK = re.compile(r"^⟦(?:top|b\d+)⟧\n?", re.MULTILINE)


class Block(NamedTuple):
    """Lines `start` to `end` (blank lines behind it excluded).

    level        1–6 for a heading, the depth of nesting for a list or item (outermost 1), else 0
    parent       the block whose lines contain this one: an item's list, a nested list's item; else None
    title        a heading's text, else ""
    section_end  for a heading (and `top`): where its section ends, sub-sections included; else `end`
    """

    id: str
    kind: Kind
    start: int
    end: int
    level: int = 0
    parent: str | None = None
    title: str = ""
    section_end: int = 0


class Fence(NamedTuple):
    """A fenced block at any depth; `closed` is False when it runs to the end of its container."""

    start: int
    end: int
    markup: str
    info: str
    closed: bool


@dataclass(frozen=True)
class Outline:
    """The blocks of one text in document order (`top` first or right after the front matter), and its raw lines."""

    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    fences: tuple[Fence, ...]
    kinds: tuple[str, ...]
    """What each line is part of: fence, html, code, heading, table, quote, list, paragraph, … or "" between blocks."""

    def block(self, name: str) -> Block | None:
        """The block with id `name`."""
        return self._by_id.get(name)

    @property
    def top(self) -> Block:
        """The place after the front matter."""
        return self._by_id[TOP]

    @cached_property
    def headings(self) -> tuple[Block, ...]:
        """The headings outside any container."""
        return tuple(b for b in self.blocks if b.kind == "heading")

    def section_of(self, name: str) -> str:
        """The id of the heading that the block stands under, or `top`; a heading is its own section."""
        here = self.block(name)
        above = bisect_right(self._heading_starts, here.start) if here else 0
        return self.headings[above - 1].id if above else TOP

    def own_end(self, section: Block) -> int:
        """Where the section's own content ends: before its first sub-heading, blank lines excluded."""
        later = bisect_left(self._heading_starts, section.end)
        if later < len(self.headings) and self.headings[later].id == section.id:
            later += 1
        end = self._heading_starts[later] if later < len(self.headings) else len(self.lines)
        return self.back(end, section.end)

    def back(self, line: int, floor: int = 0) -> int:
        """`line`, moved up over the blank lines before it, but not above `floor`."""
        while line > floor and blank(self.lines[line - 1]):
            line -= 1
        return line

    def lists_at(self, line: int) -> frozenset[str]:
        """The ids of all lists that `line` is part of."""
        return self._lists[line] if 0 <= line < len(self._lists) else frozenset()

    @cached_property
    def _by_id(self) -> Mapping[str, Block]:
        return {b.id: b for b in reversed(self.blocks)}

    @cached_property
    def _heading_starts(self) -> tuple[int, ...]:
        return tuple(b.start for b in self.headings)

    @cached_property
    def _lists(self) -> tuple[frozenset[str], ...]:
        """Of each line the lists around it; lines of one list share one set."""
        row: list[frozenset[str]] = [frozenset()] * len(self.lines)
        for b in self.blocks:
            if b.kind == "list":
                before, around = row[b.start], row[b.start] | {b.id}
                for line in range(b.start, b.end):
                    row[line] = around if row[line] == before else row[line] | {b.id}
        return tuple(row)


def blank(line: str) -> bool:
    """Blank as Markdown has it: only spaces and tabs. A byte order mark is no text."""
    return not line.removeprefix("\ufeff").strip(BLANK)


def is_markdown(path: str) -> bool:
    """Has `path` a Markdown suffix? Other text files are one block each."""
    return PurePosixPath(path).suffix.lower() in {".md", ".markdown"}


def outline_of(path: str, text: str) -> Outline:
    """The outline of a file: Markdown by blocks, any other text as the single block `b1`."""
    return outline(text) if is_markdown(path) else _plain(text)


@lru_cache(maxsize=256)
def outline(text: str) -> Outline:
    """The outline of a Markdown text. Works for every text: an unclosed fence runs to the end."""
    lines = split_lines(text)
    head = max(front_matter_end(lines), 0)
    tokens = _tokens(lines, head)
    found = sorted([*_blocks(tokens), *_definitions(lines, tokens, head)], key=lambda b: b.start)
    fences = tuple(_fences(tokens))
    trimmed = _trimmed(found, lines, {f.start for f in fences if not f.closed})
    if head:
        trimmed = [Block("", "front_matter", 0, head), *trimmed]
    return Outline(tuple(lines), _named(trimmed, head, len(lines)), fences, _line_kinds(tokens, len(lines), head))


def annotated(text: str, path: str = "SKILL.md") -> str:
    """The text as a model sees it: a line `⟦b7⟧` above each block, and `⟦b8⟧` in front of each list item.

    The front matter carries no id. Line ends are LF. A `⟦` of the text itself is doubled; `without_marks` undoes all.
    """
    plan = outline_of(path, text)
    marks: dict[int, str] = {}
    for b in plan.blocks:
        if b.kind != "front_matter":
            marks[b.start] = marks.get(b.start, "") + f"⟦{b.id}⟧" + ("" if b.kind == "item" else "\n")
    shown = [line.rstrip("\r\n").replace("⟦", "⟦⟦") + "\n" for line in plan.lines]
    return "".join(marks.get(n, "") + line for n, line in enumerate([*shown, ""]))


def annotated_skill(skill: Skill, paths: Iterable[str] | None = None) -> str:
    """Every text file (or those in `paths`) with a line `⟦file PATH⟧` above its annotated text, SKILL.md first."""
    wanted = None if paths is None else set(paths)
    shown = ((p, text) for p, text in skill.texts() if wanted is None or p in wanted)
    return "\n".join(f"⟦file {path}⟧\n{annotated(text, path)}" for path, text in shown)


def without_marks(text: str) -> str:
    """Takes the marks of `annotated` out again: also for a reply whose author copied them."""
    return _MARK.sub("", text).replace("⟦⟦", "⟦")


def headings_in(text: str) -> tuple[Block, ...]:
    """The headings of a piece of text on its own."""
    return outline(text).headings


def _tokens(lines: Sequence[str], head: int) -> list[Token]:
    """Block tokens whose line maps fit `lines`: the front matter is blanked, not cut."""
    body = ["\n"] * head + [
        line.removeprefix("\ufeff") if n == 0 else line for n, line in enumerate(lines[head:], head)
    ]
    return reader().parse("".join(body))


@lru_cache(maxsize=1)
def reader() -> MarkdownIt:
    """The Markdown parser, which keeps nothing between texts; making one costs more than reading a short text."""
    return MarkdownIt("commonmark").enable("table")


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    """Addressable blocks; `parent` holds the parent's position in this order until `_named` turns it into an id."""
    open_: list[tuple[int, Block]] = []
    closing = -1
    count = 0
    for n, token in enumerate(tokens):
        if closing >= 0:
            closing = -1 if token.level == closing and token.nesting < 0 else closing
            continue
        if token.nesting < 0:
            if token.type in {"bullet_list_close", "ordered_list_close", "list_item_close"}:
                open_.pop()
            continue
        kind = _KINDS.get(token.type)
        if kind is None or token.map is None:
            continue
        nests = kind in {"list", "item"}
        beside = kind == "list" and bool(open_) and open_[-1][1].start == token.map[0]
        if (nests or not open_) and not beside:
            block = _block(kind, token, tokens[n + 1] if n + 1 < len(tokens) else token, open_)
            yield block
            if nests:
                open_.append((count, block))
            count += 1
        if token.nesting > 0 and (not nests or beside):
            closing = token.level


def _block(kind: Kind, token: Token, inline: Token, open_: Sequence[tuple[int, Block]]) -> Block:
    start, end = token.map or (0, 0)
    depth = sum(1 for _, b in open_ if b.kind == "list") + (kind == "list")
    level = int(token.tag[1]) if kind == "heading" else depth
    title = inline.content.strip() if kind == "heading" else ""
    return Block("", kind, start, end, level, str(open_[-1][0]) if open_ else None, title)


def _definitions(lines: Sequence[str], tokens: Sequence[Token], head: int) -> Iterator[Block]:
    """Link reference definitions leave no token: they are the text that no top-level token covers."""
    covered = set(range(head))
    for token in tokens:
        if token.level == 0 and token.map:
            covered.update(range(*token.map))
    start = None
    for n in range(len(lines) + 1):
        loose = n < len(lines) and n not in covered and not blank(lines[n])
        if loose and start is None:
            start = n
        elif not loose and start is not None:
            yield Block("", "definition", start, n)
            start = None


def _trimmed(blocks: Iterable[Block], lines: Sequence[str], open_fences: set[int]) -> list[Block]:
    """Without the blank lines that a list or table counts behind itself; an open fence keeps all to the end."""
    out: list[Block] = []
    for b in blocks:
        end = b.end
        while end > b.start + 1 and blank(lines[end - 1]) and not (b.kind == "fence" and b.start in open_fences):
            end -= 1
        out.append(b._replace(end=end))
    return out


def _named(blocks: Sequence[Block], head: int, length: int) -> tuple[Block, ...]:
    """Ids, parents and section ends; `top` takes its place after the front matter."""
    numbered = [b._replace(id=f"b{n}") for n, b in enumerate(blocks, 1)]
    nested = [b for b in numbered if b.kind not in {"front_matter", "definition"}]
    headings = [b for b in numbered if b.kind == "heading"]
    first = headings[0].start if headings else length
    ends = _section_ends(headings, length)
    named = [Block(TOP, "top", head, head, section_end=first)]
    for b in numbered:
        parent = nested[int(b.parent)].id if b.parent is not None else None
        named.append(b._replace(parent=parent, section_end=ends.get(b.id, b.end)))
    if head:
        named[:2] = [named[1], named[0]]
    return tuple(named)


def _section_ends(headings: Sequence[Block], length: int) -> dict[str, int]:
    """Of each heading the line of the next one of its level or above: read from the end, lower ones are covered."""
    ends: dict[str, int] = {}
    open_: list[Block] = []
    for heading in reversed(headings):
        while open_ and open_[-1].level > heading.level:
            open_.pop()
        ends[heading.id] = open_[-1].start if open_ else length
        open_.append(heading)
    return ends


def _fences(tokens: Iterable[Token]) -> Iterator[Fence]:
    for token in tokens:
        if token.type == "fence" and token.map:
            start, end = token.map
            inside = token.content.count("\n") + (not token.content.endswith("\n") and bool(token.content))
            yield Fence(start, end, token.markup, token.info.strip(), closed=inside == end - start - 2)


def _line_kinds(tokens: Iterable[Token], length: int, head: int) -> tuple[str, ...]:
    """The innermost kind of each line; inner tokens come later, so the last one wins."""
    kinds: list[str] = ["front_matter"] * head + [""] * (length - head)
    for token in tokens:
        kind = _KINDS.get(token.type)
        if kind and token.map and not (kind == "paragraph" and token.hidden):
            kinds[token.map[0] : token.map[1]] = [kind] * (token.map[1] - token.map[0])
    return tuple(kinds)


@lru_cache(maxsize=64)
def _plain(text: str) -> Outline:
    lines = tuple(split_lines(text))
    blocks = [Block(TOP, "top", 0, 0, section_end=len(lines))]
    if lines:
        blocks.append(Block("b1", "text", 0, len(lines), section_end=len(lines)))
    return Outline(lines, tuple(blocks), (), ("text",) * len(lines))
