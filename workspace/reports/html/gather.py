"""Reads a run's folder into the values that the report shows. A file that cannot be read costs its own part only.

Works on any state of a run: what is not there yet is empty. No model, no subprocess, nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from workspace.ablation.table import is_current, load_ablation
from workspace.edits.patch import Patch, loads_patch
from workspace.errors import T2SError
from workspace.files import is_file, read_text, read_toml
from workspace.lessons.lesson import Lesson
from workspace.lessons.pool import load_pool
from workspace.lessons.trials import Trial, tried
from workspace.merging.ledger import Entry
from workspace.merging.tree import load_plan
from workspace.reports.html.compared import compared, pairings
from workspace.reports.html.held_out import judged
from workspace.reports.html.skill_diff import changed
from workspace.reports.html.values import Ablated, About, LeftOut, Lineup, Out, Part, Report, Told, Tree
from workspace.reports.html.words import without_login
from workspace.reports.nodes import nodes_said, used_nodes
from workspace.reports.spending import spending
from workspace.reports.summary import read_ledger, result_skill, state_name, summary, violation_rows, why
from workspace.runs.decision import shown_sides
from workspace.runs.run import RunFolder, SeedFolder, load_view
from workspace.runs.view import RunView

T = TypeVar("T")


def gather(run: RunFolder) -> Report:
    """Everything that the page about `run` shows."""
    view = load_view(run).view
    return Report(
        run.path,
        _about(run, view),
        judged=read_part(run, lambda: judged(run, _config(run))),
        trees=read_part(run, lambda: tuple(_trees(run, view))),
        lessons=_lessons(run),
        changed=read_part(run, lambda: changed(run)),
        left_out=read_part(run, lambda: _left_out(run)),
        spending=read_part(run, lambda: spending(run, view)),
        settings=read_part(run, lambda: tuple(_flat(_config(run)))),
        ablated=read_part(run, lambda: _ablated(run)),
        compared=read_part(run, lambda: compared(run, _config(run))),
        pairings=read_part(run, lambda: pairings(run)),
    )


def read_part(run: RunFolder, read: Callable[[], T]) -> Part[T]:
    """What `read` gives, or the sentence that says why it cannot: paths in it begin at the run's folder."""
    try:
        return Part(read())
    except (T2SError, ValueError, OSError) as error:
        return Part(fault=_inside(run, str(error)))


def _inside(run: RunFolder, words: str) -> str:
    return words.replace(f"{run.path}/", "").replace(str(run.path), run.id)


def _config(run: RunFolder) -> dict[str, Any]:
    return cast("dict[str, Any]", read_toml(run.config).get("config", {}))


def _about(run: RunFolder, view: RunView) -> About:
    told = read_part(run, lambda: summary(run))
    table = told.value or {}
    head = read_part(run, lambda: read_toml(run.config)).value or {}
    result = read_part(run, lambda: result_skill(run)).value
    inside = result.relative_to(run.path) if result else None
    faults = (f"the sums cannot be told: {told.fault}",) if told.fault else ()
    return About(
        id=run.id,
        kind=str(head.get("kind", "run")),
        state=state_name(view),
        why=read_part(run, lambda: why(run, view)).value or "",
        skill=str(table.get("skill") or view.skill),
        model=view.model,
        endpoint=view.endpoint,
        source=view.source,
        domain=view.domain,
        nodes=nodes_said(used_nodes(view)),
        version=str(head.get("version", "")),
        began=view.began,
        seconds=view.active,
        calls=view.usage.calls,
        prompt=view.usage.prompt,
        completion=view.usage.completion,
        cost=view.usage.cost,
        counts={name: table[name] for name in ("lessons", "edits", "units") if name in table},
        outcomes=Counter(view.outcomes.values()),
        judged={word: count for word, count in table.get("judged", {}).items() if count},
        failures=dict(view.failures),
        notes=(*faults, *view.notes),
        rounds=len(run.rounds()),
        seeds=max((len(each.seeds()) for each in run.rounds()), default=0),
        sides=max((sum(side.ledger.is_file() for side in each.sides()) for each in run.rounds()), default=0),
        result=str(inside) if inside else "",
        standing="" if inside is None else "accepted" if inside.parts[0] == "skills" else "candidate",
    )


def _candidates(run: RunFolder) -> Iterator[tuple[Lineup, SeedFolder]]:
    for each in run.rounds():
        for side in shown_sides(each):
            yield Lineup(int(each.path.name), side.number), side


# --- lessons ------------------------------------------------------------------------------------------------------


def _lessons(run: RunFolder) -> Part[tuple[Told, ...]]:
    """All lessons; with a fault as well where only what became of them cannot be told."""
    fates = read_part(run, lambda: {at: _fates(seed) for at, seed in _candidates(run)})
    told = read_part(run, lambda: tuple(_told(run, fates.value or {})))
    return told._replace(fault=told.fault or (fates.fault and f"what became of lessons is not known: {fates.fault}"))


def _told(run: RunFolder, fates: Mapping[Lineup, Mapping[str, Entry]]) -> Iterator[Told]:
    for at, seed in _candidates(run):
        pool, known = load_pool(seed), fates.get(at, {})
        for name, loaded in pool.lessons.items():
            trial = tried(seed, loaded.lesson)
            yield Told(at, loaded.lesson, known.get(name), loaded.edited, _of_trial(trial) if trial else "")
        for name, fault in pool.invalid.items():
            lost = Lesson(id=name, title="a lesson that cannot be read", claim="")
            yield Told(at, lost, known.get(name), True, invalid=_inside(run, fault))


def _fates(seed: SeedFolder) -> dict[str, Entry]:
    rows = read_ledger(seed.ledger) if seed.ledger.is_file() else []
    return {row.id: row for row in rows if row.what == "lesson"}


def _of_trial(trial: Trial) -> str:
    """How the tries of a lesson's rule ended, in words."""
    tries = len(trial.others) + (trial.own is not None)
    mended = "mends its own failure" if trial.flips else "does not mend its own failure"
    own = f"; {mended}" if trial.own and trial.own.before == "fail" else ""
    told = "; its words hold the answer" if trial.told else ""
    return f"tried on {tries} task{'s' * (tries != 1)}: fixes {trial.fixed} others, breaks {trial.broken}{own}{told}"


def _ablated(run: RunFolder) -> Ablated | None:
    table = load_ablation(run)
    return Ablated(table, is_current(run, table)) if table else None


# --- edits --------------------------------------------------------------------------------------------------------


def _trees(run: RunFolder, view: RunView) -> Iterator[Tree]:
    for at, seed in _candidates(run):
        if not seed.plan.is_file():
            continue
        plan = load_plan(read_text(seed.plan), seed.plan)
        names = (*plan.patches, *(node.id for node in plan.nodes))
        read = {name: read_part(run, partial(_patch, seed, name)) for name in names}
        patches = {name: part.value for name, part in read.items() if part.value is not None}
        lost = {name: part.fault for name, part in read.items() if part.fault}
        yield Tree(at, plan, patches, _failed(at, names, view) | lost)


def _failed(at: Lineup, names: Sequence[str], view: RunView) -> dict[str, str]:
    """Why patches and merges of a candidate failed; the journal's names of units begin with round and seed."""
    prefix = (f"r{at.round}-" if at.round > 1 else "") + (f"s{at.seed}-" if at.seed else "")
    units = [(name, f"{stage}/{prefix}{name}") for name in names for stage in ("propose", "merge")]
    return {name: view.failures[unit] for name, unit in units if unit in view.failures}


def _patch(seed: SeedFolder, name: str) -> Patch | None:
    for folder in (seed.tree, seed.patches):
        path = folder / f"{name}.toml"
        if is_file(path):
            return loads_patch(read_text(path), path)
    return None


def _left_out(run: RunFolder) -> LeftOut:
    return LeftOut(tuple(_outs(run)), tuple(violation_rows(run)))


def _outs(run: RunFolder) -> Iterator[Out]:
    for at, seed in _candidates(run):
        known: dict[str, Part[Patch | None]] = {}
        for entry in read_ledger(seed.ledger) if seed.ledger.is_file() else ():
            if entry.what == "edit" and entry.state != "in_skill":
                unit = entry.id.rpartition("-E")[0]
                if unit not in known:
                    known[unit] = read_part(run, partial(_patch, seed, unit))
                patch = known[unit].value
                yield Out(at, entry, next((e for e in patch.edits if e.id == entry.id), None) if patch else None)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as TOML would write them; empty tables are left out."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(cast("Mapping[str, Any]", value), f"{key}.")
        else:
            yield key, _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, cast("list[Any]", value))) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return without_login(str(value)) if value != "" else "(empty)"
