"""What several sections are built from: headings, marks, folds, tables, long texts in part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workspace.reports.html.clip import clip
from workspace.reports.html.markup import Child, Html, join, tag


class Mark(NamedTuple):
    """A state as a sign, a word and a colour together, so that nothing is lost without colours."""

    sign: str
    word: str
    ink: str


MARKS = {
    "accept": Mark("✓", "accepted", "ok"),
    "reject": Mark("✕", "rejected", "bad"),
    "undecided": Mark("?", "undecided", "warn"),
    "not_validated": Mark("–", "not validated", "dim"),
    "in_skill": Mark("✓", "in the skill", "ok"),
    "withheld": Mark("!", "withheld", "warn"),
    "quarantined": Mark("!", "quarantined", "warn"),
    "dropped": Mark("–", "dropped", "dim"),
    "failed": Mark("✕", "failed", "bad"),
    "open": Mark("…", "not settled yet", "dim"),
    "finished": Mark("✓", "finished", "ok"),
    "running": Mark("●", "running", "run"),
    "pausing": Mark("●", "pausing", "warn"),
    "paused": Mark("■", "paused", "warn"),
    "incomplete": Mark("!", "incomplete", "warn"),
    "stopped": Mark("■", "stopped", "warn"),
    "lost": Mark("✕", "lost its engine", "bad"),
    "pass": Mark("✓", "passed", "ok"),
    "fail": Mark("✕", "failed", "bad"),
    "infra": Mark("!", "could not be tried", "warn"),
    "unknown": Mark("?", "end not known", "dim"),
    "fixed": Mark("▲", "fixed", "ok"),
    "broken": Mark("▼", "broken", "bad"),
    "right": Mark("●", "right both times", "dim"),
    "wrong": Mark("○", "wrong both times", "dim"),
    "better": Mark("✓", "better", "ok"),
    "worse": Mark("✕", "worse", "bad"),
    "means only": Mark("–", "means only", "dim"),
    "helps": Mark("▲", "helps", "ok"),
    "hurts": Mark("▼", "hurts", "bad"),
    "cannot be told": Mark("?", "cannot be told", "dim"),
    "verified": Mark("✓", "verified", "ok"),
    "pinned": Mark("◆", "pinned", "run"),
}
"""Every state that is shown."""


def mark(state: str) -> Mark:
    """How a state is shown; one that nobody knows is shown by its own name."""
    return MARKS.get(state) or Mark("?", state, "dim")


def chip(state: str, *more: Child) -> Html:
    """A state beside a text."""
    found = mark(state)
    return tag("span", sign(state), " ", found.word, *more, class_=f"chip {found.ink}")


def sign(state: str) -> Html:
    """The sign alone, for those who see it; the word must stand beside it."""
    return tag("span", mark(state).sign, class_=mark(state).ink, aria_hidden="true")


def section(name: str, title: str, *children: Child) -> Html:
    """A part of the page with a heading that the table of contents leads to."""
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


def fault(why: str) -> Html:
    """In place of what cannot be read."""
    return tag("p", tag("strong", "Cannot be read: "), *words(why, 2_000), class_="note bad")


def note(*children: Child) -> Html:
    """Something to know before reading on."""
    return tag("p", *children, class_="note")


def dim(*children: Child) -> Html:
    """A remark."""
    return tag("p", *children, class_="dim")


def fold(head: Child, *body: Child, id: str | None = None, kind: str = "", open: bool = False) -> Html:
    """A part that opens. `kind` "print" is unfolded on paper as well."""
    return tag("details", tag("summary", head), *body, id=id, class_=kind or None, open=open)


def words(text: str, room: int, *, ends: bool = False) -> list[Child]:
    """`text` in at most `room` bytes, with how much was left out."""
    part = clip(text, room, ends=ends)
    if not part.left_out:
        return [part.begin]
    gap = tag("span", f"… {part.left_out:,} characters left out …", class_="gap")
    return [part.begin, " ", gap, " ", part.end]


def preformatted(text: str, room: int, *, ends: bool = True, kind: str = "") -> Html:
    """Text whose line breaks count."""
    return tag("div", *words(text, room, ends=ends), class_=f"pre {kind}".rstrip(), dir="auto")


def listed(names: Sequence[str], most: int, room: int = 120) -> list[Child]:
    """Names behind each other, so many at most."""
    shown: list[Child] = []
    for name in names[:most]:
        shown += [", "] * bool(shown) + [tag("code", *words(name, room))]
    return [*shown, f" and {len(names) - most:,} more"] if len(names) > most else shown


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], *, kind: str = "") -> Html:
    """A table whose first column names its rows; `caption` is for those who do not see it beside its heading."""
    head = tag("tr", *(tag("th", name, scope="col") for name in heads))
    body = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    )  # fmt: skip
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_=f"table {kind}".rstrip(), tabindex=0, role="region", aria_label=caption)


def facts(rows: Iterable[tuple[str, Child]]) -> Html:
    """Names and values below each other."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in rows), class_="facts")
