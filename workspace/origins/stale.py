"""Which units are out of date: their patch was made from other versions of its lessons than those that count now.

Exact, since a proposed patch keeps the digest of each lesson it read (`Patch.reads`). Patches from before that was kept
are taken to be up to date.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from workspace.edits.patch import loads_patch
from workspace.errors import InputError, LessonInvalid
from workspace.files import read_text
from workspace.lessons.pool import load
from workspace.origins.redo import Redo, redo_in, unit_of
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder

UNREAD = "does not parse"


class Stale(NamedTuple):
    """Units whose patch is out of date, a person's `new` lessons that have no patch yet, and those that are `gone`."""

    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """All of them."""
        return self.changed + self.new + self.gone


def stale_units(seed: SeedFolder, lessons: Iterable[str]) -> Stale:
    """The stale ones among the units that read `lessons`. Raises `InputError` for a patch that does not parse."""
    units: dict[str, set[str]] = {}
    for lesson in lessons:
        units.setdefault(unit_of(lesson), set()).add(lesson)
    changed, new, gone = list[str](), list[str](), list[str]()
    for unit, names in sorted(units.items()):
        path = seed.patches / f"{unit}.toml"
        own = unit in names  # a lesson that a person wrote is its own unit
        if not path.is_file():
            new += [unit] if own and _version(seed, unit) else []
            continue
        read = loads_patch(read_text(path), path).reads
        now = {name: _version(seed, name) for name in names | set(read)}
        if own and not now[unit]:
            gone.append(unit)
        elif read and any(read.get(name) != version for name, version in now.items()):
            changed.append(unit)
    return Stale(tuple(changed), tuple(new), tuple(gone))


def due(run: RunFolder, round: RoundFolder, seed: SeedFolder, lessons: Iterable[str]) -> Redo:
    """What the next resume makes again because people changed some of `lessons`, with the calls it takes."""
    stale = stale_units(seed, lessons)
    if not stale.units:
        return Redo()
    return redo_in(run, int(round.path.name), seed.number, stale.units, stale.new, stale.gone)


def _version(seed: SeedFolder, lesson: str) -> str:
    """The digest of what later units read of a lesson; empty when there is no such lesson."""
    try:
        return load(seed, lesson).lesson.digest
    except LessonInvalid:
        return UNREAD
    except InputError:
        return ""
