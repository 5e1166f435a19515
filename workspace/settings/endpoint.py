"""The model servers: where they are, how much they are asked at once, and when a call counts as lost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from workspace.settings.fields import Section as _Section
from workspace.settings.fields import as_input as _input
from workspace.settings.fields import as_knob as _knob


def is_variable_name(name: str) -> str:
    """`name`, which could be an environment variable's. Raises `ValueError`."""
    if not name.isidentifier() or not name.isascii():
        raise ValueError("name an environment variable here, never the key itself")
    return name


def is_plain_url(url: str) -> str:
    """`url` without a slash at its end. Raises `ValueError` for anything but an http address without a password."""
    scheme, found, rest = url.partition("://")
    if scheme not in ("http", "https") or not found or not rest.strip("/"):
        raise ValueError("write the whole address, for example http://127.0.0.1:8000/v1")
    if "@" in rest.partition("/")[0]:
        raise ValueError("no user name or password in the address; name a key variable in endpoint.api_key_env")
    return url.rstrip("/")


VariableName = Annotated[str, AfterValidator(is_variable_name)]
Address = Annotated[str, AfterValidator(is_plain_url)]


class TimeoutSettings(_Section):
    """When a call to the model counts as lost, in seconds."""

    connect: float = _knob(5.0, "Seconds until a connection must stand.", gt=0)
    first_token: float = _knob(600.0, "Seconds until the first word of a reply.", gt=0)
    idle: float = _knob(60.0, "Seconds between two pieces of a reply.", gt=0)
    total: float = _knob(1800.0, "Seconds for one whole reply.", gt=0)


class EndpointSettings(_Section):
    """The model server: any OpenAI-compatible address, or the embedded model."""

    base_url: Address | None = _knob(
        None,
        "Address of an OpenAI-compatible server.",
        flag="--base-url",
        env="T2S_BASE_URL",
        example="http://127.0.0.1:8000/v1",
    )
    also: tuple[Address, ...] = _knob(
        (),
        "More servers with the same model; calls are spread over all of them.",
        flag="--also-url",
        env="T2S_ALSO_URL",
        example=["http://127.0.0.1:8001/v1"],
    )
    model: str | None = _input(
        None, "Name of the model on that server.", flag="--model", env="T2S_MODEL", example="my-model"
    )
    api_key_env: VariableName = _knob(
        "OPENAI_API_KEY",
        "The environment variable that holds the key; the key itself is never written to a file.",
        flag="--api-key-env",
        env="T2S_API_KEY_ENV",
    )
    local: bool = _knob(False, "Use the embedded model: no key, no GPU, no account.", flag="--local", env="T2S_LOCAL")
    limit: Annotated[int, Field(ge=1)] | Literal["auto"] = _knob(
        "auto", "Calls in flight at once on each server; auto finds what it can take.", flag="--limit", env="T2S_LIMIT"
    )
    rpm: Annotated[int, Field(ge=1)] | Literal["none"] = _knob("none", "The most calls a minute, on each server.")
    tpm: Annotated[int, Field(ge=1)] | Literal["none"] = _knob(
        "none", "The most tokens a minute, read and written, on each server."
    )
    wait: float = _knob(
        600.0,
        "Seconds a run without a screen waits for a lost server before it ends.",
        flag="--endpoint-wait",
        env="T2S_ENDPOINT_WAIT",
        ge=0,
    )
    timeouts: TimeoutSettings = TimeoutSettings()
