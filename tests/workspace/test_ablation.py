"""Ablation without a model: which groups there are, what is left without them, what may be said, what is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.report_pages import PAYLOADS
from workspace.ablation import text
from workspace.ablation.groups import Kind, grouped, without
from workspace.ablation.prune import Pruned, prune
from workspace.ablation.table import Ablation, Effect, ablation_file, load_ablation, measured, word
from workspace.edits.patch import AddSection, AppendToSection, Create, Edit, Link, Replace
from workspace.errors import InputError
from workspace.evidence.difference import Test, difference
from workspace.evidence.paired import mcnemar
from workspace.files import write_text
from workspace.guard.guard import Settled, settle
from workspace.lessons import pool
from workspace.lessons.lesson import Lesson, dump_lesson
from workspace.reports.html.gather import gather
from workspace.reports.html.page import page
from workspace.reports.markdown import markdown
from workspace.runs.events import RunFinished, RunStarted
from workspace.runs.journal import Journal
from workspace.runs.run import RunFolder, SeedFolder
from workspace.skills.skill import Skill

S0 = Skill(
    name="sheets",
    files={"SKILL.md": '---\nname: sheets\ndescription: "Sheets."\n---\n\n# Sheets\n\n## Rules\n\n- Be exact.\n'},
)
TASKS: Mapping[str, Sequence[str]] = {"t001-L1": ("a", "b"), "t002-L1": ("b", "c")}
PAGE = "references/less-common.md"


def _rule(name: str, words: str, support: int = 1, lessons: Sequence[str] = ("t001-L1",)) -> Edit:
    tasks = tuple(f"task-{n}" for n in range(support))
    return AppendToSection(id=name, section="b3", text=f"- {words}", support=tasks, lessons=tuple(lessons))


def _examples() -> Edit:
    return AddSection(
        id="X-E1", title="Examples", text="- Task: 1\n  Answer: 2", lessons=("t002-L1",), author="program"
    )


def _page() -> Edit:
    link = Link(block="b3", text=f"- Less common: [{PAGE}]({PAGE})")
    words = "# Less common cases\n\n- Mind the gap.\n"
    return Create(id="X-E2", path=PAGE, text=words, link=link, lessons=tuple(TASKS), author="program")


def _settle(edits: Sequence[Edit]) -> Settled:
    return settle(S0, edits)


# --- groups -------------------------------------------------------------------------------------------------------


def test_every_rule_is_a_group_and_so_are_the_examples_and_a_page_the_most_doubtful_first() -> None:
    edits = [_rule("m1-01-E1", "Count rows.", 3), _rule("m1-01-E2", "Trim names.", 1), _page(), _examples()]
    groups = grouped(edits, "X-E1", TASKS, 12)
    assert [(group.name, group.kind, len(group.support)) for group in groups] == [
        ("X-E1", "examples", 2),
        ("m1-01-E2", "rule", 1),
        ("X-E2", "page", 3),
        ("m1-01-E1", "rule", 3),
    ]


def test_what_was_added_to_one_page_of_an_earlier_round_is_one_group() -> None:
    added = [_rule(f"m1-01-E{n}", f"Rule {n}.").model_copy(update={"file": PAGE}) for n in (1, 2)]
    groups = grouped([*added, _rule("m1-01-E3", "Count rows.")], "X-E1", TASKS, 12)
    assert {(group.name, group.kind) for group in groups} == {("m1-01-E1-and-1", "page"), ("m1-01-E3", "rule")}


def test_beyond_the_most_the_least_supported_rule_is_put_with_the_one_most_like_it() -> None:
    edits = [
        _rule("a-E1", "Count the rows of each sheet.", 5),
        _rule("b-E1", "Trim blanks in the names of columns.", 4),
        _rule("c-E1", "Count the rows of each sheet twice.", 1),
        _examples(),
    ]
    groups = grouped(edits, "X-E1", TASKS, 3)
    assert [group.name for group in groups] == ["X-E1", "b-E1", "a-E1-and-1"]
    assert [edit.id for edit in groups[-1].edits] == ["a-E1", "c-E1"]


@given(st.lists(st.tuples(st.integers(1, 4), st.text("abc ", min_size=1, max_size=8)), max_size=12), st.integers(2, 14))
def test_no_edit_is_lost_or_doubled_whatever_is_joined(rules: list[tuple[int, str]], most: int) -> None:
    edits = [_rule(f"m{n:02d}-E1", words, support) for n, (support, words) in enumerate(rules)]
    groups = grouped([*edits, _examples()], "X-E1", TASKS, most)
    assert sorted(edit.id for group in groups for edit in group.edits) == sorted([e.id for e in edits] + ["X-E1"])
    assert len(groups) <= max(most, 2)
    assert grouped([_examples(), *reversed(edits)], "X-E1", TASKS, most) == groups


def test_a_rule_that_only_takes_away_is_told_by_its_place() -> None:
    edit = Replace(id="m1-01-E1", block="b4", text="")
    assert grouped([edit], "X-E1", {}, 12)[0].says == "takes away SKILL.md#b4"


def test_without_a_group_all_other_edits_stand_as_before() -> None:
    edits = [_rule("a-E1", "Count rows."), _rule("b-E1", "Trim names."), _examples()]
    groups = {group.name: group for group in grouped(edits, "X-E1", TASKS, 12)}
    left = without(edits, [groups["a-E1"]], _settle)
    assert not left.went
    body = left.settled.skill.body
    assert "Trim names." in body and "Answer: 2" in body and "Count rows." not in body
    assert without(edits, list(groups.values()), _settle).settled.skill.digest == S0.digest


def test_an_edit_that_cannot_stand_without_a_group_goes_with_it_and_is_told() -> None:
    leaning = _rule("a-E1", f"See [the page]({PAGE}).")
    edits = [leaning, _page()]
    groups = {group.name: group for group in grouped(edits, "X-E1", TASKS, 12)}
    assert without(edits, [groups["X-E2"]], _settle).went == ("a-E1",)


# --- what may be said ---------------------------------------------------------------------------------------------


def _scores(pattern: str) -> dict[str, tuple[float, ...]]:
    return {f"t{n}": (float(mark),) for n, mark in enumerate(pattern)}


def _effect(kind: Kind = "rule", **more: object) -> Effect:
    row = {"name": "m1-01-E1", "kind": kind, "says": "- Count rows.", "edits": ("m1-01-E1",), "support": 1}
    return Effect.model_validate(row | {"lessons": ("t001-L1",)} | more)


@pytest.mark.parametrize(
    ("effect", "p", "said"),
    [
        (0.5, 0.05, "helps"),
        (-0.5, 0.05, "hurts"),
        (0.5, 0.051, "cannot be told"),
        (-0.5, 1.0, "cannot be told"),
        (0.5, None, "cannot be told"),
        (0.0, 0.01, "cannot be told"),
    ],
)
def test_a_group_helps_or_hurts_only_beyond_chance(effect: float, p: float | None, said: str) -> None:
    assert word(effect, p, 0.05) == said


def test_the_effect_is_what_the_candidate_loses_and_p_pays_for_every_comparison() -> None:
    own, left = _scores("111111111100"), _scores("000000001101")
    row = measured(_effect(), own, left, Test(0.05, 1, 5))
    assert (row.effect, row.mean, row.tasks) == (pytest.approx(7 / 12), 0.25, 12)
    assert (len(row.helped), len(row.harmed)) == (8, 1)
    assert row.p == pytest.approx(5 * mcnemar(8, 1))
    assert row.found == "cannot be told"
    assert measured(_effect(), own, left, Test(0.05, 1, 1)).found == "helps"
    assert measured(_effect(), left, own, Test(0.05, 1, 1)).found == "hurts"


def test_tasks_that_one_side_lacks_are_left_out_and_too_few_decide_nothing() -> None:
    own, left = _scores("1111111"), _scores("00000") | {"other": (0.0,)}
    found = difference(own, left, Test(0.05, 1, 1))
    assert found is not None
    assert (found.tasks, found.mean, found.p, found.interval) == (5, 1.0, None, None)
    assert measured(_effect(), own, left, Test(0.05, 1, 1)).found == "cannot be told"
    assert measured(_effect(), own, {}, Test(0.05, 1, 1)).state == "incomplete"


# --- the table on disk and in reports -----------------------------------------------------------------------------


def _table(*groups: Effect, **more: object) -> Ablation:
    row: dict[str, object] = {
        "id": "run", "skill": "sheets", "candidate": "d", "round": 1, "side": "s0", "split": "validation", "tasks": 12,
        "repeats": 1, "alpha": 0.05, "comparisons": len(groups) + 1, "look": 2, "cap": 0, "spent": 10, "mean": 0.5,
        "interval": (0.2, 0.8), "groups": groups,
    }  # fmt: skip
    return Ablation.model_validate(row | more)


def _run(folder: Path) -> RunFolder:
    run = RunFolder(folder / "run")
    write_text(run.config, "format = 1\n")
    journal = Journal(run.journal)
    journal.emit(RunStarted(run="run", skill="sheets", model="m"))
    journal.emit(RunFinished(state="finished", code=4))
    journal.close()
    return run


def _hurt(**more: object) -> Effect:
    told = {"state": "measured", "found": "hurts", "mean": 0.9, "effect": -0.4, "interval": (-0.6, -0.2), "p": 0.01}
    return _effect(**(told | {"tasks": 12, "harmed": ("a", "b")} | more))  # pyright: ignore[reportArgumentType]


def test_a_run_that_nobody_asked_has_no_table_and_a_broken_one_is_told_with_a_way_out(tmp_path: Path) -> None:
    run = _run(tmp_path)
    assert load_ablation(run) is None
    write_text(ablation_file(run), _table(_hurt()).model_dump_json())
    assert load_ablation(run) == _table(_hurt())
    write_text(ablation_file(run), '{"format": 1}')
    with pytest.raises(InputError, match=r"table\.json: `id`: field required; `t2s ablate run` makes it anew"):
        load_ablation(run)
    assert "Which lessons help cannot be shown: ablation/table.json" in markdown(run)


def test_reports_show_the_table_and_let_no_word_of_a_model_act(tmp_path: Path) -> None:
    run = _run(tmp_path)
    seed = run.round(1).seed(0)
    lesson = Lesson(id="t001-L1", title="Count", claim="Count rows.")
    write_text(seed.lessons / "t001-L1.toml", dump_lesson(lesson))
    write_text(ablation_file(run), _table(*(_hurt(says=words, name=words[:9]) for words in PAYLOADS)).model_dump_json())
    told = markdown(run)
    assert "| left out | verdict | effect |" in told
    assert "hurts | -40.0 | -60.0 … -20.0 | 0.01 | 90 % | 0 | 2 |" in told
    assert "measured with an earlier candidate" in told
    assert not any(words in told for words in PAYLOADS if words.startswith("<"))
    shown = page(gather(run))
    assert "Which lessons help" in shown and "measured with an earlier candidate" in shown
    assert not any(words in shown for words in PAYLOADS if words.startswith("<"))


def test_what_was_not_measured_has_no_figures() -> None:
    assert text.cells(_effect()) == ("m1-01-E1", "not measured", "", "", "", "", "", "", "1", "")


# --- pruning ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seed(tmp_path: Path) -> SeedFolder:
    seed = _run(tmp_path).round(1).seed(0)
    for name in ("t001-L1", "t002-L1", "t003-L1"):
        write_text(seed.lessons / f"{name}.toml", dump_lesson(Lesson(id=name, title=name, claim="Do it.")))
    return seed


def _pruned(seed: SeedFolder, *groups: Effect) -> Pruned:
    return prune(RunFolder(seed.path.parents[2]), _table(*groups))


def test_the_lessons_of_what_hurts_are_dropped_by_the_ablation_and_stay_so_until_a_person_takes_them_in(
    seed: SeedFolder,
) -> None:
    helping = _hurt(found="helps", lessons=("t002-L1",), name="m1-01-E2")
    assert _pruned(seed, _hurt(), helping).dropped == ("t001-L1",)
    lesson = pool.load(seed, "t001-L1").lesson
    assert (lesson.status, lesson.author) == ("dropped", "ablation")
    assert pool.load(seed, "t002-L1").lesson.status == "kept"
    again = _pruned(seed, _hurt(), helping)
    assert (again.dropped, again.before) == ((), ("t001-L1",))
    taken = pool.set_status(seed, "t001-L1", "unpinned").lesson
    assert (taken.status, taken.author) == ("unpinned", "human")
    assert pool.restore(seed, "t001-L1") == Lesson(id="t001-L1", title="t001-L1", claim="Do it.")


def test_a_pinned_lesson_and_one_that_stands_elsewhere_stay_and_the_reason_is_told(seed: SeedFolder) -> None:
    pool.set_status(seed, "t001-L1", "pinned")
    hurting = _hurt(lessons=("t001-L1", "t002-L1", "t003-L1"))
    other = _effect(name="m1-01-E2", lessons=("t002-L1",))
    found = _pruned(seed, hurting, other)
    assert found.dropped == ("t003-L1",)
    assert [one.name for one in found.kept] == ["t001-L1", "t002-L1"]
    assert "a person pinned it" in found.kept[0].why
    assert "behind m1-01-E2 as well" in found.kept[1].why


def test_examples_that_hurt_take_no_lesson_with_them(seed: SeedFolder) -> None:
    found = _pruned(seed, _hurt(kind="examples", name="X-E1", lessons=("t001-L1",)))
    assert not found.dropped
    assert "budgets.examples = 0" in found.kept[0].why
    assert pool.load(seed, "t001-L1").lesson.status == "kept"


def test_nothing_that_only_looks_bad_is_dropped(seed: SeedFolder) -> None:
    assert _pruned(seed, _hurt(found="cannot be told")) == ((), (), ())
    assert not seed.edits.exists()
