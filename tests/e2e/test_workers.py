"""Commands and verifiers on the nodes of a Ray cluster, seen from the shell: the same result as on this machine, also
when a node, the whole cluster or the engine dies in the middle."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ray_nodes import Nodes, ray_nodes
from tests.shell import Done, Shell, engine_pid, scripted, wait_until
from workspace.runs.run import RunFolder, alive

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.timeout(600)]
TASKS = 12
TIMES = re.compile(r"[A-Z][a-z]{2} +\d+ +\d\d:\d\d|call_[0-9a-f]+|key\W+[0-9a-f]{16}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the token of the cluster lies, which all commands of this file need."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def two_nodes(home: Path) -> Iterator[Nodes]:
    with ray_nodes({"HOME": str(home)}) as nodes:
        yield nodes


@pytest.fixture
def here(tmp_path: Path, home: Path) -> Shell:
    return Shell(tmp_path, HOME=str(home))


def task_set(folder: Path, count: int, seconds: float) -> None:
    """Tasks whose setup is a script beside them and whose check takes `seconds`; every other one cannot be passed."""
    for number in range(1, count + 1):
        task = folder / "tasks" / "evolve" / f"t{number:02d}"
        (task / "files").mkdir(parents=True)
        (task / "files" / "given.txt").write_text(f"number {number}\n")
        (task / "task.md").write_text(f"Leave a file result.txt that says done. This is number {number}.\n")
    (folder / "tasks" / "setup.sh").write_text("mkdir -p sub && ln -s ../given.txt sub/link && chmod 700 given.txt\n")
    check = json.dumps(["/bin/sh", "-c", f"sleep {seconds}; grep -q done result.txt && grep -q '[02468]$' given.txt"])
    lines = [f"check = {check}", 'setup = ["sh", "setup.sh"]', 'needs = ["result.txt"]']
    (folder / "tasks" / "domain.toml").write_text("\n".join(lines) + "\n")


def words(shell: Shell, url: str, workers: str, *more: object, seconds: float = 0.4) -> list[object]:
    tasks = shell.cwd / "tasks"
    task_set(shell.cwd, TASKS, seconds)
    return ["run", "--skill", shell.skill(), "--domain", tasks, "--evolve", TASKS, "--validation", 0, "--base-url", url,
            "--model", "scripted", "--limit", 8, "--yes", "--workers", workers, *more]  # fmt: skip


def ray(nodes: Nodes) -> str:
    return f"ray://{nodes.address}"


def made(run: RunFolder) -> dict[str, str]:
    """What a run has made; the clock in what `ls` says, and ids and keys which follow from it, stand for themselves."""
    files = [*run.round(1).trajectories.glob("*.jsonl"), *(run.round(1).path / "s0").rglob("*")]
    return {
        str(path.relative_to(run.path)): TIMES.sub("…", path.read_text()) for path in sorted(files) if path.is_file()
    }


def events(run: RunFolder, kind: str) -> list[dict[str, object]]:
    return [row for row in map(json.loads, run.journal.read_text().splitlines()) if row["kind"] == kind]


def actors() -> list[psutil.Process]:
    """Processes of Ray that have our hands in them."""
    found = list[psutil.Process]()
    for process in psutil.process_iter(["cmdline"]):
        if any("_Actor" in word for word in process.info["cmdline"] or ()):
            found.append(process)
    return found


def asleep(seconds: int) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", str(seconds)]]


@pytest.fixture(scope="module")
def on_this_machine(tmp_path_factory: pytest.TempPathFactory, home: Path) -> dict[str, str]:
    """What the same run makes with local workers."""
    shell = Shell(tmp_path_factory.mktemp("local"), HOME=str(home))
    with scripted() as url:
        done = shell.t2s(*words(shell, url, "local"), "--json")
    assert done.code == 0, done.err
    return made(shell.run())


def ended(shell: Shell) -> Done:
    """The last run, waited for."""
    wait_until(lambda: not alive(shell.run()), 240)
    return shell.t2s("show", "last", "--json")


def test_two_nodes_make_the_same_as_this_machine(
    here: Shell, two_nodes: Nodes, on_this_machine: dict[str, str]
) -> None:
    with scripted() as url:
        done = here.t2s(*words(here, url, ray(two_nodes)), "--json", timeout=240)
    assert done.code == 0, done.err
    run = here.run()
    assert made(run) == on_this_machine
    assert len(events(run, "worker.joined")) == 2
    assert {row["node"] for row in events(run, "worker.counted") if row["busy"]}, "no node had anything to do"
    assert not list((run.path / "work").glob("*"))


def test_a_node_that_dies_takes_nothing_with_it(here: Shell, home: Path, on_this_machine: dict[str, str]) -> None:
    with ray_nodes({"HOME": str(home)}) as nodes, scripted() as url:
        here.t2s(*words(here, url, ray(nodes), "--detach"), timeout=120)
        run = here.run()
        wait_until(lambda: sum(int(str(row["busy"])) for row in events(run, "worker.counted")) > 2, 60)
        nodes.kill(1)
        assert ended(here).json["state"] == "finished"
    assert len(events(run, "worker.lost")) == 1
    assert made(run) == on_this_machine
    saved = [str(row["trajectory"]) for row in events(run, "trajectory.saved")]
    assert sorted(saved) == sorted(set(saved)) and len(saved) == TASKS


def test_where_the_only_node_in_use_dies_another_one_takes_its_place(
    here: Shell, home: Path, on_this_machine: dict[str, str]
) -> None:
    with ray_nodes({"HOME": str(home)}, 3, head=0) as nodes, scripted() as url:
        here.t2s(*words(here, url, ray(nodes), "--worker-cpus", 1, "--detach"), timeout=120)
        run = here.run()
        wait_until(lambda: sum(int(str(row["busy"])) for row in events(run, "worker.counted")) > 0, 60)
        used = str(events(run, "worker.joined")[0]["node"]).partition("/")[2]
        nodes.kill(next(number for number, name in enumerate(nodes.ids) if name.startswith(used)))
        assert ended(here).json["state"] == "finished"
    assert len(events(run, "worker.joined")) == 2
    assert made(run) == on_this_machine


def test_a_cluster_that_is_gone_pauses_the_run_with_its_reason(here: Shell, home: Path) -> None:
    with scripted() as url:
        with ray_nodes({"HOME": str(home)}, 1) as nodes:
            here.t2s(*words(here, url, ray(nodes), "--detach", seconds=1), timeout=120)
            run = here.run()
            wait_until(lambda: events(run, "worker.counted"), 60)
        wait_until(lambda: any("Ray cluster" in str(row["detail"]) for row in events(run, "run.paused")), 120)
        assert {row["why"] for row in events(run, "run.paused")} == {"workers"}
        assert alive(run)
        here.t2s("stop", "last", "--now")
        wait_until(lambda: not alive(run), 60)


def test_a_cluster_that_comes_back_finds_the_run_waiting(
    here: Shell, home: Path, on_this_machine: dict[str, str]
) -> None:
    with scripted() as url:
        with ray_nodes({"HOME": str(home)}, 1) as nodes:
            here.t2s(*words(here, url, ray(nodes), "--detach"), timeout=120)
            run, port = here.run(), int(nodes.address.rpartition(":")[2])
            wait_until(lambda: events(run, "worker.counted"), 60)
        wait_until(lambda: events(run, "run.paused"), 120)
        with ray_nodes({"HOME": str(home)}, 1, port=port):
            assert ended(here).json["state"] == "finished"
    assert made(run) == on_this_machine


def test_kill_9_leaves_no_hands_and_a_resume_makes_the_same(
    here: Shell, two_nodes: Nodes, on_this_machine: dict[str, str]
) -> None:
    with scripted() as url:
        here.t2s(*words(here, url, ray(two_nodes), "--detach"), timeout=120)
        run = here.run()
        wait_until(lambda: sum(int(str(row["sessions"])) for row in events(run, "worker.counted")[-2:]) > 4, 60)
        assert actors()
        os.kill(engine_pid(run), signal.SIGKILL)
        wait_until(lambda: not actors(), 30)
        done = here.t2s("resume", "last", "--json", timeout=240)
    assert done.code == 0, done.err
    assert made(run) == on_this_machine


def test_a_run_that_is_stopped_leaves_no_hands(here: Shell, two_nodes: Nodes) -> None:
    with scripted() as url:
        here.t2s(*words(here, url, ray(two_nodes), "--detach", seconds=23), timeout=120)
        wait_until(lambda: asleep(23), 60)
        here.t2s("stop", "last", "--now")
        wait_until(lambda: not alive(here.run()), 40)
    wait_until(lambda: not actors(), 20)
    assert not asleep(23)


def test_a_node_without_the_sandbox_that_is_wished_is_refused_by_name(here: Shell, two_nodes: Nodes) -> None:
    with scripted() as url:
        done = here.t2s(
            *words(here, url, ray(two_nodes), "--sandbox", "container", "--sandbox-image", "none:1"), "--json"
        )
    assert done.code == 2
    assert "no node of the Ray cluster can be used" in done.err and "/" in done.err


def test_an_address_where_nobody_answers_is_one_sentence(here: Shell) -> None:
    with scripted() as url:
        done = here.t2s(*words(here, url, "ray://127.0.0.1:9"), "--json")
    assert done.code == 2 and "no Ray cluster answers at 127.0.0.1:9" in done.err
