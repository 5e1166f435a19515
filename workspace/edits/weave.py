"""Puts several changes into one text at once: S0's lines stay byte for byte, blank lines go where Markdown needs them.

The text becomes a row of solids (stretches of S0, pieces of edits) with a seam between each two. A seam keeps the
blank lines that S0 has there; it gets one where two pieces would run together, and none inside a tight list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workspace.edits.listing import Style, as_items, style_of, whole_list
from workspace.edits.place import Put
from workspace.skills.outline import Block, Outline, blank, outline

BOM = "\ufeff"
_QUIET = re.compile(r"[ \t]*(?:(?!0*1[.)])\d{1,9}[.)]|[-*+]\s*$|\d{1,9}[.)]\s*$)")


class Written(NamedTuple):
    """Lines `start` to `end` of the result (from 1, both included) that an edit wrote; `end < start` for none."""

    edit: str
    start: int
    end: int


class Woven(NamedTuple):
    """The new text, who wrote each line (None: S0), which line of S0 it is (from 0; None for an edit's and for blank
    lines that moved), and where each edit's own lines are."""

    text: str
    origins: tuple[str | None, ...]
    sources: tuple[int | None, ...]
    written: tuple[Written, ...]


@dataclass
class Solid:
    """Lines that stay together: a stretch of S0 or the text of a put.

    head, tail  the lists that its first and its last line belong to
    ends_in     how its last list would go on, and `open_list` the name of that list
    """

    lines: list[str]
    put: Put | None = None
    head: frozenset[str] = frozenset()
    tail: frozenset[str] = frozenset()
    ends_in: Style | None = None
    open_list: frozenset[str] = frozenset()
    at: int = 0
    in_place: bool = False


class Seam:
    """What S0 has between two solids, in order: runs of blank lines and ranges that are removed."""

    def __init__(self) -> None:
        self.parts: list[list[str] | Put] = []

    @property
    def gone(self) -> list[Put]:
        """The removed ranges."""
        return [part for part in self.parts if isinstance(part, Put)]

    @property
    def runs(self) -> list[list[str]]:
        """The runs of blank lines."""
        return [part for part in self.parts if not isinstance(part, Put)]

    def run_at(self, end: Literal[0, -1]) -> list[str]:
        """The run of blank lines that is the first (0) or the last (-1) part; empty if there is none."""
        part = self.parts[end] if self.parts else []
        return [] if isinstance(part, Put) else part


def weave(plan: Outline, puts: Sequence[Put], markdown: bool = True) -> Woven:
    """`plan.lines` with all of `puts`, which must not conflict. Any order of `puts` gives the same result."""
    bom = bool(plan.lines) and plan.lines[0].startswith(BOM)
    first = plan.lines[0].removeprefix(BOM) if plan.lines else ""
    lines = [first, *plan.lines[1:]] if first else []
    row = _Row(plan, lines, sorted(puts, key=_order))
    row.build()
    if markdown:
        _join_lists(plan, row.solids)
    needs = [_need(plan, row, n) if markdown else 0 for n in range(len(row.seams))]
    _move_blanks(row, needs)
    return _emit(row, needs, _line_end(plan.lines), BOM if bom else "")


def _order(put: Put) -> tuple[object, ...]:
    return (put.start, put.is_range, put.edit) if put.is_range else (put.start, put.is_range, *put.order)


class _Row:
    """Solids and the seams before, between and behind them (`len(seams) == len(solids) + 1`)."""

    def __init__(self, plan: Outline, lines: list[str], puts: Sequence[Put]) -> None:
        self.plan, self.lines = plan, lines
        self.solids: list[Solid] = []
        self.seams: list[Seam] = [Seam()]
        self.groups: list[tuple[int, int]] = []
        self._inserts: dict[int, list[Put]] = {}
        self._ranges: dict[int, Put] = {}
        for put in puts:
            if put.is_range:
                self._ranges.setdefault(put.start, put)
            else:
                self._inserts.setdefault(put.start, []).append(put)
        self._runs = dict(self._open_runs())
        self._stops = {*self._inserts, *self._ranges, *self._runs, len(lines)}

    def build(self) -> None:
        line = 0
        while True:
            first = len(self.solids)
            for put in self._inserts.get(line, ()):
                self._add(Solid(put.text.split("\n"), put, at=line))
            if len(self.solids) > first:
                self.groups.append((first, len(self.solids)))
            if line >= len(self.lines):
                return
            line = self._step(line)

    def _step(self, line: int) -> int:
        if put := self._ranges.get(line):
            self._take(put)
            return put.end
        if end := self._runs.get(line):
            self.seams[-1].parts.append(self.lines[line:end])
            return end
        end = min(stop for stop in self._stops if stop > line)
        lists = self.plan.lists_at
        self._add(Solid(self.lines[line:end], head=lists(line), tail=lists(end - 1), at=end - 1))
        return end

    def _take(self, put: Put) -> None:
        match put.how:
            case "replace":
                self._add(Solid(put.text.split("\n"), put, at=put.start))
            case "relink":
                lists = self.plan.lists_at(put.start)
                self._add(Solid([put.text], put, head=lists, tail=lists, at=put.start, in_place=True))
            case _:
                self.seams[-1].parts.append(put)

    def _add(self, solid: Solid) -> None:
        self.solids.append(solid)
        self.seams.append(Seam())

    def _open_runs(self) -> Iterator[tuple[int, int]]:
        """Runs of blank lines next to a change: from their first line to behind their last."""
        starts = set(self._inserts) | {put.end for put in self._ranges.values()}
        for start in starts:
            end = start
            while end < len(self.lines) and blank(self.lines[end]):
                end += 1
            if end > start:
                yield start, end
        for stop in self._ranges:
            start = self.plan.back(stop)
            if start < stop:
                yield start, stop


def _join_lists(plan: Outline, solids: Sequence[Solid]) -> None:
    """Pieces that are list items take the style of the list beside them and become part of it."""
    for n, solid in enumerate(solids):
        left = solids[n - 1] if n else None
        if not solid.put:
            _end_in_list(plan, solid)
        elif solid.in_place:
            continue
        elif solid.put.within:
            _become_items(plan, solid, solid.put, left)
        else:
            _maybe_join(plan, solids, n)


def _become_items(plan: Outline, solid: Solid, put: Put, left: Solid | None) -> None:
    name = put.within or ""
    before = put.how in {"insert_before", "replace"}
    anchor = put.anchor[0] if put.anchor[0] != name else None
    style = style_of(plan, name, anchor, before)
    if style is None:
        return
    together = left is not None and left.put is not None and left.put.within == name and left.at == solid.at
    if together and left and left.ends_in and style.ordered:
        style = style._replace(number=left.ends_in.number)
    solid.lines, count = as_items(put.text, style)
    solid.ends_in = style.after(count)
    solid.open_list = frozenset({name})
    start = next((b.start for b in plan.blocks if b.id == name), 0)
    solid.head = solid.tail = plan.lists_at(start)


def _maybe_join(plan: Outline, solids: Sequence[Solid], n: int) -> None:
    solid = solids[n]
    text = "\n".join(solid.lines)
    own = outline(text)
    last = [b for b in own.blocks if b.parent is None and b.kind != "top"][-1:]
    name = f"piece {n}"
    if last and last[0].kind == "list":
        solid.ends_in = style_of(own, last[0].id)
        solid.tail = solid.open_list = frozenset({name})
    whole = whole_list(text)
    style = style_of(own, whole) if whole else None
    if not style or (solid.put and solid.put.how == "replace"):
        return
    solid.head = frozenset({name})
    left = solids[n - 1] if n else None
    if left and left.ends_in and left.ends_in.ordered == style.ordered:
        _join(solid, left.ends_in, left.open_list)
    elif right := _list_on_the_right(plan, solids[n + 1 :]):
        beside = style_of(plan, right.id, before=True)
        if beside and beside.ordered == style.ordered:
            _join(solid, beside, frozenset({right.id}))


def _join(solid: Solid, style: Style, lists: frozenset[str]) -> None:
    lines, count = as_items("\n".join(solid.lines), style)
    solid.lines, solid.ends_in = lines, style.after(count)
    solid.head = solid.tail = solid.open_list = lists


def _end_in_list(plan: Outline, solid: Solid) -> None:
    """A stretch that ends in a list leaves it open for the piece behind it."""
    outer = next((b for b in plan.blocks if b.id in solid.tail and b.level == 1), None)
    if outer:
        solid.ends_in, solid.open_list = style_of(plan, outer.id), frozenset({outer.id})


def _list_on_the_right(plan: Outline, solids: Sequence[Solid]) -> Block | None:
    """The outermost list of S0 that the next stretch begins with, over pieces that are lists themselves."""
    for solid in solids:
        if not solid.put:
            return next((b for b in plan.blocks if b.id in solid.head and b.level == 1), None)
        if not whole_list(solid.put.text):
            return None
    return None


def _need(plan: Outline, row: _Row, n: int) -> int:
    """How many blank lines the seam before solid `n` needs at least."""
    if n == 0 or n == len(row.solids):
        return 0
    left, right = row.solids[n - 1], row.solids[n]
    if shared := left.tail & right.head:
        return int(_loose(plan, left, right, shared) or _begins_quietly(left, right))
    if left.in_place or right.in_place or any(put.inside for put in row.seams[n].gone):
        return 0
    return 0 if _fits(plan, left, right) else 1


def _loose(plan: Outline, left: Solid, right: Solid, shared: frozenset[str]) -> bool:
    inner = max((b for b in plan.blocks if b.id in shared), key=lambda b: b.start, default=None)
    if inner and (style := style_of(plan, inner.id)):
        return style.loose
    beside = left.ends_in or right.ends_in
    return bool(beside and beside.loose)


def _begins_quietly(left: Solid, right: Solid) -> bool:
    """A nested list whose first item is gone may begin with one that cannot end the text above: `2.`, or no words."""
    return bool(right.head - left.tail) and _QUIET.match(right.lines[0]) is not None


def _fits(plan: Outline, left: Solid, right: Solid) -> bool:
    """May a replacement stand as close to its neighbour as what it replaces did? Only if it is of the same kind."""
    for solid, other, edge in ((right, left, 0), (left, right, -1)):
        if solid.put and solid.put.how == "replace" and not other.put:
            old = plan.block(solid.put.anchor[edge])
            new = [b for b in outline("\n".join(solid.lines)).blocks if b.parent is None and b.kind != "top"]
            underlined = new[edge].kind == "heading" and new[edge].end - new[edge].start > 1 if new else True
            kind = "list" if old and old.kind == "item" else old.kind if old else ""
            return bool(new) and kind == new[edge].kind and not underlined
    return False


def _move_blanks(row: _Row, needs: Sequence[int]) -> None:
    """The blank lines behind an insertion serve the first seam of its group that needs one."""
    for first, end in row.groups:
        behind = row.seams[end]
        takers = [row.seams[n] for n in range(first, end) if needs[n] and not row.seams[n].runs]
        if behind.run_at(0) and takers:
            takers[0].parts.append(behind.parts.pop(0))


def _emit(row: _Row, needs: Sequence[int], line_end: str, bom: str) -> Woven:
    lines: list[str] = []
    origins: list[str | None] = []
    sources: list[int | None] = []
    written: list[Written] = []

    def add(line: str, origin: str | None, source: int | None = None) -> None:
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += line_end
        if lines and lines[-1].endswith("\r") and line == "\n":
            line = "\r"
        lines.append(line)
        origins.append(origin)
        sources.append(source)

    for n, seam in enumerate(row.seams):
        for put in seam.gone:
            written.append(Written(put.edit, len(lines) + 1, len(lines)))
        kept = _kept(row, n)
        for line in kept:
            add(line, None)
        for _ in range(needs[n] if not kept else 0):
            add(line_end, _author(row, n))
        if n < len(row.solids):
            solid = row.solids[n]
            if not solid.put:
                for source, line in enumerate(solid.lines, solid.at + 1 - len(solid.lines)):
                    add(line, None, source)
            else:
                for line in solid.lines:
                    add(line.rstrip("\r\n") + line_end, solid.put.edit)
                written.append(Written(solid.put.edit, len(lines) - len(solid.lines) + 1, len(lines)))
    return Woven(bom + "".join(lines) if lines else "", tuple(origins), tuple(sources), tuple(written))


def _kept(row: _Row, n: int) -> list[str]:
    """The blank lines of S0 that stay in a seam: one run of them, none that a removed first or last block leaves."""
    seam = row.seams[n]
    if not seam.gone:
        return [line for run in seam.runs for line in run]
    if n == len(row.solids):
        return seam.run_at(-1)
    if n == 0:
        return seam.run_at(0)
    return seam.runs[0] if seam.runs else []


def _author(row: _Row, n: int) -> str | None:
    beside = [row.solids[n].put, *row.seams[n].gone, row.solids[n - 1].put]
    return next((put.edit for put in beside if put), None)


def _line_end(lines: Sequence[str]) -> str:
    """The line end that most lines have."""
    ends = Counter(line[len(line.rstrip("\r\n")) :] for line in lines)
    ends.pop("", None)
    return ends.most_common(1)[0][0] if ends else "\n"
