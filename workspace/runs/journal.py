"""The journal of a run: append-only, one writer, any number of followers.

`Journal.emit` never blocks and never raises into a unit: a thread of its own writes. The first write that fails is
kept and told once through `on_failure`; after that the journal is closed for good.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from workspace.errors import DiskError
from workspace.files import Appender, read_from
from workspace.runs.events import Event, dump_event, load_event


class Journal:
    """Appends events to `path`; a torn last line of an earlier life is cut off first."""

    def __init__(self, path: Path, on_failure: Callable[[DiskError], None] | None = None) -> None:
        self.path = path
        self.failure: DiskError | None = None
        self.seq = last_seq(path)
        self._on_failure = on_failure
        self._began = time.monotonic()
        self._listeners: list[Callable[[Event], None]] = []
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unwritten = b""
        self._idle = threading.Event()
        self._file = Appender(path)
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """`listener` sees every event as it is emitted, on the emitting thread."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> Event:
        """Number, stamp and queue an event; returns it as it will stand in the file."""
        self.seq += 1
        stamps = {
            "seq": self.seq,
            "time": round(time.time(), 3),
            "t": round(time.monotonic() - self._began, 3),
        }
        event = event.model_copy(update=stamps)
        self._queue.put(dump_event(event).encode() + b"\n")
        for listener in self._listeners:
            listener(event)
        return event

    def offset(self) -> int:
        """Bytes on the disk once everything emitted so far is written. Call it from the emitting thread."""
        self._idle.clear()
        self._queue.put(b"")
        self._idle.wait()
        return self._file.size

    def retry(self) -> None:
        """After a failed write, with room made: write what could not be written, and go on."""
        self._file.close()
        self._file = Appender(self.path)
        self.failure = None
        self._queue.put(b"")

    def close(self) -> None:
        """Wait until everything is on the disk."""
        self._queue.put(None)
        self._thread.join()
        if not self.failure:
            self._file.sync()
        self._file.close()

    def _write_all(self) -> None:
        while (lines := self._take()) is not None:
            self._unwritten += lines
            if not self.failure:
                self._write()
            self._idle.set()

    def _write(self) -> None:
        try:
            self._file.append(self._unwritten)
            self._unwritten = b""
        except DiskError as error:
            self.failure = error
            if self._on_failure:
                self._on_failure(error)

    def _take(self) -> bytes | None:
        """All that waits, as one write; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        lines = [first]
        while not self._queue.empty():
            more = self._queue.get()
            if more is None:
                self._queue.put(None)
                break
            lines.append(more)
        return b"".join(lines)


def read_events(path: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Every whole line as an event, with the byte offset after it. A torn last line is left for later."""
    rest = b""
    while chunk := read_from(path, offset + len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            offset += len(line) + 1
            if event := load_event(line):
                yield event, offset


async def follow(path: Path, offset: int = 0, every: float = 0.05) -> AsyncIterator[Event]:
    """The events from `offset` on, and then each new one within about `every` seconds; ends only when cancelled."""
    while True:
        for event, after in read_events(path, offset):
            offset = after
            yield event
        await asyncio.sleep(every)


def last_seq(path: Path) -> int:
    """The `seq` of the last whole line, 0 for a new journal."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    tail = read_from(path, max(0, size - 8192), 8192)
    whole = tail[: tail.rfind(b"\n") + 1].splitlines()
    return next((event.seq for line in reversed(whole) if (event := load_event(line))), 0)
