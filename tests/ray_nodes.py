"""A Ray cluster of several nodes on this machine, in a process of its own, with Ray's own utility for that.

    python -m tests.ray_nodes COUNT CORES PORT HEAD      one JSON line {address, ids}; on stdin `kill N` ends node N

The cluster ends with stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = 128 << 20
STARTED = 120


class Nodes:
    """A running cluster: where it is reached."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the cluster did not start")
        said = json.loads(line)
        self.address: str = said["address"]
        self.ids: list[str] = said["ids"]

    def kill(self, number: int) -> None:
        """End all processes of a node at once."""
        self._say(f"kill {number}")

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "done"


@contextmanager
def ray_nodes(
    env: Mapping[str, str], count: int = 2, cores: int = 1, port: int = 0, head: int | None = None
) -> Iterator[Nodes]:
    """`count` nodes with `cores` cores each; node 0 is the head, which must not be killed alone. `port` 0: any that
    is free. `head`: another number of cores for node 0."""
    command = [
        sys.executable,
        "-m",
        "tests.ray_nodes",
        *map(str, (count, cores, port, cores if head is None else head)),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield Nodes(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(STARTED)
        if process.stdout is not None:
            process.stdout.close()


def _main(count: int, cores: int, port: int, own: int) -> None:
    from ray.cluster_utils import Cluster

    more = {"num_cpus": cores, "object_store_memory": STORE}
    head = {**more, "num_cpus": own, "include_dashboard": False, **({"gcs_server_port": port} if port else {})}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.head_node, *(cluster.add_node(**more) for _ in range(count - 1))]
    print(json.dumps({"address": cluster.address, "ids": [node.node_id for node in nodes]}), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["kill", number]:
                cluster.remove_node(nodes[int(number)], allow_graceful=False)
            case _:
                raise ValueError(line)
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
