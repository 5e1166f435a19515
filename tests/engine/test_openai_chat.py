"""Talking to servers as they are: torn streams, silent ones, ones that refuse, ones that speak a dialect."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from engine.llm.endpoint import Delta, Message, Reply, Request
from engine.llm.failures import CallFailed, Capability, Fatal, Overflow, Rejected, Transient, Unreachable
from engine.llm.openai_chat import OpenAIChat
from engine.llm.scripted.faults import Weather
from engine.llm.scripted.server import Scripted
from engine.llm.scripted.settings import Settings
from engine.llm.sse import Event, SSEParser
from workspace.settings.settings import TimeoutSettings

KEY = "sk-very-secret-123"
ASK = Request(model="m", messages=(Message(role="user", content="Was the tunnel inspected, and by whom?"),))


class Heard(NamedTuple):
    """Requests that a raw server got: heads and bodies."""

    heads: list[str]
    bodies: list[dict[str, Any]]


@asynccontextmanager
async def raw(
    *answers: bytes | Callable[[asyncio.StreamWriter, dict[str, Any]], Any],
) -> AsyncGenerator[tuple[str, Heard]]:
    """A server that gives one canned answer after the other, the last one for ever, and closes each connection."""
    heard, left, open_ = Heard([], []), list(answers), set[asyncio.Task[Any]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.heads.append(head)
        length = next((int(x.split(":")[1]) for x in head.lower().split("\r\n") if x.startswith("content-length")), 0)
        if length:
            heard.bodies.append(json.loads(await reader.readexactly(length)))
        answer = left.pop(0) if len(left) > 1 else left[0]
        if callable(answer):
            await answer(writer, heard.bodies[-1])
        else:
            writer.write(answer)
            await writer.drain()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", heard
    finally:
        server.close()
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_)


@asynccontextmanager
async def talking(url: str, **more: Any) -> AsyncGenerator[OpenAIChat]:
    chat = OpenAIChat(url, "m", **{"api_key": KEY, **more})
    try:
        yield chat
    finally:
        await chat.close()


@asynccontextmanager
async def scripted(**settings: Any) -> AsyncIterator[Scripted]:
    server = Scripted(Settings(models=("m",), **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def whole(chat: OpenAIChat, request: Request = ASK) -> tuple[list[Delta], Reply]:
    parts = [part async for part in chat.stream(request)]
    assert isinstance(parts[-1], Reply)
    return [part for part in parts if isinstance(part, Delta)], parts[-1]


async def failure_of(chat: OpenAIChat, request: Request = ASK) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await whole(chat, request)
    return caught.value


async def idle(server: Scripted) -> None:
    """Within a second no slot of the server is taken."""
    async with asyncio.timeout(1.0):
        while server._busy:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def http(body: bytes, status: str = "200 OK", kind: str = "text/event-stream", more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode() + body


def refused(status: str, message: str, more: str = "", **fields: str) -> bytes:
    return http(json.dumps({"error": {"message": message, **fields}}).encode(), status, "application/json", more)


def events(*contents: Any, end: str = "[DONE]") -> bytes:
    rows = [f"data: {json.dumps(c)}\n\n" for c in contents] + ([f"data: {end}\n\n"] if end else [])
    return "".join(rows).encode()


def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


# --- server-sent events --------------------------------------------------------------------------------------------


def test_events_are_the_same_wherever_the_network_tears_them():
    lines = [": ping", "event: x", "data: Grüße ☃", "", "data: a", "data:b", "", "retry: 5", "", "data: [DONE]", "", ""]
    text = "\r\n".join(lines).encode()
    wanted = [Event("Grüße ☃", "x"), Event("a\nb"), Event("[DONE]")]
    for plain in (text, text.replace(b"\r\n", b"\n"), b"\xef\xbb\xbf" + text[8:]):
        for size in range(1, len(plain) + 1):
            parser = SSEParser()
            chunks = [plain[n : n + size] for n in range(0, len(plain), size)]
            assert [event for chunk in chunks for event in parser.feed(chunk)] == wanted, size


def test_the_last_event_counts_without_the_blank_line_behind_it():
    parser = SSEParser()
    assert parser.feed(b"data: one\n\ndata: two") == [Event("one")]
    assert parser.finish() == [Event("two")]


def test_an_endless_line_is_refused_before_it_fills_the_memory():
    parser = SSEParser()
    with pytest.raises(ValueError, match="16 MB"):
        for _ in range(20):
            parser.feed(b"x" * (1 << 20))


# --- replies ---------------------------------------------------------------------------------------------------------


async def test_a_streamed_reply_comes_in_pieces_and_once_as_a_whole_with_its_usage():
    async with scripted() as server, talking(server.url) as chat:
        deltas, reply = await whole(chat)
        assert len(deltas) > 2
        assert "".join(d.text for d in deltas) == reply.text
        assert reply.finish == "stop"
        assert reply.prompt_tokens and reply.completion_tokens
        assert 0 < reply.first_token <= reply.seconds


async def test_one_connection_serves_many_calls():
    async with scripted() as server, talking(server.url) as chat:
        for _ in range(5):
            await whole(chat)
        assert len(server._connections) == 1


async def test_reasoning_is_kept_apart_under_both_names_that_servers_use():
    body = events(piece(reasoning_content="hm "), piece(reasoning="well"), piece(content="yes"), piece("stop"))
    async with raw(http(body)) as (url, _), talking(url) as chat:
        deltas, reply = await whole(chat)
        assert (reply.reasoning, reply.text) == ("hm well", "yes")
        assert deltas[0] == Delta("", "hm ")


async def test_a_server_that_does_not_stream_is_understood():
    message = {
        "choices": [{"message": {"content": "all at once"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3},
    }
    async with raw(http(json.dumps(message).encode(), kind="application/json")) as (url, _), talking(url) as chat:
        deltas, reply = await whole(chat)
        assert (deltas, reply.finish, reply.prompt_tokens) == ([Delta("all at once", "")], "length", 3)


async def test_a_packed_stream_is_unpacked():
    body = gzip.compress(events(piece(content="packed"), piece("stop")))
    async with raw(http(body, more="Content-Encoding: gzip\r\n")) as (url, _), talking(url) as chat:
        assert (await whole(chat))[1].text == "packed"


async def test_the_request_says_what_it_was_asked_to_say():
    request = Request(
        model="", messages=(Message(role="system", content="S"), Message(role="user", content="U")), temperature=0.5,
        max_tokens=7, seed=3, stop=("END",), json_schema={"type": "object"}, extra={"reasoning_effort": "low"},
    )  # fmt: skip
    async with raw(http(events(piece("stop", content="x")))) as (url, heard), talking(url) as chat:
        await whole(chat, request)
    assert f"Bearer {KEY}" in heard.heads[0]
    assert heard.bodies[0] == {
        "model": "m", "stream": True,
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
        "stream_options": {"include_usage": True}, "temperature": 0.5, "max_tokens": 7, "seed": 3, "stop": ["END"],
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "t2s_reply", "schema": {"type": "object"}, "strict": True},
        },
        "reasoning_effort": "low",
    }  # fmt: skip


async def test_a_foreign_server_is_not_told_the_account_of_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    async with raw(http(events(piece("stop", content="x")))) as (url, heard), talking(url, api_key=None) as chat:
        await whole(chat)
    assert "secret" not in heard.heads[0] and "another" not in heard.heads[0]


async def test_a_proxy_for_the_internet_is_not_asked_for_a_server_on_this_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with scripted() as server, talking(server.url) as chat:
        assert await chat.models() == ["m"]


# --- dialects -------------------------------------------------------------------------------------------------------


async def test_a_server_without_usage_in_streams_is_asked_without_it_from_then_on():
    no = refused("400 Bad Request", "Unknown field: stream_options")
    async with raw(no, http(events(piece("stop", content="x")))) as (url, heard), talking(url) as chat:
        for _ in range(2):
            assert (await whole(chat))[1].text == "x"
    assert ["stream_options" in body for body in heard.bodies] == [True, False, False]


async def test_two_calls_that_learn_the_same_dialect_at_once_both_succeed():
    async def strict(writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        await asyncio.sleep(0.05)
        no = refused("400 Bad Request", "Unknown field: stream_options")
        writer.write(no if "stream_options" in body else http(events(piece("stop", content="x"))))

    async with raw(strict) as (url, heard), talking(url) as chat:
        replies = await asyncio.gather(whole(chat), whole(chat))
        assert [reply.text for _, reply in replies] == ["x", "x"]
    assert sum("stream_options" in body for body in heard.bodies) == 2


async def test_a_server_that_renamed_max_tokens_gets_the_new_name():
    no = refused(
        "400 Bad Request", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.", param="max_tokens"
    )
    async with raw(no, http(events(piece("stop", content="x")))) as (url, heard), talking(url) as chat:
        await whole(chat, ASK.model_copy(update={"max_tokens": 9}))
    assert heard.bodies[1]["max_completion_tokens"] == 9 and "max_tokens" not in heard.bodies[1]


async def test_a_refused_schema_is_the_callers_to_decide():
    async with scripted(json_schema=False) as server, talking(server.url) as chat:
        failure = await failure_of(chat, ASK.model_copy(update={"json_schema": {"type": "object"}}))
        assert isinstance(failure, Capability) and failure.what == "response_format"


# --- failures -------------------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_one_sentence_that_names_the_variable():
    async with scripted(key="right") as server, talking(server.url, key_env="BOX_KEY") as chat:
        failure = await failure_of(chat)
        assert isinstance(failure, Fatal) and "$BOX_KEY" in str(failure)


async def test_the_key_is_in_no_failure_even_when_the_server_sends_it_back():
    for status in ("401 Unauthorized", "403 Forbidden", "400 Bad Request", "500 Internal Server Error"):
        async with raw(refused(status, f"bad key {KEY}")) as (url, _), talking(url) as chat:
            failure = await failure_of(chat)
            assert KEY not in str(failure) and KEY not in repr(failure)
            assert failure.__cause__ is None and failure.__suppress_context__


async def test_an_unknown_model_is_told_with_what_the_server_offers():
    async with scripted() as server, talking(server.url) as chat:
        failure = await failure_of(chat, ASK.model_copy(update={"model": "gpt-9"}))
        assert isinstance(failure, Fatal) and str(failure).endswith("has no model 'gpt-9'; it offers: m")


async def test_a_server_that_is_not_there_is_told_by_its_address_within_seconds():
    async with talking("http://127.0.0.1:9/v1") as chat:
        failure = await failure_of(chat)
        assert isinstance(failure, Unreachable) and "http://127.0.0.1:9/v1" in str(failure)


async def test_an_address_that_is_none_is_fatal():
    async with talking("box:8000/v1") as chat:
        assert isinstance(await failure_of(chat), Fatal)


async def test_a_busy_server_is_rejected_with_the_time_it_named():
    no = refused("429 Too Many Requests", "slow down", "Retry-After: 3\r\n")
    async with raw(no) as (url, heard), talking(url) as chat:
        failure = await failure_of(chat)
        assert isinstance(failure, Rejected) and failure.retry_after == 3
    assert len(heard.bodies) == 1, "the client library must not retry on its own"


async def test_a_long_prompt_is_an_overflow_with_its_sizes():
    async with scripted(context=3) as server, talking(server.url) as chat:
        failure = await failure_of(chat)
        assert isinstance(failure, Overflow) and failure.sizes.limit == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (events(piece(content="half a"), end=""), "in the middle, after 6 characters"),
        (b'data: {"choices": [{"delta\n\n', "not JSON"),
        (b"<html>welcome</html>", "is the address right"),
        (b"", "is the address right"),
        (events({"error": {"message": "worker died", "code": 502}}), "worker died"),
        (events(piece("error", content="x")), "gave up"),
    ],
)
async def test_a_stream_that_breaks_may_pass_next_time(body: bytes, told: str):
    async with raw(http(body)) as (url, _), talking(url) as chat:
        failure = await failure_of(chat)
        assert type(failure) is Transient and told in str(failure)


async def test_a_stream_that_ends_after_its_finish_reason_is_whole():
    async with raw(http(events(piece("stop", content="x"), end=""))) as (url, _), talking(url) as chat:
        assert (await whole(chat))[1].text == "x"


async def test_a_rejection_inside_a_stream_is_a_rejection():
    async with raw(http(events({"error": {"message": "overloaded", "code": 429}}))) as (url, _), talking(url) as chat:
        assert isinstance(await failure_of(chat), Rejected)


@pytest.mark.parametrize("fault", ["disconnect", "broken-json", "500", "503", "429"])
async def test_each_fault_of_the_scripted_server_is_a_failure_that_is_tried_again(fault: str):
    async with scripted(weather=Weather(rates={fault: 1.0})) as server, talking(server.url) as chat:
        failure = await failure_of(chat)
        assert type(failure) is (Rejected if fault in ("429", "503") else Transient)


# --- clocks ---------------------------------------------------------------------------------------------------------


async def test_pings_do_not_count_as_content():
    async def pings(writer: asyncio.StreamWriter, _: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        writer.write(events(piece(content="I am thinking"), end=""))
        for _ in range(100):
            writer.write(b": ping\n\n" + events(piece(), end=""))
            await asyncio.sleep(0.02)

    timeouts = TimeoutSettings(idle=0.2)
    async with raw(pings) as (url, _), talking(url, timeouts=timeouts) as chat:
        failure = await failure_of(chat)
        assert type(failure) is Transient and "fell silent for 0.2 s" in str(failure)


async def test_waiting_long_for_the_first_token_is_not_silence():
    async with scripted(weather=Weather(latency=0.4)) as server:
        async with talking(server.url, timeouts=TimeoutSettings(idle=0.1, first_token=5)) as chat:
            assert (await whole(chat))[1].first_token >= 0.4
        async with talking(server.url, timeouts=TimeoutSettings(idle=5, first_token=0.1)) as chat:
            assert "sent nothing within 0.1 s" in str(await failure_of(chat))


async def test_a_reply_without_end_is_ended_by_the_total_clock():
    async with scripted(rate=20.0) as server, talking(server.url, timeouts=TimeoutSettings(total=0.15)) as chat:
        assert "was not done within 0.15 s" in str(await failure_of(chat))


async def test_a_slow_reader_is_not_taken_for_a_silent_server():
    async with scripted() as server, talking(server.url, timeouts=TimeoutSettings(idle=0.1)) as chat:
        async for part in chat.stream(ASK):
            await asyncio.sleep(0.15)
            if isinstance(part, Reply):
                return
    raise AssertionError("no reply")


async def test_cancelling_a_call_frees_the_servers_slot_at_once():
    async with scripted(slots=1, rate=2.0) as server, talking(server.url) as chat:
        call = asyncio.create_task(whole(chat))
        await asyncio.sleep(0.3)
        assert server._busy == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await idle(server)


async def test_closing_the_stream_early_frees_the_servers_slot_at_once():
    async with scripted(slots=1, rate=2.0) as server, talking(server.url) as chat:
        stream = chat.stream(ASK)
        await anext(stream)
        await stream.aclose()
        await idle(server)


async def test_a_hundred_streams_at_once_are_each_whole():
    async with scripted() as server, talking(server.url) as chat:
        asks = [ASK.model_copy(update={"seed": n}) for n in range(100)]
        replies = await asyncio.gather(*(whole(chat, ask) for ask in asks))
        assert len({reply.text for _, reply in replies}) == 1
