"""The merge tree's plan: which patches and nodes are merged where. Pure; paper §3.3 (hierarchical consolidation).

The plan is made once a round from all patches and then frozen: an edited lesson redoes its own path to the root only.
A dropped patch leaves a hole, a new one joins the smallest fitting batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from rapidfuzz import fuzz

from workspace.errors import InputError
from workspace.files import dump_toml, parse_toml
from workspace.ids import node_id
from workspace.patch import Patch, anchor, edit_text


class Node(BaseModel):
    """A merge: `children` are patch ids on level 1 and node ids above."""

    model_config = ConfigDict(frozen=True)
    id: str
    level: int
    children: tuple[str, ...]


class Plan(BaseModel):
    """All merges of a round, level by level. Without nodes the only patch is the result."""

    model_config = ConfigDict(frozen=True)
    format: int = 1
    fan_in: int
    order: Literal["similar", "given"] = "similar"
    patches: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    @property
    def root(self) -> str | None:
        """The node or the single patch that holds everything; None for an empty plan."""
        if self.nodes:
            return self.nodes[-1].id
        return self.patches[0] if self.patches else None

    def node(self, name: str) -> Node | None:
        return next((n for n in self.nodes if n.id == name), None)

    def path_up(self, child: str) -> list[str]:
        """The nodes from `child` (not in it) to the root: what is redone when it changes."""
        above = next((n.id for n in self.nodes if child in n.children), None)
        return [above, *self.path_up(above)] if above else []


def make_plan(patches: Mapping[str, Patch], fan_in: int, order: Literal["similar", "given"]) -> Plan:
    """ceil(log_B N) levels of merges over `patches` (in plan order), B = `fan_in` ≥ 2, batches as even as they go."""
    names = list(patches)
    batches = _even(names, fan_in) if order == "given" else _similar(patches, fan_in)
    nodes: list[Node] = []
    level = 1
    while len(names) > 1:
        row = [Node(id=node_id(level, n), level=level, children=tuple(b)) for n, b in enumerate(batches, 1)]
        nodes += row
        names = [node.id for node in row]
        batches = _even(names, fan_in)
        level += 1
    return Plan(fan_in=fan_in, order=order, patches=tuple(patches), nodes=tuple(nodes))


def adapt_plan(plan: Plan, patches: Sequence[str]) -> Plan:
    """The frozen plan with room for patches that came later; those that went keep their (empty) place."""
    for name in patches:
        if name not in plan.patches:
            plan = _join(plan.model_copy(update={"patches": (*plan.patches, name)}), name, 1)
    return plan


def dump_plan(plan: Plan) -> str:
    """The plan as TOML."""
    return dump_toml(plan.model_dump(mode="json"))


def load_plan(text: str, where: Path) -> Plan:
    """Back from TOML; an `InputError` names the file and the key at fault."""
    try:
        return Plan.model_validate(parse_toml(text, where))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error


def _even(names: Sequence[str], fan_in: int) -> list[list[str]]:
    """Runs of at most `fan_in`, in order, whose sizes differ by one at most."""
    count = max(1, -(-len(names) // fan_in))
    small, extra = divmod(len(names), count)
    batches: list[list[str]] = []
    start = 0
    for number in range(count):
        end = start + small + (number < extra)
        batches.append(list(names[start:end]))
        start = end
    return batches


def _similar(patches: Mapping[str, Patch], fan_in: int) -> list[list[str]]:
    """Greedy batches: the first patch that is left, and those whose best edit pair is nearest to it."""
    left = {name: _traits(patch) for name, patch in patches.items()}
    batches: list[list[str]] = []
    for size in [len(batch) for batch in _even(list(patches), fan_in)]:
        seed, traits = next(iter(left.items()), ("", ()))
        place = {name: n for n, name in enumerate(left)}
        nearest = sorted((n for n in left if n != seed), key=lambda n: (-_likeness(traits, left[n]), place[n]))
        batch = sorted([seed, *nearest[: size - 1]], key=lambda n: place[n]) if seed else []
        for name in batch:
            del left[name]
        batches.append(batch)
    return batches


class _Trait(NamedTuple):
    anchor: str
    text: str


def _traits(patch: Patch) -> tuple[_Trait, ...]:
    return tuple(_Trait(anchor(edit), edit_text(edit)) for edit in patch.edits)


def _likeness(ours: Sequence[_Trait], theirs: Sequence[_Trait]) -> float:
    """The best edit pair: 0 to 100 for the text, 25 more for the same block."""
    return max(
        (25.0 * (a.anchor == b.anchor) + fuzz.token_set_ratio(a.text, b.text) for a in ours for b in theirs),
        default=0.0,
    )


def _join(plan: Plan, child: str, level: int) -> Plan:
    row = [n for n in plan.nodes if n.level == level]
    if not row and level == 1 and len(plan.patches) == 1:
        return plan
    if not row:
        below = [n.id for n in plan.nodes if n.level == level - 1] or list(plan.patches)
        top = Node(id=node_id(level, 1), level=level, children=tuple(below))
        return plan.model_copy(update={"nodes": (*plan.nodes, top)})
    smallest = min(row, key=lambda n: (len(n.children), n.id))
    if len(smallest.children) < plan.fan_in:
        grown = smallest.model_copy(update={"children": (*smallest.children, child)})
        return plan.model_copy(update={"nodes": tuple(grown if n.id == grown.id else n for n in plan.nodes)})
    fresh = Node(id=node_id(level, len(row) + 1), level=level, children=(child,))
    nodes = sorted((*plan.nodes, fresh), key=lambda n: n.level)
    return _join(plan.model_copy(update={"nodes": tuple(nodes)}), fresh.id, level + 1)
