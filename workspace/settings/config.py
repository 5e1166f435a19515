"""Where settings come from, and which one wins.

Weakest first: defaults, OPENAI_BASE_URL, the user's own file, the folder's file, T2S_* in the environment, flags.
A mistake in any of them is told with its key and its place, all mistakes at once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pydantic import ValidationError

from workspace.errors import ConfigError, InputError, at
from workspace.files import parse_toml, read_text
from workspace.settings.config_faults import expects, told_faults, unknown_variable
from workspace.settings.config_files import commented_template, config_table, dump_config, key_lines, line_of
from workspace.settings.screen import SCREEN_FLAGS
from workspace.settings.servers import EMBEDDED, all_servers, servers
from workspace.settings.settings import (
    DOMAINS,
    FLAGS,
    KNOBS,
    ROLES,
    SETTINGS,
    STAGES,
    Config,
    Role,
    RoleModel,
    RoleSettings,
    Setting,
    Source,
    Stage,
    inputs,
    role_model,
    value_of,
)

__all__ = [
    "FLAGS",
    "KNOBS",
    "ROLES",
    "SETTINGS",
    "STAGES",
    "Config",
    "Lack",
    "Loaded",
    "Role",
    "RoleModel",
    "RoleSettings",
    "Setting",
    "Source",
    "Stage",
    "check_runnable",
    "commented_template",
    "config_table",
    "dump_config",
    "expects",
    "inputs",
    "lacks",
    "load_config",
    "role_model",
    "unpriced",
    "value_of",
]

FOLDER_FILE = "t2s.toml"
MIN_VALIDATION = 6
BOTH_PRICES = "needs both prices: --price-prompt and --price-completion, or both under [prices] in a settings file"
# Ours as well, but read where they are needed; without this list T2S_MODELS would pass for a mistyped T2S_MODEL.
OTHER_VARIABLES = frozenset({"T2S_LOCAL_KEY", "T2S_MODELS", "T2S_SHARED_DATA"})
EITHER_OR = (("skill.path", "skill.create"), ("endpoint.base_url", "endpoint.local"))
# what decides which commands see what, and where
FOREIGN = ("domain.name", "domain.data", "sandbox.level", "sandbox.readable", "workers.where")
WHERE = ("base_url", "also", "api_key_env")  # what decides where a key goes
PATHS = ("skill.path", "traces.paths", "traces.labels", "domain.data", "sandbox.readable", "run.runs")
_CODE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+|.*:.*")


class Lack(NamedTuple):
    """Something a run cannot begin without: a name for faces with words of their own, where the setting at fault comes
    from, and the sentence of the command line."""

    name: Literal["skill", "about", "source", "domain", "server", "model", "base_url", "prices", "confirm", "held_out"]
    said: str
    origin: str = ""


class Loaded(NamedTuple):
    """The resolved configuration and where each setting came from ("t2s.toml:12", "--model", "default").

    `sends`: sentences, one for each key from the environment that a file in this folder decides to send somewhere.
    `runs`: sentences about the commands of strangers that such a file brings into the run, and about a weaker sandbox
    for them. A face shows both once before the first call.
    """

    config: Config
    origins: Mapping[str, str]
    sends: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layer:
    """One place settings come from: nested values as written, and a way to name the place of a key."""

    kind: Literal["openai", "own", "folder", "named", "environment", "flags"]
    values: dict[str, Any]
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    name: str = ""
    lines: dict[str, int] = field(default_factory=dict[str, int])
    base: Path | None = None

    def place(self, key: str) -> str:
        return self.places.get(key) or at(self.name, line_of(key, self.lines))


def load_config(*, file: Path | None, cwd: Path, env: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Resolve the settings of a command.

    `file` stands in for ./t2s.toml when the user named one; `flags` maps dotted keys to values, None = not given.
    Raises `ConfigError` with every fault, one a line: key, place, what is allowed, the nearest name.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    faults: list[str] = []
    layers = list(_layers(file, cwd, env, flags, faults))
    for layer in layers:
        taken = _take(layer, env.get("HOME", ""), faults)
        faults += _clashes(layer, taken)
        for key in _outvoted(taken):
            values.pop(key, None)
            origins.pop(key, None)
        values |= taken
        origins |= {key: layer.place(key) for key in taken}
    if faults:
        raise ConfigError("\n".join(faults))
    config = Config.model_validate(_nest(values))
    origins = {key: origins.get(key, "default") for key in SETTINGS}
    return Loaded(config, origins, tuple(_sends(config, origins, layers, env)), tuple(_runs(config, origins, layers)))


def check_runnable(loaded: Loaded) -> None:
    """Raise `ConfigError` with everything a run still lacks: a skill, something to learn from, a model."""
    if found := list(lacks(loaded)):
        raise ConfigError("\n".join(f"{each.origin}: {each.said}" if each.origin else each.said for each in found))


def lacks(loaded: Loaded) -> Iterator[Lack]:
    """Everything that the run still lacks."""
    config, origins = loaded.config, loaded.origins
    skill, domain, endpoint = config.skill, config.domain, config.endpoint
    if not skill.path and not skill.create:
        yield Lack("skill", "no skill: give --skill DIR to deepen one, or --create NAME --about TEXT")
    if skill.create and not skill.about:
        yield Lack("about", "a created skill needs a sentence on what it is for: --about TEXT")
    if not config.traces.paths and not domain.name:
        yield Lack("source", "nothing to learn from: give --traces PATH, or --domain NAME for tasks to try")
    if config.run.rounds > 1 and not domain.name:
        said = "a second round needs tasks to try the new skill on: give --domain NAME, or one round"
        yield Lack("domain", said, origins["run.rounds"])
    nameless = [role for role in ROLES if not role_model(config, role).model]
    if any(not servers(config, role) for role in ROLES):
        yield Lack("server", "no model: give --base-url URL and --model NAME, or --local for the embedded one")
    elif not endpoint.local and nameless:
        yield Lack("model", "no model: --base-url needs --model NAME beside it")
    if endpoint.also and not endpoint.base_url:
        said = "endpoint.also names more servers beside endpoint.base_url; give both"
        yield Lack("base_url", said, origins["endpoint.also"])
    if unpriced(config):
        yield Lack("prices", unpriced(config), origins["spending.cost"])
    if config.spending.confirm_cost != "none" and is_remote(config) and not _is_priced(config):
        yield Lack("confirm", f"spending.confirm_cost {BOTH_PRICES}", origins["spending.confirm_cost"])
    if domain.name and 0 < domain.validation < MIN_VALIDATION:
        said = f"domain.validation is {domain.validation}; a verdict needs {MIN_VALIDATION} or more tasks"
        yield Lack("held_out", f"{said} (0 = no verdict)", origins["domain.validation"])


def unpriced(config: Config) -> str:
    """What is wrong where a cap on cost stands without both prices; empty where nothing is."""
    if config.spending.cost == "none" or _is_priced(config):
        return ""
    return f"a cap on cost {BOTH_PRICES}"


def is_remote(config: Config) -> bool:
    """Does any role call a server, so that tokens may cost money?"""
    return any(server != EMBEDDED for server in all_servers(config))


def _is_priced(config: Config) -> bool:
    return None not in (config.prices.prompt, config.prices.completion)


def _layers(
    file: Path | None, cwd: Path, env: Mapping[str, str], flags: Mapping[str, object], faults: list[str]
) -> Iterator[_Layer]:
    if url := env.get("OPENAI_BASE_URL"):
        places = {"endpoint.base_url": "OPENAI_BASE_URL in the environment"}
        yield _Layer("openai", {"endpoint": {"base_url": url}}, places)
    home = Path(env["HOME"]) if env.get("HOME") else None
    own = _own_file(env, home)
    if own and own.is_file():
        yield from _file_layer("own", own, cwd, home, faults)
    if file is not None:
        yield from _file_layer("named", cwd / file, cwd, home, faults)
    elif (cwd / FOLDER_FILE).is_file():
        yield from _file_layer("folder", cwd / FOLDER_FILE, cwd, home, faults)
    yield _environment(env, faults)
    given = {key: _plain(value) for key, value in flags.items() if value is not None}
    names = {key: flag for flag, key in {**FLAGS, **SCREEN_FLAGS}.items()}
    yield _Layer("flags", _nest(given), {key: names.get(key, f"flag for {key}") for key in given})


def _own_file(env: Mapping[str, str], home: Path | None) -> Path | None:
    if env.get("XDG_CONFIG_HOME"):
        return Path(env["XDG_CONFIG_HOME"], "t2s", "config.toml")
    return home / ".config" / "t2s" / "config.toml" if home else None


def _file_layer(
    kind: Literal["own", "folder", "named"], path: Path, cwd: Path, home: Path | None, faults: list[str]
) -> Iterator[_Layer]:
    name = _short(path, cwd, home)
    try:
        text = read_text(path).removeprefix("\ufeff")
        values = parse_toml(text, name)
    except InputError as error:
        faults.append(str(error))
        return
    base = None if kind == "own" or path.parent == cwd else path.parent
    yield _Layer(kind, values, {}, name, key_lines(text), base)


def _short(path: Path, cwd: Path, home: Path | None) -> str:
    if path.is_relative_to(cwd):
        return str(path.relative_to(cwd))
    if home and path.is_relative_to(home):
        return f"~/{path.relative_to(home)}"
    return str(path)


def _environment(env: Mapping[str, str], faults: list[str]) -> _Layer:
    short = {setting.env: key for key, setting in SETTINGS.items() if setting.env}
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name in sorted(env):
        if not name.startswith("T2S_") or name in OTHER_VARIABLES or not env[name]:
            continue
        key = short.get(name) or name.removeprefix("T2S_").lower().replace("__", ".")
        if key in SETTINGS:
            # Lists of paths are written as PATH is, others (addresses hold colons) with blanks between.
            listed = env[name].split(os.pathsep if key in PATHS else None)
            values[key] = listed if isinstance(SETTINGS[key].default, tuple) else env[name]
            places[key] = f"{name} in the environment"
        elif fault := unknown_variable(name, short):
            faults.append(fault)
    return _Layer("environment", _nest(values), places)


def _take(layer: _Layer, home: str, faults: list[str]) -> dict[str, Any]:
    """The settings of one layer by dotted key, checked; what is wrong goes to `faults`."""
    typed = layer.kind in ("own", "folder", "named")
    try:
        text = json.dumps(layer.values, default=str)
        config = Config.model_validate_json(text, strict=typed)
    except ValidationError as error:
        faults += told_faults(error, layer.place)
        return {}
    taken = {key: value_of(config, key) for key in SETTINGS if _given(layer.values, key)}
    if layer.kind == "folder" and _CODE.fullmatch(taken.get("domain.name") or "") and "/" not in taken["domain.name"]:
        place = layer.place("domain.name")
        faults.append(f"{place}: domain.name names code, which a file found in a folder may not; use --domain")
    return {key: _placed(value, layer.base, home) if key in PATHS else value for key, value in taken.items()}


def _placed(value: Any, base: Path | None, home: str) -> Any:
    """A path of a file elsewhere is relative to that file; `~/` is the home folder."""
    if isinstance(value, tuple):
        return tuple(_placed(one, base, home) for one in cast("tuple[str, ...]", value))
    if not isinstance(value, str):
        return value
    path = Path(home, value[2:]) if home and value.startswith("~/") else Path(value)
    return str(base / path) if base else str(path)


def _clashes(layer: _Layer, taken: Mapping[str, Any]) -> Iterator[str]:
    for one, other in EITHER_OR:
        if taken.get(one) and taken.get(other):
            yield f"{layer.place(other)}: {other} and {one} ({layer.place(one)}) exclude each other; keep one"


def _outvoted(taken: Mapping[str, Any]) -> Iterator[str]:
    """A stronger layer that sets one of a pair silences the other one in the layers below."""
    for one, other in EITHER_OR:
        if taken.get(one):
            yield other
        if taken.get(other):
            yield one


def _sends(config: Config, origins: Mapping[str, str], layers: list[_Layer], env: Mapping[str, str]) -> Iterator[str]:
    """What files found in this folder send where: their layers decide, and none of the user's own says the same."""
    found = [layer for layer in layers if layer.kind in ("folder", "named")]
    ours = [layer for layer in layers if layer not in found]
    for server, roles in all_servers(config).items():
        if server == EMBEDDED or not env.get(server.api_key_env):
            continue
        deciding = [f"{table}.{name}" for table in ("endpoint", *(f"roles.{r}" for r in roles)) for name in WHERE]
        for key in deciding:
            said = {server.base_url, server.api_key_env} & _words(value_of(config, key))
            if any(said & _given_words(layer, key) for layer in found) and not any(
                said <= _given_words(layer, key) for layer in ours
            ):
                yield f"{origins[key]} sends the key in {server.api_key_env} to {server.base_url}"
                break


def _runs(config: Config, origins: Mapping[str, str], layers: list[_Layer]) -> Iterator[str]:
    """What files found in this folder bring into the run: commands that check tasks, a sandbox that hides less."""
    found = [layer for layer in layers if layer.kind == "folder"]
    where = {layer.place(key) for layer in found for key in FOREIGN}
    name, data, level = config.domain.name or "", config.domain.data, config.sandbox.level
    if origins["domain.name"] in where and (name == "folder" or name.partition("/")[0] not in DOMAINS):
        yield f"{origins['domain.name']} names tasks whose checks are commands: {data or name}"
    if origins["sandbox.readable"] in where:
        yield f"{origins['sandbox.readable']} lets commands read {', '.join(config.sandbox.readable)}"
    if origins["sandbox.level"] in where and level in ("none", "process", "container"):
        yield f"{origins['sandbox.level']} sets the sandbox to {level}, which may hide less of this machine"
    if origins["workers.where"] in where and config.workers.remote:
        yield f"{origins['workers.where']} sends tasks and commands to {config.workers.where}"


def _given_words(layer: _Layer, key: str) -> set[str]:
    return _words(_dig(layer.values, key))


def _words(value: Any) -> set[str]:
    """A text, or the texts of a list, as they are compared."""
    words = cast("list[Any]", value) if isinstance(value, list | tuple) else [value]
    return {word.rstrip("/") for word in words if isinstance(word, str)}


def _plain(value: object) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("list[object]", value)]
    return value


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, name = key.split(".")
        table = nested
        for parent in parents:
            table = table.setdefault(parent, {})
        table[name] = value
    return nested


def _given(values: Mapping[str, Any], key: str) -> bool:
    return _dig(values, key) is not None


def _dig(values: Mapping[str, Any], key: str) -> Any:
    value: Any = values
    for name in key.split("."):
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict | Mapping) else None
    return value
