"""Knobs of one engine life: settings that say how the work is done, never what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workspace.errors import ConfigError
from workspace.settings.config import KNOBS, Config


def with_knobs(config: Config, knobs: Mapping[str, str]) -> Config:
    """`config` with some knobs (dotted key → text) turned. Raises `ConfigError` for an input or a bad value."""
    data: dict[str, Any] = config.model_dump()
    for key, value in knobs.items():
        if key not in KNOBS:
            raise ConfigError(f"{key} is not a knob and cannot change in a run; knobs are: {', '.join(sorted(KNOBS))}")
        *path, last = key.split(".")
        table = data
        for name in path:
            table = table[name]
        table[last] = value
    if "endpoint.base_url" in knobs:
        data["endpoint"]["local"] = False
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(f"--knob {'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}") from error
