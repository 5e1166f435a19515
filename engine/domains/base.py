"""What a domain is: where tasks come from and who says whether a reply is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from workspace.errors import ConfigError
from workspace.trajectory import Outcome

Split = Literal["evolve", "validation", "test"]


class Task(BaseModel):
    """One thing to do. `expected` is for the verifier alone and never goes into a solver's prompt.

    `files` are paths of input files, relative to the domain's own folder.
    """

    model_config = ConfigDict(frozen=True)
    id: str
    prompt: str
    expected: str
    files: tuple[str, ...] = ()
    family: str = ""


class Domain(Protocol):
    """Tasks and their verifier."""

    @property
    def name(self) -> str:
        """What a config file calls it, e.g. `house/date`."""
        ...

    @property
    def about(self) -> str:
        """One sentence for people."""
        ...

    @property
    def solve_rules(self) -> str:
        """What the solver is told beside its skill, e.g. how to hand in."""
        ...

    def tasks(self, split: Split, count: int, seed: int) -> Sequence[Task]:
        """`count` different tasks, the same for the same arguments; no task is in two splits, whatever the seeds."""
        ...

    def verify(self, task: Task, reply: str) -> Outcome:
        """Pass or fail with a message an analyst can use, or unknown. Never raises for a reply, however odd."""
        ...


def find_domain(name: str, family: str | None = None) -> Domain:
    """`find_domain("house", "date")` or `find_domain("house/date")`. Raises `ConfigError` listing what exists."""
    from engine.domains.house import FAMILIES, House

    base, _, within = name.partition("/")
    wanted = family or within
    if base != "house":
        raise ConfigError(f"no domain {name!r}; there are: {', '.join(f'house/{f}' for f in FAMILIES)}")
    if wanted not in FAMILIES:
        asked = f"has no family {wanted!r}" if wanted else "needs a family"
        raise ConfigError(f"domain house {asked}; there are: {', '.join(f'house/{f}' for f in FAMILIES)}")
    return House(wanted)
