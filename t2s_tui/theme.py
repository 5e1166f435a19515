"""How things look: one vocabulary of states, one palette, one glyph set.

A state is a glyph, a word and a colour together, never a colour alone. Widgets name an *ink* ("dim", "run", "bad");
only this module and `palettes` know the colours behind it.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from rich.style import Style
from textual.theme import Theme

from t2s_tui.palettes import DEFAULT, PALETTES, fitting
from workspace.settings.screen import ScreenSettings


class Mark(NamedTuple):
    """A state: its glyph, the glyph of the ASCII set, its word and its ink."""

    glyph: str
    ascii: str
    word: str
    ink: str


STATES: Mapping[str, Mark] = {
    # runs
    "starting": Mark("◌", ".", "starting", "dim"),
    "running": Mark("●", "*", "running", "run"),
    "pausing": Mark("◐", "~", "pausing", "bad"),
    "paused": Mark("‖", "=", "paused", "bad"),
    "finished": Mark("✓", "+", "finished", "ok"),
    "incomplete": Mark("✗", "x", "incomplete", "bad"),
    "stopped": Mark("■", "#", "stopped", "dim"),
    "failed": Mark("✗", "x", "failed", "bad"),
    "lost": Mark("!", "!", "lost", "bad"),
    # agents and nodes
    "queued": Mark("○", "o", "queued", "faint"),
    "waiting": Mark("○", "o", "waiting", "faint"),
    "retrying": Mark("↻", "r", "waiting to try again", "bad"),
    "done": Mark("✓", "+", "done", "ok"),
    "due": Mark("↺", "@", "to be made again", "you"),
    "cut off": Mark("×", "%", "cut off", "bad"),
    "not begun": Mark("○", "o", "not begun", "faint"),
    # lessons
    "verified": Mark("✓", "+", "verified", "ok"),
    "kept": Mark("·", ".", "", "dim"),
    "pinned": Mark("▲", "^", "pinned", "you"),
    "edited": Mark("✎", "e", "edited by you", "you"),
    "dropped": Mark("–", "-", "dropped", "faint"),
    "invalid": Mark("!", "!", "does not parse", "bad"),
    # edits
    "merged": Mark("✓", "+", "merged", "ok"),
    "withheld": Mark("‖", "=", "withheld", "bad"),
    "quarantined": Mark("◌", "q", "quarantined", "dim"),
    # verdicts and tasks
    "accept": Mark("✓", "+", "accept", "ok"),
    "reject": Mark("✗", "x", "reject", "bad"),
    "undecided": Mark("?", "?", "undecided", "bad"),
    "not_validated": Mark("·", ".", "not validated", "dim"),
    "fixed": Mark("▲", "^", "fixed", "ok"),
    "broken": Mark("▼", "v", "broken", "bad"),
    "right": Mark("●", "*", "right in both", "dim"),
    "wrong": Mark("○", "o", "wrong in both", "faint"),
}
UNKNOWN = Mark("?", "?", "unknown", "dim")


class Glyphs(NamedTuple):
    """The few shapes that are not states."""

    full: str
    half: str
    empty: str
    rule: str
    wall: str
    crumb: str
    arrow: str
    cursor: str
    branch: str
    last: str
    trunk: str
    spark: str
    dot: str
    pick: str
    play: str
    stand: str
    mark: str


UNICODE = Glyphs("━", "╸", "╌", "─", "│", "›", "→", "▌", "├─", "╰─", "│ ", "▁▂▃▄▅▆▇█", "·", "▎", "▶", "‖", "┆")
ASCII = Glyphs("#", "-", ".", "-", "|", ">", "->", "_", "|-", "`-", "| ", "._-=+*#@", ".", ">", ">", "=", "|")


class Look:
    """The palette and glyph set of one app, changed while it runs. Widgets reach it as `self.app.look`."""

    def __init__(self, palette: str = DEFAULT, ascii_only: bool = False) -> None:
        self.wear(palette)
        self.speak_ascii(ascii_only)

    def wear(self, palette: str) -> None:
        """Take another palette. Raises `KeyError` where it is not there."""
        self.palette = PALETTES[palette]
        self.name = palette

    def speak_ascii(self, only: bool) -> None:
        """Take the plain glyphs, or the others."""
        self.ascii_only = only
        self.glyphs = ASCII if only else UNICODE

    def next_palette(self) -> str:
        """The name of the palette after this one."""
        names = list(PALETTES)
        return names[(names.index(self.name) + 1) % len(names)]

    def mark(self, state: str) -> Mark:
        return STATES.get(state, UNKNOWN)

    def glyph(self, state: str) -> str:
        mark = self.mark(state)
        return mark.ascii if self.ascii_only else mark.glyph

    def style(self, ink: str, back: str = "back") -> Style:
        """The Rich style of an ink on a background, cached."""
        return ink_style(self.name, ink, back)

    def meter(self, part: float, cells: int) -> tuple[str, str]:
        """A bar of `cells` cells as its full and its empty piece; `part` is 0…1."""
        full = min(cells, max(0, round(part * cells)))
        return self.glyphs.full * full, self.glyphs.empty * (cells - full)

    def spark(self, values: list[float], cells: int) -> str:
        """The last `cells` values as one row of bars."""
        shown = values[-cells:]
        top = max(shown, default=0.0)
        steps = self.glyphs.spark
        if top <= 0:
            return steps[0] * len(shown)
        return "".join(steps[min(len(steps) - 1, int(v / top * (len(steps) - 0.01)))] for v in shown)


@lru_cache(1024)
def ink_style(palette: str, ink: str, back: str) -> Style:
    """`ink` may carry `+bold`, `+italic`, `+underline` or `+reverse`. On a reversed row colours give way."""
    inks = PALETTES[palette].inks
    name, *extras = ink.split("+")
    words, ground = inks.get(name, inks["text"]), inks[back or "back"]
    more = Style(**dict.fromkeys(extras, True))  # pyright: ignore[reportArgumentType]
    if ground == "reverse":
        return Style(reverse=True, bold=words == "bold" or None) + more
    if ground == "underline":
        return Style.parse(words) + Style(underline=True) + more
    return Style.parse(f"{words} on {ground}") + more


def textual_theme(palette: str) -> Theme:
    """The same colours for Textual's own widgets: the palette, toasts, inputs, the text editor."""
    chosen = PALETTES[palette]
    p = {name: _textual_colour(words) for name, words in chosen.inks.items()}
    own = chosen.colours == "own"
    rule = p["rule"] if own else "ansi_bright_black"
    return Theme(
        name=palette,
        primary=p["run"],
        secondary=p["you"],
        accent=p["run"],
        warning=p["bad"],
        error=p["bad"],
        success=p["ok"],
        foreground=p["text"],
        background=p["back"],
        surface=p["bar"],
        panel=p["bar"],
        boost=p["rest"],
        dark=chosen.dark,
        ansi=not own,
        variables={
            "border": rule,
            "border-blurred": rule,
            "t2s-rule": rule,
            "t2s-pick": p["pick"],
            "t2s-dim": p["dim"],
            "t2s-bright": p["bright"],
            **(_own_cursors(p) if own else REVERSED),
        },
    )


PICKED = "bright_blue"
"""As a background: swap the colours instead (`widgets.reduced`). Textual's lists forget `reverse` as a style."""
REVERSED: Mapping[str, str] = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "block-cursor-background": f"ansi_{PICKED}",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-text-style": "none",
    "block-cursor-blurred-background": f"ansi_{PICKED}",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-text-style": "none",
    "block-hover-background": "ansi_default",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_default",
    "input-selection-foreground": "ansi_default",
    "scrollbar": "ansi_bright_black",
    "scrollbar-background": "ansi_default",
    "scrollbar-corner-color": "ansi_default",
}
"""Cursors where only the terminal knows its colours: they swap the two of their place."""


def _own_cursors(p: Mapping[str, str]) -> dict[str, str]:
    return {
        "input-cursor-background": p["run"],
        "input-cursor-foreground": p["back"],
        "input-selection-background": p["pick"],
    }


def _textual_colour(words: str) -> str:
    """A palette's words as Textual names colours: attributes are of no colour."""
    if words.startswith("#"):
        return words
    return "ansi_default" if words in ("default", "bold", "dim", "underline", "reverse") else f"ansi_{words}"


def chosen_look(settings: ScreenSettings | None = None, environment: Mapping[str, str] | None = None) -> Look:
    """The look that `settings` ask for on this terminal; without a word about ASCII the locale decides."""
    env = os.environ if environment is None else environment
    settings = settings or ScreenSettings()
    ascii_only = not _is_utf8() if settings.ascii == "auto" else settings.ascii
    return Look(fitting(settings.theme, env), ascii_only)


def _is_utf8() -> bool:
    return locale.getencoding().lower().replace("-", "") == "utf8"
