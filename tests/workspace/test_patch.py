from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workspace.edits.patch import (
    AddSection,
    AppendToSection,
    Create,
    Delete,
    DeleteFile,
    Dropped,
    Edit,
    InsertAfter,
    InsertBefore,
    Link,
    Patch,
    Replace,
    anchor,
    dumps_patch,
    edit_text,
    loads_patch,
    parse_edit,
)
from workspace.errors import InputError

EVERY: tuple[Edit, ...] = (
    InsertAfter(
        id="e1", block="b3", text='- "quoted"\n\n```\nx\\y\n```\n', lessons=("L1",), support=("t2", "t1", "t2")
    ),
    InsertBefore(id="e2", block="b1", text="x", author="human", pinned=True),
    AppendToSection(id="e3", section="b2", text="ünï", verified=True, reason="seen often"),
    Replace(id="e4", block="b1", last="b3", text="x", sources=("a", "b")),
    Delete(id="e5", block="b9", section=True),
    AddSection(id="e6", title="Gotchas", text="- x", after="b2"),
    Create(id="e7", path="references/x.md", text="# X\n", link=Link(block="b1", text="[x](references/x.md)")),
    DeleteFile(id="e8", path="references/y.md", file="SKILL.md"),
)
PATCH = Patch(id="t003", key="k", base="abc", edits=EVERY, dropped=(Dropped(id="q", reason="same as e1"),))


def test_a_patch_of_every_operation_comes_back_from_toml() -> None:
    assert loads_patch(dumps_patch(PATCH), "patch.toml") == PATCH


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_survives_toml_with_lf_line_ends(text: str) -> None:
    patch = Patch(id="p", base="b", edits=(InsertAfter(id="e", block="b1", text=text),))
    back = loads_patch(dumps_patch(patch), "p")
    assert back == patch
    assert "\r" not in edit_text(back.edits[0])


def test_support_is_a_sorted_set_and_a_proposed_edit_is_its_own_source() -> None:
    assert EVERY[0].support == ("t1", "t2")
    assert EVERY[0].sources == ("e1",)
    assert EVERY[3].sources == ("a", "b")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('block = "b1"\ntext = "x"\n', 'text = "x"\n', "`edits.2.block`"),
        ('op = "delete"', 'op = "delte"', "`edits.5`"),
        ("section = true", 'section = "maybe"', "`edits.5.section`"),
        ('title = "Gotchas"', 'title = "Gotchas"\nextra = 1', "`edits.6.extra`"),
        ('base = "abc"', "base = 3", "`base`"),
        ("format = 1", "format = 2", "`format`"),
        ('op = "delete"', "op = ", "nvalid value"),
    ],
)
def test_a_bad_patch_file_is_told_with_line_and_key(old: str, new: str, told: str) -> None:
    text = dumps_patch(PATCH)
    assert old in text
    with pytest.raises(InputError, match=told) as failure:
        loads_patch(text.replace(old, new, 1), "patch.toml")
    assert str(failure.value).startswith("patch.toml:")


def test_the_line_of_a_bad_key_is_the_line_in_the_file() -> None:
    text = dumps_patch(PATCH).replace("section = true", 'section = "maybe"')
    line = text.splitlines().index('section = "maybe"') + 1
    with pytest.raises(InputError, match=rf"^p\.toml:{line}: "):
        loads_patch(text, "p.toml")


def test_a_models_edit_with_a_missing_key_names_the_key() -> None:
    with pytest.raises(InputError, match=r"`link\.text`: field required"):
        parse_edit({"op": "create", "id": "x", "path": "p.md", "text": "t", "link": {"block": "b1"}})


def test_an_edit_does_not_change_once_it_is_made() -> None:
    with pytest.raises(ValidationError):
        EVERY[0].id = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_edits_at_one_place_share_an_anchor() -> None:
    twin = AddSection(id="z", title="  GOTCHAS ", text="- y")
    assert anchor(EVERY[5]) == anchor(twin)
    assert anchor(EVERY[0]) == anchor(Replace(id="r", block="b3", text="x")) == "SKILL.md#b3"
    assert anchor(EVERY[2]) == "SKILL.md#b2"
    assert anchor(EVERY[6]) == "references/x.md#"


def test_the_text_of_an_edit_that_only_removes_is_empty() -> None:
    assert [edit_text(e) for e in EVERY[4:8:3]] == ["", ""]
    assert edit_text(EVERY[2]) == "ünï"
