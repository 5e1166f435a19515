"""JSON that somebody else may have written: what is none, or would break a reader, is refused as one kind of error."""

from __future__ import annotations

import json
from typing import Any

MOST = 10**15
"""Below this is every number of a run: beyond it floats are no longer exact, and some sums of them no number."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text that somebody else may have written. Raises `ValueError` for everything that is none, is
    nested too deeply, or holds a number that is none (NaN) or as large as `MOST`."""
    try:
        return _JSON.decode(text.decode() if isinstance(text, bytes) else text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole(digits: str) -> int:
    if len(digits) > 16 or not -MOST < (number := int(digits)) < MOST:
        raise ValueError("a number in it is too large")
    return number


def _real(digits: str) -> float:
    if not -MOST < (number := float(digits)) < MOST:
        raise ValueError("a number in it is too large")
    return number


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


_JSON = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_no_number)
