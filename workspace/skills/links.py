"""Links from one file of a skill to another, and what deleting a file does to them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from markdown_it.token import Token

from workspace.skills.outline import Outline, is_markdown, outline, reader
from workspace.skills.skill import Skill, front_matter_end, split_lines

_INLINE = re.compile(r"!?\[([^\]]*)\]\(\s*<?([^)\s>]*)>?[^)]*\)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Target(NamedTuple):
    """A Markdown link or image; `line` counts from 0."""

    line: int
    href: str


class LinkLine(NamedTuple):
    """A line that leads to a file; `text` is what is left of it without the link, "" when the line goes.

    `inside` marks a line that goes out of the middle of a block (a table row).
    """

    file: str
    line: int
    text: str
    inside: bool


@lru_cache(maxsize=128)
def links(text: str) -> tuple[Target, ...]:
    """All links and images of a Markdown text, in order. Those in fences and code spans are none."""
    lines = split_lines(text)
    head = max(front_matter_end(lines), 0)
    body = "".join(["\n"] * head + lines[head:])
    tokens = reader().parse(body)
    return tuple(target for token in tokens if token.type == "inline" for target in _targets(token, lines))


def resolve(file: str, href: str) -> str | None:
    """The path in the skill that `href` in `file` means; None for another host or a place in the same file."""
    if _SCHEME.match(href) or href.startswith(("#", "//")) or not href:
        return None
    path = unquote(re.split(r"[#?]", href, maxsplit=1)[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else None


def mentions(text: str, path: str) -> bool:
    """Does `text` name `path`, as a whole word, anywhere?"""
    return path in text and re.search(rf"(?<![\w/-]){re.escape(path)}(?![\w/-])", text) is not None


def links_to(skill: Skill, path: str) -> Iterator[LinkLine]:
    """Every line that links or (outside code) names `path`, and what shall become of it.

    A paragraph, list item or table row of one line goes; in longer text the link becomes its words.
    """
    for file, text in skill.texts():
        if file == path or not is_markdown(file):
            continue
        plan = outline(text)
        linked = {t.line for t in links(text) if resolve(file, t.href) == path}
        for n, line in enumerate(plan.lines):
            named = plan.kinds[n] not in {"fence", "code", "front_matter"} and mentions(line, path)
            if n in linked or named:
                yield from _without(plan, file, n, path)


def _without(plan: Outline, file: str, line: int, path: str) -> Iterator[LinkLine]:
    alone = any(b.start == line and b.end == line + 1 for b in plan.blocks if b.kind not in {"list", "table", "html"})
    table = next((b for b in plan.blocks if b.kind == "table" and b.start + 2 <= line < b.end), None)
    if alone or table:
        yield LinkLine(file, line, "", inside=table is not None)
        return
    old = plan.lines[line]
    new = _INLINE.sub(lambda m: m[1] if resolve(file, m[2]) == path else m[0], old)
    if new != old:
        yield LinkLine(file, line, new, inside=True)


def _targets(token: Token, lines: list[str]) -> Iterator[Target]:
    first, end = token.map or (0, 0)
    line = first
    for child in token.children or []:
        if child.type in {"softbreak", "hardbreak"}:
            line += 1
        href = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
        if isinstance(href, str) and child.type in {"link_open", "image"}:
            plain = unquote(href)
            yield Target(next((n for n in range(line, end) if plain in unquote(lines[n])), line), plain)
