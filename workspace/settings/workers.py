"""Where the heavy hands work, as people write it."""

from __future__ import annotations

import re

LOCAL = "local"
_RAY = re.compile(r"ray(://[^\s:/@]+:\d{1,5})?")


def is_workers(text: str) -> str:
    """`text`, which names workers. Raises `ValueError`."""
    if text != LOCAL and not _RAY.fullmatch(text):
        raise ValueError("write local, ray, or ray://HOST:PORT with the address that `ray start --head` tells")
    return text
