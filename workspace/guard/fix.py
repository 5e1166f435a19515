"""Mend in a skill what is certain, and nothing else: whoever reads it before and after sees the same words.

    byte order mark      no reader shows it, and strict ones do not see the front matter behind it
    CR LF                Markdown reads both line ends alike; the specification wants LF
    control characters   only those that neither draw, move, break nor begin anything, between letters, digits and
                         blanks (elsewhere they may keep `]` and `(` apart). ESC and its kind stay for a person, and
                         so do U+0080–U+009F, which mostly are quotation marks gone wrong
    dead links           only where one file differs from the link by nothing but case or backslashes
    empty headings       only a `##` without words whose section holds nothing, not even a heading

Only Markdown files are touched: in data a mark or a CR LF may be meant. Where mending would change what a line of the
file is (text, list, code, …), it is left to a person.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from workspace.errors import ChangedMeanwhile
from workspace.files import read_bytes, write_bytes
from workspace.guard.hazards import line_at
from workspace.guard.rules_skill import dead_links
from workspace.skills.links import Target, links, resolve
from workspace.skills.outline import Block, Outline, blank, is_markdown, outline
from workspace.skills.skill import Skill, split_lines

SURE = re.compile("[\x01-\x07\x10-\x1a\x7f]")
_ALONE = re.compile(rf"(?<![^\w\s]|[_\r]){SURE.pattern}+(?![^\w\s]|_)")
_BEGINS = re.compile("[\x1b\x80-\x9f]")
_CR_LF = re.compile(r"(?<!\r)\r\n")
_HREF = re.compile(r"(?<=\]\()(\s*<?)([^)\s<>#?%]+)")
_PLAIN_PATH = re.compile(r"[\w./-]+")


class Fix(NamedTuple):
    """What was mended: the rule it broke, the file, the line (from 1) it stood on, and a sentence."""

    rule: str
    file: str
    line: int
    message: str


class Fixed(NamedTuple):
    """The skill with everything mended, equal to the one given where there was nothing to do."""

    skill: Skill
    fixes: tuple[Fix, ...]


class _Mended(NamedTuple):
    text: str
    fixes: list[Fix]
    gone: frozenset[str] = frozenset()


def fixed(skill: Skill, but: frozenset[str] = frozenset()) -> Fixed:
    """Mend `skill`; the files in `but` stay as they are. Mending once more changes nothing."""
    out: list[Fix] = []
    for file in [file for file, _ in skill.texts() if is_markdown(file) and file not in but]:
        for mend in (_without_mark, _with_lf, _without_controls, _with_links, _without_empty_headings):
            text = skill.text(file) or ""
            mended = mend(skill, file, text)
            if mended.fixes and _shape(text, mended.gone) == _shape(mended.text):
                out += mended.fixes
                skill = skill.with_file(file, mended.text)
    return Fixed(skill, tuple(sorted(out, key=lambda fix: (fix.file, fix.line, fix.message))))


def save_fixed(folder: Path, before: Skill, after: Skill) -> None:
    """Write the files in which `after` differs, each in one step and with its permissions; the others stay untouched.

    The folder is not swapped as a whole, because it may hold hidden files, which are no part of the skill. Raises
    `ChangedMeanwhile` before anything is written when a file is no longer that of `before`, and `DiskError`.
    """
    changed = [(folder / file, text) for file, text in after.texts() if before.text(file) != text]
    for path, _ in changed:
        if read_bytes(path) != (before.text(path.relative_to(folder).as_posix()) or "").encode():
            raise ChangedMeanwhile(f"{path} has changed meanwhile; nothing was mended, run the command again")
    for path, text in changed:
        write_bytes(path, text.encode(), path.stat().st_mode & 0o7777)


def _without_mark(skill: Skill, file: str, text: str) -> _Mended:
    fix = Fix("encoding", file, 1, "byte order mark taken out")
    return _Mended(text.lstrip("\ufeff"), [fix] if text.startswith("\ufeff") else [])


def _with_lf(skill: Skill, file: str, text: str) -> _Mended:
    found = list(_CR_LF.finditer(text))
    what = f"{len(found)} line end{'s' if len(found) > 1 else ''} changed from CR LF to LF"
    return _Mended(_CR_LF.sub("\n", text), [Fix("encoding", file, line_at(text, f.start()), what) for f in found[:1]])


def _without_controls(skill: Skill, file: str, text: str) -> _Mended:
    if _BEGINS.search(text):
        return _Mended(text, [])
    lines = [(line_at(text, run.start()), ord(one)) for run in _ALONE.finditer(text) for one in run[0]]
    told = [Fix("control", file, n, f"control character U+{code:04X} taken out") for n, code in dict.fromkeys(lines)]
    return _Mended(_ALONE.sub("", text), told)


def _with_links(skill: Skill, file: str, text: str) -> _Mended:
    dead = {found.line - 1 for found in dead_links(skill, file, text)}
    lines = split_lines(text)
    hrefs = {k: target.href for k, target in enumerate(links(text))}
    fixes: list[Fix] = []
    for n in sorted(dead):
        for target in dict.fromkeys(t for t in links(text) if t.line == n):
            path = _path(target)
            new = _right_path(skill, file, path)
            if new and _named(lines[n], path) == sum(_path(t) == path for t in links(text) if t.line == n):
                lines[n] = _HREF.sub(lambda m, old=path, now=new: m[1] + (now if m[2] == old else m[2]), lines[n])
                fixes.append(Fix("dead-link", file, n + 1, f"link {path} changed to {new}"))
                here = [k for k, t in enumerate(links(text)) if t.line == n and _path(t) == path]
                hrefs |= {k: new + hrefs[k].removeprefix(path) for k in here}
    mended = "".join(lines)
    # Code over several lines hides on which of them a link stands: then it is the code that was changed.
    same = [target.href for target in links(mended)] == list(hrefs.values())
    return _Mended(mended, fixes) if same else _Mended(text, [])


def _path(target: Target) -> str:
    return re.split(r"[#?]", target.href, maxsplit=1)[0]


def _named(line: str, path: str) -> int:
    return sum(found[2] == path for found in _HREF.finditer(line))


def _right_path(skill: Skill, file: str, path: str) -> str | None:
    """The link as it should be, when one file differs from it only by case or backslashes."""
    meant = resolve(file, path.replace("\\", "/"))
    if meant is None or resolve(file, path) in skill.files or unquote(path) != path:
        return None
    near = [name for name in skill.files if name.casefold() == meant.casefold()]
    if len(near) != 1 or not _PLAIN_PATH.fullmatch(near[0]):
        return None
    right = posixpath.relpath(near[0], posixpath.dirname(file) or ".")
    return right if right.casefold() == path.replace("\\", "/").casefold() else None


def _without_empty_headings(skill: Skill, file: str, text: str) -> _Mended:
    plan = outline(text)
    gone = list(_empty_headings(plan))
    cut = {n for heading in gone for n in _lines_of(plan, heading)}
    kept = "".join(line for n, line in enumerate(plan.lines) if n not in cut)
    told = [Fix("headings", file, h.start + 1, "heading without words taken out, nothing stood under it") for h in gone]
    return _Mended(kept, told, frozenset(h.id for h in gone))


def _empty_headings(plan: Outline) -> Iterator[Block]:
    """From the last to the first, so that a heading over nothing but such headings is one as well."""
    next_start, next_level = len(plan.lines), 0
    for heading in reversed(plan.headings):
        wordless = not plan.lines[heading.start].strip("# \t\r\n") and heading.end == heading.start + 1
        holds = any(not blank(line) for line in plan.lines[heading.end : next_start])
        if wordless and not holds and next_level <= heading.level:
            yield heading
        else:
            next_level = heading.level
        next_start = heading.start


def _lines_of(plan: Outline, heading: Block) -> range:
    """The heading's line with the blank ones behind it, or before it at the end of the text."""
    end = heading.end
    while end < len(plan.lines) and blank(plan.lines[end]):
        end += 1
    if end == len(plan.lines):
        return range(plan.back(heading.start), end)
    free = heading.start == 0 or blank(plan.lines[heading.start - 1])
    return range(heading.start, end if free else heading.end)


def _shape(text: str, but: frozenset[str] = frozenset()) -> tuple[int, list[tuple[str, int]]]:
    """Blocks and links of a text: equal before and after, or mending has changed more than it should."""
    blocks = [(b.kind, b.level) for b in outline(text).blocks if b.id not in but and b.kind != "top"]
    return len(links(text)), blocks
