"""What can be said about the run under the cursor without opening it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from t2s_tui.notices import ENDED, OUTDATED
from t2s_tui.people import People, redo_told
from t2s_tui.screens.cards import READING, Card, Print
from t2s_tui.text import clock, count, cut, money, plural, safe, unsaid, width, wrap
from t2s_tui.widgets.canvas import BLANK, Canvas, Line, Span, apart, clip, row
from workspace.errors import T2SError
from workspace.merging.ledger import FATES
from workspace.reports.summary import ledger_rows, why
from workspace.runs.decision import judged_round, read_decision
from workspace.runs.events import STAGES
from workspace.runs.run import RunFolder, load_view
from workspace.runs.view import RunView
from workspace.runs.view_rows import StageRow

EDGE = "  "
HOW = {
    "lost": "Its engine is gone: R starts it again; nothing finished is paid twice.",
    "paused": "Open it and press space to go on.",
    "stopped": "R goes on where it stopped.",
    "incomplete": "Some units failed: R tries them again.",
    "failed": "R tries again; engine.log in its folder has the whole story.",
}


class Peek(NamedTuple):
    """The run in short. `fates`: what became of its lessons, empty before it has settled; `fault`: why it cannot be
    read; `due`: what has to be made again because lessons were changed after it had ended."""

    print: Print
    view: RunView
    why: str = ""
    fates: tuple[str, ...] = ()
    reason: str = ""
    fault: str = ""
    due: str = ""


def peek(run: RunFolder, print_: Print) -> Peek:
    """Look into a run; what is damaged is told instead of shown."""
    view = RunView()
    try:
        view = load_view(run).view
        counts = Counter(r.state for r in ledger_rows(run) or () if r.what == "lesson")
        fates = tuple(f"{counts[fate]} {fate.replace('_', ' ')}" for fate in FATES if counts[fate])
        round = judged_round(run)
        said = read_decision(round) if round else None
        return Peek(print_, view, why(run, view), fates, said.why if said else "", due=_due(run, view))
    except (T2SError, OSError) as error:
        return Peek(print_, view, fault=str(error))


def _due(run: RunFolder, view: RunView) -> str:
    if view.state not in ENDED:
        return ""
    people = People(run)
    people.poll(view, at_once=True)
    return redo_told(people.due, 4)


class Preview(Canvas):
    """The run under the cursor: its stages, what was learnt, what it cost, the verdict, and what it waits for."""

    def __init__(self) -> None:
        super().__init__(id="preview")
        self.card: Card | None = None
        self.peeks: dict[str, Peek] = {}

    def paint(self) -> list[Line]:
        if self.card is None:
            return []
        cells = self.size.width
        shown = self.peeks.get(self.card.run.id)
        head = apart(
            [Span(f" {self.look.glyphs.rule * 2} ", "faint"), Span(self.card.run.id, "bright")],
            [Span(f"t2s attach {self.card.run.id} ", "faint")] if cells >= 100 else [],
            cells,
        )
        if shown is None:
            return [head, row(Span(f"{EDGE}reading …" if self.card.state != READING else "", "faint"))]
        lines = [head, *self._facts(self.card, shown, cells)]
        return [line for line in lines if line != BLANK]

    def _facts(self, card: Card, shown: Peek, cells: int) -> Iterator[Line]:
        view = shown.view
        yield row(Span(EDGE), *self._stages(view, cells - len(EDGE)))
        if shown.due:
            yield from _text(f"{OUTDATED} R makes it again: {shown.due}.", "you", cells, most=2)
        yield from self._waits(card, shown, cells)
        yield from self._verdict(card, shown, cells)
        if card.model:
            learnt = _learnt(view, shown)
            yield row(Span(f"{EDGE}{learnt}", "text"), Span(_spent(view, cells - width(EDGE + learnt)), "dim"))
        if shown.fault:
            yield from _text(shown.fault, "bad", cells)

    def _stages(self, view: RunView, cells: int) -> list[Span]:
        """`rollout ✓64  analyse ━━╌╌ 30/70 ✗2`; meters give way on a narrow screen."""
        rows = [(name, view.stages[name]) for name in STAGES if view.stages[name].entered]
        if not rows:
            return [Span("not begun", "faint")]
        for meter in (10, 6, 0):
            spans = [span for name, stage in rows for span in self._stage(name, stage, meter)]
            if sum(len(span.text) for span in spans) <= cells:
                break
        return clip(spans, cells)

    def _stage(self, name: str, stage: StageRow, meter: int) -> list[Span]:
        over = stage.done + stage.failed
        failed = [Span(f" {self.look.glyph('failed')}{stage.failed}", "bad")] if stage.failed else []
        if stage.left and over < stage.units:
            return [Span(name, "dim"), Span(f" {over}/{stage.units}", "text"), *failed, Span("  ")]
        if stage.left:
            return [Span(name, "dim"), Span(f" {self.look.glyph('done')}{over}", "ok"), *failed, Span("  ")]
        full, rest = self.look.meter(over / max(1, stage.units), meter)
        return [
            Span(f"{name} ", "bright"),
            Span(full, "run"),
            Span(f"{rest} " if meter else "", "faint"),
            Span(f"{over}/{stage.units}", "text"),
            *failed,
            Span("  "),
        ]

    def _waits(self, card: Card, shown: Peek, cells: int) -> Iterator[Line]:
        """Why it is as it is, and the way on."""
        ink = self.look.mark(card.state).ink
        said = shown.why if card.state != "finished" else ""
        for line in said.splitlines()[:2]:
            yield from _text(line, ink, cells)
        if card.state in HOW:
            yield from _text(HOW[card.state], "dim", cells)

    def _verdict(self, card: Card, shown: Peek, cells: int) -> Iterator[Line]:
        if card.word:
            yield from _text(f"{card.said}{': ' if shown.reason else ''}{shown.reason}", "you", cells)
        if shown.view.verdict is None:
            return
        verdict = shown.view.verdict
        mark = self.look.mark(verdict.decision)
        said = f"{self.look.glyph(verdict.decision)} {mark.word}: {unsaid(verdict.sentence, verdict.decision)}"
        yield from _text(said, mark.ink, cells, most=2)


def _learnt(view: RunView, shown: Peek) -> str:
    """`61 lessons = 9 in skill + 52 quarantined`."""
    if not view.lessons:
        return "nothing learnt yet"
    fates = f" = {' + '.join(shown.fates)}" if shown.fates else ""
    return f"{plural(len(view.lessons), 'lesson')}{fates}"


def _spent(view: RunView, cells: int) -> str:
    """What it took, as much of it as fits: the time and the money before the details."""
    use = view.usage
    short = [clock(view.active), *([f"cost {money(use.cost)}"] if use.cost else [])]
    middle = [*short, plural(use.calls, "call"), f"{count(use.prompt + use.completion)} tokens"]
    long = [*middle[:-1], f"{count(use.prompt)} tokens read, {count(use.completion)} written"]
    told = ["".join(f"   {part}" for part in parts) for parts in (long, middle, short)]
    return next((text for text in told if width(text) < cells), "")


def _text(text: str, ink: str, cells: int, most: int = 3) -> Iterator[Line]:
    room = max(10, cells - 2 * len(EDGE))
    rows = wrap(safe(text), room)
    if len(rows) > most:
        rows[most - 1] = cut(f"{rows[most - 1]} {rows[most]}", room)
    for part in rows[:most]:
        yield row(Span(f"{EDGE}{part}", ink))
