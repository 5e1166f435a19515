"""How things look: one vocabulary of states, one palette, one glyph set.

A state is a glyph, a word and a colour together, never a colour alone. Widgets name an *ink* ("dim", "run", "bad");
only this module knows the colours behind it.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from rich.style import Style
from textual.theme import Theme

from workspace.errors import ConfigError

# Blue is alive, sage is good, orange needs a look, violet is what a person did. All else is grey.
DARK: Mapping[str, str] = {
    "back": "#0f1318",
    "bar": "#171d25",
    "pick": "#1d2a3a",
    "rest": "#19202a",
    "rule": "#2a323d",
    "faint": "#4a5563",
    "dim": "#7d8896",
    "text": "#b9c2cd",
    "bright": "#e9eef4",
    "run": "#6cb0f5",
    "ok": "#86c5a4",
    "bad": "#f0935a",
    "you": "#bda5f0",
    "gone": "#33272a",
    "new": "#1a2e26",
    "gone2": "#5c3a2c",
    "new2": "#27503d",
}
LIGHT: Mapping[str, str] = {
    "back": "#fbfbf9",
    "bar": "#eef0f1",
    "pick": "#d9e7f7",
    "rest": "#e9edf1",
    "rule": "#d5d9dd",
    "faint": "#a3abb4",
    "dim": "#6b7480",
    "text": "#39424d",
    "bright": "#10161d",
    "run": "#1667b7",
    "ok": "#2b7a52",
    "bad": "#b4500f",
    "you": "#6b46c1",
    "gone": "#fbe6da",
    "new": "#def2e6",
    "gone2": "#f2c2a5",
    "new2": "#b3e0c6",
}
PALETTES: Mapping[str, Mapping[str, str]] = {"t2s-dark": DARK, "t2s-light": LIGHT}
DEFAULT = "t2s-dark"


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


UNICODE = Glyphs("━", "╸", "╌", "─", "│", "›", "→", "▌", "├─", "╰─", "│ ", "▁▂▃▄▅▆▇█", "·", "▎")
ASCII = Glyphs("#", "-", ".", "-", "|", ">", "->", "_", "|-", "`-", "| ", "._-=+*#@", ".", ">")


class Look:
    """The palette and glyph set of one app. Widgets reach it as `self.app.look`."""

    def __init__(self, palette: str = DEFAULT, ascii_only: bool = False) -> None:
        self.name = palette
        self.ascii_only = ascii_only
        self.glyphs = ASCII if ascii_only else UNICODE

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
    """`ink` may carry `+bold`, `+italic`, `+underline` or `+reverse`."""
    colours = PALETTES[palette]
    name, *extras = ink.split("+")
    return Style(
        color=colours.get(name, colours["text"]),
        bgcolor=colours[back or "back"],
        **dict.fromkeys(extras, True),  # pyright: ignore[reportArgumentType]
    )


def textual_theme(palette: str) -> Theme:
    """The same colours for Textual's own widgets: the palette, toasts, inputs, the text editor."""
    p = PALETTES[palette]
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
        dark=palette != "t2s-light",
        variables={
            "input-cursor-background": p["run"],
            "input-cursor-foreground": p["back"],
            "input-selection-background": p["pick"],
            "border": p["rule"],
            "border-blurred": p["rule"],
            "t2s-rule": p["rule"],
            "t2s-pick": p["pick"],
            "t2s-dim": p["dim"],
            "t2s-bright": p["bright"],
        },
    )


def chosen_look(environment: Mapping[str, str] | None = None, ascii_only: bool | None = None) -> Look:
    """The look for this terminal: `T2S_THEME` names the palette, `T2S_ASCII` or a non-UTF-8 locale the plain glyphs.

    Raises `ConfigError` for a palette that is not there.
    """
    env = os.environ if environment is None else environment
    palette = env.get("T2S_THEME") or DEFAULT
    if palette not in PALETTES:
        raise ConfigError(f"T2S_THEME: no palette {palette!r}; there are {', '.join(PALETTES)}")
    if ascii_only is None:
        encoding = locale.getpreferredencoding(False).lower().replace("-", "")
        ascii_only = env.get("T2S_ASCII", "") not in ("", "0") or encoding != "utf8"
    return Look(palette, ascii_only)
