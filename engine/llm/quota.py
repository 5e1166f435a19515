"""Calls and tokens a minute: what the user set, and what a server's headers tell. Pure, with injected time.

Headers as documented by OpenAI (`x-ratelimit-remaining-requests`, resets like "6m0s" or "20ms"), by Anthropic
(`anthropic-ratelimit-requests-remaining`, resets as RFC 3339 dates) and by gateways (`x-ratelimit-remaining`, seconds
or seconds since 1970).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

MINUTE, BURST = 60.0, 0.1  # a tenth of a minute's worth may go at once
LONGEST_HOLD = 900.0
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SINCE_1970 = 1e9  # a larger number of seconds is a date
_NAMES = {
    "requests": ("x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}", "x-ratelimit-{}"),
    "tokens": ("x-ratelimit-{}-tokens", "anthropic-ratelimit-tokens-{}"),
}


class _Bucket:
    """So much a minute; what is larger than the bucket waits until it is full and leaves it in debt."""

    def __init__(self, a_minute: float | None) -> None:
        self._rate = (a_minute or math.inf) / MINUTE
        self._size = max(1.0, (a_minute or 0.0) * BURST)
        self._there = self._size
        self._at = 0.0

    def ready_at(self, now: float, amount: float) -> float:
        if math.isinf(self._rate):
            return now
        self._fill(now)
        lacks = min(amount, self._size) - self._there
        return now if lacks <= 1e-9 else now + lacks / self._rate

    def took(self, now: float, amount: float) -> None:
        if not math.isinf(self._rate):
            self._fill(now)
            self._there = min(self._size, self._there - amount)

    def _fill(self, now: float) -> None:
        self._there = min(self._size, self._there + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Quota:
    """`rpm` calls and `tpm` tokens a minute, None for no bound. Times are seconds on one clock that never runs back."""

    def __init__(self, rpm: float | None = None, tpm: float | None = None) -> None:
        self._calls, self._tokens = _Bucket(rpm), _Bucket(tpm)
        self._left: dict[str, tuple[float, float]] = {}  # by kind: what the server has left for us, until when

    def ready_at(self, now: float, tokens: int) -> float:
        """When a call of about so many tokens may start; `now` where it may at once."""
        at = max(self._calls.ready_at(now, 1), self._tokens.ready_at(now, tokens))
        return max([at, *(until for left, until in self._left.values() if left < 1)])

    def took(self, now: float, tokens: int) -> None:
        """A call of about so many tokens starts."""
        self._calls.took(now, 1)
        self._tokens.took(now, tokens)
        if "requests" in self._left:
            left, until = self._left["requests"]
            self._left["requests"] = (left - 1, until)

    def used(self, now: float, expected: int, used: int) -> None:
        """It has ended: what it used, instead of what was expected, counts."""
        self._tokens.took(now, used - expected)

    def told(self, now: float, headers: Mapping[str, str], wall: float) -> None:
        """What an answer's headers say of what is left; `wall` is the date now, in seconds since 1970. Names in small
        letters; what is no number or date is passed over."""
        for kind, names in _NAMES.items():
            for name in names:
                left = _number(headers.get(name.format("remaining"), ""))
                wait = _wait(headers.get(name.format("reset"), ""), wall)
                if left is not None and wait is not None:
                    self._left[kind] = (left, now + min(wait, LONGEST_HOLD))
                    break


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _wait(text: str, wall: float) -> float | None:
    """Seconds until a reset: "1m30s", a number of seconds, seconds since 1970, or a date."""
    text = text.strip()
    if (value := _number(text)) is not None:
        return max(0.0, value - wall) if value > _SINCE_1970 else value
    if text and not _PART.sub("", text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)
