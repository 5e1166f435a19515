"""The direction of imports is the architecture: whoever breaks it breaks a face, the engine or a start-up time."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "workspace": {"engine", "t2s_tui", "openai", "textual"},
    "engine": {"t2s_tui", "textual"},
    "t2s_tui": {"engine", "openai"},
}


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything a module imports, lazily or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_in_one_direction_only(package: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path)
        if name in FORBIDDEN[package]
    }
    assert not wrong


def test_only_one_module_imports_openai() -> None:
    users = {path.name for path in (ROOT / "engine").rglob("*.py") if "openai" in set(imported(path))}
    assert users == {"openai_chat.py"}


def loaded(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys; print(*sorted(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_an_engine_never_loads_textual() -> None:
    assert "textual" not in loaded("import engine.__main__, engine.llm.openai_chat")


def test_the_version_needs_neither_textual_nor_openai_nor_pydantic() -> None:
    statement = "import sys, t2s_tui.cli as cli\ntry:\n    cli.main(['--version'])\nexcept SystemExit:\n    pass"
    assert not loaded(statement) & {"textual", "openai", "pydantic"}


def test_the_rooms_of_workspace_rest_on_each_other_in_one_direction() -> None:
    """The order of docs/architecture.md: a room imports none that stands below it there."""
    table = (ROOT / "docs" / "architecture.md").read_text().partition("| room | purpose |")[2].partition("\n\n")[0]
    order = re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)
    assert {p.name for p in (ROOT / "workspace").iterdir() if (p / "__init__.py").is_file()} == {*order, "seeds"}
    for place, room in enumerate(order):
        for path in (ROOT / "workspace" / room).glob("*.py"):
            below = re.findall(
                rf"^from workspace\.({'|'.join(order[place + 1 :]) or 'none'})\b", path.read_text(), re.M
            )
            assert not below, f"{path.name} of {room} imports {below}"
