"""The verdict: what the held-out tasks say, in a sentence, in numbers and task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from textual.app import ComposeResult

from t2s_tui.feed import Changes, Feed
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.fates import fates
from t2s_tui.text import fit, plural, safe, unsaid, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import Reader
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.errors import T2SError
from workspace.files import read_toml
from workspace.runs.run import RunFolder

PASS = 0.5


class Compared(NamedTuple):
    """The tasks of a split by what the candidate did to them. Tasks measured on one side only are `open`."""

    fixed: list[str]
    broken: list[str]
    right: list[str]
    wrong: list[str]
    open: list[str]

    @property
    def pairs(self) -> int:
        return len(self.fixed) + len(self.broken) + len(self.right) + len(self.wrong)


class VerdictText(Reader):
    """Sentence, numbers, interval, and a grid with a mark for every task."""

    name_shown = "VERDICT"

    def __init__(self, feed: Feed) -> None:
        super().__init__(id="verdict")
        self.feed = feed

    def content(self, cells: int) -> list[Line]:
        view = self.feed.view
        lines: list[Line] = [BLANK]
        if view.verdict is None:
            entered = view.stages["validate"].entered
            lines += self._text(
                "The held-out tasks are being tried; the verdict comes when all are."
                if entered
                else "No verdict yet: it comes after validation.",
                cells,
                "dim",
            )
        else:
            lines += self._decision(cells)
        for split in ("validation", "test"):
            lines += self._split(split, cells)
        return [*lines, *self._fates(cells)]

    def _fates(self, cells: int) -> list[Line]:
        if not self.feed.view.ended:
            return []
        try:
            return fates(self.feed.run, cells)
        except T2SError as error:
            return self._text(str(error), cells, "bad")

    def _decision(self, cells: int) -> list[Line]:
        verdict = self.feed.view.verdict
        if verdict is None:
            return []
        mark = self.look.mark(verdict.decision)
        lines = [row(Span(f"  {self.look.glyph(verdict.decision)} {mark.word.upper()}", f"{mark.ink}+bold")), BLANK]
        lines += [*self._text(unsaid(verdict.sentence, verdict.decision), cells, "bright"), BLANK]
        if verdict.baseline is not None and verdict.candidate is not None:
            lines += self._meters(verdict.baseline, verdict.candidate, cells)
        try:
            table = verdict_table(self.feed.run)
        except T2SError as error:
            return [*lines, *self._text(str(error), cells, "bad"), BLANK]
        if verdict.difference is not None:
            lines += [*self._interval(verdict.difference, table.get("interval"), cells), BLANK]
        facts = [f"{plural(verdict.n, 'pair')} of tasks"] if verdict.n else []
        facts += [f"p = {verdict.p:.4f}"] if verdict.p is not None else []
        facts += [f"looks at validation: {table['looks']}"] if table.get("looks", 1) != 1 else []
        facts += [f"about {table['more_needed']} more tasks needed to decide"] if table.get("more_needed") else []
        return [*lines, *self._text("   ".join(facts), cells, "dim"), BLANK]

    def _meters(self, base: float, candidate: float, cells: int) -> list[Line]:
        wide = max(10, min(50, cells - 30))
        lines: list[Line] = []
        for name, score, ink in (
            ("baseline", base, "dim"),
            ("candidate", candidate, "ok" if candidate >= base else "bad"),
        ):
            full, rest = self.look.meter(score, wide)
            lines.append(
                row(
                    Span("  " + fit(name, 11), "dim"),
                    Span(full, ink),
                    Span(rest, "faint"),
                    Span(f"  {score * 100:5.1f} %", "bright"),
                )
            )
        return [*lines, BLANK]

    def _interval(self, difference: float, interval: object, cells: int) -> list[Line]:
        wide = max(20, min(60, cells - 36))
        low, high = interval if isinstance(interval, list | tuple) and len(interval) == 2 else (difference, difference)
        return [
            row(
                Span("  " + fit("difference", 11), "dim"),
                *self._axis(float(low), difference, float(high), wide),
                Span(f"  {difference * 100:+.1f}", "bright"),
                Span(f"  [{low * 100:+.0f}, {high * 100:+.0f}]", "dim"),
            )
        ]

    def _axis(self, low: float, at: float, high: float, wide: int) -> list[Span]:
        """−1 … 0 … +1 with the interval as a thick stretch; 0 is marked."""
        place = [min(wide - 1, max(0, round((x + 1) / 2 * (wide - 1)))) for x in (low, at, high, 0.0)]
        left, middle, end, zero = place
        glyphs = self.look.glyphs
        spans: list[Span] = []
        for x in range(wide):
            if x == middle:
                spans.append(Span(self.look.glyph("running"), "bright"))
            elif left <= x <= end:
                spans.append(Span(glyphs.full, "run"))
            else:
                spans.append(Span(glyphs.wall if x == zero else glyphs.empty, "text" if x == zero else "faint"))
        return spans

    def _split(self, split: str, cells: int) -> list[Line]:
        sides = sorted(
            key for key in self.feed.view.scores if key.startswith(f"{split}/") and not key.endswith("/base")
        )
        base = self.feed.view.scores.get(f"{split}/base", {})
        lines: list[Line] = []
        for side in sides:
            compared = compare(base, self.feed.view.scores[side])
            name = split if len(sides) == 1 else side
            lines += [*self._grid(name, compared, cells), BLANK]
        return lines

    def _grid(self, name: str, tasks: Compared, cells: int) -> list[Line]:
        look = self.look
        head: list[Span] = [Span(f"  {name.capitalize()} ", "dim+bold")]
        groups = {"fixed": tasks.fixed, "broken": tasks.broken, "right": tasks.right, "wrong": tasks.wrong}
        for state, members in groups.items():
            mark = look.mark(state)
            head.append(Span(f"  {look.glyph(state)} {len(members)} {mark.word}", mark.ink if members else "faint"))
        marks = [
            Span(f"{look.glyph(state)} ", look.mark(state).ink) for state, members in groups.items() for _ in members
        ]
        a_row = max(1, min(40, (cells - 4) // 2))
        grid = [row(Span("    "), *marks[n : n + a_row]) for n in range(0, len(marks), a_row)]
        named: list[Line] = []
        for state in ("fixed", "broken"):
            if groups[state]:
                named += self._listed(look.mark(state).word, groups[state], look.mark(state).ink, cells)
        return [row(*head), BLANK, *grid, BLANK, *named]

    def _listed(self, name: str, tasks: list[str], ink: str, cells: int) -> list[Line]:
        rows = wrap(safe(", ".join(tasks)), max(10, cells - 14))
        return [row(Span("  " + fit(name if not n else "", 9), ink), Span(part, "text")) for n, part in enumerate(rows)]

    def _text(self, text: str, cells: int, ink: str) -> list[Line]:
        return [row(Span("  "), Span(part, ink)) for part in wrap(safe(text), max(10, cells - 4))]


class VerdictScreen(RunActions):
    """The verdict on a screen of its own; while validation runs the grid fills."""

    CSS = """
    VerdictScreen #header { height: 2; }
    VerdictScreen #verdict { height: 1fr; }
    VerdictScreen #footer { height: 1; }
    """
    crumb = "verdict"

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        self._verdict = VerdictText(feed)

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._verdict
        yield Footer(lambda: self.hints())
        yield FindBar()

    def on_mount(self) -> None:
        self._verdict.focus()

    def hints(self) -> Sequence[Hint]:
        return [Hint("esc", "back"), Hint("j k", "scroll"), Hint("d", "diff"), Hint("y", "copy")]

    def pull(self, changes: Changes) -> None:
        if changes.events:
            self._verdict.renew()
        super().pull(changes)

    def copied(self) -> str:
        return "\n".join(self._verdict.text_rows())


def compare(base: Mapping[str, float], candidate: Mapping[str, float]) -> Compared:
    """Tasks by outcome; a score of 0.5 or more counts as right."""
    result = Compared([], [], [], [], [])
    for task in sorted({*base, *candidate}):
        if task not in base or task not in candidate:
            result.open.append(task)
            continue
        before, after = base[task] >= PASS, candidate[task] >= PASS
        group = (result.right if after else result.broken) if before else (result.fixed if after else result.wrong)
        group.append(task)
    return result


def verdict_table(run: RunFolder) -> dict[str, Any]:
    """The last round's verdict.toml; empty before it is written. Raises `InputError` when it does not parse."""
    rounds = run.rounds()
    if not rounds or not rounds[-1].verdict.is_file():
        return {}
    return read_toml(rounds[-1].verdict)
