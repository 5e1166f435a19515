"""The doctor: what it says about servers that are well, ill or not there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.llm.openai_chat import OpenAIChat
from engine.measure import Measured, Step, concurrencies, measure
from tests.engine.test_scripted import serving
from tests.shell import Shell, scripted


def doctor(*flags: str, key: str = "") -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, checks by name, and all that was printed; nothing is measured."""
    env = {"PATH": "", "BOX_KEY": key} if key else {"PATH": ""}
    command = [sys.executable, "-m", "engine.doctor", *flags, "--quick", "--api-key-env", "BOX_KEY"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=env)
    assert done.stderr == ""
    rows = json.loads(done.stdout)["checks"] if "--json" in flags else []
    return done.returncode, {row["name"]: row for row in rows}, done.stdout


def test_a_server_that_is_well_passes_every_check():
    with serving("--context", "32768", "--tell-context") as (url, _):
        code, checks, _ = doctor("--base-url", url, "--model", "scripted", "--json")
    assert code == 0
    assert list(checks) == ["reachable", "models", "model", "context", "reply", "streaming", "usage", "json_schema"]
    assert checks["context"]["detail"] == "32,768 tokens"
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


def test_a_context_that_is_short_or_not_told_is_a_warning_with_a_way_out():
    with serving("--context", "2048", "--tell-context") as (url, _):
        short = doctor("--base-url", url, "--json")[1]["context"]
    with serving() as (url, _):
        untold = doctor("--base-url", url, "--json")[1]["context"]
    assert short["status"] == untold["status"] == "warn"
    assert short["detail"] == "2,048 tokens" and "serve the model with" in short["todo"]
    assert "does not tell" in untold["detail"] and untold["todo"]


# --- how fast it is --------------------------------------------------------------------------------------------------


class Speed(NamedTuple):
    """What a measuring doctor said."""

    code: int
    rows: dict[str, dict[str, Any]]
    measured: list[dict[str, Any]]
    limit: int | None


def speed(url: str, *flags: str) -> Speed:
    """The doctor with its bursts."""
    command = [sys.executable, "-m", "engine.doctor", "--base-url", url, "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": ""})
    assert done.stderr == ""
    said = json.loads(done.stdout)
    rows = {row["name"]: row for row in said["checks"]}
    return Speed(done.returncode, rows, said["measured"], said["recommended_limit"])


def test_the_limit_that_is_recommended_is_the_number_of_slots_of_a_server_that_queues():
    with scripted("--slots", 4, "--latency", 0.2, "--tokens-per-second", 100) as url:
        found = speed(url)
    assert [step["concurrency"] for step in found.measured] == [1, 2, 4, 8]
    assert found.limit == 4 and "--limit 4" in found.rows["limit"]["detail"]
    one, _, four, eight = (step["tokens_per_second"] for step in found.measured)
    assert four > 2.5 * one and eight < 1.1 * four
    assert found.measured[3]["ttft"] > found.measured[0]["ttft"] + 0.15 >= 0.35


def test_a_server_that_takes_all_that_is_tried_is_said_to_take_more():
    with scripted("--latency", 0.3) as url:
        found = speed(url, "--up-to", "6")
    assert [step["concurrency"] for step in found.measured] == [1, 2, 4, 6]
    assert found.limit == 6 and "--up-to 12" in found.rows["limit"]["todo"]


def test_a_refused_call_ends_the_measurement_and_what_came_before_counts(tmp_path: Path):
    replies = tmp_path / "replies.jsonl"
    # Two for the checks, three for one caller, six for two; the twelfth call is one too many.
    replies.write_text('{"role": "", "content": "a b c"}\n' * 11 + '{"role": "", "status": 429}\n')
    with scripted("--replies", replies, "--latency", 0.1) as url:
        found = speed(url)
    assert found.code == 0 and [step["concurrency"] for step in found.measured] == [1, 2] and found.limit == 2
    refused = found.rows["4 at once"]
    assert refused["status"] == "warn" and "429" in refused["detail"] and "stay below" in refused["todo"]
    assert "8 at once" not in found.rows


def test_a_server_that_refuses_every_burst_gets_no_number(tmp_path: Path):
    replies = tmp_path / "replies.jsonl"
    replies.write_text('{"role": "", "content": "a b c"}\n' * 2 + '{"role": "", "status": 429}\n')
    with scripted("--replies", replies) as url:
        found = speed(url)
    assert (found.code, found.measured, found.limit) == (0, [], None)
    assert found.rows["limit"]["status"] == "warn" and found.rows["limit"]["todo"]


async def test_random_rejections_end_a_measurement_without_an_error():
    with scripted("--fail", "429=0.1", "--latency", 0.05, "--seed", 3) as url:
        endpoint = OpenAIChat(url, "scripted")
        try:
            measured = await measure(endpoint, "scripted", 32)
        finally:
            await endpoint.close()
    assert "429" in str(measured.failed) and measured.steps and measured.stopped_at == 2 ** len(measured.steps)


async def test_a_slow_server_is_measured_no_longer_than_allowed():
    with scripted("--latency", 0.4, "--slots", 1) as url:
        endpoint = OpenAIChat(url, "scripted")
        try:
            measured = await measure(endpoint, "scripted", 32, within=1.7)
        finally:
            await endpoint.close()
    assert measured.failed is None and measured.stopped_at == 2 and measured.growing and measured.recommended == 1


def test_the_fewest_calls_near_the_best_speed_are_recommended():
    steps = (Step(1, 50, 0.1), Step(2, 95, 0.1), Step(4, 100, 0.2))
    assert Measured(steps).recommended == 2 and Measured().recommended is None
    assert list(concurrencies(1)) == [1] and list(concurrencies(24)) == [1, 2, 4, 8, 16, 24]


@pytest.mark.parametrize("number", ["0", "-1", "many", "5000"])
def test_a_number_of_calls_that_cannot_be_tried_is_refused(number: str):
    command = [sys.executable, "-m", "engine.doctor", "--base-url", "http://127.0.0.1:9/v1", "--up-to", number]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env={"PATH": ""})
    assert done.returncode == 2 and "from 1 to 1024" in done.stderr


def test_the_command_tells_the_measurement_and_leaves_it_out_when_asked(tmp_path: Path):
    shell = Shell(tmp_path)
    with scripted("--slots", 2, "--latency", 0.2) as url:
        whole = shell.t2s("doctor", "--base-url", url, "--up-to", 4, "--json").json
        quick = shell.t2s("doctor", "--base-url", url, "--quick", "--json").json
    assert [step["concurrency"] for step in whole["measured"]] == [1, 2, 4] and whole["recommended_limit"] == 2
    assert quick["measured"] == [] and quick["recommended_limit"] is None
    assert {row["name"] for row in whole["checks"]} >= {"4 at once", "limit", "disk"}
    assert shell.t2s("doctor", "--base-url", "http://127.0.0.1:9/v1", "--up-to", 0).code == 2
