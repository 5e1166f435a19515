"""The process beside the engine that talks with the cluster: started, asked, and given up when it falls silent."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from engine.workers.said import Answer, Ask, Beat, Begin, Cancel, Done, Fault, Gone, Job, Leave, News
from engine.workers.talk import Talk, talk_over

QUIET = 60.0  # seconds without a word after which it is given up; it says something every two
GRACE = 15.0  # seconds for a cancelled job to be over, and for the process to end
GONE = "the cluster is gone"
HANDED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "USER", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Variables it gets, and those of Ray: no key of ours goes to a node."""


class Link:
    """One broker from its start to its end. `heard` is told all news but answers; `Gone` is the last of them."""

    def __init__(self, heard: Callable[[News], None]) -> None:
        self._heard = heard
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Done | Fault]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._talk: Talk | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self, begin: Begin) -> None:
        """Start it; what becomes of the cluster is news."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _started(theirs.fileno())
        self._talk = await talk_over(ours)
        self._listening = asyncio.create_task(self._listen(self._talk), name="workers")
        await self._say(begin)

    async def ask(self, job: Job) -> Done | Fault:
        """What came of a job. When this is cancelled, the job is over before it returns."""
        if self._listening is None or self._listening.done():
            return Fault("lost", GONE)
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            await self._say(Ask(number, job))
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await self._say(Cancel(number))
            await asyncio.wait([answer], timeout=GRACE)
            raise
        finally:
            self._asked.pop(number, None)

    async def leave(self, session: str) -> None:
        """A session is over."""
        await self._say(Leave(session))

    async def close(self) -> None:
        """Hang up and wait for its end: it takes what it hired with it."""
        if self._talk is None or self._process is None:
            return
        self._heard = _nothing
        if self._listening:
            self._listening.cancel()
        self._answer_all()
        self._talk.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, GRACE)
        if self._process.poll() is None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._talk = None

    async def _listen(self, talk: Talk) -> None:
        why = "the process that talks with the Ray cluster ended; engine.log may say why"
        news: News | None = None
        while True:
            try:
                news = await asyncio.wait_for(talk.hear(), QUIET)
            except TimeoutError:
                why = f"nothing was heard of the Ray cluster for {QUIET:.0f} s"
                break
            if news is None or isinstance(news, Gone):
                break
            if isinstance(news, Answer):
                self._answer(news.number, news.result)
            elif not isinstance(news, Beat):
                self._heard(news)
        self._answer_all()
        self._heard(news if isinstance(news, Gone) else Gone(why))

    def _answer_all(self) -> None:
        for number in list(self._asked):
            self._answer(number, Fault("lost", GONE))

    def _answer(self, number: int, result: Done | Fault) -> None:
        answer = self._asked.get(number)
        if answer is not None and not answer.done():
            answer.set_result(result)

    async def _say(self, value: object) -> None:
        with contextlib.suppress(OSError):  # the other end is gone: listening ends, and answers all that was asked
            if self._talk is not None:
                await self._talk.say(value)


def _nothing(news: News) -> None:
    """What is heard of a link that we gave up."""


def _started(handle: int) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k in HANDED_ON or k.startswith("RAY_")}
    command = [sys.executable, "-P", "-m", "engine.workers.ray", str(handle)]
    return subprocess.Popen(
        command, pass_fds=(handle,), env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr,
        start_new_session=True,
    )  # fmt: skip
