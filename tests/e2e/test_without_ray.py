"""Ray is wanted only where it is named: without it `--workers ray` is one sentence, and nothing else imports it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.engine.task_sets import write
from tests.shell import Done, Shell

INSTALL = "--workers ray needs Ray, which is not installed: pip install 'trace2skill-tui[ray]'"
SPY = """\
from pathlib import Path
Path(__file__).with_name("imported").touch()
raise ImportError("this is no Ray")
"""


class Bare(Shell):
    """A shell whose `t2s` runs in an environment with all that this one has but Ray. `spied`: with a package of that
    name that leaves a mark when it is imported."""

    def __init__(self, cwd: Path, spied: bool = False) -> None:
        super().__init__(cwd)
        base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
        packages = cwd / "venv" / "lib" / base.name / "site-packages"
        packages.mkdir(parents=True)
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if path.name != "ray" and not path.name.startswith("ray-"):
                (packages / path.name).symlink_to(path)
        if spied:
            write(packages / "ray", {"__init__.py": SPY})
        self.mark = packages / "ray" / "imported"
        write(cwd / "venv", {"pyvenv.cfg": f"home = {base.parent}\ninclude-system-site-packages = false\n"})
        self.python = cwd / "venv" / "bin" / "python"
        self.python.parent.mkdir()
        self.python.symlink_to(base)

    def spawn(self, *words: object, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command = [str(self.python), "-P", "-m", "t2s_tui", *map(str, words)]
        pipes = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.cwd, env=self.env, **pipes)

    def try_tasks(self, url: str, *more: object) -> Done:
        """A run whose checks are commands."""
        check = 'check = ["grep", "-q", "done", "result.txt"]\n'
        tasks = {f"evolve/t{n}/task.md": f"Leave a file result.txt that says done. Number {n}.\n" for n in range(4)}
        write(self.cwd / "tasks", {**tasks, "domain.toml": check})
        source = ["--skill", self.skill(), "--domain", self.cwd / "tasks", "--evolve", 4, "--validation", 0]
        model = ["--base-url", url, "--model", "scripted", "--sandbox", "process"]
        return self.t2s("run", *source, *model, "--plain", "--yes", *more)


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


@pytest.fixture
def spied(tmp_path: Path) -> Bare:
    return Bare(tmp_path, spied=True)


def test_a_run_with_workers_ray_is_one_sentence_with_the_install_command(bare: Bare, fast: str) -> None:
    done = bare.try_tasks(fast, "--workers", "ray")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"t2s: {INSTALL}"
    assert "Traceback" not in done.err
    assert not list(bare.runs.glob("*")), "nothing is left of a run that never was"


def test_the_doctor_says_the_same_in_its_row(bare: Bare) -> None:
    done = bare.t2s("doctor", "--workers", "ray://127.0.0.1:6379")
    (row,) = (line for line in done.out.splitlines() if "Ray" in line)
    assert (done.code, row.split()[:2]) == (2, ["fail", "workers"])
    assert row.endswith(INSTALL)


def test_without_ray_everything_else_works(bare: Bare, fast: str) -> None:
    done = bare.try_tasks(fast)
    assert done.code == 0, done.err


def test_nothing_imports_ray_but_what_names_it(spied: Bare, fast: str) -> None:
    assert spied.t2s("--help").code == 0
    assert spied.t2s("run", "--help").code == 0
    assert spied.t2s("doctor", "--json").code in (0, 2)
    assert spied.try_tasks(fast).code == 0
    assert not spied.mark.exists()
    assert spied.t2s("doctor", "--workers", "ray").code == 2
    assert spied.mark.exists(), "the mark is left by whoever imports it"
