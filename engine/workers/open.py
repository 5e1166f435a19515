"""The workers that a run's settings name."""

from __future__ import annotations

from engine.workers.base import Workers
from engine.workers.local import LocalWorkers
from engine.workers.remote import RayWorkers
from workspace.settings.settings import Config


def workers_of(config: Config) -> Workers:
    """Not opened yet: nothing is probed, joined or started."""
    return RayWorkers(config) if config.workers.remote else LocalWorkers(config.sandbox)
