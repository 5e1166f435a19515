"""What an agent over a pool is asked with: its model and prompt, which trajectories and how much of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.baselines.place import Workplace
from engine.baselines.portion import Portion, portion
from engine.context import Context, Seed, Style
from engine.llm.budget import LONGEST_REPLY
from engine.prompt import Prompt
from engine.stages.retell import ALL_CHARS, FRAME, LEAST_CHARS, case, ended, turns
from engine.stages.solve import shown
from engine.window import CAUTIOUS
from workspace.runs.events import label
from workspace.settings.settings import RoleModel
from workspace.skills.outline import annotated_skill
from workspace.trajectory import Trajectory

MOST_TOKENS: dict[Style, int] = {"json": 4096, "lines": 512}  # of its reply
PER_TOKEN = 3.0  # characters that a token of the cap is taken to hold, in every life the same
POOL_CHARS = 240_000  # of one prompt, where nobody tells how long it may be


class Chosen(NamedTuple):
    """The trajectories that are read, in plan order, the most characters of one, and what is to be said of that."""

    pool: Sequence[Trajectory]
    share: int
    notes: tuple[str, ...]


def chosen(place: Workplace, seed: Seed) -> Chosen:
    """What the cap holds, by an estimate that is the same in every life."""
    pool = place.material.trajectories
    if not place.cap:
        return Chosen(pool, ALL_CHARS, ())
    shuffled = place.material.shuffled
    sizes = [len(told(seed.ctx, [trajectory], ALL_CHARS)) for trajectory in shuffled]
    held = portion(sizes, room_of(place, seed) // LEAST_CHARS, place.cap * PER_TOKEN, _besides(place, seed))
    names = {trajectory.id for trajectory in shuffled[: held.most]}
    return Chosen([t for t in pool if t.id in names], held.share, tuple(_notes(place, held, sizes)))


def _besides(place: Workplace, seed: Seed) -> float:
    """Characters that a call over the pool takes besides its trajectories, with the proposer that follows it."""
    ctx = seed.ctx
    reply = min(place.longest or LONGEST_REPLY, model_of(ctx).max_tokens or LONGEST_REPLY) * PER_TOKEN
    prompt = prompt_of(ctx)
    reads = len(prompt.system) + len(prompt.user) + len(shown(seed.s0)) + reply
    if ctx.style("proposer") == "lines":
        return reads  # rules are placed by program
    proposer = ctx.prompts["proposer"]
    return reads + len(proposer.system) + len(proposer.user) + len(annotated_skill(seed.s0)) + 2 * reply


def _notes(place: Workplace, held: Portion, sizes: Sequence[int]) -> Iterator[str]:
    if not held.most:
        yield f"nothing of the pool was read: its {place.cap:,} tokens do not hold one trajectory and what it leads to"
    elif held.most < len(sizes):
        yield f"{held.most} of {len(sizes)} trajectories were read: its {place.cap:,} tokens hold no more"
    if held.most and held.cuts(sizes):
        yield f"of each trajectory at most {held.share:,} characters were read: its {place.cap:,} tokens hold no more"


def room_of(place: Workplace, seed: Seed) -> int:
    """Characters of trajectories that one prompt holds."""
    ctx, model = place.ctx, model_of(place.ctx)
    window = ctx.desk.caller.windows.limit(model.model or "")
    if not window:
        return POOL_CHARS
    prompt = prompt_of(ctx)
    besides = len(prompt.system) + len(prompt.user) + len(shown(seed.s0))
    return max(LEAST_CHARS, int((window - (model.max_tokens or 0) - FRAME) * CAUTIOUS) - besides)


def model_of(ctx: Context) -> RoleModel:
    return ctx.model("analyst", most=MOST_TOKENS[ctx.style("analyst")])


def prompt_of(ctx: Context) -> Prompt:
    return ctx.prompts[f"analyst_pool_{ctx.style('analyst')}"]


def told(ctx: Context, part: Sequence[Trajectory], share: int) -> str:
    """The trajectories as an agent reads them."""
    return _cases(part, share) if ctx.style("analyst") == "lines" else _whole(part, share)


def _whole(part: Sequence[Trajectory], share: int) -> str:
    rows: list[str] = []
    for t in part:
        status = t.outcome.status
        rows.append(f'<trajectory id="{t.id}" status="{status}">\n{turns(t, share)}\n</trajectory>')
        rows.append(f'<outcome id="{t.id}" status="{status}">{label(ended(t.outcome), share)}</outcome>')
    return "\n".join(rows)


def _cases(part: Sequence[Trajectory], share: int) -> str:
    return "\n\n".join(f"Case {n}:\n{case(t, share)}" for n, t in enumerate(part, 1))
