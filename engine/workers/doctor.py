"""`python -P -m engine.workers.doctor --workers WHERE [--json]`: which nodes of a Ray cluster a run could use, and what
the others lack. `--sandbox`, `--image` and `--memory` are what the run would ask for.

Rows like those of `engine.doctor`, one for the cluster and one for each node; with `--json` one object `{"checks":
[{"name", "status", "detail", "todo"}], "nodes": [{"node", "works", "cores", "level", "without", "version", "python",
"reason"}]}`. Nothing is taken from others, and nothing is left behind. Exit code 2 when a check failed, else 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.doctor import Check, rows
from engine.sandbox.guarantees import missing
from engine.sandbox.guarantees import rows as rows_of
from engine.workers.link import Link
from engine.workers.remote import MEGABYTE, STARTED, ensure_ray
from engine.workers.roll import LEVELS
from engine.workers.said import Begin, Gone, Hello, Joined, News, Refused, Settled, Setup
from workspace.errors import ConfigError
from workspace.runs.start import version
from workspace.settings.settings import Config, SandboxSettings, WorkerSettings
from workspace.settings.workers import is_workers

CLUSTER = "workers"


class Node(NamedTuple):
    """A node as it answered; `fault` says why a run would not use it, `hello` is None where it could not say a word."""

    name: str
    hello: Hello | None
    fault: str = ""


class Seen:
    """What was heard of a cluster until everybody had answered; `gone` says why there is none."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.gone = ""
        self.settled = asyncio.Event()

    def hear(self, news: News) -> None:
        """Take it in."""
        match news:
            case Joined(name, hello):
                self.nodes.append(Node(name, hello))
            case Refused(name, why, hello):
                self.nodes.append(Node(name, hello, why))
            case Gone(why):
                self.gone = why
                self.settled.set()
            case Settled():
                self.settled.set()
            case _:
                pass


async def look(config: Config) -> Seen:
    """Join the cluster that `[workers]` names (or start one on this machine), ask each node, and leave."""
    seen = Seen()
    sandbox, workers = config.sandbox, config.workers
    setup = Setup(sandbox.level, sandbox.image, (), 0, version=version())
    link = Link(seen.hear)
    await link.start(Begin(workers.address, 0, workers.memory * MEGABYTE, setup, look=True))
    try:
        await asyncio.wait_for(seen.settled.wait(), STARTED)
    except TimeoutError:
        seen.gone = f"the Ray cluster was not ready within {STARTED:.0f} s"
    finally:
        await link.close()
    return seen


def checks(seen: Seen, where: str) -> list[Check]:
    """A row for the cluster, then one for each node."""
    nodes = sorted(seen.nodes)
    return [_cluster(seen, where), *(_node(node) for node in nodes)]


def _cluster(seen: Seen, where: str) -> Check:
    fit = [node.hello for node in seen.nodes if node.hello and not node.fault]
    if seen.gone:
        todo = f"start it with `ray start --head`, or correct --workers {where}"
        return Check(name=CLUSTER, status="fail", detail=seen.gone, todo="" if "ray start" in seen.gone else todo)
    if not fit:
        detail = (
            f"none of {len(seen.nodes)} nodes can be used" if seen.nodes else "the Ray cluster has no node with a core"
        )
        return Check(name=CLUSTER, status="fail", detail=detail)
    detail = f"{len(fit)} of {len(seen.nodes)} nodes can be used, with {_cores(sum(one.cores for one in fit))}"
    levels = sorted({one.level for one in fit if one.level}, key=LEVELS.index)
    if len(levels) > 1:
        todo = (
            f"commands run on all of them; what holds everywhere is what {levels[0]} holds: `t2s doctor` on each node"
        )
        return Check(name=CLUSTER, status="warn", detail=f"{detail}; sandboxes differ: {', '.join(levels)}", todo=todo)
    return Check(name=CLUSTER, status="ok", detail=detail)


def _node(node: Node) -> Check:
    name = f"node {node.name}"
    if node.fault:
        who = f"; {_who(node.hello)}" if node.hello else ""
        return Check(name=name, status="fail", detail=f"{node.fault}{who}", todo=_way_out(node))
    assert node.hello is not None
    without = "; ".join(row.says for row in rows_of(*missing(tuple(node.hello.guarantees))))
    detail = f"{_who(node.hello)}, sandbox {node.hello.level}" + (f", without: {without}" if without else "")
    if node.hello.python != platform.python_version():
        todo = f"works; the engine has Python {platform.python_version()}, and the same one everywhere is safer"
        return Check(name=name, status="warn", detail=detail, todo=todo)
    return Check(name=name, status="ok", detail=detail)


def _way_out(node: Node) -> str:
    if node.hello and node.hello.version != version():
        return f"install version {version()} there: pip install 'trace2skill-tui[ray]=={version()}'"
    return ""


def _who(hello: Hello) -> str:
    return f"{_cores(hello.cores)}, version {hello.version}, Python {hello.python}"


def _cores(number: int) -> str:
    return f"{number} core" if number == 1 else f"{number} cores"


def table(found: Sequence[Check], seen: Seen) -> dict[str, Any]:
    """What `--json` prints."""
    return {"checks": [check.model_dump() for check in found], "nodes": [_row(node) for node in sorted(seen.nodes)]}


def _row(node: Node) -> dict[str, Any]:
    hello = node.hello
    works = hello is not None and not node.fault
    return {
        "node": node.name,
        "works": works,
        "cores": hello.cores if hello else None,
        "level": (hello.level or None) if hello else None,
        "without": list(missing(tuple(hello.guarantees))) if hello and works else None,
        "version": hello.version if hello else None,
        "python": hello.python if hello else None,
        "reason": node.fault,
    }


def main(words: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(words)
    seen = Seen()
    try:
        ensure_ray()
        seen = asyncio.run(look(_config(given)))
        found = checks(seen, given.workers)
    except ConfigError as error:
        found = [Check(name=CLUSTER, status="fail", detail=str(error))]
    print(json.dumps(table(found, seen)) if given.json else "\n".join(rows(found)))
    return 2 if any(check.status == "fail" for check in found) else 0


def _config(given: argparse.Namespace) -> Config:
    sandbox = SandboxSettings(level=given.sandbox, image=given.image)
    return Config(workers=WorkerSettings(where=given.workers, memory=given.memory), sandbox=sandbox)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.workers.doctor", description="Which nodes could a run use?")
    parser.add_argument("--workers", type=_remote, required=True, metavar="WHERE", help="ray, or ray://HOST:PORT")
    parser.add_argument("--sandbox", default="auto", metavar="LEVEL", help="the level a run would ask for")
    parser.add_argument("--image", default="", metavar="NAME", help="image of the container, for that level")
    parser.add_argument("--memory", type=int, default=1024, metavar="MB", help="memory that each core needs")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of rows")
    return parser


def _remote(text: str) -> str:
    try:
        where = is_workers(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if where == "local":
        raise argparse.ArgumentTypeError("local is this machine; `python -m engine.sandbox` says what it has")
    return where


if __name__ == "__main__":
    sys.exit(main())
