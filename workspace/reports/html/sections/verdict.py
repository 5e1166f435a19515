"""The verdict in a sentence, in a picture and in numbers, round by round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workspace.reports.html.held_out import chosen
from workspace.reports.html.markup import Child, Html, join, tag
from workspace.reports.html.sections.parts import chip, dim, fault, listed, section, table, words
from workspace.reports.html.sections.plots import Effect, dots, intervals
from workspace.reports.html.sections.tasks import of_round
from workspace.reports.html.values import Judged, Report
from workspace.reports.html.words import chance, count, percent, points
from workspace.reports.tries import Side
from workspace.score import Verdict

MOST_NAMES = 300


def verdict(report: Report) -> Html:
    """The section; of several rounds the last one first."""
    rows = report.judged.value or ()
    if report.judged.fault:
        return section("verdict", "Verdict", fault(report.judged.fault))
    if not rows:
        return section("verdict", "Verdict", dim("There is no verdict yet: it comes after the held-out tasks."))
    several = len(rows) > 1
    return section("verdict", "Verdict", *(_round(row, several) for row in reversed(rows)))


def _round(row: Judged, several: bool) -> Html:
    heading = tag("h3", f"Round {row.round}") if several else None
    return join(heading, _sentence(row), _by_hand(row.hand), _pictures(row), _numbers(row), _same(row))


def _sentence(row: Judged) -> Html:
    if row.verdict is None:
        return dim("The held-out tasks are being tried; the verdict comes when all are.")
    decision, sentence = row.verdict.decision, row.verdict.sentence
    for begin in (f"{decision}:", f"{decision.replace('_', ' ')}:"):
        sentence = sentence.removeprefix(begin).strip()
    return tag("p", chip(decision), " ", *words(sentence, 2_000), class_="said")


def _by_hand(hand: Mapping[str, Any] | None) -> Html | None:
    if hand is None:
        return None
    who = f" by {hand['who']}" if hand["who"] else " by hand"
    past = "" if hand["stands"] else " (of an earlier candidate: it does not count for this one)"
    why = f": {hand['why']}" if hand["why"] else ""
    return tag("p", chip(str(hand["decision"])), *words(f"{who}{why}{past}", 2_000), class_="said")


def _pictures(row: Judged) -> Html | None:
    effects, side = list(_effects(row)), chosen(row)
    if not effects and side is None:
        return None
    plot = intervals(effects, row.min_gain) if effects else None
    marks = dots(side.groups(), of_round(row).links) if side else None
    return tag("figure", plot, marks, tag("figcaption", *_caption(row)))


def _caption(row: Judged) -> Iterator[Child]:
    found = row.verdict
    if found and found.interval:
        yield (
            "The bar is the paired bootstrap interval of the difference; it is shown and does not decide. What decides "
            f"is p against {row.alpha:g}, and whether a gain of {100 * row.min_gain:g} points is still plausible. "
        )
    yield from _history(found) if found else ()
    yield "Each mark is a held-out task; a triangle leads to its two transcripts."


def _history(found: Verdict) -> Iterator[str]:
    """What a reader must know of how the verdict came about."""
    if found.looks > 1:
        yield f"The tasks were looked at {found.looks} times; p is corrected for it. "
    if found.candidates > 1:
        yield f"The candidate is the best of {found.candidates}; p is corrected for the choice. "
    if found.stopped_early:
        yield f"Validation stopped early, after {found.n} of {found.planned} tasks. "
    if found.untried:
        yield f"{count(found.untried, 'task')} could not be tried. "
    if found.openings > 1:
        yield f"The test tasks were opened {found.openings} times: they are no longer unseen. "
    if found.more_needed:
        yield f"About {count(found.more_needed, 'more task')} would decide. "


def _effects(row: Judged) -> Iterator[Effect]:
    found, side = row.verdict, chosen(row)
    if found and found.difference is not None and found.baseline is not None:
        low, high = found.interval or (None, None)
        yield Effect("validation", found.difference, low, high)
    for other in row.sides:
        if other.split == "validation" and (other is not side or not found or found.baseline is None):
            yield Effect(f"validation {other.name}", _difference(other))
    if found and found.test and found.test.n:
        yield Effect("test", found.test.candidate - found.test.baseline)


def _difference(side: Side) -> float:
    return sum(after - before for before, after in map(side.means, side.tasks)) / len(side.tasks)


def _numbers(row: Judged) -> Html | None:
    rows = list(_rows(row))
    heads = ["", "tasks", "first skill", "candidate", "points", "interval", "p"]
    return table("Numbers behind the verdict", heads, rows, kind="numbers") if rows else None


def _rows(row: Judged) -> Iterator[list[Child]]:
    found, side = row.verdict, chosen(row)
    if found and found.baseline is not None:
        yield _validation(found)
    for other in row.sides:
        if other.split == "validation" and (other is not side or not found or found.baseline is None):
            means = [sum(other.means(task)[n] for task in other.tasks) / len(other.tasks) for n in (0, 1)]
            name = f"validation, candidate {other.name}"
            yield [name, len(other.tasks), percent(means[0]), percent(means[1]), points(means[1] - means[0]), "–", "–"]
    if found and found.test and found.test.n:
        test = found.test
        change = points(test.candidate - test.baseline)
        opened = "opened once" if found.openings < 2 else f"opened {found.openings} times"
        yield [f"test, {opened}", test.n, percent(test.baseline), percent(test.candidate), change, "–", "–"]


def _validation(found: Verdict) -> list[Child]:
    between = f"{points(found.interval.low)} … {points(found.interval.high)}" if found.interval else "–"
    name = f"validation, candidate {found.side}" if found.side not in ("", "s0") else "validation"
    means = (percent(found.baseline), percent(found.candidate))
    return [name, found.n, *means, points(found.difference), between, chance(found.p)]


def _same(row: Judged) -> Html | None:
    """Where there are no measured sides, the names alone."""
    if row.verdict is None or row.sides:
        return None
    told = [(name, tasks) for name, tasks in (("fixed", row.verdict.fixed), ("broken", row.verdict.broken)) if tasks]
    return join(*(tag("p", f"{name.capitalize()}: ", *listed(tasks, MOST_NAMES)) for name, tasks in told)) or None
