"""What people want of a running engine: one small file each in `wishes/`, taken in name order.

A wish carries the `seq` its author had seen: a stop or pause from before the engine's start is stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workspace.errors import InputError
from workspace.files import dump_toml, read_toml, write_text
from workspace.ids import ulid
from workspace.runs.run import RunFolder

WishKind = Literal["pause", "pause_now", "resume", "stop", "stop_now", "hold_after", "limit", "spending", "retry"]
WISHES: tuple[str, ...] = get_args(WishKind)


class Wish(BaseModel):
    """`arguments`: {stage} for hold_after, {limit} for limit, for spending caps by name ({tokens: 9000}; "none" takes
    one away); else empty."""

    model_config = ConfigDict(frozen=True)
    format: int = 1
    kind: WishKind
    who: str = ""
    seq: int = 0
    arguments: dict[str, Any] = Field(default_factory=dict)


def leave_wish(run: RunFolder, wish: Wish) -> str:
    """Put a wish where the engine finds it; returns its name."""
    name = f"{ulid()}-{wish.kind}"
    write_text(run.wishes / f"{name}.toml", dump_toml(wish.model_dump()))
    return name


def waiting(run: RunFolder) -> list[Path]:
    """The wishes nobody has taken, oldest first."""
    return sorted(run.wishes.glob("*.toml"))


def read_wish(path: Path) -> Wish:
    """Raises `InputError` with the file and the fault."""
    try:
        return Wish.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path.name}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error


def put_away(path: Path) -> None:
    """A wish that was granted or refused goes to `wishes/done/`."""
    done = path.parent / "done"
    done.mkdir(exist_ok=True)
    path.replace(done / path.name)
