"""Who sits in front of the terminal, by the name of their account."""

from __future__ import annotations

import getpass


def who() -> str:
    """The account's name; empty where the system does not tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
