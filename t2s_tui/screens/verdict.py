"""The verdict: what the held-out tasks say, in a sentence, in numbers and task by task; and a person's word on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on, work
from textual.app import ComposeResult

from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import VERDICT, bindings
from t2s_tui.narrate import said_by_hand
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.compare import CompareScreen
from t2s_tui.screens.confirm import Confirm
from t2s_tui.screens.fates import fates
from t2s_tui.screens.forest import forest
from t2s_tui.screens.reason import ReasonScreen
from t2s_tui.screens.task_grid import TaskGrid
from t2s_tui.screens.tries import Measured, measure, sides, verdict_file
from t2s_tui.text import fit, safe, unsaid, wrap
from t2s_tui.who import who
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.reader import Reader
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.errors import T2SError
from workspace.reports.matrix import load_matrix
from workspace.reports.matrix_text import matrix_lines
from workspace.reports.summary import by_hand, result_skill
from workspace.reports.tries import Side
from workspace.runs.decision import Word, decide, judged_round, withdraw
from workspace.runs.evaluation import KIND
from workspace.runs.run import RoundFolder

FOLLOWS = {
    "accept": "Its skill counts as the result of the run from then on, whatever the verdict says: for show, diff, "
    "blame and the list of runs. Exit codes and the verdict itself stay as they are.",
    "reject": "Its skill no longer counts as the result of the run, whatever the verdict says. An earlier accepted "
    "skill does, if there is one. Exit codes and the verdict itself stay as they are.",
}


class VerdictText(Reader):
    """Sentence, a person's word, the table with its plot, and what became of the lessons."""

    name_shown = "VERDICT"

    def __init__(self, feed: Feed) -> None:
        super().__init__(id="verdict")
        self.feed = feed
        self.round: RoundFolder | None = None
        self.table: dict[str, Any] = {}
        self.hand: dict[str, Any] | None = None
        self.measured: list[Measured] = []
        self.fault = ""
        self.compared: list[str] = []

    def title(self) -> list[Span]:
        rounds = len(self.feed.run.rounds())
        return [Span(f"round {self.round.path.name} of {rounds}", "dim")] if self.round and rounds > 1 else []

    def content(self, cells: int) -> list[Line]:
        lines: list[Line] = [BLANK]
        if self.feed.view.source == KIND:
            return [*lines, *self._comparison(cells)]
        lines += self._by_hand(cells)  # a person's word goes before the test's
        lines += self._decision(cells) if self.table.get("decision") else self._waiting(cells)
        lines += self._install(cells)
        if self.fault:
            lines += [*self._text(self.fault, cells, "bad"), BLANK]
        if self.measured:
            lines += [*forest(self.measured, self.look, cells), BLANK]
        return [*lines, *self._fates(cells)]

    def _comparison(self, cells: int) -> list[Line]:
        """An evaluation has no verdict: its table stands here."""
        if self.fault:
            return self._text(self.fault, cells, "bad")
        if not self.compared:
            return self._text("Skills and models are being compared; the table comes when all are tried.", cells, "dim")
        return [row(Span("  "), Span(fit(safe(line), max(10, cells - 4)), "text")) for line in self.compared]

    def _install(self, cells: int) -> list[Line]:
        """What one does with a skill that got better."""
        word = str(self.hand["decision"]) if self.hand else str(self.table.get("decision", ""))
        if word != "accept":
            return []
        said = f"t2s export {self.feed.run.id} --to claude   installs it; --list names all hosts"
        return [*self._text(said, cells, "dim"), BLANK]

    def _waiting(self, cells: int) -> list[Line]:
        entered = self.feed.view.stages["validate"].entered
        said = (
            "The held-out tasks are being tried; the verdict comes when all are."
            if entered
            else "No verdict yet: it comes after validation."
        )
        return [*self._text(said, cells, "dim"), BLANK]

    def _decision(self, cells: int) -> list[Line]:
        table = self.table
        decision, sentence = str(table["decision"]), str(table.get("sentence", ""))
        mark = self.look.mark(decision)
        facts = [f"looks at validation: {table['looks']}"] if table.get("looks", 1) != 1 else []
        facts += [f"about {table['more_needed']} more tasks needed to decide"] if table.get("more_needed") else []
        side = str(table.get("side", ""))
        facts += [f"on candidate {side}"] if side not in ("", "s0") and side not in sentence else []
        return [
            row(Span(f"  {self.look.glyph(decision)} {mark.word.upper()}", f"{mark.ink}+bold")),
            BLANK,
            *self._text(unsaid(sentence, decision), cells, "bright"),
            *(self._text("   ".join(facts), cells, "dim") if facts else []),
            BLANK,
        ]

    def _by_hand(self, cells: int) -> list[Line]:
        if self.hand is None:
            return []
        mark = self.look.glyph(self.hand["decision"])
        mine = self.hand["who"] in ("", who())
        said = said_by_hand({**self.hand, "who": "you" if mine else self.hand["who"]})
        when = str(self.hand["time"]).replace("T", " ")[:16]
        return [
            *self._text(f"{mark} {said}", cells, "you+bold"),
            *self._text(f"  {when}   {self._result()}".rstrip(), cells, "dim"),
            BLANK,
        ]

    def _result(self) -> str:
        try:
            folder = result_skill(self.feed.run)
        except T2SError as error:
            return str(error)
        return f"the result is {folder.relative_to(self.feed.run.path)}" if folder else "the run has no result now"

    def _fates(self, cells: int) -> list[Line]:
        if not self.feed.view.ended:
            return []
        try:
            return fates(self.feed.run, cells)
        except T2SError as error:
            return self._text(str(error), cells, "bad")

    def _text(self, text: str, cells: int, ink: str) -> list[Line]:
        return [row(Span("  "), Span(part, ink)) for part in wrap(safe(text), max(10, cells - 4))]


class VerdictScreen(RunActions):
    """The verdict on a screen of its own; while validation runs the grid fills."""

    BINDINGS = bindings(VERDICT)
    CSS = """
    VerdictScreen #header { height: 2; }
    VerdictScreen #verdict { height: 1fr; }
    VerdictScreen #tasks { height: 5; }
    VerdictScreen #footer { height: 1; }
    """
    crumb = "verdict"

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        self._verdict = VerdictText(feed)
        self._grid = TaskGrid()
        self._turned = 0  # rounds before the last one

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._verdict
        yield self._grid
        yield Footer(lambda: self.hints())
        yield FindBar()

    def on_mount(self) -> None:
        self._read()
        (self._grid if self._grid.sides else self._verdict).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._share)

    def hints(self) -> Sequence[Hint]:
        tasks = [Hint("enter", "both tries"), Hint("f", "filter")] if self._grid.has_focus else [Hint("j k", "scroll")]
        panel = [Hint("tab", "text" if self._grid.has_focus else "tasks")] if self._grid.sides else []
        word = [Hint("A", "accept"), Hint("J", "reject")] if self._verdict.table else []
        rounds = [Hint("[ ]", "rounds")] if len(self.feed.run.rounds()) > 1 else []
        return [Hint("esc", "back"), tasks[0], *word, *tasks[1:], *panel, *rounds, Hint("d", "diff")]

    def pull(self, changes: Changes) -> None:
        if changes.events:
            self._read()
        super().pull(changes)

    def copied(self) -> str:
        return "\n".join("".join(s.text for s in line.spans).rstrip() for line in self._verdict.content(110))

    # --- what is shown --------------------------------------------------------------------------------------------

    def _round(self) -> RoundFolder | None:
        rounds = self.feed.run.rounds()
        return rounds[max(0, len(rounds) - 1 - self._turned)] if rounds else None

    def _read(self) -> None:
        """Take the round's files in; the numbers that need time come later."""
        shown, run = self._verdict, self.feed.run
        shown.round = self._round()
        try:
            shown.table = verdict_file(shown.round)
            self._grid.sides = sides(run, shown.round, self.feed.view)
            shown.hand = by_hand(run) if self._is_judged() else None
            table = load_matrix(run) if self.feed.view.source == KIND else None
            shown.compared = matrix_lines(table, max(40, self.size.width - 4)) if table else []
            shown.fault = ""
        except T2SError as error:
            shown.fault = str(error)
        shown.measured = [old for old in shown.measured if any(_same(old, side) for side in self._grid.sides)]
        missing = [side for side in self._grid.sides if not any(_same(old, side) for old in shown.measured)]
        if missing:
            self._measure(self._grid.sides, shown.table)
        shown.renew()
        self._share()

    def _is_judged(self) -> bool:
        """Is the round on the screen the one that a person's word is about?"""
        judged, shown = judged_round(self.feed.run), self._verdict.round
        return bool(judged and shown and judged.path == shown.path)

    @work(thread=True, exclusive=True, group="measure")
    def _measure(self, of: list[Side], table: dict[str, Any]) -> None:
        measured = [measure(side, table) for side in of]
        self.app.call_from_thread(self._take, measured)

    def _take(self, measured: list[Measured]) -> None:
        self._verdict.measured = measured
        self._verdict.renew()
        self._share()

    def _share(self) -> None:
        """The grid has the height it needs, half of the screen at most; the text what it needs of the rest."""
        width, height = self.size.width, self.size.height - 3
        wanted = self._grid.height_wanted(width) if self._grid.sides else 0
        self._grid.display = wanted > 0
        if not wanted:
            self._verdict.styles.height = "1fr"
            return
        grid = min(wanted, max(4, height // 2))
        text = len(self._verdict.content(width)) + 1
        self._verdict.styles.height = min(text, height - grid) if width else "1fr"
        self._grid.styles.height = "1fr"

    def action_turn(self, by: int) -> None:
        last = max(0, len(self.feed.run.rounds()) - 1)
        self._turned = min(last, max(0, self._turned - by))
        self._verdict.measured = []
        self._read()

    @on(ListPanel.Chosen)
    def _open(self, message: ListPanel.Chosen) -> None:
        side, task = self._grid.at(message.key)
        if side is not None and self._verdict.round is not None:
            self.app.push_screen(CompareScreen(self.feed, self._verdict.round, side, task))

    # --- a person's word ------------------------------------------------------------------------------------------

    def action_accept(self) -> None:
        self._decide("accept")

    def action_reject(self) -> None:
        self._decide("reject")

    @work
    async def _decide(self, word: Word) -> None:
        if not self.t2s.may_write():
            return
        if not self._is_judged() or not self._verdict.table:
            self.t2s.tell("there is no verdict here to have a word on; ] goes to the last round")
            return
        hand = self._verdict.hand
        if hand and hand["decision"] == word and hand["stands"]:
            await self._withdraw(word)
            return
        question = f"{word.capitalize()} the candidate of {self.feed.run.id} by hand?"
        why = await self.app.push_screen_wait(ReasonScreen(question, FOLLOWS[word], f"{word} it"))
        if why is not None:
            self._put_down(word, why)

    async def _withdraw(self, word: str) -> None:
        sure = Confirm(
            f"Take back that you {word}ed it?", "The verdict alone counts again.", "take it back", "leave it"
        )
        if await self.app.push_screen_wait(sure):
            withdraw(self.feed.run)
            self._read()

    def _put_down(self, word: Word, why: str) -> None:
        try:
            decide(self.feed.run, word, who=who(), why=why)
        except T2SError as error:
            self.t2s.tell(str(error), bad=True)
            return
        self.t2s.tell(f"{word}ed by hand; {'A' if word == 'accept' else 'J'} again takes it back")
        self._read()


def _same(old: Measured, side: Side) -> bool:
    """Are the numbers still those of this side? While tasks are being tried there are more of them each time."""
    return old.key == side.key and old.n == len(side.tasks)
