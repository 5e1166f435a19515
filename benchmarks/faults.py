"""What a rough server costs a run: lessons kept, calls paid twice, seconds.

    python benchmarks/faults.py [--seeds 1 2 3] [--latency 0.2] [--slots 16]

64 traces that teach one known rule each (16 rules, four traces each), against the scripted server: first a quiet one,
then one that does all of this at once: 10 % 429 with Retry-After, 5 % 500, 3 % disconnects in mid-stream, 3 % stalls,
5 % malformed replies, 3 % truncated at the token limit. The run's clocks are shortened (idle 2 s), so that a stall
costs seconds, not minutes.

`kept`: lessons that stand in the skill and say word for word what the trace taught. `maimed`: lessons that say another
thing. `lost`: neither. `again`: requests beyond the calls on record and the attempts that failed at the server.
`twice`: calls on record under a key that was there before. Bar: 64 kept, `again` and `twice` 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.ideas import ideas
from benchmarks.lab import Done, evolve, lab, write_inputs
from engine.llm.scripted.faults import Weather
from engine.llm.scripted.settings import Settings

TRACES = 64
EACH = 4  # traces that teach the same rule
ROUGH = {"429": 0.10, "500": 0.05, "disconnect": 0.03, "stall": 0.03, "malformed": 0.05}
TRUNCATED = 0.03
FAILED = ("429", "500", "disconnect", "stall")  # an attempt that gave no reply; the other two are replies, and paid
CLOCKS = "[endpoint.timeouts]\nfirst_token = 5.0\nidle = 2.0\n"
RETRY_AFTER = 0.5


class Kept(NamedTuple):
    """What became of the lessons that the traces taught."""

    kept: int
    maimed: int
    lost: int


class Measured(NamedTuple):
    """One run."""

    name: str
    lessons: Kept
    struck: dict[str, int]
    again: int
    twice: int
    seconds: float
    skill: str
    code: int


def rules() -> list[str]:
    """What trace 1, 2, … teaches; ideas that contradict no other."""
    plain = [idea for idea in ideas() if idea.against is None and len(idea.wordings) > 1][: TRACES // EACH]
    return [plain[n % len(plain)].wordings[n // len(plain) % 3] for n in range(TRACES)]


def traces() -> Iterator[dict[str, Any]]:
    """Failed talks, each of which tells its rule."""
    for n, rule in enumerate(rules()):
        talk = [
            {"role": "user", "content": f"Mend sheet {n} of the workbook."},
            {"role": "assistant", "content": f"I worked on sheet {n}.\nLesson: Rule {n}: {rule}"},
        ]
        yield {"id": f"case-{n}", "messages": talk, "reward": 0}


def lessons(done: Done) -> Kept:
    """The ledger beside what was taught. A trace whose analyst found nothing has lost its lesson."""
    taught = {f"t{n:03d}": rule for n, rule in enumerate(rules(), 1)}
    states = {row["id"]: row["state"] for row in done.rows("rounds/1/s0/ledger.jsonl") if row["what"] == "lesson"}
    said = {path.stem: tomllib.loads(path.read_text())["claim"] for path in (done.seed / "lessons").glob("*.toml")}
    whole = {name for name, claim in said.items() if claim == taught.get(name.partition("-")[0])}
    kept = sum(states.get(name) == "in_skill" for name in whole)
    maimed = len(said) - len(whole)
    return Kept(kept, maimed, TRACES - kept - maimed)


def measure(folder: Path, name: str, weather: Weather, truncated: float, slots: int) -> Measured:
    """One run against one server."""
    write_inputs(folder, traces())
    with lab(folder, Settings(weather=weather, retry_after=RETRY_AFTER), truncated) as server:
        done = evolve(folder, server.url, slots, CLOCKS)
        stats = server.stats()
    keys = Counter(row["key"] for row in done.rows("calls.jsonl") if "key" in row)
    failed = sum(stats["faults"].get(kind, 0) for kind in FAILED)
    return Measured(
        name=name,
        lessons=lessons(done),
        struck=stats["faults"],
        again=stats["requests"] - failed - keys.total(),
        twice=keys.total() - len(keys),
        seconds=done.summary["seconds"],
        skill=done.result(),
        code=done.code,
    )


HEAD = (
    f"{'server':<10}{'kept':>6}{'maimed':>8}{'lost':>6}{'again':>7}{'twice':>7}{'seconds':>9}{'code':>6}  {'skill':<10}"
    "struck"
)


def row(found: Measured) -> str:
    """A line of the table."""
    struck = " ".join(f"{kind}:{times}" for kind, times in sorted(found.struck.items()))
    return (
        f"{found.name:<10}{found.lessons.kept:>6}{found.lessons.maimed:>8}{found.lessons.lost:>6}{found.again:>7}"
        f"{found.twice:>7}{found.seconds:>9.1f}{found.code:>6}  {found.skill:<10}{struck}"
    )


def reached(found: Measured) -> bool:
    """Is the bar kept?"""
    return found.lessons.kept == TRACES and not found.again and not found.twice


def main() -> int:
    """Print the table; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--latency", type=float, default=0.2, help="mean seconds of a call, lognormal")
    parser.add_argument("--slots", type=int, default=16)
    given = parser.parse_args()
    print(f"{TRACES} traces, {given.slots} slots, mean latency {given.latency:g} s (lognormal)\n\n{HEAD}", flush=True)
    servers = [("quiet", 1, {}, 0.0), *((f"rough {seed}", seed, ROUGH, TRUNCATED) for seed in given.seeds)]
    good = True
    for name, seed, rates, truncated in servers:
        weather = Weather(seed, given.latency, "lognormal", rates)
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(Path(scratch), name, weather, truncated, given.slots)
        good &= reached(found)
        print(row(found), flush=True)
    print(f"\nbar ({TRACES} kept, nothing paid again): {'reached' if good else 'missed'}")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
