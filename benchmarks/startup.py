"""What it costs to ask `t2s` a quick question, and which heavy packages that loads.

    python benchmarks/startup.py [--repeats 7]

Counted is the CPU time (user and system) of whole processes; the median of the repeats is shown with the smallest.
`bare` is Python alone. Exit code 1 when `--version` is above its bar or loads a heavy package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BAR = 0.3
HEAVY = ("textual", "openai", "pydantic", "rich", "markdown_it", "ruamel")
QUESTIONS = {
    "bare": ["-c", "pass"],
    "--version": ["-m", "t2s_tui", "--version"],
    "--help": ["-m", "t2s_tui", "--help"],
    "run --help": ["-m", "t2s_tui", "run", "--help"],
    "ls": ["-m", "t2s_tui", "ls"],
}


class Cost(NamedTuple):
    """Seconds of CPU."""

    median: float
    least: float


def cost(words: list[str], folder: str, repeats: int) -> Cost:
    """The CPU of `python WORDS`, `repeats` times (after one that fills the caches)."""
    found = [_once(words, folder) for _ in range(repeats + 1)][1:]
    return Cost(statistics.median(found), min(found))


def _once(words: list[str], folder: str) -> float:
    before = os.times()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-P", *words], cwd=folder, env=env, capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def loaded(words: list[str], folder: str) -> list[str]:
    """The heavy packages that `t2s WORDS` has loaded by its end."""
    code = (
        "import sys\nfrom t2s_tui.cli import main\n"
        f"try:\n    main({words[2:]!r})\nexcept SystemExit:\n    pass\n"
        f"print(','.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines()[-1].split(",") if name]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats: int = parser.parse_args().repeats
    good = True
    print(f"{'question':<12}{'median':>9}{'least':>9}   loads")
    with tempfile.TemporaryDirectory() as folder:
        for name, words in QUESTIONS.items():
            took = cost(words, folder, repeats)
            heavy = loaded(words, folder) if name != "bare" else []
            print(f"{name:<12}{took.median:>8.3f}s{took.least:>8.3f}s   {', '.join(heavy) or '-'}")
            good &= name != "--version" or (took.median <= BAR and not heavy)
    print(f"bar: --version ≤ {BAR} s and nothing heavy: {'held' if good else 'BROKEN'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
