"""Server-sent events from bytes as they arrive: chunks may end anywhere, also inside a letter or a line end."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 16 << 20  # bytes of one event; a server that sends more without a blank line is broken


class Event(NamedTuple):
    """One event: its `data` lines joined by newlines, and its type (empty when the server gave none)."""

    data: str
    kind: str = ""


class SSEParser:
    """Bytes in, events out. Comments (`:`) and fields other than `data` and `event` are passed over."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._data: list[str] = []
        self._kind = ""
        self._started = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises `ValueError` when one event grows beyond all reason."""
        if b"\r" in chunk or (self._rest and self._rest[-1].endswith(b"\r")):
            chunk = self._plain_line_ends(chunk)
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        *lines, rest = b"".join((*self._rest, chunk)).split(b"\n")
        self._rest, self._size = [], 0
        self._keep(rest)
        return self._events(lines)

    def finish(self) -> list[Event]:
        """At the end of the stream: the last event of a server that forgot the blank line after it."""
        return [*self.feed(b"\n"), *self.feed(b"\n")]

    def _events(self, lines: list[bytes]) -> list[Event]:
        done: list[Event] = []
        for line in lines:
            if not line:
                if self._data:
                    done.append(Event("\n".join(self._data), self._kind))
                self._data, self._kind = [], ""
            elif line[0] != 0x3A:  # a colon starts a comment
                self._field(line)
        return done

    def _field(self, line: bytes) -> None:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if not self._started:
            name, self._started = name.removeprefix("\ufeff"), True
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._kind = value.removeprefix(" ")

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._rest.append(rest)
            self._size += len(rest)
        if self._size > LONGEST:
            raise ValueError(f"an event of more than {LONGEST >> 20} MB")

    def _plain_line_ends(self, chunk: bytes) -> bytes:
        """CRLF and CR become LF; a CR at the very end waits for the next chunk, which may bring its LF."""
        if self._rest and self._rest[-1].endswith(b"\r"):
            chunk = self._rest.pop() + chunk
            self._size = sum(map(len, self._rest))
        held = b"\r" if chunk.endswith(b"\r") else b""
        plain = chunk[: len(chunk) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return plain + held
