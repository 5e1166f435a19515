"""What a run would cost, before it spends anything: units, calls and tokens by stage. Pure arithmetic, no model.

Every figure is an estimate: how many tasks fail, how many lessons an analyst finds and how long a reply gets is not
known before. Where it matters the dearer case is taken, so that a run rather stays below its estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Literal, NamedTuple

from workspace.runs.events import STAGES, Stage
from workspace.settings.config import Config, is_remote
from workspace.settings.spending import PriceSettings

MILLION = 1_000_000
CHARS_PER_TOKEN = 4
LESSONS = 2
ROLE_PROMPT = 400
LESSON = 120
TASK = 150
MOST_READ = 6_000
TURNS = 12
"""Turns that an agent with tools is taken to need for a task, or for the cause of a failure."""
TRIES = 12
"""Replies for which a lesson is tried, before and after it is merged."""
SEEN = 400
"""Tokens that a turn adds to what the next one reads."""
ONE_REPLY = ("house", "math", "docqa", "tableqa")
"""Domains whose tasks are done by one reply."""
REPLY = {"solver": 150, "analyst": 250, "proposer": 500, "merger": 400, "drafter": 900, "judge": 100}


class Facts(NamedTuple):
    """What is known before the start. `skill`, `trajectory`: mean size in tokens; `failed`, `passed`: by outcome,
    `unknown`: those of whose outcome nobody knows.

    `total` counts trajectories; 0 where the run makes its own. `records` of lessons and `patches` are what the run
    comes with that others found. `tasks`: the most that its domain has, None where the domain has as many as are asked
    for, or nobody has counted.
    """

    skill: int
    total: int = 0
    failed: int = 0
    passed: int = 0
    trajectory: int = 600
    tasks: int | None = None
    unknown: int = 0
    records: int = 0
    patches: int = 0


class Row(NamedTuple):
    """One stage: units of work, model calls, the tokens they read and write, and what these cost (None: not known)."""

    stage: Stage
    units: int
    calls: int
    prompt: int
    completion: int
    cost: float | None = None


class Estimate(NamedTuple):
    """The stages that have work, in order."""

    rows: tuple[Row, ...]

    @property
    def units(self) -> int:
        return sum(row.units for row in self.rows)

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.rows)

    @property
    def prompt(self) -> int:
        return sum(row.prompt for row in self.rows)

    @property
    def completion(self) -> int:
        return sum(row.completion for row in self.rows)

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.prompt + self.completion

    @property
    def cost(self) -> float | None:
        """In the currency of [prices]; None where a price is not known."""
        costs = [row.cost for row in self.rows]
        return None if None in costs or not costs else round(sum(cost for cost in costs if cost is not None), 6)


def estimate(config: Config, facts: Facts) -> Estimate:
    """Units, calls, tokens and cost of the whole run, all rounds and seeds included."""
    config = _bounded(config, facts)
    analysed = _analysed(config, facts)
    read = min(facts.trajectory, MOST_READ)
    proposed = analysed + facts.records
    merges = merge_nodes(proposed + facts.patches, config.merge.fan_in)
    seeds, rounds = config.run.seeds, config.run.rounds
    rows = {
        "draft": _row("draft", int(bool(config.skill.create)), ROLE_PROMPT + 5 * TASK, "drafter"),
        "rollout": _row("rollout", _rollouts(config, facts), ROLE_PROMPT + facts.skill + TASK, "solver", rounds),
        "analyse": _row("analyse", analysed, ROLE_PROMPT + facts.skill + read, "analyst", seeds * rounds),
        "propose": _row("propose", proposed, ROLE_PROMPT + facts.skill + LESSONS * LESSON, "proposer", seeds * rounds),
        "merge": _row("merge", merges, ROLE_PROMPT + _batch(analysed, config) * LESSON, "merger", seeds * rounds),
        "validate": _row("validate", _tries(config), ROLE_PROMPT + facts.skill + TASK, "solver", rounds),
    }
    if config.domain.name and not with_tools(config) and config.analysis.trials != 0:
        tries = _row("settle", analysed * LESSONS * TRIES, ROLE_PROMPT + facts.skill + TASK, "solver", seeds * rounds)
        rows["settle"] = tries._replace(units=seeds * rounds * len(config.verdict.carry))
    if with_tools(config):
        rows |= {stage: _in_turns(rows[stage], config.domain.turns) for stage in ("rollout", "validate")}
        rows["analyse"] = _in_turns(rows["analyse"], config.analysis.turns if config.analysis.tools else 1)
    if config.traces.judge and facts.unknown:
        rows["rollout"] = _row("rollout", facts.unknown, ROLE_PROMPT + read, "judge")
    if config.endpoint.local or config.style.replies == "lines":
        rows["propose"] = rows["propose"]._replace(calls=0, prompt=0, completion=0)  # edits are placed by program
    return Estimate(tuple(_priced(rows[s], config.prices) for s in STAGES if s in rows and rows[s].units))


def evaluation_estimate(config: Config, skills: Sequence[int], solvers: int, tasks: int) -> Estimate:
    """Units, calls, tokens and cost of an evaluation: `skills` are their sizes in tokens, 0 for none; each is tried by
    every solver on all `tasks`, as often as verdict.repeats says."""
    tries = tasks * config.verdict.repeats * solvers
    rows = [_row("validate", tries, ROLE_PROMPT + size + TASK, "solver") for size in skills]
    if with_tools(config):
        rows = [_in_turns(row, config.domain.turns) for row in rows]
    total = [sum(getattr(row, name) for row in rows) for name in ("units", "calls", "prompt", "completion")]
    return Estimate((_priced(Row("validate", *total), config.prices),))


def _bounded(config: Config, facts: Facts) -> Config:
    """`config` asking for no more tasks than there are; how they are parted is not known here."""
    if facts.tasks is None:
        return config
    asked = {name: min(getattr(config.domain, name), facts.tasks) for name in ("evolve", "validation", "test")}
    return config.model_copy(update={"domain": config.domain.model_copy(update=asked)})


def with_tools(config: Config) -> bool:
    """Are the run's tasks done in many turns?"""
    name = config.domain.name or ""
    return bool(name) and (name.partition("/")[0] not in ONE_REPLY or "tableqa/xlsx" in (name, _family(config)))


def _family(config: Config) -> str:
    return f"{config.domain.name}/{config.domain.family}"


def _in_turns(row: Row, most: int) -> Row:
    """A unit's one call as the many that an agent makes, each of which reads all that came before."""
    turns = min(TURNS, most)
    prompt = row.prompt * turns + row.units * SEEN * turns * (turns - 1) // 2
    return row._replace(calls=row.calls * turns, prompt=prompt, completion=row.completion * turns)


def why_ask(config: Config, guess: Estimate) -> str:
    """Why a person is asked before this run spends anything, as the end of a sentence; empty where nobody is.

    A cap below the threshold is an answer already, and the embedded model costs nothing.
    """
    limits, cost = config.spending, guess.cost
    if not is_remote(config):
        return ""
    if limits.confirm != "none" and _at_most(guess.tokens, limits.tokens) > limits.confirm:
        return f"more than the {limits.confirm:,} tokens that spending.confirm lets pass"
    if limits.confirm_cost != "none" and cost is not None and _at_most(cost, limits.cost) > limits.confirm_cost:
        return f"more than the {limits.confirm_cost:,g} that spending.confirm_cost lets pass"
    return ""


def _at_most(amount: float, cap: float | Literal["none"]) -> float:
    return amount if cap == "none" else min(amount, cap)


def _priced(row: Row, prices: PriceSettings) -> Row:
    if prices.prompt is None or prices.completion is None:
        return row
    return row._replace(cost=round((row.prompt * prices.prompt + row.completion * prices.completion) / MILLION, 6))


def merge_nodes(patches: int, fan_in: int) -> int:
    """How many merges a tree over `patches` has: one for each node above the leaves, 0 for fewer than two patches."""
    nodes = 0
    while patches > 1:
        patches = ceil(patches / fan_in)
        nodes += patches
    return nodes


def mean_tokens(texts: Iterable[str]) -> int:
    """Mean size of `texts` in tokens, 0 for none."""
    sizes = [len(text) for text in texts]
    return ceil(sum(sizes) / len(sizes) / CHARS_PER_TOKEN) if sizes else 0


def _analysed(config: Config, facts: Facts) -> int:
    """Trajectories that an analyst reads. Of tasks that nobody has tried yet, and of trajectories that are yet to be
    judged, all may turn out to be of the kind."""
    if not facts.total:
        if _comes_with(facts):
            return 0
        return config.domain.evolve * config.domain.repeats if config.domain.name else 0
    known = {"error": facts.failed, "success": facts.passed, "combined": facts.failed + facts.passed}
    return known[config.source] + (facts.unknown if config.traces.judge else 0)


def _rollouts(config: Config, facts: Facts) -> int:
    return config.domain.evolve * config.domain.repeats if config.domain.name and not _comes_with(facts) else 0


def _comes_with(facts: Facts) -> bool:
    """Does the run come with what it learns from, in place of making trajectories of its own?"""
    return bool(facts.total or facts.records or facts.patches)


def _tries(config: Config) -> int:
    """Held-out answers: each validation task with each side, each test task with both."""
    domain = config.domain
    if not domain.name or not domain.validation:
        return 0
    candidates = config.run.seeds * len(config.verdict.carry)
    return domain.validation * config.verdict.repeats * (1 + candidates) + 2 * domain.test


def _batch(patches: int, config: Config) -> int:
    return min(max(patches, 1), config.merge.fan_in) * LESSONS


def _row(stage: Stage, units: int, prompt: int, role: str, times: int = 1) -> Row:
    count = units * times
    return Row(stage, count, count, count * prompt, count * REPLY[role])
