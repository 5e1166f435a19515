"""What a model server's `/metrics` say of its load, in the words of vLLM, SGLang and llama.cpp. Pure.

The page is Prometheus' text format: lines `name{labels} value`, `#` for comments. Several rows of one name (one an
engine or model) are added up; of cache use the fullest counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from engine.llm.watched import Sample

WAITING = ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred")
CACHE = (
    "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "llamacpp:kv_cache_usage_ratio",
)  # fmt: skip
PREEMPTED = ("vllm:num_preemptions_total", "vllm:num_preemptions", "sglang:num_retracted_reqs_total")
_ROW = re.compile(r"([A-Za-z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)")


class Reading(NamedTuple):
    """One look: calls that wait, cache use in 0…1, the counter of preempted calls; None where the page is silent."""

    waiting: float | None = None
    cache: float | None = None
    preempted: float | None = None

    @property
    def tells(self) -> bool:
        """Does the page say anything of use?"""
        return self.waiting is not None or self.cache is not None


def read_metrics(page: str) -> Reading:
    """A page of metrics; what is no number, or of no known name, is passed over."""
    found: dict[str, list[float]] = {}
    for name, value in _rows(page):
        found.setdefault(name, []).append(value)
    cache = [value for name in CACHE for value in found.get(name, ())]
    return Reading(_total(found, WAITING), min(1.0, max(cache)) if cache else None, _total(found, PREEMPTED))


def sample(now: Reading, before: Reading | None) -> Sample:
    """What the limiter is told: of preempted calls those since the look before; a counter that fell began anew."""
    grown = 0.0
    if before is not None and now.preempted is not None and before.preempted is not None:
        grown = now.preempted - before.preempted if now.preempted >= before.preempted else now.preempted
    return Sample(waiting=now.waiting, cache=now.cache, preemptions=grown)


def _rows(page: str) -> Iterator[tuple[str, float]]:
    for line in page.splitlines():
        row = None if line.startswith("#") else _ROW.match(line.strip())
        if row is None:
            continue
        try:
            value = float(row[2])
        except ValueError:
            continue
        if math.isfinite(value) and value >= 0:
            yield row[1], value


def _total(found: dict[str, list[float]], names: tuple[str, ...]) -> float | None:
    """The first of `names` that the page has; two names of one thing are never added."""
    return next((sum(found[name]) for name in names if name in found), None)
