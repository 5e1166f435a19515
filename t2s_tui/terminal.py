"""The terminal at the other end: what it can show, and the few sequences that we send beside the picture.

Nothing in here writes: the driver does. All texts are made safe before they become part of a sequence.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from t2s_tui.text import safe

ESC = "\x1b"
END = f"{ESC}\\"
BELL = "\x07"
CLIPBOARD_MOST = 74_000
"""Characters of base64 that terminals take as a clipboard; several drop a longer text without a word."""
SCREEN_PIECE = 700
"""What GNU screen passes on in one string."""
TITLE_MOST = 120
PUSH_TITLE = f"{ESC}[22;2t"
POP_TITLE = f"{ESC}[23;2t"
NO_TITLE = ("", "dumb", "linux")
TMUX_OPTIONS = ("set-clipboard", "allow-passthrough", "focus-events")
SMALL, MIDDLE = (60, 15), (80, 24)

Status = Literal["ok", "warn", "fail"]


class Fact(NamedTuple):
    """One thing a terminal can or cannot do, and what to do about it (empty: nothing)."""

    name: str
    status: Status
    detail: str
    todo: str = ""


def inside(environment: Mapping[str, str]) -> Literal["tmux", "screen", ""]:
    """The multiplexer that stands between us and the terminal."""
    if environment.get("TMUX"):
        return "tmux"
    return "screen" if environment.get("STY") else ""


def passed_on(sequence: str, environment: Mapping[str, str]) -> str:
    """`sequence` for the terminal itself: a multiplexer is asked to hand it through."""
    match inside(environment):
        case "tmux":
            return f"{ESC}Ptmux;{sequence.replace(ESC, ESC + ESC)}{END}"
        case "screen":
            pieces = [sequence[at : at + SCREEN_PIECE] for at in range(0, len(sequence), SCREEN_PIECE)]
            return "".join(f"{ESC}P{piece}{END}" for piece in pieces)
        case _:
            return sequence


def has_title(environment: Mapping[str, str]) -> bool:
    """Does this terminal have a title to set? On others the text might be printed."""
    term = environment.get("TERM", "")
    return term not in NO_TITLE and not term.startswith("vt")


def title(text: str) -> str:
    """Sets the window's title (OSC 2)."""
    return f"{ESC}]2;{safe(text, TITLE_MOST)}{BELL}"


def message(text: str, environment: Mapping[str, str]) -> str:
    """A message of the desktop (OSC 9), for the terminals that know them; the others ignore it."""
    return passed_on(f"{ESC}]9;{safe(text, TITLE_MOST)}{BELL}", environment)


def clipboard(text: str, environment: Mapping[str, str]) -> str:
    """Puts `text` on the clipboard (OSC 52); empty where it is too long for that.

    tmux gets it twice: with `set-clipboard on` it takes the plain one, with `allow-passthrough on` the other.
    """
    coded = base64.b64encode(text.encode()).decode()
    if len(coded) > CLIPBOARD_MOST:
        return ""
    plain = f"{ESC}]52;c;{coded}{BELL}"
    match inside(environment):
        case "tmux":
            return plain + passed_on(plain, environment)
        case "screen":
            return passed_on(plain, environment)
        case _:
            return plain


def facts(
    environment: Mapping[str, str], size: tuple[int, int], *, screen: bool, utf8: bool, tmux: Mapping[str, str]
) -> Iterator[Fact]:
    """What the terminal can do.

    `size` in columns and rows; `screen`: stdin and stdout are one; `utf8`: the locale; `tmux`: how its options stand,
    as far as it tells.
    """
    yield _picture(environment, size, screen)
    if not utf8:
        yield Fact(
            "locale",
            "warn",
            "not UTF-8: ASCII characters are drawn",
            "set LANG, for example to C.UTF-8; or keep --ascii",
        )
    if screen:
        yield _colours(environment)
        yield _way(environment, tmux)


def _picture(environment: Mapping[str, str], size: tuple[int, int], screen: bool) -> Fact:
    term = environment.get("TERM", "")
    if not screen or term in ("", "dumb"):
        return Fact("terminal", "warn", f"no screen here (TERM={term or 'not set'})", "runs are shown with --plain")
    detail = f"{term}, {size[0]}x{size[1]}"
    if size[0] < SMALL[0] or size[1] < SMALL[1]:
        return Fact("terminal", "warn", detail, f"the screen needs {SMALL[0]}x{SMALL[1]}; --plain needs none")
    if size[0] < MIDDLE[0] or size[1] < MIDDLE[1]:
        return Fact("terminal", "warn", detail, "80x24 or more shows everything")
    return Fact("terminal", "ok", detail)


def _colours(environment: Mapping[str, str]) -> Fact:
    if environment.get("NO_COLOR"):
        return Fact("colours", "ok", "none, as NO_COLOR says")
    if environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return Fact("colours", "ok", "16 million (COLORTERM)")
    term = environment.get("TERM", "")
    if term.endswith(("256color", "kitty")):
        return Fact("colours", "ok", f"256 (TERM={term}); more with COLORTERM=truecolor, where the terminal has them")
    return Fact("colours", "warn", "16, those of the terminal", "export COLORTERM=truecolor if the terminal has more")


def _way(environment: Mapping[str, str], tmux: Mapping[str, str]) -> Fact:
    """What lies between, and whether copies and calls get through it."""
    ssh = "over SSH" if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY") else "local"
    match inside(environment):
        case "tmux":
            off = [f"`set -g {name} on`" for name in TMUX_OPTIONS if tmux.get(name, "") not in ("", "on", "all")]
            if not off:
                return Fact("copy and calls", "ok", f"tmux, {ssh}; copies, messages and focus get through")
            todo = f"in ~/.tmux.conf: {', '.join(off)}"
            return Fact(
                "copy and calls", "warn", f"tmux, {ssh}; it holds some of copies, messages and focus back", todo
            )
        case "screen":
            return Fact("copy and calls", "ok", f"GNU screen, {ssh}; copies and messages are handed through")
        case _:
            return Fact("copy and calls", "ok", f"{ssh}; copies go to the terminal (OSC 52) and into a file")
