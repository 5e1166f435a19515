"""Our own trajectory files: JSON Lines of a header, steps and an outcome; several may stand one after another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from workspace.errors import TraceError
from workspace.files import read_lines
from workspace.readers.base import Skipped, as_table, load_json
from workspace.trajectory import FORMAT, Trajectory, parse_rows


class NativeReader:
    """Reads what `dump_trajectory` writes. A line that is torn or broken is skipped, its neighbours are kept."""

    name = "native"

    def sniff(self, path: Path, head: str) -> str | None:
        first = next((line for line in head.split("\n") if line.strip()), "")
        try:
            found = as_table(load_json(first)).get("format")
        except ValueError:
            found = None
        return None if found == FORMAT else f"its first line is no {FORMAT} header"

    def read(self, path: Path) -> Iterator[Trajectory | Skipped]:
        start, chunk = 1, list[str]()
        for number, line in enumerate(read_lines(path), 1):
            try:
                row = as_table(load_json(line)) if line.strip() else {}
            except ValueError as error:
                yield Skipped(str(path), number, str(error))
                # An empty line keeps the numbers of the lines after it.
                row, line = {}, ""
            if "format" in row and any(chunk):
                yield _parse(path, start, chunk)
                start, chunk = number, []
            chunk.append(line)
        if any(chunk):
            yield _parse(path, start, chunk)


def _parse(path: Path, start: int, chunk: list[str]) -> Trajectory | Skipped:
    try:
        trajectory = parse_rows(chunk, "")
    except TraceError as error:
        found = re.match(r":(\d+): (.*)", str(error), re.DOTALL)
        offset, reason = (int(found[1]), found[2]) if found else (1, str(error))
        return Skipped(str(path), start + offset - 1, reason)
    return trajectory if trajectory.source else trajectory.model_copy(update={"source": f"{path}:{start}"})
