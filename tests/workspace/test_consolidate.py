"""Conservation and support: whatever a model answers, no edit vanishes and the program counts."""

import time

from hypothesis import given
from hypothesis import strategies as st

from workspace.edits.patch import AppendToSection, Delete, Dropped, Edit, edit_text
from workspace.merging.consolidate import (
    Group,
    MergeReply,
    aliases,
    group_alike,
    lost,
    merged_edit,
    outvoted,
    reconcile,
)
from workspace.merging.ledger import Ending, Loss, edit_rows, lesson_rows, unaccounted


def edit(
    number: int, text: str = "", *, tasks: tuple[str, ...] = (), pinned: bool = False, section: str = "b2"
) -> Edit:
    name = f"t{number:03d}"
    return AppendToSection(
        id=f"{name}-E1",
        section=section,
        text=text or f"- rule {number}",
        lessons=(f"{name}-L1",),
        support=tasks or (name,),
        pinned=pinned,
    )


NAMES = st.sampled_from(["e1", "e2", "e3", "e4", "e5", "e9", ""])
GROUPS = st.builds(Group, sources=st.lists(NAMES, max_size=6).map(tuple), text=st.text(max_size=8))
DROPS = st.builds(Dropped, id=NAMES.filter(bool), reason=st.text(max_size=5))
REPLIES = st.builds(
    MergeReply, groups=st.lists(GROUPS, max_size=5).map(tuple), dropped=st.lists(DROPS, max_size=5).map(tuple)
)


@given(REPLIES, st.lists(st.booleans(), min_size=5, max_size=5))
def test_any_reply_leaves_every_edit_in_one_group_or_dropped_or_missing(reply: MergeReply, pins: list[bool]) -> None:
    named = aliases([edit(n, pinned=pin) for n, pin in enumerate(pins, 1)])
    result = reconcile(named, reply)
    grouped = [alias for group in result.groups for alias in group.sources]
    assert sorted([*grouped, *(d.id for d in result.dropped), *result.missing]) == sorted(named)
    assert not any(named[d.id].pinned for d in result.dropped)


@given(REPLIES)
def test_no_source_edit_is_lost_and_support_is_the_union_of_tasks(reply: MergeReply) -> None:
    edits = [edit(n, tasks=(f"task{n % 2}", f"task{n}")) for n in range(1, 6)]
    named = aliases(edits)
    result = reconcile(named, reply)
    outputs = [
        merged_edit(f"m1-01-E{n}", [named[a] for a in g.sources], g.text, "") for n, g in enumerate(result.groups)
    ]
    outputs += [named[a] for a in result.missing]
    assert lost(edits, outputs, [named[d.id].id for d in result.dropped]) == ()
    for output in outputs:
        behind = {task for e in edits if e.id in output.sources for task in e.support}
        assert set(output.support) == behind


def test_an_id_claimed_twice_goes_to_the_group_that_is_most_like_it() -> None:
    named = aliases([edit(1, "- write dates as DD-MON-YYYY"), edit(2, "- always recalculate")])
    reply = MergeReply(
        groups=(
            Group(sources=("e1", "e2"), text="- recalculate the sheet always"),
            Group(sources=("e1",), text="- dates as DD-MON-YYYY"),
        )
    )
    result = reconcile(named, reply)
    assert [g.sources for g in result.groups] == [("e2",), ("e1",)]


def test_a_lone_edit_whose_words_stay_keeps_its_id() -> None:
    only = edit(4)
    assert merged_edit("m1-01-E1", [only], "", "why") is only


def test_the_program_groups_by_place_and_words() -> None:
    a, b = edit(1, "- Write dates as DD-MON-YYYY"), edit(2, "- write dates as dd-mon-yyyy.")
    c, d = edit(3, "- Sort the rows first"), edit(4, "- Write dates as DD-MON-YYYY", section="b9")
    gone, too = Delete(id="x1", block="b3"), Delete(id="x2", block="b3")
    assert group_alike([a, b, c, d, gone, too]) == [[a, b], [c], [d], [gone, too]]


def test_every_lesson_and_edit_gets_one_fate_and_a_hole_is_seen() -> None:
    proposed = [edit(1), edit(2), edit(3)]
    merged = merged_edit("m1-01-E1", proposed[:2], "- both", "")
    rows = edit_rows(proposed, [Ending(merged, "in_skill")], {"t003-E1": Loss("t003-E1", "dropped", "says nothing")})
    assert [(r.id, r.state, r.edit) for r in rows] == [
        ("t001-E1", "in_skill", "m1-01-E1"),
        ("t002-E1", "in_skill", "m1-01-E1"),
        ("t003-E1", "dropped", ""),
    ]
    lessons = ["t001-L1", "t002-L1", "t003-L1", "t009-L1"]
    told = lesson_rows(lessons, proposed, rows, {})
    assert [r.state for r in told] == ["in_skill", "in_skill", "dropped"]
    assert unaccounted(lessons, told) == ("t009-L1",)


def test_the_same_words_with_another_form_are_no_duplicates_and_support_decides() -> None:
    many = edit(1, "- Write the date in the format DD-MON-YYYY.", tasks=("a", "b", "c"))
    few = edit(2, "- Write the date in the format MM-DD-YYYY.", tasks=("d",))
    longer = edit(3, "- The date is written in the format DD-MON-YYYY, where DD is the day.", tasks=("e",))
    assert group_alike([many, few, longer]) == [[many, longer], [few]]
    assert outvoted([many, few, longer]) == {few.id: many}
    pinned = few.model_copy(update={"pinned": True})
    assert outvoted([many, pinned]) == {many.id: pinned}


def test_rules_for_other_cases_are_no_contradiction() -> None:
    amber = edit(1, "- Tickets about charges and invoices go to the queue AMBER.", tasks=("a", "b"))
    slate = edit(2, "- Tickets about passwords and signing in go to the queue SLATE.")
    assert outvoted([amber, slate]) == {}


# --- order, places, people ---------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["- Write dates as DD-MON-YYYY.", "- write dates as DD-MON-YYYY", "- Write dates as YYYY-MM-DD.", "- Sort rows.",
     "- Always sort the rows.", "- Sort the rows by name.", "- Recalculate the sheet.", "- x"]
)  # fmt: skip


@st.composite
def several(draw: st.DrawFn) -> list[Edit]:
    rows = draw(st.lists(st.tuples(WORDS, st.sampled_from(["b2", "b3"]), st.integers(0, 9), st.booleans()), max_size=9))
    return [
        edit(n, text, section=block, tasks=(f"k{task}",), pinned=pinned and task == 0)
        for n, (text, block, task, pinned) in enumerate(rows, 1)
    ]


def as_sets(groups: list[list[Edit]]) -> set[frozenset[str]]:
    return {frozenset(x.id for x in group) for group in groups}


@given(several(), st.data())
def test_groups_and_votes_do_not_depend_on_the_order_of_the_edits(edits: list[Edit], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(edits))
    assert as_sets(group_alike(shuffled)) == as_sets(group_alike(edits))
    assert {k: v.id for k, v in outvoted(shuffled).items()} == {k: v.id for k, v in outvoted(edits).items()}


@given(several(), st.data())
def test_a_merged_edit_does_not_depend_on_the_order_of_its_sources(edits: list[Edit], data: st.DataObject) -> None:
    if edits:
        merged = [merged_edit("m", order, "", "") for order in (edits, data.draw(st.permutations(edits)))]
        assert edit_text(merged[0]) == edit_text(merged[1])
        assert merged[0].support == merged[1].support
        assert set(merged[0].sources) == set(merged[1].sources) == {x.id for x in edits}


@given(several(), REPLIES, st.integers(1, 4))
def test_a_pinned_edit_keeps_its_words_through_any_number_of_merges(
    edits: list[Edit], reply: MergeReply, levels: int
) -> None:
    pinned = {x.id: edit_text(x) for x in edits if x.pinned}
    rows = edits
    for level in range(levels):
        named = aliases(rows)
        result = reconcile(named, reply)
        made = [[named[a] for a in g.sources] for g in result.groups] if level % 2 else group_alike(rows)
        left = [named[a] for a in result.missing] if level % 2 else []
        rows = [merged_edit(f"m{level}-E{n}", group, "- other words", "") for n, group in enumerate(made, 1)] + left
        gone = {s for d in result.dropped for s in named[d.id].sources} if level % 2 else set[str]()
        assert not gone & pinned.keys()
    for name, text in pinned.items():
        kept = [x for x in rows if name in x.sources]
        assert [(edit_text(x), x.pinned) for x in kept] == [(text, True)]


def test_a_removal_is_never_merged_away_into_words_or_into_another_removal() -> None:
    named = aliases([edit(1), Delete(id="d1", block="b7", support=("t1", "t2")), Delete(id="d2", block="b8")])
    result = reconcile(named, MergeReply(groups=(Group(sources=("e1", "e2", "e3"), text="- all", reason="one"),)))
    assert [g.sources for g in result.groups] == [("e1",), ("e2",), ("e3",)]


def test_a_drop_without_a_reason_is_no_drop() -> None:
    named = aliases([edit(1), edit(2)])
    assert reconcile(named, MergeReply(dropped=(Dropped(id="e1"), Dropped(id="e2", reason=" ")))).missing == (
        "e1",
        "e2",
    )


def test_words_that_no_skill_may_hold_give_way_to_the_best_ones() -> None:
    one, two = edit(1, "- short rule"), edit(2, "- short rule.", tasks=("a", "b"))
    for text in ("- x\n```\nnever closed", "- " + "word " * 3000, " \n "):
        assert edit_text(merged_edit("m", [one, two], text, "")) == "- short rule."
    assert edit_text(merged_edit("m", [one, two], "⟦b4⟧\n- The ⟦b5⟧rule.", "")) == "- The rule."


def test_a_large_pool_is_grouped_in_time_that_grows_with_its_size() -> None:
    verbs = ["save", "trim", "sort", "count", "check", "merge", "copy", "round", "lock", "print"]
    things = ["sheet", "cell", "row", "table", "header", "chart", "filter", "label", "query", "total"]
    rows = [f"- Always {v} the {t} of case {n}." for n in range(30) for v in verbs for t in things]
    began = time.process_time()
    groups = group_alike([edit(n, text) for n, text in enumerate(rows, 1)])
    assert sum(map(len, groups)) == 3000
    assert time.process_time() - began < 5
