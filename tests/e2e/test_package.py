"""The wheel works where nothing of the checkout is: an empty environment, another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.shell import scripted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment that holds the built wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("package")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True, timeout=300)
    venv.create(folder / "venv", with_pip=True)
    wheel = next(folder.glob("trace2skill_tui-*.whl"))
    own = folder / "venv" / "bin"
    subprocess.run([own / "python", "-m", "pip", "-q", "install", str(wheel)], check=True, timeout=600)
    return own


def run(command: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Outside the checkout, without its environment."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV") and not k.startswith("T2S_")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.timeout(900)
def test_the_wheel_holds_all_three_packages_with_their_prompts_and_seeds(installed: Path, tmp_path: Path) -> None:
    look = "import engine, workspace, t2s_tui, pathlib as p; r = p.Path(engine.__file__).parents[1]; "
    look += "print(len(list(r.glob('engine/prompts/*.md'))), len(list(r.glob('workspace/seeds/**/SKILL.md'))))"
    done = run([installed / "python", "-c", look], tmp_path)
    prompts, seeds = map(int, done.stdout.split())
    assert prompts == len(list(ROOT.glob("engine/prompts/*.md"))) > 0
    assert seeds == len(list(ROOT.glob("workspace/seeds/**/SKILL.md"))) > 0


@pytest.mark.timeout(900)
def test_an_installed_t2s_says_its_version_and_evolves_a_skill(installed: Path, tmp_path: Path) -> None:
    assert run([installed / "t2s", "--version"], tmp_path).stdout.startswith("t2s ")
    skill = ROOT / "workspace" / "seeds" / "house" / "date" / "starter" / "house-date"
    with scripted() as url:
        words = ["--skill", skill, "--domain", "house:date", "--base-url", url, "--model", "scripted", "--json"]
        done = run([installed / "t2s", "run", *words], tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["verdict"]["decision"] == "accept"
    assert summary["edits"]["unaccounted"] == 0
