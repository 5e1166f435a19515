"""The scoreboard of the house's families: what each way to a skill gives the embedded real model on unseen tasks.

    python benchmarks/house_suite.py [--family date …] [--seeds 1 2 3] [--out runs/house-suite] [--table]

For each family and seed, with the product's own commands: a run from the starter skill on 12 tasks (12 for validation),
its baselines (patch after patch by four, one pass over the pool, 12 true examples pasted), a skill that the model
writes when it is asked once with the same 12 tasks and right answers, and then one evaluation of all of them on 40
held-out tasks beside no skill, the wrong skill and the hand-written one. A seed draws tasks, splits and samples anew.

All that is finished lies in the folder and is not done again, so a cut measurement goes on where it ended; `--table`
only prints what is there. Pooled intervals count tasks (Wilson); skills of different seeds differ too, so with few
seeds they are narrower than the truth. `p` is McNemar's against `ours`, not corrected. Aims are printed, not enforced;
the exit code is 1 where the wrong skill would have been accepted: in place of the hand-written one in any family, or
in place of none in `date`, `money` and `table`. Needs `t2s local install`; 10 to 30 minutes a family and seed on two
cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.lab import T2S
from engine.domains.house import House
from engine.llm.endpoint import Message, Reply, Request
from engine.llm.open import open_fleet
from engine.reply import spoken
from workspace import seeds
from workspace.evidence.paired import mcnemar, wilson
from workspace.files import remove, write_text
from workspace.runs.run import RunFolder, runs_in
from workspace.score import verdict
from workspace.settings.config import Config
from workspace.skills.skill import Skill, load_skill, new_skill, save_skill

AIMS = {"date": 0.95, "money": 0.95, "table": 0.80, "refund": 0.85, "queue": 0.80}
ROWS = (
    "none", "wrong", "hand-written", "one-shot", "pasted", "ours", "sequential", "one-pass",
)  # fmt: skip
MADE = {"sequential": "sequential-4", "one-pass": "one-pass", "pasted": "examples"}  # row -> folder of the baseline
EVOLVE, VALIDATION, TEST = 12, 12, 40
ROOT = Path(__file__).resolve().parent.parent
ASKED = """\
Below are {count} tasks with their right answers. Write instructions that let somebody who has not seen them answer \
further tasks of this kind exactly right: what to look up, and in which form to write the answer. Reply with Markdown \
only: a heading and short rules, with an example where it helps.

{tasks}"""
Scores = Mapping[str, tuple[float, ...]]


class Cell(NamedTuple):
    """One family with one seed, and its folder."""

    family: str
    seed: int
    folder: Path

    @property
    def found(self) -> Path:
        """Row → task → scores; written when all of them are measured."""
        return self.folder / "found.json"

    def seed_skill(self, kind: str) -> Path:
        """The shipped skill `kind` of the family: starter, wrong or hand-written."""
        return Path(seeds.__file__).parent / "house" / self.family / kind / f"house-{self.family}"


# --- making and measuring ------------------------------------------------------------------------------------------


def measure(cell: Cell) -> None:
    """Everything of one cell, as far as it is not there yet."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    run = evolved(cell)
    t2s(cell, "baselines", run.path, "--make-only", "--only", "sequential", "one-pass", "examples", "--batch", 4,
        "--k", EVOLVE)  # fmt: skip
    skills = {
        "wrong": cell.seed_skill("wrong"),
        "hand-written": cell.seed_skill("hand-written"),
        "one-shot": one_shot(cell),
        **{row: only_folder(run.path / "baselines" / name / "skill") for row, name in MADE.items()},
    }
    given = [f"{row}={path}" for row, path in skills.items()]
    t2s(cell, "eval", "--skill", "none", *given, "--run", f"ours={run.path}", "--split", "test", "--tasks", TEST,
        *domain(cell), runs="compared")  # fmt: skip
    keep(cell, run, time.monotonic() - began)


def t2s(cell: Cell, *words: object, runs: str = "runs", codes: Sequence[int] = (0,)) -> None:
    """A command of the product with the cell's folder `runs`; what it says goes to `log`."""
    command = [*T2S, *map(str, words), "--plain", "--runs", str(cell.folder / runs)]
    with (cell.folder / "log").open("a") as log:
        log.write(f"\n$ t2s {' '.join(command[len(T2S) :])}\n")
        log.flush()
        done = subprocess.run(command, cwd=cell.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
                              stdout=log, stderr=log)  # fmt: skip
    if done.returncode not in codes:
        raise SystemExit(f"t2s {words[0]} ended with {done.returncode}; {cell.folder / 'log'} says why")


def domain(cell: Cell) -> list[object]:
    return ["--domain", "house", "--family", cell.family, "--domain-seed", cell.seed, "--seed", cell.seed, "--local",
            "--yes"]  # fmt: skip


def evolved(cell: Cell) -> RunFolder:
    """The cell's run, made or finished now; it ends in any verdict."""
    runs = cell.folder / "runs"
    if not (known := runs_in(runs) if runs.exists() else []):
        numbers = ["--evolve", EVOLVE, "--validation", VALIDATION, "--test", 0]
        t2s(cell, "run", "--skill", cell.seed_skill("starter"), *domain(cell), *numbers, codes=(0, 4))
        return evolved(cell)
    if not known[-1].round(1).verdict.is_file():
        t2s(cell, "resume", known[-1].path, codes=(0, 4))
    return known[-1]


def only_folder(parent: Path) -> Path:
    """The skill's folder in `parent`."""
    found = [path.parent for path in parent.glob("*/SKILL.md")]
    if len(found) != 1:
        raise SystemExit(f"{parent} has {len(found)} skills and not one")
    return found[0]


def one_shot(cell: Cell) -> Path:
    """The skill that the model writes when it is asked once, with the tasks and answers that the run learns from."""
    folder = cell.folder / "one-shot" / f"house-{cell.family}"
    if not folder.exists():
        first = load_skill(cell.seed_skill("starter"))
        asked = House(cell.family).tasks("evolve", EVOLVE, cell.seed)
        tasks = "\n\n".join(f"Task: {task.prompt}\nRight answer: {task.expected}" for task in asked)
        body = asyncio.run(_written(cell, ASKED.format(count=len(asked), tasks=tasks)))
        save_skill(new_skill(first.name, _description(first), body.strip() + "\n"), folder)
    return folder


def _description(skill: Skill) -> str:
    line = next(line for line in skill.body.splitlines() if line.startswith("description:"))
    return str(json.loads(line.partition(":")[2].strip()))


async def _written(cell: Cell, prompt: str) -> str:
    config = Config.model_validate({"endpoint": {"local": True}})
    messages = (Message(role="user", content=prompt),)
    request = Request(model="", messages=messages, temperature=0.0, max_tokens=700, seed=cell.seed)
    scratch = RunFolder(cell.folder / "writing")
    scratch.path.mkdir(exist_ok=True)
    async with open_fleet(scratch, config) as fleet, aclosing(fleet.opened[0].endpoint.stream(request)) as stream:
        replies = [part async for part in stream if isinstance(part, Reply)]
    remove(scratch.path)
    return spoken(replies[-1])


def keep(cell: Cell, run: RunFolder, seconds: float) -> None:
    """Write `found.json`: the scores of all rows, the run's verdict, what making each took."""
    compared = runs_in(cell.folder / "compared")[-1]
    scores: dict[str, dict[str, list[float]]] = {}
    for line in compared.round(1).scores.read_text().splitlines():
        row = json.loads(line)
        scores.setdefault(row["side"].partition("@")[0], {})[row["task"]] = row["scores"]
    table = json.loads((run.path / "baselines" / "table.json").read_text())
    made = {row["name"]: row["making"] for row in table["rows"]}
    verdict_said = next(line for line in run.round(1).verdict.read_text().splitlines() if line.startswith("sentence"))
    found = {
        "seconds": round(seconds), "scores": scores, "verdict": verdict_said.partition("= ")[2].strip("\"'"),
        "making": {"ours": made["run"], **{row: made[name] for row, name in MADE.items()}},
    }  # fmt: skip
    write_text(cell.found, json.dumps(found, indent=1) + "\n")


# --- the table -----------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """What is known of a family: scores by row and task (named by seed and task), each seed's file."""

    seeds: Mapping[int, dict[str, Any]]

    def scores(self, row: str) -> dict[str, tuple[float, ...]]:
        return {
            f"{seed}/{task}": tuple(one)
            for seed, found in self.seeds.items()
            for task, one in found["scores"].get(row, {}).items()
        }


def known(cells: Sequence[Cell]) -> dict[str, Found]:
    """Family → what is measured of it."""
    done = [cell for cell in cells if cell.found.exists()]
    families = dict.fromkeys(cell.family for cell in done)
    return {f: Found({c.seed: json.loads(c.found.read_text()) for c in done if c.family == f}) for f in families}


def lines(found: Mapping[str, Found]) -> Iterator[str]:
    """The table, a block a family."""
    for family, one in found.items():
        held = ", ".join(map(str, one.seeds))
        yield f"\n{family}: seed {held}; {TEST} held-out tasks each; aim {AIMS[family]:.0%}"
        yield f"  {'':14}{'right':>8}  {'rate':>5}  {'95 %':>11}  {'p':>7}  {'made: calls':>11}  {'tokens':>8}"
        for row in ROWS:
            yield _line(row, one)
        for seed, kept in one.seeds.items():
            yield f"  seed {seed}, {kept['seconds']} s; verdict of the run: {kept['verdict']}"
        by_hand, none = wrongly(one, "hand-written"), wrongly(one, "none")
        yield f"  the wrong skill in place of the hand-written one: {by_hand}; in place of none: {none}"


def _line(row: str, one: Found) -> str:
    scores, ours = one.scores(row), one.scores("ours")
    right = sum(score[0] for score in scores.values())
    low, high = wilson(right / len(scores), len(scores))
    up = sum(ours[task][0] > scores[task][0] for task in scores)
    down = sum(ours[task][0] < scores[task][0] for task in scores)
    p = f"{mcnemar(up, down):.2g}" if row != "ours" else ""
    made = [kept["making"][row] for kept in one.seeds.values() if row in kept["making"]]
    calls = f"{sum(m['calls'] for m in made) / len(made):.0f}" if made else ""
    tokens = f"{sum(m['prompt'] + m['completion'] for m in made) / len(made):,.0f}" if made else ""
    rate = f"{right / len(scores):.0%}"
    return (
        f"  {row:14}{right:>4.0f} of {len(scores):<3}{rate:>5}  {f'{low:.0%}–{high:.0%}':>11}  {p:>7}  "
        f"{calls:>11}  {tokens:>8}"
    ).rstrip()


def wrongly(one: Found, base: str) -> str:
    """What the product's rule says of the wrong skill against `base` on all held-out tasks known."""
    return verdict(one.scores(base), one.scores("wrong"), alpha=0.05, min_gain=0.05, seed=1).decision


def faults(found: Mapping[str, Found]) -> Iterator[str]:
    """Where the wrong skill would have been accepted and must not be."""
    for family, one in found.items():
        bases = ["hand-written", *(["none"] if family in ("date", "money", "table") else [])]
        yield from (f"{family}: the wrong skill against {b}" for b in bases if wrongly(one, b) == "accept")


def main() -> int:
    """Measure what is missing and print the table; 1 where a wrong skill would have been accepted."""
    given = _parser().parse_args()
    out = given.out.resolve()
    cells = [Cell(f, seed, out / f"{f}-{seed}") for seed in given.seeds for f in given.family]
    for cell in cells:
        if not cell.found.exists() and not given.table:
            print(f"{cell.family}, seed {cell.seed} …", flush=True)
            measure(cell)
    found = known(cells)
    print("\n".join(lines(found)))
    print(f"\n{sum(len(one.seeds) for one in found.values())} of {len(cells)} cells measured")
    for fault in (wrong := list(faults(found))):
        print(f"accepted: {fault}")
    return int(bool(wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=tuple(AIMS), default=list(AIMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "house-suite", help="folder that keeps all of it")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what is there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
