"""For all tests: a property fails for what it says, not because the machine was busy at that moment."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("t2s", deadline=None)
settings.load_profile("t2s")
