"""Commands before the first run: init, local, doctor."""

from __future__ import annotations

import argparse
import json
import locale
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from t2s_tui import host
from t2s_tui.commands.common import add_json, example

SETTINGS_FILE = "t2s.toml"


def configure_init(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s init && $EDITOR t2s.toml")
    parser.add_argument("--force", action="store_true", help="write over a t2s.toml that is there")
    parser.set_defaults(act=_init)


def configure_local(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s local install")
    parser.add_argument(
        "what", choices=("install", "serve", "status"), help="fetch the model, serve it, or say what is there"
    )
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="its options, among them --json; `t2s local serve --help`"
    )
    parser.set_defaults(act=_local)


def configure_doctor(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s doctor --base-url http://127.0.0.1:8000/v1 --model m")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    parser.add_argument("--model", metavar="MODEL", help="name of the model on that server")
    parser.add_argument("--api-key-env", metavar="NAME", help="the environment variable that holds the key")
    add_json(parser, "all checks as one JSON object")
    parser.set_defaults(act=_doctor)


def _init(arguments: argparse.Namespace) -> int:
    from workspace.config import commented_template
    from workspace.errors import InputError
    from workspace.files import write_text

    path = Path(SETTINGS_FILE)
    if path.exists() and not arguments.force:
        raise InputError(f"{path} is there already; --force writes over it")
    write_text(path, commented_template())
    print(f"wrote {path}: set skill, traces and endpoint in it, then `t2s run`")
    return 0


def _local(arguments: argparse.Namespace) -> int:
    return host.tool("engine.llm.local", [arguments.what, *arguments.rest])


def _doctor(arguments: argparse.Namespace) -> int:
    given = {"--base-url": arguments.base_url, "--model": arguments.model, "--api-key-env": arguments.api_key_env}
    options = [part for flag, value in given.items() if value for part in (flag, value)]
    if not arguments.json:
        code = host.tool("engine.doctor", options)
        print("\n".join(_terminal_lines(terminal())))
        return code
    answer = host.tool_output("engine.doctor", [*options, "--json"])
    table: dict[str, Any] = json.loads(answer.text) if answer.text.strip() else {}
    print(json.dumps({**table, "terminal": terminal()}))
    return answer.code


def terminal() -> dict[str, Any]:
    """What this terminal can show; `advice` is empty when all is well."""
    size = shutil.get_terminal_size()
    facts: dict[str, Any] = {
        "tty": sys.stdin.isatty() and sys.stdout.isatty(),
        "term": os.environ.get("TERM", ""),
        "columns": size.columns,
        "lines": size.lines,
        "utf8": "utf" in locale.getpreferredencoding(False).lower(),
    }
    return {**facts, "advice": _advice(facts)}


def _advice(facts: dict[str, Any]) -> list[str]:
    advice: list[str] = []
    if not facts["tty"] or facts["term"] in ("", "dumb"):
        advice.append("no screen here: runs are shown with --plain")
    elif facts["columns"] < 80 or facts["lines"] < 24:
        advice.append("the screen is smaller than 80x24: some of it will be hidden")
    if not facts["utf8"]:
        advice.append("the locale is not UTF-8: set LANG, for example to C.UTF-8")
    return advice


def _terminal_lines(facts: dict[str, Any]) -> list[str]:
    kind = (
        f"{facts['term'] or 'none'}, {facts['columns']}x{facts['lines']}, {'UTF-8' if facts['utf8'] else 'not UTF-8'}"
    )
    return [f"terminal: {kind}", *(f"  {line}" for line in facts["advice"])]
