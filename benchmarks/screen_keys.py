"""From a key to the cells that show what it did, while all agents stream.

Keys are typed at random moments. What comes back is given, afterwards and piece by piece, to a terminal emulator, and a
key has its effect with the piece that brings the very state it leads to: `j` and `k` the cursor's mark on the next row
and on no other, a number the mark before the name of its panel. A frame that happens to come shows neither. Beside it a
bare program that echoes what is typed, under the same load: what the machine itself takes.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyte

from benchmarks.streams import new_run, streaming
from benchmarks.viewers import Figure, Piece, Size, Viewer, attach, percentile

BAR = 50.0
PICK = "▎"
PANELS = {b"1": "AGENTS", b"2": "LESSONS", b"3": "MERGE TREE", b"4": "LIVE"}
LOWEST = 9
"""The cursor walks down to this row, so that no step scrolls the list."""
ECHO = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"ready")
while (got := os.read(0, 64)) and b"q" not in got:
    os.write(1, got)
"""


class Press(NamedTuple):
    """A key, and the panel it leads to or else the place of the cursor in the roster."""

    key: bytes
    panel: str = ""
    place: int = 0


class Typed(NamedTuple):
    """A key that was typed, and when."""

    press: Press
    at: float


class Delays(NamedTuple):
    """Milliseconds from keys to what they do, of steps and of panels; `lost` had no effect before the next key."""

    steps: list[float]
    panels: list[float]
    echoed: list[float]
    lost: int


def walk(count: int) -> Iterator[Press]:
    """Mostly a step up or down; at times to another panel and back."""
    rng, place = random.Random(7), 0
    while count > 0:
        if rng.random() < 0.1:
            there = rng.choice([b"2", b"3", b"4"])
            yield Press(there, panel=PANELS[there])
            yield Press(b"1", panel=PANELS[b"1"])
            count -= 2
            continue
        by = -1 if place == LOWEST or (place and rng.random() < 0.5) else 1
        place += by
        yield Press(b"j" if by > 0 else b"k", place=place)
        count -= 1


def measure(folder: Path, agents: int, size: Size, fps: int, presses: int) -> Delays:
    """Type so many keys."""
    run, rng = new_run(folder), random.Random(3)
    with (
        streaming(run, agents, 50),
        attach(run.path, size, fps) as viewer,
        Viewer([sys.executable, "-c", ECHO], size, folder) as echo,
    ):
        viewer.wait_for(b"AGENTS", b"analyst")
        echo.wait_for(b"ready")
        viewer.press(b"1g")
        time.sleep(2)
        typed, echoes = list[Typed](), list[float]()
        for press in walk(presses):
            typed.append(Typed(press, viewer.press(press.key)))
            time.sleep(rng.uniform(0.1, 0.2))
            echoes.append(echo.press(b"j"))
            time.sleep(rng.uniform(0.1, 0.2))
        pieces, echoed = list(viewer.pieces), [piece for piece in echo.pieces if piece.data == b"j"]
    shown = list(zip(typed, _shown(pieces, typed, size), strict=True))
    steps = [delay for (press, _), delay in shown if delay >= 0 and not press.panel]
    panels = [delay for (press, _), delay in shown if delay >= 0 and press.panel]
    bare = [(piece.at - at) * 1000 for piece, at in zip(echoed, echoes, strict=False)]
    return Delays(steps, panels, bare, len(shown) - len(steps) - len(panels))


def _shown(pieces: list[Piece], typed: list[Typed], size: Size) -> Iterator[float]:
    """Milliseconds until each key's effect, -1 where there was none before the next key."""
    screen = pyte.Screen(size.columns, size.rows)
    feed = pyte.ByteStream(screen).feed
    ends = [later.at for later in typed[1:]] + [typed[-1].at + 1]
    taken = 0
    for (press, at), end in zip(typed, ends, strict=True):
        while taken < len(pieces) and pieces[taken].at <= at:
            feed(pieces[taken].data)
            taken += 1
        there = _test(screen, press)
        if there():
            raise RuntimeError(f"before key {press.key!r} the screen showed already what it leads to")
        delay = -1.0
        while taken < len(pieces) and pieces[taken].at <= end and delay < 0:
            feed(pieces[taken].data)
            delay = (pieces[taken].at - at) * 1000 if there() else -1.0
            taken += 1
        yield delay


def _test(screen: pyte.Screen, press: Press) -> Callable[[], bool]:
    """Does the screen show what the key leads to?"""
    if press.panel:
        return lambda: any(f"{PICK}{press.panel}" in row for row in screen.display)
    first = next(y for y, row in enumerate(screen.display) if row.startswith(f"{PICK}AGENTS")) + 1
    rows = range(first, first + LOWEST + 1)
    return lambda: [y - first for y in rows if screen.buffer[y][0].data == PICK] == [press.place]


HEAD = f"{'':>24}{'all keys, ms':^28} {'j k, ms':^14} {'panels, ms':^14} {'echo, ms':^12}\n"
HEAD += f"{'agents':>6} {'size':>7} {'fps':>4} {'keys':>4} {'p50':>6} {'p95':>6} {'p99':>15} {'p50':>6} {'p99':>7}"
HEAD += f" {'p50':>6} {'p99':>7} {'p50':>5} {'p99':>6} lost"


def row(agents: int, size: Size, fps: int, delays: Delays) -> tuple[str, list[Figure]]:
    """A line of the table, and what is held to a bar."""
    shown = [*delays.steps, *delays.panels]
    p50, p95, p99 = (percentile(shown, part) for part in (0.5, 0.95, 0.99))
    figures = [
        Figure(f"keys {agents} agents {size}: p99", p99, BAR, "ms"),
        Figure(f"keys {agents} agents {size}: keys without effect", delays.lost, 0),
    ]
    cells = f"{agents:>6} {size!s:>7} {fps:>4} {len(shown):>4} {p50:>6.1f} {p95:>6.1f} {figures[0].cell():>15}"
    for values, wide in ((delays.steps, 6), (delays.panels, 6), (delays.echoed, 5)):
        cells += f" {percentile(values, 0.5):>{wide}.1f} {percentile(values, 0.99):>{wide + 1}.1f}"
    return f"{cells} {delays.lost:>4}", figures
