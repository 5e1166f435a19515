"""An endpoint that goes away in the middle of a run: it waits with the reason, goes on by itself, loses nothing."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.proxy import Proxy, proxy
from tests.shell import Done, Shell, kinds, scripted, wait_until
from workspace.runs import events as e
from workspace.runs.events import Event
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, load_view

OUTAGE = float(os.environ.get("T2S_TEST_OUTAGE", "7"))  # seconds; 60 by hand
ENDS = ("endpoint.lost", "endpoint.back")
LATENCY, LIMIT, TRACES = 0.3, 4, 24


class Outage(NamedTuple):
    """A run that went through one: how it ended, when the endpoint left and was back, calls on record by then."""

    done: Done
    run: RunFolder
    left: float
    back: float
    before: int


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with scripted("--latency", LATENCY, "--latency-dist", "lognormal") as url:
        yield url


def _words(shell: Shell, url: str) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(TRACES)]
    return ["run", *inputs, "--base-url", url, "--model", "scripted", "--limit", LIMIT]


def _events(run: RunFolder) -> list[Event]:
    return [event for event, _ in read_events(run.journal)]


def _keys(run: RunFolder) -> Counter[str]:
    return Counter(row["key"] for row in map(json.loads, run.calls.read_text().splitlines()) if "key" in row)


def _gone_for(shell: Shell, through: Proxy, seconds: float) -> Outage:
    """A plain run whose endpoint is gone for `seconds` when a third of its analyses are done."""
    began = time.monotonic()
    face = shell.spawn(*_words(shell, through.url), "--plain")
    wait_until(lambda: sum(one.whole for one in through.chats) >= TRACES // 3, 30, "a third of the work")
    through.shut()
    left, before = time.time(), _keys(shell.run()).total()
    time.sleep(seconds)
    through.open()
    back = time.time()
    out, err = face.communicate(timeout=120)
    done = Done(face.returncode, out.decode(), err.decode(), time.monotonic() - began)
    return Outage(done, shell.run(), left, back, before)


def _tell(found: Outage, through: Proxy) -> None:
    """The figures of this outage."""
    last = found.back
    print(f"\noutage of {found.back - found.left:.1f} s, {found.before} calls on record before it:")
    for event in _events(found.run):
        if isinstance(event, e.EndpointLost | e.EndpointBack | e.RunPausing | e.RunPaused | e.RunResumed):
            print(f"  {event.time - found.left:+7.2f} s  {event.kind}  {getattr(event, 'why', '')}")
            last = max(last, event.time)
    retried = [event for event in _events(found.run) if isinstance(event, e.CallRetried)]
    whole = sum(one.whole for one in through.chats)
    print(f"  goes on {last - found.back:.2f} s after its end; {len(retried)} retries, {whole} replies in all")


def test_a_run_whose_endpoint_is_gone_for_a_while_pauses_with_the_reason_and_loses_nothing(
    shell: Shell, server: str
) -> None:
    with proxy(server) as through:
        found = _gone_for(shell, through, OUTAGE)
        _tell(found, through)
        assert found.done.code == 0, found.done
        events = _events(found.run)
        assert [event.why for event in events if isinstance(event, e.RunPaused)] == ["endpoint"]
        assert [kind for kind in kinds(found.run) if kind in ENDS] == list(ENDS)
        reason = next(event.reason for event in events if isinstance(event, e.EndpointLost))
        assert f"cannot reach {through.url}" in reason and "connection refused" in reason
        table = shell.t2s("show", "last", "--json").json
        assert (table["units"]["failed"], table["lessons"]["unaccounted"], table["state"]) == (0, 0, "finished")
        assert table["units"]["done"] == table["units"]["total"]
        keys = _keys(found.run)
        assert max(keys.values()) == 1
        answered = sum(one.whole for one in through.chats)
        assert answered == keys.total()  # what was cut in flight was no reply; all others were paid once
        assert len(through.chats) - answered <= LIMIT
        for words in ("endpoint lost: cannot reach", "paused: cannot reach", "endpoint is back", "  resumed\n"):
            assert words in found.done.out


def test_a_run_waits_no_longer_than_it_was_told_to(shell: Shell, server: str) -> None:
    with proxy(server) as through:
        face = shell.spawn(*_words(shell, through.url), "--endpoint-wait", 1, "--plain")
        wait_until(lambda: sum(one.whole for one in through.chats) >= 4, 30, "work")
        through.shut()
        out, _ = face.communicate(timeout=60)
        run = shell.run()
        assert face.returncode == 1
        assert "it stayed away for" in out.decode()
        assert "endpoint.lost" in kinds(run) and load_view(run).view.state == "failed"
        through.open()
        before = len(through.chats)
        done = shell.t2s("resume", "last", "--json")
        assert (done.code, max(_keys(run).values())) == (0, 1)
        assert len(through.chats) - before + 4 <= _keys(run).total()
