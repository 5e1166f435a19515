"""The embedded server as the engine sees it: a child process that is started, watched, restarted and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from engine.llm.local.model import RUNTIME
from engine.llm.local.serve import BASE_URL_INSTEAD, KEY_VARIABLE, Ready, ServeOptions, missing_wheel, one_token, post
from workspace.errors import EndpointError

READY_SECONDS = 180.0
STOP_SECONDS = 5.0
LOG_TAIL = 2000


class LocalServer:
    """`async with LocalServer(path) as server`: an OpenAI-compatible endpoint at `server.base_url`.

    The child's stderr goes to `log` (appended), else to a temporary file. Entering raises `EndpointError` in one
    sentence when the wheel is missing, the processor lacks an instruction, or the model cannot be loaded. Address
    and key stay the same over a restart.
    """

    def __init__(
        self,
        model: Path,
        *,
        log: Path | None = None,
        slots: int = 4,
        context: int = 16384,
        threads: int = 0,
        port: int = 0,
    ) -> None:
        self._options = ServeOptions(model, port, threads, slots, context)
        self._log_path = log
        self._log: IO[bytes] | None = None
        self._child: Process | None = None
        self._stopping = False
        self._slot_folder: tempfile.TemporaryDirectory[str] | None = None
        self._primed = ""
        self._priming = asyncio.Lock()
        self.ready = Ready("", secrets.token_urlsafe(24), "", slots)

    @property
    def base_url(self) -> str:
        return self.ready.base_url

    @property
    def api_key(self) -> str:
        return self.ready.api_key

    @property
    def model(self) -> str:
        """The name to send as `model`."""
        return self.ready.model

    @property
    def slots(self) -> int:
        """Requests it serves at once; more wait in its queue."""
        return self.ready.slots

    @property
    def window(self) -> int:
        """Tokens that one request may have, prompt and reply together: the slots share the context evenly."""
        return self._options.context // max(1, self._options.slots)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def died(self) -> int:
        """Wait until the child is gone without having been asked to; its exit code (negative: the signal)."""
        child = self._running()
        code = await child.wait()
        if self._stopping:
            await asyncio.Event().wait()
        return code

    async def restart(self) -> None:
        """Start a new child at the same address with the same key; the old one must be gone."""
        self._options = self._options._replace(port=urlsplit(self.base_url).port or 0)
        await self._start()

    async def supervise(self, most: int = 1) -> None:
        """Restart a child that dies, at most `most` times; then raise `EndpointError`. Runs until cancelled."""
        for left in range(most, -1, -1):
            code = await self.died()
            if not left:
                raise EndpointError(self._obituary(code))
            await self.restart()

    async def prime(self, head: Sequence[Mapping[str, str]]) -> None:
        """Evaluate `head`, the messages with which a group of coming calls begins, once for all slots.

        Without this every slot evaluates the same text for itself, which is most of the work of short calls. Does
        nothing when `head` was the last one primed. Raises `EndpointError` when the server is gone.
        """
        key = json.dumps(list(map(dict, head)))
        async with self._priming:
            if key != self._primed:
                await asyncio.to_thread(self._prime, head)
                self._primed = key

    async def stop(self) -> None:
        """End of its stdin first, then SIGTERM, then SIGKILL; returns when the child is gone."""
        self._stopping = True
        child = self._child
        if child is not None and child.returncode is None:
            if child.stdin is not None:
                child.stdin.close()
            for kill in (child.terminate, child.kill):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), STOP_SECONDS)
                    break
                with contextlib.suppress(ProcessLookupError):
                    kill()
            await child.wait()
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._slot_folder is not None:
            self._slot_folder.cleanup()
            self._slot_folder = None

    def _prime(self, head: Sequence[Mapping[str, str]]) -> None:
        one_token(self.ready, [*head, {"role": "user", "content": "."}], id_slot=0)
        post(self.ready, "/slots/0?action=save", {"filename": "head"})
        for slot in range(1, self.slots):
            post(self.ready, f"/slots/{slot}?action=restore", {"filename": "head"})

    def _running(self) -> Process:
        if self._child is None:
            raise RuntimeError("the embedded server was never started")
        return self._child

    async def _start(self) -> None:
        if importlib.util.find_spec(RUNTIME) is None:
            raise EndpointError(f"the embedded model's server is not installed; {missing_wheel()}")
        self._log = self._log or self._open_log()
        self._slot_folder = self._slot_folder or tempfile.TemporaryDirectory(prefix="t2s-slots-")
        self._options = self._options._replace(slot_folder=Path(self._slot_folder.name))
        self._primed = ""
        self._child = await asyncio.create_subprocess_exec(
            *self._command(), stdin=PIPE, stdout=PIPE, stderr=self._log, env=self._environment(), start_new_session=True
        )
        self.ready = await self._first_line(self._child)

    async def _first_line(self, child: Process) -> Ready:
        """The child's one line, which it prints when it answers; its death or silence as a sentence."""
        if child.stdout is None:
            raise RuntimeError("the child has no stdout")
        try:
            line = await asyncio.wait_for(child.stdout.readline(), READY_SECONDS)
        except TimeoutError:
            raise EndpointError(
                f"the embedded server was not ready after {READY_SECONDS:.0f} s; {BASE_URL_INSTEAD}"
            ) from None
        if not line:
            raise EndpointError(self._obituary(await child.wait()))
        return Ready(**json.loads(line))

    def _command(self) -> list[str]:
        o = self._options
        command = [sys.executable, "-P", "-m", "engine.llm.local", "serve", "--watch-stdin", "--model", str(o.model)]
        return [
            *command,
            f"--port={o.port}",
            f"--threads={o.threads}",
            f"--parallel={o.slots}",
            f"--ctx={o.context}",
            f"--slot-folder={o.slot_folder}",
        ]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "OMP_WAIT_POLICY": "passive", KEY_VARIABLE: self.api_key, "PYTHONUNBUFFERED": "1"}

    def _open_log(self) -> IO[bytes]:
        return self._log_path.open("ab") if self._log_path else tempfile.TemporaryFile()

    def _obituary(self, code: int) -> str:
        if code == -signal.SIGILL:
            return f"this processor lacks an instruction that the embedded server's wheel needs; {BASE_URL_INSTEAD}"
        if code == -signal.SIGKILL:
            return f"the embedded server was killed, maybe for memory (it needs about 2.5 GB); {BASE_URL_INSTEAD}"
        said = self._last_words()
        return said if said else f"the embedded server ended with code {code}; {BASE_URL_INSTEAD}"

    def _last_words(self) -> str:
        """The child's own last line, when it ended with a sentence of ours."""
        if self._log_path is not None:
            tail = self._log_path.read_bytes()[-LOG_TAIL:]
        elif self._log is not None:
            self._log.seek(0)
            tail = self._log.read()[-LOG_TAIL:]
        else:
            return ""
        lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].removeprefix(SENTENCE) if lines and lines[-1].startswith(SENTENCE) else ""


SENTENCE = "t2s local: "
