"""How a new file is made known: which text links it already, and the line that does where none does."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from pathlib import PurePosixPath
from urllib.parse import quote

from workspace.edits.patch import MAIN
from workspace.released.anchors import words_of
from workspace.skills.links import links, resolve
from workspace.skills.outline import TOP, Outline, headings_in, is_markdown, outline
from workspace.skills.skill import Skill

_SHELVES = {
    "reference", "references", "reference files", "resources", "further reading", "see also", "more", "files",
    "documentation", "additional resources",
}  # fmt: skip


def linked(text: str, file: str, path: str) -> str | None:
    """`text` of `file` if it links `path`; with its first mention of `path` made a link; None if it has neither.

    A mention is the path as a word of running text, or alone in a code span. Fences are never touched.
    """
    if _links(text, file, path):
        return text
    plan = outline(text)
    for n, line in enumerate(plan.lines):
        if plan.kinds[n] not in {"fence", "code", "html"} and (new := _with_link(line, file, path)):
            made = "".join([*plan.lines[:n], new, *plan.lines[n + 1 :]])
            return made if _links(made, file, path) else None
    return None


def link_line(path: str, text: str, file: str = MAIN) -> str:
    """A list item that links `path`, named by the first heading of its `text`, else by its stem."""
    titles = [h.title for h in headings_in(text) if h.title] if is_markdown(path) else []
    words = re.sub(r"[\[\]`*_\\]", "", titles[0]).strip() if titles else ""
    return f"- [{words or PurePosixPath(path).stem}]({_href(file, path)})"


def link_place(skill: Skill) -> str:
    """The section of SKILL.md where a link to a new file belongs.

    Where most links to other files are; else a section named for such links; else the last one.
    """
    plan = outline(skill.body)
    homes = Counter(_section_at(plan, t.line) for t in links(skill.body) if resolve(MAIN, t.href) in skill.files)
    if homes:
        return homes.most_common(1)[0][0]
    shelf = next((h.id for h in plan.headings if words_of(h.title).rstrip(":. ") in _SHELVES), None)
    return shelf or (plan.headings[-1].id if plan.headings else TOP)


def _section_at(plan: Outline, line: int) -> str:
    above = [h.id for h in plan.headings if h.start <= line]
    return above[-1] if above else TOP


def _links(text: str, file: str, path: str) -> bool:
    return path in {resolve(file, target.href) for target in links(text)}


def _with_link(line: str, file: str, path: str) -> str | None:
    href = _href(file, path)
    for name in dict.fromkeys((path, posixpath.relpath(path, posixpath.dirname(file) or "."))):
        code, bare = f"`{name}`", re.compile(rf"(?<![\w/.\-`(\[<:]){re.escape(name)}(?![\w/\-`)\]>])")
        if line.count("`") == 2 * line.count(code) and code in line:
            return line.replace(code, f"[{code}]({href})", 1)
        if "`" not in line and bare.search(line):
            return bare.sub(lambda m: f"[{m[0]}]({href})", line, count=1)
    return None


def _href(file: str, path: str) -> str:
    return quote(posixpath.relpath(path, posixpath.dirname(file) or "."), safe="/.-_~")
