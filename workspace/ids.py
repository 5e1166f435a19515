"""Ids that people read. Units have derived ids (house of a run: t003, t003-L1, m1-02), never a counter of arrival."""

from __future__ import annotations

import os
import re
import secrets
import time
from datetime import datetime

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def run_id(label: str, now: datetime | None = None) -> str:
    """`2026-11-22-1405-xlsx-a3f`: local time, what it is about, three random hex digits."""
    stamp = (now or datetime.now()).strftime("%Y-%m-%d-%H%M")
    return f"{stamp}-{slug(label)}-{secrets.token_hex(2)[:3]}"


def slug(text: str, longest: int = 24) -> str:
    """Lower-case letters, digits and single hyphens; `run` when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].strip("-") or "run"


def ulid() -> str:
    """26 characters that sort by time of making (Crockford base 32: 48 bits of milliseconds, 80 random bits)."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_BASE32[(value >> shift) & 31] for shift in range(125, -1, -5))


def trajectory_id(position: int, repeat: int = 1) -> str:
    """`t003`, and `t003.r2` for the second go at the same task. `position` counts from 1."""
    return f"t{position:03d}" + (f".r{repeat}" if repeat > 1 else "")


def lesson_id(trajectory: str, number: int) -> str:
    """`t003-L1`."""
    return f"{trajectory}-L{number}"


def edit_id(unit: str, number: int) -> str:
    """`t003-E2` for a proposed edit, `m1-02-E1` for one that a merge wrote."""
    return f"{unit}-E{number}"


def node_id(level: int, number: int) -> str:
    """`m1-02`: merge level 1, second node."""
    return f"m{level}-{number:02d}"
