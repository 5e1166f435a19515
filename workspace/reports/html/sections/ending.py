"""The end of the page: what each stage used and cost, and the settings of the run."""

from __future__ import annotations

from workspace.reports.html.markup import Child, Html, join, tag
from workspace.reports.html.sections.parts import dim, fault, fold, section, table, words
from workspace.reports.html.values import Report
from workspace.reports.html.words import count, duration, money
from workspace.reports.matrix import Cell

MOST_SETTINGS = 400
PRICELESS = " No price is set under [prices], so no cost is told."


def cost(report: Report) -> Html:
    """Calls, tokens, time and cost by stage."""
    if report.spending.fault:
        return section("cost", "Cost", fault(report.spending.fault))
    used = report.spending.value
    if used is None or not used.stages:
        return section("cost", "Cost", dim("No model has been called yet."))
    rows: list[list[Child]] = [
        [row.stage, f"{row.calls:,}", f"{row.prompt:,}", f"{row.completion:,}", duration(row.seconds), money(row.cost)]
        for row in used.stages
    ]
    about = report.about
    totals = (f"{about.calls:,}", f"{about.prompt:,}", f"{about.completion:,}")
    rows.append(["all", *totals, duration(about.seconds), money(about.cost)])
    heads = ["stage", "calls", "tokens read", "tokens written", "time", "cost"]
    said = "Tokens as the endpoint counted them; stages overlap, so their times are not a sum."
    priced = "" if about.cost is not None else PRICELESS
    skipped = f" {count(used.skipped, 'line')} of the record of calls cannot be read." if used.skipped else ""
    return section(
        "cost", "Cost", table("What each stage used", heads, rows, kind="numbers sums"), dim(said + priced + skipped)
    )


def used(report: Report) -> Html:
    """What each cell of an evaluation used; before there is a table, what the whole has used until now."""
    found = report.compared.value
    if found is None or found.matrix is None:
        return cost(report)
    heads = ["skill", "model", "tries", "reused", "calls", "tokens read", "tokens written", "time", "cost"]
    rows = [_of_cell(cell) for cell in found.matrix.cells]
    said = "Time is that of the calls, added up. Reused tries were made by another run and are told with their use."
    priced = "" if all(cell.cost is not None for cell in found.matrix.cells) else PRICELESS
    return section("cost", "Cost", table("What each cell used", heads, rows, kind="numbers matrix"), dim(said + priced))


def _of_cell(cell: Cell) -> list[Child]:
    use = cell.use
    counts = (f"{n:,}" for n in (use.tries, use.reused, use.calls, use.prompt, use.completion))
    names = (join(*words(name, 240)) for name in (cell.skill, cell.model))
    return [*names, *counts, duration(use.seconds), money(cell.cost)]


def settings(report: Report) -> Html:
    """The run's settings, as it keeps them."""
    if report.settings.fault:
        return section("settings", "Settings", fault(report.settings.fault))
    rows = (report.settings.value or ())[:MOST_SETTINGS]
    if not rows:
        return section("settings", "Settings", dim("The run keeps no settings."))
    cells: list[list[Child]] = [[tag("code", key), join(*words(value, 600))] for key, value in rows]
    shown = table("Settings of the run", ["setting", "value"], cells, kind="wordy")
    return section("settings", "Settings", fold(count(len(rows), "setting"), shown, kind="print"))
