"""Mending a skill: what is certain is mended, and not one byte more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.markdowns import HEAD, markdown, unhurried
from workspace.errors import ChangedMeanwhile
from workspace.guard.fix import SURE, fixed, save_fixed
from workspace.guard.guard import compare, lint
from workspace.skills.skill import Skill, load_skill

DEEP = {"references/Deep.md": "# D\n", "references/sub/x.md": "[up](../deep.md)\n"}


def _skill(body: str, **files: str) -> Skill:
    return Skill(name="x", files={"SKILL.md": HEAD + body, **files})


def _mended(body: str, **files: str) -> tuple[str, list[tuple[str, int, str]]]:
    result = fixed(_skill(body, **files))
    return result.skill.body.removeprefix(HEAD), [(fix.file, fix.line, fix.rule) for fix in result.fixes]


@pytest.mark.parametrize(
    ("body", "mended", "line", "rule"),
    [
        ("# T\n\na\r\nb\r\nc\n", "# T\n\na\nb\nc\n", 7, "encoding"),
        ("# T\n\nbe\x07ll\x00\x01".replace("\x00", "") + "\n", "# T\n\nbell\n", 7, "control"),
        ("# T\n\nSee [d](References/deep.md#a).\n", "# T\n\nSee [d](references/Deep.md#a).\n", 7, "dead-link"),
        ("# T\n\nSee [d](references\\deep.md).\n", "# T\n\nSee [d](references/Deep.md).\n", 7, "dead-link"),
        ("# T\n\n##\n\n# U\n\nx\n", "# T\n\n# U\n\nx\n", 7, "headings"),
        ("# T\n\nx\n\n##  ##\n", "# T\n\nx\n", 9, "headings"),
    ],
)
def test_what_is_certain_is_mended_and_told_with_its_line(body: str, mended: str, line: int, rule: str) -> None:
    files = {"references/Deep.md": "# D\n"}
    text, told = _mended(body, **files)
    assert text == mended
    assert ("SKILL.md", line, rule) in told
    assert {rule for _, _, rule in told} == {rule}


def test_a_mark_before_the_front_matter_goes() -> None:
    skill = Skill(name="x", files={"SKILL.md": f"\ufeff{HEAD}# T\n"})
    result = fixed(skill)
    assert result.skill.body == f"{HEAD}# T\n"
    assert [(fix.rule, fix.line) for fix in result.fixes] == [("encoding", 1)]
    assert lint(skill)[0].severity == "error"
    assert lint(result.skill) == ()


def test_a_link_in_a_deeper_file_is_mended_from_there() -> None:
    result = fixed(_skill("# T\n\n[x](references/sub/x.md) [d](references/Deep.md)\n", **DEEP))
    assert result.skill.text("references/sub/x.md") == "[up](../Deep.md)\n"


@pytest.mark.parametrize(
    "body",
    [
        "# T\n\nred \x1b[31mtext\x07\n",
        "# T\n\nit\x92s\x01\n",
        "# T\n\nshalom \u200fx\n",
        "# T\n\n\x01- not a list yet\n",
        "# T\n\n[no link]\x01(yet.md)\n",
        "# T\n\n*\x01*not bold**\n",
        "# T\n\n[none](references/none.md)\n",
        "# T\n\n`[d](references/deep.md)` [d](references/deep.md)\n",
        "# T\n\n##\n\ntext under it\n",
        "# T\n\n##\n\n### Sub\n\ntext\n",
        "# T\n\ntext\n##\nmore\n",
        "# T\n\n- a\n\n##\n\n- b\n",
        "# T\n\n```\n##\n```\n",
        "# T\n\nno newline at the end",
        "# T\n\n## New Section\n",
    ],
)
def test_what_is_not_certain_is_left_to_a_person(body: str) -> None:
    assert _mended(body, **{"references/Deep.md": "# D\n"}) == (body, [])


def test_two_files_that_differ_by_case_leave_the_link_to_a_person() -> None:
    files = {"references/Deep.md": "# D\n", "references/DEEP.md": "# D\n"}
    assert _mended("[d](references/deep.md)\n", **files)[1] == []


def test_data_files_and_those_excepted_are_not_touched() -> None:
    skill = _skill("a\r\nb\n", **{"assets/x.csv": "\ufeffa,b\r\n", "scripts/x.py": "\x01\r\n"})
    assert fixed(skill, frozenset({"SKILL.md"})).skill == skill
    assert {fix.file for fix in fixed(skill).fixes} == {"SKILL.md"}


DIRT = [
    "\x01",
    "\x7f",
    "\ufeff",
    "\r\n",
    "[X](references/x.MD)",
    "[x](references\\x.md)",
    "\n##\n",
    "\n##\n\n",
    "\x1b",
    "é",
]


@st.composite
def _dirty(draw: st.DrawFn) -> str:
    text = draw(markdown())
    for dirt in draw(st.lists(st.sampled_from(DIRT), max_size=5)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + dirt + text[at:]
    return text


def _words(text: str) -> list[str]:
    """The text without all that mending may change: what is left must be the same before and after."""
    plain = SURE.sub("", text).replace("\ufeff", "").replace("\r", "").replace("\\", "/").casefold()
    return [line for line in plain.split("\n") if line.strip("# \t")]


@unhurried
@given(_dirty())
def test_mending_changes_nothing_else_breaks_nothing_and_is_done_once(text: str) -> None:
    skill = Skill(name="x", files={"SKILL.md": text, "references/x.md": "# X\n", "scripts/x.py": "\ufeff1\r\n"})
    result = fixed(skill)
    assert _words(result.skill.body) == _words(text)
    assert {p for p in skill.files if skill.files[p] != result.skill.files[p]} == {fix.file for fix in result.fixes}
    assert fixed(result.skill) == (result.skill, ())
    if not result.fixes:
        assert result.skill == skill
    new = {v.rule for v in compare(skill, result.skill) if v.stops}
    assert new <= {"front-matter", "poison", "headings", "dead-link", "spec"}, "only what was there and can be read now"
    assert _dead(result.skill) <= _dead(skill)


def _dead(skill: Skill) -> int:
    return sum(v.rule == "dead-link" for v in lint(skill))


def test_saving_writes_only_the_mended_files_and_keeps_hidden_ones_and_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("mine")
    (folder / "SKILL.md").write_bytes((HEAD + "a\r\nb\n").encode())
    (folder / "SKILL.md").chmod(0o640)
    (folder / "data.bin").write_bytes(b"\0\xff")
    untouched = (folder / "data.bin").stat().st_mtime_ns
    skill = load_skill(folder)
    save_fixed(folder, skill, fixed(skill).skill)
    assert (folder / "SKILL.md").read_bytes() == (HEAD + "a\nb\n").encode()
    assert (folder / "SKILL.md").stat().st_mode & 0o777 == 0o640
    assert (folder / "data.bin").stat().st_mtime_ns == untouched
    assert sorted(p.name for p in folder.iterdir()) == [".git", "SKILL.md", "data.bin"]


def test_a_file_that_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "SKILL.md").write_bytes(b"a\r\n")
    skill = load_skill(folder)
    (folder / "SKILL.md").write_bytes(b"mine\r\n")
    with pytest.raises(ChangedMeanwhile, match="nothing was mended"):
        save_fixed(folder, skill, fixed(skill).skill)
    assert (folder / "SKILL.md").read_bytes() == b"mine\r\n"


def test_code_that_looks_like_the_link_after_it_is_left_alone() -> None:
    body = "# T\n\nWrite `a\nb` and\n`[d](References/deep.md)` once,\nthen [x](References/deep.md).\n"
    mended, _ = _mended(body, **DEEP)
    assert "`[d](References/deep.md)`" in mended
    assert fixed(_skill(mended, **DEEP)).skill.body == HEAD + mended
