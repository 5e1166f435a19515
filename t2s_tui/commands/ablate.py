"""`t2s ablate`: which lessons of a run's candidate help and which hurt, and dropping those that hurt."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator

from t2s_tui import host
from t2s_tui.commands.columns import columns
from t2s_tui.commands.common import add_json, add_run, example, print_json, the_run
from t2s_tui.text import safe
from workspace.ablation import text
from workspace.ablation.prune import Pruned, prune
from workspace.ablation.table import Ablation
from workspace.evidence.looks import noted
from workspace.runs.run import RunFolder
from workspace.score import price

WIDTH = 110


def configure_ablate(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s ablate last --cap 200000 --prune")
    add_run(parser)
    add = parser.add_argument
    add("--most", metavar="N", help="groups at most; beyond, the least supported rules are joined (default: 12)")
    add("--tasks", choices=("validation", "test"), help="what is measured on (default: validation)")
    add("--cap", metavar="N", help="tokens that it may take (default: what making the skill took; 0: any number)")
    add("--prune", action="store_true", help="drop the lessons of what hurts, for the next `t2s resume RUN`")
    add("--base-url", metavar="URL", help="another server for all roles, which has the run's models")
    add("--limit", metavar="N|auto", help="the most model calls at once")
    add("--plain", action="store_true", help="progress as lines, also on a terminal")
    add_json(
        parser, "{id, split, tasks, comparisons, look, cap, spent, groups: [{name, found, effect, p, …}], leaner, …}"
    )
    parser.set_defaults(act=_ablate)


def _ablate(arguments: argparse.Namespace) -> int:
    """0: the table is whole; 1: tries came to nothing; 2: unusable input; 3: stopped, the same command goes on."""
    run = the_run(arguments)
    redraw = sys.stderr.isatty() and not (arguments.plain or arguments.json)
    options = [*_options(arguments), *(["--redraw"] if redraw else [])]
    answer = host.tool_output("engine.ablation", [str(run.path), *options])
    if redraw:
        print("\r\x1b[K", end="", file=sys.stderr)
    if not answer.text.strip():
        return answer.code
    table = Ablation.model_validate_json(answer.text)
    pruned = prune(run, table) if arguments.prune else None
    if arguments.json:
        print_json(json.loads(answer.text) | ({"pruned": pruned_table(pruned)} if pruned else {}))
    else:
        print("\n".join([*lines(table), *(told_pruned(run, table, pruned) if pruned else ())]))
    return answer.code


def _options(arguments: argparse.Namespace) -> Iterator[str]:
    for name in ("most", "tasks", "cap"):
        if (value := getattr(arguments, name)) is not None:
            yield from (f"--{name}", value)
    for name, key in (("base_url", "endpoint.base_url"), ("limit", "endpoint.limit")):
        if (value := getattr(arguments, name)) is not None:
            yield from ("--knob", f"{key}={value}")


# --- for people ---------------------------------------------------------------------------------------------------


def lines(table: Ablation) -> list[str]:
    """The table as lines of text, with what has to be known below it."""
    rows = columns([text.HEADS, *map(text.cells, table.rows)], left=2)
    said = (line for row in table.rows for line in _wrapped(text.said(row)))
    told = (f"run {table.id}, {text.title(table)}", "", *rows, "", *said, "", *text.below(table))
    return [safe(line).rstrip() for line in told]


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(safe(sentence), WIDTH, subsequent_indent="  ")


# --- what hurts is dropped ----------------------------------------------------------------------------------------


def pruned_table(pruned: Pruned) -> dict[str, object]:
    """What was dropped, as plain data."""
    return {
        "dropped": pruned.dropped,
        "before": pruned.before,
        "kept": [one._asdict() for one in pruned.kept],
    }


def told_pruned(run: RunFolder, table: Ablation, pruned: Pruned) -> list[str]:
    """What was dropped and what follows, as lines of text."""
    return [safe(line) for line in ("", *_pruned(run, table, pruned))]


def _pruned(run: RunFolder, table: Ablation, pruned: Pruned) -> Iterator[str]:
    if not any(row.found == "hurts" for row in table.groups):
        yield "nothing is known to hurt, so nothing is dropped"
        return
    if pruned.before:
        yield f"dropped before: {', '.join(pruned.before)}"
    yield from (f"not dropped: {one.name}: {one.why}" for one in pruned.kept)
    if pruned.dropped:
        yield f"dropped, by ablation: {', '.join(pruned.dropped)}"
    if pruned.dropped or pruned.before:
        looks = [one.look for one in noted(run) if one.split == "validation"]
        number = max(looks, default=0) + 1
        yield (
            f"`t2s resume {run.id}` makes the skill without them and validates it: look {number} at the validation "
            f"tasks, so its p is multiplied by {price(number, 1)}"
        )
        yield f"`t2s lessons {run.id}{_place(run, table)} restore ID` takes one in again"


def _place(run: RunFolder, table: Ablation) -> str:
    """How `t2s lessons` is told which candidate's lessons are meant, where that is not the first of the last round."""
    seed, rounds = run.round(table.round).side(table.side).number, len(run.rounds())
    return f" --seed {seed}" * bool(seed) + f" --round {table.round}" * (table.round != rounds)
