"""Settings as text: where a key stands in a TOML file, the commented template, and the table a run keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import tomli_w
from pydantic import BaseModel

from workspace.settings.config_faults import expects
from workspace.settings.settings import SETTINGS, Config, Setting

_TABLE = re.compile(r"^\s*\[\[?\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_ROLE_SHOWN_IN_FULL = "roles.solver"
_HEADER = """\
# t2s.toml: settings of trace2skill-tui for the runs of this folder.
# A line that starts with "# name =" shows a default; remove the "# " to set another value.
# Weakest first: defaults, ~/.config/t2s/config.toml, this file, T2S_* in the environment, flags.
# In the environment merge.fan_in is T2S_MERGE__FAN_IN. Paths are relative to this file's folder.
"""


def key_lines(text: str) -> dict[str, int]:
    """Dotted name of each table and key of a TOML text → its 1-based line; text inside long strings is no key."""
    lines: dict[str, int] = {}
    table = ""
    closing = ""
    for number, line in enumerate(text.split("\n"), 1):
        if closing:
            closing = "" if closing in line else closing
            continue
        if found := _TABLE.match(line):
            table = _plain(found[1])
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault(f"{table}.{_plain(found[1])}".lstrip("."), number)
            closing = _left_open(line)
    return lines


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """The line of `key`, else of the nearest table around it (a key inside an inline table)."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return None


def commented_template() -> str:
    """The `t2s.toml` that `t2s init` writes: each setting with its sentence, defaults commented out."""
    return "\n".join([_HEADER, *_template(Config)])


def config_table(config: Config) -> dict[str, Any]:
    """The whole configuration as nested tables for a TOML file; what is not set is left out. It holds no keys, and
    nothing about the screen of whoever began the run."""
    return config.model_dump(mode="json", exclude_none=True, exclude={"screen"})


def dump_config(config: Config) -> str:
    """`config_table` as TOML text; `Config.model_validate(tomllib.loads(text))` gives the same configuration."""
    return tomli_w.dumps(config_table(config))


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def _left_open(line: str) -> str:
    for quotes in ('"""', "'''"):
        if line.count(quotes) % 2:
            return quotes
    return ""


def _template(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Single settings first: in TOML they must stand before the next table."""
    sections: list[tuple[str, type[BaseModel]]] = []
    for name, info in model.model_fields.items():
        if isinstance(info.default, BaseModel):
            sections.append((name, type(info.default)))
        else:
            yield from _template_setting(SETTINGS[prefix + name], name)
    for name, section in sections:
        yield ""
        if not prefix:
            yield f"# {section.__doc__}"
        yield f"[{prefix}{name}]"
        yield from _template(section, f"{prefix}{name}.")


def _template_setting(setting: Setting, name: str) -> Iterator[str]:
    unset = setting.default in (None, "", ())
    if not setting.key.startswith("roles.") or setting.key.startswith(_ROLE_SHOWN_IN_FULL):
        choices = expects(setting)
        yield f"# {setting.sentence}" + (f" It takes {choices}." if choices.startswith("one of") else "")
    # A JSON text, number, truth value or list of texts is the same in TOML.
    value = json.dumps(setting.example if unset else setting.default, ensure_ascii=False)
    yield f"# {name} = {value}" + ("  # not set; this is an example" if unset else "")
