"""Which servers each role calls: the common ones, unless the role has its own."""

from __future__ import annotations

from typing import NamedTuple

from workspace.settings.settings import ROLES, Config, Role, RoleSettings


class Server(NamedTuple):
    """Address and the variable of its key; an empty address is the embedded model."""

    base_url: str
    api_key_env: str = ""


EMBEDDED = Server("")


def servers(config: Config, role: Role) -> tuple[Server, ...]:
    """Where the calls of `role` may go, each server once, in the order of the settings; empty where none is named."""
    own: RoleSettings = getattr(config.roles, role)
    common = config.endpoint
    key = own.api_key_env or common.api_key_env
    if own.base_url:
        found = [own.base_url]
    elif common.local:
        return (EMBEDDED, *(Server(url, key) for url in own.also))
    else:
        found = [common.base_url, *common.also] if common.base_url else []
    return tuple(dict.fromkeys(Server(url, key) for url in (*found, *own.also)))


def all_servers(config: Config) -> dict[Server, tuple[Role, ...]]:
    """Every server of a run with the roles that call it."""
    found: dict[Server, tuple[Role, ...]] = {}
    for role in ROLES:
        for server in servers(config, role):
            found[server] = (*found.get(server, ()), role)
    return found


def is_embedded(config: Config, role: Role) -> bool:
    """Does the embedded model answer `role`?"""
    return EMBEDDED in servers(config, role)
