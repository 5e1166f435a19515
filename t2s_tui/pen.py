"""The same picture in fewer bytes.

Textual says all colours and attributes of every piece of text and takes them back behind it. Here only what differs
from the piece before goes out: about a third of the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from textual._compositor import ChopsUpdate
from textual.strip import Strip

_STYLE = re.compile(r"\x1b\[([0-9;]*)m")
_MOVES = re.compile(r"(?:\x1b\[[0-9;]*H|\r?\n)*")
_MARKS = frozenset(("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53"))
_LENGTH = {"2": 5, "5": 3}
"""How many numbers an extended colour takes, by the kind after 38 or 48."""
_NARROW = frozenset((*map(chr, (*range(0x20, 0x7F), *range(0x2010, 0x2028), *range(0x2500, 0x25FD))), *"›·→✓✗×"))
"""Characters of one cell that pictures of ours are made of; others may be wider, or have no width."""


class Pen(NamedTuple):
    """What the terminal draws with: the numbers of the colours (empty: its own) and of the attributes."""

    fore: str = ""
    back: str = ""
    marks: frozenset[str] = frozenset()


PLAIN = Pen()


def thrifty(data: str) -> str:
    """`data` for a terminal that draws plainly before and shall do so afterwards, without what it knows already.

    Data with styles that we do not know goes out as it is.
    """
    parts = _STYLE.split(data)  # text, numbers, text, numbers, … text
    out: list[str] = []
    now: Pen = PLAIN
    wanted: Pen | None = PLAIN
    for place, part in enumerate(parts):
        if place % 2:
            if (wanted := _after(wanted, part)) is None:
                return data
        elif part:
            if wanted != now and not _MOVES.fullmatch(part):
                out.append(_stroke(now, wanted))
                now = wanted
            out.append(part)
    if now != PLAIN:
        out.append("\x1b[0m")
    return "".join(out)


@lru_cache(4096)
def _after(pen: Pen, numbers: str) -> Pen | None:
    """The pen once `numbers` are said; None where one of them is unknown."""
    for code in _codes(numbers):
        head, _, kind = code.partition(";")
        number = int(head or "0")
        if not number:
            pen = PLAIN
        elif number == 38 or 30 <= number <= 39 or 90 <= number <= 97:
            pen = pen._replace(fore="" if number == 39 else code)
        elif number == 48 or 40 <= number <= 49 or 100 <= number <= 107:
            pen = pen._replace(back="" if number == 49 else code)
        elif head in _MARKS and not kind:
            pen = pen._replace(marks=pen.marks | {head})
        else:
            return None
    return pen


def _codes(numbers: str) -> Iterator[str]:
    """One code after the other; an extended colour is one."""
    words = numbers.split(";")
    while words:
        size = _LENGTH.get(words[1], 1) if words[0] in ("38", "48") and len(words) > 1 else 1
        yield ";".join(words[:size])
        words = words[size:]


@lru_cache(4096)
def _stroke(now: Pen, wanted: Pen) -> str:
    """The shortest way from one pen to the other: what differs, or from the beginning where an attribute goes."""
    codes = [""] if now.marks - wanted.marks else []
    if codes:
        now = PLAIN
    codes += sorted(wanted.marks - now.marks)
    codes += [wanted.fore or "39"] if wanted.fore != now.fore else []
    codes += [wanted.back or "49"] if wanted.back != now.back else []
    return f"\x1b[{';'.join(codes)}m"


class Exact(ChopsUpdate):
    """A frame that draws the cells which differ and no others; Textual's begins each row where its widget begins."""

    def render_segments(self, console: Console) -> str:
        out: list[str] = []
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= last or end <= first:
                    continue
                left, right = _whole(strip, max(0, first - x), min(end, last) - x)
                out += [f"\x1b[{y + 1};{x + left + 1}H", strip.crop(left, right).render(console)]
        return "".join(out)


def _whole(strip: Strip, left: int, right: int) -> tuple[int, int]:
    """From `left` to `right`, wider by the half of a character that would be cut in two."""
    if _NARROW.issuperset(text := strip.text):
        return left, right
    at = 0
    for char in text:
        end = at + cell_len(char)
        left = at if at < left < end else left
        right = end if at < right < end else right
        at = end
    return left, right
