"""Workers without a cluster: what changed in a folder and how it travels, hands on a node, where sessions go."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.llm.gate import Gate
from engine.llm.lane import Lane
from engine.pause import WORKERS, Pause, Stopped
from engine.sandbox.base import Limits
from engine.workers.delta import Delta, Item, lay, look, pack
from engine.workers.hands import LOCK, PREFIX, Hands, sweep
from engine.workers.ray.placement import Board
from engine.workers.roll import Roll, WorkersGone
from engine.workers.said import Done, Fault, Gone, Hello, Job, Joined, Lost, Order, Scoring, Setup
from workspace.errors import SandboxError
from workspace.runs.events import Event, RunPaused

NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "c/f/g"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), NAMES, st.binary(max_size=20)),
        st.tuples(st.just("folder"), NAMES, st.just(b"")),
        st.tuples(st.just("link"), NAMES, st.sampled_from([b"a", b"../b", b"/etc"])),
        st.tuples(st.just("gone"), NAMES, st.just(b"")),
        st.tuples(st.just("mode"), NAMES, st.just(b"")),
    ),
    max_size=12,
)


def do(folder: Path, step: tuple[str, str, bytes]) -> None:
    """What a command may do; where something is in its way, nothing happens."""
    kind, name, data = step
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "file":
                path.write_bytes(data)
            case "folder":
                path.mkdir()
            case "link":
                path.symlink_to(os.fsdecode(data))
            case "gone":
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            case _:
                path.chmod(0o750) if not path.is_symlink() else None
    except OSError:
        return


def seen(folder: Path) -> dict[str, object]:
    """Everything in a folder: kind, mode, content."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(folder))
        if stat.S_ISLNK(status.st_mode):
            found[name] = str(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            found[name] = (stat.S_IMODE(status.st_mode), path.read_bytes())
        else:
            found[name] = stat.S_IMODE(status.st_mode)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=4))
def test_a_copy_that_gets_every_change_is_the_same(rounds: list[list[tuple[str, str, bytes]]]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        here, there = Path(one), Path(two)
        before: dict[str, object] = {}
        for steps in rounds:
            for step in steps:
                if not (here / step[1].split("/")[0]).is_symlink():
                    do(here, step)
            marks = look(here)
            lay(there, pack(here, marks, before))  # pyright: ignore[reportArgumentType]
            assert seen(there) == seen(here)
            before = dict(marks)
            assert not pack(here, look(here), marks)


def test_what_a_link_leads_to_is_neither_read_nor_written(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (outside / "secret").write_text("secret")
    (folder / "way").symlink_to(outside)
    delta = pack(folder, look(folder), {})
    assert list(delta.put) == ["way"] and delta.put["way"].data == os.fsencode(outside)
    file = Item(stat.S_IFREG | 0o644, b"mine")
    with pytest.raises(SandboxError, match="cannot be brought up to date"):
        lay(folder, Delta({"way/secret": file}))
    assert (outside / "secret").read_text() == "secret"


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a//b", "a/../../b", ""])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SandboxError, match="no name of something in a work folder"):
        lay(tmp_path, Delta({name: Item(stat.S_IFREG | 0o644, b"")}))


def test_pipes_stay_behind_and_what_may_not_be_read_comes_along(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "shut").write_text("mine")
    (tmp_path / "shut").chmod(0)
    delta = pack(tmp_path, look(tmp_path), {})
    assert list(delta.put) == ["shut"] and delta.put["shut"].data == b"mine"


def test_more_than_can_be_carried_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100)
    with pytest.raises(SandboxError, match="more than 99 bytes"):
        pack(tmp_path, look(tmp_path), {}, most=99)


# --- hands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def hands() -> AsyncIterator[Hands]:
    one = Hands(1)
    hello = await one.open(Setup("process", "", (), 0))
    assert not hello.fault, hello.fault
    yield one
    await one.close()


def command(text: str, delta: Delta = Delta(), *, session: str = "s1", fresh: bool = False) -> Job:  # noqa: B008
    return Job(session, delta, fresh, Order(("bash", "-c", text), Limits(seconds=30), {}, {}, b""))


def wrote(text: str) -> Delta:
    return Delta({"given": Item(stat.S_IFREG | 0o644, text.encode())})


async def done(hands: Hands, job: Job, number: int = 1) -> Done:
    result = await hands.do(number, job)
    assert isinstance(result, Done), result
    return result


async def test_a_session_keeps_its_folder_and_tells_only_what_changed(hands: Hands) -> None:
    first = await done(hands, command("cat given; echo 1 > made", wrote("hello"), fresh=True))
    assert first.ran is not None and first.ran.output == "hello" and list(first.delta.put) == ["made"]
    second = await done(hands, command("cat made; rm given"))
    assert second.ran is not None and second.ran.output.strip() == "1"
    assert not second.delta.put and list(second.delta.gone) == ["given"]


async def test_sessions_do_not_see_each_other(hands: Hands) -> None:
    await done(hands, command("echo 1 > made", fresh=True))
    other = await done(hands, command("ls; ls ../../*/work", session="s2", fresh=True))
    assert other.ran is not None and "made" not in other.ran.output


async def test_a_fresh_session_begins_with_an_empty_folder(hands: Hands) -> None:
    await done(hands, command("echo 1 > made", fresh=True))
    again = await done(hands, command("ls", fresh=True))
    assert again.ran is not None and "made" not in again.ran.output


async def test_a_change_of_a_folder_that_a_node_does_not_have_is_not_done(hands: Hands) -> None:
    result = await hands.do(1, command("echo 1 > made", session="s9"))
    assert isinstance(result, Fault) and result.kind == "unknown"


async def test_a_cancelled_command_is_gone_and_its_node_free(hands: Hands) -> None:
    slow = asyncio.create_task(hands.do(1, command("sleep 29", fresh=True)))
    await asyncio.sleep(0.5)
    await hands.cancel(1)
    assert await asyncio.wait_for(slow, 5) == Fault("cancelled")
    await asyncio.wait_for(done(hands, command("true", fresh=True), 2), 5)


async def test_a_cancel_that_overtakes_its_command_is_not_lost(hands: Hands) -> None:
    await hands.cancel(7)
    assert await hands.do(7, command("echo 1 > made", fresh=True)) == Fault("cancelled")


async def test_leaving_ends_what_still_runs_there(hands: Hands) -> None:
    slow = asyncio.create_task(hands.do(1, command("sleep 29", fresh=True)))
    await asyncio.sleep(0.5)
    await asyncio.wait_for(hands.leave("s1"), 5)
    assert await asyncio.wait_for(slow, 5) == Fault("cancelled")


async def test_a_fault_that_is_none_of_the_sandbox_is_no_sign_of_a_dead_node(hands: Hands) -> None:
    scoring = Job("s1", Delta(), True, Scoring("no JSON of a task", "", True))
    result = await hands.do(1, scoring)
    assert isinstance(result, Fault) and result.kind in ("program", "sandbox")
    broken = await hands.do(2, command("true", fresh=True)._replace(work=None))  # pyright: ignore[reportArgumentType]
    assert isinstance(broken, Fault) and broken.kind == "program"


async def test_a_copy_that_cannot_be_brought_up_to_date_is_asked_for_anew(hands: Hands) -> None:
    await done(hands, command("mkdir sub; echo 1 > sub/a; rm -r sub; mkfifo sub", fresh=True))
    change = Delta({"sub/a": Item(stat.S_IFREG | 0o644, b"2")})
    result = await hands.do(2, command("cat sub/a", change))
    assert isinstance(result, Fault) and result.kind == "unknown"
    again = await done(hands, command("cat sub/a", change, fresh=True), 3)
    assert again.ran is not None and again.ran.output == "2"


async def test_a_node_with_another_version_says_so() -> None:
    hands = Hands(1)
    hello = await hands.open(Setup("process", "", (), 0, version="0.0.0"))
    await hands.close()
    assert "it has version" in hello.fault and "0.0.0" in hello.fault


def there(path: Path) -> bool:
    return path.exists()


async def test_what_killed_hands_left_is_removed_and_living_ones_keep_theirs(hands: Hands, tmp_path: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix=PREFIX))
    (left / LOCK).touch()
    (left / "s1").mkdir()
    held = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(held / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        sweep()
        assert not there(left) and there(held)
        await done(hands, command("true", fresh=True))
    finally:
        os.close(lock)
        sweep()
    assert not there(held)


# --- placement -----------------------------------------------------------------------------------------------------


def test_a_session_stays_where_it_is_and_new_ones_go_where_there_is_room() -> None:
    board = Board()
    assert board.place("s1") is None
    board.join("small", 1)
    board.join("large", 3)
    where = [board.place(f"s{number}") for number in range(1, 9)]
    assert where.count("large") == 6 and where.count("small") == 2
    assert [board.place(f"s{number}") for number in range(1, 9)] == where


def test_jobs_count_before_sessions() -> None:
    board = Board()
    board.join("a", 1)
    board.join("b", 1)
    assert board.place("s1") == "a"
    board.seats["b"].busy = 3
    assert board.place("s2") == "a"


def test_the_sessions_of_a_lost_node_are_placed_anew() -> None:
    board = Board()
    board.join("a", 1)
    board.join("b", 1)
    for number in range(4):
        board.place(f"s{number}")
    assert board.lose("a") == 2 and board.lose("a") == 0
    assert {board.place(f"s{number}") for number in range(4)} == {"b"}
    board.leave("s1")
    assert len(board.seats["b"].sessions) == 3


# --- who is there --------------------------------------------------------------------------------------------------


async def test_waiting_for_nodes_is_told_once_whatever_each_one_waits_for() -> None:
    told: list[Event] = []
    roll, pause = Roll(), Pause(told.append, Gate([Lane("here", 1)]))
    roll.watch(pause, told.append, None)
    roll.hear(Joined("a", Hello("a", 1, "1", "3", 1, "process")))
    roll.hear(Lost("a", "died", 2))
    waiting = [
        asyncio.create_task(roll.somebody(why)) for why in ("node a is gone", "no node is left", "node a is gone")
    ]
    await asyncio.sleep(1.6)
    assert sum(event.kind in ("run.paused", "run.pausing") for event in told) == 2
    roll.hear(Gone("the cluster is gone"))
    await asyncio.sleep(0.7)
    assert [event.detail for event in told if isinstance(event, RunPaused)][-1] == "the cluster is gone"
    roll.begin()
    roll.hear(Joined("b", Hello("b", 2, "1", "3", 1, "process")))
    await asyncio.wait_for(asyncio.gather(*waiting), 3)
    assert not pause.holds(WORKERS)


async def test_who_waits_for_nodes_lets_the_calls_of_others_end_before_a_stop() -> None:
    told: list[Event] = []
    roll, pause = Roll(), Pause(told.append, Gate([Lane("here", 1)]))
    roll.watch(pause, told.append, None)
    pause.begin()
    pause.begin()
    waiting = asyncio.create_task(roll.somebody("no node is left"))
    await asyncio.sleep(0.1)
    pause.stop("somebody wishes so")
    await asyncio.sleep(0.7)
    assert not waiting.done(), "another agent is still at work"
    pause.end()
    with pytest.raises(Stopped):
        await asyncio.wait_for(waiting, 3)


async def test_a_run_without_a_screen_waits_for_nodes_so_long_and_no_longer() -> None:
    told: list[Event] = []
    roll, pause = Roll(), Pause(told.append, Gate([Lane("here", 1)]))
    roll.watch(pause, told.append, 0.5)
    with pytest.raises(WorkersGone, match="nobody came back"):
        await asyncio.wait_for(roll.somebody("no node is left"), 5)
