"""What no lesson may carry into a skill: secrets, paths of one machine, and what a poisoned trace would plant.

Each scanner yields (line from 1, what was found, sentence). They are narrow on purpose: a skill that speaks *about*
keys or downloads must pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit


class Hazard(NamedTuple):
    """Something found on `line` (from 1); `found` is the text itself, `message` does not repeat a secret."""

    line: int
    found: str
    message: str


_SECRETS = {
    "an API key": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a signed web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
}
_HOMES = re.compile(
    r"(?<![\w/.:~-])(?:/home/(?P<home>[\w.-]+)|/Users/(?P<user>[\w.-]+)|/root(?=/)|[A-Za-z]:\\Users\\(?P<windows>[\w.-]+))"
    r"[^\s`\"')\]>]*"
)
_ANYBODY = {"user", "username", "you", "me", "name", "yourname", "example", "someone", "public", "shared"}
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]+")
_NOWHERE = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)|127\.0\.0\.1|0\.0\.0\.0|::1")
_SHELLS = (
    r"(?:sudo\s+)?(?:env\s+)?(?:/\S*/)?(?:ba|z|da|k|fi)?sh\b|(?:sudo\s+)?(?:python|perl|ruby|node|php)[\d.]*\b|iex\b"
)
_POISON = {
    "downloads something and runs it": (
        rf"\b(?:curl|wget|iwr|Invoke-WebRequest)\b[^\n|]*\|\s*(?:{_SHELLS})"
        r"|\b(?:ba|z)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)\b|\beval\s+[\"']?\$\(\s*(?:curl|wget)\b"
        r"|\bpip3?\s+install\s+(?:\S+\s+)*(?:git\+|https?://)|\b(?:exec|eval)\(\s*(?:requests|urllib)\S*\("
    ),
    "names a place where credentials are kept": (
        r"~?/?\.ssh/|\bid_(?:rsa|ed25519|ecdsa)\b|\.aws/credentials|(?<!\w)\.netrc\b|/etc/(?:passwd|shadow)\b"
        r"|\.git-credentials|\.kube/config|\.docker/config\.json|\.config/gcloud|(?<!\w)\.pypirc\b|\.gnupg/"
    ),
    "talks to the agent's host instead of describing the task": (
        r"\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+|your\s+)?(?:previous|prior|above|earlier|system)"
        r"\s+(?:instructions?|prompts?|rules)|--dangerously-[\w-]+"
        r"|\b(?:do\s+not|don't|never)\s+(?:tell|inform|show)\s+the\s+user\b|\bexfiltrat\w+"
    ),
    "holds characters that cannot be seen": (
        "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\U000e0000-\U000e007f]"
    ),
}


def secrets(text: str) -> Iterator[Hazard]:
    """Keys and tokens in their known shapes."""
    for what, pattern in _SECRETS.items():
        for found in re.finditer(pattern, text):
            yield Hazard(_line(text, found.start()), found[0], f"looks like {what} ({found[0][:5]}…)")


def home_paths(text: str) -> Iterator[Hazard]:
    """Absolute paths into one person's home; names that stand for anybody (/home/user) pass."""
    for found in _HOMES.finditer(text):
        name = found["home"] or found["user"] or found["windows"] or ""
        if name.lower() not in _ANYBODY:
            yield Hazard(
                _line(text, found.start()), found[0], f"{found[0]} exists on one machine only; use a relative path"
            )


def poison(text: str, known: str) -> Iterator[Hazard]:
    """What `text` brings and `known` (the whole old skill) does not hold: URLs, download-and-run, credential paths,
    words to the host agent, unseen characters."""
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?*_")
        if url not in known and not _NOWHERE.fullmatch(_host(url)):
            yield Hazard(_line(text, found.start()), url, f"brings the new address {url}")
    for what, pattern in _POISON.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            if found[0] not in known:
                shown = found[0] if found[0].isprintable() else f"U+{ord(found[0][0]):04X}"
                yield Hazard(_line(text, found.start()), found[0], f"{what}: {shown}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
