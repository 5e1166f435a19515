"""Opening a run's endpoint, checked before it is used: the embedded model or any OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from engine.llm.endpoint import Endpoint
from engine.llm.failures import CallFailed
from engine.llm.limiter import Limiter
from engine.llm.local.endpoint import EmbeddedEndpoint
from engine.llm.local.model import QWEN, cached, is_remembered
from engine.llm.local.server import LocalServer
from engine.llm.openai_chat import OpenAIChat
from workspace.errors import ConfigError, EndpointError
from workspace.runs.run import RunFolder
from workspace.settings.config import Config

LIMIT = 8  # calls in flight to begin with, where neither the user nor the server says a number
RESTARTS = 3


class Opened(NamedTuple):
    """An endpoint ready for calls, the model of roles that name none, and how many calls may be in flight: fixed, or
    where a `limiter` begins.

    `latest_first`: later stages go first; a server that pays for each change of prompt finishes a stage instead.
    `windows`: by model the tokens of its context, as far as the server tells. `metrics` gives its page of metrics.
    """

    endpoint: Endpoint
    model: str
    limit: int
    latest_first: bool = True
    windows: Mapping[str, int] = {}
    limiter: Limiter | None = None
    metrics: Callable[[], Awaitable[str]] | None = None


@asynccontextmanager
async def open_endpoint(run: RunFolder, config: Config) -> AsyncGenerator[Opened]:
    """The run's endpoint for one engine life. Raises `EndpointError` or `ConfigError` in one sentence."""
    if config.endpoint.local:
        async with _embedded(run, config) as opened:
            yield opened
        return
    endpoint = _remote(config)
    try:
        model = await _checked_model(endpoint, config)
        windows = await endpoint.windows(model)
        limit = _limit(config, endpoint.slots or LIMIT)
        limiter = Limiter(limit, now=time.monotonic()) if config.endpoint.limit == "auto" else None
        yield Opened(endpoint, model, limit, windows=windows, limiter=limiter, metrics=endpoint.metrics)
    finally:
        await endpoint.close()


@asynccontextmanager
async def _embedded(run: RunFolder, config: Config) -> AsyncGenerator[Opened]:
    if not is_remembered(cached(), QWEN):
        raise EndpointError(f"the embedded model is not installed ({cached()}); fetch it with: t2s local install")
    async with LocalServer(cached(), log=run.log) as server:
        # The embedded server hangs up on connections that wait; a new one on loopback costs nothing.
        chat = OpenAIChat(
            server.base_url,
            server.model,
            server.api_key,
            config.endpoint.timeouts,
            name="embedded",
            key_env="none",
            keep_alive=0.0,
        )
        endpoint = EmbeddedEndpoint(server, chat)
        keeper = asyncio.create_task(server.supervise(RESTARTS), name="embedded-server")
        try:
            windows = {server.model: server.window}
            limit = _limit(config, server.slots)
            yield Opened(endpoint, server.model, limit, latest_first=False, windows=windows)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await endpoint.close()


def _remote(config: Config) -> OpenAIChat:
    settings = config.endpoint
    if settings.base_url is None:
        raise ConfigError("no endpoint: give --base-url URL, or --local for the embedded model")
    key = os.environ.get(settings.api_key_env)
    return OpenAIChat(settings.base_url, settings.model or "", key, settings.timeouts, key_env=settings.api_key_env)


async def _checked_model(endpoint: OpenAIChat, config: Config) -> str:
    """The configured model when the server has it, or its only one. A server that lists nothing is believed."""
    try:
        offered = await endpoint.models()
    except CallFailed as failure:
        raise EndpointError(str(failure)) from failure
    wanted = config.endpoint.model
    if wanted is None:
        if len(offered) == 1:
            return offered[0]
        raise ConfigError(f"no model named: give --model; {endpoint.name} offers: {', '.join(offered[:12]) or 'none'}")
    if offered and wanted not in offered:
        raise EndpointError(f"{endpoint.base_url} has no model {wanted!r}; it offers: {', '.join(offered[:12])}")
    return wanted


def _limit(config: Config, otherwise: int) -> int:
    return config.endpoint.limit if isinstance(config.endpoint.limit, int) else otherwise
