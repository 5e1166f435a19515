"""Trajectories of any known format: recognise a file, read it, say what could not be used.

A reader is `sniff` + `read` (see `base.Reader`). The first one that recognises a file reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from workspace.errors import TraceError, at
from workspace.files import digest, read_from, walk
from workspace.readers.base import HEAD_BYTES, Reader, Skipped, Unknown, scrubbed
from workspace.readers.labels import Labels, read_labels
from workspace.readers.messages import MessagesReader
from workspace.readers.native import NativeReader
from workspace.trajectory import Trajectory

__all__ = [
    "READERS",
    "Found",
    "ReadResult",
    "Reader",
    "Skipped",
    "Unknown",
    "number",
    "read_paths",
    "stream_paths",
]

READERS: tuple[Reader, ...] = (NativeReader(), MessagesReader())


class ReadResult(NamedTuple):
    """What was found: `formats` counts trajectories by format name."""

    trajectories: tuple[Trajectory, ...]
    skipped: tuple[Skipped, ...]
    unknown: tuple[Unknown, ...]
    formats: dict[str, int]


class Found(NamedTuple):
    """One trajectory of a stream and the format it came in."""

    format: str
    trajectory: Trajectory


def read_paths(paths: Sequence[Path], labels: Path | None = None) -> ReadResult:
    """All trajectories of files and folders, in order. Raises `TraceError` when there is not one."""
    found: list[Found] = []
    skipped: list[Skipped] = []
    unknown: list[Unknown] = []
    for item in stream_paths(paths, labels):
        match item:
            case Found():
                found.append(item)
            case Skipped():
                skipped.append(item)
            case Unknown():
                unknown.append(item)
    if not found:
        raise TraceError(_nothing(paths, skipped, unknown))
    formats = dict(Counter(one.format for one in found))
    return ReadResult(tuple(one.trajectory for one in found), tuple(skipped), tuple(unknown), formats)


def stream_paths(paths: Iterable[Path], labels: Path | None = None) -> Iterator[Found | Skipped | Unknown]:
    """The same, one at a time, so that a big folder is never held in memory.

    Secrets are scrubbed and labels applied. Raises `TraceError` for a named file that no reader recognises or that
    cannot be opened; files met in a folder are reported as `Unknown` instead.
    """
    judged, broken = read_labels(labels) if labels else (None, [])
    yield from broken
    seen: set[Path] = set()
    for path, named in _files(paths):
        if (real := path.resolve()) not in seen:
            seen.add(real)
            yield from _read_file(path, named, judged)
    if judged:
        yield from judged.unused()


def number(trajectories: Sequence[Trajectory]) -> tuple[Trajectory, ...]:
    """The run's ids in the order given: t001, t002 … by task, further tries of a task t001.r2, t001.r3 …

    Where no task is named the trajectory's own id stands for it, else its opening: the same question is the same
    task. The own id stays readable in `source`.
    """
    tries: dict[str, int] = {}
    tasks: dict[str, str] = {}
    width = max(3, len(str(len(trajectories))))
    numbered: list[Trajectory] = []
    for trajectory in trajectories:
        group = trajectory.task or trajectory.id or digest(*_opening(trajectory))
        unit = tasks.setdefault(group, f"t{len(tasks) + 1:0{width}}")
        tries[group] = tries.get(group, 0) + 1
        own = f" ({trajectory.id})" if trajectory.id not in ("", trajectory.task) else ""
        changes = {
            "id": unit if tries[group] == 1 else f"{unit}.r{tries[group]}",
            "task": trajectory.task or trajectory.id or unit,
            "source": trajectory.source + own,
        }
        numbered.append(trajectory.model_copy(update=changes))
    return tuple(numbered)


def _opening(trajectory: Trajectory) -> Iterator[str]:
    for step in trajectory.steps:
        if step.role not in ("system", "user"):
            return
        yield step.text


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file and whether the user named it; hidden files of a folder are passed over."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        for file in walk(path):
            if not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield file, False


def _read_file(path: Path, named: bool, labels: Labels | None) -> Iterator[Found | Skipped | Unknown]:
    head = _head(path) if named or path.is_file() else ""
    reader, why = _recognise(path, head)
    if reader is None:
        if named:
            raise TraceError(f"{path}: {why}")
        yield Unknown(str(path), why)
        return
    for item in reader.read(path):
        if isinstance(item, Skipped):
            yield item
        else:
            clean = scrubbed(item)
            yield Found(reader.name, labels.apply(clean) if labels else clean)


def _head(path: Path) -> str:
    try:
        if not path.exists():
            raise TraceError(f"no file or folder {path}")
        return read_from(path, 0, HEAD_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError as error:
        raise TraceError(f"cannot read {path}: {error.strerror}") from error


def _recognise(path: Path, head: str) -> tuple[Reader | None, str]:
    if not head.strip():
        return None, "the file is empty"
    if "\0" in head:
        return None, "a binary file, no known trajectory format"
    missed: list[str] = []
    for reader in READERS:
        if (why := reader.sniff(path, head)) is None:
            return reader, ""
        missed.append(f"{reader.name} ({why})")
    return None, f"no known trajectory format: {'; '.join(missed)}"


def _nothing(paths: Sequence[Path], skipped: Sequence[Skipped], unknown: Sequence[Unknown]) -> str:
    reasons = [f"{at(one.file, one.line)}: {one.reason}" for one in skipped]
    reasons += [f"{one.file}: {one.reason}" for one in unknown]
    named = ", ".join(str(path) for path in paths) or "no path"
    more = f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""
    return f"no trajectory in {named}: {' · '.join(reasons[:3]) or 'no file there'}{more}"
