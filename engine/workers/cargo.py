"""The data of a run's tasks, made ready to go to nodes that do not see this disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.domains.find import data_of
from engine.workers.base import Tasks
from engine.workers.delta import Delta, Item
from workspace.errors import ConfigError

PART = 64 << 20
"""Bytes of one part, more or less: what is handed over at once."""
MOST = 2 << 30


class Cargo(NamedTuple):
    """Parts of the data, in order; `key` is the setting of `[domain]` that names their place (empty: no data), `file`
    the name of the only file where they are one."""

    key: str = ""
    file: str = ""
    parts: Sequence[Delta] = ()


def cargo(tasks: Tasks) -> Cargo:
    """All regular files of the data; links to files count as files. Raises `ConfigError` for what cannot be read or is
    more than `MOST` bytes."""
    found = data_of(tasks.settings, tasks.base)
    if found is None:
        return Cargo()
    try:
        if found.path.is_file():
            _held(found.path, found.path.stat().st_size)
            return Cargo(found.key, found.path.name, [Delta({found.path.name: _item(found.path)})])
        return Cargo(found.key, "", list(_parts(found.path)))
    except OSError as error:
        raise ConfigError(f"{found.path} cannot be sent to the workers: {error.strerror}") from error


def _parts(folder: Path) -> Iterator[Delta]:
    part: dict[str, Item] = {}
    size = total = 0
    for path in _files(folder):
        item = _item(path)
        part[path.relative_to(folder).as_posix()] = item
        size, total = size + len(item.data), total + len(item.data)
        _held(folder, total)
        if size > PART:
            yield Delta(part)
            part, size = {}, 0
    yield Delta(part)


def _held(path: Path, size: int) -> None:
    if size > MOST:
        raise ConfigError(f"{path} holds more than {MOST:,} bytes, too much to send to the workers")


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder, onerror=_unreadable):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(here) / name).is_file())


def _unreadable(error: OSError) -> None:
    raise error


def _item(path: Path) -> Item:
    status = path.stat()
    return Item(stat.S_IFREG | stat.S_IMODE(status.st_mode), path.read_bytes(), status.st_mtime_ns)
