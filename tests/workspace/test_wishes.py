"""Wishes: one small file each, taken in the order they were made."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from workspace.errors import InputError
from workspace.files import write_text
from workspace.runs.run import RunFolder
from workspace.runs.wishes import WISHES, Wish, leave_wish, put_away, read_wish, waiting


def test_wishes_are_found_oldest_first_with_what_they_say(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for number, kind in enumerate(("pause", "limit", "resume")):
        arguments = {"limit": 8} if kind == "limit" else {}
        leave_wish(run, Wish.model_validate({"kind": kind, "seq": number, "arguments": arguments}))
        time.sleep(0.002)
    found = [read_wish(path) for path in waiting(run)]
    assert [(wish.kind, wish.seq) for wish in found] == [("pause", 0), ("limit", 1), ("resume", 2)]
    assert found[1].arguments == {"limit": 8}


def test_a_wish_that_was_taken_is_kept_but_no_longer_waits(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    name = leave_wish(run, Wish(kind="stop"))
    put_away(waiting(run)[0])
    assert waiting(run) == []
    assert (run.wishes / "done" / f"{name}.toml").is_file()


@pytest.mark.parametrize(
    ("text", "told"), [("kind = 'dance'", "`kind`"), ("seq = 'x'", "`kind`|`seq`"), ("kind =", r"\.toml:1")]
)
def test_a_wish_nobody_understands_is_told_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    write_text(tmp_path / "01-dance.toml", text)
    with pytest.raises(InputError, match=rf"01-dance.*({told})"):
        read_wish(tmp_path / "01-dance.toml")


@pytest.mark.parametrize("kind", WISHES)
def test_every_kind_of_wish_comes_back_from_its_file(tmp_path: Path, kind: str) -> None:
    wish = Wish.model_validate({"kind": kind, "who": "ann", "seq": 3})
    leave_wish(RunFolder(tmp_path), wish)
    assert read_wish(waiting(RunFolder(tmp_path))[0]) == wish


def test_a_run_without_wishes_has_none_waiting(tmp_path: Path) -> None:
    assert waiting(RunFolder(tmp_path)) == []
