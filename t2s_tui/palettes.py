"""The colours behind the inks, one table a palette.

A value is a style in words: a colour of its own (`#6cb0f5`), one of the terminal's sixteen (`cyan`, `default`), or
attributes alone (`bold`, `dim`, `underline`; `reverse` as a background swaps the colours of the row).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from workspace.settings.screen import Theme as Choice

BACKS = ("back", "bar", "pick", "rest", "gone", "new", "gone2", "new2")
"""Inks that are backgrounds; all others are of text and lines."""


class Palette(NamedTuple):
    """`inks` by name. `colours`: its own, the terminal's sixteen (`ansi`), or none at all (`mono`)."""

    inks: Mapping[str, str]
    dark: bool
    colours: Literal["own", "ansi", "mono"] = "own"


# Blue is alive, sage is good, orange needs a look, violet is what a person did. All else is grey.
DARK: Mapping[str, str] = {
    "back": "#0f1318",
    "bar": "#171d25",
    "pick": "#1d2a3a",
    "rest": "#19202a",
    "rule": "#2a323d",
    "faint": "#687586",
    "dim": "#8a95a3",
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
    "faint": "#78828d",
    "dim": "#59626d",
    "text": "#39424d",
    "bright": "#10161d",
    "run": "#125a9f",
    "ok": "#22663f",
    "bad": "#9a420a",
    "you": "#6b46c1",
    "gone": "#fbe6da",
    "new": "#def2e6",
    "gone2": "#f2c2a5",
    "new2": "#b3e0c6",
}
CONTRAST_DARK: Mapping[str, str] = {
    "back": "#000000",
    "bar": "#14181d",
    "pick": "#0c3560",
    "rest": "#1f262e",
    "rule": "#8a95a3",
    "faint": "#b4bdc8",
    "dim": "#ccd3db",
    "text": "#f0f3f6",
    "bright": "#ffffff",
    "run": "#9ccfff",
    "ok": "#9be8bf",
    "bad": "#ffb37d",
    "you": "#d9c8ff",
    "gone": "#3a2016",
    "new": "#0c3020",
    "gone2": "#6b3412",
    "new2": "#0f5535",
}
CONTRAST_LIGHT: Mapping[str, str] = {
    "back": "#ffffff",
    "bar": "#eef1f4",
    "pick": "#cfe3fa",
    "rest": "#e3e8ee",
    "rule": "#59626d",
    "faint": "#4a535e",
    "dim": "#3a434d",
    "text": "#14191f",
    "bright": "#000000",
    "run": "#043f7c",
    "ok": "#0b4a28",
    "bad": "#6e2b00",
    "you": "#43208f",
    "gone": "#fde3d3",
    "new": "#d9f3e4",
    "gone2": "#f7bd99",
    "new2": "#a5e2c0",
}
# Nobody knows what the sixteen colours look like, so a background is none of them: a picked row is reversed.
_SIXTEEN: Mapping[str, str] = {
    "back": "default",
    "bar": "default",
    "pick": "reverse",
    "rest": "default",
    "rule": "dim",
    "faint": "dim",
    "dim": "dim",
    "text": "default",
    "bright": "bold",
    "gone": "default",
    "new": "default",
    "gone2": "underline",
    "new2": "underline",
}
ANSI_DARK: Mapping[str, str] = {
    **_SIXTEEN,
    "run": "bright_cyan",
    "ok": "bright_green",
    "bad": "bright_yellow",
    "you": "bright_magenta",
}
ANSI_LIGHT: Mapping[str, str] = {**_SIXTEEN, "run": "blue", "ok": "green", "bad": "red", "you": "magenta"}
MONO: Mapping[str, str] = {**_SIXTEEN, "run": "default", "ok": "default", "bad": "bold", "you": "underline"}

PALETTES: Mapping[str, Palette] = {
    "dark": Palette(DARK, True),
    "light": Palette(LIGHT, False),
    "contrast-dark": Palette(CONTRAST_DARK, True),
    "contrast-light": Palette(CONTRAST_LIGHT, False),
    "ansi-dark": Palette(ANSI_DARK, True, "ansi"),
    "ansi-light": Palette(ANSI_LIGHT, False, "ansi"),
    "mono": Palette(MONO, True, "mono"),
}
DEFAULT = "dark"


def fitting(choice: Choice, environment: Mapping[str, str]) -> str:
    """The palette for `choice`; `auto` heeds NO_COLOR, and takes the terminal's sixteen colours where it has no more.

    The way a terminal tells its colours: `COLORTERM`, else the end of `TERM`.
    """
    if choice != "auto":
        return choice
    if environment.get("NO_COLOR"):
        return "mono"
    many = environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    many = many or environment.get("TERM", "").endswith(("256color", "kitty"))
    return DEFAULT if many else "ansi-dark"


def choices() -> tuple[str, ...]:
    """What people may name."""
    return get_args(Choice)
