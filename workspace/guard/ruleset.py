"""What a guard rule is, what it finds, and which rules hold with which limits.

RULES (rules.py)  every rule: name, why, cure, example, and the functions that look
Ruleset           which of them hold here, their limits, what is held out
Finding           what a rule's function yields; the guard makes a `Violation` of it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from workspace.edits.patch import Edit
from workspace.files import digest
from workspace.guard.leak import HeldOut
from workspace.settings.settings import Config
from workspace.skills.skill import Skill

Severity = Literal["error", "warning"]
MAX_LINES, MAX_TOKENS, MAX_REFERENCE_LINES = 500, 5000, 300


@dataclass(frozen=True)
class Ruleset:
    """Which rules hold, and their limits. Without `held` the leak rule is idle."""

    off: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()
    lines: int = MAX_LINES
    tokens: int = MAX_TOKENS
    reference_lines: int = MAX_REFERENCE_LINES
    support: int | Literal["auto"] = "auto"
    allow_scripts: bool = False
    held: HeldOut | None = None

    @property
    def digest(self) -> str:
        """Equal for rules that judge alike: what a unit that was guarded with them has read."""
        limits = (self.lines, self.tokens, self.reference_lines, self.support, self.allow_scripts)
        held = self.held.digest if self.held else ""
        return digest(repr(sorted(self.off)), repr(sorted(self.warn)), repr(limits), held)

    def severity(self, rule: str, severity: Severity) -> Severity:
        """What a finding counts as here."""
        return "warning" if rule in self.warn else severity

    def without(self, names: frozenset[str]) -> Ruleset:
        """The same with more rules switched off."""
        return replace(self, off=self.off | names)

    def with_scripts(self, allowed: bool) -> Ruleset:
        """The same, with scripts open for edits where `allowed`."""
        return replace(self, allow_scripts=True) if allowed and not self.allow_scripts else self


DEFAULT = Ruleset()


def ruleset(config: Config, held: HeldOut | None = None) -> Ruleset:
    """What the settings [rules] and [budgets] ask for; `held` is what must not leak into the skill."""
    own = config.rules
    return Ruleset(
        off=frozenset(own.off),
        warn=frozenset(own.warn),
        lines=config.budgets.lines,
        tokens=config.budgets.tokens,
        reference_lines=own.reference_lines,
        support=own.support,
        allow_scripts=own.allow_scripts,
        held=held,
    )


class Finding(NamedTuple):
    """What a rule found. `line` from 1, 0 for a whole file; `subject` names it wherever the line has moved to.

    `severity` where it is not the rule's; `amount` is how much of a size there is, 0 where nothing is counted.
    """

    file: str
    line: int
    message: str
    subject: str
    severity: Severity | None = None
    amount: int = 0


Findings = Iterator[Finding]


class Rule(NamedTuple):
    """`why` it holds and its `cure` are one sentence each for people, `example` is a short text that breaks it.

    edit    looks at an edit before it is applied
    skill   looks at a whole skill; its second argument is the folder's name where that is known
    change  looks at the step from S0 to the result
    """

    name: str
    severity: Severity
    why: str
    cure: str
    example: str
    edit: Callable[[Skill, Edit, Ruleset], Findings] | None = None
    skill: Callable[[Skill, str | None, Ruleset], Findings] | None = None
    change: Callable[[Skill, Skill, Ruleset], Findings] | None = None


class Violation(BaseModel):
    """One broken rule. `line` counts from 1, 0 means the whole file; `subject` stays the same when lines move.

    `edit` is the id of the edit behind it where that is known; `inherited` means that S0 had it already.
    """

    model_config = ConfigDict(frozen=True)
    rule: str
    severity: Severity
    file: str
    line: int
    message: str
    edit: str | None = None
    inherited: bool = False
    subject: str = ""
    amount: int = 0

    @property
    def stops(self) -> bool:
        """Does it keep an edit out?"""
        return self.severity == "error" and not self.inherited
