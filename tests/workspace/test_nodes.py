"""Which nodes ran a run's commands: in the summary, in both reports, and nowhere for a run without a cluster."""

from __future__ import annotations

from pathlib import Path

from workspace.files import write_text
from workspace.reports.html.gather import gather
from workspace.reports.html.page import page
from workspace.reports.markdown import markdown
from workspace.reports.nodes import nodes_said, used_nodes
from workspace.reports.summary import summary
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.run import RunFolder
from workspace.runs.view import fold

JOINED = [e.WorkerJoined(node=name, cores=4, level="namespaces", version="1") for name in ("a/1", "b/2")]
LOST = e.WorkerLost(node="b/2", reason="its node left the cluster", sessions=3)


def ended(folder: Path, *events: Event) -> RunFolder:
    run = RunFolder(folder / "run")
    write_text(run.config, 'format = 1\nkind = "run"\n')
    every = [e.RunStarted(run="run", skill="xlsx", model="m"), *events, e.RunFinished(state="finished", code=0)]
    write_text(
        run.journal, "".join(dump_event(one.model_copy(update={"seq": n})) + "\n" for n, one in enumerate(every, 1))
    )
    return run


def test_a_run_tells_which_nodes_it_used(tmp_path: Path) -> None:
    run = ended(tmp_path, *JOINED, e.WorkerRefused(node="c/3", reason="it has version 0"), LOST)
    rows = summary(run)["nodes"]
    assert [(row["node"], row["cores"], row["state"]) for row in rows] == [("a/1", 4, "working"), ("b/2", 4, "lost")]
    said = "2 nodes, 8 cores, sandbox namespaces; lost: b/2 (its node left the cluster)"
    assert f"Commands ran on a cluster: {said}." in markdown(run)
    assert said in page(gather(run))


def test_a_run_on_this_machine_says_nothing_of_nodes(tmp_path: Path) -> None:
    run = ended(tmp_path)
    assert summary(run)["nodes"] == []
    assert "cluster" not in markdown(run)


def test_nodes_of_an_earlier_engine_count_as_used() -> None:
    view = fold([*JOINED, e.RunResumed(fresh=True), e.WorkerJoined(node="d/4", cores=1)])
    assert [row.node for row in used_nodes(view)] == ["a/1", "b/2", "d/4"]


def test_of_many_lost_nodes_a_few_are_named() -> None:
    many = [e.WorkerJoined(node=f"n{n}", cores=1) for n in range(64)]
    view = fold([*many, *(e.WorkerLost(node=f"n{n}", reason="gone") for n in range(20))])
    said = nodes_said(used_nodes(view))
    assert said.startswith("64 nodes, 64 cores; lost: n0 (gone), n1 (gone)")
    assert said.endswith("n7 (gone) and 12 more")
