"""What a changed lesson makes again: its own path up, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.edits.patch import AppendToSection, Patch
from workspace.files import write_text
from workspace.merging.tree import Plan, dump_plan, make_plan
from workspace.origins.redo import Done, Redo, done_so_far, redo, redo_in, unit_of
from workspace.runs.run import RunFolder

REPLY = '{"turn": 1, "role": "assistant", "text": "\\"role\\": \\"assistant\\""}\n'


def _plan(count: int, fan_in: int = 3) -> Plan:
    names = [f"t{n:03d}" for n in range(1, count + 1)]
    edits = {n: (AppendToSection(id=f"{n}-E1", section="b1", text=f"rule of {n}"),) for n in names}
    return make_plan({n: Patch(id=n, base="0", edits=edits[n]) for n in names}, fan_in, "given")


def _done(plan: Plan, **more: object) -> Done:
    merges = frozenset(node.id for node in plan.nodes)
    return Done(patches=frozenset(plan.patches), merges=merges, settled=True)._replace(**more)  # type: ignore[arg-type]


def test_one_lesson_redoes_its_proposal_its_path_to_the_root_and_all_behind_it() -> None:
    plan = _plan(9)
    found = redo(plan, [unit_of("t004-L2")], _done(plan, validation=12, test=40, rounds=(2,)))
    assert found == Redo(("t004",), ("m1-02", "m2-01"), True, 12, 40, (2,))


def test_two_lessons_of_one_trajectory_redo_it_once() -> None:
    plan = _plan(9)
    units = [unit_of(name) for name in ("t004-L1", "t004-L2", "t005-L1")]
    assert redo(plan, units, _done(plan)).propose == ("t004", "t005")
    assert redo(plan, units, _done(plan)).merges == ("m1-02", "m2-01")


def test_before_there_is_a_plan_only_the_proposal_is_made_again() -> None:
    assert redo(None, ["t001"], Done(patches=frozenset({"t001"}))) == Redo(("t001",))


def test_what_nobody_has_read_yet_costs_nothing() -> None:
    assert redo(_plan(9), ["t001"], Done()) == Redo()


def test_merges_that_are_not_done_yet_are_not_made_again() -> None:
    plan = _plan(9)
    done = Done(patches=frozenset(plan.patches), merges=frozenset({"m1-01"}))
    assert redo(plan, ["t001"], done) == Redo(("t001",), ("m1-01",))


def test_a_new_lesson_of_ones_own_joins_a_merge_and_redoes_what_is_above() -> None:
    plan = _plan(8)
    assert redo(plan, ["H001"], _done(plan), new=["H001"])[:3] == (("H001",), ("m1-03", "m2-01"), True)
    full = _plan(9)
    grown = redo(full, ["H001"], _done(full), new=["H001"])
    assert grown.merges[0] == "m1-04"
    assert grown.merges[-1] == "m3-01"


def test_a_lesson_that_is_gone_is_not_proposed_again_but_what_read_it_is_merged_again() -> None:
    plan = _plan(9)
    assert redo(plan, ["t004"], _done(plan), gone=["t004"])[:2] == ((), ("m1-02", "m2-01"))


@given(st.integers(1, 60), st.integers(2, 9), st.data())
def test_nothing_beside_the_path_is_redone(count: int, fan_in: int, data: st.DataObject) -> None:
    plan = _plan(count, fan_in)
    units = data.draw(st.lists(st.sampled_from(plan.patches), min_size=1, unique=True))
    found = redo(plan, units, _done(plan))
    touched = {*units, *found.merges}
    assert all(touched & set(node.children) for node in plan.nodes if node.id in found.merges)
    assert all(not touched & set(node.children) for node in plan.nodes if node.id not in found.merges)
    assert not plan.nodes or found.merges[-1] == plan.root


# --- on the disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Candidate 1 of round 1, settled and judged: eight patches, three merges on the lowest level."""
    run, plan = RunFolder(tmp_path / "r"), _plan(8)
    seed = run.round(1).seed(1)
    for name in plan.patches:
        write_text(seed.patches / f"{name}.toml", "")
        write_text(run.agent(f"proposer-s1-{name}"), REPLY)
    for node in plan.nodes:
        write_text(seed.tree / f"{node.id}.toml", "")
        write_text(run.agent(f"merger-s1-{node.id}"), REPLY * 2)
    write_text(seed.plan, dump_plan(plan))
    write_text(seed.ledger, "")
    write_text(run.round(1).verdict, "")
    for split, tries in (("validation", 3), ("test", 5)):
        for side in ("base", "s0", "s1"):
            for n in range(tries):
                write_text(run.round(1).validation(split, side) / f"t{n}.jsonl", "")
    return run


def test_calls_are_counted_from_what_the_same_units_took(run: RunFolder) -> None:
    found = redo_in(run, 1, 1, ["t001"])
    assert found.table() == {
        "propose": ["t001"],
        "merges": ["m1-01", "m2-01"],
        "settle": True,
        "validation": 3,
        "test": 5,
        "rounds": [],
        "calls": 1 + 2 * 2 + 3 + 5,
    }


def test_a_unit_that_never_asked_a_model_costs_a_call_only_where_its_like_do(run: RunFolder) -> None:
    new = redo_in(run, 1, 1, ["H001"], new=["H001"])
    assert new.calls == 1 + 2 * 2 + 3 + 5
    for path in run.agent("x").parent.glob("proposer-*"):
        path.unlink()
    assert redo_in(run, 1, 1, ["H001"], new=["H001"]).calls == new.calls - 1


def test_without_a_verdict_nothing_is_tried_again(run: RunFolder) -> None:
    run.round(1).verdict.unlink()
    assert (done_so_far(run, 1, 1).validation, done_so_far(run, 1, 1).test) == (0, 0)


def test_a_later_round_begins_anew_with_all_its_calls(run: RunFolder) -> None:
    (run.round(2).path / "s0").mkdir(parents=True)
    for agent in ("solver-r2-t001", "analyst-r2-s1-t001", "solver-r2-validation-s0-t001"):
        write_text(run.agent(agent), REPLY)
    found = redo_in(run, 1, 1, ["t001"])
    assert (found.rounds, found.calls) == ((2,), 1 + 2 * 2 + 3 + 5 + 3)
    assert redo_in(run, 2, 0, ["t001"]) == Redo()
