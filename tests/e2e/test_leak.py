"""What was held out never reaches a lesson's edit, a prompt of the merger or the skill."""

from __future__ import annotations

import json

from engine.domains.house import House
from tests.shell import Shell
from workspace.merging.ledger import load_ledger
from workspace.skills.skill import load_skill


def test_a_lesson_that_repeats_a_held_out_task_is_dropped_with_the_reason(shell: Shell, fast: str) -> None:
    held = House("date").tasks("test", 8, 1)[3]
    told = ["Write dates with the month in capitals.", f"Answer {held.prompt} with {held.expected}."]
    rows = [
        {
            "id": f"case-{n}",
            "messages": [
                {"role": "user", "content": f"Write the date 2021-03-{n + 1:02d} as we do."},
                {"role": "assistant", "content": f"Lesson: One: {told[n == 0]}"},
            ],
            "reward": 0,
        }
        for n in range(4)
    ]
    traces = shell.cwd / "leaky.jsonl"
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = shell.t2s(
        "run", "--skill", shell.skill(), "--traces", traces, "--domain", "house", "--family", "date",
        "--validation", 6, "--test", 8, "--base-url", fast, "--model", "scripted", "--json",
    )  # fmt: skip
    seed = shell.run().round(1).seed(0)
    fates = {row.id: row for row in load_ledger(seed.ledger.read_text()) if row.what == "lesson"}
    assert fates["t001-L1"].state == "dropped" and held.id in fates["t001-L1"].reason, done.err
    assert {fates[f"t00{n}-L1"].state for n in (2, 3, 4)} == {"in_skill"}
    assert held.prompt not in "".join(text for _, text in load_skill(seed.candidate / "ledger").texts())
    assert done.json["lessons"]["unaccounted"] == 0
