"""Which patches meet first: those that say the same, so that duplicates are merged on level 1 where they can. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from workspace.edits.alike import cluster
from workspace.edits.patch import Edit, Patch, anchor, edit_text


def even(names: Sequence[str], fan_in: int) -> list[list[str]]:
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


def batches_alike(patches: Mapping[str, Patch], fan_in: int) -> list[list[str]]:
    """Even batches in which patches of one idea stand together, as long as a batch has room for them.

    A patch belongs to its most widespread idea. Ideas are filled in from the largest to the smallest, each into the
    batch where the least room is left over; one that no batch can hold goes in place by place, so that edits of the
    same block meet. Patches in a batch are sorted by id; any order of `patches` gives the same.
    """
    bins = _Bins([len(batch) for batch in even(list(patches), fan_in)])
    for family in _families(patches):
        whole = [name for place in family for name in place]
        for part in [whole] if len(whole) <= fan_in else family:
            bins.put(part)
    return [sorted(batch) for batch in bins.filled]


def _families(patches: Mapping[str, Patch]) -> list[list[list[str]]]:
    """The patches by idea, and within an idea by place, the largest first; equal words side by side."""
    ideas = _ideas([edit for name in sorted(patches) for edit in patches[name].edits])
    own = {name: {(ideas[_said(e)], anchor(e)) for e in patch.edits} for name, patch in patches.items()}
    spread = Counter(idea for row in own.values() for idea, _ in row)
    families: dict[int, dict[str, list[str]]] = {}
    for name in sorted(patches, key=lambda name: ([_said(e) for e in patches[name].edits], name)):
        idea, place = min(own[name], key=lambda row: (-spread[row[0]], row), default=(-1, ""))
        families.setdefault(idea, {}).setdefault(place, []).append(name)
    by_size = sorted(families, key=lambda idea: (-sum(map(len, families[idea].values())), idea))
    return [sorted(families[idea].values(), key=lambda place: (-len(place), place)) for idea in by_size]


def _ideas(edits: Iterable[Edit]) -> dict[str, int]:
    """Words → number of the idea: similar words, wherever they shall stand. Frequent words lead."""
    texts = Counter(_said(edit) for edit in edits)
    ranked = sorted(texts, key=lambda text: (-texts[text], text))
    return cluster(ranked)


def _said(edit: Edit) -> str:
    """The words of an edit; of one that only removes, its place."""
    return edit_text(edit) or anchor(edit)


class _Bins:
    """Batches of given sizes that are filled exactly."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.filled: list[list[str]] = [[] for _ in sizes]
        self._by_room: dict[int, list[int]] = {}
        for number, size in reversed(list(enumerate(sizes))):
            self._by_room.setdefault(size, []).append(number)

    def put(self, family: Sequence[str]) -> None:
        """All of `family`: whole where a batch has room for it, else the largest room first."""
        rest = list(family)
        while rest:
            rooms = [room for room, numbers in self._by_room.items() if room and numbers]
            fitting = [room for room in rooms if room >= len(rest)]
            room = min(fitting) if fitting else max(rooms)
            number = self._by_room[room].pop()
            taken, rest = rest[:room], rest[room:]
            self.filled[number] += taken
            self._by_room.setdefault(room - len(taken), []).append(number)
