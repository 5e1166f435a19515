"""What a changed lesson makes again: its proposal, the merges above it, settling, the tries of the candidate.

    redo(plan, units, done) -> Redo           pure
    redo_in(run, round, seed, units) -> Redo  the same with what the disk holds, and the calls it takes

An upper bound: where a unit comes out as it was, nothing above it is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workspace.files import read_lines, read_text
from workspace.merging.tree import Plan, adapt_plan, load_plan
from workspace.runs.run import RunFolder

PROPOSER, MERGER = "proposer", "merger"
_REPLY = '"role": "assistant"'


class Done(NamedTuple):
    """What one seed of a round has behind it.

    patches, merges      the units whose result is on the disk
    settled              there is a candidate
    validation, test     tries of its candidates on held-out tasks
    rounds               later rounds; they began from what this one made
    """

    patches: frozenset[str] = frozenset()
    merges: frozenset[str] = frozenset()
    settled: bool = False
    validation: int = 0
    test: int = 0
    rounds: tuple[int, ...] = ()


class Redo(NamedTuple):
    """The units that are made again, by kind. `validation` and `test` count tries, `rounds` are begun anew; `calls`
    are those of the model, about as many as the same units took the last time."""

    propose: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    settle: bool = False
    validation: int = 0
    test: int = 0
    rounds: tuple[int, ...] = ()
    calls: int = 0

    @property
    def anything(self) -> bool:
        """Is there anything to make again?"""
        return bool(self.propose or self.merges or self.settle or self.rounds)

    def table(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        lists = {"propose": list(self.propose), "merges": list(self.merges), "rounds": list(self.rounds)}
        return self._asdict() | lists


def unit_of(lesson: str) -> str:
    """The unit whose patch reads a lesson: its trajectory, or a person's own lesson itself."""
    return lesson.rpartition("-L")[0] or lesson


def redo(
    plan: Plan | None, units: Sequence[str], done: Done, new: Sequence[str] = (), gone: Sequence[str] = ()
) -> Redo:
    """What is made again when lessons of `units` change; `new` units come into being with the change, `gone` end.

    Only what is there can be made again: before there is a `plan` that is the proposals alone.
    """
    touched = tuple(unit for unit in dict.fromkeys(units) if unit in done.patches or unit in new)
    if not touched:
        return Redo()
    merges = _merges_above(plan, touched, done) if plan else ()
    proposed = tuple(unit for unit in touched if unit not in gone)
    if not done.settled:
        return Redo(proposed, merges)
    return Redo(proposed, merges, True, done.validation, done.test, done.rounds)


def _merges_above(plan: Plan, units: Sequence[str], done: Done) -> tuple[str, ...]:
    """Merges on the way up that are on the disk, and those that a new unit adds to a finished tree."""
    grown = adapt_plan(plan, units)
    above = {node for unit in units for node in grown.path_up(unit)}
    fresh = {node.id for node in grown.nodes} - {node.id for node in plan.nodes} if done.settled else set[str]()
    return tuple(node.id for node in grown.nodes if node.id in above and node.id in done.merges | fresh)


# --- what the disk holds ----------------------------------------------------------------------------------------------


def redo_in(
    run: RunFolder, round: int, seed: int, units: Sequence[str], new: Sequence[str] = (), gone: Sequence[str] = ()
) -> Redo:
    """What is made again in candidate `seed` of `round` of a run, with the model calls that it takes."""
    path = run.round(round).seed(seed).plan
    plan = load_plan(read_text(path), path) if path.is_file() else None
    found = redo(plan, units, done_so_far(run, round, seed), new, gone)
    return found._replace(calls=_calls(run, prefix_of(round, seed), found))


def done_so_far(run: RunFolder, round: int, seed: int) -> Done:
    """What candidate `seed` of `round` has behind it."""
    folder, mine = run.round(round), run.round(round).seed(seed)
    judged, sides = folder.verdict.is_file(), mine.sides()
    return Done(
        patches=_names(mine.patches),
        merges=_names(mine.tree) - {mine.plan.stem},
        settled=any(side.ledger.is_file() for side in sides),
        validation=sum(_tries(folder.validation("validation", side.name)) for side in sides) if judged else 0,
        test=sum(_tries(folder.validation("test", side.name)) for side in sides) if judged else 0,
        rounds=tuple(number for each in run.rounds() if (number := int(each.path.name)) > round),
    )


def _names(folder: Path) -> frozenset[str]:
    return frozenset(path.stem for path in folder.glob("[!.]*.toml"))


def _tries(folder: Path) -> int:
    return sum(1 for _ in folder.glob("[!.]*.jsonl"))


def prefix_of(round: int, seed: int) -> str:
    """Before the units' names in those of their agents."""
    return ("" if round == 1 else f"r{round}-") + (f"s{seed}-" if seed else "")


def _calls(run: RunFolder, prefix: str, found: Redo) -> int:
    proposals = sum(_asked(run, PROPOSER, prefix + unit) for unit in found.propose)
    merges = sum(_asked(run, MERGER, prefix + node) for node in found.merges)
    later = sum(_agents(run, f"*-r{number}-*") for number in found.rounds)
    return proposals + merges + found.validation + found.test + later


def _asked(run: RunFolder, role: str, unit: str) -> int:
    """Replies that a unit's agent got the last time. One that never had an agent: 1 where its like have one."""
    path = run.agent(f"{role}-{unit}")
    if path.is_file():
        return sum(_REPLY in line for line in read_lines(path))
    return min(1, _agents(run, f"{role}-*"))


def _agents(run: RunFolder, pattern: str) -> int:
    return sum(1 for _ in run.agent("x").parent.glob(f"{pattern}.jsonl"))
