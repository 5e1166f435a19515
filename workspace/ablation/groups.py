"""What can be left out of a candidate at a time, and the skill without it. Pure.

A group is one edit that stands in the candidate: a rule with its lessons. The examples, which the program copied, are a
group of their own. So are all less supported edits on one page beside SKILL.md: solvers open a page or do not, nobody
reads half of it. Where there are more groups than wanted, the least supported rule is put with the rule whose words
are most like its own, again and again, so that nothing is left unmeasured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from rapidfuzz import fuzz

from workspace.edits.patch import Create, Edit, anchor, edit_text
from workspace.guard.guard import Settled
from workspace.merging.aside import is_page

Kind = Literal["examples", "page", "rule"]
SAID = 200  # characters of a group's words


class Group(NamedTuple):
    """Edits that are left out together. `support`: the distinct tasks behind them."""

    kind: Kind
    edits: tuple[Edit, ...]
    support: frozenset[str]

    @property
    def name(self) -> str:
        """The id of its first edit, with how many others go with it: letters, digits and hyphens."""
        others = len(self.edits) - 1
        return self.edits[0].id + (f"-and-{others}" if others else "")

    @property
    def lessons(self) -> tuple[str, ...]:
        """The lessons that its edits carry."""
        return tuple(dict.fromkeys(name for edit in self.edits for name in edit.lessons))

    @property
    def says(self) -> str:
        """Its first words."""
        text = " ".join(edit_text(self.edits[0]).split()) or f"takes away {anchor(self.edits[0])}"
        return text if len(text) <= SAID else f"{text[:SAID]}…"


def grouped(edits: Sequence[Edit], examples: str, tasks: Mapping[str, Sequence[str]], most: int) -> list[Group]:
    """The groups of a candidate's `edits`, the most doubtful first: the examples (the edit of that id), then the least
    supported. At most `most` where rules can be joined; `tasks` are those behind each lesson."""
    found: dict[str, list[Edit]] = {}
    for edit in sorted(edits, key=lambda e: e.id):
        found.setdefault(_page(edit) or edit.id, []).append(edit)
    groups = [_group(members, examples, tasks) for members in found.values()]
    alone = [group for group in groups if group.kind != "rule"]
    rules = _joined([group for group in groups if group.kind == "rule"], max(1, most - len(alone)))
    return sorted([*alone, *rules], key=lambda g: (g.kind != "examples", len(g.support), g.name))


class Without(NamedTuple):
    """The skill without some groups; `went` are the ids of other edits that cannot stand without them."""

    settled: Settled
    went: tuple[str, ...]


def without(edits: Sequence[Edit], groups: Sequence[Group], settle: Callable[[Sequence[Edit]], Settled]) -> Without:
    """Settle a candidate's `edits` again, without those of `groups`."""
    out = {edit.id for group in groups for edit in group.edits}
    settled = settle([edit for edit in edits if edit.id not in out])
    return Without(settled, tuple(one.edit.id for one in settled.withheld))


def _page(edit: Edit) -> str:
    """The page beside SKILL.md that an edit belongs to."""
    path = edit.path if isinstance(edit, Create) else edit.file
    return path if is_page(path) else ""


def _group(members: Sequence[Edit], examples: str, tasks: Mapping[str, Sequence[str]]) -> Group:
    kind = "page" if _page(members[0]) else "examples" if members[0].id == examples else "rule"
    behind = {task for edit in members for task in edit.support}
    if not behind:  # the program's edits claim no support of their own
        behind = {task for edit in members for name in edit.lessons for task in tasks.get(name, ())}
    return Group(kind, tuple(members), frozenset(behind))


def _joined(rules: Sequence[Group], most: int) -> list[Group]:
    left = list(rules)
    while len(left) > most:
        weakest = min(left, key=lambda g: (len(g.support), g.name))
        left.remove(weakest)
        nearest = max(left, key=lambda g: (_alike(weakest, g), g.name))
        left[left.index(nearest)] = _both(nearest, weakest)
    return left


def _both(first: Group, second: Group) -> Group:
    return Group("rule", (*first.edits, *second.edits), first.support | second.support)


def _alike(one: Group, other: Group) -> float:
    """How like their leading words are; a joined group is led by the best supported one."""
    return fuzz.token_set_ratio(edit_text(one.edits[0]).lower(), edit_text(other.edits[0]).lower())
