"""What every reader gives and gets: the protocol, what is reported beside trajectories, and scrubbing of secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from workspace.trajectory import Trajectory

HEAD_BYTES = 1 << 20

_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{12,}|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|hf_[A-Za-z0-9]{16,}|pypi-[\w-]{16,}|xox[abeprs]-[\w-]{10,}"
    r")"
    r"|(?:(?<=[Bb]earer )|(?<=BEARER ))[A-Za-z0-9._~+/=-]{12,}",
    re.DOTALL,
)
SCRUBBED = "[secret removed]"


class Skipped(NamedTuple):
    """A piece of a recognised file that could not be used; `line` is 1-based."""

    file: str
    line: int
    reason: str


class Unknown(NamedTuple):
    """A file that no reader recognised, and what each missed."""

    file: str
    reason: str


class Reader(Protocol):
    """One trajectory format."""

    @property
    def name(self) -> str:
        """The format's name in reports and errors."""
        ...

    def sniff(self, path: Path, head: str) -> str | None:
        """None when the file is this reader's, else in a few words what it lacks. `head`: its first 1 MiB."""
        ...

    def read(self, path: Path) -> Iterator[Trajectory | Skipped]:
        """The trajectories in the order of the file, read as needed. `id` and `task` are the file's own or ""."""
        ...


def scrub(text: str) -> str:
    """`text` without provider keys and tokens, and without lone surrogates, which no UTF-8 file can hold."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _SECRETS.sub(SCRUBBED, text)


def scrubbed(trajectory: Trajectory) -> Trajectory:
    """The trajectory with every text in it scrubbed."""
    return Trajectory.model_validate(_scrub_all(trajectory.model_dump()))


def load_json(text: str) -> Any:
    """JSON as Python values. Raises `ValueError` with a short reason, also for nesting that is too deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg}, column {error.colno})") from error


def as_table(value: Any) -> dict[str, Any]:
    """`value` when it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """`value` when it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A text as it is, nothing as "", anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _scrub_all(value: Any) -> Any:
    match value:
        case str():
            return scrub(value)
        case dict():
            return {key: _scrub_all(one) for key, one in as_table(value).items()}
        case list() | tuple():
            return [_scrub_all(one) for one in cast("list[Any]", value)]
        case _:
            return value
