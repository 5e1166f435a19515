"""Home: every run with its state, and the way to a new one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.timer import Timer
from textual.worker import get_current_worker

from t2s_tui import host
from t2s_tui.feed import Changes
from t2s_tui.keys import RUNS, bindings
from t2s_tui.screens.base import Base
from t2s_tui.screens.cards import FULL, READING, SORTS, Card, Widths, card_line, cards_of, needed, ordered
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.preview import Peek, Preview, peek
from t2s_tui.text import plural
from t2s_tui.widgets.canvas import BLANK, Canvas, Line, Span, apart
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import Kept, ListPanel
from t2s_tui.widgets.status import Footer, Hint
from workspace.errors import T2SError
from workspace.files import remove
from workspace.runs.run import RunFolder, alive

LOOK_EVERY = 1.5
REST = 0.12  # seconds the cursor stays on a run before it is looked into
PEEKS = 200
LOW, TINY = 30, 16  # rows of a screen below which the preview is short, and below which the runs have all the room


class RunList(ListPanel):
    """The runs, the newest first."""

    name_shown = "RUNS"

    def __init__(self, folder: Path) -> None:
        super().__init__(id="runs")
        self.folder = folder
        self.cards: dict[str, Card] = {}
        self.loaded = False
        self.sort = SORTS[0]
        self._version = 0
        self._order_of: Kept[list[str]] = Kept([])
        self._needed: Kept[Widths] = Kept(FULL)

    def take(self, cards: dict[str, Card]) -> None:
        """These are the runs now."""
        self.cards, self.loaded = cards, True
        self._version += 1

    def title(self) -> list[Span]:
        count = f"{len(self.cards):,} in " if self.cards else ""
        return [Span(f"{count}{self.folder}", "dim")]

    def aside(self) -> list[Span]:
        order = "newest first" if self.sort == "newest" else f"by {self.sort}"
        place = super().aside()
        gap = "   " if place else ""
        return [Span(f"{order}{gap}" if len(self.cards) > 1 else "", "dim"), *place]

    def keys(self) -> list[str]:
        return self._order_of.get((self._version, self.sort), lambda: ordered(self.cards.values(), self.sort), 0)

    def line(self, key: str, cells: int) -> list[Span]:
        longest = self._needed.get(self._version, lambda: needed(self.cards.values(), self.look), 0)
        return card_line(self.cards[key], self.look, cells, longest)

    def sought(self, key: str) -> str:
        card = self.cards[key]
        return f"{super().sought(key)} {key} {card.model} {card.said}"

    def nothing(self) -> list[Line]:
        if not self.loaded:
            return self.empty("reading the runs …")
        return self.empty(
            "No runs here yet.",
            "",
            "n     starts one: a skill to evolve and traces or tasks to learn from",
            "t2s demo     shows a whole evolution with the embedded model",
        )


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
    RunsScreen #title { height: 2; } RunsScreen #runs { height: 1fr; } RunsScreen #preview { height: 7; }
    RunsScreen #footer { height: 1; } RunsScreen.low #preview { height: 6; }
    RunsScreen.tiny #preview { display: none; }
    """
    crumb = "runs"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._runs = RunList(folder)
        self._preview = Preview()
        self._looked = 0.0
        self._looking = False
        self._draft: dict[str, str] = {}
        self._rest: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Title(self._runs)
        yield self._runs
        yield self._preview
        yield Footer(self.hints, last=(Hint("?", "help"), Hint(":", "all"), Hint("q", "quit")))
        yield FindBar()

    def on_mount(self) -> None:
        self._runs.focus()
        self._look()

    def hints(self) -> Sequence[Hint]:
        keys = [("w", "watch again"), ("R", "resume"), ("D", "delete")]
        own = [Hint(*pair) for pair in keys] if self._runs.cards else []
        order = [Hint("s", "sort")] if len(self._runs.cards) > 1 else []
        first = [Hint("enter", "open")] if self._runs.cards else []
        return [*first, Hint("n", "new run"), Hint("/", "find"), *own, *order]

    def pull(self, changes: Changes) -> None:
        if not self._looking and time.monotonic() - self._looked > LOOK_EVERY:
            self._look()
        super().pull(changes)

    def action_back(self) -> None:
        """This is where back leads to; leaving is another key."""
        self.clear_find()

    def action_new_run(self) -> None:
        from t2s_tui.screens.new_run import NewRunScreen

        if self.t2s.may_write():
            self.app.push_screen(NewRunScreen(self._runs.folder, self._draft))

    def action_sort(self) -> None:
        self._runs.sort = SORTS[(SORTS.index(self._runs.sort) + 1) % len(SORTS)]
        self._runs.go(self._runs.cursor) if self._runs.cursor else self._runs.pull()

    def action_copy(self) -> None:
        if card := self._runs.cards.get(self._runs.cursor):
            self.t2s.copy(f"t2s attach {card.run.id}", card.run)

    def action_replay(self) -> None:
        if card := self._runs.cards.get(self._runs.cursor):
            self.t2s.open_replay(card.run)

    def on_screen_resume(self) -> None:
        self.t2s.leave_replay()
        super().on_screen_resume()

    def on_resize(self) -> None:
        self.set_class(self.app.size.height < LOW, "low")
        self.set_class(self.app.size.height < TINY, "tiny")

    @work
    async def action_delete(self) -> None:
        card = self._runs.cards.get(self._runs.cursor)
        if card is None or not self.t2s.may_write():
            return
        if alive(card.run):
            self.t2s.tell(f"{card.run.id} has an engine at work; open it and stop it first", bad=True)
            return
        consequence = "Its skill, lessons, conversations and verdict are deleted for good.\nCopies elsewhere stay."
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

    @on(ListPanel.Moved)
    def _moved(self) -> None:
        """Look into the run under the cursor once the cursor rests."""
        self._show_preview()

    def _show_preview(self) -> None:
        card = self._runs.cards.get(self._runs.cursor)
        self._preview.card = card
        self._preview.pull()
        if card is None or card.state == READING:
            return
        known = self._preview.peeks.get(card.run.id)
        if known is None or known.print != card.print:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, lambda: self._peek(card))

    @work(thread=True, exclusive=True, group="peek")
    def _peek(self, card: Card) -> None:
        found = peek(card.run, card.print)
        self.app.call_from_thread(self._peeked, card.run.id, found)

    def _peeked(self, run: str, found: Peek) -> None:
        if len(self._preview.peeks) >= PEEKS:
            self._preview.peeks.clear()
        self._preview.peeks[run] = found
        self._preview.pull()

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        self._looking, self._looked = True, time.monotonic()
        worker = get_current_worker()

        def show(cards: dict[str, Card]) -> None:
            if not worker.is_cancelled:
                self.app.call_from_thread(self._show, cards)

        try:
            show(cards_of(self._runs.folder, self._runs.cards, show))
        finally:
            self._looking, self._looked = False, time.monotonic()

    def _show(self, cards: dict[str, Card]) -> None:
        self._runs.take(cards)
        if self.is_mounted:
            super().pull(Changes())
            self._show_preview()
