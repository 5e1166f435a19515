"""List items as text: what an edit says becomes an item in the style of the list it joins."""

from __future__ import annotations

import re
from typing import NamedTuple

from workspace.skills.outline import Block, Outline, blank, outline

_MARKER = re.compile(r"(?P<indent>[ \t]*)(?P<mark>[-*+]|(?P<number>\d{1,9})(?P<delim>[.)]))(?P<pad>[ \t]+|$)")


class Style(NamedTuple):
    """How a list writes an item. `number` is that of the next item, None for bullets; `step` 0 where all are alike."""

    indent: str
    bullet: str
    number: int | None
    pad: str
    step: int
    loose: bool

    @property
    def ordered(self) -> bool:
        """Numbers, not bullets."""
        return self.number is not None

    @property
    def marker(self) -> str:
        """The next item's marker."""
        return self.bullet if self.number is None else f"{self.number}{self.bullet}"

    def after(self, items: int) -> Style:
        """The style once `items` more are written."""
        return self if self.number is None else self._replace(number=self.number + items * self.step)


def style_of(plan: Outline, name: str, item: str | None = None, before: bool = False) -> Style | None:
    """How the list `name` would write an item behind `item` (default: its last), or in its place if `before`."""
    items = items_of(plan, name)
    at = next((b for b in items if b.id == item), items[0] if before and items else items[-1] if items else None)
    found = _MARKER.match(plan.lines[at.start].removeprefix("\ufeff").rstrip("\r\n")) if at else None
    if not found:
        return None
    loose = any(blank(plan.lines[b.end]) for b in items[:-1])
    number, step = None, 0
    if found["number"]:
        step = 0 if len(_numbers(plan, items)) == 1 < len(items) else 1
        number = int(found["number"]) + (0 if before else step)
    pad = found["pad"] if found["pad"] in {" ", "  ", "   "} else " "
    return Style(found["indent"], found["delim"] or found["mark"], number, pad, step, loose)


def items_of(plan: Outline, name: str) -> list[Block]:
    """The items of the list `name`."""
    return [b for b in plan.blocks if b.kind == "item" and b.parent == name]


def whole_list(text: str) -> str | None:
    """The id of the one list that `text` consists of; None for any other text."""
    plan = outline(text)
    outer = [b for b in plan.blocks if b.parent is None and b.kind != "top"]
    return outer[0].id if len(outer) == 1 and outer[0].kind == "list" else None


def as_items(text: str, style: Style) -> tuple[list[str], int]:
    """The lines of `text` as items in `style`, and how many items they are: those of a list, else one."""
    plan = outline(text)
    name = whole_list(text)
    contents = [_content(plan, b) for b in items_of(plan, name)] if name else [text.split("\n")]
    lines: list[str] = []
    for number, content in enumerate(contents):
        now = style.after(number)
        lead = f"{now.indent}{now.marker}{now.pad}"
        hang = now.indent + " " * (len(lead) - len(now.indent))
        if lines and style.loose:
            lines.append("")
        lines.append((lead + content[0]).rstrip() if not content[0] else lead + content[0])
        lines.extend(hang + line if not blank(line) else "" for line in content[1:])
    return lines, len(contents)


def _numbers(plan: Outline, items: list[Block]) -> set[str]:
    found = (_MARKER.match(plan.lines[b.start].removeprefix("\ufeff")) for b in items)
    return {m["number"] for m in found if m}


def _content(plan: Outline, item: Block) -> list[str]:
    """The lines of an item without its marker and hanging indent."""
    raw = [line.rstrip("\r\n") for line in plan.lines[item.start : item.end]]
    found = _MARKER.match(raw[0])
    if not found:
        return raw
    pad = found["pad"]
    width = found.end() if 1 <= len(pad) <= 4 and found.end() < len(raw[0]) else found.end() - len(pad) + 1
    return [raw[0][width:], *(_outdent(line, width) for line in raw[1:])]


def _outdent(line: str, width: int) -> str:
    if line.startswith("\t"):
        return line[1:]
    return line[min(width, len(line) - len(line.lstrip(" "))) :]
