"""Where the heavy hands work, as people write it."""

from __future__ import annotations

import re

LOCAL = "local"
LAST_PORT = 65_535
_RAY = re.compile(r"ray(://[^\s:/@]+:(?P<port>\d{1,5}))?")


def is_workers(text: str) -> str:
    """`text`, which names workers. Raises `ValueError`."""
    found = _RAY.fullmatch(text)
    if text != LOCAL and (found is None or int(found["port"] or 0) > LAST_PORT):
        raise ValueError("write local, ray, or ray://HOST:PORT with the address that `ray start --head` tells")
    return text
