"""`t2s apply`: a patch file onto a skill folder, with all guards; never half."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2s_tui.commands.common import add_json, example, folder_rules, print_json, print_patch
from t2s_tui.text import safe
from workspace.edits.unified import changed_files
from workspace.errors import InputError
from workspace.released.patch_files import Outcome, PatchFile, load_patch_files, try_patches
from workspace.skills.skill import Skill, load_skill, save_skill


def configure_apply(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s apply skills/ledger patch.json -o skills/ledger-new/ledger")
    parser.add_argument("skill", metavar="SKILL", type=Path, help="folder of the skill; it is never changed")
    parser.add_argument(
        "patch", metavar="PATCH", type=Path, nargs="+", help="patch file: TOML of ours or JSON of the released code"
    )
    parser.add_argument("-o", dest="out", metavar="OUT", type=Path, help="new folder for the result; without: a diff")
    parser.add_argument("--partial", action="store_true", help="apply what passes and list the rest")
    parser.add_argument("--dry-run", action="store_true", help="print the diff, write nothing")
    parser.add_argument(
        "--any-base", action="store_true", help="take a patch of ours that was made for another version of the skill"
    )
    parser.add_argument("--allow-scripts", action="store_true", help="let edits change files in scripts/")
    add_json(parser, "{applied, refused, found, written, violations, notes}")
    parser.set_defaults(act=_apply)


def _apply(arguments: argparse.Namespace) -> int:
    if arguments.out:
        _check_out(arguments.out, arguments.skill)
    skill = load_skill(arguments.skill)
    files = load_patch_files(arguments.patch, skill, any_base=arguments.any_base)
    outcome = try_patches(skill, files, allow_scripts=arguments.allow_scripts, rules=folder_rules())
    applies = not outcome.refused or (arguments.partial and bool(outcome.applied))
    written = arguments.out if applies and not arguments.dry_run else None
    if written:
        save_skill(outcome.settled.skill, written.resolve())  # through a link, not in its place
    if arguments.json:
        print_json(_table(files, outcome, applies, written))
    else:
        _tell(arguments, skill, files, outcome, applies, written)
    return 0 if applies else 1


def _check_out(out: Path, skill: Path) -> None:
    there, source = out.resolve(), skill.resolve()
    if there.is_relative_to(source) or source.is_relative_to(there):
        raise InputError(f"{out}: the result cannot stand in the skill's own folder or around it; name another folder")
    if Path.cwd().is_relative_to(there):
        raise InputError(f"{out}: the result cannot take the place of the folder you are in; name a new one inside it")
    if there.is_dir() and not any(there.iterdir()):
        return
    if there.exists():
        raise InputError(f"{out} is there already and not an empty folder; name a new one or remove it first")


# --- for scripts ---------------------------------------------------------------------------------------------------


def _table(files: Sequence[PatchFile], outcome: Outcome, applies: bool, written: Path | None) -> dict[str, Any]:
    return {
        "applied": list(outcome.applied) if applies else [],
        "refused": [
            {"edit": r.edit, "reason": r.reason, "file": r.file, "candidates": [c._asdict() for c in r.candidates]}
            for r in outcome.refused
        ],
        "found": [
            {"edit": f.edit, "how": f.how, "score": round(f.score, 1), "file": f.file, "line": f.line}
            for file in files
            for f in file.found
        ],
        "written": str(written) if written else None,
        "violations": [v.model_dump() for v in outcome.settled.violations],
        "notes": [note for file in files for note in file.notes],
    }


# --- for people ----------------------------------------------------------------------------------------------------


def _tell(
    arguments: argparse.Namespace,
    skill: Skill,
    files: Sequence[PatchFile],
    outcome: Outcome,
    applies: bool,
    written: Path | None,
) -> None:
    lines = [*_remarks(files), *_refusals(files, outcome)]
    if applies:
        new = (v for v in outcome.settled.violations if not v.inherited)
        lines += [f"{v.file}:{v.line}: {v.severity}: {v.message}" for v in new]
    if not arguments.allow_scripts and any("scripts change only" in row.reason for row in outcome.refused):
        lines.append("t2s: --allow-scripts lets edits change files in scripts/")
    if written and written.resolve().name != skill.name:
        lines.append(f"{written}: hosts look for the skill in a folder named {skill.name!r}, like the skill itself")
    if not applies:
        lines.append(_why_nothing(outcome, arguments.partial))
    sys.stderr.write("".join(f"{safe(line)}\n" for line in lines))
    if written:
        print(f"{safe(str(written))}: {_edits(len(outcome.applied))} applied")
    elif applies:
        print_patch("".join(file["diff"] for file in changed_files(skill, outcome.settled.skill)))


def _remarks(files: Sequence[PatchFile]) -> list[str]:
    """What a person should look at though nothing is wrong."""
    lines: list[str] = []
    for file in files:
        for f in file.found:
            if f.how != "exact":
                how = f"nearly alike ({f.score:.0f} of 100)" if f.how == "fuzzy" else "in other spelling"
                lines.append(f"{file.path}: {_name(file, f.edit)}: its place was found {how}: {f.file}:{f.line}")
        lines += [f"{file.path}: {note}" for note in file.notes]
    return lines


def _refusals(files: Sequence[PatchFile], outcome: Outcome) -> list[str]:
    lines: list[str] = []
    for row in outcome.refused:
        file = next(file for file in files if row.edit in file.ids)
        lines.append(f"{file.path}: {_name(file, row.edit)}: {row.reason}")
        lines += [f"    near: {row.file}:{c.line}: {c.text}" for c in row.candidates]
    return lines


def _name(file: PatchFile, edit: str) -> str:
    return edit.removeprefix(file.prefix)


def _why_nothing(outcome: Outcome, partial: bool) -> str:
    count = len(outcome.refused)
    rest = len(outcome.applied)
    if partial or not rest:
        return f"t2s: nothing is applied: {_edits(count)} refused, none passes"
    return f"t2s: nothing is applied: {_edits(count)} refused; --partial applies the other {rest}"


def _edits(count: int) -> str:
    return f"{count} edit{'' if count == 1 else 's'}"
