"""Every lesson: what it says, why, what stands behind it, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workspace.merging.ledger import FATES
from workspace.reports.html.markup import Child, Html, join, tag
from workspace.reports.html.sections.ablation import ablation
from workspace.reports.html.sections.parts import chip, dim, fault, fold, listed, mark, section, sign, words
from workspace.reports.html.values import Report, Told
from workspace.reports.html.words import count

ROOM = 1_100_000
"""Bytes of the page for the words of all lessons."""
LARGEST, SMALLEST = 6_000, 500
MOST = 1_500
MOST_QUOTES = 6
MOST_EXAMPLES = 4
MOST_TASKS = 12

Key = tuple[int, int, str]


def anchors(report: Report) -> dict[Key, str]:
    """Where each lesson that is shown stands on the page."""
    return {_key(told): f"lesson-{n}" for n, told in enumerate((report.lessons.value or ())[:MOST])}


def lessons(report: Report) -> Html:
    """The section: lessons by what became of them, those behind the skill first, the best supported first."""
    wrong = fault(report.lessons.fault) if report.lessons.fault else None
    if report.lessons.value is None:
        return section("lessons", "Lessons", wrong)
    rows = report.lessons.value[:MOST]
    if not rows:
        return section("lessons", "Lessons", wrong, dim("No lesson has been learnt yet."))
    names, room = anchors(report), max(SMALLEST, min(LARGEST, ROOM // len(rows)))
    left = len(report.lessons.value) - len(rows)
    more = (
        dim(f"{left:,} more lessons are not shown; `t2s lessons {report.about.id} list` names all.") if left else None
    )
    groups = (_group(state, group, names, report, room) for state, group in _by_fate(rows).items())
    return section("lessons", "Lessons", wrong, ablation(report), tag("div", *groups, class_="filtered"), more)


def _key(told: Told) -> Key:
    return (told.at.round, told.at.seed, told.lesson.id)


def _by_fate(rows: tuple[Told, ...]) -> dict[str, list[Told]]:
    order = ("in_skill", "open", *FATES[1:])
    found: dict[str, list[Told]] = {state: [] for state in order}
    for told in rows:
        found[told.fate.state if told.fate else "open"].append(told)
    for group in found.values():
        group.sort(key=lambda told: (-len(told.lesson.tasks), told.lesson.id))
    return {state: group for state, group in found.items() if group}


def _group(state: str, group: list[Told], names: Mapping[Key, str], report: Report, room: int) -> Html:
    title = tag("h3", sign(state), f" {mark(state).word.capitalize()} ", tag("span", f"({len(group):,})", class_="dim"))
    return tag("div", title, *(_lesson(told, names[_key(told)], report, room) for told in group), class_="group")


def _lesson(told: Told, name: str, report: Report, room: int) -> Html:
    lesson = told.lesson
    where = told.at.said(rounds=report.about.rounds, seeds=report.about.seeds)
    facts = [count(len(lesson.tasks), "task")] if lesson.tasks else []
    facts += [lesson.kind, *([where] if where else [])]
    head = join(
        tag("span", *words(lesson.title or lesson.claim, min(600, room // 3)), class_="title"), " ",
        tag("span", f"{lesson.id} · {' · '.join(facts)}", class_="dim"), *_marks(told),
    )  # fmt: skip
    kind = "row print" if told.fate and told.fate.state == "in_skill" else "row"
    return fold(head, *_body(told, room), id=name, kind=kind)


def _marks(told: Told) -> Iterator[Child]:
    lesson = told.lesson
    states = ["verified"] * lesson.verified + [lesson.status] * (lesson.status in ("pinned", "dropped"))
    for state in states:
        yield " "
        yield chip(state)
    if told.edited or lesson.author == "human":
        yield " "
        yield tag("span", "by an ablation" if lesson.author == "ablation" else "by a person", class_="chip run")


def _body(told: Told, room: int) -> Iterator[Child]:
    lesson = told.lesson
    if told.invalid:
        yield fault(told.invalid)
        return
    yield tag("p", *words(lesson.claim, room // 3, ends=True), class_="claim")
    if lesson.why:
        yield tag("p", tag("span", "Why: ", class_="dim"), *words(lesson.why, room // 5))
    yield from _quotes(told, room // 5)
    yield from _examples(told, room // 5)
    if told.trial:
        yield tag("p", tag("span", "Trial: ", class_="dim"), told.trial)
    if lesson.tasks:
        yield tag("p", tag("span", "Support: ", class_="dim"), *listed(lesson.tasks, MOST_TASKS, 80))
    yield _fate(told)


def _quotes(told: Told, room: int) -> Iterator[Child]:
    quotes = told.lesson.evidence
    each = max(80, room // max(1, min(len(quotes), MOST_QUOTES)))
    for quote in quotes[:MOST_QUOTES]:
        cite = tag("cite", *words(quote.trajectory, 80), f" turn {quote.turn}")
        yield tag("blockquote", tag("span", *words(quote.quote, each), class_="pre"), cite)
    if len(quotes) > MOST_QUOTES:
        yield dim(f"and {count(len(quotes) - MOST_QUOTES, 'more quote')}")
    if not quotes:
        yield dim("No quoted turn stands behind it.")


def _examples(told: Told, room: int) -> Iterator[Child]:
    examples = told.lesson.examples
    each = max(80, room // max(1, 3 * min(len(examples), MOST_EXAMPLES)))
    for example in examples[:MOST_EXAMPLES]:
        rows = (("Asked", example.input), ("Wrong", example.wrong), ("Right", example.right))
        cells = (join(tag("dt", name), tag("dd", *words(value, each), class_="pre")) for name, value in rows if value)
        yield tag("dl", *cells, class_="example")
    if len(examples) > MOST_EXAMPLES:
        yield dim(f"and {count(len(examples) - MOST_EXAMPLES, 'more example')}")


def _fate(told: Told) -> Html:
    fate = told.fate
    if fate is None:
        return tag("p", chip("open"))
    where = [" as ", tag("code", fate.edit)] if fate.edit else []
    where += [" in ", tag("code", *words(fate.file, 200))] if fate.file else []
    why: list[Child] = [": ", *words(fate.reason, 800)] if fate.reason else []
    return tag("p", chip(fate.state), *where, *why)
