"""A screen as text that people can read and compare: its rows, then the inks of each row.

drawn(svg, look) -> str           what the app exported (`App.export_screenshot`), as rows and inks
check(name, text)                 against tests/t2s_tui/snapshots/NAME.txt; T2S_SNAPSHOTS=write writes it instead
"""

from __future__ import annotations

import os
import re
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from rich.cells import cell_len

from t2s_tui.theme import Look

FOLDER = Path(__file__).parent / "snapshots"
SVG = "{http://www.w3.org/2000/svg}"
CELL, ROW = 12.2, 24.4
"""The size of a cell in what rich exports."""
ATTRIBUTES = {"bold": "bold", "underline": "underline", "italic": "italic", "opacity": "dim"}


class Piece(NamedTuple):
    """Text at a place of the screen, in cells, with the name of its style."""

    row: int
    column: int
    text: str
    style: str


def drawn(svg: str, look: Look, size: tuple[int, int]) -> str:
    """Rows of a screen of `size`, a line, and for each row its inks from the left."""
    root = ElementTree.fromstring(svg)
    styles = _styles(svg, look)
    pieces = sorted(_pieces(root, styles))
    backs = _backs(root, look)
    rows = [_row([p for p in pieces if p.row == y], size[0]) for y in range(size[1])]
    inks = [_inks([p for p in pieces if p.row == y], [b for b in backs if b.row == y]) for y in range(size[1])]
    told = [f"{y:>3} {said}" for y, said in enumerate(inks) if said]
    return "\n".join([*(f"{text}|" for text in rows), "", *told, ""])


def check(name: str, text: str) -> None:
    """Compare with what is kept. Fails with the rows that differ."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("T2S_SNAPSHOTS") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    changes = list(unified_diff(kept.splitlines(), text.splitlines(), f"kept {name}", "now", lineterm="", n=1))
    assert not changes, "\n".join(["look at it; T2S_SNAPSHOTS=write pytest keeps the new one", *changes])


def _styles(svg: str, look: Look) -> dict[str, str]:
    """Class → ink and attributes, in the words of theme.py."""
    found: dict[str, str] = {}
    for name, css in re.findall(r"\.[\w-]*-(r\d+)\s*{([^}]*)}", svg):
        colour = re.search(r"fill:\s*(#[0-9a-fA-F]{6})", css)
        words = [_ink(colour[1], look) if colour else "default"]
        found[name] = "+".join([*words, *(said for mark, said in ATTRIBUTES.items() if mark in css)])
    return found


def _ink(colour: str, look: Look) -> str:
    names = [name for name, said in look.palette.inks.items() if said.lower() == colour.lower()]
    return names[0] if names else colour.lower()


def _pieces(root: ElementTree.Element, styles: dict[str, str]) -> list[Piece]:
    found: list[Piece] = []
    for node in root.iter(f"{SVG}text"):
        name = (node.get("class") or "").rpartition("-")[2]
        if name not in styles:
            continue  # the title above the screen
        text = (node.text or "").replace("\xa0", " ").rstrip("\n")
        row = round((float(node.get("y", 0)) - 20) / ROW)
        found.append(Piece(row, round(float(node.get("x", 0)) / CELL), text, styles[name]))
    return found


def _backs(root: ElementTree.Element, look: Look) -> list[Piece]:
    """Stretches of a row with a background: `text` is as long as the stretch."""
    found: list[Piece] = []
    for node in root.iter(f"{SVG}rect"):
        if node.get("shape-rendering") != "crispEdges":
            continue
        wide = round(float(node.get("width", 0)) / CELL)
        row = round((float(node.get("y", 0)) - 1.5) / ROW)
        ink = _ink(node.get("fill", ""), look)
        found.append(Piece(row, round(float(node.get("x", 0)) / CELL), " " * wide, ink))
    return sorted(found)


def _row(pieces: list[Piece], cells: int) -> str:
    text, at = "", 0
    for piece in pieces:
        text += " " * (piece.column - at) + piece.text
        at = piece.column + cell_len(piece.text)
    return text + " " * (cells - at)


def _inks(pieces: list[Piece], backs: list[Piece]) -> str:
    """`0 bright+bold · 12 dim | bar 0-80`: where each ink begins, then the backgrounds that are not the usual one."""
    runs: list[tuple[int, str]] = []
    for piece in pieces:
        if piece.text.strip() and (not runs or runs[-1][1] != piece.style):
            runs.append((piece.column, piece.style))
    text = " ".join(f"{column}:{style}" for column, style in runs)
    shown = _joined([(b.column, b.column + len(b.text), b.style) for b in backs if b.style != "back"])
    return text + (f"  on {' '.join(f'{a}-{b}:{ink}' for a, b, ink in shown)}" if shown else "")


def _joined(stretches: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for start, end, ink in stretches:
        if found and found[-1][1:] == (start, ink):
            found[-1] = (found[-1][0], end, ink)
        else:
            found.append((start, end, ink))
    return found
