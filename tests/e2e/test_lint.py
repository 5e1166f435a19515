"""`t2s lint` as people and scripts meet it: the real command on real folders."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.shell import Shell
from workspace.settings.rule_names import RULE_NAMES

HEAD = "---\nname: dates\ndescription: Use it for dates.\n---\n\n"


@pytest.fixture
def folder(shell: Shell) -> Path:
    """A skill that breaks no rule."""
    folder = shell.cwd / "dates"
    (folder / "references").mkdir(parents=True)
    (folder / "SKILL.md").write_text(f"{HEAD}# Dates\n\nSee [the table](references/table.md).\n")
    (folder / "references" / "table.md").write_text("# Table\n")
    return folder


def _found(shell: Shell, folder: Path, *words: str) -> list[tuple[str, str, int]]:
    done = shell.t2s("lint", folder, "--json", *words)
    assert done.code in (0, 1), done
    return [(v["rule"], v["file"], v["line"]) for v in json.loads(done.out)["violations"]]


def test_a_good_skill_ends_with_code_0_and_one_line(shell: Shell, folder: Path) -> None:
    done = shell.t2s("lint", "dates")
    assert (done.code, done.out, done.err) == (0, "dates: nothing to complain about\n", "")
    assert json.loads(shell.t2s("lint", "dates", "--json").out) == {"ok": True, "violations": [], "fixed": []}


def test_a_skill_as_bad_as_they_come_has_every_fault_told_with_its_line(shell: Shell, folder: Path) -> None:
    swallowed = "".join(f"\n## New Section\n\nrule {n}\n" for n in range(14))
    body = HEAD.replace("name: dates", "name: My Dates") + "# T\n\n## TODO\n\n```py\nprint()\n" + swallowed
    (folder / "SKILL.md").write_text(body + "x\n" * (900 - body.count("\n")))
    (folder / "references" / "lost.md").write_text("x\n")
    found = _found(shell, folder)
    assert ("spec", "SKILL.md", 2) in found
    assert ("headings", "SKILL.md", 8) in found
    assert ("size", "SKILL.md", 500) in found
    assert ("unlinked", "references/lost.md", 1) in found
    fences = [10, *(13 + 4 * n for n in range(14))]
    assert [line for rule, _, line in found if rule == "fences"] == fences
    done = shell.t2s("lint", "dates")
    assert done.code == 1
    assert "dates/SKILL.md:500: error: 900 lines; fewer than 500 are allowed [size]" in done.out.splitlines()
    assert done.out.splitlines()[-1] == f"dates: {len(found)} errors, 0 warnings"


def test_fourteen_new_sections_an_open_fence_and_too_many_lines_are_each_told_with_their_line(
    shell: Shell, folder: Path
) -> None:
    body = HEAD.replace("name: dates", "name: dates_") + "# T\n\nSee [the table](references/table.md).\n"
    body += "".join(f"\n## New Section\n\nrule {n}\n" for n in range(14))
    first = body.count("\n") + 2
    body += "\n~~~py\nprint()\n"
    (folder / "SKILL.md").write_text(body + "x\n" * (900 - body.count("\n")))
    (folder / "references" / "lost.md").write_text("x\n")
    found = _found(shell, folder)
    assert set(found) == {
        ("spec", "SKILL.md", 2),
        *(("headings", "SKILL.md", 10 + 4 * n) for n in range(14)),
        ("fences", "SKILL.md", first),
        ("size", "SKILL.md", 500),
        ("unlinked", "references/lost.md", 1),
    }
    lines = (folder / "SKILL.md").read_text().splitlines()
    assert all(lines[line - 1] == "## New Section" for rule, _, line in found if rule == "headings")
    assert lines[first - 1] == "~~~py"


def test_warnings_count_only_with_strict(shell: Shell, folder: Path) -> None:
    (folder / "references" / "table.md").write_text("open /tmp/out.csv\n")
    assert shell.t2s("lint", "dates").code == 0
    done = shell.t2s("lint", "dates", "--strict")
    assert done.code == 1
    assert done.out.splitlines()[-1] == "dates: 0 errors, 1 warning"


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        ("SKILL.md", b"---\nname: dates\ndescription: a: b\n---\n# T\n", ("spec", "SKILL.md", 3)),
        ("SKILL.md", b"---\nname: dates\nname: dates\ndescription: d\n---\n# T\n", ("spec", "SKILL.md", 3)),
        ("SKILL.md", b"---\ndescription: d\n---\n# T\n", ("spec", "SKILL.md", 1)),
        ("SKILL.md", b"---\nname: times\ndescription: d\n---\n# T\n", ("spec", "SKILL.md", 2)),
        ("SKILL.md", b"---\nname: dates\n", ("spec", "SKILL.md", 1)),
        ("SKILL.md", b"# T\n", ("spec", "SKILL.md", 1)),
        ("SKILL.md", b"", ("spec", "SKILL.md", 1)),
        ("SKILL.md", HEAD.encode() + b"caf\xe9\n", ("encoding", "SKILL.md", 6)),
        ("SKILL.md", HEAD.encode() + b"x\n\0\n", ("encoding", "SKILL.md", 7)),
        ("references/table.md", b"a\ncaf\xe9\n", ("encoding", "references/table.md", 2)),
        ("references/back\\slash.md", b"x\n", ("path", "references/back\\slash.md", 1)),
        ("references/esc\x1b[2J.md", b"x\n", ("path", "references/esc\x1b[2J.md", 1)),
    ],
)
def test_a_skill_that_cannot_be_loaded_is_linted_as_far_as_can_be(
    shell: Shell, folder: Path, file: str, content: bytes, found: tuple[str, str, int]
) -> None:
    (folder / file).write_bytes(content)
    assert found in _found(shell, folder)
    done = shell.t2s("lint", "dates", "--fix")
    assert done.code == 1
    assert "\x1b" not in done.out
    assert (folder / file).read_bytes() == content


def test_a_file_name_that_is_no_text_is_told(shell: Shell, folder: Path) -> None:
    Path(os.fsdecode(bytes(folder / "references") + b"/caf\xe9.md")).write_text("x")
    done = shell.t2s("lint", "dates")
    assert done.code == 1
    assert "the file name cannot be used" in done.out
    assert [rule for rule, _, _ in _found(shell, folder)] == ["path"]


def test_symbolic_links_are_told_and_one_that_leads_out_by_that_word(shell: Shell, folder: Path) -> None:
    (folder / "references" / "out.md").symlink_to("/etc/hostname")
    (folder / "references" / "in.md").symlink_to("table.md")
    done = shell.t2s("lint", "dates")
    assert "out.md:1: error: a symbolic link that leads out of the skill" in done.out
    assert "in.md:1: error: a symbolic link; put a copy of the file there [path]" in done.out
    assert shell.t2s("lint", "dates", "--fix").code == 1
    assert (folder / "references" / "in.md").is_symlink()


def test_a_skill_md_that_is_a_link_is_told_read_and_left_alone(shell: Shell, folder: Path) -> None:
    text = f"{HEAD}# T\r\n\n[t](references/table.md)\n"
    (shell.cwd / "elsewhere.md").write_bytes(text.encode())
    (folder / "SKILL.md").unlink()
    (folder / "SKILL.md").symlink_to(shell.cwd / "elsewhere.md")
    assert {rule for rule, _, _ in _found(shell, folder, "--fix")} == {"path", "encoding"}
    assert (folder / "SKILL.md").is_symlink()
    assert (shell.cwd / "elsewhere.md").read_bytes() == text.encode()


def test_fix_mends_what_is_certain_tells_it_and_lints_the_result(shell: Shell, folder: Path) -> None:
    text = f"\ufeff{HEAD}# T\n\nSee [t](References\\Table.md).\n\n##\n\n## New Section\n".replace("\n", "\r\n")
    (folder / "SKILL.md").write_bytes(text.encode())
    (folder / ".keep").write_text("mine")
    done = shell.t2s("lint", "dates", "--fix")
    assert done.code == 1
    assert done.out.splitlines() == [
        "dates/SKILL.md:1: fixed: 12 line ends changed from CR LF to LF [encoding]",
        "dates/SKILL.md:1: fixed: byte order mark taken out [encoding]",
        "dates/SKILL.md:8: fixed: link References\\Table.md changed to references/table.md [dead-link]",
        "dates/SKILL.md:10: fixed: heading without words taken out, nothing stood under it [headings]",
        "dates/SKILL.md:10: error: 'New Section' is a placeholder, not a heading [headings]",
        "dates: 1 error, 0 warnings, 4 fixed",
    ]
    assert (folder / "SKILL.md").read_text() == f"{HEAD}# T\n\nSee [t](references/table.md).\n\n## New Section\n"
    assert (folder / ".keep").read_text() == "mine"
    again = json.loads(shell.t2s("lint", "dates", "--fix", "--json").out)
    assert again["fixed"] == []
    assert [v["rule"] for v in again["violations"]] == ["headings"]


def test_without_fix_nothing_is_written(shell: Shell, folder: Path) -> None:
    (folder / "SKILL.md").write_bytes(b"a\r\n")
    assert shell.t2s("lint", "dates").code == 1
    assert (folder / "SKILL.md").read_bytes() == b"a\r\n"


def test_rules_are_switched_by_the_folders_settings_by_the_environment_and_by_the_flag(
    shell: Shell, folder: Path
) -> None:
    (folder / "SKILL.md").write_text(f"{HEAD}# T\n\n## TODO\n\n[x](none.md)\n")
    assert [rule for rule, _, _ in _found(shell, folder)] == ["headings", "dead-link", "unlinked"]
    (shell.cwd / "t2s.toml").write_text('[rules]\noff = ["headings"]\nwarn = ["dead-link", "unlinked"]\n')
    assert shell.t2s("lint", "dates").code == 0
    assert [rule for rule, _, _ in _found(shell, folder)] == ["dead-link", "unlinked"]
    assert _found(shell, folder, "--off", "unlinked", "--off", "dead-link") == []
    shell.env["T2S_RULES__OFF"] = "unlinked"
    assert [rule for rule, _, _ in _found(shell, folder)] == ["headings", "dead-link"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "nowhere: no such folder; a skill is a folder with a SKILL.md"),
        (["."], "no SKILL.md in it"),
        (["dates/SKILL.md"], "dates/SKILL.md is a file; a skill is a folder with a SKILL.md, so name dates"),
        ([], "t2s lint needs the folder of a skill"),
        (["dates", "--off", "heading"], "--off: there is no rule 'heading'; did you mean headings?"),
        (["dates", "--off", "path"], "--off: the rule path always holds"),
    ],
)
def test_bad_usage_ends_with_code_2_and_one_sentence(shell: Shell, folder: Path, words: list[str], told: str) -> None:
    done = shell.t2s("lint", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_every_rule_is_explained_on_request(shell: Shell) -> None:
    rows = json.loads(shell.t2s("lint", "--rules", "--json").out)["rules"]
    assert [row["name"] for row in rows] == list(RULE_NAMES)
    done = shell.t2s("lint", "--rules")
    assert (done.code, done.err) == (0, "")
    assert "path (error, always holds)" in done.out.splitlines()


def test_text_of_a_skill_cannot_move_the_cursor(shell: Shell, folder: Path) -> None:
    (folder / "SKILL.md").write_text(f"{HEAD}# T\n\n## TODO: \x1b[31m\n\n[x](\u202etxt.md)\n")
    done = shell.t2s("lint", "dates")
    assert done.code == 1
    assert not {"\x1b", "\u202e"} & set(done.out)
