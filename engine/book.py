"""The journal of one engine life, with the view folded beside it, and room kept for its last words on a full disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from workspace.errors import DiskError
from workspace.files import remove, write_bytes
from workspace.runs.journal import Journal
from workspace.runs.run import RunFolder, load_view, save_view

RESERVE = 1 << 20
VIEW_EVERY = 5_000


class Book:
    """The journal with the view folded beside it."""

    def __init__(self, run: RunFolder, loop: asyncio.AbstractEventLoop) -> None:
        self._run = run
        self._loop = loop
        self.failure: DiskError | None = None
        self.on_failure: Callable[[], object] = lambda: None
        self.view, self._kept = load_view(run).view, 0
        self._journal = Journal(run.journal, self._failed)
        self._journal.listen(self.view.apply)
        self.emit = self._journal.emit

    def keep_view(self, *, every: int = VIEW_EVERY) -> None:
        """Write view.json when `every` events have come since the last one."""
        if self.view.seq - self._kept >= every and not self.failure:
            self._kept = self.view.seq
            save_view(self._run, self.view, self._journal.offset())

    def make_room(self) -> None:
        """Give the reserve back to a full disk, so that the last events can be written."""
        remove(self._run.reserve)
        if self.failure:
            self.failure = None
            self._journal.retry()

    def close(self) -> None:
        remove(self._run.reserve)
        with contextlib.suppress(DiskError):  # a missing view.json only costs time
            self.keep_view(every=1)
        self._journal.close()

    def _failed(self, error: DiskError) -> None:
        self.failure = error
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self.on_failure()


@asynccontextmanager
async def open_book(run: RunFolder) -> AsyncGenerator[Book]:
    """The open journal; a reserve file leaves room for the last events on a full disk."""
    write_bytes(run.reserve, b"\0" * RESERVE)
    book = Book(run, asyncio.get_running_loop())
    try:
        yield book
    finally:
        book.close()
