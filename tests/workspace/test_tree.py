"""The merge plan: every patch has one place, and an edited lesson redoes only its own path."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.edits.patch import AppendToSection, Patch
from workspace.errors import InputError
from workspace.merging.parts import size
from workspace.merging.tree import Plan, Room, adapt_plan, dump_plan, load_plan, make_plan


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


def ideas(count: int) -> dict[str, Patch]:
    """Patches of up to five ideas in three wordings each; ids say nothing about the idea."""
    words = ["save the file", "write dates in full", "recalculate each sheet", "trim all names", "count its rows"]
    turns = ["{}", "always {}", "{} first"]
    return {f"t{n:03d}": patch(f"t{n:03d}", turns[n * 7 % 3].format(words[n * n % 5])) for n in range(1, count + 1)}


@given(st.integers(1, 40), st.integers(2, 9), st.randoms(use_true_random=False))
def test_the_plan_is_the_same_whatever_the_order_of_the_patches(count: int, fan_in: int, dice: Random) -> None:
    given_ = ideas(count)
    names = list(given_)
    dice.shuffle(names)
    assert make_plan({name: given_[name] for name in names}, fan_in, "similar") == make_plan(given_, fan_in, "similar")


def test_an_idea_is_spread_over_no_more_batches_than_it_needs() -> None:
    rows = {"save the file": 8, "write dates in full": 3, "recalculate each sheet": 5, "trim all names": 16}
    texts = [text for text, count in rows.items() for _ in range(count)]
    Random(1).shuffle(texts)
    plan = make_plan({f"t{n:03d}": patch(f"t{n:03d}", text) for n, text in enumerate(texts)}, 8, "similar")
    batches = [{texts[int(name[1:])] for name in node.children} for node in plan.nodes if node.level == 1]
    assert {text: sum(text in batch for batch in batches) for text in rows} == {
        "save the file": 1, "write dates in full": 1, "recalculate each sheet": 1, "trim all names": 2,
    }  # fmt: skip


@given(st.integers(2, 60), st.integers(2, 40), st.integers(1, 4000))
def test_a_batch_fits_into_the_window_or_holds_two(count: int, fan_in: int, characters: int) -> None:
    pool = ideas(count)
    plan = make_plan(pool, fan_in, "similar", Room(1, characters, 4.0))
    assert 2 <= plan.fan_in <= fan_in
    below_root = [*plan.patches, *(n.id for n in plan.nodes[:-1])]
    assert sorted(places(plan)) == sorted(below_root)
    for node in plan.nodes:
        if node.level == 1:
            together = size([e for name in node.children for e in pool[name].edits])
            assert together <= characters or len(node.children) <= 3


def test_a_plan_made_anew_keeps_the_ids_of_nodes_with_the_same_children() -> None:
    pool = ideas(24)
    before = make_plan(pool, 4, "given")
    fewer = {name: p for name, p in pool.items() if name not in ("t001", "t002", "t003", "t004")}
    after = make_plan(fewer, 4, "given", before=before)
    old = {(n.level, n.children): n.id for n in before.nodes}
    same = [n for n in after.nodes if (n.level, n.children) in old]
    assert len(same) >= 5
    assert all(n.id == old[n.level, n.children] for n in same)
    assert len({n.id for n in after.nodes}) == len(after.nodes)
    assert make_plan(pool, 4, "given", before=before) == before


def test_many_late_patches_are_spread_over_the_smallest_batches() -> None:
    plan = adapt_plan(make_plan(patches(12), 4, "given"), [f"H{n:03d}" for n in range(1, 41)])
    assert sorted(places(plan)) == sorted([*plan.patches, *(n.id for n in plan.nodes if n.id != plan.root)])
    assert all(len(node.children) <= 4 for node in plan.nodes)
    assert plan.path_up("H040")[-1] == plan.root
