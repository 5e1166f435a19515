"""The merge tree at work: nothing depends on the order of replies or inputs, on the model's window or its manners."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from engine.llm.scripted.analysts import TOPICS
from engine.llm.scripted.faults import Weather
from engine.llm.scripted.replies import Given
from engine.llm.scripted.settings import Settings
from tests.engine.merging import S0, accounted, all_edits, bench, pool, proposed, tree_files
from workspace.edits.apply import conflicts
from workspace.edits.patch import Patch, Replace, edit_text
from workspace.guard.guard import settle
from workspace.merging.tree import load_plan
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder


def lessons(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """(topic, one of its wordings), dealt out at random."""
    dice = random.Random(seed)
    return [(topic[0], dice.choice(topic[1])) for topic in (dice.choice(TOPICS) for _ in range(count))]


def topics(count: int, shuffled: int = 0) -> dict[str, Patch]:
    rows = lessons(count)
    order = list(range(count))
    if shuffled:
        random.Random(shuffled).shuffle(order)
    patches = [proposed(n, rows[place][1], task=f"task-{place}") for n, place in enumerate(order, 1)]
    return pool(*patches)


def told(run: RunFolder, kind: type[e.Event]) -> list[e.Event]:
    return [event for event, _ in read_events(run.journal) if isinstance(event, kind)]


async def test_replies_in_any_order_give_the_same_tree_to_the_byte(tmp_path: Path) -> None:
    trees: list[dict[str, bytes]] = []
    for n in range(3):
        rough = Settings(weather=Weather(n, 0.02, "stragglers"))
        async with bench(tmp_path / str(n), rough, fan_in=4) as at_work:
            await at_work.merge(topics(40))
            trees.append(tree_files(at_work.run))
    assert trees[0] == trees[1] == trees[2]
    assert len(trees[0]) > 10


@pytest.mark.parametrize("way", ["joint", "guided"])
async def test_shuffled_traces_give_the_same_support_for_the_same_idea(tmp_path: Path, way: str) -> None:
    found: list[Counter[tuple[str, ...]]] = []
    for n in range(3):
        async with bench(tmp_path / str(n), fan_in=4, way=way) as at_work:
            outcome = await at_work.merge(topics(48, shuffled=n))
            assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(topics(48)))
            found.append(Counter(edit.support for edit in outcome.edits))
    assert found[0] == found[1] == found[2]


# --- the window ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
async def test_a_small_window_costs_calls_but_no_edit_and_no_node(tmp_path: Path, tells: bool) -> None:
    patches = topics(64)
    async with bench(tmp_path, Settings(context=800, tells=tells), fan_in=32) as at_work:
        outcome = await at_work.merge(patches)
        assert at_work.crew.failures == {}
    assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(patches))
    assert len(outcome.edits) < 40
    plan_file = at_work.seed.folder.plan
    plan = load_plan(plan_file.read_text(), plan_file)
    notes = [event.text for event in told(at_work.run, e.NoteLeft) if isinstance(event, e.NoteLeft)]
    parts = [event for event in told(at_work.run, e.MergeStarted) if isinstance(event, e.MergeStarted)]
    assert any(event.parts > 1 for event in parts)
    if tells:
        assert plan.window == 800
        assert 2 <= plan.fan_in < 32
        assert notes == [f"fan-in {plan.fan_in} instead of 32: the merger's window of 800 tokens holds no more"]
    else:
        assert (plan.window, plan.fan_in) == (0, 32)
        assert "scripted = 800" in at_work.run.endpoints.read_text()


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("way", ["joint", "guided"])
async def test_a_server_that_counts_the_reply_into_its_window_is_asked_for_less(
    tmp_path: Path, tells: bool, way: str
) -> None:
    """The merger's 8,192 tokens of reply alone are more than this window."""
    patches = topics(40)
    async with bench(tmp_path, Settings(context=2000, tells=tells, whole=True), fan_in=16, way=way) as at_work:
        outcome = await at_work.merge(patches)
        assert at_work.crew.failures == {}
    assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(patches))
    reasons = [edit.reason for edit in outcome.edits if len(edit.sources) > 1]
    kept = [reason for reason in reasons if "holds no two" in reason]
    assert len(outcome.edits) < 30
    assert kept == []


async def test_what_a_refusal_told_changes_nothing_but_the_number_of_calls(tmp_path: Path) -> None:
    """The same tree whether a node was the first one refused or knew before: no result depends on timing."""
    trees: list[dict[str, bytes]] = []
    for n in range(2):
        rough = Settings(context=900, weather=Weather(n, 0.02, "stragglers"))
        async with bench(tmp_path / str(n), rough, fan_in=16) as at_work:
            await at_work.merge(topics(64))
            trees.append(tree_files(at_work.run))
    assert trees[0] == trees[1]


# --- failed nodes ----------------------------------------------------------------------------------------------------


async def test_a_node_that_fails_hands_all_its_edits_up_and_is_reported(tmp_path: Path) -> None:
    refused = {"merger": (Given("no", status=422),)}
    patches = topics(20)
    async with bench(tmp_path, Settings(replies=refused), fan_in=4) as at_work:
        outcome = await at_work.merge(patches)
        failures = dict(at_work.crew.failures)
    assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(patches))
    assert outcome.dropped == {}
    assert len(failures) == len(told(at_work.run, e.MergeFailed)) == 8
    assert all("422" in reason for reason in failures.values())


# --- the way is on the journal -------------------------------------------------------------------------------------


async def test_the_choice_of_the_way_and_the_fallback_are_journalled_with_their_reason(tmp_path: Path) -> None:
    prose = {"merger": (Given("I am sorry, but I cannot do that."),)}
    async with bench(tmp_path, Settings(replies=prose), fan_in=8) as at_work:
        outcome = await at_work.merge(topics(6))
    first, second = told(at_work.run, e.MergeStarted)
    assert isinstance(first, e.MergeStarted)
    assert isinstance(second, e.MergeStarted)
    assert (first.way, first.why) == ("joint", "its model answers in JSON")
    assert second.way == "guided"
    assert "no JSON object" in second.why
    assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(topics(6)))


async def test_two_groups_on_the_same_lines_are_asked_about_once_and_then_handed_up(tmp_path: Path) -> None:
    same = {"groups": [{"from": ["e1"], "text": "", "reason": ""}, {"from": ["e2"], "text": "", "reason": ""}]}
    one = Patch(id="t001", base="x", edits=(Replace(id="t001-E1", block="b5", text="- A.", support=("a",)),))
    two = Patch(id="t002", base="x", edits=(Replace(id="t002-E1", block="b5", text="- B.", support=("b", "c")),))
    async with bench(tmp_path, Settings(replies={"merger": (Given(json.dumps(same)),)}), fan_in=4) as at_work:
        outcome = await at_work.merge(pool(one, two))
        assert [(c.a, c.b) for c in conflicts(at_work.seed.s0, outcome.edits)] == [("t001-E1", "t002-E1")]
    settled = settle(S0, outcome.edits)
    assert ([x.id for x in settled.kept], [w.edit.id for w in settled.withheld]) == (["t002-E1"], ["t001-E1"])
    asked = told(at_work.run, e.CallRetried)
    assert len(asked) == 1
    assert isinstance(asked[0], e.CallRetried)
    assert "same lines" in asked[0].reason


async def test_what_a_person_pinned_keeps_its_words_and_its_place_at_every_level(tmp_path: Path) -> None:
    patches = topics(30)
    own = proposed(31, "Look at the input before you change anything, says the house.", pinned=True)
    other = proposed(32, "Look at the input first; the house insists on it.", pinned=True)
    async with bench(tmp_path, fan_in=4, way="guided") as at_work:
        outcome = await at_work.merge({**patches, **pool(own, other)})
    for patch in (own, other):
        kept = [x for x in outcome.edits if patch.edits[0].id in x.sources]
        assert [(edit_text(x), x.pinned) for x in kept] == [(edit_text(patch.edits[0]), True)]
