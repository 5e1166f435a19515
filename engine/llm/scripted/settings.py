"""How a scripted server behaves."""

from __future__ import annotations

from typing import NamedTuple

from engine.llm.scripted.faults import Weather


class Settings(NamedTuple):
    """What the flags of `python -m engine.llm.scripted` set.

    slots        chat requests served at once, the others wait in line; 0 = no bound
    rate         tokens a second of one reply; 0 = all at once
    context      tokens that a prompt may have; 0 = no bound
    retry_after  seconds sent with 429 and 503
    """

    models: tuple[str, ...] = ("scripted",)
    key: str = ""
    slots: int = 0
    rate: float = 0.0
    context: int = 0
    useless: bool = False
    json_schema: bool = True
    style: str = "plain"
    retry_after: float = 0.1
    weather: Weather = Weather()
