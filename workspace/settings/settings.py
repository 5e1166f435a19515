"""Every setting of a run: its name, its default and the sentence a user reads about it.

A setting is one of four kinds. An *input* decides what comes out, so its value goes into the keys of units. A
*content* setting names files: what they hold is the input (a digest made by whoever reads them), not where they lie.
A *knob* only says how the work is done; it may change at each resume and is in no key. A *face* setting belongs to
the person who looks on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args

from pydantic import AfterValidator, BaseModel, Field

from workspace.carry import carried
from workspace.settings.endpoint import Address, EndpointSettings, VariableName
from workspace.settings.endpoint import TimeoutSettings as TimeoutSettings
from workspace.settings.fields import Kind
from workspace.settings.fields import Section as _Section
from workspace.settings.fields import as_content as _content
from workspace.settings.fields import as_input as _input
from workspace.settings.fields import as_knob as _knob
from workspace.settings.rule_names import switchable
from workspace.settings.screen import ScreenSettings
from workspace.settings.spending import PriceSettings, SpendingSettings
from workspace.settings.workers import LOCAL, is_workers
from workspace.stages import STAGES as STAGES
from workspace.stages import Stage

Role = Literal["solver", "analyst", "proposer", "merger", "judge"]
Source = Literal["error", "success", "combined"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]

ROLES: tuple[Role, ...] = get_args(Role)
DOMAINS = ("house", "folder", "spreadsheet", "tableqa", "math", "docqa")
"""The domains that are built in."""


class SkillSettings(_Section):
    """The skill to evolve: a folder to deepen, or a name to create one under."""

    path: str | None = _content(
        None, "Folder of the skill to deepen.", flag="--skill", env="T2S_SKILL", example="skills/my-skill"
    )
    create: str | None = _input(
        None,
        "Name of a new skill to create; instead of a path.",
        flag="--create",
        example="my-skill",
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
    )
    about: str = _input(
        "", "What a created skill is for, in a sentence or two.", flag="--about", example="How this team writes dates."
    )


class TraceSettings(_Section):
    """Trajectories your agents already left behind."""

    paths: tuple[str, ...] = _content(
        (), "Files or folders of trajectories to learn from.", flag="--traces", example=["traces/"]
    )
    labels: str | None = _content(
        None,
        "CSV or JSONL file that says which trajectory passed: id, then pass or a score.",
        flag="--labels",
        example="labels.csv",
    )
    judge: bool = _input(
        False,
        "Trajectories whose outcome nobody knows are judged by a model, one call each, and marked so.",
        flag="--judge",
    )


class DomainSettings(_Section):
    """Tasks with a verifier: where new trajectories and the verdict come from."""

    name: str | None = _input(
        None, "A built-in domain, a folder of tasks, or a plugin's name.", flag="--domain", example="house"
    )
    data: str | None = _content(
        None,
        "Folder with the domain's data; without one a domain makes its own samples.",
        flag="--data",
        example="data/",
    )
    family: str = _input("", "The family of tasks inside the domain.", flag="--family", example="date")
    evolve: int = _input(12, "Tasks that the agents try and learn from.", flag="--evolve", ge=1)
    validation: int = _input(12, "Held-out tasks that decide the verdict.", flag="--validation", ge=0)
    test: int = _input(40, "Tasks opened once at the end, to report and not to decide.", flag="--test", ge=0)
    seed: int = _input(1, "Seed of the tasks and of their split.", flag="--domain-seed", ge=0)
    repeats: int = _input(1, "Times each task to learn from is tried.", flag="--evolve-repeats", ge=1)
    split: Literal["stratified", "paper"] = _input(
        "stratified", "How tasks of a data set are parted; paper: its first 200 to learn from, its next 200 held out."
    )
    profile: Literal["t2s", "strict", "upstream"] = _input(
        "t2s", "How workbooks are scored; t2s: as the released code does, strict: without its blind spots."
    )
    turns: int = _input(100, "Turns an agent with tools has for one task.", flag="--turns", ge=1)


class SamplingSettings(_Section):
    """How replies are drawn, for every role."""

    temperature: float = _input(0.0, "0 is the most repeatable, 1 the most varied.", flag="--temperature", ge=0, le=2)
    max_tokens: int | None = _input(
        None, "The most tokens one reply may have; not set, each role has its own.", example=2048, ge=1
    )
    seed: int = _input(1, "Seed sent with each call; candidate n uses seed + n.", flag="--seed", ge=0)


class RoleSettings(_Section):
    """What one role does differently; whatever is not set follows [endpoint] and [sampling]."""

    base_url: Address | None = _knob(
        None, "Server of this role, instead of the common ones.", example="http://127.0.0.1:8002/v1"
    )
    also: tuple[Address, ...] = _knob((), "More servers of this role.", example=["http://127.0.0.1:8003/v1"])
    api_key_env: VariableName | None = _knob(
        None, "The variable that holds the key of this role's servers.", example="MERGER_API_KEY"
    )
    model: str | None = _input(None, "Model of this role.", example="my-larger-model")
    temperature: float | None = _input(None, "Temperature of this role.", example=0.7, ge=0, le=2)
    max_tokens: int | None = _input(None, "The most tokens one reply of this role may have.", example=4096, ge=1)
    reasoning_effort: Effort | None = _input(
        None, "How long a reasoning model may think, where the server knows this.", example="low"
    )
    enable_thinking: bool | None = _input(
        None, "Switch thinking on or off, for models whose chat template knows this.", example=False
    )


class RolesSettings(_Section):
    """Overrides for single roles."""

    solver: RoleSettings = RoleSettings()
    analyst: RoleSettings = RoleSettings()
    proposer: RoleSettings = RoleSettings()
    merger: RoleSettings = RoleSettings()
    judge: RoleSettings = RoleSettings()


class MergeSettings(_Section):
    """How patches become one patch."""

    fan_in: int = _input(8, "The most patches that one merge reads.", flag="--fan-in", ge=2)
    way: Literal["auto", "joint", "guided"] = _input(
        "auto", "joint: the model groups edits; guided: the program groups, the model writes; auto: by model."
    )
    order: Literal["similar", "given"] = _input("similar", "Batch similar patches first, or keep the given order.")
    conflicts: Literal["ask", "support"] = _input(
        "ask", "Edits on the same lines: ask the model once more, or let support decide at once."
    )


class StyleSettings(_Section):
    """How models are asked to answer."""

    replies: Literal["auto", "lines", "json"] = _input(
        "auto", "Labelled lines for small models, JSON for strong ones; auto: by model."
    )
    tools: Literal["auto", "native", "text"] = _input(
        "auto", "How agents call tools: as the server's tool calls, or in a block of text; auto: by model."
    )


class AnalysisSettings(_Section):
    """What is learnt from trajectories, and how it is checked."""

    tools: bool = _input(True, "Analysts of failed tasks with files look for a fix that the verifier passes.")
    turns: int = _input(40, "Turns such an analyst has for one trajectory.", ge=1)
    contrast: bool = _input(True, "Where a task was both passed and failed, one analyst says what made the difference.")
    corpus: bool = _input(True, "Counts over all trajectories become lessons where the numbers are clear.")
    trials: Annotated[int, Field(ge=0)] | Literal["auto"] = _input(
        "auto",
        "Other tasks that each lesson is tried on before it is merged; auto: 3 where a try is one reply, 1 for small "
        "models; 0: neither lessons nor rules are tried.",
    )
    trial_calls: Annotated[int, Field(ge=0)] | Literal["auto"] = _input(
        "auto",
        "The most calls for trying lessons, and as many again for trying merged rules; auto: 4 a lesson, and 8 a "
        "lesson for the rules.",
    )


class SandboxSettings(_Section):
    """Where the commands of agents run."""

    level: Literal["auto", "none", "process", "namespaces", "bubblewrap", "container"] = _knob(
        "auto",
        "How commands are kept apart; auto: the strongest that works here, none: bounded, but not kept apart.",
        flag="--sandbox",
        env="T2S_SANDBOX",
    )
    image: str = _knob(
        "", "Image of the container, for the level container.", flag="--sandbox-image", example="python:3.12"
    )
    readable: tuple[str, ...] = _knob(
        (),
        "Folders that commands may read beside the system's own, e.g. an environment of Python.",
        example=["~/.venv"],
    )
    seconds: float = _knob(120.0, "Seconds that one command may take.", gt=0)
    at_once: int = _knob(0, "Commands that run at once; 0: two a core.", ge=0)


class WorkerSettings(_Section):
    """Where commands and verifiers run: on this machine, or on the nodes of a Ray cluster."""

    where: Annotated[str, AfterValidator(is_workers)] = _knob(
        "local",
        "Where commands and verifiers run: local, ray (the cluster of this machine, or one that is started), or "
        "ray://HOST:PORT.",
        flag="--workers",
        env="T2S_WORKERS",
        example="ray",
    )
    cpus: int = _knob(
        0, "The most cores to take of a cluster; 0: all.", flag="--worker-cpus", env="T2S_WORKER_CPUS", ge=0
    )
    memory: int = _knob(1024, "Megabytes of a node's memory that each of its cores needs.", ge=1)

    @property
    def remote(self) -> bool:
        """On a cluster?"""
        return self.where != LOCAL

    @property
    def address(self) -> str:
        """HOST:PORT of the cluster; empty for any on this machine."""
        return self.where.partition("://")[2]


class VerdictSettings(_Section):
    """When the evolved skill counts as better."""

    alpha: float = _input(0.05, "Chance of a false verdict that you accept.", flag="--alpha", gt=0, lt=1)
    min_gain: float = _input(
        0.05, "The smallest gain worth having; below it the verdict is reject.", flag="--min-gain", ge=0, le=1
    )
    repeats: int = _input(1, "Times each held-out task is tried with each skill.", flag="--repeats", ge=1)
    stop_early: bool = _input(True, "End validation as soon as its tasks decide, without more false verdicts.")
    carry: Annotated[tuple[str, ...], AfterValidator(carried)] = _input(
        ("all",),
        "Candidates that are compared, by what they carry of the lessons: all (rules and examples), rules, examples.",
        flag="--carry",
        example=["all", "examples"],
    )


class RunSettings(_Section):
    """The run as a whole."""

    seeds: int = _input(1, "Candidates made from the same trajectories.", flag="--seeds", ge=1)
    rounds: int = _input(1, "Rounds; an accepted skill is where the next round starts.", flag="--rounds", ge=1)
    hold_after: Stage | None = _knob(
        None, "Stop after this stage, so that you can look and edit.", flag="--hold-after", example="analyse"
    )
    runs: str = _knob("runs", "Folder that the runs live in.", flag="--runs", env="T2S_RUNS", min_length=1)


class BudgetSettings(_Section):
    """How large the skill may grow."""

    lines: int = _input(500, "SKILL.md has fewer lines than this.", ge=20)
    tokens: int = _input(5000, "SKILL.md has fewer tokens than this, estimated.", ge=200)
    examples: int = _input(12, "The most examples the skill shows.", ge=0)


class RuleSettings(_Section):
    """Which rules the guard holds edits and skills to; docs/rules.md explains each. `t2s lint` reads this too."""

    off: Annotated[tuple[str, ...], AfterValidator(switchable)] = _input(
        (), "Rules that are not looked at.", example=["unlinked"]
    )
    warn: Annotated[tuple[str, ...], AfterValidator(switchable)] = _input(
        (), "Rules that only warn and keep no edit out.", example=["headings"]
    )
    reference_lines: int = _input(300, "A file under references/ has fewer lines than this.", ge=20)
    support: Annotated[int, Field(ge=1)] | Literal["auto"] = _input(
        "auto", "Distinct tasks behind a rule of SKILL.md; auto: 1 below 10 trajectories, then 3 %, at least 2."
    )
    allow_scripts: bool = _input(False, "Edits may write and change files under scripts/.")


class Config(_Section):
    """All settings of a run, resolved. `inputs()` gives what belongs into keys."""

    source: Source = _input("error", "Learn from failures, successes or both.", flag="--source", env="T2S_SOURCE")
    skill: SkillSettings = SkillSettings()
    traces: TraceSettings = TraceSettings()
    domain: DomainSettings = DomainSettings()
    endpoint: EndpointSettings = EndpointSettings()
    sampling: SamplingSettings = SamplingSettings()
    roles: RolesSettings = RolesSettings()
    merge: MergeSettings = MergeSettings()
    style: StyleSettings = StyleSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    sandbox: SandboxSettings = SandboxSettings()
    workers: WorkerSettings = WorkerSettings()
    verdict: VerdictSettings = VerdictSettings()
    run: RunSettings = RunSettings()
    budgets: BudgetSettings = BudgetSettings()
    rules: RuleSettings = RuleSettings()
    spending: SpendingSettings = SpendingSettings()
    prices: PriceSettings = PriceSettings()
    screen: ScreenSettings = ScreenSettings()


class Setting(NamedTuple):
    """One setting as faces need it: `key` is dotted, `flag` and `env` are empty where there is none."""

    key: str
    sentence: str
    kind: Kind
    default: Any
    example: Any
    flag: str
    env: str
    annotation: Any
    limits: tuple[Any, ...]


class RoleModel(NamedTuple):
    """What one role calls its model with, after its overrides. None is left to the endpoint or the engine."""

    model: str | None
    temperature: float
    max_tokens: int | None
    seed: int
    reasoning_effort: Effort | None
    enable_thinking: bool | None


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    for name, info in model.model_fields.items():
        if isinstance(info.default, BaseModel):
            yield from _settings(type(info.default), f"{prefix}{name}.")
            continue
        extra = cast("dict[str, Any]", info.json_schema_extra)
        texts = (prefix + name, info.description or "", extra["kind"])
        values = (info.default, extra["example"], extra["flag"], extra["env"])
        yield Setting(*texts, *values, info.annotation, tuple(info.metadata))


SETTINGS: Mapping[str, Setting] = {setting.key: setting for setting in _settings(Config)}
KNOBS = frozenset(key for key, setting in SETTINGS.items() if setting.kind == "knob")
FLAGS: Mapping[str, str] = {setting.flag: key for key, setting in SETTINGS.items() if setting.flag}


def value_of(config: Config, key: str) -> Any:
    """The value under a dotted key."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def inputs(config: Config) -> dict[str, Any]:
    """Dotted key → value of every setting that decides the result, ready for JSON; knobs and file names left out."""
    table = config.model_dump(mode="json")
    return {key: _dig(table, key) for key, setting in SETTINGS.items() if setting.kind == "input"}


def role_model(config: Config, role: Role) -> RoleModel:
    """What `role` calls its model with: its own settings where it has them, else [endpoint] and [sampling]."""
    own: RoleSettings = getattr(config.roles, role)
    common = config.sampling
    return RoleModel(
        model=own.model if own.model is not None else config.endpoint.model,
        temperature=own.temperature if own.temperature is not None else common.temperature,
        max_tokens=own.max_tokens if own.max_tokens is not None else common.max_tokens,
        seed=common.seed,
        reasoning_effort=own.reasoning_effort,
        enable_thinking=own.enable_thinking,
    )


def _dig(table: dict[str, Any], key: str) -> Any:
    value: Any = table
    for name in key.split("."):
        value = value[name]
    return value
