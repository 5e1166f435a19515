"""Which edits cannot stand side by side: a sweep over files and lines, so that only what touches is compared.

    clashes({edit id: Plan}) -> [(a, b, why)], sorted, a < b

Edits of one shape (the same lines, the same way) are compared once, however many they are; what remains quadratic is
the answer itself, where many edits really want the same lines.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import NamedTuple

from workspace.edits.place import Plan, Put, nested


class Clash(NamedTuple):
    """Two edits and why they cannot both be applied; `a < b`."""

    a: str
    b: str
    why: str


class _Shape(NamedTuple):
    """All of a put that decides whether it overlaps another one."""

    start: int
    end: int
    how: str
    anchor: tuple[str, ...]
    held: tuple[int, int] | None


def clashes(plans: Mapping[str, Plan]) -> list[Clash]:
    """Every pair of edits that touches the same lines or the same file's existence, sorted by ids."""
    pairs = {(a, b) if a < b else (b, a) for a, b in _touching(plans) if a != b}
    simple = _simple(plans)
    known: dict[tuple[int, int], str | None] = {}
    found: list[Clash] = []
    for a, b in sorted(pairs):
        key = (simple.get(a, -1), simple.get(b, -1))
        if key not in known or min(key) < 0:
            known[key] = clash(plans[a], plans[b])
        if why := known[key]:
            found.append(Clash(a, b, why))
    return found


def _simple(plans: Mapping[str, Plan]) -> dict[str, int]:
    """Edits that change one place and no file's existence → the number of their shape, which decides their clashes."""
    numbers: dict[tuple[str, _Shape], int] = {}
    return {
        name: numbers.setdefault((put.file, _shape(put)), len(numbers))
        for name, plan in plans.items()
        if not (plan.creates or plan.deletes) and len(plan.puts) == 1
        for put in plan.puts
    }


def _touching(plans: Mapping[str, Plan]) -> Iterator[tuple[str, str]]:
    """Pairs worth a closer look: all that clash are among them; a pair may come more than once."""
    yield from _same_new_file(plans)
    yield from _deleted_under(plans)
    for shapes in _shapes(plans).values():
        for one, other in _overlapping(shapes):
            yield from combinations(shapes[one], 2) if one == other else product(shapes[one], shapes[other])


def _same_new_file(plans: Mapping[str, Plan]) -> Iterator[tuple[str, str]]:
    folded: dict[str, list[str]] = {}
    exact: dict[str, list[str]] = {}
    for name, plan in plans.items():
        if plan.creates:
            folded.setdefault(plan.creates[0].casefold(), []).append(name)
            exact.setdefault(plan.creates[0], []).append(name)
    for names in folded.values():
        yield from combinations(names, 2)
    for path, names in exact.items():
        for n, letter in enumerate(path):
            if letter == "/" and (above := exact.get(path[:n])):
                yield from product(names, above)


def _deleted_under(plans: Mapping[str, Plan]) -> Iterator[tuple[str, str]]:
    gone: dict[str, list[str]] = {}
    for name, plan in plans.items():
        if plan.deletes:
            gone.setdefault(plan.deletes, []).append(name)
    if not gone:
        return
    for names in gone.values():
        yield from combinations(names, 2)
    for name, plan in plans.items():
        for file in {put.file for put in plan.puts} & gone.keys():
            yield from product(gone[file], [name])


def _shapes(plans: Mapping[str, Plan]) -> dict[str, dict[_Shape, list[str]]]:
    """File → shape → the edits that have a put of that shape there."""
    files: dict[str, dict[_Shape, list[str]]] = {}
    for name, plan in plans.items():
        for put in plan.puts:
            files.setdefault(put.file, {}).setdefault(_shape(put), []).append(name)
    return files


def _shape(put: Put) -> _Shape:
    return _Shape(put.start, put.end, put.how, put.anchor, put.held)


def _overlapping(shapes: Iterable[_Shape]) -> Iterator[tuple[_Shape, _Shape]]:
    """Shapes that overlap, each pair once; a range with itself too, since two edits may share a shape."""
    ranges = sorted((s for s in shapes if s.end > s.start), key=lambda s: (s.start, s.end))
    inserts = sorted((s for s in shapes if s.end == s.start), key=lambda s: s.start)
    starts, places = [s.start for s in ranges], [s.start for s in inserts]
    for n, taken in enumerate(ranges):
        rivals = ranges[n : max(n + 1, bisect_left(starts, taken.end))]
        inside = inserts[bisect_left(places, taken.start) : bisect_right(places, taken.end)]
        for other in (*rivals, *inside):
            if overlap(_as_put(taken), _as_put(other)):
                yield taken, other


def _as_put(shape: _Shape) -> Put:
    return Put("", 0, "remove", "", shape.start, shape.end)._replace(
        how=shape.how, anchor=shape.anchor, held=shape.held
    )


def clash(one: Plan, other: Plan) -> str | None:
    """Why two edits cannot both be applied, None when they can."""
    if one.creates and other.creates:
        a, b = one.creates[0], other.creates[0]
        if a.casefold() == b.casefold():
            return f"both create {a}"
        if nested(a, b):
            return f"{a} and {b} cannot both be files"
    for plan, its in ((one, other), (other, one)):
        if plan.deletes and (plan.deletes == its.deletes or any(put.file == plan.deletes for put in its.puts)):
            return f"{plan.deletes} is deleted"
    pairs = ((a, b) for a in one.puts for b in other.puts if a.file == b.file)
    return next((why for a, b in pairs if (why := overlap(a, b))), None)


def overlap(a: Put, b: Put) -> str | None:
    """Why two changes of one file exclude each other, None when they do not."""
    if a.is_range and b.is_range:
        start, end = max(a.start, b.start), min(a.end, b.end)
        links_only = a.how == b.how == "remove" and not a.anchor and not b.anchor
        return None if start >= end or links_only else f"both change {_lines(a.file, start, end)}"
    taken, put = (a, b) if a.is_range else (b, a)
    if not taken.is_range or not taken.start <= put.start <= taken.end:
        return None
    where = _lines(taken.file, taken.start, taken.end)
    if taken.start < put.start < taken.end:
        return f"one takes away {where}, the other puts text inside"
    if put.held and taken.anchor and put.anchor[0] not in taken.anchor and _holds(taken, put.held):
        return f"one takes away {where}, the other is anchored inside"
    headless = put.how == "append" and taken.how == "remove" and put.anchor[0] in taken.anchor
    return f"one takes away {where} with the section the other writes to" if headless else None


def _holds(taken: Put, lines: tuple[int, int]) -> bool:
    return taken.start <= lines[0] < lines[1] <= taken.end


def _lines(file: str, start: int, end: int) -> str:
    return f"line {end} of {file}" if end == start + 1 else f"lines {start + 1}–{end} of {file}"
