"""The names of the guard's rules, for settings that speak of them; the rules themselves are in `rules.py`."""

from __future__ import annotations

import difflib

RULE_NAMES = (
    *("control", "path", "protected", "existence", "anchor", "overlap", "marks", "fences", "structure"),
    *("front-matter", "create-link", "dead-link", "unlinked", "headings", "secrets", "home-path", "leak", "poison"),
    *("spec", "encoding", "size", "contradiction", "support"),
)
"""In the order in which they are settled."""

SAFETY = frozenset(
    {"control", "path", "protected", "existence", "anchor", "overlap", "marks", "structure", "front-matter"}
)
"""Without these an edit could leave the skill's folder, break what S0 holds or reach a terminal."""

SWITCHABLE = tuple(name for name in RULE_NAMES if name not in SAFETY)


def switchable(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, each once. Raises `ValueError` for a name that is no rule and for a rule that always holds."""
    for name in names:
        if name in SAFETY:
            raise ValueError(f"the rule {name} always holds; these can be changed: {', '.join(SWITCHABLE)}")
        if name not in RULE_NAMES:
            raise ValueError(f"there is no rule {name!r}; {_nearest(name)}")
    return tuple(dict.fromkeys(names))


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, RULE_NAMES, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(SWITCHABLE)}"
