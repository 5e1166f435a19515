"""Blame: each line leads to the edit that wrote it, through rounds, copies and edits by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.markdowns import unhurried
from workspace.edits.patch import AppendToSection, Edit, Patch, Replace, dumps_patch
from workspace.errors import InputError, SkillError
from workspace.files import write_text
from workspace.guard.guard import settle
from workspace.lessons.lesson import Lesson, Quote, dump_lesson
from workspace.origins.blame import Blame, Blamed, aligned, alone, blame_run, blame_skill, select
from workspace.origins.provenance import dump_provenance, provenance
from workspace.runs.run import RunFolder
from workspace.skills.outline import outline
from workspace.skills.skill import Skill, load_skill, save_skill

TEXT = "---\nname: ledger\ndescription: Keeps a ledger.\n---\n\n# Ledger\n\n- Write twice.\n\n## Examples\n\nNone.\n"
S0 = Skill(name="ledger", files={"SKILL.md": TEXT, "references/more.md": "# More\n\nMore.\n"})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return _new_run(tmp_path / "runs" / "2026-11-22-ledger-a")


def _new_run(path: Path, s0: Skill = S0) -> RunFolder:
    write_text(path / "run.toml", 'kind = "run"\n')
    run = RunFolder(path)
    save_skill(s0, run.skill(0) / s0.name)
    return run


def _rule(skill: Skill, name: str, text: str, *lessons: str, tasks: int = 1) -> Edit:
    """`text` below the heading Ledger."""
    section = next(b.id for b in outline(skill.body).blocks if b.title == "Ledger")
    support = tuple(f"task-{n}" for n in range(tasks))
    return AppendToSection(id=name, section=section, text=text, lessons=lessons, support=support)


def _replaced(skill: Skill, name: str, line: str, text: str) -> Edit:
    plan = outline(skill.body)
    block = [b.id for b in plan.blocks if b.end > b.start and plan.lines[b.start].strip() == line][-1]
    return Replace(id=name, block=block, text=text)


def _settled(run: RunFolder, number: int, s0: Skill, *edits: Edit, seed: int = 0, accept: bool = True) -> Skill:
    """Round `number` as the engine leaves it: candidate, patch, lessons and provenance; the skill it made."""
    folder = run.round(number).seed(seed)
    settled = settle(s0, edits)
    lessons = [_lesson(name) for name in dict.fromkeys(name for edit in edits for name in edit.lessons)]
    for lesson in lessons:
        write_text(folder.lessons / f"{lesson.id}.toml", dump_lesson(lesson))
    save_skill(settled.skill, folder.candidate / s0.name)
    write_text(folder.patch, dumps_patch(Patch(id="root", base=s0.digest, edits=settled.kept)))
    write_text(folder.provenance, dump_provenance(provenance(settled, lessons)))
    if accept:
        save_skill(settled.skill, run.skill(number) / s0.name)
    return settled.skill


def _lesson(name: str) -> Lesson:
    return Lesson(id=name, title="T", claim="C", evidence=(Quote(trajectory=name[:4], turn=2, quote="said"),))


def _line(blame: Blame, text: str) -> Blamed:
    return next(line for line in blame.lines if line.text == text)


def test_a_line_leads_to_its_edit_its_lessons_and_the_quoted_turns(run: RunFolder) -> None:
    _settled(run, 1, S0, _rule(S0, "m1-01-E1", "- Round last.", "t001-L1", "t002-L1", tasks=3))
    line = _line(blame_run(run), "- Round last.")
    assert (line.edit, line.lessons, line.support, line.round) == ("m1-01-E1", ("t001-L1", "t002-L1"), 3, 1)
    assert line.table()["trajectories"][1] == {"id": "t002", "turn": 2, "quote": "said"}
    assert _line(blame_run(run), "More.").author == "s0"


def test_a_line_of_the_first_round_is_followed_back_through_the_second(run: RunFolder) -> None:
    first = _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last.", "t001-L1"))
    second = _settled(run, 2, first, _rule(first, "t007-E1", "- Use commas.", "t007-L1"))
    _settled(run, 3, second, _replaced(second, "t009-E1", "- Use commas.", "- Use points."))
    blame = blame_run(run)
    found = {line.text: (line.edit, line.round) for line in blame.lines}
    assert found["- Round last."] == ("t001-E1", 1)
    assert found["- Use points."] == ("t009-E1", 3)
    assert found["- Write twice."] == ("", 0)
    assert [(line.line, line.text) for line in blame.lines if line.file == "SKILL.md"] == list(
        enumerate(load_skill(blame.folder).body.splitlines(), 1)
    )


def test_a_round_that_could_not_be_validated_is_followed_back_too(run: RunFolder) -> None:
    first = _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."), accept=False)
    _settled(run, 2, first, _rule(first, "t002-E1", "- Use commas."), accept=False)
    assert (_line(blame_run(run), "- Round last.").round, _line(blame_run(run), "- Use commas.").round) == (1, 2)


def test_a_replacing_edit_says_what_it_took_away(run: RunFolder) -> None:
    _settled(run, 1, S0, _replaced(S0, "t001-E1", "None.", "See the cases.\n\nThey are true."))
    blame = blame_run(run)
    assert _line(blame, "See the cases.").was_text == "None."
    assert _line(blame, "They are true.").was_text == ""


def test_the_support_of_a_line_on_a_page_is_that_of_the_edit_it_was_made_from(run: RunFolder) -> None:
    part = _rule(S0, "t003-E1", "- Round last.", "t003-L1", tasks=2)
    _settled(run, 1, S0, part)
    seed = run.round(1).seed(0)
    write_text(seed.patch, dumps_patch(Patch(id="root", base=S0.digest)))
    write_text(seed.patches / "t003.toml", dumps_patch(Patch(id="t003", base=S0.digest, edits=(part,))))
    assert _line(blame_run(run), "- Round last.").support == 2


def test_of_several_candidates_the_one_that_was_accepted_is_blamed(run: RunFolder) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."), accept=False)
    _settled(run, 1, S0, _rule(S0, "t002-E1", "- Use commas."), seed=1)
    line = _line(blame_run(run), "- Use commas.")
    assert (line.edit, line.seed) == ("t002-E1", 1)


def test_a_provenance_from_before_line_numbers_is_followed_by_its_text(run: RunFolder) -> None:
    first = _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    _settled(run, 2, first, _rule(first, "t002-E1", "- Use commas."))
    for number in (1, 2):
        path = run.round(number).seed(0).provenance
        write_text(path, path.read_text().replace('"was": ', '"once": '))
    assert _line(blame_run(run), "- Round last.").edit == "t001-E1"
    assert _line(blame_run(run), "None.").author == "s0"


def test_a_copied_skill_is_traced_to_its_run_and_what_was_changed_by_hand_to_a_person(
    run: RunFolder, tmp_path: Path
) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    mine = Path(shutil.copytree(run.skill(1) / "ledger", tmp_path / "elsewhere"))
    (mine / "SKILL.md").write_text((mine / "SKILL.md").read_text().replace("- Write twice.\n", "- Mine.\n"))
    (mine / "references" / "own.md").write_text("Own.\n")
    blame = blame_skill(mine, tmp_path / "runs")
    assert (blame.run.id, _line(blame, "- Round last.").edit) == (run.id, "t001-E1")
    for text in ("- Mine.", "Own."):
        line = _line(blame, text)
        assert (line.author, line.by, line.edit) == ("human", "hand", "")
    assert {line.by for line in blame.lines if line.text not in ("- Mine.", "Own.")} == {"run"}


def test_of_runs_of_one_name_the_one_that_shares_most_lines_is_taken(run: RunFolder, tmp_path: Path) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    later = _new_run(tmp_path / "runs" / "2026-11-23-ledger-b")
    _settled(later, 1, S0, _rule(S0, "t001-E1", "- Something else."))
    mine = Path(shutil.copytree(run.skill(1) / "ledger", tmp_path / "elsewhere"))
    assert blame_skill(mine, tmp_path / "runs").run.id == run.id


def test_a_skill_that_no_run_made_says_what_was_looked_for(run: RunFolder, tmp_path: Path) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    save_skill(Skill(name="other", files={"SKILL.md": TEXT.replace("name: ledger", "name: other")}), tmp_path / "other")
    stranger = Skill(name="ledger", files={"SKILL.md": "---\nname: ledger\ndescription: d\n---\n" + "Its own.\n" * 30})
    save_skill(stranger, tmp_path / "ledger")
    with pytest.raises(InputError, match=r"of 1 runs in .*, 0 ended in one named 'other'"):
        blame_skill(tmp_path / "other", tmp_path / "runs")
    with pytest.raises(InputError, match=r"1 ended in one named 'ledger', and none of these has 30% of its lines"):
        blame_skill(tmp_path / "ledger", tmp_path / "runs")


def test_any_skill_in_a_run_folder_is_blamed_as_what_it_is(run: RunFolder, tmp_path: Path) -> None:
    first = _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    _settled(run, 2, first, _rule(first, "t002-E1", "- Use commas."), accept=False)
    nowhere = tmp_path / "none"
    assert {line.author for line in blame_skill(run.skill(0) / "ledger", nowhere).lines} == {"s0"}
    assert _line(blame_skill(run.skill(1) / "ledger", nowhere), "- Round last.").round == 1
    candidate = blame_skill(run.round(2).seed(0).candidate / "ledger", nowhere)
    assert (_line(candidate, "- Round last.").round, _line(candidate, "- Use commas.").round) == (1, 2)


def test_a_moved_run_folder_is_blamed_as_before(run: RunFolder, tmp_path: Path) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    before = blame_run(run).lines
    moved = RunFolder(Path(shutil.move(run.path, tmp_path / "moved" / run.id)))
    assert blame_run(moved).lines == before


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("SKILL.md:99", "SKILL.md has 13 lines; there is no line 99"),
        ("SKILL.md:3-99", "SKILL.md has 13 lines; there is no line 99"),
        ("SKILL.md:0", "lines count from 1"),
        ("SKILL.md:5-3", "the first comes first"),
        ("nowhere.md:1", "no file 'nowhere.md' in ledger; there are: SKILL.md, references/more.md"),
        ("SKILL.md:x", "no file 'SKILL.md:x'"),
    ],
)
def test_a_place_that_is_not_there_is_told_with_what_there_is(run: RunFolder, where: str, told: str) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    with pytest.raises(InputError) as caught:
        select(blame_run(run), where)
    assert told in str(caught.value)


def test_a_file_a_line_and_a_range_are_selected(run: RunFolder) -> None:
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    blame = blame_run(run)
    assert [line.text for line in select(blame, "references/more.md")] == ["# More", "", "More."]
    assert [line.text for line in select(blame, "SKILL.md:8-9")] == ["- Write twice.", "- Round last."]
    assert (alone("SKILL.md:8"), alone("SKILL.md:8-8"), alone("SKILL.md:8-9"), alone("SKILL.md")) == (
        True,
        True,
        False,
        False,
    )


def test_a_run_without_result_or_provenance_says_how_to_get_there(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no result yet; `t2s show"):
        blame_run(run)
    _settled(run, 1, S0, _rule(S0, "t001-E1", "- Round last."))
    run.round(1).seed(0).provenance.unlink()
    with pytest.raises(InputError, match=r"has no rounds/1/s0/provenance.json; `t2s resume"):
        blame_run(run)
    with pytest.raises(SkillError, match="no such folder"):
        blame_skill(tmp_path / "nowhere", tmp_path)


@given(st.lists(st.sampled_from("ab \n")), st.lists(st.sampled_from("ab \n")))
def test_aligned_lines_are_equal_and_in_order(old: list[str], new: list[str]) -> None:
    same = aligned(old, new)
    assert len(same) == len(new)
    assert all(at is None or old[at] == line for at, line in zip(same, new, strict=True))
    kept = [at for at in same if at is not None]
    assert kept == sorted(set(kept))


@unhurried
@given(words=st.lists(st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=3), min_size=1, max_size=4))
def test_every_rule_leads_to_the_round_that_wrote_it(
    tmp_path_factory: pytest.TempPathFactory, words: list[list[str]]
) -> None:
    run, skill = _new_run(tmp_path_factory.mktemp("runs") / "r"), S0
    for number, rules in enumerate(words, 1):
        edits = [_rule(skill, f"t{n:03d}-E1", f"- Round {number} says {w} ({n}).") for n, w in enumerate(rules, 1)]
        skill = _settled(run, number, skill, *edits)
    lines = [line for line in blame_run(run).lines if line.text.startswith("- Round")]
    assert len(lines) == sum(map(len, words))
    assert all(f"- Round {line.round} says" in line.text for line in lines)
    assert all(line.text.endswith(f"({int(line.edit[1:4])}).") for line in lines)
