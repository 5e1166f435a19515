"""Home: every run with its state, and the way to a new one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textual import on, work
from textual.app import ComposeResult

from t2s_tui import host
from t2s_tui.feed import Changes
from t2s_tui.keys import RUNS, bindings
from t2s_tui.screens.base import Base
from t2s_tui.screens.confirm import Confirm
from t2s_tui.text import ago, fit, plural, right
from t2s_tui.widgets.canvas import BLANK, Canvas, Line, Span, apart, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.status import Footer, Hint
from workspace.errors import T2SError
from workspace.files import remove
from workspace.runs.events import STAGES
from workspace.runs.run import RunFolder, alive, load_view, runs_in
from workspace.runs.view import RunView

LOOK_EVERY = 1.5


class Card(NamedTuple):
    """One run as a row shows it. `print` tells whether it must be read again."""

    run: RunFolder
    print: tuple[int, bool]
    state: str
    skill: str
    model: str
    progress: str
    verdict: str
    began: float


class RunList(ListPanel):
    """The runs, the newest first."""

    name_shown = "RUNS"

    def __init__(self, folder: Path) -> None:
        super().__init__(id="runs")
        self.folder = folder
        self.cards: dict[str, Card] = {}
        self.loaded = False

    def title(self) -> list[Span]:
        return [Span(str(self.folder), "dim")]

    def keys(self) -> list[str]:
        return [card.run.id for card in sorted(self.cards.values(), key=lambda c: (-c.began, c.run.id))]

    def line(self, key: str, cells: int) -> list[Span]:
        card = self.cards[key]
        mark = self.look.mark(card.state)
        verdict = self.look.mark(card.verdict)
        spans = [Span(fit(self.look.glyph(card.state), 2), mark.ink), Span(fit(mark.word, 11), mark.ink)]
        spans += [Span(fit(key, 32) + " ", "text")] if cells >= 100 else []
        spans.append(Span(fit(card.skill, 14), "bright"))
        spans += [Span(fit(card.model, 14) + " ", "dim")] if cells >= 116 else []
        spans.append(Span(fit(card.progress, 15), "text"))
        shown = f"{self.look.glyph(card.verdict)} {verdict.word}" if card.verdict else ""
        spans.append(Span(fit(shown, 16), verdict.ink))
        age = ago(time.time() - card.began) if card.began else ""
        return [*spans, Span(right(age, max(0, cells - sum(len(s.text) for s in spans))), "dim")]

    def nothing(self) -> list[Line]:
        if not self.loaded:
            return self.empty("reading the runs …")
        return self.empty(
            "No runs here yet.",
            "",
            "n     starts one: a skill to evolve and traces or tasks to learn from",
            "t2s demo     shows a whole evolution with the embedded model",
        )


class Preview(Canvas):
    """What can be said about the run under the cursor, below the list."""

    def __init__(self, runs: RunList) -> None:
        super().__init__(id="preview")
        self._runs = runs

    def paint(self) -> list[Line]:
        card = self._runs.cards.get(self._runs.cursor)
        if card is None:
            return []
        how = {
            "lost": "Its engine is gone; R starts it again and nothing finished is lost.",
            "paused": "Open it and press space to go on.",
            "incomplete": "Some units failed; R tries them again.",
        }
        lines = [row(Span(f"  {card.run.id}", "bright"), Span(f"   t2s attach {card.run.id}", "faint"))]
        return [*lines, row(Span(f"  {how.get(card.state, '')}", "dim")), BLANK]


class Title(Canvas):
    """The name of the program, and how many runs are at work."""

    def __init__(self, runs: RunList) -> None:
        super().__init__(id="title")
        self._runs = runs

    def paint(self) -> list[Line]:
        working = sum(card.state in ("running", "pausing", "paused") for card in self._runs.cards.values())
        left = [Span(" t2s", "run+bold"), Span("   watch an agent's skill evolve", "dim")]
        return [
            apart(left, [Span(f"{plural(working, 'run')} at work " if working else "", "run")], self.size.width),
            BLANK,
        ]


class RunsScreen(Base):
    """Reads the folder again while it is on the screen; a run that has not changed costs two file looks."""

    BINDINGS = bindings(RUNS)
    CSS = """
    RunsScreen #title { height: 2; } RunsScreen #runs { height: 1fr; } RunsScreen #preview { height: 3; }
    RunsScreen #footer { height: 1; }
    """
    crumb = "runs"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._runs = RunList(folder)
        self._looked = 0.0

    def compose(self) -> ComposeResult:
        yield Title(self._runs)
        yield self._runs
        yield Preview(self._runs)
        yield Footer(self.hints, last=(Hint("?", "help"), Hint(":", "all"), Hint("q", "quit")))
        yield FindBar()

    def on_mount(self) -> None:
        self._runs.focus()
        self._look()

    def hints(self) -> Sequence[Hint]:
        own = [Hint("enter", "open"), Hint("R", "resume"), Hint("D", "delete")] if self._runs.cards else []
        return [*own, Hint("n", "new run"), Hint("/", "find")]

    def pull(self, changes: Changes) -> None:
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._look()
        super().pull(changes)

    def action_back(self) -> None:
        """This is where back leads to; leaving is another key."""

    def action_new_run(self) -> None:
        from t2s_tui.screens.new_run import NewRunScreen

        if self.t2s.may_write():
            self.app.push_screen(NewRunScreen(self._runs.folder))

    @work
    async def action_delete(self) -> None:
        card = self._runs.cards.get(self._runs.cursor)
        if card is None or not self.t2s.may_write():
            return
        if alive(card.run):
            self.t2s.tell(f"{card.run.id} has an engine at work; open it and stop it first", bad=True)
            return
        consequence = "Its skill, lessons, conversations and verdict are deleted for good.\nAn exported skill stays."
        if not await self.app.push_screen_wait(
            Confirm(f"Delete run {card.run.id}?", consequence, "delete it", "keep it")
        ):
            return
        try:
            remove(card.run.path)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
        self._look()

    def action_resume_engine(self) -> None:
        if (card := self._runs.cards.get(self._runs.cursor)) and self.t2s.may_write():
            if alive(card.run):
                self.t2s.tell("the run has its engine; open it with enter")
            else:
                self._start(card.run)

    @on(ListPanel.Chosen)
    def _open(self, message: ListPanel.Chosen) -> None:
        self.t2s.open_run(self._runs.cards[message.key].run)

    @work(thread=True, exclusive=True, group="engine")
    def _start(self, run: RunFolder) -> None:
        self.app.call_from_thread(self.t2s.tell, "starting an engine …")
        try:
            host.start(run)
        except T2SError as error:
            self.app.call_from_thread(self.t2s.tell, str(error), bad=True)
        else:
            self.app.call_from_thread(self.t2s.open_run, run)

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        self._looked = time.monotonic()
        cards = read_cards(self._runs.folder, self._runs.cards)
        self.app.call_from_thread(self._show, cards)

    def _show(self, cards: dict[str, Card]) -> None:
        self._runs.cards, self._runs.loaded = cards, True
        if self.is_mounted:
            super().pull(Changes())


def read_cards(folder: Path, known: dict[str, Card]) -> dict[str, Card]:
    """A card for each run in `folder`; those whose journal and engine are as before are taken from `known`."""
    cards: dict[str, Card] = {}
    for run in runs_in(folder) if folder.is_dir() else []:
        size = run.journal.stat().st_size if run.journal.is_file() else 0
        print_ = (size, alive(run))
        old = known.get(run.id)
        cards[run.id] = old if old is not None and old.print == print_ else _card(run, print_)
    return cards


def _card(run: RunFolder, print_: tuple[int, bool]) -> Card:
    view = load_view(run).view
    verdict = view.verdict.decision if view.verdict else ""
    return Card(run, print_, view.state, view.skill, view.model, progress(view), verdict, view.began)


def progress(view: RunView) -> str:
    """`analyse 30/70`, or what came out."""
    if view.state == "finished":
        return plural(len(view.lessons), "lesson")
    entered = [s for s in STAGES if view.stages[s].entered]
    open_ = [s for s in entered if not view.stages[s].left]
    if not entered:
        return "not begun"
    stage = (open_ or entered)[-1]
    stage_row = view.stages[stage]
    return f"{stage} {stage_row.done + stage_row.failed}/{stage_row.units}"
