"""What a run came to, in numbers: for `t2s show`, `t2s ls`, and the last line of `--json`. The keys are stable.

Counted from three places: the folded view (units, calls, tokens), each seed's ledger (what became of every lesson and
edit; of several candidates of a seed in the one that the verdict is on) and the round's verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from workspace.errors import InputError
from workspace.files import read_lines, read_text, read_toml
from workspace.lessons.pool import lesson_ids
from workspace.merging.ledger import FATES, Entry, load_ledger
from workspace.released.brought import is_patch
from workspace.reports.matrix import load_matrix
from workspace.reports.nodes import node_rows
from workspace.runs.assessment import judged_counts
from workspace.runs.decision import (
    candidate_of,
    judged_round,
    only_skill,
    read_decision,
    shown_sides,
    standing_word,
    stands,
)
from workspace.runs.evaluation import evaluation_of
from workspace.runs.events import Event, RunResumed, RunStarted, WishGranted, load_event
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, SeedFolder, load_view, run_kind
from workspace.runs.view import RunView
from workspace.score import Verdict

FORMAT = 1
STOPPING = {"stop": "stopping: what is in flight finishes", "stop_now": "stopping at once"}
_TELLING = ('"wish.granted"', '"run.resumed"', '"run.started"')


class Asked(NamedTuple):
    """What people have asked of this engine and it has granted: how it is stopping (empty when it is not), and whether
    a person's pause holds, whatever else does."""

    stopping: str = ""
    paused: bool = False

    def after(self, event: Event) -> Asked:
        """The same once `event` has happened."""
        match event:
            case RunStarted() | RunResumed(fresh=True):
                return Asked()
            case RunResumed():
                return self._replace(paused=False)
            case WishGranted(what="pause" | "pause_now" | "resume" | "retry"):
                return self._replace(paused=event.what.startswith("pause"))
            case WishGranted(what="stop" | "stop_now"):
                return self._replace(stopping=STOPPING[event.what])
            case _:
                return self


def summary(run: RunFolder) -> dict[str, Any]:
    """The whole summary as plain data, ready for JSON.

    `tokens` are counted by the endpoint, `seconds` are those of living engines, `cost` is None where no price is known.
    Before a ledger exists, what is not known yet counts as 0 and so does `unaccounted`.
    """
    view = load_view(run).view
    rows = ledger_rows(run)
    return {
        "format": FORMAT,
        "id": run.id,
        "run_kind": run_kind(run),
        "state": state_name(view),
        "skill": view.skill or _planned_skill(run),
        "judged": judged_counts(run),
        "lessons": _lessons(run, view, rows),
        "edits": _edits(run, view, rows),
        "units": _units(view),
        "calls": view.usage.calls,
        "tokens": {"prompt": view.usage.prompt, "completion": view.usage.completion},
        "cost": view.usage.cost,
        "seconds": round(view.active, 3),
        "verdict": verdict_table(run),
        "model": view.model,
        "why": why(run, view),
        "code": exit_code(view),
        "result": _result(run),
        "phases": phases(run),
        "nodes": node_rows(view),
        "evaluation": matrix.model_dump(mode="json") if (matrix := load_matrix(run)) else None,
    }


def short_summary(run: RunFolder) -> dict[str, Any]:
    """One row of `t2s ls`: what can be told from the view alone."""
    view = load_view(run).view
    units = _units(view)
    return {
        "id": run.id,
        "run_kind": run_kind(run),
        "state": state_name(view),
        "why": why(run, view),
        "skill": view.skill or _planned_skill(run),
        "model": view.model,
        "units": units,
        "calls": view.usage.calls,
        "seconds": round(view.active, 3),
        "verdict": view.verdict.decision if view.verdict else None,
        "by_hand": hand["decision"] if (hand := by_hand(run)) and hand["stands"] else None,
        "began": view.began or None,
        "path": str(run.path),
    }


def state_name(view: RunView) -> str:
    """The state for scripts; a run whose engine is only just there counts as running."""
    return "running" if view.state == "starting" else view.state


def why(run: RunFolder, view: RunView) -> str:
    """Why the run is in its state; while an engine is stopping, that it is."""
    if view.ended or view.state == "lost":
        return view.why
    return asked(run).stopping or view.why


def asked(run: RunFolder) -> Asked:
    """What people have asked of the run's engine, from the journal."""
    found = Asked()
    for line in read_lines(run.journal) if run.journal.is_file() else ():
        if any(kind in line for kind in _TELLING) and (event := load_event(line)):
            found = found.after(event)
    return found


def exit_code(view: RunView) -> int:
    """The shell's code for a run that looks like `view`: 0 also while it goes on."""
    match view.state:
        case "finished" | "incomplete" | "failed":
            return view.code if view.code is not None else int(view.state != "finished")
        case "stopped" | "paused":
            return 3
        case "lost":
            return 1
        case _:
            return 0


def verdict_table(run: RunFolder) -> dict[str, Any] | None:
    """The last round's verdict with the stable keys, None before there is one."""
    files = [r.verdict for r in run.rounds() if r.verdict.is_file()]
    if not files:
        return None
    table = checked_verdict(read_toml(files[-1]), files[-1]).model_dump(mode="json")
    table["test"] = table["test"] or {"baseline": None, "candidate": None, "n": 0}
    table["by_hand"] = by_hand(run)
    return table


def checked_verdict(table: Mapping[str, Any], where: Path) -> Verdict:
    """A verdict from its TOML. Raises `InputError` with the file and the key."""
    try:
        return Verdict.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error


def ledger_rows(run: RunFolder) -> list[Entry] | None:
    """The rows of every seed's ledger in all rounds; None while no ledger exists."""
    files = [seed.ledger for seed in _seeds(run) if seed.ledger.is_file()]
    if not files:
        return None
    return [row for file in files for row in read_ledger(file)]


def violation_rows(run: RunFolder) -> list[dict[str, Any]]:
    """What the guard and the judge found in every seed's candidate in all rounds."""
    files = [seed.violations for seed in _seeds(run) if seed.violations.is_file()]
    return [row for file in files for row in read_toml(file).get("violations", [])]


def phases(run: RunFolder) -> dict[str, float]:
    """Stage → seconds from its first start to its last finish, by the engines' clocks; so far, where it goes on."""
    clock = last = 0.0
    began: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for event, _ in read_events(run.journal):
        clock += event.t - last if event.t >= last else 0.0
        last = event.t
        stage = getattr(event, "stage", "")
        if event.kind == "stage.entered":
            began.setdefault(stage, clock)
        elif event.kind == "stage.left" and stage in began:
            seconds[stage] = round(clock - began[stage], 3)
    return seconds | {stage: round(clock - start, 3) for stage, start in began.items() if stage not in seconds}


def first_skill(run: RunFolder) -> Path | None:
    """The folder of the frozen S0; None while a created skill is not drafted yet."""
    return only_skill(run.skill(0))


def result_skill(run: RunFolder) -> Path | None:
    """The folder of what the run made: the last skill that was accepted, by the verdict or by a person, else the last
    round's candidate (of several the one the verdict is on), but nothing that a person rejected. None before there is
    one."""
    words = [(each, standing_word(each)) for each in reversed(run.rounds())]
    open_ = [(each, word) for each, word in words if word != "reject"]
    for each, word in open_:
        taken = only_skill(run.skill(int(each.path.name)))
        if found := taken or (candidate_of(each) if word == "accept" else None):
            return found
    return next((skill for each, _ in open_ if (skill := candidate_of(each))), None)


def by_hand(run: RunFolder) -> dict[str, Any] | None:
    """A person's word on the last verdict, None without one. `stands`: is the candidate still the one it is about?"""
    round = judged_round(run)
    said = read_decision(round) if round else None
    if round is None or said is None:
        return None
    return {**said.model_dump(include={"decision", "who", "time", "why"}), "stands": stands(round, said)}


def _seeds(run: RunFolder) -> list[SeedFolder]:
    return [seed for each in run.rounds() for seed in shown_sides(each)]


def read_ledger(file: Path) -> list[Entry]:
    try:
        return load_ledger(read_text(file))
    except ValidationError as error:
        raise InputError(f"{file}: not a ledger that can be read") from error


def _lessons(run: RunFolder, view: RunView, rows: list[Entry] | None) -> dict[str, int]:
    if rows is None:
        dropped = sum(row.status == "dropped" for row in view.lessons.values())
        return {"learned": len(view.lessons), **_counted(Counter(dropped=dropped))}
    learned = sum(len(lesson_ids(seed)) for seed in _seeds(run))
    return {"learned": learned, **_counted(_fates(rows, "lesson"), learned)}


def _edits(run: RunFolder, view: RunView, rows: list[Entry] | None) -> dict[str, int]:
    if rows is None:
        return {"proposed": sum(view.patches.values()), **_counted(Counter())}
    proposed = sum(_edits_in(path) for seed in _seeds(run) for path in seed.patches.glob("*.toml"))
    return {"proposed": proposed, **_counted(_fates(rows, "edit"), proposed)}


def _edits_in(path: Path) -> int:
    """The edits of a patch; of one that the run came with, those that found no place as well."""
    patch = read_toml(path)
    return len(patch.get("edits", ())) + (len(patch.get("dropped", ())) if is_patch(path.stem) else 0)


def _counted(fates: Counter[str], of: int | None = None) -> dict[str, int]:
    """The fates, and what is missing from the `of` that there are (nothing while that is not settled)."""
    return {fate: fates[fate] for fate in FATES} | {"unaccounted": 0 if of is None else of - fates.total()}


def _fates(rows: Iterable[Entry], what: str) -> Counter[str]:
    return Counter(row.state for row in rows if row.what == what)


def _units(view: RunView) -> dict[str, int]:
    rows = view.stages.values()
    return {
        "total": sum(row.units for row in rows),
        "done": sum(row.done for row in rows),
        "failed": sum(row.failed for row in rows),
        "reused": sum(row.reused for row in rows),
    }


def _planned_skill(run: RunFolder) -> str:
    """The skill's name from what lies in the run folder, for a run whose engine has not spoken yet."""
    if plan := evaluation_of(run):
        return ", ".join(skill.name for skill in plan.skills)
    frozen = first_skill(run)
    return frozen.name if frozen else str(read_toml(run.config).get("config", {}).get("skill", {}).get("create", ""))


def _result(run: RunFolder) -> str | None:
    folder = result_skill(run)
    return str(folder.resolve()) if folder else None
