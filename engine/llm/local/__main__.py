"""`python -P -m engine.llm.local install | serve | status`: the embedded model without the rest of the program."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from engine.llm.local.install import install
from engine.llm.local.model import QWEN, Progress, Report, cached, check_gguf, is_remembered, status
from engine.llm.local.serve import ServeOptions, serve_until_eof
from engine.llm.local.server import SENTENCE, LocalServer
from workspace.errors import EndpointError, T2SError

BAR = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 or 2 with one sentence on stderr, 130 on Ctrl-C."""
    given = parser().parse_args(argv)
    try:
        match given.verb:
            case "install":
                return _install(given.model, given.json)
            case "status":
                return _status(given.json)
            case _:
                return _serve(given)
    except T2SError as error:
        print(f"{SENTENCE}{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line; `t2s local` offers the same verbs."""
    top = argparse.ArgumentParser(
        prog="t2s local", description=f"The embedded model ({QWEN.name}) on this machine's CPU."
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    install_ = verbs.add_parser("install", help="fetch the model's file (1.1 GB) and check it")
    serve = verbs.add_parser("serve", help="serve it on 127.0.0.1 until interrupted; prints one JSON line when ready")
    status_ = verbs.add_parser("status", help="what is installed")
    for verb in (install_, serve):
        verb.add_argument("--model", type=Path, metavar="PATH", help="a GGUF file instead of the cached one")
    for verb in (install_, status_):
        verb.add_argument("--json", action="store_true", help="one JSON object on stdout")
    serve.add_argument("--port", type=int, default=0, help="0 = a free one")
    serve.add_argument("--threads", type=int, default=0, help="0 = one for each physical core")
    serve.add_argument("--parallel", type=int, default=4, metavar="N", help="requests at once (4)")
    serve.add_argument("--ctx", type=int, default=16384, metavar="TOKENS", help="context shared by all of them (16384)")
    serve.add_argument("--slot-folder", type=Path, metavar="DIR", help="lets a client copy a prefix from slot to slot")
    serve.add_argument("--watch-stdin", action="store_true", help="end when stdin ends")
    return top


def _install(model: Path | None, as_json: bool) -> int:
    path = install(model, quiet if as_json else drawer(sys.stderr))
    print(json.dumps({"path": str(path), "bytes": path.stat().st_size}) if as_json else path)
    return 0


def _status(as_json: bool) -> int:
    now = status()
    if as_json:
        print(json.dumps({**now._asdict(), "path": str(now.path)}))
        return 0
    have = (
        f"{now.bytes / 1e6:,.0f} MB, {'checked' if now.verified else 'not checked'}" if now.bytes else "not installed"
    )
    print(f"model    {now.model}: {have}\nfile     {now.path}\nruntime  xllamacpp {now.runtime or 'not installed'}")
    return 0


def _serve(given: argparse.Namespace) -> int:
    options = ServeOptions(
        _installed(given.model), given.port, given.threads, given.parallel, given.ctx, given.slot_folder
    )
    if given.watch_stdin:
        serve_until_eof(options)
    else:
        asyncio.run(_serve_supervised(options))
    return 0


async def _serve_supervised(options: ServeOptions) -> None:
    o = options
    async with LocalServer(o.model, slots=o.slots, context=o.context, threads=o.threads, port=o.port) as server:
        print(json.dumps(server.ready._asdict()), flush=True)
        await server.supervise()


def _installed(model: Path | None) -> Path:
    if model is not None:
        return check_gguf(model)
    if not is_remembered(cached(), QWEN):
        raise EndpointError(f"the embedded model is not installed ({cached()}); fetch it with: t2s local install")
    return cached()


def drawer(out: TextIO) -> Report:
    """Draws progress: a bar that moves on a terminal, else one line a phase and slice."""
    return _bar(out) if out.isatty() else _lines(out)


def quiet(progress: Progress) -> None:
    """No drawing."""


def _bar(out: TextIO) -> Report:
    def draw(now: Progress) -> None:
        share = now.done / now.total if now.total else 1.0
        bar = ("█" * round(BAR * share)).ljust(BAR, "·")
        end = "\n" if now.phase == "ready" else ""
        out.write(
            f"\r\x1b[K{_label(now):<22} {bar} {share:4.0%} {now.done / 1e6:,.0f} of {now.total / 1e6:,.0f} MB{end}"
        )
        out.flush()

    return draw


def _lines(out: TextIO) -> Report:
    said: list[str] = [""]

    def draw(now: Progress) -> None:
        label = _label(now)
        if label != said[0]:
            said[0] = label
            print(f"{label} ({now.done / 1e6:,.0f} of {now.total / 1e6:,.0f} MB)", file=out, flush=True)

    return draw


def _label(now: Progress) -> str:
    words = {"hub": "from the model hub", "hashing": "checking SHA-256", "ready": "model ready"}
    return f"slice {now.part} of {now.parts}" if now.phase == "slices" else words[now.phase]


if __name__ == "__main__":
    sys.exit(main())
