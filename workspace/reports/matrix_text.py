"""An evaluation's table for people: lines for a terminal, tables for Markdown and for the page of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from workspace.files import write_text
from workspace.reports.matrix import Cell, Comparison, Matrix, load_matrix
from workspace.reports.plain import code, plain
from workspace.reports.so_far import SoFar, load_so_far
from workspace.reports.summary import state_name, why
from workspace.runs.run import RunFolder, load_view

NAMED = 12
"""Tries without a score whose reasons are told."""
IN_A_LINE = 4
"""Tasks that stand beside each other."""
USED = ("skill", "model", "tries", "reused", "calls", "read", "written", "cost", "seconds", "lost")


class Table(NamedTuple):
    """A table: what it shows, its heads, its rows; as many cells in each row as there are heads."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def matrix_lines(matrix: Matrix, width: int = 100) -> list[str]:
    """Means, comparisons, use, and the tasks fixed and broken; models beside each other as far as `width` lets."""
    return [
        _head(matrix),
        *_means(matrix, width),
        *(f"  {note}" for note in matrix.notes),
        *_comparisons(matrix),
        *_authors(matrix),
        *_used(matrix),
        *_changed(matrix),
    ]


def matrix_tables(matrix: Matrix) -> list[Table]:
    """Means, paired tests (where there are any) and use, as tables."""
    rows = [[one.name, *(_whole(matrix, matrix.cell(one.name, m)) for m in matrix.models)] for one in matrix.skills]
    tests = [
        [c.model, f"{c.skill} against {c.against}", _points(c), _p(c), c.found, str(len(c.fixed)), str(len(c.broken))]
        for c in matrix.comparisons
    ]
    heads = ("model", "skills", "points (interval)", "p", "found", "fixed", "broken")
    tables = [Table(_head(matrix), ("skill", *matrix.models), rows)]
    tables += [Table(f"Paired tests{_corrected(matrix)}", heads, tests)] if tests else []
    return [*tables, Table("What each cell used", USED, [_use_row(cell) for cell in matrix.cells])]


def so_far_table(cells: Sequence[SoFar]) -> Table:
    """What an evaluation has measured until now; before its end there are no intervals and no tests."""
    rows = [
        (c.skill, c.model, "not yet" if c.mean is None else f"{100 * c.mean:.1f} %", str(c.tasks), _tries(c))
        for c in cells
    ]
    return Table("Means so far, without intervals and tests", ("skill", "model", "mean", "tasks", "tries"), rows)


def matrix_markdown(matrix: Matrix) -> list[str]:
    """The same as Markdown."""
    lines = [f"{plain(said)}\n" for said in (*matrix.notes, *(said.strip() for said in _authors(matrix)))]
    for table in matrix_tables(matrix):
        lines += _told(table)
    return lines


def write_matrix_report(run: RunFolder) -> None:
    """Write `report.md` of an evaluation, if there is a table by now. Raises `InputError`, `DiskError`."""
    if load_matrix(run):
        write_text(run.report, "\n".join([*evaluation_head(run), *evaluation_lists(run)]) + "\n")


def evaluation_head(run: RunFolder) -> list[str]:
    """An evaluation in Markdown: how it stands, its tables; before its end the means so far. Raises `InputError`."""
    view, matrix = load_view(run).view, load_matrix(run)
    lines = [f"# Evaluation `{run.id}`: {state_name(view)}", ""]
    if reason := why(run, view):
        lines += [f"It is {state_name(view)}: {plain(reason)}", ""]
    if matrix:
        return [*lines, *matrix_markdown(matrix)]
    return [*lines, *_told(so_far_table(load_so_far(run)))]


def evaluation_lists(run: RunFolder) -> list[str]:
    """What may be long: the tasks that each comparison fixed and broke, and the tries without a score."""
    if (matrix := load_matrix(run)) is None:
        return []
    changed = [
        f"- {plain(f'{one.model}: {name} by {one.skill} against {one.against}')}: {', '.join(map(code, tasks))}"
        for one in matrix.comparisons
        for name, tasks in (("broken", one.broken), ("fixed", one.fixed))
        if tasks
    ]
    lost = [
        f"- {plain(f'{cell.skill} with {cell.model}: {said}')}" for cell in matrix.cells for said in cell.lost[:NAMED]
    ]
    lines = ["## Tasks fixed and broken", "", *changed, ""] if changed else []
    return [*lines, "## Tries without a score", "", *lost, ""] if lost else lines


def _told(table: Table) -> list[str]:
    return [f"{table.caption}.", "", *_grid(table), ""]


def _tries(cell: SoFar) -> str:
    failed = f", {cell.failed} failed" if cell.failed else ""
    return f"{cell.done} of {cell.planned}{failed}"


def _head(matrix: Matrix) -> str:
    repeats = f", {matrix.repeats} tries each" if matrix.repeats > 1 else ""
    return f"{matrix.tasks} tasks of {' and '.join(matrix.splits)}{repeats}; mean score with its 95 % interval"


def _corrected(matrix: Matrix) -> str:
    count = matrix.corrected_for
    return f", p and intervals corrected for {count} comparisons" if count > 1 else ""


def _grid(table: Table) -> list[str]:
    head, *rest = (f"| {' | '.join(map(plain, row))} |" for row in (table.heads, *table.rows))
    return [head, f"|{'---|' * len(table.heads)}", *rest]


def _means(matrix: Matrix, width: int) -> Iterator[str]:
    first = max(8, *(len(skill.name) for skill in matrix.skills)) + 2
    column = max(24, *(len(name) + 2 for name in matrix.models))
    beside = max(1, (width - first - 2) // column)
    for start in range(0, len(matrix.models), beside):
        names = matrix.models[start : start + beside]
        yield f"  {'':<{first}}{''.join(f'{name:<{column}}' for name in names)}".rstrip()
        for skill in matrix.skills:
            cells = (_mean(matrix.cell(skill.name, name)) for name in names)
            yield f"  {skill.name:<{first}}{''.join(f'{cell:<{column}}' for cell in cells)}".rstrip()


def _mean(cell: Cell | None) -> str:
    if cell is None or cell.mean is None or cell.interval is None:
        return "not measured"
    low, high = cell.interval
    return f"{100 * cell.mean:5.1f} % ({100 * low:.0f} … {100 * high:.0f})"


def _whole(matrix: Matrix, cell: Cell | None) -> str:
    """A mean with its tasks, where these are not all."""
    some = f", {cell.tasks} tasks" if cell and cell.mean is not None and cell.tasks < matrix.tasks else ""
    return f"{_mean(cell).strip()}{some}"


def _comparisons(matrix: Matrix) -> Iterator[str]:
    if not matrix.comparisons:
        return
    yield f"against each other, task by task{_corrected(matrix)}"
    for one in matrix.comparisons:
        counts = f"{len(one.fixed)} fixed, {len(one.broken)} broken"
        yield f"  {one.model}: {one.skill} against {one.against}: {_points(one)}, p = {_p(one)}, {one.found}; {counts}"


def _changed(matrix: Matrix) -> Iterator[str]:
    """The tasks that were fixed and broken, by name."""
    for one in matrix.comparisons:
        for name, tasks in (("fixed", one.fixed), ("broken", one.broken)):
            for start in range(0, len(tasks), IN_A_LINE):
                head = f"{one.model}: {name} by {one.skill} against {one.against}" if not start else ""
                yield from filter(None, (head, f"  {', '.join(tasks[start : start + IN_A_LINE])}"))


def _points(one: Comparison) -> str:
    if one.difference is None:
        return "no task in common"
    low, high = one.interval or (None, None)
    between = f" ({100 * low:+.1f} … {100 * high:+.1f})" if low is not None and high is not None else ""
    return f"{100 * one.difference:+.1f} points{between}"


def _p(one: Comparison) -> str:
    return "none" if one.p is None else f"{one.p:.2g}"


def _used(matrix: Matrix) -> Iterator[str]:
    rows = [USED, *map(_use_row, matrix.cells)]
    sizes = [max(len(row[n]) for row in rows) for n in range(len(USED))]
    yield "used"
    for row in rows:
        names = "  ".join(f"{text:<{size}}" for text, size in zip(row[:2], sizes, strict=False))
        numbers = "  ".join(f"{text:>{size}}" for text, size in zip(row[2:], sizes[2:], strict=True))
        yield f"  {names}  {numbers}"
    for cell in matrix.cells:
        for said in cell.lost[:NAMED]:
            yield f"  not scored: {cell.skill} with {cell.model}: {said}"


def _use_row(cell: Cell) -> tuple[str, ...]:
    use = cell.use
    counts = (f"{n:,}" for n in (use.tries, use.reused, use.calls, use.prompt, use.completion))
    cost = "not known" if cell.cost is None else f"{cell.cost:.4f}"
    return (cell.skill, cell.model, *counts, cost, f"{use.seconds:.1f}", str(len(cell.lost)))


def _authors(matrix: Matrix) -> Iterator[str]:
    for skill in matrix.skills:
        if skill.author:
            yield f"  {skill.name} was written by {skill.author} ({skill.source})"
