"""The nodes of a cluster in the machine room: a sum of all, a row for each that works, what became of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from t2s_tui.text import fit, plural, right, safe
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Line, Span, row
from workspace.runs.view_rows import WorkerRow

BAR, SUM = 8, 12  # cells of a bar
SHORTEST_NAME, LONGEST_NAME = 16, 30
LOAD, LEVEL = 2 + 1 + BAR + 2 + 7 + 2 + 7, 2 + 10  # cells of a row beside the name
NAMED = 3
"""Nodes that a sentence about several names."""


def sums(look: Look, rows: Sequence[WorkerRow]) -> Iterator[list[Span]]:
    """How full all nodes are together, then how many there are and how their commands are kept."""
    at_work = working(rows)
    if not rows:
        return
    cores, busy = sum(one.cores for one in at_work), sum(one.busy for one in at_work)
    full, rest = look.meter(busy / max(1, cores), SUM)
    yield [Span(full, "run"), Span(rest, "faint"), Span(f"  {plural(busy, 'job')} on {plural(cores, 'core')}", "text")]
    folders = sum(one.sessions for one in at_work)
    nodes = f"{plural(len(at_work), 'node')}, {plural(folders, 'folder')}"
    missing = [f"{count} {state}" for state in ("lost", "refused") if (count := sum(r.state == state for r in rows))]
    yield [Span(nodes, "text"), Span("".join(f"  {said}" for said in missing), "bad"), Span(_levels(at_work), "dim")]


def table(look: Look, rows: Sequence[WorkerRow], cells: int) -> list[Line]:
    """A row for each node that takes work."""
    at_work = working(rows)
    if not at_work:
        return []
    level = cells >= SHORTEST_NAME + LOAD + LEVEL
    room = min(LONGEST_NAME, max(8, cells - LOAD - LEVEL * level))
    heads = f"  {'':{room}} {'':{BAR}}  {'at work':>7}  {'folders':>7}{'  sandbox' if level else ''}"
    return [
        row(Span("  Nodes", "dim+bold"), Span(heads[7:], "faint")),
        *(_one(look, one, room, level) for one in at_work),
    ]


def away(rows: Sequence[WorkerRow]) -> list[str]:
    """A sentence for each reason why nodes do not work."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in rows:
        if one.state in ("lost", "refused"):
            groups.setdefault((one.state, one.reason), []).append(one.node)
    return [f"{_named(names)} {_is(names, state)}: {reason}" for (state, reason), names in groups.items()]


def working(rows: Sequence[WorkerRow]) -> list[WorkerRow]:
    return [one for one in rows if one.state == "working"]


def _one(look: Look, one: WorkerRow, room: int, level: bool) -> Line:
    full, rest = look.meter(one.busy / max(1, one.cores), BAR)
    load = right(f"{one.busy}/{one.cores}", 7)
    return row(
        Span(f"  {fit(one.node, room)} ", "text"), Span(full, "run"), Span(rest, "faint"), Span(f"  {load}", "text"),
        Span(f"  {right(str(one.sessions), 7)}", "text"), Span(f"  {fit(one.level, 10)}" if level else "", "dim"),
    )  # fmt: skip


def _levels(rows: Sequence[WorkerRow]) -> str:
    """The sandbox of all nodes, or how many have which."""
    levels = [one.level for one in rows]
    found = list(dict.fromkeys(levels))
    if len(found) < 2:
        return f"  sandbox {safe(found[0], 12)}" if found and found[0] else ""
    return "  sandbox " + ", ".join(f"{safe(level, 12)} {levels.count(level)}" for level in found[:4])


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(safe(name, 60) for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _is(names: Sequence[str], state: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{verb} lost" if state == "lost" else f"{verb} not used"
