"""What leaving out lessons does, where somebody has measured it: a table above the lessons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workspace.ablation import text
from workspace.ablation.table import Effect
from workspace.reports.html.markup import NOTHING, Child, Html, join, tag
from workspace.reports.html.sections.parts import chip, fault, fold, note, table, words
from workspace.reports.html.values import Ablated, Report

ROOM = 600  # bytes of a row's words
VERDICT = text.HEADS.index("verdict")


def ablation(report: Report) -> Html:
    """The table and what has to be known with it; nothing where nobody asked."""
    if report.ablated.fault:
        return fault(report.ablated.fault)
    found = report.ablated.value
    return join(*_shown(found)) if found else NOTHING


def _shown(found: Ablated) -> Iterator[Html]:
    yield tag("h3", "Which lessons help")
    if not found.current:
        yield note("This was measured with an earlier candidate: the lessons have changed since.")
    yield tag("p", *words(text.title(found.table), ROOM))
    yield table(
        "The candidate without one group at a time", text.HEADS, [_row(row) for row in found.table.rows], kind="numbers"
    )
    said = (tag("li", *words(text.said(row), ROOM)) for row in found.table.rows)
    yield fold("What was left out each time", tag("ul", *said), kind="print")
    yield tag("ul", *(tag("li", *words(sentence, ROOM)) for sentence in text.below(found.table)), class_="dim")


def _row(row: Effect) -> Sequence[Child]:
    cells: list[Child] = list(text.cells(row))
    cells[VERDICT] = chip(row.found) if row.found and row.state == "measured" else cells[VERDICT]
    return cells
