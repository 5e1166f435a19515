"""The head of the page: what was made of what, and how the run stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from workspace.merging.ledger import FATES
from workspace.reports.html.markup import Child, Html, join, tag
from workspace.reports.html.sections.parts import chip, facts, mark, note, section, table, words
from workspace.reports.html.values import About, Report
from workspace.reports.html.words import count, duration, moment, money, percent, points, short, without_login
from workspace.runs.evaluation import KIND

MOST_FAILURES = 50
MOST_NOTES = 20
WHY_UNFINISHED = {
    "running": "The run goes on while you read: this page shows it as it was when it was made.",
    "pausing": "The run is about to pause: this page shows it as it was when it was made.",
    "paused": "The run is paused: what is missing here is not done yet.",
    "stopped": "The run was stopped before its end: what is missing here was never done.",
    "lost": "The engine of this run ended without a word: what is missing here was never done.",
    "failed": "The run failed: what is missing here was never done.",
    "incomplete": "The run ended with units that failed: they are listed below, and nothing was made of them.",
}


def head(report: Report) -> Html:
    """Title and state, above everything."""
    about = report.about
    title = tag("h1", *words(about.skill or "(no skill yet)", 400))
    named = tag("p", f"{'Evaluation' if about.kind == KIND else 'Run'} ", tag("code", about.id), class_="dim")
    lead = _lead_of_evaluation(report) if about.kind == KIND else _lead(about)
    return tag("header", title, named, tag("p", *_chips(report), class_="chips"), tag("p", lead, class_="lead"))


def summary(report: Report) -> Html:
    """The first section: figures, facts, and what went wrong."""
    about = report.about
    return section(
        "summary", "Summary", _unfinished(about), _figures(report), facts(_facts(about)), _fates(about),
        _failures(about), _notes(about),
    )  # fmt: skip


def _chips(report: Report) -> Iterator[Child]:
    yield chip(report.about.state)
    rows = [row for row in report.judged.value or () if row.verdict]
    if rows and rows[-1].verdict:
        yield " "
        yield chip(rows[-1].verdict.decision)
        if hand := rows[-1].hand:
            yield " "
            yield chip(str(hand["decision"]), " by hand")


def _lead(about: About) -> str:
    """One sentence about the whole run."""
    lessons, edits = about.counts.get("lessons", {}), about.counts.get("edits", {})
    total = sum(about.outcomes.values())
    parts = [count(total, "trajectory", "trajectories")] if total else []
    if learnt := lessons.get("learned", 0):
        parts.append(f"{count(learnt, 'lesson')} learnt")
    if proposed := edits.get("proposed", 0):
        parts.append(f"{edits.get('in_skill', 0):,} of {count(proposed, 'proposed edit')} in the skill")
    return "; ".join(parts) + "." if parts else "Nothing has been learnt yet."


def _lead_of_evaluation(report: Report) -> str:
    """One sentence about what is compared, and what came out."""
    found = report.compared.value
    if found is None:
        return "What it compares cannot be read."
    cells = found.so_far
    what = f"{count(len({c.skill for c in cells}), 'skill')} with {count(len({c.model for c in cells}), 'model')}"
    if found.matrix is None:
        return f"{what}: {sum(c.done for c in cells):,} of {count(sum(c.planned for c in cells), 'try', 'tries')} done."
    kinds = Counter(one.found for one in found.matrix.comparisons)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    tests = f"; {count(len(found.matrix.comparisons), 'comparison')}: {told}" if told else ""
    return f"{what} on {count(found.matrix.tasks, 'task')}{tests}."


def _unfinished(about: About) -> Html | None:
    said = WHY_UNFINISHED.get(about.state)
    if said is None:
        return None
    why: list[Child] = [" ", *words(about.why, 1_000)] if about.why else []
    return note(tag("strong", f"{mark(about.state).word.capitalize()}. "), said, *why)


def _figures(report: Report) -> Html:
    """What a reader looks for first, in large type."""
    about = report.about
    rows = [row.verdict for row in report.judged.value or () if row.verdict]
    last = rows[-1] if rows else None
    figures: list[tuple[str, str, str]] = []
    if last and last.difference is not None and last.n:
        change = f"{percent(last.baseline)} → {percent(last.candidate)}" if last.baseline is not None else ""
        figures.append((points(last.difference), f"points on {count(last.n, 'held-out task')}", change))
    if about.kind == KIND:
        figures += _of_cells(report)
    else:
        lessons = about.counts.get("lessons", {})
        figures.append((f"{lessons.get('learned', 0):,}", "lessons", f"{lessons.get('in_skill', 0):,} in the skill"))
    figures.append((short(about.calls), "model calls", duration(about.seconds)))
    tokens = f"{short(about.prompt)} read, {short(about.completion)} written"
    figures.append((short(about.prompt + about.completion), "tokens", tokens))
    if about.cost is not None:
        figures.append((money(about.cost), "cost", "in the currency of [prices]"))
    return tag("ul", *(_figure(*row) for row in figures), class_="figures")


def _of_cells(report: Report) -> Iterator[tuple[str, str, str]]:
    """The best cell of an evaluation, and its tries."""
    found = report.compared.value
    if found is None:
        return
    cells = found.matrix.cells if found.matrix else found.so_far
    means = {f"{cell.skill[:40]} with {cell.model[:40]}": cell.mean for cell in cells if cell.mean is not None}
    if means:
        best = max(means, key=lambda name: means[name])
        yield percent(means[best]), "best mean" if found.matrix else "best mean so far", best
    yield f"{sum(cell.done for cell in found.so_far):,}", "tries", f"of {sum(c.planned for c in found.so_far):,}"


def _figure(value: str, name: str, more: str) -> Html:
    return tag("li", tag("b", value), tag("span", name), tag("small", more) if more else None)


def _facts(about: About) -> Iterator[tuple[str, Child]]:
    texts = (
        ("Model", about.model), ("Endpoint", without_login(about.endpoint)),
        ("Learns from", "" if about.kind == KIND else about.source), ("Tasks", about.domain),
        ("Nodes", about.nodes),
    )  # fmt: skip
    yield from ((name, join(*words(value, 400))) for name, value in texts if value)
    if about.outcomes:
        told = [f"{number:,} {mark(state).word}" for state, number in sorted(about.outcomes.items())]
        yield "Trajectories", ", ".join(told)
    if about.judged:
        told = [f"{number:,} {word}" for word, number in about.judged.items()]
        yield "Judged", f"{', '.join(told)}: a model's word, not verified"
    yield "Began", moment(about.began) or "not yet"
    yield "Took", f"{duration(about.seconds)} of living engines"
    if about.rounds > 1 or max(about.seeds, about.sides) > 1:
        yield "Rounds", f"{count(about.rounds, 'round')}, {count(max(about.seeds, about.sides), 'candidate')} in each"
    if about.kind == KIND:
        yield from _version(about)
        return
    result = {"accepted": "the accepted skill, ", "candidate": "a candidate that was not accepted, "}
    yield "Result", join(result[about.standing], tag("code", about.result)) if about.result else "none yet"
    yield from _version(about)


def _version(about: About) -> Iterator[tuple[str, Child]]:
    if about.version:
        yield "Made by", f"t2s {about.version}"


def _fates(about: About) -> Html | None:
    lessons, edits = about.counts.get("lessons", {}), about.counts.get("edits", {})
    if not lessons.get("learned") and not edits.get("proposed"):
        return None
    heads = ["", "all", *(mark(fate).word for fate in FATES)]
    rows: list[list[Child]] = [
        [name, f"{row.get(total, 0):,}", *(f"{row.get(fate, 0):,}" for fate in FATES)]
        for name, row, total in (("lessons", lessons, "learned"), ("edits", edits, "proposed"))
    ]
    return table("What became of lessons and edits", heads, rows, kind="numbers")


def _failures(about: About) -> Html | None:
    if not about.failures:
        return None
    rows = list(about.failures.items())
    items = (
        tag("li", tag("code", *words(unit, 120)), ": ", *words(why, 600)) for unit, why in rows[:MOST_FAILURES]
    )  # fmt: skip
    more = tag("li", f"and {len(rows) - MOST_FAILURES:,} more") if len(rows) > MOST_FAILURES else None
    return join(tag("h3", "Units that failed"), tag("ul", *items, more))


def _notes(about: About) -> Html | None:
    if not about.notes:
        return None
    shown = (tag("li", *words(text, 600)) for text in about.notes[:MOST_NOTES])
    more = tag("li", f"and {len(about.notes) - MOST_NOTES:,} more") if len(about.notes) > MOST_NOTES else None
    return join(tag("h3", "Notes"), tag("ul", *shown, more))
