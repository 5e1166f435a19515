"""What a domain is: where tasks come from, what an agent works with, and who says whether its result is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from workspace.trajectory import Outcome

Split = Literal["evolve", "validation", "test"]


class Task(BaseModel):
    """One thing to do. `expected` is for the verifier alone and never goes into a solver's prompt.

    `files` names the input files that `prepare` puts into the work folder, `images` pictures that go with the prompt
    (data URIs). `inputs` is the digest of what lies in those files and of what decides the score: who changes them
    changes the task.
    """

    model_config = ConfigDict(frozen=True)
    id: str
    prompt: str
    expected: str = ""
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    inputs: str = ""
    family: str = ""


class Handed(NamedTuple):
    """What an agent hands in: its last words and, where it worked with tools, its work folder."""

    reply: str
    folder: Path | None = None


class Domain(Protocol):
    """Tasks and their verifier.

    It may have two things more: `runs_commands`, true where preparing or scoring needs the sandbox although no agent
    has tools, and `faults`, the tasks it leaves out (`engine/domains/faults.py`), which a run tells at its start.
    """

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

    @property
    def hands_on(self) -> bool:
        """Are tasks solved with tools in a work folder? Otherwise by one reply."""
        ...

    def tasks(self, split: Split, count: int, seed: int) -> Sequence[Task]:
        """`count` different tasks (fewer where there are not so many), the same for the same arguments; no task is in
        two splits, whatever the seeds.
        """
        ...

    async def prepare(self, task: Task, folder: Path) -> None:
        """Copy the task's inputs, and nothing else, into the empty work folder. Raises `DomainError`."""
        ...

    def missing(self, task: Task, handed: Handed) -> str:
        """What a result lacks that no verifier could do without ("output.xlsx is missing"); empty: nothing."""
        ...

    async def score(self, task: Task, handed: Handed) -> Outcome:
        """Pass or fail with a message an analyst can use, or unknown; `infra` where the verifier itself failed. Never
        raises for a result, however odd or hostile. The folder is read, never changed.
        """
        ...


def runs_commands(domain: Domain) -> bool:
    """Does anything of it need a sandbox: agents with tools, setting up, or scoring?"""
    return domain.hands_on or bool(getattr(domain, "runs_commands", False))


class Replies:
    """The part of a domain that is the same wherever one reply is the whole result."""

    hands_on = False

    async def prepare(self, task: Task, folder: Path) -> None:
        """Nothing to prepare."""

    def missing(self, task: Task, handed: Handed) -> str:
        """A verifier can judge any reply."""
        return ""
