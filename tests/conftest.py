"""For all tests: a home of its own, endpoints that answer by script, and patience where the machine is busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.shell import Shell, end_engine, scripted
from workspace.runs.run import runs_in

# A property fails for what it says, not because the machine was busy at that moment.
settings.register_profile("t2s", deadline=None)
settings.load_profile("t2s")


@pytest.fixture(scope="session")
def fast() -> Iterator[str]:
    """An endpoint that answers at once."""
    with scripted() as url:
        yield url


@pytest.fixture(scope="session")
def slow() -> Iterator[str]:
    """An endpoint that takes half a second, so that something can happen in between."""
    with scripted("--latency", "0.5") as url:
        yield url


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A home of its own; whatever engine a test left at work is ended."""
    shell = Shell(tmp_path)
    yield shell
    for run in runs_in(shell.runs):
        end_engine(run)
