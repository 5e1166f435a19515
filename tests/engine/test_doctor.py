"""The doctor: what it says about servers that are well, ill or not there."""

import json
import subprocess
import sys
from typing import Any

from tests.engine.test_scripted import serving


def doctor(*flags: str, key: str = "") -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, checks by name, and all that was printed."""
    env = {"PATH": "", "BOX_KEY": key} if key else {"PATH": ""}
    command = [sys.executable, "-m", "engine.doctor", *flags, "--api-key-env", "BOX_KEY"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    assert done.stderr == ""
    rows = json.loads(done.stdout)["checks"] if "--json" in flags else []
    return done.returncode, {row["name"]: row for row in rows}, done.stdout


def test_a_server_that_is_well_passes_every_check():
    with serving() as (url, _):
        code, checks, _ = doctor("--base-url", url, "--model", "scripted", "--json")
    assert code == 0
    assert list(checks) == ["reachable", "models", "model", "reply", "streaming", "usage", "json_schema"]
    assert {row["status"] for row in checks.values()} == {"ok"} and not any(row["todo"] for row in checks.values())


def test_rows_for_people_say_status_name_and_detail():
    with serving() as (url, _):
        code, _, said = doctor("--base-url", url)
    assert code == 0 and said.splitlines()[0].split() == ["ok", "reachable", url]


def test_a_server_that_is_not_there_fails_with_a_way_out():
    code, checks, _ = doctor("--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--json")
    assert code == 2 and list(checks) == ["reachable"]
    assert checks["reachable"]["status"] == "fail" and "start the server" in checks["reachable"]["todo"]


def test_a_wrong_key_fails_without_being_printed():
    with serving("--api-key", "right-key") as (url, _):
        code, checks, said = doctor("--base-url", url, "--model", "scripted", "--json", key="wrong-key")
        assert doctor("--base-url", url, "--model", "scripted", key="right-key")[0] == 0
    assert code == 2 and "$BOX_KEY" in checks["models"]["detail"] and "wrong-key" not in said


def test_an_unknown_model_fails_with_what_the_server_offers():
    with serving("--model", "small", "--model", "large") as (url, _):
        code, checks, _ = doctor("--base-url", url, "--model", "tiny", "--json")
    assert code == 2 and "small, large" in checks["model"]["detail"]


def test_what_a_server_lacks_is_a_warning_and_not_a_failure():
    with serving("--no-json-schema") as (url, _):
        code, checks, _ = doctor("--base-url", url, "--json")
    assert code == 0 and checks["json_schema"]["status"] == "warn" and checks["json_schema"]["todo"]


def test_a_model_that_thinks_aloud_is_understood():
    with serving("--style", "thinking") as (url, _):
        assert doctor("--base-url", url, "--json")[0] == 0
