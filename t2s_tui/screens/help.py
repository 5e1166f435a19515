"""What is on the screen and what the keys do: those for the place the person is at first, then all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen

from t2s_tui.keys import GROUPS, Key, bindings, known_ids, written
from t2s_tui.screens.base import Base
from t2s_tui.text import fit, safe, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.panel import ListPanel, Panel
from t2s_tui.widgets.reader import Reader

CLOSE = (Key("help.close", "escape,question_mark,q", "close", "esc", "close", "Close the help."),)
STATES = (
    ("run", ("running", "pausing", "paused", "finished", "incomplete", "stopped", "failed", "lost")),
    ("agent, merge", ("queued", "running", "done", "failed", "retrying", "due")),
    ("lesson", ("verified", "pinned", "edited", "dropped", "invalid")),
)
SHOWS: Mapping[str, str] = {
    "RunsScreen": "All runs: how each is, how far, and its verdict. Enter opens one, n begins another.",
    "NewRunScreen": "A new run: the skill, what it learns from, and the model.",
    "CompareScreen": "One held-out task, tried twice: with the first skill, and with the candidate.",
    "LiveScreen": "The run as it happens: who works, what was learnt, how it is merged, what it costs.",
    "AgentScreen": "The whole conversation of one agent: what it was told, thought, did and saw.",
    "TrajectoryScreen": "What an agent did on one task, turn by turn; lessons quote from here.",
    "LessonScreen": "One lesson: its claim, why, the turns it is drawn from, and what became of it.",
    "NodeScreen": "One merge: the edits it made, what went into each, and what it held back and why.",
    "DiffScreen": "The first skill beside the result: what was taken away and what was put there.",
    "VerdictScreen": "Is the new skill better? The difference on held-out tasks, its interval, and each task.",
    "BlameScreen": "Where each line of the result comes from.",
    "EditScreen": "One edit and everything behind it: earlier edits, lessons, quoted turns.",
}
"""What a screen shows, by its class; a screen may say it itself (`shows`)."""
PANELS: Mapping[str, str] = {
    "roster": "Here: every agent, those at work first; tokens a second, how long, and its last words.",
    "pool": "Here: the lessons by support. Yours to edit, drop, pin or add; i shows what the merges made of them.",
    "tree": "Here: the merge tree, from the patches at its leaves to the one set of edits at its root.",
    "means": "Here: the mean score of each skill with each model so far, and its tries of those planned.",
    "wall": "Here: what agents write this moment; pinned ones stay.",
    "machine": "Here: the endpoint, notes of the engine, and the figures.",
}


class Row(NamedTuple):
    """A key as it is pressed, and what it does."""

    key: str
    help: str


class Section(NamedTuple):
    """Keys that belong together."""

    name: str
    rows: tuple[Row, ...]


class About(NamedTuple):
    """What the help says about a screen: its name, sentences on what it shows, keys by section."""

    name: str
    shows: tuple[str, ...]
    sections: tuple[Section, ...]


def about(screen: Screen[Any], name: str, remapped: Mapping[str, str]) -> About:
    """What there is to say about `screen` with the focus where it is; `remapped` are the person's own keys."""
    keys = known_ids()
    idle = screen.idle() if isinstance(screen, Base) else frozenset[str]()
    active = [a for a in screen.active_bindings.values() if a.binding.id in keys and a.binding.id not in idle]
    here = [a.binding.id or "" for a in active if a.node is screen.focused]
    available = {a.binding.id or "" for a in active}
    hinted = [i for hint in (screen.hints() if isinstance(screen, Base) else ()) for i in _hinted(hint.key, available)]
    groups = [("Here", [*hinted, *here])]
    groups += [(group, [key.id for key in known if key.id in available]) for group, known in GROUPS.items()]
    sections: list[Section] = []
    told: set[str] = set()
    for group, ids in groups:
        fresh = [i for i in dict.fromkeys(ids) if i not in told]
        told.update(fresh)
        if fresh:
            sections.append(Section(group, tuple(Row(written(keys[i], remapped), keys[i].help) for i in fresh)))
    return About(name, _shows(screen), tuple(sections))


def _hinted(shown: str, available: set[str]) -> list[str]:
    """The ids behind what a footer writes: `j k` are two."""
    keys = known_ids()
    return [i for word in shown.split() for i in keys if i in available and word in keys[i].shown.split()]


def _shows(screen: Screen[Any]) -> tuple[str, ...]:
    said = getattr(screen, "shows", "") or SHOWS.get(type(screen).__name__, "")
    panel = PANELS.get(screen.focused.id or "", "") if isinstance(screen.focused, Panel) else ""
    return tuple(sentence for sentence in (said, panel) if sentence)


class HelpText(Reader):
    """The text of the help, to scroll and to search."""

    name_shown = "HELP"

    def __init__(self, told: About) -> None:
        super().__init__(id="help")
        self._about = told

    def title(self) -> list[Span]:
        return [Span(self._about.name, "dim")]

    def content(self, cells: int) -> list[Line]:
        lines: list[Line] = [BLANK]
        for sentence in self._about.shows:
            lines += [row(Span(f"  {part}", "text")) for part in wrap(sentence, max(10, cells - 4))]
        for section in self._about.sections:
            lines += [BLANK, row(Span(f"  {section.name}", "dim+bold"))]
            lines += [line for shown in section.rows for line in _key(shown, cells)]
        return [*lines, *self._states(cells), BLANK]

    def _states(self, cells: int) -> list[Line]:
        lines = [BLANK, row(Span("  What the marks mean", "dim+bold"))]
        for name, states in STATES:
            lines += self._marks(name, states, cells)
        return lines

    def _marks(self, name: str, states: Sequence[str], cells: int) -> list[Line]:
        """As many marks on a row as fit."""
        rows: list[list[Span]] = [[Span("    " + fit(name, 14), "dim")]]
        used = 18
        for state in states:
            mark = self.look.mark(state)
            text = f"{self.look.glyph(state)} {mark.word}   "
            if used + len(text) > cells and len(rows[-1]) > 1:
                rows.append([Span(" " * 18)])
                used = 18
            rows[-1].append(Span(text, mark.ink))
            used += len(text)
        return [row(*spans) for spans in rows]


def _key(shown: Row, cells: int) -> list[Line]:
    parts = wrap(shown.help, max(10, cells - 18))
    return [
        row(Span("    " + fit(shown.key if not n else "", 13), "bright"), Span(part, "text"))
        for n, part in enumerate(parts)
    ]


class HelpScreen(ModalScreen[None]):
    """Opened over the screen it explains."""

    BINDINGS = bindings(CLOSE)
    CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen #help { width: 84; max-width: 100%; height: 80%; min-height: 12; max-height: 100%; }
    HelpScreen #help { border: tall $t2s-rule; }
    HelpScreen:ansi #help { border: round $t2s-rule; }
    """

    def __init__(self, told: About) -> None:
        super().__init__()
        self._text = HelpText(told._replace(name=safe(told.name)))

    def compose(self) -> ComposeResult:
        yield self._text
        yield FindBar()

    def on_mount(self) -> None:
        self._text.focus()

    @on(ListPanel.FindAsked)
    def _find(self, message: ListPanel.FindAsked) -> None:
        self.query_one(FindBar).ask(message.panel)

    def action_close(self) -> None:
        if self._text.needle:
            self._text.filter("")
        else:
            self.dismiss()
