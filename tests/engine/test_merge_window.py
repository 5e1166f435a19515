"""What a model can read is found out, not guessed: from lists of models, from llama.cpp, from refusals, from calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.llm.openai_chat import OpenAIChat
from engine.window import CAUTIOUS, Windows
from workspace.edits.patch import AppendToSection, Edit
from workspace.merging.parts import halves, in_parts, room, size


@contextmanager
def pages(**given: Any) -> Iterator[str]:
    """A real server that answers GET with these JSON pages, and 404 to all others; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = given.get(self.path.strip("/").replace("/", "_"))
            body = json.dumps(found if found is not None else {"error": {"message": "not found"}}).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def windows(**given: Any) -> dict[str, int]:
    with pages(**given) as url:
        chat = OpenAIChat(url, "m", keep_alive=0.0)
        try:
            await chat.models()
            return await chat.windows("m")
        finally:
            await chat.close()


@pytest.mark.parametrize(
    "row",
    [
        {"max_model_len": 8192},
        {"context_length": 8192},
        {"context_window": 8192},
        {"meta": {"n_ctx": 8192, "n_ctx_train": 32768}},
        {"top_provider": {"context_length": 8192}},
    ],
)
async def test_the_list_of_models_tells_the_window_by_any_of_its_names(row: dict[str, Any]) -> None:
    assert await windows(v1_models={"data": [{"id": "m", "object": "model", **row}]}) == {"m": 8192}


async def test_of_llama_cpp_the_context_of_a_slot_counts() -> None:
    listed = {"data": [{"id": "m", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}]}
    props = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 4}
    assert await windows(v1_models=listed, props=props) == {"m": 4096}
    assert await windows(v1_models=listed) == {}


async def test_a_server_that_does_not_tell_is_believed_to_have_no_bound() -> None:
    assert await windows(v1_models={"data": [{"id": "m", "object": "model", "max_model_len": None}]}) == {}


def test_a_refusal_is_remembered_over_lives_and_only_ever_lowers_the_window(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    first = Windows({"m": 32768}, path)
    first.learn("m", 8192)
    first.learn("m", 16384)
    first.learn("other", None)
    assert (first.limit("m"), first.limit("other")) == (8192, 0)
    assert Windows({"m": 32768}, path).limit("m") == 8192


def test_characters_a_token_follow_what_finished_calls_counted() -> None:
    known = Windows()
    assert known.per_token("m") == CAUTIOUS
    known.count("m", 1000, 500)
    assert known.per_token("m") == CAUTIOUS
    known.count("m", 9000, 4500)
    known.count("m", 5000, None)
    assert known.per_token("m") == 1.5


def edits(count: int) -> list[Edit]:
    places = ["b2", "b3", "b5"]
    return [
        AppendToSection(id=f"e{n}", section=places[n % 3], text=f"- rule {n // 9} in words {n % 2}")
        for n in range(count)
    ]


def test_parts_hold_every_edit_once_fit_into_the_room_and_keep_places_together() -> None:
    given = edits(30)
    parts = in_parts(given, 2_000)
    assert sorted(x.id for part in parts for x in part) == sorted(x.id for x in given)
    assert all(size(part) <= 2_000 for part in parts)
    assert len(parts) <= 3 + size(given) // 2_000
    assert all(len({getattr(x, "section", "") for x in part}) <= 2 for part in parts)
    assert in_parts(given, 10**6) == [given]
    assert [len(part) for part in in_parts(given[:3], 1)] == [1, 1, 1]


def test_halves_hold_every_edit_once() -> None:
    for count in range(1, 9):
        parts = halves(edits(count))
        assert sorted(x.id for part in parts for x in part) == sorted(x.id for x in edits(count))
        assert len(parts) == min(2, count)


def test_the_room_counts_the_prompt_and_the_reply() -> None:
    assert room(0, 4.0, 2_000, 8_192) == 4 * 8_192
    assert room(8_192, 4.0, 2_000, 8_192) == 14_436
    assert room(8_192, 4.0, 2_000, 1_024) == 4_096
    assert room(100, 4.0, 2_000, 8_192) == 1
