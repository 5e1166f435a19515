"""What every stage of a run needs at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.agent import Agent, Desk
from engine.crew import Crew
from engine.domains.base import Domain
from engine.prompt import Prompt, Prompts
from engine.workers.base import Workers
from workspace.carry import Carry, side_name
from workspace.files import digest
from workspace.guard.ruleset import DEFAULT, Ruleset
from workspace.ids import edit_id
from workspace.merging.rejected import Rejected
from workspace.runs.events import Event, Stage
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder
from workspace.runs.view import RunView
from workspace.settings.servers import is_embedded
from workspace.settings.settings import Config, Role, RoleModel, role_model
from workspace.skills.skill import Skill

Style = Literal["lines", "json"]
MAX_TOKENS: dict[Role, int] = {"solver": 1024, "analyst": 2048, "proposer": 4096, "merger": 8192, "judge": 256}
MAX_TOKENS_TOOLS: dict[Style, int] = {"json": 4096, "lines": 768}
MAX_TOKENS_LINES: dict[Role, int] = {"solver": 64, "analyst": 160, "proposer": 256, "merger": 120, "judge": 8}
_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)
SMALL = 4.0  # billions of parameters: below, labelled lines went better than JSON


@dataclass(frozen=True)
class Context:
    """One engine life. `models` are those that each role calls, `workers` run commands and verifiers, `without_tools`
    are models whose servers refused tool calls.

    `view` is the live fold of the journal: what it does not show although its file is there (a kill came between) is
    told again. `served` names the endpoint where two are told apart although their models may be called the same.
    """

    run: RunFolder
    config: Config
    emit: Callable[[Event], object]
    crew: Crew
    desk: Desk
    prompts: Prompts
    domain: Domain | None
    models: Mapping[str, str]
    view: RunView
    workers: Workers
    without_tools: set[str] = field(default_factory=set[str])
    served: str = ""

    def model(self, role: Role, seed: int = 0, tools: bool = False, most: int = 0) -> RoleModel:
        """What `role` calls, with its limits filled in; candidate `seed` draws with another seed. `tools`: its replies
        carry commands. `most`: tokens of a reply where no setting says, instead of the role's own.
        """
        own, style = role_model(self.config, role), self.style(role)
        limit = most or (MAX_TOKENS_LINES if style == "lines" else MAX_TOKENS)[role]
        limit = MAX_TOKENS_TOOLS[style] if tools else limit
        return own._replace(model=self.models[role], max_tokens=own.max_tokens or limit, seed=own.seed + seed)

    def style(self, role: Role) -> Style:
        """How the model of `role` is asked to answer."""
        if self.config.style.replies != "auto":
            return self.config.style.replies
        return "lines" if is_embedded(self.config, role) or is_small(self.models[role]) else "json"

    def merge_way(self) -> Literal["joint", "guided"]:
        """How this run's merger works."""
        if self.config.merge.way != "auto":
            return self.config.merge.way
        return "guided" if self.style("merger") == "lines" else "joint"

    def key(self, prompt: Prompt, model: RoleModel, *read: str) -> str:
        """The key of a unit: the digest of its prompt, its model with its sampling, and everything it reads."""
        served = (f"served by {self.served}",) if self.served else ()
        return digest(prompt.digest, json.dumps(model._asdict(), sort_keys=True), *read, *served)

    def for_solver(self, name: str, config: Config, *, served: bool) -> Context:
        """The same life with the solver `name` of an evaluation: its settings, its model and whom its agents call.
        `served`: its endpoint counts in keys."""
        return replace(
            self,
            config=config,
            crew=self.crew.beside(),
            models={"solver": self.models[name]},
            desk=self.desk._replace(asks=name),
            without_tools=set(),
            served=name if served else "",
        )


def is_small(model: str) -> bool:
    """Does the name tell a size below 4 billion parameters ("qwen2.5-1.5b")?"""
    sizes = [float(size) for size in _SIZE.findall(model)]
    return bool(sizes) and min(sizes) < SMALL


@dataclass(frozen=True)
class Round:
    """One round: its number, its S0, the rules its result must keep, what earlier rounds left out, and where its files
    go."""

    ctx: Context
    number: int
    s0: Skill
    rules: Ruleset = DEFAULT
    left_out: tuple[Rejected, ...] = ()

    @property
    def folder(self) -> RoundFolder:
        return self.ctx.run.round(self.number)

    @property
    def prefix(self) -> str:
        """Before unit names on the journal; empty in round 1."""
        return "" if self.number == 1 else f"r{self.number}-"


@dataclass(frozen=True)
class Seed:
    """One seed of a round: everything from the analyses to the merged edits is its own. `carries`: which of the
    candidates that are settled from these."""

    round: Round
    number: int
    carries: Carry = "all"

    @property
    def ctx(self) -> Context:
        return self.round.ctx

    @property
    def s0(self) -> Skill:
        return self.round.s0

    @property
    def rules(self) -> Ruleset:
        return self.round.rules

    @property
    def folder(self) -> SeedFolder:
        return self.round.folder.side(self.side)

    @property
    def side(self) -> str:
        return side_name(self.number, self.carries)

    @property
    def prefix(self) -> str:
        """Before unit names on the journal; empty for the first seed of round 1."""
        return self.round.prefix + ("" if self.number == 0 else f"s{self.number}-")

    def agent(self, kind: str, role: Role, stage: Stage, unit: str) -> Agent:
        """Hire a sub-agent for a unit of this seed."""
        ctx = self.ctx
        return Agent(
            ctx.desk, f"{kind}-{self.prefix}{unit}", role, stage, self.prefix + unit, ctx.model(role, self.number)
        )


def program_edit(number: int) -> str:
    """Id of an edit that the program makes while settling."""
    return edit_id("X", number)
