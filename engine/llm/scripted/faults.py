"""Latency and faults of the scripted server, drawn from (seed, request, arrival) and from nothing else."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

Fault = Literal["429", "500", "503", "malformed", "broken-json", "disconnect", "stall"]
Spread = Literal["fixed", "lognormal", "stragglers"]

FAULTS: tuple[str, ...] = get_args(Fault)
SPREADS: tuple[str, ...] = get_args(Spread)
SIGMA = 0.75
STRAGGLERS, SLOWER = 0.05, 10.0


class Weather(NamedTuple):
    """How rough the server is. `rates`: share of requests a fault strikes; `latency`: mean seconds to the first token.

    lognormal: mean `latency`, sigma 0.75; stragglers: 5 % take 10 times as long.
    """

    seed: int = 0
    latency: float = 0.0
    spread: Spread = "fixed"
    rates: Mapping[str, float] = {}

    def delay(self, request: str, arrival: int) -> float:
        """Seconds until the first token of this request's `arrival`-th visit."""
        chance = self._chance("latency", request, arrival)
        match self.spread:
            case "lognormal":
                return self.latency * chance.lognormvariate(-SIGMA * SIGMA / 2, SIGMA)
            case "stragglers":
                return self.latency * (SLOWER if chance.random() < STRAGGLERS else 1.0)
            case "fixed":
                return self.latency

    def fault(self, request: str, arrival: int) -> str:
        """Which fault strikes, or empty. A malformed answer is the model's own: it does not depend on the arrival."""
        for name, rate in self.rates.items():
            visit = 0 if name == "malformed" else arrival
            if self._chance(name, request, visit).random() < rate:
                return name
        return ""

    def cut(self, request: str, pieces: int) -> int:
        """After how many of `pieces` a torn stream ends: at least one when there are several, never all."""
        return self._chance("cut", request, 0).randint(min(1, pieces - 1), max(0, pieces - 1))

    def _chance(self, about: str, request: str, arrival: int) -> random.Random:
        return random.Random(f"{self.seed}/{about}/{request}/{arrival}")
