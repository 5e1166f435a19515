"""Whatever a merger answers, every edit is accounted for: a corpus of bad replies over real HTTP, and random ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.endpoint import Reply
from engine.llm.scripted.replies import Given, read_replies
from engine.llm.scripted.settings import Settings
from engine.reply import BadReply
from engine.stages.joint import Reading
from tests.engine.merging import S0, accounted, all_edits, bench, pool, proposed
from workspace.edits.patch import Delete, Edit, edit_text
from workspace.merging.consolidate import aliases, lost
from workspace.merging.drafts import drafts_of, written

CORPUS = Path(__file__).with_name("bad_merger_replies.jsonl")
TEXTS = (
    "Look at the input before you change anything.",
    "Before you change anything, look at the input.",
    "Never estimate figures by eye; compute them with a tool.",
    "Compute figures with a tool and never estimate them by eye.",
    "Write the date as DD-MON-YYYY.",
    "Write the date as YYYY-MM-DD.",
)


def corpus() -> list[tuple[str, Given]]:
    """(what is wrong with it, the reply)."""
    rows = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    return list(zip([row["fault"] for row in rows], read_replies(CORPUS)["merger"], strict=True))


def patches() -> dict[str, Any]:
    return pool(*(proposed(n, text, pinned=n == 5) for n, text in enumerate(TEXTS, 1)))


def test_the_corpus_is_large_and_each_fault_is_named_once() -> None:
    names = [name for name, _ in corpus()]
    assert len(names) >= 40
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "reply"), corpus(), ids=[name for name, _ in corpus()])
async def test_no_bad_reply_costs_an_edit(tmp_path: Path, name: str, reply: Given) -> None:
    proposals = patches()
    async with bench(tmp_path, Settings(replies={"merger": (reply,)}), fan_in=8) as at_work:
        outcome = await at_work.merge(proposals)
        assert at_work.crew.failures == {}
    assert sorted(accounted(outcome)) == sorted(x.id for x in all_edits(proposals))
    assert all(reason.strip() for reason in outcome.dropped.values())
    assert "t005-E1" not in outcome.dropped
    pinned = next(x for x in outcome.edits if "t005-E1" in x.sources)
    assert edit_text(pinned) == f"- {TEXTS[4]}"
    for edit in outcome.edits:
        assert set(edit.support) == {source.removesuffix("-E1") for source in edit.sources}
        assert edit_text(edit).count("```") % 2 == 0
        assert "⟦" not in edit_text(edit)


# --- random replies --------------------------------------------------------------------------------------------------

IDS = st.one_of(st.sampled_from(["e1", "e2", "e3", "e4", "e5", "E2", "e9", "x", "", "e1, e2"]), st.integers(-1, 7))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), IDS, st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["from", "id", "a"]), inner)),
    max_leaves=6,
)
WORDS = st.sampled_from(["", "- a rule", "```\nopen", "⟦b3⟧\nx", "# Heading", "x" * 5000, "\x00", "\n\n"])
GROUP = st.fixed_dictionaries(
    {},
    optional={
        "from": st.one_of(st.lists(IDS, max_size=4), IDS, JUNK),
        "text": st.one_of(WORDS, JUNK),
        "reason": st.one_of(st.text(max_size=4), JUNK),
    },
)
DROP = st.fixed_dictionaries({}, optional={"id": st.one_of(IDS, JUNK), "reason": st.one_of(st.text(max_size=4), JUNK)})
OBJECT = st.fixed_dictionaries(
    {},
    optional={
        "groups": st.one_of(st.lists(st.one_of(GROUP, JUNK), max_size=5), JUNK),
        "dropped": st.one_of(st.lists(st.one_of(DROP, JUNK), max_size=4), JUNK),
    },
)


@st.composite
def answers(draw: st.DrawFn) -> str:
    """JSON of any shape, whole, cut off or among other words."""
    text = json.dumps(draw(st.one_of(OBJECT, OBJECT, JUNK)))
    match draw(st.integers(0, 5)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            return f"Here it is:\n```json\n{text}\n```\nDone."
        case 2:
            return f"{text}\n{text}"
        case _:
            return text


def inputs(pins: list[bool]) -> list[Edit]:
    """Five edits, the last one a removal, of three tasks."""
    edits = [proposed(n, TEXTS[n], task=f"task{n % 3}", pinned=pins[n]).edits[0] for n in range(4)]
    return [*edits, Delete(id="t009-E1", block="b5", support=("task9",), pinned=pins[4])]


@given(answers(), answers(), st.lists(st.booleans(), min_size=5, max_size=5))
def test_any_two_answers_leave_each_edit_in_one_output_or_dropped_with_a_reason(
    first: str, second: str, pins: list[bool]
) -> None:
    edits = inputs(pins)
    named = aliases(edits)
    reading = Reading(S0, named)
    result = None
    for text in (first, second):
        try:
            result = reading.read(Reply(text=text))
            break
        except BadReply as fault:
            assert str(fault)
    result = result or reading.best
    if result is None:
        return  # neither was JSON: the merge goes on guided
    drafts = drafts_of(named, result)
    outputs = written("m1-01", drafts, S0)
    assert lost(edits, outputs, drafts.dropped) == ()
    where = Counter(source for edit in outputs for source in edit.sources) + Counter(list(drafts.dropped))
    assert where == Counter(edit.id for edit in edits)
    assert all(reason.strip() for reason in drafts.dropped.values())
    by_id = {edit.id: edit for edit in edits}
    for edit in outputs:
        assert set(edit.support) == {task for source in edit.sources for task in by_id[source].support}
    for edit in edits:
        if edit.pinned:
            kept = next(x for x in outputs if edit.id in x.sources)
            assert (edit_text(kept), kept.op, kept.pinned) == (edit_text(edit), edit.op, True)
