"""The merge plan: every patch has one place, and an edited lesson redoes only its own path."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import InputError
from workspace.patch import AppendToSection, Patch
from workspace.tree import Plan, adapt_plan, dump_plan, load_plan, make_plan


def patch(name: str, text: str) -> Patch:
    edit = AppendToSection(id=f"{name}-E1", section="b2", text=text, support=(name,))
    return Patch(id=name, base="0" * 16, edits=(edit,))


def patches(count: int) -> dict[str, Patch]:
    return {f"t{n:03d}": patch(f"t{n:03d}", f"rule number {n % 3}") for n in range(1, count + 1)}


def places(plan: Plan) -> list[str]:
    return [child for node in plan.nodes for child in node.children]


@given(st.integers(0, 70), st.integers(2, 9), st.sampled_from(["similar", "given"]))
def test_every_patch_and_every_node_but_the_root_has_exactly_one_parent(count: int, fan_in: int, order: str) -> None:
    plan = make_plan(patches(count), fan_in, order)  # type: ignore[arg-type]
    below_root = [*plan.patches, *(n.id for n in plan.nodes[:-1])] if plan.nodes else []
    assert sorted(places(plan)) == sorted(below_root)
    assert all(1 <= len(node.children) <= fan_in for node in plan.nodes)


@given(st.integers(2, 300), st.integers(2, 9))
def test_the_tree_is_as_low_as_the_paper_says(count: int, fan_in: int) -> None:
    levels, reach = 0, 1
    while reach < count:
        levels, reach = levels + 1, reach * fan_in
    plan = make_plan(patches(count), fan_in, "given")
    assert plan.nodes[-1].level == levels


def test_near_duplicates_meet_on_the_first_level() -> None:
    words = ["save with openpyxl", "write dates as serials", "recalculate after writing"]
    pool = {f"t{n:03d}": patch(f"t{n:03d}", words[n % 3]) for n in range(1, 7)}
    plan = make_plan(pool, 2, "similar")
    pairs = [node.children for node in plan.nodes if node.level == 1]
    assert sorted(pairs) == [("t001", "t004"), ("t002", "t005"), ("t003", "t006")]


def test_a_single_patch_needs_no_merge() -> None:
    plan = make_plan(patches(1), 8, "similar")
    assert plan.nodes == ()
    assert plan.root == "t001"


@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 12))
def test_a_later_patch_joins_without_moving_the_others(count: int, fan_in: int, more: int) -> None:
    before = make_plan(patches(count), fan_in, "given")
    late = [f"H{n:03d}" for n in range(1, more + 1)]
    after = adapt_plan(before, [*before.patches, *late])
    for name in before.patches:
        first = next((n.id for n in before.nodes if name in n.children), None)
        assert first is None or name in next(n for n in after.nodes if n.id == first).children
    assert sorted(places(after)) == sorted([*after.patches, *(n.id for n in after.nodes if n.id != after.root)])


def test_the_path_up_names_what_an_edited_lesson_redoes() -> None:
    plan = make_plan(patches(8), 2, "given")
    assert plan.path_up("t003") == ["m1-02", "m2-01", "m3-01"]


def test_a_plan_survives_its_file_and_a_broken_one_names_it(tmp_path: Path) -> None:
    plan = make_plan(patches(9), 4, "similar")
    assert load_plan(dump_plan(plan), tmp_path) == plan
    with pytest.raises(InputError, match=r"plan\.toml: `fan_in`"):
        load_plan("format = 1\n", tmp_path / "plan.toml")
