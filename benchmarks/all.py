"""All quick benchmarks, one after another, and a table of how they ended.

    python benchmarks/all.py [--only PART …] [--out FILE] [--list]

Each runs in a process of its own with arguments that keep it below a minute or two; its full output goes to the
terminal, and with `--out` into a Markdown file under the table. Exit code 1 when one of them failed or missed its bar.
The long forms (`schedule.py` with 323 traces, `scale.py` with 10,000, `limiter.py` with all seeds, `screen.py` with 256
agents and a minute of freeze) and `embedded.py` are run by hand.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
QUICK = (
    ("startup", "--repeats", "3"),
    ("client", "--streams", "64", "256", "--repeats", "1"),
    ("limiter", "--quick"),
    ("fleet",),
    ("schedule", "--traces", "64"),
    ("faults", "--seeds", "1"),
    ("scale", "--traces", "300"),
    ("simulate_scale", "--trajectories", "10000", "--gpus", "1", "16", "--work", "traces"),
    ("consolidation", "32", "320"),
    ("ideas",),
    ("engine_memory",),
    ("screen", "--only", "viewer", "frame", "keys", "attach", "--agents", "64", "--seconds", "4", "--presses", "40"),
    ("screen", "--only", "freeze", "--freeze-seconds", "10", "--turns", "1"),
    ("load", "--seconds", "8"),
    ("sandbox", "--commands", "20"),
    ("rollouts", "--tasks", "100"),
    ("gpu_endpoint",),
    ("readers", "--mb", "60"),
)


class Ended(NamedTuple):
    """How one benchmark ended."""

    command: str
    code: int
    seconds: float
    output: str

    @property
    def last(self) -> str:
        """Its last line, which sums it up."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def run(words: tuple[str, ...]) -> Ended:
    """One benchmark; what it prints is shown as it comes."""
    name, *rest = words
    command = " ".join(["python", f"benchmarks/{name}.py", *rest])
    print(f"\n$ {command}", flush=True)
    began, lines = time.monotonic(), list[str]()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *rest],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert child.stdout
    for line in child.stdout:
        lines.append(line)
        print(line, end="", flush=True)
    return Ended(command, child.wait(), time.monotonic() - began, "".join(lines))


def table(ended: list[Ended]) -> str:
    """Markdown."""
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    rows = [f"| `{e.command}` | {e.code} | {e.seconds:.0f} | {e.last.replace('|', '¦')} |" for e in ended]
    return "\n".join([machine, "", "| command | code | seconds | last line |", "|---|---|---|---|", *rows])


def main() -> int:
    """Run them, print the table, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="PART", help="those whose name has it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown: the table, then every output")
    parser.add_argument("--list", action="store_true", help="show the commands and run none")
    given = parser.parse_args()
    chosen = [words for words in QUICK if any(part in words[0] for part in given.only)]
    if given.list:
        print("\n".join(" ".join(words) for words in chosen))
        return 0
    ended = [run(words) for words in chosen]
    print(f"\n{table(ended)}")
    if given.out:
        outputs = "".join(f"\n## {e.command}\n\n```\n{e.output}```\n" for e in ended)
        given.out.write_text(f"# Benchmarks\n\n{table(ended)}\n{outputs}")
    return int(any(e.code for e in ended))


if __name__ == "__main__":
    sys.exit(main())
