"""Several endpoints: calls are spread, a lost one leaves and returns, roles have servers and models of their own."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.shell import Shell, kinds, scripted, wait_until
from workspace.runs import events as e
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, load_view

DEAD = "http://127.0.0.1:9/v1"


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as answer:
        return json.load(answer)


def words(shell: Shell, url: str, *more: object) -> tuple[object, ...]:
    given = ("run", "--skill", shell.skill(), "--traces", shell.traces(), "--base-url", url, "--model", "scripted")
    return (*given, *more)


def told(run: RunFolder, kind: type[e.Event]) -> list[Any]:
    return [event for event, _ in read_events(run.journal) if isinstance(event, kind)]


def paid(run: RunFolder) -> list[str]:
    return [json.loads(line)["key"] for line in run.calls.read_text().splitlines()]


def test_calls_are_spread_over_all_servers_of_a_model(shell: Shell) -> None:
    with scripted("--latency", "0.1") as one, scripted("--latency", "0.1") as two:
        done = shell.t2s(*words(shell, one, "--also-url", two, "--limit", 4, "--json"))
        assert done.code == 0, done.err
        served = [stats(url)["requests"] for url in (one, two)]
    assert done.json["lessons"]["learned"] > 0
    assert sum(served) >= done.json["calls"]
    assert min(served) > 0.25 * sum(served), served


def test_one_of_two_endpoints_is_lost_and_the_run_goes_on_with_the_other(shell: Shell) -> None:
    with scripted("--latency", "0.4") as stays:
        with scripted("--latency", "0.4") as goes:
            shell.t2s(*words(shell, goes, "--also-url", stays, "--limit", 2, "--detach"))
            run = shell.run()
            wait_until(lambda: "lesson.learned" in kinds(run), 30, "a lesson")
        wait_until(lambda: load_view(run).view.ended, 60, "the end")
    view = load_view(run).view
    assert (view.state, view.code) == ("finished", 0), view.why
    (lost,) = told(run, e.EndpointLost)
    assert (lost.endpoint in goes, lost.left) == (True, 1)
    assert "run.paused" not in kinds(run)
    assert len(paid(run)) == len(set(paid(run)))


def test_a_lost_endpoint_of_two_returns_to_work(shell: Shell) -> None:
    with scripted("--latency", "1") as stays:
        with scripted("--latency", "0.2") as goes:
            shell.t2s(*words(shell, goes, "--also-url", stays, "--limit", 1, "--detach"))
            run = shell.run()
            wait_until(lambda: "lesson.learned" in kinds(run), 30, "a lesson")
        wait_until(lambda: "endpoint.lost" in kinds(run), 30, "the loss")
        with scripted("--port", goes.rpartition(":")[2].partition("/")[0]) as back:
            wait_until(lambda: "endpoint.back" in kinds(run), 30, "the return")
            wait_until(lambda: load_view(run).view.ended, 60, "the end")
            assert stats(back)["requests"] > 0
    assert load_view(run).view.lost == {}
    assert load_view(run).view.code == 0


def test_one_of_four_endpoints_is_killed_and_started_again_and_nothing_is_lost(shell: Shell) -> None:
    slow = ("--latency", 0.3, "--tokens-per-second", 150, "--slots", 2)
    with scripted(*slow) as one, scripted(*slow) as two, scripted(*slow) as three:
        with scripted(*slow) as goes:
            given = ("run", "--skill", shell.skill(), "--traces", shell.traces(80), "--model", "scripted")
            shell.t2s(*given, "--base-url", goes, "--also-url", one, two, "--also-url", three, "--detach")
            run = shell.run()
            wait_until(lambda: kinds(run).count("lesson.learned") > 8, 60, "some lessons")
        wait_until(lambda: "endpoint.lost" in kinds(run), 30, "the loss")
        with scripted("--port", goes.rpartition(":")[2].partition("/")[0]) as back:
            wait_until(lambda: "endpoint.back" in kinds(run), 30, "the return")
            wait_until(lambda: load_view(run).view.ended, 120, "the end")
            served = [stats(url)["finished"] for url in (back, one, two, three)]
    view, rows = load_view(run).view, paid(run)
    assert (view.state, view.code) == ("finished", 0), view.why
    assert min(served) > 0
    assert len(told(run, e.EndpointLost)) == len(told(run, e.EndpointBack)) == 1
    assert "run.paused" not in kinds(run)
    assert not told(run, e.UnitFailed)
    assert len(rows) == len(set(rows))
    summary = shell.t2s("show", run.id, "--json").json
    assert (summary["lessons"]["unaccounted"], summary["edits"]["unaccounted"]) == (0, 0)
    assert summary["lessons"]["failed"] == 0
    assert len({event.unit for event in told(run, e.UnitDone) if event.stage == "analyse"}) == 60  # those that failed


def test_an_endpoint_that_is_dead_at_the_start_is_borne_where_another_one_answers(shell: Shell) -> None:
    with scripted() as url:
        done = shell.t2s(*words(shell, DEAD, "--also-url", url, "--json"))
        assert done.code == 0, done.err
    (lost,) = told(shell.run(), e.EndpointLost)
    assert (lost.endpoint, lost.left) == ("127.0.0.1:9", 1)


def test_nobody_answers_at_the_start(shell: Shell) -> None:
    done = shell.t2s(*words(shell, DEAD, "--also-url", DEAD + "/other"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "127.0.0.1:9" in done.err


def test_a_role_has_a_server_and_a_model_of_its_own(shell: Shell) -> None:
    with scripted() as common, scripted("--model", "large", "--api-key", "sesame") as own:
        (shell.cwd / "t2s.toml").write_text(
            f'[roles.merger]\nbase_url = "{own}"\nmodel = "large"\napi_key_env = "LARGE_KEY"\n'
        )
        shell.env["LARGE_KEY"] = "sesame"
        done = shell.t2s(*words(shell, common, "--json"))
        assert done.code == 0, done.err
        assert f"t2s.toml:2 sends the key in LARGE_KEY to {own}" in done.err
    rows = [json.loads(line) for line in shell.run().calls.read_text().splitlines()]
    assert {row["model"] for row in rows if row["agent"].startswith("merger")} == {"large"}
    assert {row["model"] for row in rows if not row["agent"].startswith(("merger", "repairer"))} == {"scripted"}


def test_a_role_without_an_endpoint_pauses_the_run_until_its_own_is_back(shell: Shell) -> None:
    with scripted("--latency", "0.2") as common:
        with scripted() as own:
            (shell.cwd / "t2s.toml").write_text(f'[roles.proposer]\nbase_url = "{own}"\n')
            shell.t2s(*words(shell, common, "--limit", 1, "--detach"))
            run = shell.run()
            wait_until(lambda: "patch.proposed" in kinds(run), 30, "a patch")
        wait_until(lambda: load_view(run).view.state == "paused", 60, "the pause")
        assert "127.0.0.1" in load_view(run).view.why
        with scripted("--port", own.rpartition(":")[2].partition("/")[0]):
            wait_until(lambda: load_view(run).view.ended, 60, "the end")
    assert load_view(run).view.code == 0
    assert len(paid(run)) == len(set(paid(run)))
    assert told(run, e.RunPaused)[0].why == "endpoint"


def test_each_server_is_asked_for_json_in_the_form_it_takes(shell: Shell) -> None:
    with scripted() as schema, scripted("--no-json-schema") as plain:
        done = shell.t2s(*words(shell, schema, "--also-url", plain, "--limit", 2, "--json"))
        assert (done.code, done.json["lessons"]["failed"]) == (0, 0), done.err
    kept = shell.run().endpoints.read_text()
    assert plain.removesuffix("/v1").removeprefix("http://") in kept
    assert schema.removesuffix("/v1").removeprefix("http://") not in kept


def test_a_model_that_one_server_lacks_is_told_before_any_call(shell: Shell) -> None:
    with scripted() as one, scripted("--model", "other") as two:
        done = shell.t2s(*words(shell, one, "--also-url", two))
    assert done.code == 2
    assert f"{two}" in done.err
    assert "has no model 'scripted'; it offers: other" in done.err
