"""What people put into the form before: a small file of their own, and what the runs of a folder were made with.

    [recent]                      $XDG_STATE_HOME/t2s/recent.toml, the newest first
    "skill.path" = ["skills/xlsx", "skills/dates"]

Never a key, never an address that carries one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from workspace.errors import InputError, T2SError
from workspace.files import dump_toml, read_toml, write_text
from workspace.runs.run import RunFolder, runs_in

KEPT = (
    "skill.path",
    "skill.create",
    "traces.paths",
    "traces.labels",
    "domain.name",
    "domain.family",
    "endpoint.base_url",
    "endpoint.model",
    "endpoint.api_key_env",
)
MOST = 12
RUNS = 30  # how many of the newest runs are looked at

Recent = dict[str, list[str]]


def recent_file(environment: Mapping[str, str] | None = None) -> Path:
    """In the user's state folder."""
    env = os.environ if environment is None else environment
    home = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".local" / "state")
    return Path(home) / "t2s" / "recent.toml"


def load_recent(path: Path) -> Recent:
    """The values by setting, the newest first; empty without a file, or with one that is damaged."""
    try:
        table = read_toml(path).get("recent", {})
    except InputError:
        return {}  # it only saves typing: a run must not fail for it
    return {key: _texts(table.get(key)) for key in KEPT if _texts(table.get(key))}


def remember(path: Path, values: Mapping[str, str]) -> None:
    """Put `values` in front. Raises `DiskError`."""
    told = load_recent(path)
    for key, value in values.items():
        if key in KEPT and value and not _is_unfit(value):
            told[key] = list(dict.fromkeys([value, *told.get(key, [])]))[:MOST]
    write_text(path, dump_toml({"format": 1, "recent": told}))


def of_runs(folder: Path) -> Recent:
    """What the newest runs of `folder` were made with."""
    found: Recent = {}
    for run in reversed(runs_in(folder)[-RUNS:] if folder.is_dir() else []):
        for key, value in _of_run(run).items():
            found.setdefault(key, []).append(value)
    return {key: list(dict.fromkeys(values))[:MOST] for key, values in found.items()}


def joined(first: Recent, second: Recent) -> Recent:
    """Both, the values of `first` in front."""
    return {key: list(dict.fromkeys([*first.get(key, []), *second.get(key, [])])) for key in {*first, *second}}


def _of_run(run: RunFolder) -> dict[str, str]:
    try:
        config = cast("dict[str, object]", read_toml(run.config).get("config", {}))
    except T2SError:
        return {}  # a damaged run has nothing to offer here
    found: dict[str, str] = {}
    for key in KEPT:
        section, _, name = key.partition(".")
        table = config.get(section)
        value = cast("dict[str, object]", table).get(name) if isinstance(table, dict) else None
        text = " ".join(_texts(value)) if isinstance(value, list) else value if isinstance(value, str) else ""
        if text and not _is_unfit(text):
            found[key] = text
    return found


def _texts(value: object) -> list[str]:
    return [one for one in cast("list[object]", value) if isinstance(one, str)] if isinstance(value, list) else []


def _is_unfit(value: str) -> bool:
    """An address may carry a key behind a question mark or before an @; what cannot be printed cannot be offered."""
    return not value.isprintable() or ("://" in value and any(sign in value for sign in "?@#"))


def completions(text: str, folders_only: bool = False, most: int = 50) -> list[str]:
    """Paths that begin with `text`, folders with a slash at their end; none for an empty text."""
    if not text:
        return []
    head, _, tail = text.rpartition("/")
    place = Path(f"{head}/" if "/" in text else ".").expanduser()
    try:
        names = sorted(_named(entry) for entry in os.scandir(place) if entry.name.startswith(tail))
    except OSError:
        return []
    names = [name for name in names if name.isprintable()]
    shown = (name for name in names if not name.startswith(".") or tail.startswith("."))
    picked: Iterable[str] = (name for name in shown if name.endswith("/") or not folders_only)
    prefix = f"{head}/" if "/" in text else ""
    return [f"{prefix}{name}" for name in picked if f"{prefix}{name}" != text][:most]


def _named(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if entry.is_dir() else entry.name
