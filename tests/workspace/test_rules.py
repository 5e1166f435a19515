"""The set of rules: each fires on its own example, can be explained, and obeys the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import skills_ref  # pyright: ignore[reportMissingTypeStubs]

from workspace.edits.patch import Create, Edit, InsertAfter, Link, Replace
from workspace.errors import ConfigError
from workspace.guard.guard import RULES, Ruleset, compare, guard_edits, lint, ruleset, settle
from workspace.guard.leak import HeldTask, held_out
from workspace.merging.route import route
from workspace.released.anchors import Missed, find_text
from workspace.settings.config import load_config
from workspace.settings.rule_names import RULE_NAMES, SAFETY, SWITCHABLE
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, new_skill

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
GOOD = """\
# Dates

Always write a day as 07-MAR-2021. Paths such as /tmp, /dev/null or /home/user are told apart by their first part.

## Rules

- Use `curl` to read a page, never a password.
- See [the table](references/table.md).

```sh
# a comment, no heading
## not one either
echo "$HOME"
```

## Examples

- Task: March 7
  Answer: 07-MAR
"""


def _skill(body: str = "Intro.", **files: str) -> Skill:
    skill = new_skill("dates", "Use it for dates.", f"# T\n\n{body}\n")
    return Skill(name="dates", files={**skill.files, **files})


def _text(text: str, name: str = "e", **more: object) -> Edit:
    return InsertAfter.model_validate({"id": name, "block": "b3", "text": text, **more})


def _of_edit(edit: Edit, rules: Ruleset | None = None) -> set[str]:
    return {v.rule for v in guard_edits(_skill(), [edit], rules=rules or Ruleset())}


def _of_skill(body: str, rules: Ruleset | None = None, file: str = "references/x.md", text: str = "") -> set[str]:
    files = {file: text} if text else {}
    return {v.rule for v in lint(_skill(body, **files), rules=rules or Ruleset())}


def _both(example: str, rules: Ruleset | None = None) -> set[str]:
    return _of_edit(_text(example), rules) & _of_skill(example, rules)


def _path(example: str) -> set[str]:
    return _of_edit(Create(id="e", path=example, text="x", link=Link(block="top", text=f"[x]({example})")))


def _withheld(*edits: Edit) -> set[str]:
    return {w.rule for w in settle(_skill(), edits).withheld}


def _with_head(example: str) -> Skill:
    return Skill(name="dates", files={"SKILL.md": _skill().body.replace("name: dates", example)})


def _support(example: str) -> set[str]:
    return {"support"} if route([_text(example, support=("t1",))], 2).quarantined else set()


FIRES: dict[str, Callable[[str], set[str]]] = {
    "control": _both,
    "path": _path,
    "protected": _path,
    "existence": lambda text: _of_edit(InsertAfter(id="e", block=text, text="x")),
    "anchor": lambda text: (
        {"anchor"} if isinstance(find_text(outline(text), text.splitlines()[0]), Missed) else set[str]()
    ),
    "overlap": lambda text: _withheld(
        Replace(id="e1", block=text.split()[-1], text="x"), Replace(id="e2", block=text.split()[-1], text="y")
    ),
    "marks": lambda text: _of_edit(_text(text)),
    "fences": _both,
    "structure": lambda text: _withheld(InsertAfter(id="e", block="b2", text=text)),
    "front-matter": lambda text: {v.rule for v in compare(_skill(), _with_head(text))},
    "create-link": lambda text: _of_edit(
        Create(id="e", path="references/n.md", text="x", link=Link(block="b3", text=text))
    ),
    "unlinked": lambda path: _of_skill("x", file=path, text="x"),
    "encoding": lambda text: _of_skill("x", text=text) - {"unlinked"},
    "secrets": _both,
    "home-path": _both,
    "leak": lambda text: _both(text, Ruleset(held=held_out([HeldTask("q1", text)], []))),
    "poison": lambda text: (
        _of_edit(_text(text)) & {v.rule for v in compare(_skill(), _skill(f"Intro.\n\n{text}")) if v.stops}
    ),
    "spec": lambda text: {v.rule for v in lint(_with_head(text))},
    "size": lambda text: _of_skill("- rule\n" * int(text.split()[0])),
    "support": _support,
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_fires_on_its_own_example(rule: object) -> None:
    found = next(r for r in RULES if r is rule)
    assert found.name in FIRES.get(found.name, _of_skill)(found.example)


def test_a_good_skill_that_speaks_about_paths_and_downloads_breaks_no_rule() -> None:
    skill = _skill(GOOD, **{"references/table.md": "# Table\n\n## Use\n\nx\n"})
    held = held_out([HeldTask("date-test-1-001", "On which day was the old bridge of the town opened again?")], [])
    assert lint(skill, folder_name="dates", rules=Ruleset(held=held)) == ()
    good = [_text("Write days as 07-MAR-2021.", "e1", support=("t1", "t2")), _text("- See `~/notes`.", "e2")]
    assert settle(_skill(), good, rules=Ruleset(held=held)).withheld == ()


def test_names_whys_and_cures_are_complete_and_each_is_one_sentence() -> None:
    assert tuple(rule.name for rule in RULES) == RULE_NAMES
    assert SAFETY | set(SWITCHABLE) == set(RULE_NAMES)
    for rule in RULES:
        assert rule.example
        for text in (rule.why, rule.cure):
            assert text.endswith(".")
            assert text.count(". ") == 0


def test_the_page_about_rules_says_of_each_what_the_program_says() -> None:
    page = " ".join(DOCS.read_text(encoding="utf-8").split())
    for rule in RULES:
        assert f"### `{rule.name}`" in page
        assert rule.why in page
        assert rule.cure in page


# --- absolute paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "open /tmp/out.csv", "`/mnt/share/x`", "(/var/lib/x)", "/opt/tool/run", "cd /workspace/repo", "/data/in.csv",
        "D:\\work\\x.xlsx", "\\\\server\\share\\x", '"C:\\\\Temp\\\\x"',
    ],
)  # fmt: skip
def test_a_path_that_other_machines_hardly_have_warns_and_stops_nothing(text: str) -> None:
    assert [(v.rule, v.severity) for v in lint(_skill(text))] == [("home-path", "warning")]
    settled = settle(_skill(), [_text(text)])
    assert settled.withheld == ()
    assert [(v.rule, v.edit) for v in settled.violations] == [("home-path", "e")]


@pytest.mark.parametrize(
    "text",
    [
        "/dev/null", "#!/usr/bin/env python3", "/tmp", "under `/tmp/`", "/tmp/<name>", "/tmp/...", "/data/{id}",
        "./data/x", "$HOME/data/x", "https://example.com/data/x", "src/tmp/x", "/var/log/syslog", "/opt/homebrew/bin",
        "C:\\Windows", "\\\\d+\\s", "C:\\path\\to\\x", "and/or", "~/tmp/x", "1/opt/2",
    ],
)  # fmt: skip
def test_a_path_that_everybody_has_or_that_shows_a_form_passes(text: str) -> None:
    assert lint(_skill(text)) == ()


# --- settings ------------------------------------------------------------------------------------------------------


def _rules(folder: Path, text: str) -> Ruleset:
    (folder / "t2s.toml").write_text(text)
    return ruleset(load_config(file=None, cwd=folder, env={}, flags={}).config)


def test_the_settings_decide_which_rules_hold_and_their_limits(tmp_path: Path) -> None:
    rules = _rules(
        tmp_path,
        '[rules]\noff = ["unlinked"]\nwarn = ["headings"]\nreference_lines = 20\nsupport = 3\nallow_scripts = true\n'
        "[budgets]\nlines = 40\ntokens = 200\n",
    )
    held = held_out([], [])
    assert rules == Ruleset(frozenset({"unlinked"}), frozenset({"headings"}), 40, 200, 20, 3, True)
    assert ruleset(load_config(file=None, cwd=tmp_path, env={}, flags={}).config, held).held is held
    skill = _skill("## TODO\n\n" + "x\n" * 40, **{"references/lost.md": "x\n" * 20})
    found = {(v.rule, v.severity, v.file, v.line) for v in lint(skill, rules=rules)}
    assert found == {
        ("headings", "warning", "SKILL.md", 8),
        ("size", "error", "SKILL.md", 40),
        ("size", "error", "references/lost.md", 20),
    }
    assert ("unlinked", "references/lost.md") in {(v.rule, v.file) for v in lint(skill)}


def test_the_defaults_are_those_of_the_settings(tmp_path: Path) -> None:
    assert _rules(tmp_path, "") == Ruleset()


def test_a_rule_that_only_warns_keeps_no_edit_out_and_a_limit_does() -> None:
    edit = _text("## TODO\n\nx")
    assert [w.rule for w in settle(_skill(), [edit]).withheld] == ["headings"]
    settled = settle(_skill(), [edit], rules=Ruleset(warn=frozenset({"headings"})))
    assert [e.id for e in settled.kept] == ["e"]
    assert [(v.rule, v.severity, v.edit) for v in settled.violations] == [("headings", "warning", "e")]
    assert settle(_skill(), [edit], rules=Ruleset(off=frozenset({"headings"}))).violations == ()
    tight = settle(_skill(), [_text("a\n\nb\n\nc")], rules=Ruleset(lines=10))
    assert [w.rule for w in tight.withheld] == ["size"]


def test_scripts_open_by_the_setting_as_by_the_argument() -> None:
    edit = Create(id="e", path="scripts/x.py", text="print()", link=Link(block="b2", text="[x](scripts/x.py)"))
    assert [w.rule for w in settle(_skill(), [edit]).withheld] == ["protected"]
    assert settle(_skill(), [edit], rules=Ruleset(allow_scripts=True)).withheld == ()
    assert settle(_skill(), [edit], allow_scripts=True).withheld == ()


@pytest.mark.parametrize("key", ["off", "warn"])
def test_a_rule_that_keeps_the_skill_whole_cannot_be_switched_off(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _rules(tmp_path, f'[rules]\n{key} = ["size", "path"]\n')
    told = str(caught.value)
    assert told.startswith(f't2s.toml:2: rules.{key} is ["size", "path"]: the rule path always holds; these can be')
    assert "headings" in told.partition("these can be")[2]


def test_an_unknown_rule_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"t2s\.toml:2: rules\.off is .*: there is no rule 'heading'; did you mean head"
    ):
        _rules(tmp_path, '[rules]\noff = ["heading"]\n')


# --- front matter, against the reference validator -----------------------------------------------------------------

AGREED = {
    "plain": "name: dates\ndescription: d",
    "quoted": 'name: "dates"\ndescription: "a: b"',
    "folded": "name: dates\ndescription: >\n  two\n  lines",
    "literal": "name: dates\ndescription: |-\n  two\n  lines",
    "comment": "# c\nname: dates # c\ndescription: d",
    "all keys": "name: dates\ndescription: d\nlicense: MIT\ncompatibility: all\nmetadata:\n  a: b\nallowed-tools: Read",
    "longest description": f"name: dates\ndescription: {'x' * 500}",
    "long compatibility": f"name: dates\ndescription: d\ncompatibility: {'x' * 500}",
    "no name": "description: d",
    "empty name": "name:\ndescription: d",
    "blank name": 'name: "  "\ndescription: d',
    "no description": "name: dates",
    "empty description": "name: dates\ndescription:",
    "blank description": 'name: dates\ndescription: " "',
    "upper case": "name: Dates\ndescription: d",
    "space in name": "name: my dates\ndescription: d",
    "underscore": "name: my_dates\ndescription: d",
    "leading hyphen": "name: -dates\ndescription: d",
    "trailing hyphen": "name: dates-\ndescription: d",
    "double hyphen": "name: my--dates\ndescription: d",
    "too long a name": f"name: {'x' * 65}\ndescription: d",
    "other folder": "name: times\ndescription: d",
    "punctuation": "name: dates!\ndescription: d",
    "too long a description": f"name: dates\ndescription: {'x' * 1025}",
    "too long a compatibility": f"name: dates\ndescription: d\ncompatibility: {'x' * 501}",
    "list as compatibility": "name: dates\ndescription: d\ncompatibility:\n  - a",
    "unknown key": "name: dates\ndescription: d\nversion: 1",
    "two unknown keys": "name: dates\ndescription: d\nauthor: me\ntags:\n  - a",
    "key in upper case": "Name: dates\ndescription: d",
    "not yaml": "name: dates\ndescription: a: b",
    "bracket": "name: [",
    "duplicate key": "name: dates\nname: dates\ndescription: d",
    "tab": "name: dates\nmetadata:\n\ta: b\ndescription: d",
    "list": "- name: dates",
    "nothing": "",
    "braces": "name: dates\ndescription: d\nmetadata: {a: b}",
    "list in brackets": "name: dates\ndescription: d\nallowed-tools: [Read]",
    "anchor": "name: dates\ndescription: &d d",
    "tag": "name: dates\ndescription: !!str d",
    "mapping as name": "name:\n  a: b\ndescription: d",
    "early end": "description: a --- b\nname: dates",
}
STRICTER = {
    "a description that hosts cut": f"name: dates\ndescription: {'x' * 600}",
    "a name that is not ascii": "name: dätes\ndescription: d",
    "a name with blanks around it": 'name: " dates"\ndescription: d',
    "a number as description": "name: dates\ndescription: 12",
    "a truth value as license": "name: dates\ndescription: d\nlicense: true",
    "numbers in metadata": "name: dates\ndescription: d\nmetadata:\n  version: 1.0",
    "a list as metadata": "name: dates\ndescription: d\nmetadata:\n  - a",
    "tools as a list": "name: dates\ndescription: d\nallowed-tools:\n  - Read",
    "an empty compatibility": 'name: dates\ndescription: d\ncompatibility: ""',
    "three hyphens that cut nothing needed": "name: dates\ndescription: a --- b",
}
"""What the reference validator lets pass and we warn about: some host or reader is stricter."""


def _verdicts(tmp_path: Path, head: str, folder: str = "dates") -> tuple[bool, list[str]]:
    """Does the reference validator refuse it, and how severe are our findings."""
    place = tmp_path / folder
    place.mkdir()
    text = f"---\n{head}\n---\n\n# T\n"
    (place / "SKILL.md").write_bytes(text.encode())
    refused = bool(skills_ref.validate(place))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    found = lint(Skill(name="x", files={"SKILL.md": text}), folder_name=folder)
    return refused, [v.severity for v in found if v.rule == "spec"]


@pytest.mark.parametrize("head", AGREED.values(), ids=AGREED)
def test_front_matter_is_judged_as_the_reference_validator_judges_it(tmp_path: Path, head: str) -> None:
    refused, found = _verdicts(tmp_path, head)
    assert ("error" in found) == refused
    assert refused or found == []


@pytest.mark.parametrize("head", STRICTER.values(), ids=STRICTER)
def test_where_we_are_stricter_it_is_a_warning(tmp_path: Path, head: str) -> None:
    refused, found = _verdicts(tmp_path, head, "dätes" if "dätes" in head else "dates")
    assert not refused
    assert set(found) == {"warning"}


def test_a_mark_before_the_front_matter_is_refused_by_both(tmp_path: Path) -> None:
    text = "\ufeff---\nname: dates\ndescription: d\n---\n"
    (tmp_path / "SKILL.md").write_text(text, encoding="utf-8")
    assert skills_ref.validate(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    assert [(v.rule, v.severity) for v in lint(Skill(name="x", files={"SKILL.md": text}))] == [("encoding", "error")]


@pytest.mark.parametrize(
    "head",
    ["a: !!int", "!!binary a: b\na: b\nname: x\ndescription: d", "[" * 3000, "a: =", "? [a]\n: b", "a: !!timestamp x"],
)
def test_front_matter_that_the_yaml_reader_stumbles_over_is_a_fault_like_any_other(head: str) -> None:
    found = lint(Skill(name="x", files={"SKILL.md": f"---\n{head}\n---\n"}))
    assert {v.rule for v in found} == {"spec"}
    assert "error" in {v.severity for v in found}


def test_hyphens_of_a_skill_without_front_matter_are_no_end_of_it() -> None:
    found = lint(Skill(name="x", files={"SKILL.md": "# T\n\n| a |\n|---|\n| 1 |\n\n---\n\nx\n"}))
    assert {v.message.split("`")[1] for v in found} == {"name", "description"}


@pytest.mark.parametrize(
    ("head", "line"),
    [("description: d\nname: Dates", 3), ("name: dates\nversion: 1\ndescription: d", 3), ("description: d", 1)],
)
def test_a_fault_of_the_front_matter_stands_at_its_key(head: str, line: int) -> None:
    assert [v.line for v in lint(Skill(name="x", files={"SKILL.md": f"---\n{head}\n---\n"}))] == [line]
