"""The runs of a folder as rows of a list: what each shows, how they are ordered, and how little is read for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from t2s_tui.text import ago, count, fit, money, plural, right, safe, width
from t2s_tui.theme import Look
from t2s_tui.who import who
from t2s_tui.widgets.canvas import Span
from workspace.errors import T2SError
from workspace.files import changed_at, size_of
from workspace.runs.decision import decision_file, word_on
from workspace.runs.events import STAGES
from workspace.runs.run import RunFolder, alive, load_view, runs_in
from workspace.runs.view import RunView

SHOW_EVERY = 0.2  # seconds between two looks at the list while runs are still being read
BREATH = 0.002  # seconds between two runs, in which the screen draws and hears keys
SORTS = ("newest", "state", "skill", "verdict")
NEEDY = ("paused", "pausing", "lost", "failed", "incomplete", "running", "starting", "stopped", "finished", "")
SURE = ("accept", "reject", "undecided", "not_validated", "")
READING = "reading"


class Print(NamedTuple):
    """What tells that a run must be read again: its journal has grown, its engine came or went, a person decided or
    changed lessons."""

    size: int
    alive: bool
    decided: float
    edited: float = 0.0


class Card(NamedTuple):
    """One run as a row shows it. `word` is a person's decision, `by` who made it; `tokens` are read and written."""

    run: RunFolder
    print: Print
    state: str
    skill: str = ""
    model: str = ""
    progress: str = ""
    verdict: str = ""
    word: str = ""
    by: str = ""
    began: float = 0.0
    tokens: int = 0
    cost: float | None = None

    @property
    def decided(self) -> str:
        """The decision that counts: the person's, else the verdict's."""
        return self.word or self.verdict

    @property
    def said(self) -> str:
        """`accepted by you`, `rejected by kim`; empty where nobody decided."""
        if not self.word:
            return ""
        return f"{self.word}ed by {'you' if self.by in ('', who()) else self.by}"


def cards_of(folder: Path, known: Mapping[str, Card], show: Callable[[dict[str, Card]], None]) -> dict[str, Card]:
    """A card for each run in `folder`. Those that are as before come from `known`; the others are read, the newest
    first, and `show` gets what there is while that goes on."""
    prints = {run.id: (run, _print(run)) for run in (runs_in(folder) if folder.is_dir() else [])}
    cards = {name: _known(known, run, print_) for name, (run, print_) in prints.items()}
    unread = [name for name, (_, print_) in prints.items() if name not in known or known[name].print != print_]
    shown = time.monotonic() - SHOW_EVERY
    for name in reversed(unread):
        if (now := time.monotonic()) - shown > SHOW_EVERY:
            show(dict(cards))
            shown = now
        cards[name] = read_card(*prints[name])
        time.sleep(BREATH)
    return cards


def _known(known: Mapping[str, Card], run: RunFolder, print_: Print) -> Card:
    return known.get(run.id) or Card(run, print_, READING, began=changed_at(run.config))


def _print(run: RunFolder) -> Print:
    rounds = run.rounds()
    decided = sum(changed_at(decision_file(each)) for each in rounds)
    edited = changed_at(rounds[-1].seed(0).edits) if rounds else 0.0
    return Print(size_of(run.journal), alive(run), decided, edited)


def read_card(run: RunFolder, print_: Print) -> Card:
    """What the journal (or the view saved beside it) and a person's decision say."""
    try:
        view = load_view(run).view
    except OSError:
        return Card(run, print_, "", began=changed_at(run.config))  # its preview says why
    word, by = _decision(run) if print_.decided else ("", "")
    use = view.usage
    return Card(
        run,
        print_,
        view.state,
        view.skill,
        view.model,
        progress(view),
        view.verdict.decision if view.verdict else "",
        word,
        by,
        view.began,
        use.prompt + use.completion,
        use.cost,
    )


def _decision(run: RunFolder) -> tuple[str, str]:
    try:
        said = word_on(run)
        return (said.decision, said.who) if said else ("", "")
    except T2SError:
        return "", ""  # the verdict's own screen says what is wrong with the file


def progress(view: RunView) -> str:
    """`analyse 30/70`, or what came out."""
    if view.state == "finished":
        return plural(len(view.lessons), "lesson")
    entered = [s for s in STAGES if view.stages[s].entered and view.stages[s].units]
    open_ = [s for s in entered if not view.stages[s].left]
    if not entered:
        return "not begun"
    stage = (open_ or entered)[-1]
    stage_row = view.stages[stage]
    return f"{stage} {stage_row.done + stage_row.failed}/{stage_row.units}"


def ordered(cards: Iterable[Card], by: str) -> list[str]:
    """The ids in the order that a person asked for; alike ones the newest first."""
    keys: dict[str, Callable[[Card], tuple[int, str]]] = {
        "newest": lambda card: (0, ""),
        "state": lambda card: (_place(NEEDY, card.state), ""),
        "skill": lambda card: (0, card.skill),
        "verdict": lambda card: (_place(SURE, card.decided), ""),
    }
    return [card.run.id for card in sorted(cards, key=lambda card: (*keys[by](card), -card.began, card.run.id))]


def _place(order: tuple[str, ...], word: str) -> int:
    return order.index(word) if word in order else len(order)


class Widths(NamedTuple):
    """Cells of the columns that every screen shows, the gap behind each included; 0 leaves one out."""

    state: int = 14
    skill: int = 17
    progress: int = 18
    verdict: int = 18
    age: int = 9


GLYPH = 2
FULL = Widths()
FORMS = (
    FULL,
    FULL._replace(age=0),
    FULL._replace(verdict=GLYPH),
    FULL._replace(verdict=GLYPH, age=0),
    FULL._replace(state=GLYPH, verdict=GLYPH, age=0),
)
"""What goes first where room is short; a sign stands for its word before any word is cut."""


def needed(cards: Iterable[Card], look: Look) -> Widths:
    """The cells that the longest entry of each column takes."""
    longest = Widths(GLYPH, 0, 0, 0, 0)
    for card in cards:
        longest = Widths(*map(max, longest, _taken(card, look)))
    return longest


def _taken(card: Card, look: Look) -> Widths:
    word = "reading" if card.state == READING else look.mark(card.state).word
    cells = (GLYPH + width(word), *(width(safe(text)) for text in (card.skill, card.progress)))
    return Widths(*(n + 1 for n in (*cells, width(_verdict(card, look)), width(_age(card)))))


def widths(cells: int, longest: Widths) -> Widths:
    """Columns for a row of `cells`: the first form that holds the longest entries, with what is left over as gaps."""
    for form in FORMS:
        least = Widths(*map(min, longest, form))
        if (spare := cells - sum(least)) >= 0:
            return _spread(least, form, spare)
    rest = max(0, cells - 2 * GLYPH)
    skill = min(longest.skill, rest // 2)
    return Widths(GLYPH, skill, rest - skill, GLYPH, 0)


def _spread(least: Widths, form: Widths, spare: int) -> Widths:
    found: list[int] = []
    for size, most in zip(least, form, strict=True):
        more = min(spare, most - size)
        found.append(size + more)
        spare -= more
    return Widths(*found)


def card_line(card: Card, look: Look, cells: int, longest: Widths | None = None) -> list[Span]:
    """The row of a card: what fits is chosen by the width and the `longest` entries, and columns keep their place."""
    mark, decided = look.mark(card.state), look.mark(card.decided)
    extra = {extra.name: extra for extra in EXTRAS if cells >= extra.least}
    taken = sum(each.cells for each in extra.values())
    size = widths(cells - taken, longest or needed([card], look))
    state = ("", "reading") if card.state == READING else (look.glyph(card.state), mark.word)
    ink = "faint" if card.state == READING else mark.ink
    spans = [Span(fit(state[0], GLYPH), ink), Span(fit(state[1], size.state - GLYPH), ink)]
    spans += _extra(extra, "id", card)
    spans.append(Span(_column(card.skill, size.skill), "bright"))
    spans += _extra(extra, "model", card)
    spans.append(Span(_column(card.progress, size.progress), "text"))
    verdict = _verdict(card, look) if size.verdict > GLYPH else look.glyph(card.decided)
    spans.append(Span(fit(verdict, size.verdict), "you" if card.word else decided.ink))
    spans += _extra(extra, "tokens", card) + _extra(extra, "cost", card)
    return [*spans, Span(right(_age(card), size.age), "dim")]


def _column(text: str, cells: int) -> str:
    return fit(text, cells - 1) + " " if cells > 1 else ""


def _verdict(card: Card, look: Look) -> str:
    return f"{look.glyph(card.decided)} {card.said or look.mark(card.decided).word}" if card.decided else ""


def _age(card: Card) -> str:
    return ago(time.time() - card.began) if card.began else ""


class Extra(NamedTuple):
    """A column that is there from `least` cells on, with the cells it takes."""

    name: str
    least: int
    cells: int
    text: Callable[[Card, int], str]


EXTRAS = (
    Extra("id", 110, 33, lambda card, cells: _column(card.run.id, cells)),
    Extra("model", 127, 17, lambda card, cells: _column(card.model, cells)),
    Extra("tokens", 150, 14, lambda card, cells: right(f"{count(card.tokens)} tokens" if card.tokens else "", cells)),
    Extra("cost", 150, 10, lambda card, cells: right(money(card.cost) if card.cost else "", cells)),
)


def _extra(there: Mapping[str, Extra], name: str, card: Card) -> list[Span]:
    return [Span(each.text(card, each.cells), "dim")] if (each := there.get(name)) else []
