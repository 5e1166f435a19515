"""The form of structured reply that a model takes is learnt from refusals, one step a refusal, and kept."""

from __future__ import annotations

import tomllib

import pytest

from tests.shell import Shell, scripted


@pytest.mark.parametrize(("option", "form"), [("--only-json-object", "json_object"), ("--no-json-schema", "text")])
def test_a_server_without_schemas_is_asked_in_the_next_form_and_this_is_remembered(
    shell: Shell, option: str, form: str
) -> None:
    with scripted(option) as url:
        words = ("--skill", shell.skill(), "--traces", shell.traces(6), "--base-url", url, "--model", "scripted")
        done = shell.t2s("run", *words, "--json")
    assert done.code == 0, done.err
    place = url.removeprefix("http://").removesuffix("/v1")
    assert tomllib.loads(shell.run().endpoints.read_text())["forms"] == {f"{place} scripted": form}
    assert done.json["units"]["failed"] == 0
