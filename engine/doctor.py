"""`python -P -m engine.doctor`: is this model server fit for work, how fast is it, and what to do where it is not.

Rows of `ok | warn | fail`, what was checked, what was seen and the way out; with `--json` one object
`{"checks": [{"name", "status", "detail", "todo"}], "measured": [{"concurrency", "tokens_per_second", "ttft"}],
"recommended_limit"}` (tokens/s of all calls together, seconds; null when nothing was measured).
Exit code 2 when a check failed, else 0.
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
from engine.llm.openai_chat import CONNECTIONS, OpenAIChat
from engine.measure import WITHIN, Heard, Measured, Step, heard, measure
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
SHORT = 8192  # tokens of a context in which a merge holds few lessons
UP_TO = 32  # calls at once that are tried
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


class Examined(NamedTuple):
    """What was found; `measured` has no steps when a check failed or no measurement was wanted."""

    checks: list[Check]
    measured: Measured = Measured()


async def examine(endpoint: OpenAIChat, model: str, up_to: int = 0) -> Examined:
    """All checks in order, then bursts of up to `up_to` calls at once (0: none).

    A failed check ends the list, since those after it would only repeat it. An empty `model` means the only one on
    offer.
    """
    checks, names = await _listed(endpoint)
    if _failed(checks):
        return Examined(checks)
    checks.append(_there(endpoint, names, model))
    if _failed(checks):
        return Examined(checks)
    chosen = model or names[0]
    checks.append(await _window(endpoint, chosen))
    checks += await _talk(endpoint, chosen)
    if _failed(checks):
        return Examined(checks)
    checks.append(await _schema(endpoint, chosen))
    if not up_to:
        return Examined(checks)
    measured = await measure(endpoint, chosen, up_to)
    return Examined([*checks, *_speeds(measured), _limit(measured)], measured)


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


async def _window(endpoint: OpenAIChat, model: str) -> Check:
    window = (await endpoint.windows(model)).get(model, 0)
    detail = f"{window:,} tokens" + (f" in each of {endpoint.slots} slots" if endpoint.slots else "")
    if not window:
        todo = f"works: what is too long is found out by a refusal; make sure that it is {SHORT:,} tokens or more"
        return Check(name="context", status="warn", detail="the server does not tell its length", todo=todo)
    if window < SHORT:
        todo = f"serve the model with {SHORT:,} tokens or more; in less, a merge holds few lessons"
        return Check(name="context", status="warn", detail=detail, todo=todo)
    return Check(name="context", status="ok", detail=detail)


async def _talk(endpoint: OpenAIChat, model: str) -> list[Check]:
    """One short reply tells three things: that it comes, that it comes in pieces, and what it cost."""
    try:
        trial = await heard(endpoint, _request(model, ASKED))
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


def _streamed(trial: Heard) -> Check:
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
        trial = await heard(endpoint, request.model_copy(update={"json_schema": SCHEMA}))
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


def _speed(reply: Reply) -> str:
    writing = reply.seconds - reply.first_token
    if not reply.completion_tokens or writing < 0.05:
        return f"done in {reply.seconds:.2f} s"
    return f"{reply.completion_tokens / writing:.0f} tokens/s"


def _speeds(measured: Measured) -> list[Check]:
    """A row for each burst, and one for that which came to no end."""
    rows = [_step(step) for step in measured.steps]
    name = f"{measured.stopped_at} at once"
    match measured.failed:
        case Rejected() as failure:
            todo = "stay below that, or ask the server's operator for more"
            rows.append(Check(name=name, status="warn", detail=str(failure), todo=todo))
        case CallFailed() as failure:
            rows.append(Check(name=name, status="warn", detail=str(failure), todo=_todo(failure)))
        case None if measured.stopped_at:
            detail = f"not done when the {WITHIN:g} s of the measurement were over"
            rows.append(Check(name=name, status="ok", detail=detail))
        case None:
            pass
    return rows


def _step(step: Step) -> Check:
    name = f"{step.concurrency} at once"
    detail = f"{step.tokens_per_second:.3g} tokens/s, first token after {step.ttft:.2f} s"
    if step.ttft > SLOW:
        todo = "the server queues; give it fewer calls, or more slots"
        return Check(name=name, status="warn", detail=detail, todo=todo)
    return Check(name=name, status="ok", detail=detail)


def _limit(measured: Measured) -> Check:
    limit = measured.recommended
    if limit is None:
        todo = "--limit auto finds it in the run; --limit 1 is the safe choice"
        return Check(name="limit", status="warn", detail="not one burst came to its end", todo=todo)
    if not measured.growing:
        detail = f"--limit {limit}; about what --limit auto finds by itself in a longer run"
        return Check(name="limit", status="ok", detail=detail)
    if measured.stopped_at:
        todo = "the time was up while more calls still helped: --limit auto goes on from there"
    else:
        tried = measured.steps[-1].concurrency
        todo = f"{tried} at once still brought more: --limit auto goes on from there, --up-to {2 * tried} measures it"
    return Check(name="limit", status="ok", detail=f"at least --limit {limit}", todo=todo)


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
    examined = asyncio.run(_examine(given))
    print(json.dumps(table(examined), ensure_ascii=False) if given.json else "\n".join(rows(examined.checks)))
    return 2 if _failed(examined.checks) else 0


def table(examined: Examined) -> dict[str, Any]:
    """What `--json` prints."""
    measured = examined.measured
    return {
        "checks": [check.model_dump() for check in examined.checks],
        "measured": [step._asdict() for step in measured.steps],
        "recommended_limit": measured.recommended,
    }


def rows(checks: Sequence[Check]) -> list[str]:
    """One line a check, its way out behind an arrow."""
    width = max((len(check.name) for check in checks), default=0)
    return [
        f"{check.status:<4}  {check.name:<{width}}  {check.detail}" + (f"  → {check.todo}" if check.todo else "")
        for check in checks
    ]


async def _examine(given: argparse.Namespace) -> Examined:
    timeouts = TimeoutSettings(connect=5.0, first_token=given.patience, idle=given.patience, total=2 * given.patience)
    key = os.environ.get(given.api_key_env)
    # A connection for each call: some builds of llama.cpp close theirs after a stream without a word, and there is no
    # retry here that would hide it.
    endpoint = OpenAIChat(given.base_url, given.model, key, timeouts, key_env=given.api_key_env, keep_alive=0.0)
    try:
        return await examine(endpoint, given.model, 0 if given.quick else given.up_to)
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
    parser.add_argument("--quick", action="store_true", help="leave out the bursts that measure the speed")
    parser.add_argument(
        "--up-to", type=_callers, default=UP_TO, metavar="N", help=f"calls at once that are tried (default: {UP_TO})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of rows")
    return parser


def _callers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= CONNECTIONS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {CONNECTIONS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
