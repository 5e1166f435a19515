"""`t2s run` and `t2s demo`: resolve the settings, make the run's folder, start the engine, show it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2s_tui import host
from t2s_tui.commands.common import Face, add_faces, add_runs, example, face, has_screen, print_json
from t2s_tui.commands.watching import show
from t2s_tui.plain import Interrupts
from t2s_tui.text import safe
from workspace.errors import InputError
from workspace.files import read_toml
from workspace.ids import slug
from workspace.reports.estimate import Estimate, Facts, estimate
from workspace.runs.run import RunFolder
from workspace.runs.start import new_run, starter_skill, survey
from workspace.settings.config import FLAGS, SETTINGS, Config, Loaded, check_runnable, expects, load_config
from workspace.skills.skill import load_skill

NOT_FOR_RUN = ("--runs",)
FIRST_FAMILY = "date"
METAVARS = {
    "--api-key-env": "NAME",
    "--base-url": "URL",
    "--budget-cost": "X|none",
    "--budget-requests": "N|none",
    "--budget-seconds": "S|none",
    "--budget-tokens": "N|none",
    "--create": "NAME",
    "--domain": "NAME[:FAMILY]",
    "--family": "NAME",
    "--hold-after": "STAGE",
    "--labels": "FILE",
    "--limit": "N|auto",
    "--skill": "DIR",
    "--about": "TEXT",
    "--traces": "PATH",
}
OF_THE_MACHINE = ("HOME", "XDG_CONFIG_HOME", "T2S_RUNS")


def configure_run(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s run --skill skills/xlsx --traces traces/ --base-url http://127.0.0.1:8000/v1 --model m")
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help="settings file (default: ./t2s.toml if there is one)"
    )
    for flag, key in FLAGS.items():
        if flag not in NOT_FOR_RUN:
            _add_setting(parser, flag, key)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and an estimate; no call, no folder")
    parser.add_argument("--detach", action="store_true", help="start the engine and return")
    add_faces(parser)
    add_runs(parser)
    parser.set_defaults(act=_run)


def configure_demo(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s demo --family money --plain")
    parser.add_argument("--family", default=FIRST_FAMILY, metavar="NAME", help="date, money or queue (default: date)")
    for flag in ("--base-url", "--model", "--api-key-env"):
        _add_setting(parser, flag, FLAGS[flag])
    parser.add_argument("--detach", action="store_true", help="start the engine and return")
    add_faces(parser)
    add_runs(parser)
    parser.set_defaults(act=_demo)


def _add_setting(parser: argparse.ArgumentParser, flag: str, key: str) -> None:
    setting = SETTINGS[key]
    if setting.default is False:
        parser.add_argument(flag, dest=key, action="store_true", default=None, help=setting.sentence)
        return
    many = "+" if setting.default == () else None
    words = setting.sentence.replace("%", "%%")
    if (takes := expects(setting)).startswith("one of"):
        words += f" ({takes})"
    parser.add_argument(flag, dest=key, metavar=_metavar(flag, setting.default), nargs=many, help=words)


def _metavar(flag: str, default: object) -> str:
    if flag in METAVARS:
        return METAVARS[flag]
    return "N" if isinstance(default, int) else "X" if isinstance(default, float) else flag.rpartition("-")[2].upper()


def _run(arguments: argparse.Namespace) -> int:
    loaded = _resolve(arguments, os.environ)
    check_runnable(loaded)
    if arguments.dry_run:
        return _dry_run(loaded.config, as_json=arguments.json)
    _show_foreign_endpoint(loaded)
    return _evolve(loaded.config, arguments, _label(loaded.config))


def _demo(arguments: argparse.Namespace) -> int:
    """The demo is the same everywhere: settings of this folder and of the environment do not reach it."""
    family = arguments.family
    skill = starter_skill(family).absolute()
    flags: dict[str, object] = {
        "skill.path": str(skill),
        "domain.name": "house",
        "domain.family": family,
        "endpoint.local": None if vars(arguments)["endpoint.base_url"] else True,
    }
    for key in ("endpoint.base_url", "endpoint.model", "endpoint.api_key_env"):
        flags[key] = vars(arguments)[key]
    env = {name: os.environ[name] for name in OF_THE_MACHINE if name in os.environ}
    runs = load_config(file=None, cwd=Path.cwd(), env=env, flags={"run.runs": arguments.runs}).config.run.runs
    loaded = load_config(file=None, cwd=skill, env={}, flags={**flags, "run.runs": runs})
    check_runnable(loaded)
    return _evolve(loaded.config, arguments, f"demo-{family}", demo=True)


def _resolve(arguments: argparse.Namespace, env: Mapping[str, str]) -> Loaded:
    flags: dict[str, object] = {key: vars(arguments).get(key) for key in FLAGS.values()}
    flags["run.runs"] = arguments.runs
    name, found, family = str(flags["domain.name"] or "").partition(":")
    if found:
        flags["domain.name"], flags["domain.family"] = name, family
    file = Path(arguments.config) if arguments.config else None
    if file and not file.is_file():
        raise InputError(f"no settings file {file}; `t2s init` writes one")
    return load_config(file=file, cwd=Path.cwd(), env=env, flags=flags)


def _evolve(config: Config, arguments: argparse.Namespace, label: str, *, demo: bool = False) -> int:
    how = face(arguments)
    if config.endpoint.local and (code := host.tool("engine.llm.local", ["install"], quiet=how == "json")):
        return code  # it has said why
    run = new_run(config, runs=Path(config.run.runs).expanduser(), label=label)
    _tell_skipped(run)
    watch = how != "tui" and not arguments.detach
    with Interrupts() as interrupts:
        engine = host.start(run, watch=watch, new=True, called_off=interrupts.any)
        if arguments.detach:
            return _detached(run, how)
        return show(run, how, engine, interrupts, fps=arguments.fps, demo=demo)


def _tell_skipped(run: RunFolder) -> None:
    traces = read_toml(run.config)["inputs"].get("traces", {})
    if traces.get("skipped_rows"):
        first = safe(traces["skipped"][0])
        print(f"t2s: {traces['skipped_rows']} pieces of the traces could not be read, first {first}", file=sys.stderr)


def _detached(run: RunFolder, how: Face) -> int:
    if how == "json":
        print_json({"id": run.id, "path": str(run.path)})
    else:
        print(f"{run.id}: watch it with `t2s attach {run.id}`")
    return 0


def _show_foreign_endpoint(loaded: Loaded) -> None:
    """A settings file found in a folder may send a key somewhere new: say so, and ask where somebody can answer."""
    if not loaded.foreign_endpoint:
        return
    endpoint, origins = loaded.config.endpoint, loaded.origins
    place = origins["endpoint.base_url"]
    print(f"t2s: {place} sends the key in {endpoint.api_key_env} to {endpoint.base_url}", file=sys.stderr)
    if has_screen() and input("send it there? [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputError("not started; give --base-url and --api-key-env to say where a key may go")


def _label(config: Config) -> str:
    if config.skill.create:
        return config.skill.create
    return slug(Path(config.skill.path or "run").expanduser().resolve().name)


def _dry_run(config: Config, *, as_json: bool) -> int:
    facts = _facts(config)
    guess = estimate(config, facts)
    if as_json:
        print_json(_estimate_table(config, facts, guess))
        return 0
    print(f"skill {config.skill.create or config.skill.path}, model {_model(config)}, source {config.source}")
    if facts.total:
        print(f"{facts.total} trajectories: {facts.failed} failed, {facts.passed} passed")
    print(f"{'stage':<10}{'units':>8}{'calls':>8}{'tokens read':>14}{'written':>12}")
    for row in (*guess.rows, ("all", guess.units, guess.calls, guess.prompt, guess.completion)):
        stage, units, calls, prompt, completion = row
        print(f"{stage:<10}{units:>8,}{calls:>8,}{prompt:>14,}{completion:>12,}")
    print("an estimate; nothing was called and nothing was written")
    return 0


def _facts(config: Config) -> Facts:
    skill = load_skill(Path(config.skill.path).expanduser()) if config.skill.path else None
    size = sum(len(text) for _, text in skill.texts()) // 4 if skill else 400
    if not config.traces.paths:
        return Facts(size)
    labels = Path(config.traces.labels).expanduser() if config.traces.labels else None
    seen = survey([Path(path).expanduser() for path in config.traces.paths], labels)
    outcomes = seen.outcomes
    return Facts(size, len(seen.names), outcomes["fail"], outcomes["pass"], seen.size // 4)


def _estimate_table(config: Config, facts: Facts, guess: Estimate) -> dict[str, Any]:
    stages = {row.stage: row._asdict() | {"stage": row.stage} for row in guess.rows}
    return {
        "dry_run": True,
        "trajectories": facts.total,
        "stages": list(stages.values()),
        "units": {"total": guess.units},
        "calls": guess.calls,
        "tokens": {"prompt": guess.prompt, "completion": guess.completion},
        "config": json.loads(config.model_dump_json(exclude_none=True)),
    }


def _model(config: Config) -> str:
    return "embedded" if config.endpoint.local else f"{config.endpoint.model} at {config.endpoint.base_url}"
