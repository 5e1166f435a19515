"""`t2s eval`: skills × models on the same tasks; a run of its own kind, started and shown like any other."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from t2s_tui import host
from t2s_tui.commands.common import add_faces, add_runs, add_setting, example, face, manner, print_json
from t2s_tui.commands.compared import Given, check, plan_of
from t2s_tui.commands.evolve import REFUSED, add_yes, may_spend, show_foreign_endpoint
from t2s_tui.commands.watching import show
from t2s_tui.plain import Interrupts
from t2s_tui.plan import Plan
from t2s_tui.text import safe
from workspace.errors import BusyError, InputError
from workspace.files import read_text, write_text
from workspace.reports.estimate import CHARS_PER_TOKEN, Facts, evaluation_estimate
from workspace.reports.matrix import load_matrix, matrix_file
from workspace.reports.matrix_text import matrix_markdown
from workspace.runs.evaluation import Evaluation, keyed, new_evaluation, solver_config, unfinished
from workspace.runs.run import RunFolder, alive, load_view
from workspace.runs.start import run_config
from workspace.settings.config import FLAGS, KNOBS, Config, Loaded, load_config, value_of
from workspace.settings.settings import DOMAINS, SkillSettings, TraceSettings

SECTIONS = ("endpoint", "sampling", "sandbox", "workers", "spending", "prices")
MORE = ("domain.name", "domain.family", "domain.seed", "domain.turns", "verdict.alpha", "verdict.repeats")
OWN = {
    flag: key
    for flag, key in FLAGS.items()
    if (key.partition(".")[0] in SECTIONS or key in MORE) and key != "endpoint.model"
}
SPLITS = ("validation", "test", "all")


def configure_eval(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s eval --domain house:date --skill old/ --skill new/ --skill none --base-url URL --model a b")
    add = parser.add_argument
    add("config", metavar="CONFIG", nargs="?", help="settings file (default: ./t2s.toml if there is one)")
    what = "a skill's folder, NAME=DIR to call it otherwise, or `none` for no skill at all; may be repeated"
    add("--skill", dest="skills", action="extend", nargs="+", default=[], metavar="DIR|none", help=what)
    result = "a run whose result is compared (id, prefix, path, `last`, NAME=RUN); may be repeated"
    add("--run", dest="results", action="extend", nargs="+", default=[], metavar="RUN", help=result)
    models = "models on the common server; may be repeated"
    add("--model", dest="models", action="extend", nargs="+", default=[], metavar="NAME", help=models)
    where = "a model on its own server, NAME=local for the embedded one; may be repeated"
    spec = "NAME=URL,MODEL[,KEY_VARIABLE]"
    add("--endpoint", dest="endpoints", action="extend", nargs="+", default=[], metavar=spec, help=where)
    add("--data", dest="domain.data", metavar="DIR", help="folder with the domain's data")
    add("--split", choices=SPLITS, default="validation", help="which held-out tasks (default: validation)")
    add("--tasks", type=int, metavar="N", help="how many tasks in all (default: as many as a run holds out)")
    pairs = "compare each skill with the first one, or all with each other (default: first)"
    add("--pairs", choices=("first", "all"), default="first", help=pairs)
    for flag, key in OWN.items():
        add_setting(parser, flag, key)
    add("--out", metavar="DIR", help="also write evaluation.json, evaluation.md and scores.jsonl there at the end")
    add("--dry-run", action="store_true", help="print the cells and an estimate; no call, no folder")
    add_yes(parser)
    add("--detach", action="store_true", help="start the engine and return")
    add_faces(parser)
    add_runs(parser)
    parser.set_defaults(act=_eval)


def _eval(arguments: argparse.Namespace) -> int:
    loaded = _resolve(arguments, os.environ)
    runs = Path(loaded.config.run.runs).expanduser()
    given = plan_of(arguments, loaded, runs)
    check(loaded, given)
    plan = keyed(given.config, given.plan)
    estimated = _estimate(given, plan)
    if arguments.dry_run:
        return _dry_run(estimated, plan, as_json=arguments.json)
    show_foreign_endpoint(loaded)
    before = unfinished(runs, plan.key)
    if before is not None:
        return _go_on(before, given.config, arguments)
    how = face(arguments)
    if not may_spend(estimated.config, arguments, how, lambda: estimated):
        print("t2s: not started; nothing was called and nothing was written", file=sys.stderr)
        return REFUSED
    if _is_local(given) and (code := host.tool("engine.llm.local", ["install"], quiet=how == "json")):
        return code  # it has said why
    run = new_evaluation(given.config, plan, given.sides, runs=runs, label=f"eval-{given.label}")
    return _start(run, arguments, new=True)


def _resolve(arguments: argparse.Namespace, env: Mapping[str, str]) -> Loaded:
    flags: dict[str, object] = {key: vars(arguments).get(key) for key in (*OWN.values(), "domain.data")}
    flags["run.runs"] = arguments.runs
    flags["endpoint.model"] = arguments.models[0] if arguments.models else None
    name, found, family = str(flags["domain.name"] or "").partition(":")
    if found and name in DOMAINS:
        flags["domain.name"], flags["domain.family"] = name, family
    file = Path(arguments.config) if arguments.config else None
    if file and not file.is_file():
        raise InputError(f"no settings file {file}; `t2s init` writes one")
    loaded = load_config(file=file, cwd=Path.cwd(), env=env, flags=flags)
    plain = {"skill": SkillSettings(), "traces": TraceSettings()}  # what a file says there is for `t2s run`
    return loaded._replace(config=loaded.config.model_copy(update=plain))


def _go_on(run: RunFolder, config: Config, arguments: argparse.Namespace) -> int:
    """The same evaluation was begun and has not come to its end: nothing that is finished is tried again."""
    if alive(run):
        raise BusyError(f"run {run.id} is at this very evaluation; watch it with `t2s attach {run.id}`")
    print(safe(f"t2s: going on with {run.id}, which has not come to its end"), file=sys.stderr)
    made = run_config(run)
    changed = [key for key in sorted(KNOBS) if value_of(config, key) not in (None, value_of(made, key))]
    knobs = {key: _as_text(value_of(config, key)) for key in changed if key != "run.runs"}
    return _start(run, arguments, knobs=knobs)


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _start(run: RunFolder, arguments: argparse.Namespace, *, new: bool = False, knobs: Mapping[str, str] = {}) -> int:
    how, wanted, loaded = face(arguments), manner(arguments), load_view(run)
    watch = how != "tui" and not arguments.detach
    with Interrupts() as interrupts:
        engine = host.start(run, watch=watch, new=new, knobs=knobs, called_off=interrupts.any)
        if arguments.detach:
            return _detached(run, as_json=how == "json")
        code = show(run, how, engine, interrupts, manner=wanted, view=loaded.view, offset=loaded.offset)
    if arguments.out:
        _write_out(run, Path(arguments.out).expanduser())
    return code


def _detached(run: RunFolder, *, as_json: bool) -> int:
    if as_json:
        print_json({"id": run.id, "path": str(run.path)})
    else:
        print(f"{run.id}: watch it with `t2s attach {run.id}`")
    return 0


def _write_out(run: RunFolder, folder: Path) -> None:
    matrix = load_matrix(run)
    if matrix is None:
        print(safe(f"t2s: {run.id} has no table yet, so nothing is written to {folder}"), file=sys.stderr)
        return
    write_text(folder / matrix_file(run).name, matrix.model_dump_json(indent=2) + "\n")
    write_text(folder / "evaluation.md", "\n".join(matrix_markdown(matrix)) + "\n")
    write_text(folder / "scores.jsonl", read_text(run.round(1).scores))


# --- before the start ------------------------------------------------------------------------------------------------


def _is_local(given: Given) -> bool:
    solvers = given.plan.solvers
    return any(solver_config(given.config, solver).endpoint.local for solver in solvers)


def _estimate(given: Given, plan: Evaluation) -> Plan:
    sizes = [sum(len(text) for _, text in side.skill.texts()) // CHARS_PER_TOKEN for side in given.sides]
    guess = evaluation_estimate(given.config, sizes, len(plan.solvers), sum(plan.tasks.values()))
    configs = [solver_config(given.config, solver) for solver in plan.solvers]
    remote = next((config for config in configs if not config.endpoint.local), configs[0])
    return Plan(remote, Facts(max(sizes)), guess, tuple(_told(plan, given.config)))


def _told(plan: Evaluation, config: Config) -> list[str]:
    tasks = " and ".join(f"{count} of {split}" for split, count in plan.tasks.items())
    domain = "/".join(filter(None, (config.domain.name, config.domain.family)))
    repeats = f", {config.verdict.repeats} tries each" if config.verdict.repeats > 1 else ""
    return [
        f"skills {', '.join(skill.name for skill in plan.skills)}",
        f"models {', '.join(solver.name for solver in plan.solvers)}",
        f"tasks of {domain}: {tasks}{repeats}",
    ]


def _dry_run(planned: Plan, plan: Evaluation, *, as_json: bool) -> int:
    cells = [{"skill": skill.name, "model": solver.name} for skill in plan.skills for solver in plan.solvers]
    if as_json:
        more = {"cells": cells, "tasks": dict(plan.tasks), "comparisons": len(plan.comparisons) * len(plan.solvers)}
        print_json({**planned.table(), **more})
        return 0
    each = planned.guess.units // len(cells)
    rows = [f"cell      {cell['skill']} with {cell['model']}: {each} tries" for cell in cells]
    print("\n".join([*(safe(row) for row in rows), *planned.lines()]))
    print("an estimate; nothing was called and nothing was written; what was tried before costs nothing again")
    return 0
