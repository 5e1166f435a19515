"""`python -P -m engine.workers.ray FD`: the broker, over the inherited socket FD."""

from __future__ import annotations

import asyncio
import socket
import sys

from engine.workers.ray.broker import serve
from engine.workers.talk import talk_over


async def _main(handle: int) -> None:
    talk = await talk_over(socket.socket(fileno=handle))
    try:
        await serve(talk)
    finally:
        talk.close()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
