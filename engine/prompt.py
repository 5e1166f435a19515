"""Prompts are documents: one Markdown file a role, readable top to bottom, with strict {{placeholders}}.

A same-named file in `./t2s-prompts/` wins over the built-in one. A run copies the prompts it uses at its start and
reads them from there for its whole life.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from engine.llm.endpoint import Message
from workspace.errors import ConfigError
from workspace.files import digest, read_text, swap_folder, write_text
from workspace.runs.run import RunFolder

OVERRIDES = Path("t2s-prompts")
USER_PART = "=== user ===\n"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


class Prompt(NamedTuple):
    """A prompt of one role: what the system message and the user message say, and the digest of both."""

    name: str
    system: str
    user: str
    digest: str

    def messages(self, **values: str) -> tuple[Message, ...]:
        """The two messages with every placeholder filled; values are never read for placeholders themselves."""
        return (
            Message(role="system", content=_fill(self.system, values)),
            Message(role="user", content=_fill(self.user, values)),
        )


class Prompts:
    """The prompts of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prompts = {p.stem: parse_prompt(p.stem, read_text(p), p) for p in sorted(folder.glob("*.md"))}

    def __getitem__(self, name: str) -> Prompt:
        """Raises `ConfigError` when the run has no such prompt: it is older than this version."""
        if name not in self._prompts:
            known = ", ".join(self._prompts) or "none"
            raise ConfigError(f"no prompt {name!r} in {self._folder} (found: {known}); the run is of another version")
        return self._prompts[name]

    def digests(self) -> dict[str, str]:
        """Name → digest of every prompt."""
        return {name: prompt.digest for name, prompt in self._prompts.items()}


def copy_prompts(run: RunFolder, overrides: Path = OVERRIDES) -> None:
    """Copy the prompts of a new run into it; a person's file must have just the placeholders of the built-in one."""
    built_in = {p.stem: p for p in sorted((Path(__file__).parent / "prompts").glob("*.md"))}
    own = {p.stem: p for p in sorted(overrides.glob("*.md"))}
    for name in own:
        if name not in built_in:
            raise ConfigError(f"no prompt {name!r} ({own[name]}): built in are {', '.join(built_in)}")
    staging = run.path / ".prompts"
    for name, path in built_in.items():
        text = read_text(path)
        if name in own:
            text = _checked(read_text(own[name]), text, own[name])
        write_text(staging / f"{name}.md", text)
    swap_folder(staging, run.prompts)


def parse_prompt(name: str, text: str, where: Path) -> Prompt:
    """Split a prompt file into its system and its user part."""
    system, found, user = text.partition(USER_PART)
    if not found:
        raise ConfigError(f"{where}: the line {USER_PART.strip()!r} between system and user part is missing")
    return Prompt(name, system.strip(), user.strip(), digest(text))


def placeholders(text: str) -> set[str]:
    """Names of the placeholders in a prompt's text."""
    return set(_PLACEHOLDER.findall(text))


def _checked(text: str, built_in: str, where: Path) -> str:
    ours, theirs = placeholders(built_in), placeholders(text)
    if ours != theirs:
        raise ConfigError(
            f"{where}: the placeholders do not fit; needed: {', '.join(sorted(ours))}; found: "
            f"{', '.join(sorted(theirs)) or 'none'}"
        )
    parse_prompt(where.stem, text, where)
    return text


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda m: values[m.group(1)], text)
