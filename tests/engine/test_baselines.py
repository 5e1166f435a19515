"""Baselines in parts: batches and parts of a pool, what a row says, and what a part of a run cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.baselines.compare import NAMES, Asked, wanted
from engine.baselines.costs import Cost, cost, making, measuring
from engine.baselines.one_pass import parted
from engine.baselines.portion import Portion, portion
from engine.baselines.sequential import batched
from engine.baselines.table import Row, with_scores
from engine.baselines.text import below
from engine.stages.retell import ALL_CHARS, LEAST_CHARS
from workspace.errors import InputError
from workspace.evidence.difference import Test, spread
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.run import RunFolder
from workspace.skills.skill import Skill
from workspace.trajectory import Trajectory

POOL = [Trajectory(id=f"t{n:03d}", task=f"task-{n}") for n in range(1, 11)]
TEST = Test(0.05, 1, 4)
ROW = Row(name="one-pass", about="one agent", state="measured")


def _names(parts: list[list[Trajectory]]) -> list[list[str]]:
    return [[one.id for one in part] for part in parts]


def test_a_sequence_takes_every_trajectory_once_and_in_order() -> None:
    assert _names(batched(POOL, 4)) == [
        ["t001", "t002", "t003", "t004"],
        ["t005", "t006", "t007", "t008"],
        ["t009", "t010"],
    ]
    assert [len(batch) for batch in batched(POOL, 1)] == [1] * 10


@given(st.integers(1, 60), st.integers(0, 70))
def test_a_pool_is_parted_evenly_and_whole(count: int, most: int) -> None:
    pool = [Trajectory(id=f"t{n}", task="") for n in range(count)]
    parts = parted(pool, most)
    assert [one for part in parts for one in part] == pool
    sizes = [len(part) for part in parts]
    assert max(sizes) <= max(1, most)
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-count // max(1, most))


@given(
    st.lists(st.integers(0, 30_000), max_size=40), st.integers(0, 10), st.integers(0, 300_000), st.integers(0, 5_000)
)
def test_what_is_chosen_of_a_pool_fits_and_one_more_would_not(
    sizes: list[int], per_call: int, room: int, besides: int
) -> None:
    found = portion(sizes, per_call, room, besides)

    def takes(count: int, share: int) -> int:
        return -(-count // max(1, per_call)) * besides + sum(min(size, share) for size in sizes[:count])

    assert takes(found.most, found.share) <= room
    assert LEAST_CHARS <= found.share <= ALL_CHARS
    assert found.most == len(sizes) or takes(found.most + 1, LEAST_CHARS) > room
    assert not found.most or found.share == ALL_CHARS or takes(found.most, found.share + 1) > room


def test_a_pool_that_fits_is_read_whole() -> None:
    assert portion([400] * 10, 240, 10_000, 2_000) == Portion(10)
    assert not portion([400] * 10, 240, 10_000, 2_000).cuts([400] * 10)
    assert portion([400] * 10, 240, 3_000, 2_000).most == 2
    assert portion([9_000] * 3, 240, 17_000, 2_000).cuts([9_000] * 3)
    assert portion([400], 240, 2_399, 2_000).most == 0


def test_all_baselines_are_made_in_one_order_and_a_name_is_checked() -> None:
    names = [one.name for one in wanted(Asked())]
    assert names == ["s0", "no-skill", "sequential-1", "sequential-4", "one-pass", "examples", "retrieval"]
    assert [one.name for one in wanted(Asked(only=("retrieval", "sequential"), batches=(3, 3)))] == [
        "sequential-3",
        "retrieval",
    ]
    with pytest.raises(InputError, match=f"no baseline 'luck'; there are {', '.join(NAMES)}"):
        wanted(Asked(only=("luck",)))


def test_the_interval_of_a_rate_does_not_shut_at_its_ends() -> None:
    right = {f"t{n}": (1.0,) for n in range(12)}
    low, high = spread(right, TEST)
    assert (low, high) == (pytest.approx(12 / (12 + 1.96**2), abs=1e-4), 1.0)  # Wilson 1927, 12 of 12


def test_scores_between_0_and_1_are_resampled() -> None:
    low, high = spread({f"t{n}": (n / 10,) for n in range(11)}, TEST)
    assert 0.2 < low < 0.5 < high < 0.8


def test_a_difference_is_tested_in_pairs_and_corrected_for_all_that_are_compared() -> None:
    own = {f"t{n}": (1.0,) for n in range(12)}
    row = with_scores(ROW, {f"t{n}": (float(n < 3),) for n in range(12)}, own, TEST)
    assert (row.mean, row.difference, row.fixed, row.broken) == (0.25, 0.75, 9, 0)
    assert row.p == pytest.approx(4 * 2 / 2**9)  # nine changed pairs, all of one direction


def test_too_few_common_tasks_give_a_difference_without_a_p() -> None:
    own = {f"t{n}": (1.0,) for n in range(5)}
    row = with_scores(ROW, {f"t{n}": (0.0,) for n in range(5)}, own, TEST)
    assert (row.difference, row.p) == (1.0, None)
    assert with_scores(ROW, {"x": (0.0,)}, own, TEST).difference is None
    assert with_scores(ROW, {}, own, TEST) == ROW


def test_a_text_below_a_skill_leaves_the_skill_as_it_is() -> None:
    skill = Skill(name="a", files={"SKILL.md": "---\nname: a\n---\n\n# A\n", "references/b.md": "b"})
    more = below(skill, "Examples", "- one")
    assert more.body == "---\nname: a\n---\n\n# A\n\n## Examples\n\n- one\n"
    assert more.text("references/b.md") == "b"


# --- what a part of a run cost -------------------------------------------------------------------------------------


def _journal(run: RunFolder, *events: tuple[float, Event]) -> None:
    rows = [event.model_copy(update={"seq": n, "t": t}) for n, (t, event) in enumerate(events, 1)]
    run.journal.write_text("".join(dump_event(row) + "\n" for row in rows))


def _queued(name: str, stage: e.Stage) -> Event:
    return e.AgentQueued(agent=name, role="analyst", unit=name, stage=stage)


def _call(name: str, prompt: int | None, completion: int) -> str:
    reply = {"text": "word " * 8, "prompt_tokens": prompt, "completion_tokens": completion}
    return json.dumps({"key": name, "agent": name, "turn": 1, "characters": 400, "reply": reply}) + "\n"


def _run(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    _journal(
        run,
        (0.0, e.RunStarted(run="r", skill="s", model="m")),
        (0.1, _queued("analyst-t001", "analyse")),
        (0.1, _queued("analyst-t002", "analyse")),
        (0.1, _queued("solver-validation-s0-t001", "validate")),
        (1.0, e.AgentStarted(agent="analyst-t001")),
        (2.0, e.AgentStarted(agent="analyst-t002")),
        (3.0, e.AgentFinished(agent="analyst-t001")),
        (4.0, e.AgentFinished(agent="analyst-t002")),
        (9.0, e.AgentStarted(agent="analyst-t001")),  # and then it was killed
        (0.0, e.RunResumed(fresh=True)),
        (20.0, e.AgentStarted(agent="solver-validation-s0-t001")),
        (20.5, e.AgentFinished(agent="solver-validation-s0-t001")),
    )
    calls = [_call("analyst-t001", 100, 10), _call("analyst-t002", None, 10), _call("solver-validation-s0-t001", 7, 1)]
    run.calls.write_text("".join(calls) + _call("stranger", 5, 5) + '{"key": "cut')
    return run


def test_time_counts_once_where_agents_work_side_by_side_and_ends_with_a_killed_life(tmp_path: Path) -> None:
    found = cost(_run(tmp_path), making)
    assert found == Cost(calls=2, prompt=200, completion=20, seconds=3.0)  # 400 characters are 100 tokens


def test_trying_held_out_tasks_is_counted_apart(tmp_path: Path) -> None:
    assert cost(_run(tmp_path), measuring) == Cost(calls=1, prompt=7, completion=1, seconds=0.5)


def test_a_run_without_calls_cost_nothing(tmp_path: Path) -> None:
    assert cost(RunFolder(tmp_path), making) == Cost()
