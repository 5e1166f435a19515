"""Conversations as chat messages: JSON Lines (or a JSON array) of rows like {"messages": [...], "reward": 1}.

A row may call its list messages, conversation or trajectory, or be a prompt + completion pair, or be the bare list.
Whether it passed is read from a reward key of the row, for there is nothing else in it that says so.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workspace.errors import at
from workspace.files import read_lines, read_text
from workspace.readers.base import HEAD_BYTES, Skipped, as_list, as_table, as_text, load_json
from workspace.readers.labels import EXPECTED, MESSAGES, judge
from workspace.trajectory import Outcome, Step, ToolCall, Trajectory

CONVERSATIONS = ("messages", "conversation", "trajectory")
CLAIMS = ("success", "resolved", "passed", "label")
SCORES = ("reward", "score")
TASKS = ("task", "task_id")
GOT = ("got", "prediction")
# Rows of other formats that also hold messages; their own readers know where the outcome stands.
FOREIGN = ("trajectory_format",)
SNIFFED_LINES = 50

_ROLES: Mapping[str, Literal["system", "user", "agent", "tool"]] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "agent", "ai", "model"), "agent"),
    **dict.fromkeys(("tool", "function"), "tool"),
}
_THINK = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


class MessagesReader:
    """Reads OpenAI-style messages. A row that cannot be understood is skipped with its line and the reason."""

    name = "messages"

    def sniff(self, path: Path, head: str) -> str | None:
        rows = [_parsed(line) for line in head.split("\n")[:SNIFFED_LINES] if line.strip()]
        if any(_is_row(row) for row in rows):
            return None
        if head.lstrip()[:1] in ("[", "{") and _looks_like_rows(head):
            return None
        return "no row has messages, conversation, trajectory or prompt + completion"

    def read(self, path: Path) -> Iterator[Trajectory | Skipped]:
        for line, row in _rows(path):
            if isinstance(row, str):
                yield Skipped(str(path), line, row)
                continue
            try:
                yield _trajectory(row, at(path, line))
            except _BadRow as error:
                yield Skipped(str(path), line, str(error))


class _BadRow(ValueError):
    """Why one row is no trajectory."""


class _Placed(NamedTuple):
    """A step and, for a tool's result, which call it answers."""

    step: Step
    call: int = -1


class _Calls:
    """The calls still without an answer; ids where there are some, else the order pairs them."""

    def __init__(self) -> None:
        self._open: dict[int, ToolCall] = {}
        self._count = 0

    def add(self, raw: Any) -> ToolCall:
        table = as_table(raw)
        function = as_table(table.get("function")) or table
        call = ToolCall(
            id=as_text(table.get("id")) or f"call-{self._count + 1}",
            name=as_text(function.get("name")),
            arguments=as_text(function.get("arguments")),
        )
        self._open[self._count] = call
        self._count += 1
        return call

    def answer(self, call_id: str, name: str) -> tuple[int, str]:
        """Number and name of the call that is answered; -1 when there is none."""
        fitting = [n for n, call in self._open.items() if name in ("", call.name)]
        found = next((n for n, call in self._open.items() if call_id and call.id == call_id), None)
        if found is None and not fitting:
            return -1, name
        chosen = fitting[0] if found is None else found
        return chosen, self._open.pop(chosen).name or name


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Line and row; the row is a text, the reason, where the line is broken."""
    if _is_one_document(path):
        yield from _document_rows(read_text(path).removeprefix("\ufeff"))
        return
    for number, line in enumerate(read_lines(path), 1):
        text = line.removeprefix("\ufeff").strip()
        if not text:
            continue
        try:
            yield number, load_json(text)
        except ValueError as error:
            yield number, str(error)


def _is_one_document(path: Path) -> bool:
    """An array over the whole file or one object over many lines, as opposed to a row a line."""
    lines = (line.removeprefix("\ufeff").strip() for line in read_lines(path))
    first = [line for line in itertools.islice(lines, SNIFFED_LINES) if line]
    if not first or first[0][0] not in "[{":
        return False
    if first[0] == "[" or any(_is_row(row) for row in as_list(_parsed(first[0]))):
        return True
    return not any(_is_row(_parsed(line)) for line in first)


def _document_rows(text: str) -> Iterator[tuple[int, Any]]:
    """Rows of an array one by one, so that a broken one names its line; what follows it cannot be read."""
    decoder = json.JSONDecoder()
    place, line, inside = 0, 1, text.lstrip().startswith("[")
    while (start := _next_value(text, place)) < len(text):
        line += text.count("\n", place, start)
        try:
            row, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            yield line, f"not JSON ({getattr(error, 'msg', 'nested too deeply')}); nothing after it was read"
            return
        if inside and not _is_row(row) and "role" in as_table(row):
            yield 1, _parsed(text)
            return
        yield line, row
        line += text.count("\n", start, place)


def _next_value(text: str, place: int) -> int:
    found = re.compile(r"[\s,\[\]]*").match(text, place)
    return found.end() if found else place


def _parsed(text: str) -> Any:
    try:
        return load_json(text.removeprefix("\ufeff"))
    except ValueError:
        return None


def _is_row(row: Any) -> bool:
    table = as_table(row)
    if any(name in table for name in FOREIGN):
        return False
    if "prompt" in table and "completion" in table:
        return True
    lists = [as_list(_as_messages(one)) for one in (row, *(table.get(name) for name in CONVERSATIONS))]
    return any("role" in as_table(found[0]) for found in lists if found)


def _looks_like_rows(head: str) -> bool:
    """For a document: its first value where it is complete, else the names in what was seen of it."""
    first = next(_document_rows(head), (0, ""))[1]
    if not isinstance(first, str):
        return _is_row(first)
    return len(head) >= HEAD_BYTES // 4 and bool(re.search(r'"(messages|conversation|trajectory)"\s*:\s*\[', head))


def _trajectory(row: Any, where: str) -> Trajectory:
    table = as_table(row)
    steps = _steps(_conversation(row, table))
    if not any(step.role == "agent" for step in steps):
        raise _BadRow("no message of an assistant in it")
    metadata = as_table(table.get("metadata"))
    return Trajectory(
        id=_first(table, ("id",)),
        task=_first(table, TASKS) or _first(metadata, TASKS),
        steps=steps,
        outcome=_outcome({**metadata, **table}),
        source=where,
    )


def _conversation(row: Any, table: Mapping[str, Any]) -> list[Any]:
    if isinstance(row, list):
        return as_list(row)
    for name in CONVERSATIONS:
        if messages := as_list(_as_messages(table.get(name))):
            return messages
    if "prompt" in table and "completion" in table:
        return _side(table["prompt"], "user") + _side(table["completion"], "assistant")
    raise _BadRow("no messages, conversation, trajectory or prompt + completion in it")


def _side(value: Any, role: str) -> list[Any]:
    messages = as_list(_as_messages(value))
    return messages or [{"role": role, "content": value}]


def _as_messages(value: Any) -> Any:
    """Some exporters store the list as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        return _parsed(value) or value
    return value


def _steps(messages: list[Any]) -> tuple[Step, ...]:
    calls = _Calls()
    placed: list[_Placed] = []
    results: list[_Placed] = []
    for number, message in enumerate(messages, 1):
        one = _placed(as_table(message), number, calls)
        if one.step.role == "tool":
            results.append(one)
            continue
        placed += _in_call_order(results)
        results = []
        placed.append(one)
    return tuple(one.step for one in [*placed, *_in_call_order(results)])


def _in_call_order(results: list[_Placed]) -> list[_Placed]:
    """Answers of calls made together may come back in any order; a result without a call stays last."""
    return sorted(results, key=lambda one: (one.call < 0, one.call))


def _placed(message: Mapping[str, Any], number: int, calls: _Calls) -> _Placed:
    name = as_text(message.get("role"))
    role = _ROLES.get(name.lower())
    if role is None:
        raise _BadRow(f"message {number} has the role {name[:40]!r}; known are {', '.join(_ROLES)}")
    text, thought = _content(message.get("content"))
    if role == "tool":
        call, tool = calls.answer(as_text(message.get("tool_call_id")), as_text(message.get("name")))
        return _Placed(Step(role=role, text=text, name=tool, is_error=_is_error(message)), call)
    if role != "agent":
        return _Placed(Step(role=role, text=text, name=as_text(message.get("name"))))
    spoken = _THINK.match(text)
    thoughts = [as_text(message.get(key)) for key in ("reasoning_content", "reasoning")][:2]
    reasoning = next((t for t in [*thoughts, thought] if t), spoken[1].strip() if spoken else "")
    made = as_list(message.get("tool_calls"))
    legacy = [message["function_call"]] if as_table(message.get("function_call")) else []
    return _Placed(
        Step(
            role=role,
            text=text[spoken.end() :] if spoken else text or as_text(message.get("refusal")),
            reasoning=reasoning,
            calls=tuple(calls.add(raw) for raw in made or legacy),
            tokens=_tokens(message),
            name=as_text(message.get("name")),
        )
    )


def _content(content: Any) -> tuple[str, str]:
    """Text and reasoning of a message's content: null, a text, or parts."""
    if not isinstance(content, list):
        return as_text(content), ""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in as_list(content):
        table = as_table(part)
        kind = as_text(table.get("type"))
        if kind in ("thinking", "reasoning"):
            thoughts.append(as_text(table.get("thinking") or table.get("text")))
        elif isinstance(part, str) or "text" in table or "refusal" in table:
            texts.append(part if isinstance(part, str) else as_text(table.get("text") or table.get("refusal")))
        else:
            texts.append(f"[{kind or 'part'}]")
    return "\n".join(texts), "\n".join(thoughts)


def _is_error(message: Mapping[str, Any]) -> bool:
    return message.get("is_error") is True or message.get("status") == "error"


def _tokens(message: Mapping[str, Any]) -> int | None:
    count = as_table(message.get("usage")).get("completion_tokens")
    return count if isinstance(count, int) and count >= 0 else None


def _outcome(row: Mapping[str, Any]) -> Outcome:
    """A yes/no key decides before a number; the number is kept as the score."""
    found = {key: judge(row[key]) for key in (*CLAIMS, *SCORES) if row.get(key) is not None}
    understood = {key: judged for key, judged in found.items() if judged}
    score = next((understood[key].score for key in SCORES if key in understood), None)
    texts = {
        "message": next((as_text(row[key]) for key in MESSAGES if row.get(key)), ""),
        "expected": next((as_text(row[key]) for key in EXPECTED if row.get(key) is not None), None),
        "got": next((as_text(row[key]) for key in GOT if row.get(key) is not None), None),
    }
    for key, judged in understood.items():
        best = score if score is not None else judged.score
        return Outcome.model_validate({"status": judged.status, "score": best, "source": f"inline {key}", **texts})
    strange = "".join(f"inline {key} {as_text(row[key])[:40]} is no pass, fail or 0…1" for key in list(found)[:1])
    return Outcome.model_validate({"source": strange, **texts})


def _first(table: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these that names something; a nested object is no name."""
    values = (table.get(name) for name in names)
    return next((str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool) and str(v)), "")
