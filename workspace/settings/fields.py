"""How one setting is written down: its kind, its default and the sentence a user reads about it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["input", "content", "knob", "face"]


class Section(BaseModel):
    """A table of settings: frozen, and without names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def as_input(default: Any, sentence: str, **more: Any) -> Any:
    """A setting that decides what comes out; for the rest see `_setting`."""
    return _setting("input", default, sentence, **more)


def as_content(default: Any, sentence: str, **more: Any) -> Any:
    """A setting that names files whose content is the input."""
    return _setting("content", default, sentence, **more)


def as_knob(default: Any, sentence: str, **more: Any) -> Any:
    """A setting that only says how the work is done."""
    return _setting("knob", default, sentence, **more)


def as_face(default: Any, sentence: str, **more: Any) -> Any:
    """A setting of the person who looks on; a run knows nothing of it."""
    return _setting("face", default, sentence, **more)


def _setting(
    kind: Kind, default: Any, sentence: str, *, flag: str = "", example: Any = None, env: str = "", **limits: Any
) -> Any:
    """One field: the sentence is for users; `example` stands in the template where there is no default."""
    extra = {"kind": kind, "flag": flag, "env": env, "example": default if example is None else example}
    return Field(default=default, description=sentence, json_schema_extra=extra, **limits)
