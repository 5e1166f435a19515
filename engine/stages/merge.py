"""Stage merge: all patches become one, level by level, without barriers: a node starts when its children are done.

The model words and groups; conservation, support and provenance are the program's (`workspace/consolidate.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.agent import Agent
from engine.context import Seed
from engine.crew import Failed, Job
from engine.llm.endpoint import Reply
from engine.reply import BadReply, parse_json, parse_lines, spoken
from workspace.apply import conflicts
from workspace.consolidate import Group, MergeReply, Reconciled, aliases, group_alike, lost, merged_edit, reconcile
from workspace.events import EditDropped, EditMerged, MergeDone, MergeFailed, MergePlanned, MergeStarted, label
from workspace.files import digest, read_text, write_text
from workspace.ids import edit_id
from workspace.outline import without_marks
from workspace.patch import Dropped, Edit, Patch, dumps_patch, edit_text, loads_patch
from workspace.tree import Node, Plan, adapt_plan, dump_plan, load_plan, make_plan


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
            done[node.id] = group.create_task(_merge(seed, node, below), name=node.id)
    seed.ctx.crew.leave("merge", seed.prefix)
    if plan.nodes:
        return await done[plan.nodes[-1].id]
    return _ready(patches.get(plan.root or ""))


def _ready(patch: Patch | None) -> Outcome:
    return Outcome(patch.edits if patch else (), {})


def _frozen_plan(seed: Seed, patches: Mapping[str, Patch]) -> Plan:
    """The round's plan: made once from all patches, later only grown."""
    path, merge = seed.folder.plan, seed.ctx.config.merge
    before = load_plan(read_text(path), path) if path.exists() else None
    plan = adapt_plan(before, list(patches)) if before else make_plan(patches, merge.fan_in, merge.order)
    if plan != before:
        write_text(path, dump_plan(plan))
    for node in plan.nodes:
        name, children = seed.prefix + node.id, tuple(seed.prefix + child for child in node.children)
        shown = seed.ctx.view.nodes.get(name)
        if shown is None or shown.children != children:
            seed.ctx.emit(MergePlanned(node=name, level=node.level, children=children))
    return plan


async def _merge(seed: Seed, node: Node, below: Sequence[asyncio.Task[Outcome] | Outcome]) -> Outcome:
    children = [await b if isinstance(b, asyncio.Task) else b for b in below]
    edits = [edit for child in children for edit in child.edits]
    dropped = {k: v for child in children for k, v in child.dropped.items()}
    if not edits:
        return Outcome((), dropped)
    made = await _make(seed, node, edits)
    if isinstance(made, Failed):
        seed.ctx.emit(MergeFailed(node=seed.prefix + node.id, reason=label(made.reason, 300)))
        return Outcome(tuple(edits), dropped)
    return Outcome(made.edits, dropped | {d.id: d.reason for d in made.dropped})


async def _make(seed: Seed, node: Node, edits: Sequence[Edit]) -> Patch | Failed:
    ctx, name = seed.ctx, seed.prefix + node.id
    way = ctx.merge_way()
    prompt, model = ctx.prompts["merger" if way == "joint" else "merger_guided"], ctx.model("merger", seed.number)
    path = seed.folder.tree / f"{node.id}.toml"
    key = ctx.key(
        prompt, model, way, ctx.config.merge.conflicts, seed.s0.digest, *(digest(e.model_dump_json()) for e in edits)
    )

    async def work() -> str:
        ctx.emit(MergeStarted(node=name))
        made = await _merged(seed, node, edits, way)
        return dumps_patch(Patch(id=node.id, key=key, base=seed.s0.digest, edits=made.edits, dropped=_rows(made)))

    made = await ctx.crew.make("merge", name, lambda: Job(key, path, work))
    if isinstance(made, Failed):
        return made
    patch = loads_patch(made.text, path)
    if gone := lost(edits, patch.edits, [d.id for d in patch.dropped]):
        raise AssertionError(f"merge {node.id} lost edits {gone}; conservation is broken")
    shown = ctx.view.nodes.get(name)
    if made.new or shown is None or shown.state != "done":
        _tell(seed, name, edits, patch)
    return patch


def _rows(outcome: Outcome) -> tuple[Dropped, ...]:
    return tuple(Dropped(id=k, reason=v) for k, v in outcome.dropped.items())


async def _merged(seed: Seed, node: Node, edits: Sequence[Edit], way: str) -> Outcome:
    agent = seed.agent("merger", "merger", "merge", node.id)
    with agent.at_work():
        if way == "joint":
            try:
                return await _joint(seed, agent, node, edits)
            except BadReply as fault:
                seed.ctx.emit(MergeStarted(node=seed.prefix + node.id))
                return await _guided(seed, agent, node, edits, f"guided, since the joint merge failed: {fault}")
        return await _guided(seed, agent, node, edits, "near-duplicates")


# --- joint: the model groups and words -----------------------------------------------------------------------------


async def _joint(seed: Seed, agent: Agent, node: Node, edits: Sequence[Edit]) -> Outcome:
    named = aliases(edits)
    messages = seed.ctx.prompts["merger"].messages(edits=_shown(named))
    tries = 0

    def read(reply: Reply) -> Reconciled:
        """What is missing, or stands on the same lines, is asked for once; after that it is carried up as it is."""
        nonlocal tries
        tries += 1
        result = reconcile(named, parse_json(reply, MergeReply))
        faults = _faults(seed, node, named, result) if tries == 1 else []
        if faults:
            raise BadReply("; ".join(faults) + ". Send the whole corrected JSON again")
        return result

    result = await agent.ask(messages, read, _schema(list(named)))
    dropped = {source: d.reason for d in result.dropped for source in named[d.id].sources}
    return Outcome((*_outputs(node, named, result), *(named[a] for a in result.missing)), dropped)


def _faults(seed: Seed, node: Node, named: Mapping[str, Edit], result: Reconciled) -> list[str]:
    faults = [f"id {alias} is in no group and not dropped" for alias in result.missing]
    if seed.ctx.config.merge.conflicts == "ask":
        outputs = _outputs(node, named, result)
        faults += [f"two groups change the same lines: {c.why}" for c in conflicts(seed.s0, outputs)]
    return faults


def _outputs(node: Node, named: Mapping[str, Edit], result: Reconciled) -> list[Edit]:
    return [_output(node, n, [named[a] for a in g.sources], g) for n, g in enumerate(result.groups, 1)]


def _output(node: Node, number: int, sources: Sequence[Edit], group: Group) -> Edit:
    best = max(sources, key=lambda x: (x.pinned, len(x.support)))
    text = edit_text(best) if best.pinned else without_marks(group.text) or edit_text(best)  # a person's words stay
    return merged_edit(edit_id(node.id, number), sources, as_item(text, sources), group.reason)


# --- guided: the program groups, the model words -------------------------------------------------------------------


async def _guided(seed: Seed, agent: Agent, node: Node, edits: Sequence[Edit], why: str) -> Outcome:
    outputs: list[Edit] = []
    for number, group in enumerate(group_alike(edits), 1):
        worded = await _one_text(seed, agent, group)
        reason = f"{why}; {worded.how}" if len(group) > 1 else ""
        outputs.append(merged_edit(edit_id(node.id, number), group, as_item(worded.text, group), label(reason)))
    return Outcome(tuple(outputs), {})


class Worded(NamedTuple):
    """The one text of a group and how it came about."""

    text: str
    how: str


async def _one_text(seed: Seed, agent: Agent, group: Sequence[Edit]) -> Worded:
    """One text for several near-duplicates; what a person pinned stays as it is.

    A model that cannot word it loses nothing: the best supported of the texts stands, and the reason says so.
    """
    texts = list(dict.fromkeys(edit_text(edit).strip() for edit in group))
    best = edit_text(max(group, key=lambda x: (x.pinned, len(x.support), x.verified))).strip()
    if len(texts) == 1 or any(edit.pinned for edit in group):
        return Worded(best, "words as they were")
    prompt = seed.ctx.prompts["merger_guided"]
    try:
        return Worded(
            await agent.ask(prompt.messages(rules="\n".join(_by_support(group))), _read_rule), "worded as one"
        )
    except BadReply as fault:
        return Worded(best, f"the best supported words kept, since the merger gave none ({fault})")


def _by_support(group: Sequence[Edit]) -> list[str]:
    """The texts as plain list items, the best supported first: that is all a small model has to read."""
    ranked = sorted(group, key=lambda x: (-len(x.support), x.id))
    return list(dict.fromkeys(f"- {edit_text(edit).strip().removeprefix('- ')}" for edit in ranked))


def _read_rule(reply: Reply) -> str:
    rule = next((b["RULE"] for b in parse_lines(reply, ("RULE",)) if b.get("RULE")), "")
    alone = [line.strip() for line in spoken(reply).splitlines() if line.strip()]
    if not rule and len(alone) == 1 and not alone[0].startswith("<"):
        rule = alone[0]
    if not rule:
        raise BadReply("there is no RULE line; answer with one line `RULE: the rule`")
    return rule.removeprefix("- ")


def as_item(text: str, sources: Sequence[Edit]) -> str:
    """`text` as a list item when the edits it replaces are list items."""
    if all(edit_text(e).lstrip().startswith("- ") for e in sources) and text and not text.lstrip().startswith("- "):
        return f"- {text}"
    return text


# --- telling and showing ---------------------------------------------------------------------------------------------


def _tell(seed: Seed, name: str, edits: Sequence[Edit], patch: Patch) -> None:
    ids = {edit.id for edit in edits}
    for edit in patch.edits:
        if edit.id not in ids:
            seed.ctx.emit(
                EditMerged(
                    edit=seed.prefix + edit.id, node=name, sources=len(edit.sources), support=len(edit.support),
                    text=label(edit_text(edit)),
                )
            )  # fmt: skip
    for gone in patch.dropped:
        seed.ctx.emit(EditDropped(edit=seed.prefix + gone.id, node=name, reason=label(gone.reason)))
    seed.ctx.emit(
        MergeDone(
            node=name, edits_in=len(edits), edits_out=len(patch.edits), dropped=len(patch.dropped),
            carried=sum(edit.id in ids for edit in patch.edits),
            support=max((len(edit.support) for edit in patch.edits), default=0),
        )
    )  # fmt: skip


def _shown(edits: Mapping[str, Edit]) -> str:
    return "\n".join(_tag(alias, edit) for alias, edit in edits.items())


def _tag(alias: str, edit: Edit) -> str:
    verified = ' verified="yes"' if edit.verified else ""
    place = f"{edit.file}#{_at(edit)}"
    head = f'<edit id="{alias}" op="{edit.op}" at="{place}" support="{len(edit.support)}"{verified}>'
    return f"{head}{edit_text(edit)}</edit>"


def _at(edit: Edit) -> str:
    return str(next((v for k in ("block", "section", "after", "path") if (v := getattr(edit, k, None))), "end"))


def _schema(ids: list[str]) -> dict[str, Any]:
    name = {"enum": ids}
    text = {"type": "string", "maxLength": 4000}
    short = {"type": "string", "maxLength": 300}
    group = {
        "type": "object",
        "properties": {"from": {"type": "array", "items": name, "minItems": 1}, "text": text, "reason": short},
        "required": ["from", "text", "reason"],
    }
    drop = {"type": "object", "properties": {"id": name, "reason": short}, "required": ["id", "reason"]}
    return {
        "type": "object",
        "properties": {
            "groups": {"type": "array", "maxItems": len(ids), "items": group},
            "dropped": {"type": "array", "maxItems": len(ids), "items": drop},
        },
        "required": ["groups", "dropped"],
    }
