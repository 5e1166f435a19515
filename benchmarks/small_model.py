"""The embedded real model on one house family: no skill, k examples pasted, and the skill that a run of ours evolved.

    python benchmarks/small_model.py --family date [--out DIR] [--evolve 12] [--validation 12] [--held-out 20] [--k 12]

All three answer the same held-out tasks with the solver's own prompt, temperature 0, exact match. Whatever is finished
in DIR (the run, each answer) is not paid again, so a cut measurement goes on. Bars (95 % on date and money, 80 on table
and queue, 85 on refund, and never below the pasted examples) are aims: they are printed, and 1 is returned when ours is
below the pasted examples. Needs `t2s local install`; about 5 minutes a family on two idle cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from engine.context import MAX_TOKENS_LINES
from engine.domains.base import Domain, Handed, Task
from engine.domains.house import House
from engine.llm.endpoint import Endpoint, Reply, Request
from engine.llm.open import open_fleet
from engine.prompt import Prompt, parse_prompt
from engine.reply import spoken
from engine.stages.solve import shown
from workspace import seeds
from workspace.errors import EndpointError
from workspace.evidence.paired import wilson
from workspace.files import digest, read_text
from workspace.runs.run import RunFolder, runs_in
from workspace.settings.config import Config
from workspace.skills.skill import Skill, load_skill

AIMS = {"date": 0.95, "money": 0.95, "table": 0.80, "queue": 0.80, "refund": 0.85}
ROOT = Path(__file__).resolve().parent.parent
T2S = [sys.executable, "-P", "-m", "t2s_tui"]


class Side(NamedTuple):
    """What is compared: its name and the text between the skill tags."""

    name: str
    text: str


def evolved(given: argparse.Namespace, out: Path) -> tuple[Skill, float]:
    """The candidate of the run in `out`, made or finished now; and the seconds that this took."""
    began, runs = time.monotonic(), out / "runs"
    if not (found := runs_in(runs) if runs.exists() else []):
        numbers = ["--evolve", given.evolve, "--validation", given.validation, "--test", 0]
        words = ["run", "--skill", starter(given.family), "--domain", "house", "--family", given.family, *numbers]
        command = [*T2S, *map(str, words), "--local", "--plain", "--runs", str(runs)]
    else:
        command = [*T2S, "resume", found[-1].id, "--plain", "--runs", str(runs)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=out, env=env, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(f"the run ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    folder = runs_in(runs)[-1].round(1).seed(0).candidate
    return load_skill(next(path for path in folder.iterdir() if path.is_dir())), time.monotonic() - began


def starter(family: str) -> Path:
    """The first skill of a family, without its convention."""
    return Path(seeds.__file__).parent / "house" / family / "starter" / f"house-{family}"


def pasted(skill: Skill, tasks: Sequence[Task]) -> str:
    """The first skill with true cases below it, whole."""
    rows = [f"- Task: {' '.join(task.prompt.split())}\n  Answer: {task.expected}" for task in tasks]
    return "\n\n".join([shown(skill), "## Examples", *rows])


class Answers:
    """Every answer that was paid, on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._known: dict[str, str] = {row["key"]: row["answer"] for row in map(json.loads, lines)}

    def get(self, key: str) -> str | None:
        return self._known.get(key)

    def keep(self, key: str, answer: str) -> None:
        self._known[key] = answer
        with self._path.open("a") as file:
            file.write(json.dumps({"key": key, "answer": answer}) + "\n")


async def right(domain: Domain, tasks: Sequence[Task], side: Side, endpoint: Endpoint, answers: Answers) -> list[bool]:
    """Which tasks are answered rightly with this skill."""
    path = ROOT / "engine" / "prompts" / "solver.md"
    prompt = parse_prompt("solver", read_text(path), path)

    async def one(task: Task) -> bool:
        answer = await _answer(prompt, domain, task, side, endpoint, answers)
        return (await domain.score(task, Handed(answer))).status == "pass"

    return list(await asyncio.gather(*(one(task) for task in tasks)))


async def _answer(prompt: Prompt, domain: Domain, task: Task, side: Side, endpoint: Endpoint, answers: Answers) -> str:
    messages = prompt.messages(skill=side.text, rules=domain.solve_rules, task=task.prompt)
    request = Request(model="", messages=messages, temperature=0.0, max_tokens=MAX_TOKENS_LINES["solver"], seed=1)
    key = digest(*(message.content for message in messages))
    if (known := answers.get(key)) is not None:
        return known
    async with aclosing(endpoint.stream(request)) as stream:
        async for part in stream:
            if isinstance(part, Reply):
                answers.keep(key, spoken(part))
    return answers.get(key) or ""


async def compare(given: argparse.Namespace, out: Path, sides: Sequence[Side]) -> Mapping[str, list[bool]]:
    """Name of the side → right or wrong for each held-out task."""
    domain, answers = House(given.family), Answers(out / "answers.jsonl")
    tasks = domain.tasks("test", given.held_out, 1)
    config = Config.model_validate({"endpoint": {"local": True}})
    async with open_fleet(RunFolder(out), config) as fleet:
        endpoint = fleet.opened[0].endpoint
        return {side.name: await right(domain, tasks, side, endpoint, answers) for side in sides}


def main() -> int:
    """Print the table; 1 when ours is below the pasted examples."""
    given = _parser().parse_args()
    out = given.out or Path(tempfile.gettempdir()) / f"t2s-small-model-{given.family}"
    out.mkdir(parents=True, exist_ok=True)
    first = load_skill(starter(given.family))
    tasks = House(given.family).tasks("evolve", given.evolve, 1)
    try:
        skill, seconds = (first, 0.0) if given.no_run else evolved(given, out)
        sides = [
            Side("no skill", shown(first)),
            Side(f"{given.k} examples pasted", pasted(first, tasks[: given.k])),
            *([] if given.no_run else [Side("ours", shown(skill))]),
            *(Side(path.name, path.read_text()) for path in given.text),
        ]
        found = asyncio.run(compare(given, out, sides))
    except EndpointError as error:
        print(f"skipped: {error}")
        return 0
    print(f"{given.family}, {given.held_out} held-out tasks, aim {AIMS.get(given.family, 0):.0%}; run {seconds:.0f} s")
    for name, row in found.items():
        low, high = wilson(sum(row) / len(row), len(row))
        print(f"{name:22}{sum(row):3} of {len(row)}  {sum(row) / len(row):4.0%}  ({low:.0%}–{high:.0%})")
    return int(not given.no_run and sum(found["ours"]) < sum(found[sides[1].name]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", required=True, help="a family of the domain house")
    parser.add_argument("--out", type=Path, help="folder that keeps the run and the answers")
    parser.add_argument("--evolve", type=int, default=12)
    parser.add_argument("--validation", type=int, default=12)
    parser.add_argument("--held-out", type=int, default=20)
    parser.add_argument("--k", type=int, default=12, help="examples that are pasted")
    parser.add_argument("--no-run", action="store_true", help="the two baselines alone")
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="files with other skill texts to compare")
    return parser


if __name__ == "__main__":
    sys.exit(main())
