"""Two short answers, character by character, in words that a small model can use."""

from __future__ import annotations

from difflib import SequenceMatcher

LEAST_IN_COMMON = 0.25  # of the right answer's characters; below, a list of changes says nothing


def differences(given: str, right: str) -> str:
    """`"ab " became "[AB-00"; "]" was added at the end`, or `nothing in common`."""
    codes = SequenceMatcher(None, given, right, autojunk=False).get_opcodes()
    common = sum(end - start for how, start, end, _, _ in codes if how == "equal")
    if common < min(2, len(right)) or common < LEAST_IN_COMMON * len(right):
        return "nothing in common"
    changes = [_change(given[a:b], right[c:d], right, c) for how, a, b, c, d in codes if how != "equal"]
    return "; ".join(changes) or "none"


def _change(old: str, new: str, right: str, at: int) -> str:
    if old and new:
        return f'"{old}" became "{new}"'
    where = (
        "at the start"
        if at == 0
        else "at the end"
        if at + len(new) == len(right)
        else f'after "{right[max(0, at - 4) : at]}"'
    )
    return f'"{new}" was added {where}' if new else f'"{old}" was removed {where}'
