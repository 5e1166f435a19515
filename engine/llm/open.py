"""Opening the endpoints of a run, checked before they are used: the embedded model or OpenAI-compatible servers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from engine.llm.endpoint import Endpoint
from engine.llm.failures import CallFailed, Unreachable
from engine.llm.limiter import Limiter
from engine.llm.local.endpoint import EmbeddedEndpoint
from engine.llm.local.model import QWEN, cached, is_remembered
from engine.llm.local.server import LocalServer
from engine.llm.openai_chat import OpenAIChat
from engine.llm.quota import Quota
from engine.open_files import allow_many
from workspace.errors import ConfigError, EndpointError
from workspace.runs.run import RunFolder
from workspace.settings.servers import EMBEDDED, Server, servers
from workspace.settings.settings import ROLES, Config, Role, role_model

LIMIT = 8  # calls in flight to begin with, where neither the user nor the server says a number
EMBEDDED_LEAST, EMBEDDED_MOST = 2, 8
RESTARTS = 3


class Opened(NamedTuple):
    """An endpoint ready for calls, and how many may be in flight: fixed, or where a `limiter` begins.

    `alone`: it keeps one prefix at a time. `quota`: calls and tokens a minute. `metrics` gives its page of
    metrics. `offers` are its models; None where it
    could not be reached (`gone` says why), which only a run with others for the same role bears.
    """

    endpoint: Endpoint
    limit: int
    limiter: Limiter | None = None
    alone: bool = False
    quota: Quota | None = None
    metrics: Callable[[], Awaitable[str]] | None = None
    windows: Mapping[str, int] = {}
    offers: tuple[str, ...] | None = ()
    gone: Unreachable | None = None


class Wanted(NamedTuple):
    """Who calls servers: a role under the settings that count for it."""

    config: Config
    role: Role


class Fleet(NamedTuple):
    """All endpoints of a run, which of them each role (in an evaluation: each solver) may call (by place in `opened`),
    and with which model.

    `windows`: by model the tokens of its context, as far as servers tell.
    """

    opened: tuple[Opened, ...]
    roles: Mapping[str, tuple[int, ...]]
    models: Mapping[str, str]
    windows: Mapping[str, int] = {}

    @property
    def name(self) -> str:
        """For people."""
        return self.opened[0].endpoint.name if len(self.opened) == 1 else f"{len(self.opened)} endpoints"


@asynccontextmanager
async def open_fleet(run: RunFolder, config: Config) -> AsyncGenerator[Fleet]:
    """The run's endpoints for one engine life. Raises `EndpointError` or `ConfigError` in one sentence."""
    async with open_wanted(run, {role: Wanted(config, role) for role in ROLES}) as fleet:
        yield fleet


@asynccontextmanager
async def open_wanted(run: RunFolder, callers: Mapping[str, Wanted]) -> AsyncGenerator[Fleet]:
    """The endpoints of all `callers`, each opened once. Raises `EndpointError` or `ConfigError` in one sentence."""
    own = {name: servers(*caller) for name, caller in callers.items()}
    first = {server: callers[name].config for name in reversed(own) for server in own[name]}
    wanted = list(dict.fromkeys(server for of in own.values() for server in of))
    if not all(own.values()):
        raise ConfigError("no endpoint: give --base-url URL, or --local for the embedded model")
    allow_many()
    async with AsyncExitStack() as stack:
        opened = await _all(_open(stack, run, first[server], server, _name(server, wanted)) for server in wanted)
        by_server = dict(zip(wanted, opened, strict=True))
        models = {name: _model(*callers[name], {server: by_server[server] for server in own[name]}) for name in own}
        places = {name: tuple(map(wanted.index, of)) for name, of in own.items()}
        yield Fleet(tuple(opened), places, models, _windows(opened))


async def _all(opening: Iterable[Coroutine[Any, Any, Opened]]) -> list[Opened]:
    """All at once; the first that failed is told after the last has ended, so that nothing opens behind our back."""
    ended = await asyncio.gather(*opening, return_exceptions=True)
    for end in ended:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ended if isinstance(end, Opened)]


async def _open(stack: AsyncExitStack, run: RunFolder, config: Config, server: Server, name: str) -> Opened:
    if server == EMBEDDED:
        return await stack.enter_async_context(_embedded(run, config))
    return await stack.enter_async_context(_remote(config, server, name))


@asynccontextmanager
async def _remote(config: Config, server: Server, name: str) -> AsyncGenerator[Opened]:
    key = os.environ.get(server.api_key_env)
    endpoint = OpenAIChat(
        server.base_url,
        config.endpoint.model or "",
        key,
        config.endpoint.timeouts,
        name=name,
        key_env=server.api_key_env,
    )
    rpm, tpm = (None if most == "none" else most for most in (config.endpoint.rpm, config.endpoint.tpm))
    quota = Quota(rpm, tpm)
    endpoint.told = lambda headers: quota.told(time.monotonic(), headers, time.time())
    try:
        yield (await _looked_at(endpoint, config))._replace(quota=quota)
    finally:
        await endpoint.close()


async def _looked_at(endpoint: OpenAIChat, config: Config) -> Opened:
    try:
        offers = tuple(await endpoint.models())
    except Unreachable as failure:
        return Opened(endpoint, _limit(config, LIMIT), _limiter(config, LIMIT), offers=None, gone=failure)
    except CallFailed as failure:
        raise EndpointError(str(failure)) from failure
    windows = await endpoint.windows(offers[0] if offers else "")
    limit = _limit(config, endpoint.slots or LIMIT)
    return Opened(endpoint, limit, _limiter(config, limit), metrics=endpoint.metrics, windows=windows, offers=offers)


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
            limit, windows = _limit(config, server.slots), {server.model: server.window}
            limiter = _limiter(config, limit, EMBEDDED_LEAST, EMBEDDED_MOST)
            yield Opened(endpoint, limit, limiter, alone=True, windows=windows, offers=(server.model,))
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await endpoint.close()


def _model(config: Config, role: Role, at: Mapping[Server, Opened]) -> str:
    """The model of a role when its servers have it, or their only one. A server that lists nothing is believed."""
    there = {server: opened for server, opened in at.items() if opened.offers is not None}
    if not there:
        gone = next(opened.gone for opened in at.values() if opened.gone)
        raise EndpointError(str(gone)) from gone
    wanted = role_model(config, role).model
    if wanted is None or EMBEDDED in there:
        wanted = _only(next(iter(there.values())))
    for server, opened in there.items():
        if server != EMBEDDED and opened.offers and wanted not in opened.offers:
            offers = ", ".join(opened.offers[:12])
            raise EndpointError(f"{server.base_url} has no model {wanted!r}; it offers: {offers}")
    return wanted


def _only(opened: Opened) -> str:
    offers = opened.offers or ()
    if len(offers) == 1:
        return offers[0]
    shown = ", ".join(offers[:12]) or "none"
    raise ConfigError(f"no model named: give --model; {opened.endpoint.name} offers: {shown}")


def _windows(opened: Iterable[Opened]) -> dict[str, int]:
    """Of several servers with a model the smallest window counts."""
    found: dict[str, int] = {}
    for one in opened:
        for model, tokens in one.windows.items():
            found[model] = min(tokens, found.get(model, tokens))
    return found


def _name(server: Server, among: Sequence[Server]) -> str:
    """Host and port, unless another server has the same ones."""
    place = urlsplit(server.base_url).netloc
    return place if [urlsplit(other.base_url).netloc for other in among].count(place) == 1 else server.base_url


def _limit(config: Config, otherwise: int) -> int:
    return config.endpoint.limit if isinstance(config.endpoint.limit, int) else otherwise


def _limiter(config: Config, start: int, least: int = 1, most: int = 1024) -> Limiter | None:
    auto = config.endpoint.limit == "auto"
    return Limiter(start, least=least, most=most, now=time.monotonic()) if auto else None
