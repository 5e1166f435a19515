"""The server child: llama.cpp's own OpenAI-compatible server inside this process, until stdin ends."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import secrets
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from engine.llm.local.model import QWEN, RUNTIME
from workspace.errors import EndpointError

KEY_VARIABLE = "T2S_LOCAL_KEY"
BASE_URL_INSTEAD = "name any OpenAI-compatible server with --base-url URL instead"
REPLY_SECONDS = 300.0


class ServeOptions(NamedTuple):
    """`port` 0 = a free one; `threads` 0 = one a physical core; `context` tokens are shared by all slots."""

    model: Path
    port: int = 0
    threads: int = 0
    slots: int = 4
    context: int = 16384
    slot_folder: Path | None = None
    """Where a slot's state may be saved, so that a prefix evaluated once can be copied to the other slots."""


class Ready(NamedTuple):
    """What a client needs; one JSON line on stdout."""

    base_url: str
    api_key: str
    model: str
    slots: int


def serve_until_eof(options: ServeOptions) -> None:
    """Serve, print the `Ready` line, and end with the process when whoever holds our stdin is gone (kill -9 too)."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    server, ready = start(options)
    # so that the first real call does not pay for the first touch of the model's pages
    one_token(ready, [{"role": "user", "content": "Hi"}])
    print(json.dumps(ready._asdict()), flush=True)
    threading.Event().wait()
    del server  # alive until here: the server stops when it is collected


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # the server's own threads would keep a normal exit waiting for open streams


def start(options: ServeOptions) -> tuple[Any, Ready]:
    """Load the model and listen on 127.0.0.1. Blocks for seconds. Raises `EndpointError` when that is impossible."""
    # Spinning OpenMP threads collapse beside any busy neighbour; the library reads this once, when it is loaded.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        xllamacpp: Any = importlib.import_module(RUNTIME)
    except ImportError as error:
        raise EndpointError(f"the embedded server cannot be loaded ({error}); {missing_wheel()}") from error
    key = os.environ.pop(KEY_VARIABLE, "") or secrets.token_urlsafe(24)
    name = QWEN.name.split()[0].lower() if options.model.name == QWEN.file else options.model.stem
    try:
        server: Any = xllamacpp.Server(_parameters(xllamacpp, options, key, name))
    except RuntimeError as error:
        raise EndpointError(f"the embedded server cannot start with {options.model}: {error}") from error
    return server, Ready(f"{server.listening_address}/v1", key, name, options.slots)


def missing_wheel() -> str:
    """The way out when the server's wheel is not there or does not fit this machine."""
    return f"install the extra trace2skill-tui[local], or {BASE_URL_INSTEAD}"


def physical_cores() -> int:
    """Cores this process may use, hyper-threads counted once; at least 1. A container's CPU quota counts."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings: set[str] = set()
    for cpu in allowed:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(cpu))
    return max(1, min(len(siblings), _cpu_quota() or len(siblings)))


def _cpu_quota() -> int | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))


def _parameters(runtime: Any, options: ServeOptions, key: str, name: str) -> Any:
    wanted = runtime.CommonParams()
    wanted.model.path = str(options.model)
    wanted.model_alias = {name}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = options.port
    wanted.api_keys = [key]
    wanted.n_parallel = options.slots
    wanted.n_ctx = options.context
    wanted.cpuparams.n_threads = options.threads or physical_cores()
    # llama.cpp's RAM prompt cache now and then hands a slot the state of another conversation (its issue 27148).
    wanted.cache_ram_mib = 0
    wanted.cache_idle_slots = False
    wanted.endpoint_metrics = True
    wanted.fit_params = False
    wanted.ui = False
    wanted.verbosity = 1
    if options.slot_folder is not None:
        wanted.slot_save_path = f"{options.slot_folder}/"
    return wanted


def post(ready: Ready, path: str, body: object) -> str:
    """One request to the server at `path` below its root; the reply's text. Raises `EndpointError` when it says no."""
    where = urlsplit(ready.base_url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=REPLY_SECONDS)
    headers = {"Authorization": f"Bearer {ready.api_key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise EndpointError(f"the embedded model does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if reply.status != 200:
        raise EndpointError(f"the embedded model does not answer: {reply.status} {text[:200]}")
    return text


def one_token(ready: Ready, messages: Sequence[Mapping[str, str]], **more: int) -> None:
    """Evaluate `messages` and take one token."""
    post(ready, "/v1/chat/completions", {"model": ready.model, "max_tokens": 1, "messages": messages, **more})
