"""How the screen looks and behaves for the person in front of it. A run knows nothing of it and keeps none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from workspace.settings.fields import Section
from workspace.settings.fields import as_face as _face

Theme = Literal["auto", "dark", "light", "contrast-dark", "contrast-light", "ansi-dark", "ansi-light", "mono"]
BellWay = Literal["off", "bell", "osc9", "both"]


class ScreenSettings(Section):
    """How the screen looks and behaves; best kept in ~/.config/t2s/config.toml."""

    theme: Theme = _face(
        "auto", "Colours; ansi: those of the terminal, mono: none; auto: by the terminal and NO_COLOR.", env="T2S_THEME"
    )
    ascii: bool | Literal["auto"] = _face(
        "auto", "Only ASCII characters; auto: where the locale is not UTF-8.", env="T2S_ASCII"
    )
    fps: int = _face(4, "Frames a second.", ge=1, le=30)
    low_bandwidth: bool = _face(False, "One frame a second and few changing digits, for a slow connection.")
    mouse: bool = _face(True, "Take the mouse; without it the terminal's own selection works.")
    bell: BellWay = _face(
        "both", "How a run that needs you, or has ended, calls while the terminal is not looked at; osc9: a message."
    )


SCREEN_FLAGS: Mapping[str, str] = {
    "--theme": "screen.theme",
    "--ascii": "screen.ascii",
    "--fps": "screen.fps",
    "--low-bandwidth": "screen.low_bandwidth",
    "--no-mouse": "screen.mouse",
}
"""Options of commands that open the screen; `--no-mouse` sets its setting to false."""
