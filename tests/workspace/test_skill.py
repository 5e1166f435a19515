from __future__ import annotations

from pathlib import Path

import pytest
import skills_ref  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import InputError, SkillError
from workspace.skills.skill import Skill, fence, load_skill, new_skill, save_skill, split_lines


def _folder(tmp_path: Path, text: str = "---\nname: dates\ndescription: d\n---\n\n# T\n") -> Path:
    folder = tmp_path / "dates"
    folder.mkdir()
    (folder / "SKILL.md").write_bytes(text.encode())
    return folder


def test_a_skill_comes_back_from_the_disk_byte_for_byte(tmp_path: Path) -> None:
    body = "\ufeff---\r\nname: dates\r\ndescription: d\r\n---\r\n\r\n# T\r\nno newline at the end"
    files = {"SKILL.md": body, "references/é.md": "ä\n", "assets/logo.bin": b"\xff\x00\x01", "scripts/run.py": "1\n"}
    skill = Skill(name="dates", files=files, executable=("scripts/run.py",))
    save_skill(skill, tmp_path / "dates")
    assert load_skill(tmp_path / "dates") == skill
    assert (tmp_path / "dates/SKILL.md").read_bytes() == body.encode()
    assert (tmp_path / "dates/scripts/run.py").stat().st_mode & 0o100


def test_saving_replaces_the_old_folder_whole_and_leaves_no_staging_behind(tmp_path: Path) -> None:
    save_skill(new_skill("dates", "d", "# Old").with_file("references/old.md", "x"), tmp_path / "dates")
    save_skill(new_skill("dates", "d", "# New"), tmp_path / "dates")
    assert [p.name for p in tmp_path.iterdir()] == ["dates"]
    assert list(load_skill(tmp_path / "dates").files) == ["SKILL.md"]


def test_a_save_that_fails_keeps_the_old_skill(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    unwritable = Skill(name="dates", files={"SKILL.md": "new", "references/bad.md": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        save_skill(unwritable, folder)
    assert load_skill(folder).body.startswith("---\nname: dates")
    assert [p.name for p in tmp_path.iterdir()] == ["dates"]


def test_a_folder_without_skill_md_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SkillError, match=r"no SKILL\.md in it"):
        load_skill(tmp_path)
    with pytest.raises(SkillError, match="no such folder"):
        load_skill(tmp_path / "missing")


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        ("---\nname: x\ndescription: a: b\n---\n", 3, "not YAML"),
        ("---\nname: x\nname: y\n---\n", 3, "duplicate key"),
        ("---\nname: x\n# T\n", 1, "never closed"),
        ("---\n- a\n---\n", 2, "key: value"),
    ],
)
def test_unreadable_front_matter_is_told_with_file_and_line(tmp_path: Path, head: str, line: int, words: str) -> None:
    with pytest.raises(SkillError, match=words) as failure:
        load_skill(_folder(tmp_path, head))
    assert f"SKILL.md:{line}:" in str(failure.value)


def test_a_skill_without_front_matter_loads_under_its_folders_name(tmp_path: Path) -> None:
    skill = load_skill(_folder(tmp_path, "# Only text\n"))
    assert (skill.name, skill.front_matter, skill.instructions) == ("dates", {}, "# Only text\n")


def test_symbolic_links_are_refused_and_hidden_files_skipped(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("x")
    assert list(load_skill(folder).files) == ["SKILL.md"]
    (folder / "passwords.md").symlink_to("/etc/passwd")
    with pytest.raises(SkillError, match=r"passwords\.md: a symbolic link"):
        load_skill(folder)


def test_a_skill_md_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "SKILL.md").write_bytes(b"# caf\xe9\n")
    with pytest.raises(InputError, match="not UTF-8"):
        load_skill(folder)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.md", "a/../../x", "a\\b", "C:/x", ".git/config", "a//b", ""])
def test_a_skill_never_holds_a_path_that_leads_outside(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|hidden|relative"):
        Skill(name="x", files={path: "text"})


def test_the_solver_is_shown_the_instructions_without_front_matter() -> None:
    assert new_skill("x", "d", "# T\n\nDo it.").instructions == "# T\n\nDo it.\n"


def test_the_digest_follows_content_and_not_the_order_of_files() -> None:
    one = Skill(name="x", files={"a.md": "1", "b.md": "2"})
    assert one.digest == Skill(name="x", files={"b.md": "2", "a.md": b"1"}).digest
    assert one.digest != one.with_file("a.md", "12").digest != one.with_file("a.md", None).digest


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200).filter(lambda t: t.strip()))
def test_any_description_survives_the_yaml_of_a_new_skill(words: str) -> None:
    assert new_skill("x", words, "# T").front_matter["description"] == words.strip()


def test_a_new_skill_passes_the_reference_validator(tmp_path: Path) -> None:
    skill = new_skill("date-forms", 'Writes dates: "iso", --- and \\slashes # and: colons.', "# Dates")
    save_skill(skill, tmp_path / "date-forms")
    assert skills_ref.validate(tmp_path / "date-forms") == []


@pytest.mark.parametrize("name", ["", "Dates", "a--b", "-a", "a b", "x" * 65])
def test_a_new_skill_needs_a_valid_name(name: str) -> None:
    with pytest.raises(SkillError, match="lower-case"):
        new_skill(name, "d", "")


def test_a_fence_is_longer_than_every_fence_inside() -> None:
    assert fence("a") == "```\na\n```"
    assert fence("````\nx\n````\n", "md").splitlines()[0] == "`````md"


@given(st.text(st.characters(codec="utf-8")))
def test_lines_joined_are_the_text_again(text: str) -> None:
    assert "".join(split_lines(text)) == text
