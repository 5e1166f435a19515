"""A run told in Markdown: for `report.md`, a pull request or a colleague.

What models and traces wrote is made plain: no link, picture, mention, HTML or list of theirs comes to life.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workspace.ablation import text
from workspace.ablation.table import is_current, load_ablation
from workspace.edits.unified import changed_files
from workspace.errors import T2SError
from workspace.merging.ledger import FATES, Entry
from workspace.reports.matrix_text import evaluation_head, evaluation_lists
from workspace.reports.nodes import nodes_said
from workspace.reports.plain import code, plain, seen
from workspace.reports.summary import first_skill, ledger_rows, result_skill, summary, violation_rows
from workspace.runs.evaluation import evaluation_of
from workspace.runs.run import RunFolder
from workspace.runs.view_rows import WorkerRow
from workspace.skills.skill import load_skill

COMMENT = 60_000
"""Characters of room: a comment on the usual hosts may have 65,536."""
SPARE = 200
LONGEST_DIFF = 30_000
MOST_TASKS = 60


def markdown(run: RunFolder, room: int | None = None) -> str:
    """The run on one page of at most `room` characters, lists in part and said so; None: all lists are whole. Raises
    `InputError` where its sums cannot be read."""
    if evaluation_of(run):
        return _page(evaluation_head(run), evaluation_lists(run), (), room)
    head = list(_head(summary(run)))
    lists = [*_ablation(run), *_contradictions(run), *_stayed_out(ledger_rows(run) or [])]
    diff = list(_changes(run, LONGEST_DIFF if room is None else room // 2))
    return _page(head, lists, diff, room)


def _page(head: Sequence[str], lists: list[str], diff: Sequence[str], room: int | None) -> str:
    if room is not None:
        lists = _in_part(lists, room - sum(len(line) + 1 for line in (*head, *diff)) - SPARE)
    return "\n".join((*head, *lists, *diff)) + "\n"


def _in_part(lines: list[str], room: int) -> list[str]:
    used = 0
    for number, line in enumerate(lines):
        used += len(line) + 1
        if used > room:
            return [*lines[:number], f"- and {len(lines) - number:,} more lines: `report.md` in the run has them"]
    return lines


def _head(table: dict[str, Any]) -> Iterator[str]:
    yield f"# {plain(table['skill'])}: {table['state']}"
    yield ""
    tokens = f"{table['tokens']['prompt']:,} tokens read, {table['tokens']['completion']:,} written"
    cost = f", cost {table['cost']:.4f}" if table["cost"] is not None else ""
    yield (
        f"Run {code(table['id'])} with {plain(table['model'])}: {table['calls']} calls, {table['seconds']:.0f} s, "
        f"{tokens}{cost}."
    )
    if nodes := nodes_said([WorkerRow.model_validate(row) for row in table["nodes"]]):
        yield ""
        yield f"Commands ran on a cluster: {plain(nodes)}."
    if table["why"]:
        yield ""
        yield f"It is {table['state']}: {plain(table['why'])}"
    yield from _judged(table["judged"])
    yield from _verdict(table["verdict"])
    yield from _sums(table)


def _judged(counts: Mapping[str, int]) -> Iterator[str]:
    if any(counts.values()):
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        yield ""
        yield f"How {sum(counts.values())} of its trajectories ended was judged by a model and not verified: {told}."


def _verdict(verdict: dict[str, Any] | None) -> Iterator[str]:
    if verdict is None:
        yield from ("", "There is no verdict yet.")
        return
    yield ""
    yield f"**Verdict: {verdict['decision'].replace('_', ' ')}.** {plain(verdict['sentence'])}"
    if hand := verdict["by_hand"]:
        past = "" if hand["stands"] else " (of an earlier candidate)"
        why = f": {plain(hand['why'])}" if hand["why"] else ""
        yield ""
        yield f"**{hand['decision'].capitalize()}ed by hand**{past}{why}"
    test = verdict["test"]
    if test["n"]:
        yield ""
        times = verdict.get("openings", 1)
        opened = "opened once" if times < 2 else f"opened {times} times"
        yield f"On {test['n']} test tasks, {opened}: {test['baseline']:.1%} → {test['candidate']:.1%}."
    yield from [""] * bool(verdict["fixed"] or verdict["broken"])
    yield from (f"- {name}: {_names(verdict[name])}" for name in ("broken", "fixed") if verdict[name])


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_TASKS} more" if len(names) > MOST_TASKS else ""
    return ", ".join(map(code, names[:MOST_TASKS])) + more


def _sums(table: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"| | all | {' | '.join(fate.replace('_', ' ') for fate in FATES)} |"
    yield f"|---|{'---|' * (len(FATES) + 1)}"
    for name, total in (("lessons", "learned"), ("edits", "proposed")):
        row = table[name]
        yield f"| {name} | {row[total]} | {' | '.join(str(row.get(fate, 0)) for fate in FATES)} |"


def _ablation(run: RunFolder) -> Iterator[str]:
    """Which lessons help, where somebody has measured it."""
    try:
        table = load_ablation(run)
        current = table is not None and is_current(run, table)
    except T2SError as error:
        yield from ("", f"Which lessons help cannot be shown: {plain(str(error).replace(f'{run.path}/', ''))}")
        return
    if table is None:
        return
    yield from ("", "## Which lessons help", "")
    if not current:
        yield from ("This was measured with an earlier candidate: the lessons have changed since.", "")
    yield f"{plain(text.title(table))}."
    yield ""
    yield f"| {' | '.join(text.HEADS)} |"
    yield f"|{'---|' * len(text.HEADS)}"
    yield from (f"| {' | '.join(map(plain, text.cells(row)))} |" for row in table.rows)
    yield ""
    yield from (f"- {plain(text.said(row))}" for row in table.rows)
    yield ""
    yield from (f"- {plain(sentence)}" for sentence in text.below(table))


def _contradictions(run: RunFolder) -> Iterator[str]:
    told = [row["message"] for row in violation_rows(run) if row["rule"] == "contradiction"]
    if told:
        yield from ("", "## Rules that contradicted each other", "")
        yield from (f"- {plain(message)}" for message in told)


def _stayed_out(rows: Sequence[Entry]) -> Iterator[str]:
    out = [row for row in rows if row.what == "edit" and row.state != "in_skill"]
    if out:
        yield from ("", "## Edits that stayed out", "")
        yield from (f"- {code(row.id)} {row.state}: {plain(row.reason)}" for row in out)


def _changes(run: RunFolder, longest: int) -> Iterator[str]:
    """The first skill against the result, folded."""
    before, after = first_skill(run), result_skill(run)
    if before is None or after is None:
        return
    try:
        files = changed_files(load_skill(before), load_skill(after))
    except T2SError as error:
        yield from ("", f"The skill cannot be shown: {plain(str(error).replace(f'{run.path}/', ''))}")
        return
    diff = "".join(file["diff"] for file in files)
    if diff:
        yield from ("", "<details><summary>What changed in the skill</summary>", "")
        yield from _fenced(diff, longest)
        yield from ("", "</details>")


def _fenced(diff: str, longest: int) -> Iterator[str]:
    """Code whose fence is longer than any inside."""
    shown = diff[:longest].rstrip("\n")
    shown = "\n".join("".join(map(seen, line.replace("\t", "    "))) for line in shown.split("\n"))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    yield f"{fence}diff"
    yield shown
    yield fence
    if len(diff) > longest:
        yield from ("", f"{len(diff) - longest:,} more characters: `t2s diff` shows all.")
