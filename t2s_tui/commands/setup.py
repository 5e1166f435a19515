"""Commands before the first run: init, local, doctor."""

from __future__ import annotations

import argparse
import json
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from t2s_tui import host
from t2s_tui.commands.common import add_json, add_runs, example, print_json
from t2s_tui.terminal import TMUX_OPTIONS, facts, inside
from t2s_tui.text import safe
from workspace import seeds
from workspace.errors import InputError
from workspace.files import read_text, write_text
from workspace.settings.config import Config, Role, commented_template, load_config, role_model
from workspace.settings.servers import EMBEDDED, Server, all_servers

SETTINGS_FILE = "t2s.toml"
PAPER = Path(seeds.__file__).parent / "paper"
LITTLE = 1 << 30
TOO_LITTLE = 50 << 20
MOST_AT_ONCE = 1024  # connections that the engine keeps open


class Check(NamedTuple):
    """One row of the doctor, as `engine.doctor` gives them too. `todo` is empty when there is nothing to do, `endpoint`
    where none is meant."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    todo: str = ""
    endpoint: str = ""


class Cluster(NamedTuple):
    """What was found out about the nodes that run commands: rows, and the nodes as they are told in JSON."""

    checks: Sequence[Check] = ()
    nodes: Sequence[dict[str, Any]] = ()


def configure_init(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s init && $EDITOR t2s.toml")
    paper = "instead, write the settings of the Trace2Skill paper into paper/"
    parser.add_argument("--paper", action="store_true", help=paper)
    parser.add_argument("--force", action="store_true", help="write over what is there")
    parser.set_defaults(act=_init)


def configure_local(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s local install")
    verbs = ("install", "serve", "status")
    parser.add_argument("what", choices=verbs, help="fetch the model, serve it, or say what is there")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="its own options: `t2s local serve --help`")
    parser.set_defaults(act=_local)


def configure_doctor(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s doctor --base-url http://127.0.0.1:8000/v1 --model m")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    parser.add_argument("--model", metavar="NAME", help="name of the model on that server")
    parser.add_argument("--api-key-env", metavar="NAME", help="the environment variable that holds the key")
    parser.add_argument("--quick", action="store_true", help="do not measure the endpoint's speed")
    parser.add_argument(
        "--up-to", type=int, metavar="N", help="measure with 1, 2, 4 … N calls at once (default: 32); spends tokens"
    )
    where = "also ask the nodes of this Ray cluster: ray, or ray://HOST:PORT; takes no core of theirs"
    parser.add_argument("--workers", metavar="WHERE", help=where)
    add_json(parser, "{checks: [{name, status: ok|warn|fail, detail, todo}], measured, recommended_limit, nodes}")
    add_runs(parser)
    parser.set_defaults(act=_doctor)


def _init(arguments: argparse.Namespace) -> int:
    files = _paper_files() if arguments.paper else {Path(SETTINGS_FILE): commented_template()}
    taken = next((path for path in files if path.exists()), None)
    if taken and not arguments.force:
        raise InputError(f"{taken} is there already; --force writes over it")
    for path, text in files.items():
        write_text(path, text)
    names = " and ".join(map(str, files))
    todo = "docs/paper.md has a command for each condition"
    print(f"wrote {names}: {todo if arguments.paper else 'set skill, traces and endpoint in it, then `t2s run`'}")
    return 0


def _paper_files() -> dict[Path, str]:
    """The settings of the paper that come with the package, and where they are written to."""
    return {Path("paper", file.name): read_text(file) for file in sorted(PAPER.glob("*.toml"))}


def _local(arguments: argparse.Namespace) -> int:
    return host.tool("engine.llm.local", [arguments.what, *arguments.rest])


def _doctor(arguments: argparse.Namespace) -> int:
    """Endpoint, embedded model, sandboxes, nodes, disk and terminal. Exit code 2 when something failed."""
    flags = {
        "endpoint.base_url": arguments.base_url,
        "endpoint.model": arguments.model,
        "endpoint.api_key_env": arguments.api_key_env,
        "run.runs": arguments.runs,
        "workers.where": arguments.workers,
    }
    config = load_config(file=None, cwd=Path.cwd(), env=os.environ, flags=flags).config
    examined = _examined(config, arguments)
    disk = _disk(Path(config.run.runs).expanduser())
    cluster = _cluster(config) if arguments.workers and config.workers.remote else Cluster()
    checks = [*_endpoints(config, examined), _embedded(config), *_sandboxes(), *cluster.checks, disk, *_terminal()]
    if arguments.json:
        first = next(iter(examined.values()), {})
        measured = {"measured": first.get("measured", []), "recommended_limit": first.get("recommended_limit")}
        endpoints = [_told(server, roles, examined[server]) for server, roles in _remote(config).items()]
        rows = [check._asdict() for check in checks]
        print_json({"checks": rows, **measured, "endpoints": endpoints, "nodes": cluster.nodes})
    else:
        _print(checks)
    return 2 if any(check.status == "fail" for check in checks) else 0


def _print(checks: list[Check]) -> None:
    """A line a check; where there are several endpoints, each has its address above its checks."""
    width, endpoint = max(len(check.name) for check in checks), ""
    several = len({check.endpoint for check in checks if check.endpoint}) > 1
    for check in checks:
        if several and check.endpoint != endpoint:
            print(safe(check.endpoint) if check.endpoint else "")
            endpoint = check.endpoint
        way_out = f"  → {check.todo}" if check.todo else ""
        print(safe(f"{check.status:<4}  {check.name:<{width}}  {check.detail}{way_out}"))


def _told(server: Server, roles: tuple[Role, ...], said: dict[str, Any]) -> dict[str, Any]:
    measured = {"measured": said.get("measured", []), "recommended_limit": said.get("recommended_limit")}
    return {"base_url": server.base_url, "roles": roles, **measured}


def _remote(config: Config) -> dict[Server, tuple[Role, ...]]:
    return {server: roles for server, roles in all_servers(config).items() if server != EMBEDDED}


def _examined(config: Config, arguments: argparse.Namespace) -> dict[Server, dict[str, Any]]:
    """What `engine.doctor` says about each endpoint; empty when there is none to ask. Raises `InputError`."""
    if arguments.up_to is not None and not 1 <= arguments.up_to <= MOST_AT_ONCE:
        raise InputError(f"--up-to {arguments.up_to} is no number from 1 to {MOST_AT_ONCE}")
    asked = _remote(config)
    if asked and sys.stderr.isatty() and not arguments.quick:
        each = "the endpoint, 20 s at most" if len(asked) == 1 else f"{len(asked)} endpoints, 20 s each at most"
        print(f"measuring {each} (--quick leaves it out) …", file=sys.stderr)
    return {server: _asked(config, server, roles[0], arguments) for server, roles in asked.items()}


def _asked(config: Config, server: Server, role: Role, arguments: argparse.Namespace) -> dict[str, Any]:
    model = role_model(config, role).model
    options = ["--base-url", server.base_url, "--api-key-env", server.api_key_env, "--json"]
    options += ["--model", model] if model else []
    options += ["--quick"] if arguments.quick else []
    options += ["--up-to", str(arguments.up_to)] if arguments.up_to else []
    answer = host.tool_output("engine.doctor", options)
    return _table(answer.text) or {"code": answer.code}


def _endpoints(config: Config, examined: dict[Server, dict[str, Any]]) -> Iterator[Check]:
    if not examined:
        local = config.endpoint.local
        how = "the embedded model" if local else "none named"
        todo = "" if local else "give --base-url URL, or use the embedded model: t2s demo, t2s run --local"
        yield Check("endpoint", "ok" if local else "warn", how, todo)
    for server, said in examined.items():
        for row in said.get("checks", []):
            yield Check(row["name"], row["status"], row["detail"], row["todo"], server.base_url)
        if "checks" not in said:
            ended = f"the check itself ended with code {said['code']}"
            yield Check("endpoint", "fail", ended, endpoint=server.base_url)


def _embedded(config: Config) -> Check:
    answer = host.tool_output("engine.llm.local", ["status", "--json"])
    now = _table(answer.text)
    if now.get("installed") and now.get("verified") and now.get("runtime"):
        return Check("embedded model", "ok", f"{now['model']}, runtime {now['runtime']}")
    bad: Literal["warn", "fail"] = "fail" if config.endpoint.local else "warn"
    if not now.get("runtime"):
        return Check("embedded model", bad, "its runtime is not installed", "install trace2skill-tui[local]")
    return Check("embedded model", bad, "not installed", "t2s local install (1.1 GB)")


def _sandboxes() -> Iterator[Check]:
    """What `engine.sandbox` says about each level, and which one a run would take."""
    answer = host.tool_output("engine.sandbox", ["--json"])
    said = _table(answer.text)
    for row in said.get("checks", []):
        yield Check(row["name"], row["status"], row["detail"], row["todo"])
    if "checks" not in said:
        yield Check("sandbox", "fail", f"the check itself ended with code {answer.code}")


def _cluster(config: Config) -> Cluster:
    """What `engine.workers.doctor` says about the nodes that a run with these settings could use."""
    sandbox, workers = config.sandbox, config.workers
    if sys.stderr.isatty():
        print(f"asking the nodes of {workers.where}, a minute at most …", file=sys.stderr)
    options = ["--workers", workers.where, "--sandbox", sandbox.level, "--image", sandbox.image]
    answer = host.tool_output("engine.workers.doctor", [*options, "--memory", str(workers.memory), "--json"])
    said = _table(answer.text)
    rows = [Check(row["name"], row["status"], row["detail"], row["todo"]) for row in said.get("checks", [])]
    ended = Check("workers", "fail", f"the check itself ended with code {answer.code}")
    return Cluster(rows or [ended], said.get("nodes", []))


def _disk(runs: Path) -> Check:
    place = next(folder for folder in (runs.absolute(), *runs.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 1e9:,.1f} GB free at {place}"
    if not os.access(place, os.W_OK):
        return Check("disk", "fail", f"{place} cannot be written", "choose another folder with --runs")
    if free < LITTLE:
        return Check("disk", "fail" if free < TOO_LITTLE else "warn", detail, "make room, or use --runs")
    return Check("disk", "ok", detail)


def _terminal() -> Iterator[Check]:
    screen = sys.stdin.isatty() and sys.stdout.isatty()
    utf8 = "utf" in locale.getpreferredencoding(False).lower()
    columns, rows = shutil.get_terminal_size()
    tmux = {name: _tmux(name) for name in TMUX_OPTIONS} if inside(os.environ) == "tmux" else {}
    for fact in facts(os.environ, (columns, rows), screen=screen, utf8=utf8, tmux=tmux):
        yield Check(fact.name, fact.status, fact.detail, fact.todo)


def _tmux(option: str) -> str:
    """How an option of the tmux around us stands; empty where it does not say."""
    try:
        done = subprocess.run(
            ["tmux", "show-options", "-gv", option], capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _table(text: str) -> dict[str, Any]:
    return json.loads(text) if text.strip() else {}
