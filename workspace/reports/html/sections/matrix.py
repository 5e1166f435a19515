"""What an evaluation found: skills × models with their means and intervals, and each comparison with its test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from workspace.reports.html.markup import Child, Html, join, tag
from workspace.reports.html.sections.parts import chip, dim, fault, note, section, table, words
from workspace.reports.html.sections.plots import Effect, intervals, spread
from workspace.reports.html.sections.tasks import of_pairing
from workspace.reports.html.values import Compared, Report
from workspace.reports.html.words import chance, count, percent, points
from workspace.reports.matrix import Cell, Comparison, Matrix
from workspace.reports.so_far import SoFar

BESIDE = 4
"""Models beside each other; more of them stand below."""
NAME = 60
LABEL = 20
"""Characters of a name beside a plot."""
MOST_LOST = 12


def matrix(report: Report) -> Html:
    """The section; before there is a table how far each cell is."""
    title = "Comparison"
    if report.compared.fault or report.compared.value is None:
        return section("matrix", title, fault(report.compared.fault))
    found = report.compared.value
    if found.matrix is None:
        return section("matrix", title, *_so_far(found.so_far))
    lost = fault(report.pairings.fault) if report.pairings.fault else None
    return section("matrix", title, *_found(found.matrix, found, _links(report)), lost)


def _so_far(cells: Sequence[SoFar]) -> Iterator[Html]:
    yield dim("The table with intervals and tests comes when every skill is tried with every model.")
    heads = ["skill", "model", "mean so far", "tasks", "tries"]
    rows: list[list[Child]] = [[*_names(c.skill, c.model), percent(c.mean), c.tasks, _tries(c)] for c in cells]
    if rows:
        yield table("Means so far", heads, rows, kind="numbers matrix")


def _tries(cell: SoFar) -> str:
    failed = f", {cell.failed:,} failed" if cell.failed else ""
    return f"{cell.done:,} of {cell.planned:,}{failed}"


def _found(matrix: Matrix, rule: Compared, links: dict[tuple[str, str, str], str]) -> Iterator[Child]:
    where = f"{count(matrix.tasks, 'task')} of {' and '.join(matrix.splits)}"
    repeats = f", {matrix.repeats} tries each" if matrix.repeats > 1 else ""
    yield dim(f"Mean score on {where}{repeats}, with its 95 % interval.")
    yield from (note(*words(said, 600)) for said in matrix.notes)
    yield from (_means(matrix, matrix.models[at : at + BESIDE]) for at in range(0, len(matrix.models), BESIDE))
    yield from _authors(matrix)
    if matrix.comparisons:
        yield from _comparisons(matrix, rule, links)
    yield _lost(matrix)


def _means(matrix: Matrix, models: Sequence[str]) -> Html:
    rows: list[list[Child]] = [
        [_name(one.name), *(_mean(matrix, matrix.cell(one.name, model)) for model in models)] for one in matrix.skills
    ]
    return table("Means of skills and models", ["skill", *(m[:NAME] for m in models)], rows, kind="matrix")


def _mean(matrix: Matrix, cell: Cell | None) -> Html:
    if cell is None or cell.mean is None or cell.interval is None:
        return dim("not measured")
    low, high = cell.interval
    some = f", {cell.tasks} of {matrix.tasks} tasks" if cell.tasks < matrix.tasks else ""
    between = tag("small", f"{100 * low:.0f} … {100 * high:.0f}{some}")
    return join(tag("b", percent(cell.mean)), " ", between, spread(cell.mean, low, high))


def _authors(matrix: Matrix) -> Iterator[Html]:
    for skill in matrix.skills:
        if skill.author:
            yield dim(*words(f"{skill.name} was written by {skill.author} ({skill.source}).", 400))


# --- comparisons --------------------------------------------------------------------------------------------------


def _comparisons(matrix: Matrix, rule: Compared, links: dict[tuple[str, str, str], str]) -> Iterator[Html]:
    yield tag("h3", "Against each other, task by task")
    tested = [one for one in matrix.comparisons if one.difference is not None]
    plots = [_plot(model, list(some), rule) for model, some in groupby(tested, key=lambda one: one.model)]
    if plots:
        yield tag("figure", *plots, tag("figcaption", *_caption(matrix, rule)))
    heads = ["model", "skill", "against", "tasks", "points", "interval", "p", "found", "fixed", "broken"]
    rows = [_row(one, links.get((one.model, one.skill, one.against), "")) for one in matrix.comparisons]
    yield table("Paired tests", heads, rows, kind="numbers matrix pairs")


def _plot(model: str, some: Sequence[Comparison], rule: Compared) -> Html:
    several = len({one.against for one in some}) > 1
    effects = [_effect(one, several) for one in some]
    against = "" if several else f", against {some[0].against[:NAME]}"
    return join(tag("p", f"{model[:NAME]}{against}", class_="dim"), intervals(effects, rule.min_gain))


def _effect(one: Comparison, several: bool) -> Effect:
    low, high = one.interval or (None, None)
    each = LABEL // 2 - 1
    name = f"{_short(one.skill, each)} − {_short(one.against, each)}" if several else _short(one.skill, LABEL)
    return Effect(name, one.difference or 0.0, low, high)


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _caption(matrix: Matrix, rule: Compared) -> Iterator[str]:
    yield "A mark is the difference of the means over the tasks that both skills were tried on; the bar is its paired "
    yield f"bootstrap interval. It is shown and does not decide: p against {rule.alpha:g} does. "
    if matrix.corrected_for > 1:
        many = matrix.corrected_for
        yield f"Each p is multiplied by {many}, for as many comparisons; the intervals are as much wider."


def _row(one: Comparison, link: str) -> list[Child]:
    between = f"{points(one.interval.low)} … {points(one.interval.high)}" if one.interval else "–"
    changed: list[Child] = [len(one.fixed), len(one.broken)]
    if link and (one.fixed or one.broken):
        changed = [tag("a", str(number), href=link) if number else "0" for number in (len(one.fixed), len(one.broken))]
    names = (_name(name) for name in (one.model, one.skill, one.against))
    return [*names, one.tasks, points(one.difference), between, chance(one.p), chip(one.found), *changed]


def _links(report: Report) -> dict[tuple[str, str, str], str]:
    """Where the first transcripts of each comparison stand."""
    blocks = [(each, of_pairing(each, n)) for n, each in enumerate(report.pairings.value or (), 1)]
    return {(p.model, p.skill, p.against): f"#{block.anchor(0)}" for p, block in blocks if block.pairs}


def _lost(matrix: Matrix) -> Html | None:
    told = [f"{cell.skill} with {cell.model}: {said}" for cell in matrix.cells for said in cell.lost]
    if not told:
        return None
    shown = (tag("li", *words(said, 600)) for said in told[:MOST_LOST])
    more = tag("li", f"and {len(told) - MOST_LOST:,} more") if len(told) > MOST_LOST else None
    return join(tag("h3", "Tries without a score"), tag("ul", *shown, more))


def _names(*names: str) -> list[Child]:
    return [_name(name) for name in names]


def _name(name: str) -> Html:
    return join(*words(name, 4 * NAME))
