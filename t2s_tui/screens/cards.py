"""The runs of a folder as rows of a list: what each shows, how they are ordered, and how little is read for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from t2s_tui.text import ago, count, fit, money, plural, right
from t2s_tui.theme import Look
from t2s_tui.who import who
from t2s_tui.widgets.canvas import Span
from workspace.errors import T2SError
from workspace.files import changed_at, size_of
from workspace.runs.decision import decision_file, judged_round, read_decision, stands
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
    """What tells that a run must be read again: its journal has grown, its engine came or went, a person decided."""

    size: int
    alive: bool
    decided: float


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
    decisions = (decision_file(each) for each in run.rounds())
    return Print(size_of(run.journal), alive(run), sum(map(changed_at, decisions)))


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
    round = judged_round(run)
    try:
        said = read_decision(round) if round else None
        return (said.decision, said.who) if round and said and stands(round, said) else ("", "")
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


def card_line(card: Card, look: Look, cells: int) -> list[Span]:
    """The row of a card: what fits is chosen by the width, and every column keeps its place."""
    mark = look.mark(card.state)
    if card.state == READING:
        spans = [Span(fit("", 2)), Span(fit("reading", 12), "faint")]
    else:
        spans = [Span(fit(look.glyph(card.state), 2), mark.ink), Span(fit(mark.word, 12), mark.ink)]
    spans += [Span(column.text(card), column.ink) for column in COLUMNS if cells >= column.least]
    verdict = look.mark(card.decided)
    shown = f"{look.glyph(card.decided)} {card.said or verdict.word}" if card.decided else ""
    spans.append(Span(fit(shown, 18), "you" if card.word else verdict.ink))
    age = ago(time.time() - card.began) if card.began else ""
    spans += list(_figures(card)) if cells >= 150 else []
    return [*spans, Span(right(age, max(0, min(9, cells - sum(len(s.text) for s in spans)))), "dim")]


class Column(NamedTuple):
    """A column that is there from `least` cells on."""

    least: int
    ink: str
    text: Callable[[Card], str]


COLUMNS = (
    Column(110, "dim", lambda card: fit(card.run.id, 32) + " "),
    Column(0, "bright", lambda card: fit(card.skill, 16) + " "),
    Column(127, "dim", lambda card: fit(card.model, 16) + " "),
    Column(0, "text", lambda card: fit(card.progress, 17) + " "),
)


def _figures(card: Card) -> Iterator[Span]:
    yield Span(right(f"{count(card.tokens)} tokens" if card.tokens else "", 14), "dim")
    yield Span(right(money(card.cost) if card.cost else "", 10), "dim")
