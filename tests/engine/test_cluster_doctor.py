"""What the doctor says about the nodes of a real Ray cluster: who can be used, who cannot and why; nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.workers.doctor import Seen, checks, table
from engine.workers.said import Gone, Hello, Joined, Refused, Settled
from tests.shell import ROOT, Shell, wait_until
from workspace.runs.start import version

CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster
size = {"num_cpus": 1, "object_store_memory": 128 << 20}
cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
cluster.add_node(**size, env_vars={"PYTHONPATH": sys.argv[1]})
print(json.dumps(cluster.address), flush=True)
sys.stdin.read()
cluster.shutdown()
"""
"""Two nodes of one core; on the second one another version of this program is found first."""
OTHER = "0.0.1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the token of the cluster lies."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """A cluster with a node that is well and one with another version."""
    pytest.importorskip("ray", reason="Ray is not installed")
    other = home / "other" / f"trace2skill_tui-{OTHER}.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text(f"Metadata-Version: 2.1\nName: trace2skill-tui\nVersion: {OTHER}\n")
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, str(other.parent)], cwd=ROOT, env={**os.environ, "HOME": str(home)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    with process.stdin, process.stdout:
        yield json.loads(process.stdout.readline())
        process.stdin.close()
        process.wait(120)


@pytest.fixture
def here(tmp_path: Path, home: Path) -> Shell:
    return Shell(tmp_path, HOME=str(home))


def doctor(shell: Shell, address: str) -> tuple[int, dict[str, Any]]:
    done = shell.t2s("doctor", "--workers", f"ray://{address}", "--json")
    return done.code, done.json


def ours(home: str) -> set[int]:
    """Processes of this program and this home that talk with a cluster or work on one of its nodes."""
    found: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            words = " ".join(process.cmdline())
            if ("engine.workers" in words or "ray::_Actor" in words) and process.environ().get("HOME") == home:
                found.add(process.pid)
    return found


@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(300)
def test_a_node_with_another_version_fails_and_the_others_are_told_with_all_they_have(
    here: Shell, address: str
) -> None:
    code, said = doctor(here, address)
    assert code == 2
    rows = {row["name"]: row for row in said["checks"]}
    assert rows["workers"]["detail"].startswith("1 of 2 nodes can be used, with 1 core")
    (good,) = (node for node in said["nodes"] if node["works"])
    (bad,) = (node for node in said["nodes"] if not node["works"])
    assert (good["cores"], good["version"], good["reason"]) == (1, version(), "")
    assert f"sandbox {good['level']}" in rows[f"node {good['node']}"]["detail"]
    assert (bad["version"], rows[f"node {bad['node']}"]["status"]) == (OTHER, "fail")
    assert f"it has version {OTHER} of this program, the engine {version()}" in bad["reason"]
    assert f"trace2skill-tui[ray]=={version()}" in rows[f"node {bad['node']}"]["todo"]


@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(300)
def test_it_takes_no_core_from_a_run_and_leaves_nothing_behind(here: Shell, address: str) -> None:
    """Every core is taken by an actor of somebody else."""
    taken = (
        f"import ray, sys\nray.init(address={address!r}, log_to_driver=False)\n"
        "Idle = ray.remote(num_cpus=1)(type('Idle', (), {'here': lambda self: 1}))\n"
        "idle = [Idle.remote() for _ in range(2)]\nray.get([one.here.remote() for one in idle])\n"
        "print('taken', flush=True)\nsys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", taken], env={**os.environ, "HOME": here.env["HOME"]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert other.stdin and other.stdout
    with other.stdin, other.stdout:
        assert any("taken" in line for line in other.stdout)
        asking = here.spawn("doctor", "--workers", f"ray://{address}", "--json")
        wait_until(lambda: ours(here.env["HOME"]), 60, "the first process that asks the cluster")
        said = json.loads(asking.communicate(timeout=120)[0].splitlines()[-1])
        other.stdin.close()
        other.wait(60)
    assert [node["works"] for node in said["nodes"]].count(True) == 1
    wait_until(lambda: not ours(here.env["HOME"]), 20, "the end of everything that the doctor started")


def test_a_cluster_that_does_not_answer_is_one_row_with_the_way_out(here: Shell) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    done = here.t2s("doctor", "--workers", "ray://127.0.0.1:9")
    (row,) = (line for line in done.out.splitlines() if " workers " in line)
    assert (done.code, row.split()[0]) == (2, "fail")
    assert "no Ray cluster answers at 127.0.0.1:9 (Connection refused); `ray start --head` starts one" in row


def test_what_is_no_address_is_refused_before_anything_is_asked(here: Shell) -> None:
    done = here.t2s("doctor", "--workers", "ray://nowhere")
    assert (done.code, done.out) == (2, "")
    assert "ray://HOST:PORT" in done.err


# --- rows ------------------------------------------------------------------------------------------------------------


def hello(**changes: object) -> Hello:
    usual = Hello("h", 1, version(), sys.version.split()[0], 4, "namespaces", ("environment", "output"))
    return usual._replace(**changes)  # pyright: ignore[reportArgumentType]


def told(*news: Joined | Refused | Gone) -> Seen:
    seen = Seen()
    for one in (*news, Settled()):
        seen.hear(one)
    return seen


def test_sandboxes_that_differ_are_a_warning_that_names_the_weakest_first() -> None:
    first, *rows = checks(told(Joined("a", hello()), Joined("b", hello(level="process"))), "ray")
    assert (first.status, [row.status for row in rows]) == ("warn", ["ok", "ok"])
    assert "sandboxes differ: process, namespaces" in first.detail


def test_another_python_is_a_warning() -> None:
    (_, row) = checks(told(Joined("a", hello(python="3.11.0rc1"))), "ray")
    assert row.status == "warn"
    assert "Python 3.11.0rc1" in row.detail


def test_a_node_that_could_not_say_a_word_is_told_with_what_is_missing() -> None:
    missing = "this program is not installed there (pip install 'trace2skill-tui[ray]')"
    seen = told(Refused("a", missing))
    first, row = checks(seen, "ray")
    assert (first.status, row.status, row.detail) == ("fail", "fail", missing)
    assert table([first, row], seen)["nodes"] == [
        {
            "node": "a", "works": False, "cores": None, "level": None, "without": None, "version": None, "python": None,
            "reason": missing,
        }
    ]  # fmt: skip


def test_a_node_without_the_wished_sandbox_tells_why() -> None:
    seen = told(Refused("a", "no sandbox works here", hello(level="", guarantees=(), fault="no sandbox works here")))
    (_, row) = checks(seen, "ray")
    assert row.detail.startswith("no sandbox works here; 4 cores")
