"""Anybody's words for Markdown: no link, picture, mention, HTML or list of theirs comes to life."""

from __future__ import annotations

import re
import unicodedata

LONGEST_LINE = 600
_ACTS = re.compile(r"([\\*_\[\]|~#!&])")
_REACHES = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_BREAK = "<!-- -->"
"""Keeps what would become a link or a mention from being one, and is not shown."""


def plain(text: str, longest: int = LONGEST_LINE) -> str:
    """Anybody's words on one line, without what Markdown, HTML or the host would act on."""
    line = " ".join("".join(map(seen, text)).split())
    line = f"{line[:longest]}…" if len(line) > longest else line
    line = _ACTS.sub(r"\\\1", line.replace("`", "'"))
    return _REACHES.sub(_BREAK, line.replace("<", "&lt;"))


def code(text: str, longest: int = 120) -> str:
    """Anybody's words as code on one line."""
    line = " ".join("".join(map(seen, text)).split())
    return f"`{line[:longest].replace('`', chr(39))}`" if line else ""


def seen(char: str) -> str:
    """A character that can be seen; nothing for one that would act on those around it."""
    if char.isprintable():
        return char
    return " " if char.isspace() else "" if unicodedata.category(char) in ("Cc", "Cf") else "\ufffd"
