"""Resident memory of an engine: waiting in a pause, and with 64 agents at work.

    python benchmarks/engine_memory.py

Prints a table. Bars: 120 MB idle, 250 MB with 64 agents. The endpoint is the scripted one, streaming slowly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

AGENTS = 64
T2S = [sys.executable, "-P", "-m", "t2s_tui"]


def main() -> None:
    """Start an endpoint and a run, look at the engine's memory, end both."""
    with tempfile.TemporaryDirectory() as scratch:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.llm.scripted", "--watch-stdin", "--tokens-per-second", "8"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdin and server.stdout
        try:
            measure(Path(scratch), server.stdout.readline().strip())
        finally:
            server.stdin.close()
            server.wait(10)


def measure(folder: Path, url: str) -> None:
    """Print the two figures."""
    run = folder / "runs"
    traces = folder / "traces.jsonl"
    rows = [{"id": f"case-{n}", "messages": talk(n), "reward": 0} for n in range(4 * AGENTS)]
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    skill = folder / "notes"
    skill.mkdir()
    (skill / "SKILL.md").write_text(
        '---\nname: notes\ndescription: "Notes."\n---\n\n# Notes\n\n## Rules\n\n- Be exact.\n'
    )
    t2s(folder, "run", "--skill", skill, "--traces", traces, "--base-url", url, "--model", "scripted",
        "--limit", AGENTS, "--runs", run, "--detach")  # fmt: skip
    engine = psutil.Process(json.loads(next(run.glob("*/engine.lock")).read_text())["pid"])
    time.sleep(6)
    busy = engine.memory_info().rss
    t2s(folder, "pause", "last", "--now", "--runs", run)
    time.sleep(15)
    idle = engine.memory_info().rss
    t2s(folder, "stop", "last", "--now", "--runs", run)
    engine.wait(60)
    print(f"{'state':24}{'RSS':>10}{'bar':>10}")
    for name, rss, bar in ((f"{AGENTS} agents streaming", busy, 250), ("paused", idle, 120)):
        print(f"{name:24}{rss / 1e6:>7.0f} MB{bar:>7} MB")


def talk(number: int) -> list[dict[str, str]]:
    """A short trajectory."""
    return [
        {"role": "user", "content": f"Sum column {number} of the sheet and save it."},
        {"role": "assistant", "content": f"I wrote the formula into cell B{number} and saved the file."},
    ]


def t2s(folder: Path, *words: object) -> None:
    """Run a command of the product; its output is not for the table."""
    subprocess.run([*T2S, *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
