"""The ledger's rows for lessons."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workspace.edits.patch import AppendToSection
from workspace.merging.ledger import FATES, Entry, Fate, Loss, lesson_rows

LESSONS = [f"t{n}-L1" for n in range(5)]


@given(
    carried=st.lists(st.lists(st.sampled_from(LESSONS), min_size=1, max_size=3), max_size=12),
    fates=st.lists(st.sampled_from([*FATES, None]), min_size=12, max_size=12),
    lost=st.sets(st.sampled_from(LESSONS)),
)
def test_a_lesson_has_the_best_fate_among_its_edits_or_says_why_it_has_none(
    carried: list[list[str]], fates: list[Fate | None], lost: set[str]
) -> None:
    edits = [AppendToSection(id=f"e{n}", section="b1", text="x", lessons=tuple(x)) for n, x in enumerate(carried)]
    known = [Entry(what="edit", id=e.id, state=f, edit=e.id) for e, f in zip(edits, fates, strict=False) if f]
    losses = {name: Loss(name, "dropped", "it says nothing") for name in lost}
    rows = {row.id: row for row in lesson_rows(LESSONS, edits, known, losses)}
    state = {entry.id: entry.state for entry in known}
    for lesson in LESSONS:
        own = [state[e.id] for e in edits if lesson in e.lessons and e.id in state]
        if own:
            best = min(own, key=FATES.index)
            assert rows[lesson].state == best
            assert rows[lesson].edit == next(e.id for e in edits if lesson in e.lessons and state.get(e.id) == best)
        elif lesson in lost:
            assert (rows[lesson].state, rows[lesson].reason) == ("dropped", "it says nothing")
        else:
            assert lesson not in rows
