"""What a server is taken to have in its cache."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.llm.prefixes import REMEMBERED, Prefixes

USES = st.lists(st.integers(0, 2 * REMEMBERED).map(str), max_size=300)


def used(uses: list[str]) -> Prefixes:
    prefixes = Prefixes()
    for prefix in uses:
        prefixes.used(prefix)
    return prefixes


@given(USES)
def test_the_later_a_prefix_was_used_the_likelier_it_is_still_there(uses: list[str]) -> None:
    prefixes = used(uses)
    latest = list(dict.fromkeys(reversed(uses)))
    chances = [prefixes.chance(prefix) for prefix in latest]
    assert all(0 <= chance <= 1 for chance in chances)
    assert all(later > earlier for later, earlier in pairwise(chances[:REMEMBERED]))
    assert not any(chances[REMEMBERED:])
    assert chances[:1] in ([], [1.0])


@given(USES)
def test_nobody_is_likely_there_who_was_never_used_or_whose_server_began_anew(uses: list[str]) -> None:
    prefixes = used(uses)
    assert prefixes.chance("another") == 0
    prefixes.forget()
    assert not any(prefixes.chance(prefix) for prefix in uses)


@given(USES, st.data())
def test_only_the_order_of_last_uses_counts(uses: list[str], data: st.DataObject) -> None:
    again = [use for use in uses for _ in range(data.draw(st.integers(1, 3)))]
    assert [used(uses).chance(use) for use in uses] == [used(again).chance(use) for use in uses]
