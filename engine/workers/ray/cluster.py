"""The cluster: joined or started, its nodes, and hands hired on them. The only module that imports Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.workers.hands import Hands
from engine.workers.said import Done, Fault, Hello, Job, Setup

_ray: Any = ray  # its own types say too little
ANSWERS = 3.0  # seconds for a connection to a cluster's address
LOOKED = 15.0  # seconds in which a cluster must say which nodes it has
HIRED = 60.0  # seconds until hands must be at work on a node that has room
FAILURES = (RayError, ConnectionError, RuntimeError, OSError, TimeoutError)


class NoCluster(Exception):
    """There is no cluster where one was asked for; says so in a sentence."""


class Node(NamedTuple):
    """A living node: its id, a name for people, and what Ray says it has."""

    id: str
    name: str
    cores: int
    memory: int


def join(address: str, cpus: int) -> None:
    """Connect to the cluster at HOST:PORT, or where `address` is empty to one on this machine; where there is none,
    start one with `cpus` cores (0: all) that ends with this process. Raises `NoCluster`."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # before `init` says how tokens work
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": False}
    if address:
        _answered(address)
        try:
            _ray.init(address=address, **quiet)
        except FAILURES as error:
            raise NoCluster(f"the Ray cluster at {address} cannot be joined: {_words(error)}") from error
        return
    try:
        _ray.init(address="auto", **quiet)
    except ConnectionError:
        try:
            _ray.init(num_cpus=cpus or None, include_dashboard=False, **quiet)
        except FAILURES as error:
            raise NoCluster(f"no Ray cluster could be started on this machine: {_words(error)}") from error
    except FAILURES as error:
        raise NoCluster(f"the Ray cluster of this machine cannot be joined: {_words(error)}") from error


def leave() -> None:
    """Disconnect; a cluster that was started by `join` ends."""
    _ray.shutdown()


async def nodes() -> list[Node]:
    """The nodes that live. Raises one of `FAILURES` where the cluster does not answer."""
    rows: list[dict[str, Any]] = await asyncio.wait_for(asyncio.to_thread(_ray.nodes), LOOKED)
    return [_node(row) for row in rows if row["Alive"] and row["Resources"].get("CPU")]


class Hired:
    """Hands on a node, as an actor that has cores and memory of it for itself; where it only looks, it takes none."""

    def __init__(self, node: Node, cores: int, memory: int, look: bool = False) -> None:
        self.node = node
        self._actor: Any = _Actor.options(
            num_cpus=0 if look else cores,
            memory=0 if look else cores * memory,
            max_concurrency=10_000,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        ).remote(cores)

    async def open(self, setup: Setup, data: list[Any]) -> Hello:
        """Raises one of `FAILURES`, `TimeoutError` where the node has no room for them."""
        return await asyncio.wait_for(_heard(self._actor.open.remote(setup, *data)), HIRED)

    async def do(self, number: int, job: Job) -> Done | Fault:
        return await _heard(self._actor.do.remote(number, job))

    def cancel(self, number: int) -> None:
        self._actor.cancel.remote(number)

    def leave(self, session: str) -> None:
        self._actor.leave.remote(session)

    async def close(self) -> None:
        """Let them clear up, then end them."""
        with contextlib.suppress(*FAILURES):  # they are gone already, or will be with the job
            await asyncio.wait_for(_heard(self._actor.close.remote()), ANSWERS)
        self.end()

    def end(self) -> None:
        """At once, also where they still wait for room."""
        _ray.kill(self._actor)


def shelved(value: object) -> Any:
    """`value` in the object store: each node fetches it once."""
    return _ray.put(value)


@ray.remote
class _Actor:
    """Hands in a process of Ray's on a node."""

    def __init__(self, cores: int) -> None:
        self._hands = Hands(cores)

    async def open(self, setup: Setup, *data: Any) -> Hello:
        return await self._hands.open(setup._replace(data=data))

    async def do(self, number: int, job: Job) -> Done | Fault:
        return await self._hands.do(number, job)

    async def cancel(self, number: int) -> None:
        await self._hands.cancel(number)

    async def leave(self, session: str) -> None:
        await self._hands.leave(session)

    async def close(self) -> None:
        await self._hands.close()


async def _heard(answer: Awaitable[Any]) -> Any:
    return await answer


def _node(row: dict[str, Any]) -> Node:
    has = row["Resources"]
    name = f"{row['NodeManagerHostname']}/{row['NodeID'][:6]}"
    return Node(row["NodeID"], name, int(has.get("CPU", 0)), int(has.get("memory", 0)))


def _answered(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWERS).close()
    except OSError as error:
        why = error.strerror or "no answer"
        raise NoCluster(f"no Ray cluster answers at {address} ({why}); `ray start --head` starts one") from error


def _words(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
