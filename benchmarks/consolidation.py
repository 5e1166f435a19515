"""What consolidation costs the engine as the number of patches grows: CPU per edit and per merge.

    python benchmarks/consolidation.py [32 320 3000]

Synthetic patches of 30 ideas in near-duplicate wordings, with known support, against a skill of about 60 blocks. The
real merge stage works with a merger in this process that groups by the truth; its own time is taken out. Bar: at 3,000
patches at most twice the CPU per edit and per merge of 32. Every idea's support must come out exact.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.agent import Desk  # noqa: E402
from engine.caller import Caller  # noqa: E402
from engine.context import Context, Round, Seed  # noqa: E402
from engine.crew import Crew  # noqa: E402
from engine.lifeline import Lifeline  # noqa: E402
from engine.llm.endpoint import Delta, Reply, Request  # noqa: E402
from engine.llm.pool import pool_of_one  # noqa: E402
from engine.pause import Pause  # noqa: E402
from engine.prompt import Prompts, copy_prompts  # noqa: E402
from engine.record import Record  # noqa: E402
from engine.stages.merge import Outcome, consolidate  # noqa: E402
from engine.workers.local import LocalWorkers  # noqa: E402
from workspace.edits.apply import conflicts  # noqa: E402
from workspace.edits.patch import AppendToSection, Edit, InsertAfter, Patch, Replace  # noqa: E402
from workspace.guard.guard import settle  # noqa: E402
from workspace.merging.tree import make_plan  # noqa: E402
from workspace.runs.journal import Journal  # noqa: E402
from workspace.runs.live import LiveWriter  # noqa: E402
from workspace.runs.run import RunFolder  # noqa: E402
from workspace.runs.view import RunView  # noqa: E402
from workspace.settings.config import ROLES, Config  # noqa: E402
from workspace.settings.settings import SandboxSettings  # noqa: E402
from workspace.skills.skill import Skill  # noqa: E402

IDEAS = 30
FAN_IN = 8
SECTIONS = 8
ITEMS = 5
HEADS = ("Always", "Take care to", "Make sure to", "Remember to")
TAILS = (".", " before you answer.", ", every time.")
SUBJECTS = ["formula", "sheet", "header", "total", "row", "column", "date", "amount", "chart", "filter"]
VERBS = ["recalculate", "verify", "normalise"]
_TAG = re.compile(r'<edit id="(e\d+)"[^>]*>(.*?)</edit>', re.DOTALL)
_IDEA = re.compile(r"\(idea (\d+)\)")


class Cost(NamedTuple):
    """CPU seconds of each step for one number of patches."""

    patches: int
    edits: int
    merges: int
    plan: float
    merge: float
    conflicts: float
    settle: float


class Truth:
    """A merger that groups by idea and is not counted: `spent` is its own CPU time."""

    name = "truth"

    def __init__(self) -> None:
        self.spent = 0.0

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]:
        began = time.process_time()
        text = request.messages[1].content
        groups: dict[str, list[tuple[str, str]]] = {}
        for alias, words in _TAG.findall(text):
            groups.setdefault(_IDEA.search(words)[1], []).append((alias, words))  # type: ignore[index]
        rows = [
            {"from": [a for a, _ in g], "text": g[0][1] if len(g) > 1 else "", "reason": "same"}
            for g in groups.values()
        ]
        reply = Reply(text=json.dumps({"groups": rows, "dropped": []}), prompt_tokens=len(text) // 4)
        self.spent += time.process_time() - began
        yield reply

    async def models(self) -> list[str]:
        return ["truth"]

    async def close(self) -> None:
        return None


def skill() -> Skill:
    """About 60 blocks: sections with a paragraph and a list."""
    parts = ["---\nname: sheets\ndescription: Works on sheets.\n---\n\n# Sheets\n"]
    for n in range(SECTIONS):
        items = "".join(f"- Item {n}.{m} stays as it is.\n" for m in range(ITEMS))
        parts.append(f"## Part {n}\n\nWords about part {n}.\n\n{items}")
    return Skill(name="sheets", files={"SKILL.md": "\n".join(parts)})


def patches(count: int, s0: Skill, seed: int = 1) -> dict[str, Patch]:
    """`count` patches of one or two edits; small ideas are rare, large ones frequent."""
    dice = Random(seed)
    weights = [1 / (n + 1) for n in range(IDEAS)]
    found: dict[str, Patch] = {}
    for number in range(1, count + 1):
        name = f"t{number:04d}"
        ideas = dict.fromkeys(dice.choices(range(IDEAS), weights, k=dice.choice((1, 1, 2))))
        edits = tuple(_edit(f"{name}-E{n}", name, idea, dice) for n, idea in enumerate(ideas, 1))
        found[name] = Patch(id=name, base=s0.digest, edits=edits)
    return found


def _edit(name: str, task: str, idea: int, dice: Random) -> Edit:
    about = f"{VERBS[idea % 3]} the {SUBJECTS[idea % 10]} of part {idea}"
    text = f"- {dice.choice(HEADS)} {about} (idea {idea}){dice.choice(TAILS)}"
    section = 3 + (idea % SECTIONS) * (ITEMS + 3)  # the block number of "## Part n"
    common = {"id": name, "lessons": (f"{task}-L1",), "support": (task,)}
    if idea % 10 == 9:
        return Replace(block=f"b{section + 3 + idea // 10}", text=text, **common)
    if idea % 10 == 8:
        return InsertAfter(block=f"b{section + 3}", text=text, **common)
    return AppendToSection(section=f"b{section}", text=text, **common)


def true_support(given: Mapping[str, Patch]) -> Counter[tuple[str, int]]:
    """(idea, distinct tasks)."""
    tasks: dict[str, set[str]] = {}
    for patch in given.values():
        for edit in patch.edits:
            tasks.setdefault(_idea(edit), set()).update(edit.support)
    return Counter((idea, len(names)) for idea, names in tasks.items())


def _idea(edit: Edit) -> str:
    return _IDEA.search(edit.text)[1]  # type: ignore[index, union-attr]


def measure(count: int) -> Cost:
    """Everything once for `count` patches."""
    s0 = skill()
    given = patches(count, s0)
    edits = [edit for patch in given.values() for edit in patch.edits]
    began = time.process_time()
    plan = make_plan(given, FAN_IN, "similar")
    planned = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        outcome, merged = asyncio.run(_merge(Path(folder), s0, given))
    counted = Counter((_idea(edit), len(edit.support)) for edit in outcome.edits)
    assert counted == true_support(given), "a support is wrong"
    clash = _timed(lambda: conflicts(s0, edits))
    settled = _timed(lambda: settle(s0, edits))
    return Cost(count, len(edits), len(plan.nodes), planned, merged - planned, clash, settled)


async def _merge(folder: Path, s0: Skill, given: Mapping[str, Patch]) -> tuple[Outcome, float]:
    run, truth = RunFolder(folder), Truth()
    copy_prompts(run, folder / "none")
    journal, view = Journal(run.journal), RunView()
    journal.listen(view.apply)
    pool = pool_of_one(truth, 64, journal.emit)
    pause = Pause(journal.emit, pool.gate)
    record = Record(run)
    caller = Caller(pool, pause, Lifeline(pool, pause, journal.emit, None), record, journal.emit)
    desk = Desk(run, caller, LiveWriter(run), journal.emit)
    context = Context(
        run=run, config=Config(), emit=journal.emit, crew=Crew(pause, journal.emit, 136), desk=desk,
        prompts=Prompts(run.prompts), domain=None, models=dict.fromkeys(ROLES, "truth"), view=view,
        workers=LocalWorkers(SandboxSettings()),
    )  # fmt: skip
    began = time.process_time()
    outcome = await consolidate(Seed(Round(context, 1, s0), 0), given)
    cost = time.process_time() - began - truth.spent
    record.close()
    journal.close()
    assert not context.crew.failures, context.crew.failures
    return outcome, cost


def _timed(work: object) -> float:
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


def table(costs: list[Cost]) -> Iterator[str]:
    """One row a step; the ratio is to the first number of patches."""
    head = "".join(f"{cost.patches:>10}" for cost in costs)
    yield f"{'µs of CPU':26}{head}{'ratio':>8}"
    yield f"{'edits':26}" + "".join(f"{cost.edits:>10}" for cost in costs)
    yield f"{'merges':26}" + "".join(f"{cost.merges:>10}" for cost in costs)
    rows = {
        "plan, per edit": [c.plan / c.edits for c in costs],
        "merges, per edit": [c.merge / c.edits for c in costs],
        "merges, per merge": [c.merge / c.merges for c in costs],
        "plan + merges, per edit": [(c.plan + c.merge) / c.edits for c in costs],
        "conflicts, per edit": [c.conflicts / c.edits for c in costs],
        "settle, per edit": [c.settle / c.edits for c in costs],
    }
    for name, values in rows.items():
        yield f"{name:26}" + "".join(f"{value * 1e6:>10.0f}" for value in values) + f"{values[-1] / values[0]:>8.2f}"


def main() -> None:
    """Print the table."""
    counts = [int(word) for word in sys.argv[1:]] or [32, 320, 3000]
    measure(counts[0])  # imports and caches are warm from here on
    print("\n".join(table([measure(count) for count in counts])))


if __name__ == "__main__":
    main()
