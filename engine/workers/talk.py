"""Values over a socket between two of our own processes: a length and a pickle.

Neither end takes a connection from anybody: the socket is a pair made by the engine, inherited by its child.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from typing import Any

LENGTH = struct.Struct("=Q")
LARGEST = 1 << 32


class Talk:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, value: object) -> None:
        """Raises `OSError` when the other end is gone."""
        data = pickle.dumps(value, protocol=5)
        self._writer.write(LENGTH.pack(len(data)))
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self) -> Any:
        """The next value; None when the other end is gone."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > LARGEST:
                raise ValueError(f"a message of {length:,} bytes")
            return pickle.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        self._writer.close()


async def talk_over(end: socket.socket) -> Talk:
    """Talk over this end of the pair."""
    return Talk(*await asyncio.open_connection(sock=end))
