"""Patch files of either kind as one set of edits, and what becomes of each edit when the set meets a skill.

A file is one of our TOML patches (its edits name blocks of the skill with digest `base`) or a JSON patch of the
released Trace2Skill code; which one is told by its content. Every edit of every file ends as applied or refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workspace.edits.patch import Edit, loads_patch
from workspace.errors import InputError
from workspace.files import read_text
from workspace.guard.guard import Settled, settle
from workspace.guard.ruleset import DEFAULT, Ruleset
from workspace.released.released import Found, Rejected, looks_released, parse_released, translate
from workspace.skills.skill import Skill


@dataclass(frozen=True)
class PatchFile:
    """The edits of one file.

    ids     every edit of the file as it counts them, refused ones included
    behind  for each of `edits` those of `ids` that it stands for
    prefix  what all ids begin with; empty unless files of one set use the same ids
    """

    path: Path
    ids: tuple[str, ...]
    edits: tuple[Edit, ...]
    behind: tuple[tuple[str, ...], ...]
    refused: tuple[Rejected, ...] = ()
    found: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a set of patch files does to a skill: `applied` and `refused` are the ids of all their edits, each once."""

    settled: Settled
    applied: tuple[str, ...]
    refused: tuple[Rejected, ...]


def load_patch_file(path: Path, skill: Skill, *, any_base: bool = False) -> PatchFile:
    """The edits of the patch at `path` against `skill`.

    Raises `InputError`: not a patch (file:line), or one of ours that was made for another skill, unless `any_base`.
    """
    text = read_text(path)
    if looks_released(text):
        released = parse_released(text, path)
        done = translate(skill, released)
        ids = tuple(edit.id for edit in released.edits)
        behind = tuple(edit.sources for edit in done.edits)
        return PatchFile(path, ids, done.edits, behind, done.refused, done.found, done.notes)
    patch = loads_patch(text.removeprefix("\ufeff"), path)
    if patch.base != skill.digest and not any_base:
        raise InputError(
            f"{path}: made for the skill with digest {patch.base or '(none)'}, this one has {skill.digest}; its blocks "
            "may be other blocks here: apply it to the skill it was made from, or say --any-base"
        )
    notes = tuple(f"{d.id}: left out when the patch was made: {d.reason}" for d in patch.dropped)
    ids = tuple(dict.fromkeys(edit.id for edit in patch.edits))
    return PatchFile(path, ids, patch.edits, tuple((edit.id,) for edit in patch.edits), notes=notes)


def load_patch_files(paths: Sequence[Path], skill: Skill, *, any_base: bool = False) -> tuple[PatchFile, ...]:
    """All files as one set; where two use the same ids, all ids begin with their file's name or number."""
    files = [load_patch_file(path, skill, any_base=any_base) for path in paths]
    used = Counter(name for file in files for name in file.ids)
    if all(count == 1 for count in used.values()):
        return tuple(files)
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else str(n) for n, path in enumerate(paths, 1)]
    return tuple(_prefixed(file, f"{name}:") for file, name in zip(files, names, strict=True))


def try_patches(
    skill: Skill, files: Sequence[PatchFile], *, allow_scripts: bool = False, rules: Ruleset = DEFAULT
) -> Outcome:
    """Put all files through the guard as one set. An edit that needs several of ours is applied whole or not at all."""
    edits = [edit for file in files for edit in file.edits]
    behind = {edit.id: names for file in files for edit, names in zip(file.edits, file.behind, strict=True)}
    torn: dict[str, Edit] = {}
    while True:
        settled = settle(
            skill, [edit for edit in edits if edit.id not in torn], rules=rules.with_scripts(allow_scripts)
        )
        out = {name for w in settled.withheld for name in behind[w.edit.id]}
        halves = [edit for edit in settled.kept if out & set(behind[edit.id])]
        if not halves:
            break
        torn |= {edit.id: edit for edit in halves}
    refused = [*(r for file in files for r in file.refused), *_withheld(settled, behind)]
    refused += [
        Rejected(name, "another part of it is refused", edit.file) for edit in torn.values() for name in behind[edit.id]
    ]
    rows = _once(refused)
    gone = {row.edit for row in rows}
    applied = {name for edit in settled.kept for name in behind[edit.id] if name not in gone}
    order = {name: n for n, name in enumerate(name for file in files for name in file.ids)}
    return Outcome(
        settled,
        tuple(sorted(applied, key=lambda name: order[name])),
        tuple(sorted(rows, key=lambda row: order[row.edit])),
    )


def _withheld(settled: Settled, behind: dict[str, tuple[str, ...]]) -> Iterator[Rejected]:
    for withheld in settled.withheld:
        for name in behind[withheld.edit.id]:
            yield Rejected(name, withheld.reason, withheld.edit.file)


def _once(rows: Iterable[Rejected]) -> list[Rejected]:
    first: dict[str, Rejected] = {}
    for row in rows:
        first.setdefault(row.edit, row)
    return list(first.values())


def _prefixed(file: PatchFile, prefix: str) -> PatchFile:
    def named(edit: Edit) -> Edit:
        return edit.model_copy(update={"id": prefix + edit.id, "sources": tuple(prefix + s for s in edit.sources)})

    return replace(
        file,
        ids=tuple(prefix + name for name in file.ids),
        edits=tuple(named(edit) for edit in file.edits),
        behind=tuple(tuple(prefix + name for name in names) for names in file.behind),
        refused=tuple(r._replace(edit=prefix + r.edit) for r in file.refused),
        found=tuple(f._replace(edit=prefix + f.edit) for f in file.found),
        prefix=prefix,
    )
