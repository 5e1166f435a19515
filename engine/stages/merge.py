"""Stage merge: all patches become one, level by level, without barriers: a node starts when its children are done.

The model words and groups (`joint.py`, `guided.py`); conservation, support and provenance are the program's
(`workspace/merging/consolidate.py`). Children are read in plan order: the order in which replies arrive is no matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from engine.context import Seed
from engine.crew import Failed, Job
from engine.stages.guided import Learned, guided
from engine.stages.joint import Merge, frame, joint
from workspace.edits.patch import Dropped, Edit, Patch, dumps_patch, edit_text, loads_patch
from workspace.files import digest, read_text, remove, write_text
from workspace.merging.consolidate import lost
from workspace.merging.drafts import Drafts, written
from workspace.merging.parts import room
from workspace.merging.tree import Plan, Room, adapt_plan, dump_plan, load_plan, make_plan
from workspace.runs.events import (
    EditDropped,
    EditMerged,
    MergeDone,
    MergeFailed,
    MergePlanned,
    MergeReplanned,
    NoteLeft,
    label,
)


class Outcome(NamedTuple):
    """A node's result: its edits, and the source edits that ended here or below (id → reason)."""

    edits: tuple[Edit, ...]
    dropped: dict[str, str]


async def consolidate(seed: Seed, patches: Mapping[str, Patch]) -> Outcome:
    """One set of edits out of all patches. A node that fails hands its children up unchanged."""
    plan = _frozen_plan(seed, patches)
    seed.ctx.crew.plan("merge", len(plan.nodes), seed.prefix)
    done: dict[str, asyncio.Task[Outcome]] = {}
    async with asyncio.TaskGroup() as group:
        for node in plan.nodes:
            below = [done.get(child) or _ready(patches.get(child)) for child in node.children]
            done[node.id] = group.create_task(_merge(Merge(seed, node, plan, plan.window), below), name=node.id)
    seed.ctx.crew.leave("merge", seed.prefix)
    if plan.nodes:
        return await done[plan.nodes[-1].id]
    return _ready(patches.get(plan.root or ""))


def _ready(patch: Patch | None) -> Outcome:
    return Outcome(patch.edits if patch else (), {})


# --- the plan --------------------------------------------------------------------------------------------------------


def _frozen_plan(seed: Seed, patches: Mapping[str, Patch]) -> Plan:
    """The round's plan: made once from all patches, later only grown; made anew when somebody asked for that."""
    path = seed.folder.plan
    before = load_plan(read_text(path), path) if path.exists() else None
    plan = adapt_plan(before, list(patches)) if before else _fresh_plan(seed, patches)
    if plan != before:
        write_text(path, dump_plan(plan))
    remove(seed.folder.plan_before)
    for node in plan.nodes:
        name, children = seed.prefix + node.id, tuple(seed.prefix + child for child in node.children)
        shown = seed.ctx.view.nodes.get(name)
        if shown is None or shown.children != children:
            seed.ctx.emit(MergePlanned(node=name, level=node.level, children=children))
    return plan


def _fresh_plan(seed: Seed, patches: Mapping[str, Patch]) -> Plan:
    merge, path = seed.ctx.config.merge, seed.folder.plan_before
    before = load_plan(read_text(path), path) if path.exists() else None
    if before is not None:
        seed.ctx.emit(MergeReplanned(prefix=seed.prefix))
    plan = make_plan(patches, merge.fan_in, merge.order, _room(seed), before)
    if plan.fan_in < merge.fan_in:
        held = f"the merger's window of {plan.window:,} tokens holds no more"
        seed.ctx.emit(NoteLeft(text=f"fan-in {plan.fan_in} instead of {merge.fan_in}: {held}"))
    return plan


def _room(seed: Seed) -> Room:
    """What one merge of this run's merger can read, as far as its server and the calls until now have told.

    A guided merge shows one group at a time, so that its fan-in needs no bound.
    """
    ctx, model = seed.ctx, seed.ctx.model("merger", seed.number)
    windows = ctx.desk.caller.windows
    window, per_token = _window(seed, model.model or ""), windows.per_token(model.model or "")
    if not window or ctx.merge_way() == "guided":
        return Room(window, 0, per_token)
    return Room(window, room(window, per_token, frame(ctx.prompts["merger"]), model.max_tokens or 0), per_token)


def _window(seed: Seed, model: str) -> int:
    """Of several candidates none may know what another one's refusals told by now: that would depend on the clock."""
    windows = seed.ctx.desk.caller.windows
    return windows.told(model) if seed.ctx.config.run.seeds > 1 else windows.limit(model)


# --- a node ----------------------------------------------------------------------------------------------------------


async def _merge(merge: Merge, below: Sequence[asyncio.Task[Outcome] | Outcome]) -> Outcome:
    children = [await b if isinstance(b, asyncio.Task) else b for b in below]
    edits = [edit for child in children for edit in child.edits]
    dropped = {k: v for child in children for k, v in child.dropped.items()}
    if not edits:
        return Outcome((), dropped)
    made = await _make(merge, edits)
    if isinstance(made, Failed):
        merge.seed.ctx.emit(MergeFailed(node=merge.name, reason=label(made.reason, 300)))
        return Outcome(tuple(edits), dropped)
    return Outcome(made.edits, dropped | {d.id: d.reason for d in made.dropped})


async def _make(merge: Merge, edits: Sequence[Edit]) -> Patch | Failed:
    seed, ctx, node = merge.seed, merge.seed.ctx, merge.node
    way = ctx.merge_way()
    prompt = ctx.prompts["merger" if way == "joint" else "merger_guided"]
    path = seed.folder.tree / f"{node.id}.toml"
    read = (digest(edit.model_dump_json()) for edit in edits)
    key = ctx.key(prompt, merge.model, way, ctx.config.merge.conflicts, seed.s0.digest, *read)

    async def work() -> str:
        drafts = await _drafted(merge, edits)
        rows = tuple(Dropped(id=k, reason=v) for k, v in drafts.dropped.items())
        made = written(node.id, drafts, seed.s0)
        return dumps_patch(Patch(id=node.id, key=key, base=seed.s0.digest, edits=made, dropped=rows))

    made = await ctx.crew.make("merge", merge.name, lambda: Job(key, path, work))
    if isinstance(made, Failed):
        return made
    patch = loads_patch(made.text, path)
    if gone := lost(edits, patch.edits, [d.id for d in patch.dropped]):
        raise AssertionError(f"merge {node.id} lost edits {gone}; conservation is broken")
    shown = ctx.view.nodes.get(merge.name)
    if made.new or shown is None or shown.state != "done":
        _tell(merge, edits, patch)
    return patch


async def _drafted(merge: Merge, edits: Sequence[Edit]) -> Drafts:
    ctx = merge.seed.ctx
    chosen = "" if ctx.config.merge.way == "auto" else "so the settings say"
    if ctx.merge_way() == "joint":
        merge.tell("joint", chosen or "its model answers in JSON")
        return await joint(merge, edits)
    merge.tell("guided", chosen or "its model answers in lines")
    while True:
        prompt = merge.prompt("merger_guided")
        sight = merge.sight(prompt)
        agent = merge.agent(frame(prompt) + sight.characters)
        with agent.at_work(), suppress(Learned):
            return await guided(agent, prompt, edits, "near-duplicates", sight)
        merge = merge.wiser()


def _tell(merge: Merge, edits: Sequence[Edit], patch: Patch) -> None:
    seed, ids = merge.seed, {edit.id for edit in edits}
    for edit in patch.edits:
        if edit.id not in ids:
            seed.ctx.emit(
                EditMerged(
                    edit=seed.prefix + edit.id, node=merge.name, sources=len(edit.sources), support=len(edit.support),
                    text=label(edit_text(edit)),
                )
            )  # fmt: skip
    for gone in patch.dropped:
        seed.ctx.emit(EditDropped(edit=seed.prefix + gone.id, node=merge.name, reason=label(gone.reason)))
    seed.ctx.emit(
        MergeDone(
            node=merge.name, edits_in=len(edits), edits_out=len(patch.edits), dropped=len(patch.dropped),
            carried=sum(edit.id in ids for edit in patch.edits),
            support=max((len(edit.support) for edit in patch.edits), default=0),
        )
    )  # fmt: skip
