"""The embedded server as an endpoint that serves one prefix at a time.

On a CPU reading a prompt is what costs (59 tokens/s), and each of the server's slots keeps the prefix of its last call.
So calls with another head wait until those with the current one are done; then the new head is read once and copied to
all slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from engine.llm.endpoint import Delta, Message, Reply, Request
from engine.llm.failures import Unreachable
from engine.llm.local.server import LocalServer
from engine.llm.openai_chat import OpenAIChat
from workspace.errors import EndpointError


class EmbeddedEndpoint:
    """`chat` talks to `server`; calls are grouped by their first message."""

    def __init__(self, server: LocalServer, chat: OpenAIChat) -> None:
        self.name = chat.name
        self._server = server
        self._chat = chat
        self._head: Message | None = None
        self._at_work = 0
        self._changed = asyncio.Condition()

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]:
        """As `Endpoint.stream`; waits for its turn first."""
        async with self._turn(request.messages[0]), aclosing(self._chat.stream(request)) as stream:
            async for part in stream:
                yield part

    async def models(self) -> list[str]:
        """As `Endpoint.models`."""
        return await self._chat.models()

    async def close(self) -> None:
        """As `Endpoint.close`."""
        await self._chat.close()

    @asynccontextmanager
    async def _turn(self, head: Message) -> AsyncGenerator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._head == head or not self._at_work)
            if self._head != head:
                self._head = None  # until it is primed, nobody may rely on it
                await self._prime(head)
                self._head = head
            self._at_work += 1
        try:
            yield
        finally:
            async with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    async def _prime(self, head: Message) -> None:
        try:
            await self._server.prime([head.model_dump()])
        except EndpointError as error:
            raise Unreachable(str(error)) from error
