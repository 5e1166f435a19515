"""How many files and connections this process may have open at once."""

from __future__ import annotations

import resource

WANTED = 65_536


def allow_many() -> int:
    """Raise the soft limit as far as the system lets us, at most to `WANTED`; gives the limit that holds now.

    Shells often allow 256 or 1,024, and each call in flight is a connection. Commands of agents have a limit of their
    own (`engine/sandbox/base.py`).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
