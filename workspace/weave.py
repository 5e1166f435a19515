"""Puts several changes into one text at once: S0's lines stay byte for byte, blank lines go where Markdown needs them.

The text becomes a row of solids (stretches of S0, pieces of edits) with a seam between each two. A seam keeps the
blank lines that S0 has there; it gets one where two pieces would run together, and none inside a tight list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workspace.listing import Style, as_items, style_of, whole_list
from workspace.outline import Block, Outline, blank, outline
from workspace.place import Put

BOM = "\ufeff"


class Written(NamedTuple):
    """Lines `start` to `end` of the result (from 1, both included) that an edit wrote; `end < start` for none."""

    edit: str
    start: int
    end: int


class Woven(NamedTuple):
    """The new text, who wrote each line (None: S0), and where each edit's own lines are."""

    text: str
    origins: tuple[str | None, ...]
    written: tuple[Written, ...]


@dataclass
class Solid:
    """A stretch of lines that stay together. `lists` are those that its first and its last line belong to."""

    lines: list[str]
    put: Put | None = None
    head: frozenset[str] = frozenset()
    tail: frozenset[str] = frozenset()
    ends_in: Style | None = None
    at: int = 0
    in_place: bool = False


@dataclass
class Seam:
    """What S0 has between two solids: runs of blank lines, and removed ranges (`gone`), in order."""

    runs: list[list[str]] = field(default_factory=lambda: [])
    gone: list[Put] = field(default_factory=lambda: [])
    fresh_runs: int = 0
    """How many of the runs stand behind the last removed range."""


def weave(plan: Outline, puts: Sequence[Put], markdown: bool = True) -> Woven:
    """`plan.lines` with all of `puts`, which must not conflict. Any order of `puts` gives the same result."""
    bom = bool(plan.lines) and plan.lines[0].startswith(BOM)
    lines = [plan.lines[0].removeprefix(BOM), *plan.lines[1:]] if plan.lines else []
    row = _Row(plan, lines, sorted(puts, key=lambda p: p.order if not p.is_range else (0, 0, 0, p.edit)))
    row.build()
    if markdown:
        _join_lists(plan, row.solids)
    needs = [_need(plan, row, n) if markdown else 0 for n in range(len(row.seams))]
    _move_blanks(row, needs)
    return _emit(row, needs, _line_end(plan.lines), BOM if bom else "")


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
            self.seams[-1].runs.append(self.lines[line:end])
            self.seams[-1].fresh_runs += 1
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
                self.seams[-1].gone.append(put)
                self.seams[-1].fresh_runs = 0

    def _add(self, solid: Solid) -> None:
        self.solids.append(solid)
        self.seams.append(Seam())

    def _open_runs(self) -> Iterator[tuple[int, int]]:
        """Runs of blank lines next to a change: from their first line to behind their last."""
        starts = {p for p in self._inserts} | {put.end for put in self._ranges.values()}
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
        if not solid.put or solid.in_place:
            if not solid.put:
                solid.ends_in = _tail_style(plan, solid)
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
    start = next((b.start for b in plan.blocks if b.id == name), 0)
    solid.head = solid.tail = plan.lists_at(start)


def _maybe_join(plan: Outline, solids: Sequence[Solid], n: int) -> None:
    solid = solids[n]
    text = "\n".join(solid.lines)
    own = outline(text)
    last = [b for b in own.blocks if b.parent is None and b.kind != "top"][-1:]
    name = f"piece {n}"
    if last and last[0].kind == "list":
        solid.ends_in, solid.tail = style_of(own, last[0].id), frozenset({name})
    whole = whole_list(text)
    style = style_of(own, whole) if whole else None
    if not style or (solid.put and solid.put.how == "replace"):
        return
    solid.head = frozenset({name})
    left = solids[n - 1] if n else None
    if left and left.ends_in and left.ends_in.ordered == style.ordered:
        _join(solid, left.ends_in, left.tail)
    elif right := _list_on_the_right(plan, solids[n + 1 :]):
        beside = style_of(plan, right.id, before=True)
        if beside and beside.ordered == style.ordered:
            _join(solid, beside, frozenset({right.id}))


def _join(solid: Solid, style: Style, lists: frozenset[str]) -> None:
    lines, count = as_items("\n".join(solid.lines), style)
    solid.lines, solid.ends_in, solid.head, solid.tail = lines, style.after(count), lists, lists


def _tail_style(plan: Outline, solid: Solid) -> Style | None:
    outer = next((b for b in plan.blocks if b.kind == "list" and b.level == 1 and b.start <= solid.at < b.end), None)
    return style_of(plan, outer.id) if outer and solid.at == outer.end - 1 else None


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
        return int(_loose(plan, left, right, shared))
    if left.in_place or right.in_place or any(put.inside for put in row.seams[n].gone):
        return 0
    return 0 if _fits(plan, left, right) else 1


def _loose(plan: Outline, left: Solid, right: Solid, shared: frozenset[str]) -> bool:
    inner = max((b for b in plan.blocks if b.id in shared), key=lambda b: b.start, default=None)
    if inner and (style := style_of(plan, inner.id)):
        return style.loose
    beside = left.ends_in or right.ends_in
    return bool(beside and beside.loose)


def _fits(plan: Outline, left: Solid, right: Solid) -> bool:
    """May a replacement stand as close to its neighbour as what it replaces did? Only if it is of the same kind."""
    for solid, other, edge in ((right, left, 0), (left, right, -1)):
        if solid.put and solid.put.how == "replace" and not other.put:
            old = plan.block(solid.put.anchor[edge])
            new = [b for b in outline("\n".join(solid.lines)).blocks if b.parent is None and b.kind != "top"]
            underlined = new[edge].kind == "heading" and new[edge].end - new[edge].start > 1 if new else True
            return bool(old and new and old.kind == new[edge].kind and not underlined)
    return False


def _move_blanks(row: _Row, needs: Sequence[int]) -> None:
    """The blank lines behind an insertion serve the first seam of its group that needs one."""
    for first, end in row.groups:
        behind = row.seams[end]
        if not behind.runs or behind.gone and behind.fresh_runs == len(behind.runs):
            continue
        for n in range(first, end):
            if needs[n] and not row.seams[n].runs:
                row.seams[n].runs.append(behind.runs.pop(0))
                behind.fresh_runs = min(behind.fresh_runs, len(behind.runs))
                break


def _emit(row: _Row, needs: Sequence[int], line_end: str, bom: str) -> Woven:
    lines: list[str] = []
    origins: list[str | None] = []
    written: list[Written] = []

    def add(line: str, origin: str | None) -> None:
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += line_end
        lines.append(line)
        origins.append(origin)

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
            for line in solid.lines:
                add(line.rstrip("\r\n") + line_end if solid.put else line, solid.put.edit if solid.put else None)
            if solid.put:
                written.append(Written(solid.put.edit, len(lines) - len(solid.lines) + 1, len(lines)))
    return Woven(bom + "".join(lines), tuple(origins), tuple(written))


def _kept(row: _Row, n: int) -> list[str]:
    """The blank lines of S0 that stay in a seam: one run of them, none that a removed first or last block leaves."""
    seam = row.seams[n]
    runs = seam.runs
    if seam.gone and n == len(row.solids):
        runs = runs[len(runs) - seam.fresh_runs :]
    elif seam.gone and n == 0:
        runs = runs[: max(0, len(runs) - len(seam.gone))]
    elif seam.gone:
        runs = runs[:1]
    return [line for run in runs for line in run]


def _author(row: _Row, n: int) -> str | None:
    beside = [row.solids[n].put, *row.seams[n].gone, row.solids[n - 1].put]
    return next((put.edit for put in beside if put), None)


def _line_end(lines: Sequence[str]) -> str:
    """The line end that most lines have."""
    ends = Counter(line[len(line.rstrip("\r\n")) :] for line in lines)
    ends.pop("", None)
    return ends.most_common(1)[0][0] if ends else "\n"
