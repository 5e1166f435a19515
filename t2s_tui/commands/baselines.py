"""`t2s baselines`: what else could have been made of a run's trajectories, beside what the run made."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from t2s_tui import host
from t2s_tui.commands.columns import columns
from t2s_tui.commands.common import add_json, add_run, example, print_json, the_run
from t2s_tui.text import safe
from workspace.ablation.text import percent, points

NAMES = ("s0", "no-skill", "sequential", "one-pass", "examples", "retrieval")
HEADS = ("", "mean", "interval", "run is", "p", "made: calls", "tokens", "seconds", "tried: calls", "tokens", "seconds")
WIDTH = 110
Row = Mapping[str, Any]


def configure_baselines(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s baselines last --only sequential one-pass")
    add_run(parser)
    add = parser.add_argument
    add("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of these: {', '.join(NAMES)} (default: all)")
    add("--batch", nargs="+", metavar="N", help="trajectories that a step of `sequential` reads (default: 1 4)")
    add("--k", metavar="N", help="examples that `examples` pastes (default: 12)")
    add("--top", metavar="N", help="lessons that `retrieval` pastes for a task (default: 3)")
    add("--tasks", choices=("validation", "test"), help="what is measured on (default: validation)")
    add("--make-only", action="store_true", help="measure nothing: what making them costs, also without tasks")
    add("--cap", metavar="N", help="tokens that making one may take (default: what the run took; 0: any number)")
    add("--base-url", metavar="URL", help="another server for all roles, which has the run's models")
    add("--limit", metavar="N|auto", help="the most model calls at once")
    add("--plain", action="store_true", help="progress as lines, also on a terminal")
    add_json(parser, "{id, split, tasks, alpha, comparisons, cap, rows: [{name, mean, interval, p, making, …}]}")
    parser.set_defaults(act=_baselines)


def _baselines(arguments: argparse.Namespace) -> int:
    """0: the table is whole; 1: something in it failed; 2: unusable input; 3: stopped, the same command goes on."""
    redraw = sys.stderr.isatty() and not (arguments.plain or arguments.json)
    options = [*_options(arguments), *(["--redraw"] if redraw else [])]
    answer = host.tool_output("engine.baselines", [str(the_run(arguments).path), *options])
    if redraw:
        print("\r\x1b[K", end="", file=sys.stderr)
    if not answer.text.strip():
        return answer.code
    table = json.loads(answer.text)
    if arguments.json:
        print_json(table)
    else:
        print("\n".join(lines(table)))
    return answer.code


def _options(arguments: argparse.Namespace) -> Iterator[str]:
    for name in ("only", "batch"):
        if values := getattr(arguments, name):
            yield from (f"--{name}", *values)
    for name in ("k", "top", "tasks", "cap"):
        if (value := getattr(arguments, name)) is not None:
            yield from (f"--{name}", value)
    if arguments.make_only:
        yield "--make-only"
    for name, key in (("base_url", "endpoint.base_url"), ("limit", "endpoint.limit")):
        if (value := getattr(arguments, name)) is not None:
            yield from ("--knob", f"{key}={value}")


def lines(table: Row) -> list[str]:
    """The table as lines of text, with what has to be known below it."""
    cells = [HEADS, *(tuple(_cells(row)) for row in table["rows"])]
    said = [line for row in table["rows"] for line in _said(row)]
    return [safe(line).rstrip() for line in (_title(table), "", *columns(cells), "", *said, *_below(table))]


def _title(table: Row) -> str:
    learnt = f"run {table['id']}, skill {table['skill']}, {table['trajectories']} trajectories"
    if not table["split"]:
        return f"{learnt}; nothing was measured"
    repeats = f", {table['repeats']} tries each" if table["repeats"] > 1 else ""
    return f"{learnt}; measured on {table['tasks']} {table['split']} tasks{repeats}"


def _cells(row: Row) -> Iterator[str]:
    yield row["name"]
    yield percent(row["mean"])
    yield " … ".join(percent(end) for end in row["interval"]) if row["interval"] else ""
    yield points(row["difference"])
    yield f"{row['p']:.2g}" if row["p"] is not None else ""
    for cost in (row["making"], row["measuring"]):
        yield from (f"{cost['calls']:,}", f"{cost['prompt'] + cost['completion']:,}", f"{cost['seconds']:,.1f}")


def _said(row: Row) -> Iterator[str]:
    state = {"impossible": "not made: ", "incomplete": "incomplete: "}.get(row["state"], "")
    notes = "; ".join(row["notes"])
    text = f"{row['name']}: {row['about']}" + (f"; {state}{notes}" if notes else "")
    yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def _below(table: Row) -> Iterator[str]:
    yield ""
    if table["split"]:
        level = f"{100 * (1 - table['alpha']):.4g} %"
        many = table["comparisons"]
        yield f"interval: of the mean, {level}. run is: points that the run's result is better on the same tasks."
        yield f"p: paired, two-sided, times {many} for as many comparisons." if many > 1 else "p: paired, two-sided."
    yield "seconds: those in which an agent was at work. made: without the rollouts, which all share."
    if table["cap"]:
        own = table["rows"][0]["making"]
        as_the_run = ", as many as the run's own" if table["cap"] == own["prompt"] + own["completion"] else ""
        yield f"cap: making one may take {table['cap']:,} tokens{as_the_run}; it ends before a call that may exceed it."
    yield from table["notes"]
