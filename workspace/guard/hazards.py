"""What no lesson may carry into a skill: control characters, secrets, paths of one machine, and what a poisoned trace
would plant.

Each scanner yields (line from 1, what was found, what the text does with it). They are narrow on purpose: a skill that
speaks *about* keys or downloads must pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit


class Hazard(NamedTuple):
    """Something found on `line` (from 1); `found` is the text itself, `message` does not repeat a secret."""

    line: int
    found: str
    message: str


class _Shape(NamedTuple):
    """`cues`: the pattern can only match where one of them stands in the case-folded text. Looking for them first makes
    a scan of harmless text about fifty times faster."""

    what: str
    cues: tuple[str, ...]
    pattern: re.Pattern[str]


_SECRETS = (
    _Shape("an API key", ("sk-",), re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}")),
    _Shape(
        "a GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    ),
    _Shape("an AWS access key", ("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    _Shape("a Slack token", ("xox",), re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    _Shape("a Hugging Face token", ("hf_",), re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    _Shape("a Google API key", ("aiza",), re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    _Shape(
        "a signed web token", ("eyj",),
        re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ),
    _Shape("a private key", ("-----begin",), re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")),
)  # fmt: skip
_HOMES = (
    _Shape(
        "a home", ("/home/", "/users/", "/root/", ":\\users\\"),
        re.compile(
            r"(?<![\w/.:~-])(?:/home/(?P<home>[\w.-]+)|/Users/(?P<user>[\w.-]+)|/root(?=/)"
            r"|[A-Za-z]:\\Users\\(?P<windows>[\w.-]+))[^\s`\"')\]>]*"
        ),
    ),
)  # fmt: skip
_MACHINE = (
    _Shape(
        "a folder of one machine", ("/tmp/", "/mnt/", "/var/", "/opt/", "/workspace/", "/data/", ":\\", "\\\\"),
        re.compile(
            r"(?<![\w/.:~$}*-])/(?:tmp|mnt|var(?!/(?:log|run|tmp)\b)|opt(?!/homebrew\b)|workspace|data)/[\w.-]*\w[^\s`\"')\]>,;]*"
            r"|(?<![\w\\])[A-Za-z]:\\{1,2}(?!(?:Users|Windows|Program Files|path)\b)\w[^\s`\"')\]>,;]*"
            r"|(?:^|(?<=[\s`\"'(]))\\\\[A-Za-z][\w.-]+\\[A-Za-z$][\w$.-]+(?:\\[^\s`\"')\]>,;]*)?",
            re.MULTILINE,
        ),
    ),
)  # fmt: skip
_ANYBODY = {"user", "username", "you", "me", "name", "yourname", "example", "someone", "public", "shared"}
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]+", re.IGNORECASE)
_NOWHERE = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)|127\.0\.0\.1|0\.0\.0\.0|::1")
_SHELLS = (
    r"(?:sudo\s+)?(?:env\s+)?(?:/\S*/)?(?:ba|z|da|k|fi)?sh\b|(?:sudo\s+)?(?:python|perl|ruby|node|php)[\d.]*\b|iex\b"
)
_TO_HOST = "talks to the agent's host instead of describing the task"
_POISON = (
    _Shape(
        "downloads something and runs it",
        ("curl", "wget", "iwr", "invoke-webrequest", "install", "exec(", "eval("),
        re.compile(
            rf"\b(?:curl|wget|iwr|Invoke-WebRequest)\b[^\n|]*\|\s*(?:{_SHELLS})"
            r"|\b(?:ba|z)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)\b|\beval\s+[\"']?\$\(\s*(?:curl|wget)\b"
            r"|\bpip3?\s+install\s+(?:\S+\s+)*(?:git\+|https?://)|\b(?:exec|eval)\(\s*(?:requests|urllib)\S*\(",
            re.IGNORECASE,
        ),
    ),
    _Shape(
        "names a place where credentials are kept",
        (
            ".ssh/", "id_rsa", "id_ed25519", "id_ecdsa", ".aws/", ".netrc", "/etc/", ".git-credentials", ".kube/",
            ".docker/", ".config/gcloud", ".pypirc", ".gnupg/",
        ),
        re.compile(
            r"~?/?\.ssh/|\bid_(?:rsa|ed25519|ecdsa)\b|\.aws/credentials|(?<!\w)\.netrc\b|/etc/(?:passwd|shadow)\b"
            r"|\.git-credentials|\.kube/config|\.docker/config\.json|\.config/gcloud|(?<!\w)\.pypirc\b|\.gnupg/",
            re.IGNORECASE,
        ),
    ),
    _Shape(
        _TO_HOST, ("ignore", "disregard", "forget", "--dangerously-", "exfiltrat"),
        re.compile(
            r"\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+|your\s+)?"
            r"(?:previous|prior|above|earlier|system)\s+(?:instructions?|prompts?|rules)|--dangerously-[\w-]+"
            r"|\bexfiltrat\w+",
            re.IGNORECASE,
        ),
    ),
    _Shape(
        _TO_HOST, ("user",),
        re.compile(r"\b(?:do\s+not|don't|never)\s+(?:tell|inform|show)\s+the\s+user\b", re.IGNORECASE),
    ),
    _Shape(
        "holds characters that cannot be seen", ("",),
        re.compile("[\u200b\u2060-\u2064\U000e0000-\U000e007f]"),
    ),
)  # fmt: skip
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN = 200


def controls(text: str) -> Iterator[Hazard]:
    """Characters that steer a terminal or turn the reading direction, and lone surrogates: each once a line, named like
    U+001B. Tabs and all line ends (LF, CR LF, CR) pass."""
    seen: set[tuple[int, str]] = set()
    for found in _CONTROLS.finditer(text):
        line, name = line_at(text, found.start()), f"U+{ord(found[0]):04X}"
        if (line, name) not in seen:
            seen.add((line, name))
            yield Hazard(line, name, f"holds the control character {name}")


def secrets(text: str) -> Iterator[Hazard]:
    """Keys and tokens in their known shapes."""
    for what, found in _found(text, _SECRETS):
        yield Hazard(line_at(text, found.start()), found[0], f"looks like {what} ({found[0][:5]}…)")


def home_paths(text: str) -> Iterator[Hazard]:
    """Absolute paths into one person's home; names that stand for anybody (/home/user) pass."""
    for _, found in _found(text, _HOMES):
        name = found["home"] or found["user"] or found["windows"] or ""
        if name.lower() not in _ANYBODY:
            told = f"names {_shown(found[0])}, which exists on one machine only; use a relative path"
            yield Hazard(line_at(text, found.start()), found[0], told)


def machine_paths(text: str) -> Iterator[Hazard]:
    """Other absolute paths that hardly exist elsewhere: /tmp/x, /mnt/x, /data/x, D:\\x, \\\\server\\share, …

    The bare folder (/tmp), a pattern (/tmp/<name>), tools and devices (/usr/bin/env, /dev/null) pass.
    """
    for _, found in _found(text, _MACHINE):
        told = f"names {_shown(found[0])}, which other machines hardly have; use a relative path"
        yield Hazard(line_at(text, found.start()), found[0], told)


def poison(text: str, known: str) -> Iterator[Hazard]:
    """What `text` brings and `known` (the whole old skill) does not hold: URLs, download-and-run, credential paths,
    words to the host agent, unseen characters. A URL is known when exactly this one stands in `known`."""
    for found in _URL.finditer(text) if "://" in text else ():
        url = _bare(found[0])
        if url not in _urls(known) and not _NOWHERE.fullmatch(_host(url)):
            yield Hazard(line_at(text, found.start()), url, f"brings the new address {_shown(url)}")
    for what, found in _found(text, _POISON):
        if found[0] not in known:
            yield Hazard(line_at(text, found.start()), found[0], f"{what}: {_shown(found[0])}")


def _found(text: str, shapes: tuple[_Shape, ...]) -> Iterator[tuple[str, re.Match[str]]]:
    folded = text.casefold()
    for shape in shapes:
        if any(cue in folded for cue in shape.cues):
            for found in shape.pattern.finditer(text):
                yield shape.what, found


@lru_cache(maxsize=8)
def _urls(known: str) -> frozenset[str]:
    return frozenset(_bare(url) for url in _URL.findall(known))


def _bare(url: str) -> str:
    """Without the punctuation of the sentence around it."""
    return url.rstrip(".,;:!?*_")


def _shown(text: str) -> str:
    """For a message: short, and nothing in it that a terminal would obey."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in cut)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def line_at(text: str, position: int) -> int:
    """The line, from 1, that the character at `position` stands on."""
    return text.count("\n", 0, position) + 1
