"""`t2s lint`: what is wrong with a skill folder, and mend what is certain."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from t2s_tui.commands.common import add_json, example, folder_rules, print_json
from t2s_tui.text import safe
from workspace.errors import InputError
from workspace.guard.fix import Fix, fixed, save_fixed
from workspace.guard.guard import RULES, Violation, lint_folder
from workspace.settings.rule_names import SAFETY
from workspace.skills.skill import open_skill


def configure_lint(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s lint skills/my-skill --fix")
    parser.add_argument("skill", metavar="SKILL", nargs="?", help="the folder with the SKILL.md")
    parser.add_argument("--fix", action="store_true", help="mend what is certain, then look again")
    parser.add_argument("--off", metavar="RULE", action="append", default=[], help="without this rule; may be repeated")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for warnings as well")
    parser.add_argument("--rules", action="store_true", help="print every rule, why it holds and what to do")
    add_json(parser, "{ok, violations: [{rule, severity, file, line, message}], fixed: [{rule, file, line, message}]}")
    parser.set_defaults(act=_lint)


def _lint(arguments: argparse.Namespace) -> int:
    """Exit code 1 when an error is found, with --strict also for a warning."""
    if arguments.rules:
        return _print_rules(arguments.json)
    if arguments.skill is None:
        raise InputError("t2s lint needs the folder of a skill: t2s lint SKILL (or --rules)")
    folder = Path(arguments.skill)
    rules = folder_rules(arguments.off)
    fixes = _fix(folder) if arguments.fix else ()
    found = lint_folder(folder, rules=rules)
    bad = [v for v in found if arguments.strict or v.severity == "error"]
    if arguments.json:
        rows = [_row(v.model_dump(include={"rule", "severity", "file", "line", "message"})) for v in found]
        print_json({"ok": not bad, "violations": rows, "fixed": [_row(fix._asdict()) for fix in fixes]})
    else:
        _print(folder, found, fixes)
    return 1 if bad else 0


def _fix(folder: Path) -> tuple[Fix, ...]:
    opened = open_skill(folder)
    mended = fixed(opened.skill, opened.foreign)
    save_fixed(folder, opened.skill, mended.skill)
    return mended.fixes


def _row(row: Mapping[str, object]) -> dict[str, object]:
    """A line to click on: what is about a whole file is at its first line."""
    return {**row, "line": row["line"] or 1}


def _print(folder: Path, found: Sequence[Violation], fixes: Sequence[Fix]) -> None:
    for fix in fixes:
        print(safe(f"{folder / fix.file}:{fix.line}: fixed: {fix.message} [{fix.rule}]"))
    for v in found:
        print(safe(f"{folder / v.file}:{v.line or 1}: {v.severity}: {v.message} [{v.rule}]"))
    errors = sum(v.severity == "error" for v in found)
    counted = (
        f"{_many(errors, 'error')}, {_many(len(found) - errors, 'warning')}" if found else "nothing to complain about"
    )
    print(safe(f"{folder}: {counted}" + (f", {len(fixes)} fixed" if fixes else "")))


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _print_rules(as_json: bool) -> int:
    if as_json:
        keys = ("name", "severity", "why", "cure", "example")
        rows = [{key: getattr(rule, key) for key in keys} | {"always": rule.name in SAFETY} for rule in RULES]
        print_json({"rules": rows})
        return 0
    width = min(shutil.get_terminal_size().columns, 100)
    for rule in RULES:
        always = ", always holds" if rule.name in SAFETY else ""
        print(f"{rule.name} ({rule.severity}{always})")
        for text in (rule.why, rule.cure):
            print(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  "))
    return 0
