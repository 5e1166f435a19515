"""Plausible run folders for tests and pictures: what an engine would have written, frozen at a chosen moment.

    write_run(folder, until="merging")    24 agents at work, 60 lessons, a tree of 9 merges half done
    write_run(folder, until="finished")   the same run with its candidate skill and its verdict

Everything is made from a seed; no clock is read.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

from workspace.edits.patch import AppendToSection, Dropped, Edit, Patch, dumps_patch
from workspace.files import dump_toml, write_text
from workspace.lessons.lesson import Example, Lesson, Quote, dump_lesson
from workspace.merging.tree import Node, Plan, dump_plan
from workspace.runs import events as e
from workspace.runs.events import Event, dump_event
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, SeedFolder

BEGAN = 1_795_000_000.0
TITLES = (
    "Recalculate after writing formulas",
    "Save with openpyxl and keep the other sheets",
    "Delete rows from the bottom up",
    "Read the answer cell back before you finish",
    "Dates are serial numbers: write a real date, then a format",
    "Match headers by text, never by column letter",
    "Stop at the first blank row, not at max_row",
    "Write numbers as numbers, not as text",
    "Keep merged cells merged",
    "Count visible rows only when a filter is set",
    "Use the sheet the task names, not the active one",
    "Copy the style of the row above into a new row",
    "Strip non-breaking spaces before you compare",
    "Sort a copy and write values back, formulas break",
    "An empty string is not an empty cell",
    "Round only what is shown, never what is stored",
    "Look for a hidden sheet before you say it is missing",
    "Give absolute references when you fill a column down",
    "Keep leading zeros of codes: set the format to text",
    "Check the named range before you move its cells",
)
STREAMS = (
    "The agent wrote =SUM(B2:B14) into D7, but openpyxl never calculates, so the cached value is empty and the "
    "checker reads None.\n\nI will open the workbook again with data_only=True to see what the verifier sees.\n"
    "D7 -> None, expected 41.2\n\nSo the cause is not the formula. It is that nobody recalculated after writing.",
    "evaluate: 3 cells differ\n  C4  expected 2024-03-09  got 45360\n  C5  expected 2024-03-11  got 45362\n\n"
    "The values are right, the number format is lost: pandas writes serials and drops the style. A minimal fix is to "
    "write a datetime and set number_format from the cell above.",
    "Rows 12, 13 and 14 should be gone, but 13 is still there. The loop deletes upwards from 12, so every deletion "
    "moves the next row under the cursor. Deleting from the bottom up gives the expected sheet.\n\nfix verified: pass",
    "Three edits speak of recalculation. e12 and e40 say the same, e77 adds LibreOffice in headless mode.\n\n"
    '{"groups": [{"from": ["e12", "e40", "e77"], "text": "After writing formulas, recalculate and read the cell back"',
    "The task asks for the sheet named “Übersicht”, the agent used the active one, so every "
    "reference points at the wrong cells. "
    "The lesson is to select by name and to stop when the name is not there.",
)  # fmt: skip
SKILL = """---
name: xlsx
description: Work with spreadsheets the way the finance team checks them.
---

# Spreadsheets

Read the task twice, find the sheet, then change as little as possible.

## Reading

- Open the workbook with openpyxl.
- Find the header row first.

## Writing

- Write the result where the task says.
- Save under the asked name.

```python
from openpyxl import load_workbook
book = load_workbook(path)
```
"""
CANDIDATE = """---
name: xlsx
description: Work with spreadsheets the way the finance team checks them.
---

# Spreadsheets

Read the task twice, find the sheet, then change as little as possible.

## Reading

- Open the workbook with openpyxl; use the sheet that the task names, not the active one.
- Find the header row first, and match headers by text, never by column letter.
- Stop at the first blank row, not at `max_row`.

## Writing

- Write the result where the task says, numbers as numbers and dates as dates with a format.
- After writing formulas, recalculate with LibreOffice in headless mode and read the cells back.
- Delete rows from the bottom up.
- Save under the asked name and keep the other sheets.

```python
from openpyxl import load_workbook
book = load_workbook(path)
```

See [rare cases](references/rare.md).
"""
RARE = "# Rare cases\n\n- Keep leading zeros of codes: set the format to text.\n- Keep merged cells merged.\n"


class Recorder:
    """Writes numbered events with a clock of its own."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.seq = 0
        self.t = 0.0
        self._lines: list[str] = []

    def say(self, event: Event, after: float = 0.05) -> None:
        self.seq += 1
        self.t += after
        stamped = event.model_copy(update={"seq": self.seq, "time": round(BEGAN + self.t, 3), "t": round(self.t, 3)})
        self._lines.append(dump_event(stamped) + "\n")

    def write(self) -> None:
        write_text(self.run.journal, "".join(self._lines))


def write_run(
    folder: Path, until: str = "merging", *, name: str = "2026-11-18-1405-xlsx-3f2", agents: int = 24
) -> RunFolder:
    """A run folder at the moment `until`: analysing, merging or finished."""
    run = RunFolder(folder / name)
    rng = random.Random(7)
    say = Recorder(run)
    write_text(run.config, dump_toml({"format": 1, "kind": "run", "skill": "xlsx"}))
    write_text(run.skill(0) / "xlsx" / "SKILL.md", SKILL)
    say.say(
        e.RunStarted(
            run=run.id, skill="xlsx", model="qwen3.5-35b", endpoint="http://gpu-02:8000/v1", domain="spreadsheet",
            pid=4242, version="0.1.0",
        )
    )  # fmt: skip
    _rollout(say, rng)
    analysed = 64 if until != "analysing" else 30
    _analyse(say, rng, run, analysed)
    if until == "analysing":
        _at_work(say, rng, run, [("analyst", f"t{n:03d}", "analyse") for n in range(31, 31 + agents)])
    else:
        _propose(say, rng, run, finished=until == "finished")
        _merge(say, rng, run, finished=until == "finished")
    if until == "merging":
        work = [("merger", "m1-06", "merge"), ("merger", "m1-07", "merge")]
        work += [("proposer", f"t{n:03d}", "propose") for n in range(57, 65)]
        work += [("analyst", f"t{n:03d}", "analyse") for n in range(65, 65 + max(0, agents - 10))]
        _at_work(say, rng, run, work[:agents])
    if until == "finished":
        _finish(say, rng, run)
    say.write()
    return run


def _usage(say: Recorder, rng: random.Random, at_work: int, after: float = 1.0) -> None:
    say.say(
        e.UsageCounted(
            calls=say.seq // 3, prompt=say.seq * 900, completion=say.seq * 140, in_flight=at_work, queued=31, limit=27,
            rate=max(120.0, 1500 + 1300 * math.sin(say.t / 9) + rng.gauss(0, 240)),
        ),
        after,
    )  # fmt: skip


def _agent(say: Recorder, rng: random.Random, role: e.Role, unit: str, stage: e.Stage, *, fails: str = "") -> None:
    name = f"{role}-{unit}"
    say.say(e.AgentQueued(agent=name, role=role, unit=unit, stage=stage), 0.01)
    say.say(e.AgentStarted(agent=name), 0.2)
    words = rng.choice(STREAMS).split("\n")[0]
    if fails:
        say.say(e.AgentFailed(agent=name, reason=fails), 0.3)
        say.say(e.UnitFailed(unit=unit, stage=stage, reason=fails), 0.01)
    else:
        say.say(e.AgentFinished(agent=name, tokens=rng.randint(200, 900), seconds=9.0, words=e.label(words, 80)), 0.3)
        say.say(e.UnitDone(unit=unit, stage=stage, seconds=9.0), 0.01)


def _rollout(say: Recorder, rng: random.Random) -> None:
    say.say(e.StageEntered(stage="rollout", units=64))
    for n in range(1, 65):
        unit = f"t{n:03d}"
        _agent(say, rng, "solver", unit, "rollout")
        passed = rng.random() < 0.3
        say.say(e.TrajectorySaved(trajectory=unit, task=f"task-{n}", status="pass" if passed else "fail"), 0.01)
        if n % 6 == 0:
            _usage(say, rng, 24)
    say.say(e.StageLeft(stage="rollout"))


def _analyse(say: Recorder, rng: random.Random, run: RunFolder, done: int) -> None:
    say.say(e.StageEntered(stage="analyse", units=80))
    for n in range(1, done + 1):
        unit = f"t{n:03d}"
        fails = {9: "no verified cause after 40 turns", 33: "reply never parsed: no RULE line"}.get(n, "")
        _agent(say, rng, "analyst", unit, "analyse", fails=fails)
        if not fails and n <= 62:
            lesson = _lesson(rng, n)
            write_text(_seed(run).lessons / f"{lesson.id}.toml", dump_lesson(lesson))
            say.say(
                e.LessonLearned(
                    lesson=lesson.id, title=lesson.title, verified=lesson.verified, quoted=lesson.quoted,
                    source=lesson.kind, support=max(1, 19 - TITLES.index(lesson.title)),
                ),
                0.02,
            )  # fmt: skip
        if n % 5 == 0:
            _usage(say, rng, 24)
    _conversation(run, "analyst-t003")
    _trajectory(run, "t003")


def _lesson(rng: random.Random, n: int) -> Lesson:
    title = TITLES[min(len(TITLES) - 1, int(rng.expovariate(0.22)))]
    unit = f"t{n:03d}"
    return Lesson(
        id=f"{unit}-L1",
        title=title,
        claim=f"{title}. Do it before the file is saved, and check the cell that the task names.",
        why="openpyxl writes formulas as text and never calculates them, so the cached value stays empty.",
        kind="success" if n % 4 == 0 else "failure",
        verified=n % 3 != 0,
        quoted=True,
        trajectories=(unit,),
        tasks=(f"task-{n}",),
        examples=(Example(input="Put the total of column B into D7.", wrong="D7 empty", right="41.2"),),
        evidence=(Quote(trajectory=unit, turn=3, quote="evaluate: 3 cells differ"),),
    )


def _propose(say: Recorder, rng: random.Random, run: RunFolder, *, finished: bool) -> None:
    say.say(e.StageEntered(stage="propose", units=64))
    for n in range(1, 65 if finished else 57):
        unit = f"t{n:03d}"
        _agent(say, rng, "proposer", unit, "propose")
        edits = [_proposed(unit, k, TITLES[(n + k) % len(TITLES)]) for k in range(1, rng.randint(1, 4) + 1)]
        patch = Patch(id=unit, key="0" * 16, base="0" * 16, edits=tuple(edits))
        write_text(_seed(run).patches / f"{unit}.toml", dumps_patch(patch))
        say.say(e.PatchProposed(patch=unit, edits=len(edits), lessons=1), 0.02)


def _proposed(unit: str, number: int, title: str) -> Edit:
    name, lesson = f"{unit}-E{number}", f"{unit}-L1"
    task = f"task-{int(unit[1:])}"
    return AppendToSection(
        id=name, section="h2", text=f"- {title}.", lessons=(lesson,), support=(task,), sources=(name,)
    )


def _merge(say: Recorder, rng: random.Random, run: RunFolder, *, finished: bool) -> None:
    say.say(e.StageEntered(stage="merge", units=9))
    units = tuple(f"t{n:03d}" for n in range(1, 65))
    nodes = [Node(id=f"m1-{b + 1:02d}", level=1, children=units[b * 8 : b * 8 + 8]) for b in range(8)]
    nodes.append(Node(id="m2-01", level=2, children=tuple(node.id for node in nodes)))
    for node in nodes:
        say.say(e.MergePlanned(node=node.id, level=node.level, children=node.children), 0.01)
    write_text(_seed(run).plan, dump_plan(Plan(fan_in=8, order="given", patches=units, nodes=tuple(nodes))))
    for b in range(1, 9 if finished else 6):
        _merged(say, rng, run, f"m1-{b:02d}", rng.randint(17, 24), rng.randint(6, 10), b)
    if not finished:
        say.say(e.MergeStarted(node="m1-06"))
        say.say(e.MergeStarted(node="m1-07"))
        return
    _merged(say, rng, run, "m2-01", 64, 21, 9)
    say.say(e.StageLeft(stage="merge"))


def _merged(say: Recorder, rng: random.Random, run: RunFolder, node: str, come: int, go: int, n: int) -> None:
    say.say(e.MergeStarted(node=node))
    edits: list[Edit] = []
    for k in range(1, go + 1):
        title = TITLES[(n * 3 + k * k) % len(TITLES)]
        support = max(1, round(rng.expovariate(0.3)) + (4 if node.startswith("m2") else 0))
        lessons = tuple(f"t{(n * 7 + k * j) % 62 + 1:03d}-L1" for j in range(1, min(support, 4) + 1))
        edits.append(
            AppendToSection(
                id=f"{node}-E{k}", section="h2" if k % 2 else "h3", text=f"- {title}.", lessons=lessons,
                support=tuple(f"task-{j}" for j in range(support)), sources=(f"t{n:03d}-E{k}", f"t{n + 8:03d}-E1"),
                reason="the same rule in other words" if k % 3 == 0 else "",
            )
        )  # fmt: skip
        say.say(e.EditMerged(edit=f"{node}-E{k}", node=node, sources=2, support=support, text=title), 0.01)
    say.say(e.EditDropped(edit=f"{node}-E99", node=node, reason="says the same as a better supported edit"), 0.01)
    dropped = (Dropped(id=f"t{n:03d}-E9", reason="says the same as a better supported edit"),)
    patch = Patch(id=node, key="0" * 16, base="0" * 16, edits=tuple(edits), dropped=dropped)
    write_text(_seed(run).tree / f"{node}.toml", dumps_patch(patch))
    most = max(len(edit.support) for edit in edits)
    _agent(say, rng, "merger", node, "merge")
    say.say(e.MergeDone(node=node, edits_in=come, edits_out=go, dropped=n % 3 == 0, support=most))
    _usage(say, rng, 24)


def _at_work(say: Recorder, rng: random.Random, run: RunFolder, work: list[tuple[e.Role, str, e.Stage]]) -> None:
    live = LiveWriter(run)
    for n, (role, unit, stage) in enumerate(work):
        name = f"{role}-{unit}"
        say.say(e.AgentQueued(agent=name, role=role, unit=unit, stage=stage), 0.01)
        say.say(e.AgentStarted(agent=name), rng.uniform(0.2, 2.4))
        stream = STREAMS[n % len(STREAMS)]
        text = stream[: rng.randint(len(stream) // 2, len(stream))]
        live.begin(name)
        live.say(name, text)
        if role == "analyst":
            say.say(e.AgentActed(agent=name, turn=rng.randint(2, 14), action="evaluate"), 0.01)
    for n, (role, unit, _) in enumerate(work):
        words = e.label(STREAMS[n % len(STREAMS)][:80])
        say.say(e.AgentSpoke(agent=f"{role}-{unit}", tokens=rng.randint(180, 420), words=words), 0.02)
    live.flush()
    for _ in range(40):
        _usage(say, rng, 24, 0.5)


def _finish(say: Recorder, rng: random.Random, run: RunFolder) -> None:
    for stage in ("analyse", "propose", "settle"):
        if stage == "settle":
            say.say(e.StageEntered(stage="settle", units=1))
            say.say(e.UnitDone(unit="patch", stage="settle"))
        say.say(e.StageLeft(stage=stage))
    write_text(_seed(run).candidate / "xlsx" / "SKILL.md", CANDIDATE)
    write_text(_seed(run).candidate / "xlsx" / "references" / "rare.md", RARE)
    say.say(e.PatchApplied(edits=9, files=2, lines=11))
    say.say(e.StageEntered(stage="validate", units=64))
    for n in range(32):
        base, candidate = rng.random() < 0.35, rng.random() < 0.8
        for side, good in (("base", base), ("s0", candidate)):
            say.say(
                e.ScoreMeasured(
                    split="validation",
                    side=side,
                    task=f"v{n + 1:03d}",
                    status="pass" if good else "fail",
                    score=float(good),
                )
            )
            say.say(e.UnitDone(unit=f"{side}/v{n + 1:03d}", stage="validate"), 0.01)
    say.say(e.StageLeft(stage="validate"))
    verdict = {
        "format": 1, "decision": "accept", "baseline": 0.34, "candidate": 0.81, "difference": 0.47,
        "interval": [0.25, 0.66], "p": 0.0003, "n": 32,
        "sentence": "accept: 34 % → 81 % on 32 held-out tasks, p = 0.0003",
    }  # fmt: skip
    write_text(run.round(1).verdict, dump_toml(verdict))
    shown = {k: verdict[k] for k in ("decision", "baseline", "candidate", "difference", "p", "n", "sentence")}
    say.say(e.VerdictReached.model_validate(shown))
    say.say(e.SkillAccepted(skill="xlsx"))
    say.say(e.RunFinished(state="finished", code=0, seconds=say.t))


def _conversation(run: RunFolder, agent: str) -> None:
    rows = [
        {"turn": 1, "role": "system", "text": "ROLE: error analyst\nFind the decision that caused the mismatch."},
        {"turn": 1, "role": "user", "text": 'Task t003: "Put the total of column B into D7."'},
        {"turn": 1, "role": "assistant", "text": STREAMS[0], "tokens": 212, "seconds": 4.1, "finish": "stop"},
        {"turn": 2, "role": "user", "text": "no RULE line; send the labelled lines again"},
        {"turn": 2, "role": "assistant", "text": "RULE: Recalculate after writing formulas\nWHY: the cache is empty"},
    ]
    write_text(run.agent(agent), "".join(json.dumps(row) + "\n" for row in rows))


def _trajectory(run: RunFolder, unit: str) -> None:
    rows = [
        {"format": "t2s.trajectory/1", "id": unit, "task": "task-3"},
        {"step": 1, "role": "user", "text": "Put the total of column B into D7."},
        {"step": 2, "role": "agent", "text": "I write =SUM(B2:B14) into D7 and save the file."},
        {"step": 3, "role": "tool", "text": "evaluate: 3 cells differ\n  D7 expected 41.2 got None"},
        {"outcome": {"status": "fail", "score": 0.0, "message": "D7 expected 41.2 got None"}},
    ]
    write_text(run.round(1).trajectory(unit), "".join(json.dumps(row) + "\n" for row in rows))


def _seed(run: RunFolder) -> SeedFolder:
    return run.round(1).seed(0)
