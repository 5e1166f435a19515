"""kill -9 at any moment: the run goes on where it was, also elsewhere, pays for nothing twice, and ends with the same
skill; only a changed input makes something again."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.proxy import Proxy, proxy
from tests.shell import Shell, end_engine, scripted, wait_until
from workspace.reports.summary import result_skill
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view, lock_holder, runs_in

SEED = 4
RUNS, AT_ONCE = 20, 2
TRACES, LIMIT, LATENCY = 14, 4, 0.04
JITTER = 0.06  # seconds: anywhere in a call, and between two


class Undisturbed(NamedTuple):
    """The run that nobody killed: the files of its skill, and how many calls it took."""

    files: dict[str, bytes]
    calls: int


class Life(NamedTuple):
    """One engine life: calls on record before and after it, and the requests it sent."""

    before: int
    after: int
    sent: int

    @property
    def lost(self) -> int:
        """Calls it sent that are not on record."""
        return self.sent - (self.after - self.before)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Every fifth reply is malformed, so some calls are second and third turns of a talk."""
    with scripted("--latency", LATENCY, "--latency-dist", "lognormal", "--fail", "malformed=0.2") as url:
        yield url


@pytest.fixture(scope="module")
def undisturbed(server: str, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    shell = Shell(tmp_path_factory.mktemp("undisturbed"))
    assert shell.t2s(*_words(shell, server)).code == 0
    return Undisturbed(_files(shell.run()), len(_keys(shell.run())))


def _words(shell: Shell, url: str) -> list[object]:
    inputs = ["--skill", shell.skill(), "--traces", shell.traces(TRACES)]
    return ["run", *inputs, "--base-url", url, "--model", "scripted", "--limit", LIMIT, "--fan-in", 4]


def _files(run: RunFolder) -> dict[str, bytes]:
    """Every file of the final skill, byte for byte."""
    folder = result_skill(run)
    assert folder is not None
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _keys(run: RunFolder) -> list[str]:
    """The keys of all calls on record; a line that a kill tore off does not count."""
    whole = run.calls.read_bytes().rpartition(b"\n")[0] if run.calls.exists() else b""
    return [json.loads(line)["key"] for line in whole.splitlines()]


def _kill_at(shell: Shell, words: list[object], through: Proxy, request: int, jitter: float) -> Life:
    """Start `t2s`, kill its engine `jitter` seconds after its `request`-th call was sent, and see the face end."""
    began = len(through.chats)
    before = len(_keys(shell.run())) if runs_in(shell.runs) else 0
    face = shell.spawn(*words)
    wait_until(lambda: len(through.chats) >= began + request or face.poll() is not None, 60, "the call")
    time.sleep(jitter)
    _kill(shell.run())
    face.communicate(timeout=30)
    wait_until(lambda: not alive(shell.run()) and not through.in_flight, 10, "the end of the engine")
    return Life(before, len(_keys(shell.run())), len(through.chats) - began)


def _kill(run: RunFolder) -> None:
    with suppress(ProcessLookupError, KeyError, ValueError):  # it may just have ended by itself
        if alive(run):
            os.kill(int(lock_holder(run)["pid"]), 9)


def _killed_and_resumed(number: int, home: Path, server: str, whole: Undisturbed) -> list[Life]:
    """One run, killed once or twice, then resumed to its end; gives its lives. Fails where the result differs."""
    dice, shell = random.Random(f"{SEED}/{number}"), Shell(home)
    home.mkdir()
    with proxy(server) as through:
        try:
            at = 1 + number * (whole.calls - 1) // (RUNS - 1)  # from the first call to the last, one moment a run
            lives = [_kill_at(shell, _words(shell, through.url), through, at, dice.uniform(0, JITTER))]
            left = whole.calls - lives[0].after
            if number % 4 == 1 and left > 1:
                at = dice.randint(1, left - 1)
                lives.append(_kill_at(shell, ["resume", "last"], through, at, dice.uniform(0, JITTER)))
            sent, before = len(through.chats), len(_keys(shell.run()))
            done = shell.t2s("resume", "last", "--json")
            assert done.code == 0, done.err
            lives.append(Life(before, len(_keys(shell.run())), len(through.chats) - sent))
            _is_the_same(shell.run(), whole, done.json)
        finally:
            for run in runs_in(shell.runs):
                end_engine(run)
    return lives


def _is_the_same(run: RunFolder, whole: Undisturbed, table: dict[str, dict[str, int]]) -> None:
    keys = _keys(run)
    assert len(keys) == len(set(keys)) == whole.calls
    assert _files(run) == whole.files
    assert (table["edits"]["unaccounted"], table["lessons"]["unaccounted"]) == (0, 0)


def test_killed_at_20_random_moments_a_run_ends_with_the_same_bytes_and_no_finished_call_is_made_twice(
    server: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as hands:
        jobs = [
            hands.submit(_killed_and_resumed, number, tmp_path / f"run-{number}", server, undisturbed)
            for number in range(RUNS)
        ]
        runs = [job.result() for job in jobs]
    killed = [life for lives in runs for life in lives[:-1]]
    assert len({life.after for life in killed}) > RUNS / 4  # the moments were different ones
    assert [lives[-1].lost for lives in runs] == [0] * RUNS  # nobody disturbed it: it paid what was missing, once
    assert max(life.lost for life in killed) <= LIMIT  # what was in flight at the kill, and no more
    print(f"\n{len(killed)} kills, calls on record at each: {sorted(life.after for life in killed)}")
    sent = sum(life.sent for lives in runs for life in lives)
    print(f"calls lost in flight: {sum(life.lost for life in killed)}, of {sent} sent")


@pytest.mark.parametrize("limit", [1, 32])
def test_a_killed_run_goes_on_at_another_port_with_another_limit_and_pays_nothing_again(
    shell: Shell, server: str, undisturbed: Undisturbed, limit: int
) -> None:
    with proxy(server) as here:
        first = _kill_at(shell, _words(shell, here.url), here, undisturbed.calls // 2, 0.0)
    assert first.lost <= LIMIT
    with scripted("--fail", "malformed=0.2") as other, proxy(other) as there:
        done = shell.t2s("resume", "last", "--base-url", there.url, "--limit", limit, "--json")
        assert done.code == 0, done.err
        assert len(there.chats) == undisturbed.calls - first.after
    _is_the_same(shell.run(), undisturbed, done.json)


def test_a_changed_trajectory_is_refused_by_name_and_accepted_only_what_read_it_is_made_again(
    shell: Shell, server: str
) -> None:
    with proxy(server) as through:
        assert shell.t2s(*_words(shell, through.url)).code == 0
        run, before = shell.run(), {one.ask.digest for one in through.chats}
        changed = run.round(1).trajectory("t003")
        changed.write_text(changed.read_text().replace("2021-03-03", "2021-04-30"))
        sent, paid = len(through.chats), _keys(run)
        refused = shell.t2s("resume", "last", "--plain")
        assert (refused.code, len(through.chats)) == (2, sent)
        assert f"rounds/1/trajectories/{changed.name}" in refused.err and "--accept-changes" in refused.err
        seen = load_view(run).view.seq
        accepted = shell.t2s("resume", "last", "--accept-changes", "--json")
        assert accepted.code == 0, accepted.err
        made = _made(run, seen)
        new = [one.ask.digest for one in through.chats[sent:]]
    print(f"\nmade again: {made}; {len(new)} calls of {sent}")
    assert made["analyse"] == made["propose"] == {"t003"}
    assert made["merge"] == _path_to_root(run, "t003")
    assert set(made) <= {"analyse", "propose", "merge", "settle"}
    assert not before & set(new)  # what is sent again is not what was answered before
    assert len(_keys(run)) == len(set(_keys(run))) == len(paid) + len(new)


def _made(run: RunFolder, after: int) -> dict[str, set[str]]:
    """Units that were made, not taken from the disk, since event `after`."""
    made: dict[str, set[str]] = {}
    for event, _ in read_events(run.journal):
        if isinstance(event, e.UnitDone) and event.seq > after:
            made.setdefault(event.stage, set()).add(event.unit)
    return made


def _path_to_root(run: RunFolder, patch: str) -> set[str]:
    """The merges that read what came of `patch`."""
    events = [event for event, _ in read_events(run.journal)]
    nodes = {event.node: {*event.children} for event in events if isinstance(event, e.MergePlanned)}
    path, below = set[str](), {patch}
    while below := {node for node, children in nodes.items() if children & below} - path:
        path |= below
    return path
