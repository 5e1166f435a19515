"""The merge tree's plan: which patches and nodes are merged where. Pure; paper §3.3 (hierarchical consolidation).

The plan is made once a round from all patches and then frozen: an edited lesson redoes its own path to the root only.
A dropped patch leaves a hole, a new one joins the smallest fitting batch. It is a function of the set of patches (with
order "given", of their order): neither the order of arrival nor the clock has a say in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from heapq import heapify, heappush, heapreplace
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.edits.patch import Patch
from workspace.errors import InputError
from workspace.files import dump_toml, parse_toml
from workspace.ids import node_id
from workspace.merging.batches import batches_alike, even
from workspace.merging.parts import size

Order = Literal["similar", "given"]


class Room(NamedTuple):
    """What one merge can read. `window`: tokens of the merger's context; `characters`: how much text of edits fits
    into it beside the prompt and the reply (0 of either: not known, nothing is bounded). `per_token`: see `Plan`."""

    window: int = 0
    characters: int = 0
    per_token: float = 0.0


class Node(BaseModel):
    """A merge: `children` are patch ids on level 1 and node ids above."""

    model_config = ConfigDict(frozen=True)
    id: str
    level: int
    children: tuple[str, ...]


class Plan(BaseModel):
    """All merges of a round, level by level. Without nodes the only patch is the result.

    `fan_in` is the one in force: smaller than the configured one where the merger's `window` (tokens; 0 = not known)
    holds no more. `per_token`: characters a token of this merger had, as far as the run's calls told; 0 = not known.
    """

    model_config = ConfigDict(frozen=True)
    format: int = 1
    fan_in: int
    order: Order = "similar"
    window: int = 0
    per_token: float = 0.0
    patches: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    @property
    def root(self) -> str | None:
        """The node or the single patch that holds everything; None for an empty plan."""
        if self.nodes:
            return self.nodes[-1].id
        return self.patches[0] if self.patches else None

    def node(self, name: str) -> Node | None:
        return self._by_id.get(name)

    def path_up(self, child: str) -> list[str]:
        """The nodes from `child` (not in it) to the root: what is redone when it changes."""
        path: list[str] = []
        while (above := self._parents.get(child)) is not None:
            path.append(above)
            child = above
        return path

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _parents(self) -> dict[str, str]:
        return {child: node.id for node in self.nodes for child in node.children}


def make_plan(
    patches: Mapping[str, Patch],
    fan_in: int,
    order: Order,
    room: Room = Room(),  # noqa: B008 (a frozen value)
    before: Plan | None = None,
) -> Plan:
    """ceil(log_B N) levels of merges over `patches`, B = `fan_in` ≥ 2, batches as even as they go.

    B is smaller where `room` holds no more patches of this size, and a batch that is still too large is cut. With
    `before`, the plan this one replaces, a node with the same children keeps its id, so its result is used again.
    """
    sizes = {name: size(patch.edits) for name, patch in patches.items()}
    fan_in = fitting_fan_in(sizes, fan_in, room)
    names = list(patches) if order == "given" else sorted(patches)
    batches = even(names, fan_in) if order == "given" else batches_alike(patches, fan_in)
    batches = [part for batch in batches for part in _cut(batch, sizes, room)]
    known = {(node.level, node.children): node.id for node in before.nodes} if before else {}
    nodes: list[Node] = []
    row = names
    while len(row) > 1:
        level = nodes[-1].level + 1 if nodes else 1
        made = _named(level, [tuple(batch) for batch in batches], known)
        nodes += made
        row = [node.id for node in made]
        batches = even(row, fan_in)
    return Plan(
        fan_in=fan_in, order=order, window=room.window, per_token=room.per_token,
        patches=tuple(names), nodes=tuple(nodes),
    )  # fmt: skip


def fitting_fan_in(sizes: Mapping[str, int], fan_in: int, room: Room) -> int:
    """The most patches of usual size that one merge can read: `fan_in`, or less where the room is smaller; ≥ 2."""
    mean = sum(sizes.values()) / len(sizes) if sizes else 0.0
    if not room.characters or not mean:
        return fan_in
    return max(2, min(fan_in, int(room.characters / mean)))


def adapt_plan(plan: Plan, patches: Sequence[str]) -> Plan:
    """The frozen plan with room for patches that came later; those that went keep their (empty) place."""
    known = set(plan.patches)
    late = [name for name in dict.fromkeys(patches) if name not in known]
    if not late:
        return plan
    rows = _Rows(plan)
    for name in late:
        rows.join(name)
    return rows.plan()


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


def _named(
    level: int, batches: Sequence[tuple[str, ...]], known: Mapping[tuple[int, tuple[str, ...]], str]
) -> list[Node]:
    """A level of nodes: an id that its children had before, else the next free one."""
    kept = {batch: known[level, batch] for batch in batches if (level, batch) in known}
    taken = set(kept.values())
    free = (name for n in range(1, len(batches) + len(taken) + 1) if (name := node_id(level, n)) not in taken)
    return [Node(id=kept.get(batch) or next(free), level=level, children=batch) for batch in batches]


def _cut(batch: Sequence[str], sizes: Mapping[str, int], room: Room) -> list[list[str]]:
    """The batch in pieces that fit into the room, but two patches at least in each: one alone would be no merge."""
    pieces: list[list[str]] = [[]]
    used = 0
    for name in batch:
        if room.characters and len(pieces[-1]) >= 2 and used + sizes[name] > room.characters:
            pieces.append([])
            used = 0
        pieces[-1].append(name)
        used += sizes[name]
    if len(pieces) > 1 and len(pieces[-1]) == 1:
        *before, last = pieces[-2]
        pieces[-2:] = [before, [last, *pieces[-1]]] if len(before) > 1 else [[*pieces[-2], *pieces[-1]]]
    return pieces


class _Rows:
    """A plan while patches join it: each level's nodes as lists that grow."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._patches = list(plan.patches)
        self._levels: list[dict[str, list[str]]] = []
        for node in plan.nodes:
            if node.level > len(self._levels):
                self._levels.append({})
            self._levels[node.level - 1][node.id] = list(node.children)
        self._smallest = [[(len(children), name) for name, children in row.items()] for row in self._levels]
        for row in self._smallest:
            heapify(row)

    def join(self, patch: str) -> None:
        """Give a patch the place in the smallest batch of level 1; a full row gets another node, up to the root."""
        self._patches.append(patch)
        child, level = patch, 1
        while child and (level > 1 or len(self._patches) > 1):
            child, level = self._add(child, level), level + 1

    def plan(self) -> Plan:
        """The plan as it is now."""
        was, levels = self._plan, enumerate(self._levels, 1)
        nodes = [Node(id=n, level=level, children=tuple(c)) for level, row in levels for n, c in row.items()]
        return Plan(
            fan_in=was.fan_in, order=was.order, window=was.window, per_token=was.per_token,
            patches=tuple(self._patches), nodes=tuple(nodes),
        )  # fmt: skip

    def _add(self, child: str, level: int) -> str:
        """Put `child` under a node of `level`; returns the node when it is new and needs a parent itself, else ""."""
        if level > len(self._levels):
            below = list(self._levels[level - 2]) if level > 1 else self._patches
            self._levels.append({node_id(level, 1): list(below)})
            self._smallest.append([(len(below), node_id(level, 1))])
            return ""
        row, heap = self._levels[level - 1], self._smallest[level - 1]
        size, smallest = heap[0]
        if size < self._plan.fan_in:
            row[smallest].append(child)
            heapreplace(heap, (size + 1, smallest))
            return ""
        fresh = next(name for n in range(len(row) + 1, 2 * len(row) + 2) if (name := node_id(level, n)) not in row)
        row[fresh] = [child]
        heappush(heap, (1, fresh))
        return fresh
