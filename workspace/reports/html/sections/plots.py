"""Pictures of a verdict as SVG: the interval of the difference, and a mark for each held-out task.

Colours are classes of the style sheet, so that they follow light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor
from typing import NamedTuple

from workspace.reports.html.markup import Child, Html, tag
from workspace.reports.html.sections.parts import mark
from workspace.reports.html.words import count, points
from workspace.reports.tries import STATES

WIDE = 640
LEFT, RIGHT = 150, 24
WIDE_SMALL = 130
ROW = 34
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MOST_TICKS = 9
NEARLY = 1e-9
CELL = 16
MOST_DOTS = 400


class Effect(NamedTuple):
    """A row of the plot: difference of the means in −1…1, and its interval where there is one."""

    name: str
    difference: float
    low: float | None = None
    high: float | None = None


class Axis(NamedTuple):
    """From `low` to `high` with a tick every `step`, drawn between two x of the picture."""

    low: float
    high: float
    step: float

    def x(self, value: float) -> float:
        share = (min(self.high, max(self.low, value)) - self.low) / (self.high - self.low)
        return round(LEFT + share * (WIDE - LEFT - RIGHT), 1)

    def ticks(self) -> list[float]:
        return [n * self.step for n in range(round(self.low / self.step), round(self.high / self.step) + 1)]


def axis(effects: Sequence[Effect], min_gain: float) -> Axis:
    """An axis on round numbers that holds every interval, zero and the smallest gain worth having."""
    ends = [x for e in effects for x in (e.difference, e.low, e.high) if x is not None]
    low, high = min([0.0, *ends]), max([0.0, min_gain, *ends])
    spans = [(step, floor(low / step + NEARLY), ceil(high / step - NEARLY)) for step in STEPS]
    step, first, last = next((span for span in spans if span[2] - span[1] < MOST_TICKS), spans[-1])
    return Axis(first * step, max(last, first + 1) * step, step)


def intervals(effects: Sequence[Effect], min_gain: float) -> Html:
    """The paired differences with their intervals on one axis, zero and the smallest gain worth having."""
    scale = axis(effects, min_gain)
    foot = 26 + ROW * len(effects)
    told = "; ".join(_said(effect) for effect in effects)
    return tag(
        "svg", tag("title", f"Differences in points: {told}"), *_lines(scale, min_gain, foot),
        *(_effect(effect, scale, 26 + ROW * n + ROW / 2) for n, effect in enumerate(effects)),
        viewBox=f"0 0 {WIDE} {foot + 40}", role="img", class_="plot",
    )  # fmt: skip


def spread(mean: float, low: float, high: float) -> Html:
    """A mean of 0…1 on a line from 0 to 1, with its interval as a bar."""
    x = [round(5 + (WIDE_SMALL - 10) * min(1.0, max(0.0, value)), 1) for value in (low, mean, high)]
    told = tag("title", f"{100 * mean:.1f} %, interval {100 * low:.0f} to {100 * high:.0f}")
    line = tag("line", x1=5, x2=WIDE_SMALL - 5, y1=8, y2=8, class_="grid")
    bar = tag("rect", x=x[0], y=4, width=max(1.0, round(x[2] - x[0], 1)), height=8, rx=4, class_="bar open")
    point = tag("circle", cx=x[1], cy=8, r=4, class_="point open")
    return tag("svg", told, line, bar, point, viewBox=f"0 0 {WIDE_SMALL} 16", role="img", class_="plot small")


def dots(groups: dict[str, list[str]], links: dict[str, str]) -> Html:
    """A mark for each task, by what became of it; `links` leads from a task to its transcripts."""
    shown = [(state, groups[state]) for state in STATES if groups[state]]
    a_row = (WIDE - LEFT - RIGHT) // CELL
    rows: list[Child] = []
    y = 10
    for state, tasks in shown:
        rows.append(tag("text", f"{len(tasks):,} {mark(state).word}", x=LEFT - 14, y=y + 12, class_="label"))
        some = tasks[:MOST_DOTS]
        places = ((LEFT + n % a_row * CELL, y + n // a_row * CELL) for n in range(len(some)))
        rows += [_dot(state, task, links, *place) for task, place in zip(some, places, strict=True)]
        y += CELL * ceil(len(some) / a_row) + 10
        if len(tasks) > MOST_DOTS:
            rows.append(tag("text", f"and {len(tasks) - MOST_DOTS:,} more", x=LEFT, y=y + 6, class_="tick start"))
            y += CELL
    told = ", ".join(f"{len(tasks)} {mark(state).word}" for state, tasks in shown)
    return tag("svg", tag("title", f"Tasks: {told}"), *rows, viewBox=f"0 0 {WIDE} {y}", class_="plot", role="group")


def _said(effect: Effect) -> str:
    between = f", interval {points(effect.low)} to {points(effect.high)}" if effect.low is not None else ""
    return f"{effect.name} {points(effect.difference)}{between}"


def _lines(scale: Axis, min_gain: float, foot: int) -> Iterable[Child]:
    for tick in scale.ticks():
        x = scale.x(tick)
        zero = abs(tick) < NEARLY
        yield tag("line", x1=x, x2=x, y1=24, y2=foot, class_="zero" if zero else "grid")
        yield tag("text", "0" if zero else f"{100 * tick:+.0f}", x=x, y=foot + 18, class_="tick")
    if min_gain > 0:
        x = scale.x(min_gain)
        yield tag("line", x1=x, x2=x, y1=20, y2=foot, class_="gain")
        yield tag("text", f"smallest gain worth having ({100 * min_gain:+g})", x=x + 4, y=14, class_="tick start")
    yield tag("text", "points", x=WIDE - RIGHT, y=foot + 36, class_="tick end")


def _effect(effect: Effect, scale: Axis, y: float) -> Html:
    x = scale.x(effect.difference)
    low, high = effect.low, effect.high
    bar: Child = None
    side = "none"
    if low is not None and high is not None:
        side = "up" if low > 0 else "down" if high < 0 else "open"
        one, other = scale.x(low), scale.x(high)
        bar = tag("rect", x=one, y=y - 5, width=max(1.0, round(other - one, 1)), height=10, rx=5, class_=f"bar {side}")
    name = tag("text", effect.name, x=LEFT - 14, y=y + 5, class_="label")
    return tag("g", tag("title", _said(effect)), bar, tag("circle", cx=x, cy=y, r=6, class_=f"point {side}"), name)


def _dot(state: str, task: str, links: dict[str, str], x: float, y: float) -> Html:
    middle, centre = x + CELL / 2, y + CELL / 2
    title = tag("title", f"{task[:200]}: {mark(state).word}")
    match state:
        case "fixed":
            shape = _triangle(middle, centre, -5, state)
        case "broken":
            shape = _triangle(middle, centre, 5, state)
        case _:
            shape = tag("circle", cx=middle, cy=centre, r=4, class_=state)
    if task not in links:
        return tag("g", title, shape)
    return tag("a", title, shape, href=links[task], aria_label=f"{task[:200]}: {mark(state).word}")


def _triangle(x: float, y: float, tip: int, state: str) -> Html:
    return tag("path", d=f"M{x - 5.5} {y - tip * 0.8}L{x + 5.5} {y - tip * 0.8}L{x} {y + tip}Z", class_=state)


def total(groups: dict[str, list[str]]) -> str:
    """`24 tasks`."""
    return count(sum(map(len, groups.values())), "task")
