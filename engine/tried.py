"""Tries that are finished already, in this run or in another one of the same folder, by the key of what decides them.

Each folder of measured tries has `paid.jsonl` beside its trajectories: one line a try with its key and what its calls
used. What another run measured under the same key, with the same version of this program, is copied instead of tried
again; so every run stands alone, and what is deleted is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.crew import stored_key
from engine.record import Paid
from workspace.errors import T2SError
from workspace.files import (
    append_text,
    cut_torn_line,
    is_plain_file,
    read_lines,
    read_text,
    read_toml,
    remove,
    write_text,
)
from workspace.json_text import parse_json
from workspace.runs.run import RunFolder, runs_in
from workspace.runs.start import version
from workspace.trajectory import Trajectory, dump_trajectory, load_trajectory

PAID = "paid.jsonl"
JUDGED = ("pass", "fail")
"""How a try ended that counts; anything else is tried again."""


class Line(NamedTuple):
    """A line of `paid.jsonl`: the trajectory's name, its key, what its calls used, and whether another run paid it."""

    name: str
    key: str
    paid: Paid
    copied: bool = False


class Tried:
    """What the other runs beside `run` have measured, and what lies in the folders `more`. Built once a life; reads
    the heads of their files."""

    def __init__(self, run: RunFolder, more: Sequence[Path] = ()) -> None:
        folders = (*_folders(run), *(more if _ours(run) else ()))
        self._found = {line.key: (folder, line) for folder in folders for line in paid_lines(folder)}

    def has(self, key: str) -> bool:
        """Has anybody measured this?"""
        return key in self._found

    def copy(self, key: str, name: str, folder: Path) -> Line | None:
        """Put the try of this key into `folder` under `name` and return its line there; None where nobody made it.
        Raises `DiskError`."""
        if (found := self._found.get(key)) is None:
            return None
        source, line = found
        trajectory = _judged(source / f"{line.name}.jsonl", key)
        if trajectory is None:
            return None
        write_text(folder / f"{name}.jsonl", dump_trajectory(trajectory.model_copy(update={"id": name})))
        copied = Line(name, key, line.paid, copied=True)
        write_paid(folder, copied)
        return copied


def paid_lines(folder: Path) -> Iterator[Line]:
    """The lines of `folder`; what is no line of ours is passed over, and its try is counted or made anew."""
    path = folder / PAID
    for text in read_lines(path) if is_plain_file(path) else ():
        try:
            row = parse_json(text)
            numbers = Paid(int(row["calls"]), int(row["prompt"]), int(row["completion"]), float(row["seconds"]))
            yield Line(str(row["name"]), str(row["key"]), numbers, bool(row.get("copied")))
        except (ValueError, KeyError, TypeError):
            continue


def write_paid(folder: Path, line: Line) -> None:
    """Add a line to `paid.jsonl`. Raises `DiskError`."""
    row = {"name": line.name, "key": line.key, **line.paid._asdict(), "copied": line.copied}
    append_text(folder / PAID, json.dumps(row) + "\n")


def mend(folder: Path) -> None:
    """Make the folder of an earlier life ready to go on: no torn line, no try that the verifier did not judge."""
    if not folder.is_dir():
        return
    cut_torn_line(folder / PAID)
    for path in folder.glob("t*.jsonl"):
        if (key := stored_key(path)) and _judged(path, key) is None:
            remove(path)


def _folders(run: RunFolder) -> Iterator[Path]:
    for other in runs_in(run.path.parent):
        if other.path == run.path or not _ours(other):
            continue
        for each in other.rounds():
            for split in ("validation", "test"):
                yield from sorted(path.parent for path in (each.path / split).glob(f"*/{PAID}"))


def _ours(run: RunFolder) -> bool:
    """Was it made by this version? Another one may score otherwise."""
    try:
        return read_toml(run.config).get("version") == version()
    except T2SError:
        return False  # somebody else's file is no fault of this run


def _judged(path: Path, key: str) -> Trajectory | None:
    """The trajectory in `path` where it has this key and a verdict of the verifier."""
    if not is_plain_file(path) or stored_key(path) != key:
        return None
    try:
        trajectory = load_trajectory(read_text(path), path)
    except T2SError:
        return None
    return trajectory if trajectory.key == key and trajectory.outcome.status in JUDGED else None
