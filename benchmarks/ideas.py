"""One run over 323 patches of which the truth is known: 30 ideas with support from 1 to 180, in several wordings, some
of them contradicting each other.

    python benchmarks/ideas.py

Prints for each idea its true support, what the run counted and where it ended, then the engine's CPU time and memory.
Bars: every support exact, CPU 15 s, memory 300 MB. The endpoint is the scripted one (`Lesson:` lines are what its
analysts find).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil

TRACES = 323
A_TRACE = 3  # lessons, at most
SUPPORTS = (
    180, 140, 110, 80, 60, 48, 40, 35, 30, 25, 20, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3, 3, 2, 2, 2, 1, 1, 1, 1,
)  # fmt: skip
CONTRARY = {17: 2, 20: 6}  # idea → the idea it forbids
T2S = [sys.executable, "-P", "-m", "t2s_tui"]
ACTS = (
    """
    recalculate all formulas; read the saved file back; count the rows of each sheet; trim the names of columns;
    keep merged cells as they are; write dates as real dates; load the workbook with openpyxl; name every new sheet;
    log the range that changed; round only when showing; check the header row twice; sort by the key column;
    drop blank lines at the end; store figures as numbers; quote sheet names with blanks; copy styles along;
    compare totals with the source; unhide hidden rows; split text by the separator; freeze the top pane;
    use absolute references; test the macro on a copy; mark cells that were guessed; guard against zero division;
    keep the order of sheets; save under the asked name; match keys without case; close the workbook;
    list all named ranges; print the area once
""".replace("\n", " ")
    .strip()
    .split(";")
)
WORDINGS = (
    "Before you hand in, {act} (idea {n}).",
    "Always {act} before you hand in (idea {n}).",
    "Make it a habit to {act} before handing in (idea {n}).",
)


class Idea(NamedTuple):
    """What there is to learn, from how many tasks, and which idea it contradicts."""

    number: int
    support: int
    wordings: tuple[str, ...]
    against: int | None


class Found(NamedTuple):
    """What a run made of an idea: every support that one of its edits was counted with, and where they ended."""

    supports: tuple[int, ...]
    ends: tuple[tuple[str, str], ...]


def ideas() -> list[Idea]:
    """The truth. A contrary idea forbids in the words of the other what that one asks for."""
    return [_idea(n, support) for n, support in enumerate(SUPPORTS)]


def _idea(n: int, support: int) -> Idea:
    if (other := CONTRARY.get(n)) is not None:
        return Idea(n, support, (f"Never {ACTS[other].strip()} before you hand in (idea {n}).",), other)
    return Idea(n, support, tuple(wording.format(act=ACTS[n].strip(), n=n) for wording in WORDINGS), None)


def traces(seed: int = 0) -> Iterator[dict[str, Any]]:
    """Rows of a messages file: failed runs, each of which tells one to three different ideas."""
    chance = Random(seed)
    told: list[list[str]] = [[] for _ in range(TRACES)]
    for idea in ideas():
        open_ = [n for n in range(TRACES) if len(told[n]) < A_TRACE]
        empty = [n for n in open_ if not told[n]]
        for n in chance.sample(empty if len(empty) >= idea.support else open_, idea.support):
            told[n].append(f"Lesson: Idea {idea.number}: {chance.choice(idea.wordings)}")
    for n, lines in enumerate(told):
        answer = "\n".join([f"I worked on sheet {n}.", *lines])
        talk = [
            {"role": "user", "content": f"Mend sheet {n} of the workbook."},
            {"role": "assistant", "content": answer},
        ]
        yield {"id": f"case-{n}", "messages": talk, "reward": 0}


def write_inputs(folder: Path, seed: int = 0, *, shuffled: int | None = None) -> tuple[Path, Path]:
    """A small skill and the traces in `folder`; gives both paths. `shuffled` orders the traces another way."""
    rows = list(traces(seed))
    if shuffled is not None:
        Random(shuffled).shuffle(rows)
    path = folder / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    skill = folder / "sheets"
    skill.mkdir(exist_ok=True)
    (skill / "SKILL.md").write_text(
        '---\nname: sheets\ndescription: "How workbooks are mended."\n---\n\n# Sheets\n\n## Rules\n\n- Be exact.\n'
    )
    return skill, path


def found(run: Path) -> dict[int, Found]:
    """What a finished run made of every idea, read from its files."""
    folder = run / "rounds" / "1" / "s0"
    rows = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    idea_of = {path.stem: _number(path.read_text()) for path in (folder / "lessons").glob("*.toml")}
    merged = dict(_merged(folder))
    out: dict[int, list[tuple[int, str, str]]] = {}
    for row in rows:
        if row["what"] == "lesson":
            support = merged.get(row["edit"], -1)
            out.setdefault(idea_of[row["id"]], []).append((support, row["state"], row["file"]))
    return {
        n: Found(tuple(sorted({s for s, _, _ in ends})), tuple(sorted({(state, file) for _, state, file in ends})))
        for n, ends in sorted(out.items())
    }


def _number(text: str) -> int:
    match = re.search(r"\(idea (\d+)\)", text)
    assert match
    return int(match[1])


def _merged(folder: Path) -> Iterator[tuple[str, int]]:
    """Edit id → support, of everything that was proposed or merged."""
    for path in (*folder.glob("patches/*.toml"), *folder.glob("tree/m*.toml")):
        name = ""
        for part in re.split(r"^\[\[edits\]\]$", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.search(r'^id = "(.+)"$', part, re.MULTILINE)[1]  # pyright: ignore[reportOptionalSubscript]
            support = re.search(r"^support = \[(.*?)\]$", part, re.MULTILINE | re.DOTALL)
            yield name, support[1].count('"') // 2 if support else 0


def main() -> None:
    """Start the endpoint, run, look at the engine until it ends, print."""
    with tempfile.TemporaryDirectory() as scratch:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.llm.scripted", "--watch-stdin"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdin and server.stdout
        try:
            measure(Path(scratch), server.stdout.readline().strip())
        finally:
            server.stdin.close()
            server.wait(10)


def measure(folder: Path, url: str) -> None:
    """Print what became of each idea and what it cost."""
    skill, path = write_inputs(folder)
    words = ("run", "--skill", skill, "--traces", path, "--base-url", url, "--model", "scripted", "--limit", 32)
    subprocess.run([*T2S, *map(str, words), "--detach"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run = next((folder / "runs").glob("*/engine.lock")).parent
    cpu, memory, seconds = watch(psutil.Process(json.loads((run / "engine.lock").read_text())["pid"]))
    result = found(run)
    print(f"{'idea':>4}{'true':>6}{'counted':>9}  ends in")
    for idea in ideas():
        counted, ends = result[idea.number]
        shown = ", ".join(f"{state} {file}".strip() for state, file in ends)
        print(f"{idea.number:>4}{idea.support:>6}{'/'.join(map(str, counted)):>9}  {shown}")
    exact = sum(result[idea.number].supports == (idea.support,) for idea in ideas())
    print(f"exact supports: {exact} of {len(SUPPORTS)}")
    print(f"engine: {cpu:.1f} s of CPU (bar 15), {memory / 1e6:.0f} MB (bar 300), {seconds:.1f} s")


def watch(engine: psutil.Process) -> tuple[float, int, float]:
    """CPU seconds, the largest resident memory in bytes, and seconds, of an engine until it ends."""
    cpu, memory, began = 0.0, 0, time.monotonic()
    try:
        while engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE:
            used = engine.cpu_times()
            cpu, memory = used.user + used.system, max(memory, engine.memory_info().rss)
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return cpu, memory, time.monotonic() - began


if __name__ == "__main__":
    main()
