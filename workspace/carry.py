"""What a candidate carries of its lessons, and the name that gives it.

Candidates of one seed are made of the same merged edits. `s0` carries rules and examples, `s0-rules` its rules alone,
`s0-examples` its examples alone.
"""

from __future__ import annotations

import difflib
from typing import Literal, NamedTuple, cast, get_args

Carry = Literal["all", "rules", "examples"]
CARRIES: tuple[Carry, ...] = get_args(Carry)
"""In the order in which candidates of one seed are named."""
ALONE: dict[Carry, str] = {"all": "", "rules": "rules alone", "examples": "examples alone"}
"""What tells a candidate from the one that carries all, in words."""


class SideName(NamedTuple):
    """A candidate's name in its parts."""

    seed: int
    carries: Carry


def side_name(seed: int, carries: Carry = "all") -> str:
    """`s0`, `s0-examples`."""
    return f"s{seed}" if carries == "all" else f"s{seed}-{carries}"


def parse_side(name: str) -> SideName | None:
    """The parts of a candidate's name; None for what is none (`base`, somebody's copy `s0.old`)."""
    seed, dash, carries = name.partition("-")
    number = seed.removeprefix("s")
    if not seed.startswith("s") or not number.isdecimal() or (dash and carries not in CARRIES[1:]):
        return None
    return SideName(int(number), cast("Carry", carries) if dash else "all")


def carried(words: tuple[str, ...]) -> tuple[Carry, ...]:
    """`words` in the order of their candidates. Raises `ValueError` without any, for one that is none and for one that
    is there twice."""
    if not words:
        raise ValueError(f"a run needs a candidate; give one or more of {', '.join(CARRIES)}")
    for word in words:
        if word not in CARRIES:
            near = difflib.get_close_matches(word, CARRIES, 1, 0.6)
            raise ValueError(f"no candidate carries {word!r}; " + _known(near[0] if near else ""))
        if words.count(word) > 1:
            raise ValueError(f"{word} stands there twice; name each kind of candidate once")
    return tuple(word for word in CARRIES if word in words)


def _known(near: str) -> str:
    return f"did you mean {near}?" if near else f"there are: {', '.join(CARRIES)}"
