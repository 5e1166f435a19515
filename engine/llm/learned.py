"""What a run has learnt about its endpoints without asking for it: `endpoints.toml`, one table a kind of fact.

windows   model → tokens of its context, from refusals
forms     "endpoint model" → the form of structured reply it takes, from refusals
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from workspace.files import dump_toml, read_toml, write_text

Form = Literal["json_schema", "json_object", "text"]
FORMS: tuple[Form, ...] = get_args(Form)


def known(path: Path | None, table: str) -> dict[str, Any]:
    """The facts of one kind; empty where nothing was learnt. Raises `InputError` for a file that does not parse."""
    if path is None or not path.exists():
        return {}
    return dict(read_toml(path).get(table, {}))


def keep(path: Path | None, table: str, key: str, value: object) -> None:
    """Add a fact for the run's later lives."""
    if path is not None:
        before = read_toml(path) if path.exists() else {}
        write_text(path, dump_toml({**before, "format": 1, table: {**before.get(table, {}), key: value}}))


class Ladder:
    """How a model is asked for JSON: by schema, as any object, or in words alone. A refusal is one step down, for the
    whole run and without a probe."""

    def __init__(self, endpoint: str = "", path: Path | None = None) -> None:
        self._endpoint = endpoint
        self._path = path
        rows = known(path, "forms")
        self._forms: dict[str, Form] = {name: form for name, form in rows.items() if form in FORMS}

    def form(self, model: str) -> Form:
        """What to try next."""
        return self._forms.get(self._name(model), FORMS[0])

    def refused(self, model: str, form: Form) -> bool:
        """The server does not take `form`. False where there is no further step."""
        if form == FORMS[-1]:
            return False
        lower = FORMS[FORMS.index(form) + 1]
        if FORMS.index(self.form(model)) < FORMS.index(lower):  # else another call was told before
            self._forms[self._name(model)] = lower
            keep(self._path, "forms", self._name(model), lower)
        return True

    def _name(self, model: str) -> str:
        return f"{self._endpoint} {model}"
