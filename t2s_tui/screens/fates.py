"""What became of what was learnt, below the verdict: the sums, rules that contradicted each other, what stayed out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from t2s_tui.text import safe, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from workspace.merging.ledger import FATES, Entry
from workspace.reports.summary import ledger_rows, violation_rows
from workspace.runs.run import RunFolder

SHOWN = 30  # rows of what stayed out; report.md has them all


def fates(run: RunFolder, cells: int) -> list[Line]:
    """The lines for a run that has settled; none before. Raises `InputError` when a file of it cannot be read."""
    rows = ledger_rows(run)
    if rows is None:
        return []
    told = [r["message"] for r in violation_rows(run) if r["rule"] == "contradiction"]
    out = [r for r in rows if r.what == "edit" and r.state != "in_skill"]
    return [*_sums(rows), *_contradictions(told, cells), *_stayed_out(out, cells)]


def _sums(rows: list[Entry]) -> Iterator[Line]:
    yield row(Span("  What became of it", "dim+bold"))
    yield BLANK
    for what, all_of in (("lesson", "Lessons"), ("edit", "Edits")):
        counts = Counter(r.state for r in rows if r.what == what)
        parts = [f"{counts[fate]} {fate.replace('_', ' ')}" for fate in FATES if counts[fate]]
        yield row(
            Span(f"  {all_of:<9}", "dim"), Span(f"{sum(counts.values())}", "bright"), Span(_equals(parts), "text")
        )
    yield BLANK


def _equals(parts: list[str]) -> str:
    return f" = {' + '.join(parts)}" if parts else ""


def _contradictions(told: list[str], cells: int) -> Iterator[Line]:
    if told:
        yield row(Span("  Rules that contradict each other", "dim+bold"))
        yield BLANK
        for message in told:
            yield from _item(message, cells, "bad")
        yield BLANK


def _stayed_out(out: list[Entry], cells: int) -> Iterator[Line]:
    if not out:
        return
    yield row(Span("  Edits that stayed out", "dim+bold"))
    yield BLANK
    for entry in out[:SHOWN]:
        yield from _item(f"{entry.id} {entry.state}: {entry.reason}", cells, "text")
    if len(out) > SHOWN:
        yield row(Span(f"    and {len(out) - SHOWN} more: report.md lists all", "dim"))
    yield BLANK


def _item(text: str, cells: int, ink: str) -> Iterator[Line]:
    for n, part in enumerate(wrap(safe(text), max(20, cells - 8))):
        yield row(Span("    · " if n == 0 else "      ", "faint"), Span(part, ink))
