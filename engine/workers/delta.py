"""What changed in a work folder, carried from one disk to another.

    marks = look(folder)                    name → how an entry looks now
    delta = pack(folder, marks, before)     what is otherwise than in `before`, with contents
    lay(folder, delta)                      the same change, done to another copy of the folder

Names are relative, with `/` between their parts. Regular files, folders and links (as such, never what they lead to)
are carried with their modes; pipes, sockets and devices are not, and neither are the folders that HOME and TMPDIR name.
Both folders are hostile: no link in them is followed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from engine.sandbox.confined import HOME, TEMPORARY
from engine.sandbox.folder import DEPTH, ENTRIES, LONGEST
from workspace.errors import SandboxError

MOST = 256 << 20
"""Bytes of one change."""
LEFT_OUT = frozenset({HOME, TEMPORARY})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Mark(NamedTuple):
    """How an entry looks: what changes here whenever its content does. `mode` with its kind, as `st_mode`."""

    mode: int
    size: int
    modified: int
    changed: int
    inode: int


Marks = Mapping[str, Mark]


class Item(NamedTuple):
    """One entry: its `st_mode`, its bytes (of a link: where it leads), nanoseconds of its last change."""

    mode: int
    data: bytes = b""
    modified: int = 0


class Delta(NamedTuple):
    """A change: entries that are new or other, and names that are gone."""

    put: Mapping[str, Item] = {}
    gone: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.gone)


def look(folder: Path) -> dict[str, Mark]:
    """All entries below `folder`. Raises `SandboxError` for more than can be carried."""
    marks: dict[str, Mark] = {}
    rest = [""]
    while rest:
        here = rest.pop()
        for name, status in _entries(folder, here):
            marks[name] = _mark(status)
            if len(marks) > ENTRIES:
                raise SandboxError(f"the work folder holds more than {ENTRIES:,} files and folders")
            if stat.S_ISDIR(status.st_mode):
                rest.append(name)
    return marks


def pack(folder: Path, marks: Marks, before: Marks, most: int = MOST) -> Delta:
    """What `folder`, which looks like `marks`, has otherwise than `before`. Raises `SandboxError` beyond `most` bytes
    and for what cannot be read."""
    gone = [name for name in before if name not in marks or _kind(before[name]) != _kind(marks[name])]
    other = [name for name, mark in marks.items() if before.get(name) != mark and not _same_folder(mark, before, name)]
    if sum(marks[name].size for name in other if stat.S_ISREG(marks[name].mode)) > most:
        raise SandboxError(f"what changed in the work folder is more than {most:,} bytes, too much to carry")
    return Delta({name: _item(folder, name, marks[name], most) for name in other}, gone)


def lay(folder: Path, delta: Delta) -> None:
    """Do the change to `folder`. Raises `SandboxError` where the disk refuses."""
    try:
        for name in sorted(delta.gone, reverse=True):  # what lies in a folder before the folder
            with suppress(FileNotFoundError, NotADirectoryError), _parent(folder, name) as (handle, last):
                _remove(handle, last)
        for name in sorted(delta.put):
            with _parent(folder, name, make=True) as (handle, last):
                _put(handle, last, delta.put[name])
        for name in sorted(delta.put, reverse=True):  # a folder without write permission is shut after its content
            if stat.S_ISDIR(delta.put[name].mode):
                with _parent(folder, name) as (handle, last):
                    os.chmod(last, stat.S_IMODE(delta.put[name].mode) | 0o700, dir_fd=handle)
    except OSError as error:
        raise SandboxError(f"the work folder cannot be brought up to date: {error.strerror}") from error


def _entries(folder: Path, here: str) -> Iterator[tuple[str, os.stat_result]]:
    if here.count("/") >= DEPTH or len(os.fsencode(here)) > LONGEST:
        raise SandboxError(f"the work folder holds folders too deep in each other: {here[:80]!r}…")
    try:
        with os.scandir(folder / here) as found:
            for entry in found:
                status = entry.stat(follow_symlinks=False)
                if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                    continue
                if here or entry.name not in LEFT_OUT:
                    yield f"{here}/{entry.name}" if here else entry.name, status
    except PermissionError:
        (folder / here).chmod(0o700)
        yield from _entries(folder, here)
    except OSError as error:
        raise SandboxError(f"the work folder cannot be read: {error.strerror}") from error


def _mark(status: os.stat_result) -> Mark:
    return Mark(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _kind(mark: Mark) -> int:
    return stat.S_IFMT(mark.mode)


def _same_folder(mark: Mark, before: Marks, name: str) -> bool:
    """A folder whose content changed is the same folder."""
    return stat.S_ISDIR(mark.mode) and name in before and before[name].mode == mark.mode


def _item(folder: Path, name: str, mark: Mark, most: int) -> Item:
    try:
        if stat.S_ISLNK(mark.mode):
            with _parent(folder, name) as (handle, last):
                return Item(mark.mode, os.fsencode(os.readlink(last, dir_fd=handle)))
        if stat.S_ISDIR(mark.mode):
            return Item(mark.mode)
        with _parent(folder, name) as (handle, last):
            return Item(mark.mode, _read(handle, last, mark, most), mark.modified)
    except OSError as error:
        raise SandboxError(f"{name[:200]!r} in the work folder cannot be read: {error.strerror}") from error


def _read(handle: int, name: str, mark: Mark, most: int) -> bytes:
    try:
        file = os.open(name, _FILE, dir_fd=handle)
    except PermissionError:  # its mode says so, but the folder is ours
        os.chmod(name, stat.S_IMODE(mark.mode) | 0o400, dir_fd=handle)
        file = os.open(name, _FILE, dir_fd=handle)
    with os.fdopen(file, "rb") as opened:
        return opened.read(most)


@contextmanager
def _parent(folder: Path, name: str, *, make: bool = False) -> Generator[tuple[int, str]]:
    """A handle on the folder that an entry lies in, and the entry's own name there."""
    *way, last = name.split("/")
    if not last or last in (".", "..") or any(part in ("", ".", "..") for part in way):
        raise SandboxError(f"{name[:200]!r} is no name of something in a work folder")
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in way:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=here)
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here, last
    finally:
        os.close(here)


def _remove(handle: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=handle)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=handle)
    except PermissionError:  # how some systems say that it is a folder
        if not stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
            raise
        shutil.rmtree(name, dir_fd=handle)


def _put(handle: int, name: str, item: Item) -> None:
    if stat.S_ISDIR(item.mode):
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=handle)
        return
    with suppress(FileNotFoundError):
        _remove(handle, name)
    if stat.S_ISLNK(item.mode):
        os.symlink(item.data, name, dir_fd=handle)
        return
    with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=handle), "wb") as file:
        file.write(item.data)
        os.fchmod(file.fileno(), stat.S_IMODE(item.mode) & 0o777 | 0o600)
        file.flush()
        os.utime(file.fileno(), ns=(item.modified, item.modified))
