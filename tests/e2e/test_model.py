"""The embedded real model: the truth behind the demo. Skipped unless its verified file is in the cache.

`make test-model` fetches it and runs all of these; `make test` runs the short one where the file is there already.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.llm.local.model import QWEN, cache_folder, cached, is_remembered
from tests.shell import ROOT, Shell

ALL = bool(os.environ.get("T2S_MODEL_TESTS"))
pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not is_remembered(cached(), QWEN), reason="the embedded model is not in the cache"),
]
long = pytest.mark.skipif(not ALL, reason="minutes of a real model: make test-model")
DATES = ("May 7, 1970", "5 August 1970", "Monday, June 1, 2066", "March 14th, 1992", "Sep 28, 2022", "2009-08-16")
RIGHT = ("07-MAY-1970", "05-AUG-1970", "01-JUN-2066", "14-MAR-1992", "28-SEP-2022", "16-AUG-2009")


@pytest.fixture
def home(tmp_path: Path) -> Shell:
    """A home of its own that knows where the model lies."""
    return Shell(tmp_path, T2S_MODELS=str(cache_folder()))


def test_a_real_model_turns_traces_into_a_skill_whose_lines_lead_back_to_quotes(home: Shell) -> None:
    traces = home.cwd / "traces.jsonl"
    rows = [
        {
            "id": f"note-{n}",
            "messages": [
                {"role": "user", "content": f"The chapel was painted on {given}. When was the chapel painted?"},
                {"role": "assistant", "content": given},
            ],
            "reward": 0,
            "expected": right,
        }
        for n, (given, right) in enumerate(zip(DATES, RIGHT, strict=True))
    ]
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    skill = ROOT / "workspace" / "seeds" / "house" / "date" / "starter" / "house-date"
    done = home.t2s("run", "--skill", skill, "--traces", traces, "--local", "--json", timeout=900)
    assert done.code == 0, done.err
    assert done.json["edits"]["unaccounted"] == done.json["lessons"]["unaccounted"] == 0
    lines = json.loads((home.run().path / "rounds/1/s0/provenance.json").read_text())["lines"]
    written = [line for line in lines if line["author"] != "s0" and line["text"].startswith("- ")]
    assert written
    assert all(line["lessons"] and line["trajectories"] for line in written)


@long
@pytest.mark.parametrize("family", ["date", "money"])
def test_the_demo_learns_the_convention_and_is_accepted(home: Shell, family: str) -> None:
    done = home.t2s("demo", "--family", family, "--json", timeout=1500)
    verdict = done.json["verdict"]
    assert (done.code, verdict["decision"]) == (0, "accept")
    assert verdict["test"]["baseline"] == 0
    assert verdict["test"]["candidate"] >= 0.85


@long
def test_a_hard_family_is_accepted_only_when_the_exact_test_says_so(home: Shell) -> None:
    done = home.t2s("demo", "--family", "queue", "--json", timeout=1500)
    verdict = done.json["verdict"]
    accepted = verdict["p"] <= 0.05 and verdict["difference"] > 0
    assert (verdict["decision"] == "accept") == accepted
    assert done.code == (0 if accepted else 4)
