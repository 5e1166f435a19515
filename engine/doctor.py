"""`python -P -m engine.doctor`: is this model server fit for work, and what to do where it is not.

Rows of `ok | warn | fail`, what was checked, what was seen and the way out; with `--json` one object
`{"checks": [{"name", "status", "detail", "todo"}]}`. Exit code 2 when a check failed, else 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.llm.endpoint import Message, Reply, Request
from engine.llm.failures import CallFailed, Capability, Fatal, Rejected, Unreachable
from engine.llm.openai_chat import OpenAIChat
from engine.reply import BadReply, parse_json, spoken
from workspace.settings.settings import TimeoutSettings

ASKED = "Count from one to ten in words, separated by blanks."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"animal": {"type": "string", "maxLength": 40}, "legs": {"type": "integer"}},
    "required": ["animal", "legs"],
    "additionalProperties": False,
}
SLOW = 10.0  # seconds to the first token that deserve a word
MOST = 400  # tokens of a trial reply; a thinking model spends most of them before its first word


class Check(BaseModel):
    """One row: `todo` is empty when there is nothing to do."""

    model_config = ConfigDict(frozen=True)
    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    todo: str = ""


class _Animal(BaseModel):
    animal: str
    legs: int


class _Trial(NamedTuple):
    reply: Reply
    pieces: int


async def examine(endpoint: OpenAIChat, model: str) -> list[Check]:
    """All checks in order; a failed one ends the list, since those after it would only repeat it.

    An empty `model` means the only one on offer.
    """
    checks, names = await _listed(endpoint)
    if _failed(checks):
        return checks
    checks.append(_there(endpoint, names, model))
    if _failed(checks):
        return checks
    chosen = model or names[0]
    checks += await _talk(endpoint, chosen)
    if not _failed(checks):
        checks.append(await _schema(endpoint, chosen))
    return checks


async def _listed(endpoint: OpenAIChat) -> tuple[list[Check], list[str]]:
    reached = Check(name="reachable", status="ok", detail=endpoint.base_url)
    if not endpoint.base_url.startswith(("http://", "https://")):
        todo = "write the whole address, like http://127.0.0.1:8000/v1"
        return [Check(name="reachable", status="fail", detail=f"{endpoint.base_url!r} is no address", todo=todo)], []
    try:
        names = await endpoint.models()
    except Capability as failure:
        todo = "make sure yourself that the model's name is right"
        return [reached, Check(name="models", status="warn", detail=str(failure), todo=todo)], []
    except Unreachable as failure:
        todo = "start the server, or correct --base-url (most addresses end in /v1)"
        return [Check(name="reachable", status="fail", detail=str(failure), todo=todo)], []
    except CallFailed as failure:
        return [reached, Check(name="models", status="fail", detail=str(failure), todo=_todo(failure))], []
    if not names:
        todo = "load a model on the server"
        return [reached, Check(name="models", status="warn", detail="the server offers no model", todo=todo)], []
    return [reached, Check(name="models", status="ok", detail=_shown(names))], names


def _there(endpoint: OpenAIChat, names: Sequence[str], model: str) -> Check:
    if not model and len(names) == 1:
        return Check(name="model", status="ok", detail=f"{names[0]} (the only one)")
    if not model:
        detail = "no model is named" + (f"; on offer: {_shown(names)}" if names else "")
        return Check(name="model", status="fail", detail=detail, todo="name one with --model")
    if names and model not in names:
        detail = f"{endpoint.base_url} does not list {model!r}; it offers: {_shown(names)}"
        return Check(name="model", status="fail", detail=detail, todo="correct --model, or load that model")
    return Check(name="model", status="ok", detail=model)


async def _talk(endpoint: OpenAIChat, model: str) -> list[Check]:
    """One short reply tells three things: that it comes, that it comes in pieces, and what it cost."""
    try:
        trial = await _try(endpoint, _request(model, ASKED))
    except CallFailed as failure:
        return [Check(name="reply", status="fail", detail=str(failure), todo=_todo(failure))]
    return [_spoke(trial.reply), _streamed(trial), _counted(trial.reply)]


def _spoke(reply: Reply) -> Check:
    detail = f"first token after {reply.first_token:.2f} s, {_speed(reply)}"
    if not spoken(reply):
        todo = "raise max_tokens, or turn thinking off for this model (roles.*.enable_thinking)"
        return Check(name="reply", status="warn", detail=f"nothing was said in {MOST} tokens", todo=todo)
    if reply.first_token > SLOW:
        todo = "the server may still be loading or busy; raise endpoint.timeouts if this stays"
        return Check(name="reply", status="warn", detail=detail, todo=todo)
    return Check(name="reply", status="ok", detail=detail)


def _streamed(trial: _Trial) -> Check:
    if trial.pieces > 1:
        return Check(name="streaming", status="ok", detail=f"{trial.pieces} pieces")
    todo = "works, but agents show nothing until they are done; turn streaming on in the server or its proxy"
    return Check(name="streaming", status="warn", detail="the reply came in one piece", todo=todo)


def _counted(reply: Reply) -> Check:
    if reply.prompt_tokens is not None and reply.completion_tokens is not None:
        detail = f"{reply.prompt_tokens} + {reply.completion_tokens} tokens"
        return Check(name="usage", status="ok", detail=detail)
    todo = "token counts and budgets stay empty for this server"
    return Check(name="usage", status="warn", detail="the server does not tell token counts", todo=todo)


async def _schema(endpoint: OpenAIChat, model: str) -> Check:
    todo = "works: JSON is asked for in words; style.replies = 'lines' is safer for a small model"
    request = _request(model, "Name an animal and the number of its legs. Answer with JSON.")
    try:
        trial = await _try(endpoint, request.model_copy(update={"json_schema": SCHEMA}))
        parse_json(trial.reply, _Animal)
    except Capability:
        return Check(name="json_schema", status="warn", detail="the server does not know json_schema", todo=todo)
    except (BadReply, ValidationError):
        return Check(name="json_schema", status="warn", detail="accepted, but the reply does not follow it", todo=todo)
    except CallFailed as failure:
        return Check(name="json_schema", status="warn", detail=str(failure), todo=_todo(failure))
    return Check(name="json_schema", status="ok", detail="followed")


def _request(model: str, words: str) -> Request:
    return Request(model=model, messages=(Message(role="user", content=words),), max_tokens=MOST, seed=1)


async def _try(endpoint: OpenAIChat, request: Request) -> _Trial:
    pieces = 0
    async for part in endpoint.stream(request):
        if isinstance(part, Reply):
            return _Trial(part, pieces)
        pieces += 1
    raise RuntimeError(f"endpoint {endpoint.name} ended a stream without a reply")


def _speed(reply: Reply) -> str:
    writing = reply.seconds - reply.first_token
    if not reply.completion_tokens or writing < 0.05:
        return f"done in {reply.seconds:.2f} s"
    return f"{reply.completion_tokens / writing:.0f} tokens/s"


def _shown(names: Sequence[str]) -> str:
    more = len(names) - 8
    return ", ".join(names[:8]) + (f" and {more} more" if more > 0 else "")


def _todo(failure: CallFailed) -> str:
    match failure:
        case Fatal():
            return "mend this, then ask the doctor again"
        case Rejected():
            return "the server has too much to do; wait, or give it fewer calls with endpoint.limit"
        case _:
            return "look into the server's log, then ask the doctor again"


def _failed(checks: Sequence[Check]) -> bool:
    return any(check.status == "fail" for check in checks)


# --- the command -----------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Print the checks of one endpoint. 0 = fit for work, 2 = something failed."""
    given = _parser().parse_args(arguments)
    checks = asyncio.run(_examine(given.base_url, given.model, given.api_key_env, given.patience))
    if given.json:
        print(json.dumps({"checks": [check.model_dump() for check in checks]}, ensure_ascii=False))
    else:
        print("\n".join(rows(checks)))
    return 2 if _failed(checks) else 0


def rows(checks: Sequence[Check]) -> list[str]:
    """One line a check, its way out behind an arrow."""
    width = max((len(check.name) for check in checks), default=0)
    return [
        f"{check.status:<4}  {check.name:<{width}}  {check.detail}" + (f"  → {check.todo}" if check.todo else "")
        for check in checks
    ]


async def _examine(base_url: str, model: str, key_env: str, patience: float) -> list[Check]:
    timeouts = TimeoutSettings(connect=5.0, first_token=patience, idle=patience, total=2 * patience)
    endpoint = OpenAIChat(base_url, model, os.environ.get(key_env), timeouts, key_env=key_env)
    try:
        return await examine(endpoint, model)
    finally:
        await endpoint.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.doctor", description="Is this model server fit for work?")
    parser.add_argument("--base-url", required=True, metavar="URL", help="address of an OpenAI-compatible server")
    parser.add_argument(
        "--model", default="", metavar="NAME", help="name of the model; may be left out if there is one"
    )
    parser.add_argument("--api-key-env", default="OPENAI_API_KEY", metavar="NAME", help="variable that holds the key")
    parser.add_argument(
        "--timeout", dest="patience", type=float, default=60.0, metavar="S", help="seconds to wait for a first token"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of rows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
