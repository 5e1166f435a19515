"""A key that the server refuses is told in one sentence, at once, and nothing is tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proxy import CHAT, Ask, Proxy, proxy
from tests.shell import Done, Shell, scripted

WITHIN = 6.0  # seconds from the start of the process; 3 are promised, the rest is for a busy machine
LIMIT = 4


@pytest.fixture
def refusing() -> Iterator[Proxy]:
    """A server that knows another key."""
    with scripted("--api-key", "sk-right", "--latency", 0.1) as url, proxy(url) as through:
        yield through


def _run(shell: Shell, through: Proxy) -> Done:
    shell.env["LEDGER_KEY"] = "sk-wrong-1234567890"
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(64), "--base-url", through.url, "--model", "scripted"]
    return shell.t2s("run", *inputs, "--api-key-env", "LEDGER_KEY", "--limit", LIMIT, "--plain")


def test_a_wrong_key_is_one_sentence_within_seconds_and_one_request(shell: Shell, refusing: Proxy) -> None:
    done = _run(shell, refusing)
    print(f"\nexit {done.code} after {done.seconds:.2f} s and {len(refusing.seen)} requests: {done.err.strip()}")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("t2s: ") and done.err.count("\n") == 1
    assert "$LEDGER_KEY" in done.err and "sk-wrong" not in done.err
    assert done.seconds < WITHIN
    assert len(refusing.seen) <= 2
    assert list(shell.runs.iterdir()) == []


def test_a_key_that_only_the_chat_api_refuses_ends_the_run_at_once_too(shell: Shell) -> None:
    """Routers tell their models to everybody: there the first call learns that the key is wrong."""

    def decide(ask: Ask) -> str:
        return "401" if ask.path == CHAT else ""

    with scripted("--latency", 0.1) as url, proxy(url, decide) as through:
        done = _run(shell, through)
    print(f"\nexit {done.code} after {done.seconds:.2f} s and {len(through.chats)} calls: {done.err.strip()}")
    assert done.code == 2, done
    assert "$LEDGER_KEY" in done.out + done.err
    assert done.seconds < WITHIN
    assert len(through.chats) <= 2 * LIMIT  # those that went out together, and who took their places meanwhile
    assert max(one.ask.visit for one in through.chats) == 1


def test_a_server_that_is_not_there_at_the_start_is_told_at_once(shell: Shell, refusing: Proxy) -> None:
    refusing.shut()
    done = _run(shell, refusing)
    print(f"\nexit {done.code} after {done.seconds:.2f} s: {done.err.strip()}")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("t2s: cannot reach ") and done.err.count("\n") == 1
    assert "connection refused" in done.err
    assert done.seconds < WITHIN
    assert list(shell.runs.iterdir()) == []
