"""The table of an ablation in words: heads and cells, what each row leaves out, and what has to be known with it.

Words of models are in it as they are: each face makes them harmless in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator

from workspace.ablation.table import Ablation, Effect

HEADS = ("left out", "verdict", "effect", "interval", "p", "without", "helped", "harmed", "support", "tokens")
SHOWN = 6  # lessons of a row that are named


def title(table: Ablation) -> str:
    """What was measured, and how good the candidate is itself."""
    repeats = f", {table.repeats} tries each" if table.repeats > 1 else ""
    between = " … ".join(percent(end) for end in table.interval or ())
    mean = f": {percent(table.mean)} ({between})" if table.mean is not None else ""
    where = f"candidate {table.side} of round {table.round}"
    return f"{table.skill}, {where}{mean} on {table.tasks} {table.split} tasks{repeats}"


def cells(row: Effect) -> tuple[str, ...]:
    """A row of the table; what nobody knows is empty."""
    changed = (str(len(row.helped)), str(len(row.harmed))) if row.tasks else ("", "")
    between = " … ".join(points(end) for end in row.interval or ())
    p = "" if row.p is None else f"{row.p:.2g}"
    tokens = f"{row.tokens:,}" if row.tasks else ""
    verdict = row.state if row.state == "incomplete" else row.found or row.state
    return (row.name, verdict, points(row.effect), between, p, percent(row.mean), *changed, str(row.support), tokens)


def said(row: Effect) -> str:
    """What a row leaves out, in one sentence."""
    more = f", … {len(row.lessons) - SHOWN} more" if len(row.lessons) > SHOWN else ""
    lessons = f"{', '.join(row.lessons[:SHOWN])}{more}" if row.lessons else "no lesson"
    pages = f"a page of less supported rules, {len(row.lessons)} lessons"
    what = {"examples": "the examples", "page": pages}.get(row.kind, lessons)
    return "; ".join((f"{row.name}: {what}: {row.says}", *row.notes))


def below(table: Ablation) -> Iterator[str]:
    """What the figures mean and what they cost, a sentence each."""
    yield "effect: points that the candidate is better with the group than without it, on the same tasks."
    yield f"p: paired, two-sided, times {table.comparisons} for as many comparisons. helps, hurts: p ≤ {table.alpha:g}."
    if any(row.found == "cannot be told" for row in table.rows):
        yield f"cannot be told: {table.tasks} tasks do not decide it, which is no proof that the group does nothing."
    if table.leaner:
        yield f"leaner: the candidate without all groups whose effect is below 0, kept in {table.leaner_skill}."
    most = f" of at most {table.cap:,}" if table.cap else ""
    yield f"{table.spent:,} tokens{most} were used for it."
    yield from (f"{note}." for note in table.notes)


def percent(rate: float | None) -> str:
    """A share of 0…1; empty where nobody knows it."""
    return "" if rate is None else f"{100 * rate:.0f} %"


def points(difference: float | None) -> str:
    """A difference of shares in points, with its sign; empty where nobody knows it."""
    return "" if difference is None else f"{100 * difference:+.1f}"
