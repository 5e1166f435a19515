"""Whole files or none, and errors that name the place."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import DiskError, InputError
from workspace.files import (
    Appender,
    append_text,
    awrite_text,
    cut_torn_line,
    digest,
    disk_error,
    dump_toml,
    parse_toml,
    read_from,
    read_lines,
    read_text,
    read_toml,
    remove,
    swap_folder,
    walk,
    write_text,
)

TABLES = st.dictionaries(
    st.text("abcdef_", min_size=1, max_size=6),
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(-(2**40), 2**40), st.booleans()
    ),
    max_size=6,
)


@given(TABLES)
def test_a_table_comes_back_from_its_toml(table: dict[str, object]) -> None:
    assert parse_toml(dump_toml(table), "here.toml") == {
        k: v.replace("\r\n", "\n") if isinstance(v, str) else v for k, v in table.items()
    }


def test_values_that_are_none_are_left_out_at_every_depth() -> None:
    assert parse_toml(dump_toml({"a": None, "b": {"c": None, "d": [{"e": None, "f": 1}]}}), "x") == {
        "b": {"d": [{"f": 1}]}
    }


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=4))
def test_where_the_parts_are_cut_changes_the_digest(parts: list[bytes]) -> None:
    assert digest(*parts) != digest(*parts, b"")
    if len(parts) > 1:
        assert digest(*parts) != digest(b"".join(parts))


def test_a_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("a = 1\nb = = 2\n")
    with pytest.raises(InputError, match=rf"{path}:2: "):
        read_toml(path)


def test_a_byte_that_is_not_utf8_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "latin1.md"
    path.write_bytes(b"one\ntwo \xe9\n")
    with pytest.raises(InputError, match=r"latin1\.md:2: not UTF-8 text \(byte 0xe9\)"):
        read_text(path)


def test_a_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*gone\.toml: No such file"):
        read_text(tmp_path / "gone.toml")


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "a long first text\r\n")
    write_text(path, "short")
    assert path.read_bytes() == b"short"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_the_asynchronous_write_does_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    for text in ("first", "second"):
        asyncio.run(awrite_text(path, text))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file.txt", "second")]


def test_two_writes_of_one_file_at_once_leave_one_of_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"

    async def both() -> None:
        await asyncio.gather(*(awrite_text(path, letter * 100_000) for letter in "ab"))

    asyncio.run(both())
    assert path.read_text() in ("a" * 100_000, "b" * 100_000)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_refused_write_keeps_the_old_text_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(DiskError, match=r"cannot write .*file\.txt: the disk is full or read-only"):
            write_text(path, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file.txt", "old")]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_every_way_a_disk_can_be_full_is_told_alike(number: int) -> None:
    assert "full or read-only" in str(disk_error(Path("x"), OSError(number, os.strerror(number))))


def test_appending_adds_at_the_end(tmp_path: Path) -> None:
    append_text(tmp_path / "log", "a\n")
    append_text(tmp_path / "log", "b\n")
    assert (tmp_path / "log").read_text() == "a\nb\n"


@given(
    whole=st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=5), torn=st.binary(max_size=30)
)
def test_a_torn_last_line_is_cut_and_every_whole_line_stays(
    tmp_path_factory: pytest.TempPathFactory, whole: list[bytes], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "lines"
    lines = b"".join(line + b"\n" for line in whole)
    path.write_bytes(lines + torn.replace(b"\n", b""))
    cut_torn_line(path)
    assert path.read_bytes() == lines


def test_a_very_long_torn_line_is_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"kept\n" + b"x" * 200_000)
    cut_torn_line(path)
    assert path.read_bytes() == b"kept\n"


def test_an_appender_tells_where_each_line_begins(tmp_path: Path) -> None:
    (tmp_path / "calls").write_bytes(b"first\ntorn")
    appender = Appender(tmp_path / "calls")
    offsets = [appender.append(b"second\n"), appender.append(b"third\n")]
    appender.close()
    data = (tmp_path / "calls").read_bytes()
    assert data == b"first\nsecond\nthird\n"
    assert [data[o:].split(b"\n")[0] for o in offsets] == [b"second", b"third"]


def test_reading_on_from_an_offset_gives_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_from(path, 0) == b""
    path.write_bytes(b"abcdef")
    assert (read_from(path, 2, 3), read_from(path, 6)) == (b"cde", b"")


def test_lines_with_bad_bytes_are_read_and_marked(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"ok\r\nb\xffd\n")
    assert list(read_lines(tmp_path / "f")) == ["ok", "b\ufffdd"]


def test_a_walk_is_sorted_and_follows_no_link(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c"):
        write_text(tmp_path / name, name)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in walk(tmp_path)] == ["a", "c", "b/1", "b/2"]


def test_a_folder_takes_the_place_of_another_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "skill" / "old.md", "old")
    write_text(tmp_path / "staging" / "new.md", "new")
    swap_folder(tmp_path / "staging", tmp_path / "skill")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["skill", "skill/new.md"]


def test_removing_takes_files_folders_and_nothing_at_all(tmp_path: Path) -> None:
    write_text(tmp_path / "d" / "f", "x")
    (tmp_path / "link").symlink_to(tmp_path / "d")
    remove(tmp_path / "link")
    assert (tmp_path / "d" / "f").exists()
    remove(tmp_path / "d")
    remove(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 6000])
def test_toml_that_no_reader_takes_is_told_by_file(text: str) -> None:
    with pytest.raises(InputError, match=r"^here\.toml: not TOML that can be read: "):
        parse_toml(text, "here.toml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_told_and_not_left_out(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0)
    with pytest.raises(InputError, match="shut: Permission denied"):
        list(walk(tmp_path))
    shut.rename(tmp_path / ".shut")
    assert list(walk(tmp_path)) == []


def test_a_folder_that_cannot_be_swapped_in_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "staging").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(DiskError):
        swap_folder(tmp_path / "staging", Path())
    assert list((tmp_path / "here").iterdir()) == []
