"""The nodes of a cluster on the screen: who works, who is lost and why, and a run that waits until somebody is back."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from t2s_tui.feed import Feed
from t2s_tui.narrate import Narrator
from t2s_tui.theme import Look
from t2s_tui.widgets.machine import Machine
from t2s_tui.widgets.workers import sums, table
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.test_screens import shown, text, until, wishes
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.run import RunFolder, load_view
from workspace.runs.view_rows import WorkerRow


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


def tell(run: RunFolder, *events: Event) -> None:
    view = load_view(run).view
    stamp = {"time": view.now + 1, "t": view.last_t + 1}
    with run.journal.open("a", encoding="utf-8") as journal:
        for number, event in enumerate(events, view.seq + 1):
            journal.write(dump_event(event.model_copy(update={"seq": number, **stamp})) + "\n")


def joined(count: int, cores: int = 4) -> list[Event]:
    return [e.WorkerJoined(node=f"host{n:02d}/ab12cd", cores=cores, level="namespaces") for n in range(1, count + 1)]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_machine_room_says_what_each_node_has_to_do(run: RunFolder, size: tuple[int, int]) -> None:
    tell(run, *joined(2), e.WorkerCounted(node="host01/ab12cd", sessions=12, busy=3))
    async with shown(run, size=size) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "3 jobs on 8 cores" in text(app))
        app.screen.query_one(Machine).filter("host01")
        await until(pilot, lambda: "host01/ab12cd" in text(app))
        rows = text(app).splitlines()
        (first,) = (row for row in rows if "host01/ab12cd" in row)
        assert "3/4" in first
        assert "12" in first
        assert any("2 nodes, 12 folders  sandbox nam" in row for row in rows)


async def test_nodes_that_do_not_work_are_told_with_the_reason(run: RunFolder) -> None:
    lost = [e.WorkerLost(node=f"host0{n}/ab12cd", reason="its node left the cluster", sessions=2) for n in (2, 3)]
    tell(run, *joined(3), *lost, e.WorkerRefused(node="old/000000", reason="it has version 0.0.9 of this program"))
    async with shown(run, size=(100, 36)) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "2 lost  1 refused" in text(app))
        assert "host02/ab12cd, host03/ab12cd are lost: its node left the cluster" in text(app)
        assert "old/000000 is not used: it has version 0.0.9" in text(app)
        assert "2 nodes lost" in text(app).splitlines()[-2]


async def test_many_nodes_are_summed_up_and_all_can_be_scrolled_to(run: RunFolder) -> None:
    tell(run, *joined(64), *(e.WorkerCounted(node=f"host{n:02d}/ab12cd", sessions=2, busy=1) for n in range(1, 65)))
    async with shown(run, size=(80, 24)) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "64 jobs on 256 cores" in text(app))
        assert "64 nodes, 128 folders" in text(app)
        machine = app.screen.query_one(Machine)
        machine.filter("host64")
        await until(pilot, lambda: "host64/ab12cd" in text(app))


async def test_a_run_without_a_worker_says_why_and_that_it_goes_on_by_itself(run: RunFolder) -> None:
    gone = "the Ray cluster does not answer: TimeoutError"
    held = [e.WorkerLost(node="host01/ab12cd", reason="the cluster is gone"), e.RunPaused(why="workers", detail=gone)]
    tell(run, *joined(1), *held)
    async with shown(run) as (app, pilot):
        await until(pilot, lambda: "no worker is left; it goes on when one is there" in text(app))
        assert f"Paused: {gone}" in text(app)
        assert "goes on by itself; space keeps it paused" in text(app)
        await pilot.press("space")
        await until(pilot, lambda: wishes(run) == ["pause"])
        tell(run, e.WishGranted(wish="w", what="pause"), e.RunPaused(why="workers", detail=f"{gone}; paused by kim"))
        await until(pilot, lambda: "space goes on" in text(app))
        assert "it goes on when one is there" not in text(app)
        tell(run, *joined(1), e.RunResumed())
        await until(pilot, lambda: "no worker is left" not in text(app))


async def test_where_commands_run_on_this_machine_nothing_is_said_of_nodes(run: RunFolder) -> None:
    async with shown(run, size=(80, 24)) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "in flight" in text(app))
        assert "workers" not in text(app)
        assert "Nodes" not in text(app)


def test_nothing_is_at_work_on_the_nodes_of_an_engine_that_is_gone(run: RunFolder) -> None:
    tell(run, *joined(1), e.WorkerCounted(node="host01/ab12cd", sessions=3, busy=2))
    assert [(row.state, row.sessions, row.busy) for row in Feed(run).workers] == [("working", 0, 0)]
    tell(run, e.RunResumed(fresh=True))
    assert Feed(run).workers == []


def test_the_levels_of_a_mixed_cluster_are_counted() -> None:
    levels = ["namespaces", "process", "namespaces"]
    rows = [WorkerRow(node=f"n{n}", state="working", cores=1, level=level) for n, level in enumerate(levels)]
    _, said = sums(Look(), rows)
    assert "sandbox namespaces 2, process 1" in "".join(span.text for span in said)


@pytest.mark.parametrize("cells", [40, 60, 78, 120])
def test_names_of_any_length_stay_in_their_column(cells: int) -> None:
    names = ["n1", "x" * 300, "数式のセル" * 20, "\x1b[31mred\x1b[2J", "[bold]m[/] \u202egnirts"]
    rows = [WorkerRow(node=name, state="working", cores=4, level="process", busy=1) for name in names]
    lines = table(Look(), rows, cells)
    widths = {cell_len("".join(span.text for span in line.spans)) for line in lines[1:]}
    assert len(widths) == 1
    assert not any("\x1b" in span.text for line in lines for span in line.spans)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (e.WorkerJoined(node="a/1", cores=1, level="process"), "node a/1 takes work: 1 core, sandbox process"),
        (e.WorkerRefused(node="a/1", reason="no \x1b[31mroom"), "node a/1 is not used: no room"),
        (
            e.WorkerLost(node="a/1", reason="it left", sessions=3),
            "node a/1 is lost: it left; what it did in 3 folders is done again",
        ),
    ],
)
def test_the_plain_face_tells_of_nodes_that_come_and_go(event: Event, line: str) -> None:
    told = Narrator().tell(event)
    assert told is not None
    assert told.endswith(line)
