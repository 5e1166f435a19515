"""`one-pass`: one agent reads the whole pool of trajectories at once; its lessons become one patch of S0.

What the context does not hold whole is shown in part: each trajectory gets the same share. Where even the least shares
do not fit together, several agents read a part of the pool each. What the cap does not hold is not read; the shuffled
order says which trajectories are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.agent import Agent
from engine.baselines.base import Shown
from engine.baselines.place import Kept, Workplace, kept, proposed, with_examples, within
from engine.baselines.pool_prompt import chosen, model_of, prompt_of, room_of, told
from engine.context import Seed
from engine.crew import Failed, Job
from engine.llm.endpoint import Reply
from engine.llm.failures import Overflow
from engine.stages.analyse import Analysis, examples_of, load_analysis, tell
from engine.stages.contrast import quoted
from engine.stages.contrast_reply import Difference, Differences, read_json, schema
from engine.stages.findings import rules_in
from engine.stages.retell import LEAST_CHARS
from engine.stages.solve import shown
from engine.stages.sources import keep
from engine.together import together
from workspace.guard.guard import settle
from workspace.ids import lesson_id
from workspace.lessons.lesson import Lesson
from workspace.runs.events import label
from workspace.trajectory import Trajectory

MOST = 12
"""Lessons of one agent."""
LEAST_SHARE = 200


class OnePass:
    """One agent over all trajectories."""

    name = "one-pass"
    about = "one agent over the whole pool"

    async def make(self, place: Workplace) -> Shown:
        made = await kept(place, place.inputs(self.name), lambda: _made(place))
        return Shown(made.skill, made.notes)


async def _made(place: Workplace) -> Kept:
    seed = place.step(1, place.material.s0)
    pool, share, notes = chosen(place, seed)
    if not pool:
        return Kept(place.material.s0, notes)
    parts = parted(pool, room_of(place, seed) // LEAST_CHARS)
    place.told(f"{len(pool)} trajectories in {len(parts)} {'call' if len(parts) == 1 else 'calls'}")
    found = await together(within(_read(place, seed, f"p{n:03d}", part, share)) for n, part in enumerate(parts, 1))
    read = [part for part, one in zip(parts, found, strict=True) if one is not None]
    names = tuple(name for one in found if isinstance(one, Analysis) for name in one.lessons)
    said = await within(proposed(seed, "pool", names))
    notes = (*notes, *_cut_off(place, len(read), len(parts), edits=said is not None))
    if said is None:
        return Kept(place.material.s0, notes)
    settled = settle(place.material.s0, said.edits, rules=place.rules)
    cases = _cases_of([trajectory for part in read for trajectory in part])
    shown_too = with_examples(place, settled.skill, (*said.lessons, cases))
    withheld = (f"{len(settled.withheld)} edits were kept out by the guard",) if settled.withheld else ()
    return Kept(shown_too.skill, (*notes, *withheld))


def _cut_off(place: Workplace, read: int, parts: int, *, edits: bool) -> Iterator[str]:
    """Where the calls took more than was estimated; `edits`: did the lessons become any?"""
    if not edits:
        yield f"stopped before its lessons became edits: its {place.cap:,} tokens were used up"
    elif read < parts:
        yield f"stopped after {read} of {parts} parts of the pool: its {place.cap:,} tokens were used up"
    elif parts > 1:
        yield f"the pool was read in {parts} parts"


def _cases_of(pool: Sequence[Trajectory]) -> Lesson:
    """The true cases of all trajectories, whichever of them a lesson quotes."""
    cases = tuple(example for trajectory in pool for example in examples_of(trajectory))
    return Lesson(id="pool", title="cases", claim="the cases of the pool", examples=cases)


def parted(pool: Sequence[Trajectory], most: int) -> list[list[Trajectory]]:
    """As few parts as have at most `most` trajectories each, of sizes that differ by one at most, in order."""
    count = -(-len(pool) // max(1, most))
    small, extra = divmod(len(pool), count)
    sizes = [small + (n < extra) for n in range(count)]
    return [list(pool[sum(sizes[:n]) : sum(sizes[: n + 1])]) for n in range(count)]


async def _read(place: Workplace, seed: Seed, unit: str, part: Sequence[Trajectory], share: int) -> Analysis | Failed:
    """What one agent finds in its part of the pool, of which it sees at most `share` characters each, as lessons below
    the step's folder."""
    ctx, path = seed.ctx, seed.folder.analyses / f"{unit}.toml"
    said = (t.model_dump_json(exclude={"key", "source"}) for t in part)
    key = ctx.key(prompt_of(ctx), model_of(ctx), seed.s0.digest, str(share), *said)

    async def work() -> str:
        found = await _ask(place, seed, unit, part, share)
        lessons = [_lesson(unit, part, n, one) for n, one in enumerate(found.lessons[:MOST], 1)]
        return await keep(seed, unit, key, lessons, found.none)

    made = await ctx.crew.make("analyse", seed.prefix + unit, lambda: Job(key, path, work))
    if isinstance(made, Failed):
        return made
    analysis = load_analysis(made.text, path)
    tell(seed, analysis, made.new)
    return analysis


async def _ask(place: Workplace, seed: Seed, unit: str, part: Sequence[Trajectory], most: int) -> Differences:
    """Shares are halved as long as the prompt is refused for its length."""
    ctx = seed.ctx
    agent = Agent(ctx.desk, f"analyst-{seed.prefix}{unit}", "analyst", "analyse", seed.prefix + unit, model_of(ctx))
    share = min(most, room_of(place, seed) // len(part))
    with agent.at_work():
        while True:
            try:
                said = told(ctx, part, share)
                if ctx.style("analyst") == "lines":
                    return await agent.ask(prompt_of(ctx).messages(pool=said), _read_lines)
                messages = prompt_of(ctx).messages(skill=shown(seed.s0), pool=said)
                return await agent.ask(messages, read_json, _schema())
            except Overflow:
                if share <= LEAST_SHARE:
                    raise
                share = max(LEAST_SHARE, share // 2)


def _read_lines(reply: Reply) -> Differences:
    blocks, none = rules_in(reply)
    found = (Difference(title=b.get("TITLE", ""), claim=b["RULE"], why=b.get("WHY", "")) for b in blocks)
    return Differences(lessons=tuple(found), none=none)


def _schema() -> dict[str, Any]:
    """That of a contrast, with more lessons."""
    form = schema()
    form["properties"]["lessons"]["maxItems"] = MOST
    return form


class _Behind(NamedTuple):
    """The trajectories that a lesson rests on, and whether it said so itself."""

    trajectories: tuple[Trajectory, ...]
    named: bool


def _lesson(unit: str, part: Sequence[Trajectory], number: int, found: Difference) -> Lesson:
    evidence = quoted(found.quotes, {t.id: t for t in part})
    behind = _behind(part, {quote.trajectory for quote in evidence})
    return Lesson(
        id=lesson_id(unit, number),
        title=label(found.title or found.claim, 80),
        claim=found.claim.strip(),
        why=found.why.strip(),
        kind="success" if all(t.outcome.status == "pass" for t in behind.trajectories) else "failure",
        quoted=bool(evidence),
        trajectories=tuple(t.id for t in behind.trajectories) if behind.named else (),
        tasks=tuple(dict.fromkeys(t.task or t.id for t in behind.trajectories)) if behind.named else (),
        examples=tuple(example for t in behind.trajectories for example in examples_of(t)),
        evidence=evidence,
    )


def _behind(part: Sequence[Trajectory], names: set[str]) -> _Behind:
    """Those that were quoted; a lesson without a true quote may come from any."""
    mine = tuple(t for t in part if t.id in names)
    return _Behind(mine or tuple(part), bool(mine))
