"""Can two nearly equal texts mean the same? Likeness by letters cannot tell "valid" from "invalid" input."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

WORD_NEAR, SLIP_NEAR = 60.0, 88.0
_DENIALS = {
    "no", "not", "never", "none", "without", "neither", "nor", "cannot", "don't", "can't", "won't", "isn't",
    "aren't", "doesn't", "shouldn't", "mustn't", "except", "unless", "only",
}  # fmt: skip
_OPPOSITES = {"in", "un", "im", "ir", "il", "non", "dis", "mis", "de"}


def same_sense(one: str, other: str) -> bool:
    """Could two nearly equal texts mean the same? Numbers and negations agree, exchanged words begin alike."""
    mine, theirs = _words(one), _words(other)
    only, extra = sorted(mine - theirs), sorted(theirs - mine)
    if any(word in _DENIALS or re.search(r"\d", word) for word in (*only, *extra)):
        return False
    fewer, more = sorted((only, extra), key=len)
    return all(any(_one_word(w, m) for m in more) for w in fewer)


def _one_word(one: str, other: str) -> bool:
    """Is it one word with another ending or a slip? "correct" and "incorrect" are two, "encode" and "decode" too."""
    if one[0] == other[0]:
        return fuzz.ratio(one, other) >= WORD_NEAR
    stem, longer = sorted((one, other), key=len)
    opposite = longer.endswith(stem) and longer.removesuffix(stem) in _OPPOSITES
    return not opposite and fuzz.ratio(one, other) >= SLIP_NEAR


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w']+", text))
