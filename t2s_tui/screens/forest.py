"""Numbers of all splits below each other, each with its interval drawn on one common axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor
from typing import NamedTuple

from t2s_tui.screens.tries import Measured
from t2s_tui.text import fit, right, width
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Line, Span, row

NEARLY = 1e-9
STEPS = (0.05, 0.1, 0.25, 0.5, 1.0)
NAMES = ("n", "baseline", "candidate", "difference", "interval", "p")
CELLS = (5, 10, 11, 12, 14, 9)
NAME = 13


class Axis(NamedTuple):
    """From `low` to `high` (differences of scores, −1…1) in `cells` cells, with a tick every `step`."""

    low: float
    high: float
    step: float
    cells: int

    def place(self, value: float) -> int:
        share = (value - self.low) / (self.high - self.low)
        return min(self.cells - 1, max(0, round(share * (self.cells - 1))))

    def ticks(self) -> list[float]:
        first, last = round(self.low / self.step), round(self.high / self.step)
        return [n * self.step for n in range(first, last + 1)]


def axis(rows: Sequence[Measured], cells: int) -> Axis:
    """An axis that holds every interval and zero, with ends on round numbers and not more ticks than can be read."""
    ends = [x for r in rows for x in (r.difference, *(r.interval or ()))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    most = max(2, cells // 9)
    steps = (*STEPS, max(STEPS[-1], float(ceil((high - low) / most))))  # scores may be in points
    spans = {step: (floor(low / step + NEARLY), ceil(high / step - NEARLY)) for step in steps}
    step = next((step for step, (first, last) in spans.items() if last - first <= most), steps[-1])
    first, last = spans[step] if len(set(spans[step])) > 1 else (-1, 1)
    return Axis(first * step, last * step, step, cells)


def forest(rows: Sequence[Measured], look: Look, cells: int) -> Iterator[Line]:
    """The table, with the plot beside it where there is room, else below it."""
    if not rows:
        return
    name = min(max(NAME, *(width(_called(each)) for each in rows)), max(NAME, cells - sum(CELLS) - 3))
    wide = cells - name - sum(CELLS) - 8
    beside = wide >= 30
    scale = axis(rows, min(60, wide) if beside else min(60, cells - name - 14))
    heads = [Span(right(name, size), "dim") for name, size in zip(NAMES, CELLS, strict=True)]
    yield row(Span("  " + fit("", name)), *heads)
    for each in rows:
        drawn = [Span("    "), *_drawn(each, scale, look)] if beside else []
        yield row(Span("  " + fit(_called(each), name), "dim"), *_numbers(each), *drawn)
    indent = 2 + name + (sum(CELLS) + 4 if beside else 0)
    if not beside:
        yield row()
        for each in rows:
            yield row(Span("  " + fit(_called(each), name), "dim"), *_drawn(each, scale, look))
    yield row(Span(" " * indent), Span(_ruler(scale, look), "faint"))
    yield row(Span(" " * (indent - 3)), Span(_labels(scale, 3), "dim"), Span("" if beside else "  points", "faint"))


def _called(each: Measured) -> str:
    split, _, side = each.key.partition("/")
    return split if side == "s0" else f"{split} {side.removeprefix('s0-')}"


def _numbers(each: Measured) -> list[Span]:
    ink = "ok" if each.difference > 0 else "bad" if each.difference < 0 else "text"
    low, high = each.interval or (0.0, 0.0)
    interval = f"[{_points(low)}, {_points(high)}]" if each.interval else "…"
    p = "…" if each.p is None else "< 0.0001" if each.p < 0.0001 else f"{each.p:.4f}"
    n, base, candidate, difference, between, chance = CELLS
    return [
        Span(right(str(each.n), n), "text"),
        Span(right(f"{each.baseline * 100:.1f} %", base), "text"),
        Span(right(f"{each.candidate * 100:.1f} %", candidate), "bright"),
        Span(right(f"{each.difference * 100:+.1f}", difference), f"{ink}+bold"),
        Span(right(interval, between), "dim"),
        Span(right(p, chance), "dim"),
    ]


def _drawn(each: Measured, scale: Axis, look: Look) -> list[Span]:
    """The interval as a thick stretch with the difference on it; zero is a line through all rows."""
    low, high = each.interval or (each.difference, each.difference)
    start, at, end, zero = (scale.place(x) for x in (low, each.difference, high, 0.0))
    ink = "ok" if low > 0 else "bad" if high < 0 else "run"
    spans: list[Span] = []
    for x in range(scale.cells):
        if x == at:
            spans.append(Span(look.glyph("running"), "bright+bold"))
        elif start <= x <= end:
            spans.append(Span(look.glyphs.full, ink))
        else:
            spans.append(Span(look.glyphs.wall if x == zero else " ", "dim"))
    return spans


def _ruler(scale: Axis, look: Look) -> str:
    ticks = {scale.place(tick) for tick in scale.ticks()}
    return "".join(look.glyphs.wall if x in ticks else look.glyphs.rule for x in range(scale.cells))


def _labels(scale: Axis, before: int) -> str:
    """The ticks in points, each below its place; the text begins `before` cells left of the axis."""
    out = [" "] * (scale.cells + 2 * before)
    taken = -1
    for tick in scale.ticks():
        label = _points(tick)
        at = scale.place(tick) + before - len(label) // 2
        if at > taken:
            out[at : at + len(label)] = label
            taken = at + len(label)
    return "".join(out).rstrip()


def _points(value: float) -> str:
    """In points of a hundred: `+25`, `0`."""
    return f"{round(value * 100):+d}" if round(value * 100) else "0"
