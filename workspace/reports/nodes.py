"""Which nodes of a cluster ran a run's commands: as rows, and as one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workspace.runs.view import RunView, WorkerRow

NAMED = 8


def used_nodes(view: RunView) -> list[WorkerRow]:
    """Every node that has ever taken work of this run, also for an engine that is gone."""
    return [row for row in view.workers.values() if row.used]


def node_rows(view: RunView) -> list[dict[str, Any]]:
    """The same as plain data, ready for JSON."""
    return [
        row.model_dump(include={"node", "state", "cores", "level", "version", "reason"}) for row in used_nodes(view)
    ]


def nodes_said(rows: Sequence[WorkerRow]) -> str:
    """`3 nodes, 12 cores, sandbox namespaces; lost: b/12ab (its node left the cluster)`; empty without a node."""
    if not rows:
        return ""
    cores = sum(row.cores for row in rows)
    levels = ", ".join(sorted({row.level for row in rows if row.level}))
    said = f"{_count(len(rows), 'node')}, {_count(cores, 'core')}" + (f", sandbox {levels}" if levels else "")
    lost = [f"{row.node} ({row.reason})" for row in rows if row.reason]
    return said + (f"; lost: {_named(lost)}" if lost else "")


def _named(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
