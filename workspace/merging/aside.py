"""The page for what fewer runs support, or for what SKILL.md has no room for: `references/less-common.md`. Pure.

Edits that stand aside keep their identity: each line of the page knows the edit it came from. A page of an earlier
round is gone on with; a full one is followed by the next.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from workspace.edits.patch import AddSection, AppendToSection, Create, Edit, InsertAfter, InsertBefore, Link
from workspace.edits.place import Refusal, clean, place
from workspace.skills.links import links, resolve
from workspace.skills.outline import TOP, Outline, is_markdown, outline, outline_of
from workspace.skills.skill import Skill, split_lines

FOLDER = "references"
STEM = "less-common"
TITLE = "Less common cases"
INTRO = "What fewer tasks have shown. Look here when a task is unusual."
FULL = 280  # lines; a reference has fewer than 300
RULE_SECTIONS = ("rules", "gotchas", "conventions", "guidelines", "instructions", "how to", "what to do")


class Aside(NamedTuple):
    """`edits` put everything aside; `page` says where each given edit stands (edit id → file). `writers` has for each
    file that is made a row a line: the id of the edit that the line came from, None for the page's own words."""

    edits: tuple[Edit, ...]
    page: Mapping[str, str]
    writers: Mapping[str, tuple[str | None, ...]]


class _Piece(NamedTuple):
    """The text of one edit, below the title of the section it was meant for."""

    edit: Edit
    title: str
    lines: tuple[str, ...]


def put_aside(skill: Skill, edits: Sequence[Edit], name: Iterator[str], full: int = FULL) -> Aside:
    """The edits that put `edits` (of which each `may_stand_aside`) on pages beside SKILL.md, best supported first.

    `name` gives ids for what the program adds, `full` is how many lines a page may have. Raises `ValueError` for an
    edit that cannot stand aside.
    """
    pieces = [_piece(skill, edit) for edit in sorted(edits, key=lambda e: (-len(e.support), e.id))]
    out: list[Edit] = []
    page: dict[str, str] = {}
    writers: dict[str, tuple[str | None, ...]] = {}
    for path in _paths():
        if not pieces:
            break
        text = skill.text(path)
        if text is None:
            taken, pieces = _that_fit(pieces, full)
            rows = _rows(taken)
            out.append(_page(skill, path, rows, [p.edit for p in taken], next(name)))
            writers[path] = tuple(row.edit for row in rows)
        else:
            taken, pieces = _that_fit(pieces, full - len(split_lines(text)), none=True)
            out += [_added(path, outline_of(path, text), piece) for piece in taken]
        page |= {piece.edit.id: path for piece in taken}
    return Aside(tuple(out), page, writers)


def is_page(path: str) -> bool:
    """Is it a page that `put_aside` makes or goes on with?"""
    return re.fullmatch(rf"{FOLDER}/{STEM}(-\d+)?\.md", path) is not None


def rule_section(skill: Skill) -> str | None:
    """The id of the first heading of SKILL.md whose title speaks of rules."""
    headings = [b for b in outline(skill.body).blocks if b.kind == "heading"]
    return next((b.id for wanted in RULE_SECTIONS for b in headings if wanted in (b.title or "").lower()), None)


def _paths() -> Iterator[str]:
    yield f"{FOLDER}/{STEM}.md"
    for number in count(2):
        yield f"{FOLDER}/{STEM}-{number}.md"


# --- the text of one edit ------------------------------------------------------------------------------------------


def _piece(skill: Skill, edit: Edit) -> _Piece:
    """Headings become bold lines, since the page has headings of its own; relative links still lead where they did."""
    file = edit.path if isinstance(edit, Create) else edit.file
    text = _relinked(_without_headings(_text(edit)), file)
    return _Piece(edit, _title(skill, edit), tuple(clean(text).split("\n")))


def _text(edit: Edit) -> str:
    if isinstance(edit, InsertAfter | InsertBefore | AppendToSection | AddSection):
        return edit.text
    if isinstance(edit, Create):
        lines = clean(edit.text).split("\n")
        return "\n".join(lines[1:]) if re.match(r"# ", lines[0]) else "\n".join(lines)
    raise ValueError(f"{edit.op} cannot stand aside")


def _title(skill: Skill, edit: Edit) -> str:
    """Of the section of SKILL.md the text was meant for; empty where that is none."""
    if isinstance(edit, AddSection):
        return " ".join(edit.title.split()).strip("# ")
    if isinstance(edit, Create):
        return _first_title(edit)
    plan = outline_of(edit.file, skill.text(edit.file) or "")
    name = edit.section if isinstance(edit, AppendToSection) else getattr(edit, "block", TOP)
    heading = plan.block(plan.section_of(name)) if plan.block(name) else None
    return heading.title if heading else ""


def _first_title(edit: Create) -> str:
    heads = outline(edit.text).headings if is_markdown(edit.path) else ()
    stem = posixpath.splitext(posixpath.basename(edit.path))[0]
    return heads[0].title if heads and heads[0].title else stem.replace("-", " ").replace("_", " ").capitalize()


def _without_headings(text: str) -> str:
    lines = text.split("\n")
    for h in reversed(outline(text).headings):
        gap = [""] if lines[h.end : h.end + 1] and lines[h.end].strip() else []
        lines[h.start : h.end] = [f"**{h.title}**", *gap] if h.title else []
    return "\n".join(lines)


def _relinked(text: str, file: str) -> str:
    for href in {target.href for target in links(text)}:
        if (path := resolve(file, href)) is not None:
            tail = href[len(re.split(r"[#?]", href, maxsplit=1)[0]) :]
            text = text.replace(f"]({href}", f"]({posixpath.relpath(path, FOLDER)}{tail}")
    return text


# --- pages ---------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    text: str
    edit: str | None


def _that_fit(pieces: Sequence[_Piece], room: int, *, none: bool = False) -> tuple[list[_Piece], list[_Piece]]:
    """The first pieces that have room on a page (at least one, unless `none` will do), and the others."""
    taken: list[_Piece] = []
    above: dict[str, _Piece] = {}
    room -= 4
    for piece in pieces:
        before = above.get(piece.title.casefold())
        close = before is not None and _is_list(before) and _is_list(piece)
        room -= len(piece.lines) + (not close) + 2 * (before is None)
        if room < 0 and (taken or none):
            break
        taken.append(piece)
        above[piece.title.casefold()] = piece
    return taken, list(pieces[len(taken) :])


def _rows(pieces: Sequence[_Piece]) -> list[_Row]:
    rows = [_Row(f"# {TITLE}", None), _Row("", None), _Row(INTRO, None)]
    titles = list(dict.fromkeys(piece.title.casefold() for piece in pieces))
    for title in titles:
        group = [piece for piece in pieces if piece.title.casefold() == title]
        if group[0].title:
            rows += [_Row("", None), _Row(f"## {group[0].title}", None)]
        for n, piece in enumerate(group):
            close = n > 0 and _is_list(piece) and _is_list(group[n - 1])
            rows += [] if close else [_Row("", None)]
            rows += [_Row(line, piece.edit.id) for line in piece.lines]
    return rows


def _is_list(piece: _Piece) -> bool:
    return all(line.startswith(("- ", "  ")) for line in piece.lines)


def _page(skill: Skill, path: str, rows: Sequence[_Row], edits: Sequence[Edit], name: str) -> Edit:
    """A new page and its link. It claims no support of its own, so that its link stands below the rules."""
    label = TITLE if path == f"{FOLDER}/{STEM}.md" else f"{TITLE}, {posixpath.splitext(path)[0].rsplit('-', 1)[-1]}"
    text = f"- {label}: [{path}]({path})"
    made = [
        Create(
            id=name, path=path, text="\n".join(row.text for row in rows) + "\n", author="program", sources=(name,),
            lessons=tuple(lesson for edit in edits for lesson in edit.lessons), reason="what fewer tasks support",
            link=Link(op="append_to_section", block=section, text=text),
        )
        for section in _sections(skill)
    ]  # fmt: skip
    return next((edit for edit in made if not isinstance(place(skill, edit), Refusal)), made[0])


def _sections(skill: Skill) -> list[str]:
    """Where a link may stand, the best place first."""
    headings = [h.id for h in outline(skill.body).headings]
    best = [section] if (section := rule_section(skill)) else []
    return list(dict.fromkeys([*best, *reversed(headings), TOP]))


def _added(path: str, plan: Outline, piece: _Piece) -> Edit:
    """To a page that is there already: below the heading of that title, else as a section of its own."""
    same = [h for h in plan.headings if h.title.casefold() == piece.title.casefold()]
    kept = piece.edit.model_dump(include=set(AppendToSection.model_fields) - {"op", "file", "section", "text"})
    text = "\n".join(piece.lines)
    if not piece.title or len(same) == 1:
        section = same[0].id if same else plan.headings[0].id if plan.headings else TOP
        return AppendToSection(file=path, section=section, text=text, **kept)
    return AddSection(file=path, title=piece.title, text=text, **kept)
