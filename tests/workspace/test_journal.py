"""The journal loses nothing that was written whole, and never shows a half line."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import DiskError
from workspace.runs.events import NoteLeft, dump_event
from workspace.runs.journal import Journal, follow, last_seq, read_events


def _note(text: str) -> NoteLeft:
    return NoteLeft(text=text)


def _lines(count: int) -> bytes:
    return b"".join(
        dump_event(_note(f"n{n}").model_copy(update={"seq": n})).encode() + b"\n" for n in range(1, count + 1)
    )


def test_events_are_numbered_stamped_and_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for word in ("one", "two", "three"):
        journal.emit(_note(word))
    journal.close()
    found = [event for event, _ in read_events(journal.path)]
    assert [(event.seq, event.text) for event in found if isinstance(event, NoteLeft)] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]
    assert all(event.time > 1e9 and event.t >= 0 for event in found)


def test_a_second_life_counts_on_behind_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(_lines(3) + b'{"seq": 4, "kind": "note.le')
    journal = Journal(path)
    journal.emit(_note("after the crash"))
    journal.close()
    assert [event.seq for event, _ in read_events(path)] == [1, 2, 3, 4]


@given(st.data())
def test_a_reader_that_stops_anywhere_misses_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    whole = _lines(6)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    before = list(read_events(path))
    seen, offset = [event.seq for event, _ in before], before[-1][1] if before else 0
    path.write_bytes(whole)
    seen += [event.seq for event, _ in read_events(path, offset)]
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_foreign_line_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first, second = _lines(2).splitlines(keepends=True)
    path.write_bytes(first + b"\xff\x00 not ours\n" + second)
    assert [event.seq for event, _ in read_events(path)] == [1, 2]


def test_the_last_seq_of_a_missing_an_empty_and_a_torn_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert last_seq(path) == 0
    path.write_bytes(b"")
    assert last_seq(path) == 0
    path.write_bytes(_lines(5) + b'{"seq": 9, "kind"')
    assert last_seq(path) == 5


async def test_a_follower_sees_every_event_of_a_writer_that_tears_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.touch()
    whole = _lines(200)

    def write_in_pieces() -> None:
        with path.open("ab", buffering=0) as file:
            for start in range(0, len(whole), 37):
                file.write(whole[start : start + 37])
                time.sleep(0.0005)

    writer = threading.Thread(target=write_in_pieces)
    writer.start()
    seen: list[int] = []
    async with asyncio.timeout(20):
        async for event in follow(path, every=0.005):
            seen.append(event.seq)
            if len(seen) == 200:
                break
    writer.join()
    assert seen == list(range(1, 201))


def test_emitting_never_waits_for_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    began = time.perf_counter()
    for n in range(2000):
        journal.emit(_note(f"n{n}"))
    seconds = time.perf_counter() - began
    journal.close()
    assert last_seq(journal.path) == 2000
    assert seconds < 2


def test_the_first_write_that_fails_is_told_once_and_emitting_goes_on(tmp_path: Path) -> None:
    told: list[DiskError] = []
    journal = Journal(tmp_path / "journal.jsonl", told.append)
    journal.emit(_note("written"))
    _wait_until(lambda: journal.path.stat().st_size > 0)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._file._handle)  # pyright: ignore[reportPrivateUsage]
    os.close(full)
    journal.emit(_note("refused"))
    _wait_until(lambda: bool(told))
    journal.emit(_note("not even tried"))
    journal.close()
    assert len(told) == 1
    assert "the disk is full" in str(told[0])
    assert [event.seq for event, _ in read_events(journal.path)] == [1]


def test_a_listener_hears_what_will_stand_in_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    heard: list[object] = []
    journal.listen(heard.append)
    journal.emit(_note("hello"))
    journal.close()
    assert heard == [event for event, _ in read_events(journal.path)]


def _wait_until(true: object, seconds: float = 5.0) -> None:
    assert callable(true)
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "took too long"
        time.sleep(0.005)
