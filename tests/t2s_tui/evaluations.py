"""Plausible evaluations on disk for tests: what an engine would have written, at a chosen moment.

    write_evaluation(folder)                    3 skills with 2 models on 12 tasks, all tried, with its table
    write_evaluation(folder, tried=5)           in its middle: 5 tasks of each cell are tried, more are at work

Scores are made from a seed; no clock is read.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tests.t2s_tui.recorded import Recorder
from workspace.files import write_text
from workspace.ids import trajectory_id
from workspace.reports.matrix import CellData, Use, matrix_file, matrix_of
from workspace.runs import events as e
from workspace.runs.evaluation import KIND, ComparedSkill, Evaluation, Solver, side_name
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder
from workspace.runs.start import write_config
from workspace.settings.settings import Config
from workspace.trajectory import Outcome, Step, Trajectory, dump_trajectory

NAME = "2026-11-19-0930-eval-date-4c1"
SKILLS = {"old": 0.3, "new": 0.9, "none": 0.1}
"""By name: how often a try with it is right."""
MODELS = ("small", "large")
TASKS = 12
AT_WORK = 6


def write_evaluation(
    folder: Path, *, tried: int | None = None, skills: Sequence[str] = tuple(SKILLS), said: str = "", name: str = NAME
) -> RunFolder:
    """The evaluation; `tried` tasks of each cell are done, all where it is None. `said` stands behind every free text
    of a model."""
    run = RunFolder(folder / name)
    plan = Evaluation(
        key="0" * 16,
        tasks={"validation": TASKS},
        pairs="all",
        skills=tuple(ComparedSkill(name=one, digest="" if one == "none" else "1" * 16) for one in skills),
        solvers=tuple(Solver(name=model, model=f"{model}-model") for model in MODELS),
    )
    domain = {"name": "house", "family": "date"}
    config = Config.model_validate({"domain": domain, "endpoint": {"model": "small-model"}})
    write_config(run, config, kind=KIND, more={"eval": plan.model_dump(mode="json")})
    say, rng = Recorder(run), random.Random(3)
    say.say(
        e.RunStarted(
            run=run.id, skill=", ".join(skills), model="small-model, large-model", endpoint="2 endpoints", source=KIND,
            domain="house/date", pid=4242, version="0.1.0",
        )
    )  # fmt: skip
    say.say(e.StagePlanned(stage="validate", units=len(skills) * len(MODELS) * TASKS))
    say.say(e.StageEntered(stage="validate", units=len(skills) * len(MODELS) * TASKS))
    sides = {side_name(skill, model): SKILLS.get(skill, 0.5) for skill in skills for model in MODELS}
    scores: dict[str, dict[str, tuple[float, ...]]] = {side: {} for side in sides}
    for number in range(1, (TASKS if tried is None else tried) + 1):
        for side, rate in sides.items():
            right = rng.random() < rate
            _try(say, run, side, number, right=right, said=said)
            scores[side][f"date-{number:03d}{said}"] = (float(right),)
    if tried is None:
        _end(say, run, plan, config, scores)
    else:
        _at_work(say, run, list(sides), tried + 1)
    say.write()
    return run


def _try(say: Recorder, run: RunFolder, side: str, number: int, *, right: bool, said: str) -> None:
    name = trajectory_id(number)
    agent, unit = f"solver-validation-{side}-{name}", f"validation-{side}-{name}"
    task = f"date-{number:03d}{said}"
    say.say(e.AgentQueued(agent=agent, role="solver", unit=unit, stage="validate"), 0.01)
    say.say(e.AgentStarted(agent=agent), 0.1)
    say.say(e.AgentFinished(agent=agent, tokens=12, seconds=0.5, words="05-MAR-2021" if right else "2021-03-05"), 0.1)
    say.say(e.UnitDone(unit=unit, stage="validate", seconds=0.5), 0.01)
    status = "pass" if right else "fail"
    say.say(e.ScoreMeasured(split="validation", side=side, task=task, status=status, score=float(right)), 0.01)
    tried = Trajectory(
        id=name,
        task=task,
        steps=(
            Step(role="user", text=f"Write the fifth of March 2021. {said}"),
            Step(role="agent", text=("05-MAR-2021" if right else "2021-03-05") + said),
        ),
        outcome=Outcome(status=status, score=float(right), message=f"checked {said}".strip(), expected="05-MAR-2021"),
        key="2" * 16,
    )
    write_text(run.round(1).validation("validation", side) / f"{name}.jsonl", dump_trajectory(tried))


def _end(
    say: Recorder, run: RunFolder, plan: Evaluation, config: Config, scores: dict[str, dict[str, tuple[float, ...]]]
) -> None:
    cells = {side: CellData(of, Use(TASKS, 0, TASKS, 2_000, 120, 6.5)) for side, of in scores.items()}
    write_text(matrix_file(run), matrix_of(plan, config, cells).model_dump_json(indent=2) + "\n")
    rows = [
        json.dumps({"split": "validation", "side": side, "task": task, "scores": list(each)})
        for side, of in scores.items()
        for task, each in of.items()
    ]
    write_text(run.round(1).scores, "".join(f"{row}\n" for row in rows))
    say.say(e.StageLeft(stage="validate"))
    _used(say, 0)
    say.say(e.RunFinished(state="finished", code=0))


def _at_work(say: Recorder, run: RunFolder, sides: Sequence[str], number: int) -> None:
    live = LiveWriter(run)
    for side in sides[:AT_WORK]:
        agent = f"solver-validation-{side}-{trajectory_id(number)}"
        unit = agent.removeprefix("solver-")
        say.say(e.AgentQueued(agent=agent, role="solver", unit=unit, stage="validate"), 0.01)
        say.say(e.AgentStarted(agent=agent), 0.4)
        live.begin(agent)
        live.say(agent, "The house writes dates as DD-MON-YYYY, so the fifth of March is 05-")
    live.flush()
    _used(say, min(AT_WORK, len(sides)))


def _used(say: Recorder, in_flight: int) -> None:
    say.say(
        e.UsageCounted(
            calls=say.seq // 5, prompt=say.seq * 30, completion=say.seq * 2, in_flight=in_flight, queued=0, limit=8,
            rate=40.0 if in_flight else 0.0,
        ),
        1.0,
    )  # fmt: skip
