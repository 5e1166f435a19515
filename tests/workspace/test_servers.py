"""Which servers each role calls."""

from __future__ import annotations

from typing import Any

from workspace.settings.servers import EMBEDDED, Server, all_servers, is_embedded, servers
from workspace.settings.settings import Config

HERE, THERE, OWN = "http://here/v1", "http://there/v1", "http://own/v1"


def config(**tables: Any) -> Config:
    return Config.model_validate(tables)


def test_all_roles_call_the_common_servers() -> None:
    given = config(endpoint={"base_url": HERE, "also": [THERE, HERE], "api_key_env": "KEY"})
    assert servers(given, "analyst") == servers(given, "merger") == (Server(HERE, "KEY"), Server(THERE, "KEY"))


def test_a_role_with_a_server_of_its_own_calls_only_that_one() -> None:
    given = config(
        endpoint={"base_url": HERE, "also": [THERE]},
        roles={"merger": {"base_url": OWN, "api_key_env": "MINE"}, "judge": {"also": [OWN]}},
    )
    common = (Server(HERE, "OPENAI_API_KEY"), Server(THERE, "OPENAI_API_KEY"))
    assert servers(given, "merger") == (Server(OWN, "MINE"),)
    assert servers(given, "judge") == (*common, Server(OWN, "OPENAI_API_KEY"))
    assert all_servers(given)[Server(OWN, "MINE")] == ("merger",)
    assert all_servers(given)[common[0]] == ("solver", "analyst", "proposer", "judge")


def test_a_role_may_leave_the_embedded_model() -> None:
    given = config(endpoint={"local": True}, roles={"merger": {"base_url": OWN}})
    assert servers(given, "analyst") == (EMBEDDED,)
    assert is_embedded(given, "analyst")
    assert not is_embedded(given, "merger")


def test_without_an_address_there_is_no_server() -> None:
    assert servers(config(), "solver") == ()
    assert all_servers(config()) == {}
