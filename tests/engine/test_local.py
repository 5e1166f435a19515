"""Fetching the embedded model: only the hash makes bytes trustworthy, and nothing is fetched twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.llm.local.install import install
from engine.llm.local.model import QWEN, ModelSpec, Progress, cached, is_remembered, status
from workspace.errors import EndpointError, InputError

MODEL = b"GGUF" + bytes(range(256)) * 400
SPEC = ModelSpec(
    name="tiny",
    file="tiny.gguf",
    size=len(MODEL),
    sha256=hashlib.sha256(MODEL).hexdigest(),
    hub="owner/tiny/resolve/main/tiny.gguf",
    slices=QWEN.slices,
)


class Hub(ThreadingHTTPServer):
    """A model hub on loopback that knows byte ranges; `sends` is what it has."""

    sends = MODEL
    asked: list[str]


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.sends)))
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(self.server.sends) - start))
        self.end_headers()
        self.wfile.write(self.server.sends[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests are quiet."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub(("127.0.0.1", 0), Answer)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("T2S_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_a_fetched_model_is_checked_kept_and_not_fetched_again(hub: Hub) -> None:
    seen: list[Progress] = []
    path = install(None, seen.append, SPEC)
    assert path == cached(SPEC)
    assert path.read_bytes() == MODEL
    assert seen[-1].phase == "ready"
    assert status(SPEC).verified
    install(None, seen.append, SPEC)
    assert len(hub.asked) == 1


def test_an_interrupted_fetch_goes_on_where_it_was(hub: Hub) -> None:
    part = cached(SPEC).with_name("tiny.gguf.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL[:1000])
    assert install(None, lambda _: None, SPEC).read_bytes() == MODEL
    assert hub.asked == ["bytes=1000-"]


def test_wrong_bytes_never_reach_the_cache(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.sends = MODEL[:-1] + b"!"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(EndpointError, match=r"SHA-256 differs.*--model PATH"):
        install(None, lambda _: None, SPEC)
    assert not cached(SPEC).exists()
    assert not status(SPEC).verified


def test_a_file_changed_behind_our_back_is_no_longer_trusted(hub: Hub) -> None:
    path = install(None, lambda _: None, SPEC)
    path.write_bytes(MODEL[::-1])
    assert not is_remembered(path, SPEC)
    assert install(None, lambda _: None, SPEC).read_bytes() == MODEL


def test_a_model_that_a_person_names_must_be_gguf(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(MODEL)
    assert install(mine, lambda _: None, SPEC) == mine
    mine.write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"mine\.gguf"):
        install(mine, lambda _: None, SPEC)
