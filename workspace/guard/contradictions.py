"""Which rules may tell an agent opposite things: candidates found by program, for a judge (or a person) to decide.

Two rules are a candidate pair when they speak about the same things and differ in a *turn*: one says never, one names
the opposite, another number, another form, or what is preferred to what. Only rules that share words are compared.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from typing import Literal, NamedTuple

from rapidfuzz import fuzz

from workspace.edits.alike import form_words, same_form
from workspace.edits.patch import Delete, DeleteFile, Edit
from workspace.guard.statements import Statement

Turn = Literal["never", "opposite", "order", "number", "form"]
MOST = 24
SHARED = 0.55  # of the weight of the smaller rule's words; below, two rules were about different things
SAME = 85.0  # likeness of two rules whose numbers or forms are masked; the value of `consolidate.SAME_WORDS`
COMMON = 40  # a word of more rules than this tells nothing about which two belong together
_WORD = re.compile(r"[a-z][a-z'’]+|\d+(?:[.,]\d+)*")
_NUMBER = re.compile(r"\b\d+(?:[.,]\d+)*%?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)\b")
_INSTANCE = re.compile(r"\b(?:e\.\s?g\.|for example|such as|for instance)[^.;]*(?:\.\d[^.;]*)*|`[^`]*`", re.IGNORECASE)
_POINTER = re.compile(r"[\w ,-]{1,60}: \[[^\]]*\]\([^)]*\)\.?")  # a link with its label tells nobody what to do
_NOT = re.compile(r"\b(?:never|not|no|don[’']t|doesn[’']t|avoid|without|cannot|can[’']t|forbidden|stop)\b")
_PREFER = re.compile(r"\b(?:instead of|rather than|over|before|after|prefer(?:red)?(?: to)?|not)\b")
_PATTERN = re.compile(r"\b[A-Z]{2,}(?:[-/.:][A-Z]{2,})+\b")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a an and any are as at be been by can do does don for from has have if in into is it its must need never no not
        of on only or should so than that the their them then there these they this to use used using was when where
        which will with without you your always avoid make sure each every also instead rather before after prefer
        cannot
        """,
    )
)
_OPPOSITES = tuple(
    frozenset(pair)
    for pair in re.findall(
        r"(\w+)/(\w+)",
        """
        add/remove add/delete keep/delete keep/remove keep/drop include/exclude include/omit skip/include first/last
        before/after upper/lower uppercase/lowercase ascending/descending enable/disable open/close start/end
        top/bottom left/right always/never absolute/relative copy/move create/reuse more/less minimum/maximum
        newest/oldest overwrite/preserve overwrite/keep show/hide true/false allow/forbid accept/reject merge/split
        short/long
        """,
    )
)


class Pair(NamedTuple):
    """Two rules that may contradict each other, in the order given; `turn` says how they differ. `certain`: they
    differ in nothing else, so that no judge is needed."""

    a: Statement
    b: Statement
    turn: Turn
    likeness: float
    certain: bool = False

    @property
    def why(self) -> str:
        """The difference in words."""
        return _WHY[self.turn]


_WHY: dict[Turn, str] = {
    "never": "one of them forbids what the other asks for",
    "opposite": "they name opposites",
    "order": "they prefer the other of two things",
    "number": "they differ in a number",
    "form": "they prescribe different forms",
}


class _Read(NamedTuple):
    rule: Statement
    words: str
    plain: str
    stems: frozenset[str]


def candidates(rules: Sequence[Statement], *, across: bool = False, most: int | None = MOST) -> tuple[Pair, ...]:
    """The pairs of `rules` that may contradict each other, the likeliest first, at most `most`.

    Only rules of one section are compared unless `across`. The order of `rules` does not matter for which pairs are
    found.
    """
    told = [rule for rule in rules if not _POINTER.fullmatch(rule.text)]
    read = [_read(rule) for rule in sorted(told, key=lambda r: (r.file, r.line, r.id))]
    weight = _weights(read)
    found = [pair for a, b in _neighbours(read) if (pair := _pair(a, b, across, weight)) is not None]
    ranked = sorted(found, key=lambda p: (-p.likeness, p.a.id, p.b.id, p.a.line, p.b.line))
    return tuple(ranked[:most])


def settle_by_support(pairs: Iterable[Pair], edits: Iterable[Edit]) -> dict[str, str]:
    """Of two edits that contradict each other the stronger stays: id of each that goes → id of the one that stays.

    Stronger is pinned, then better supported, then verified, then longer (more specific). Two pinned edits, and two of
    equal strength, both stay for a person to see.
    """
    named = {edit.id: edit for edit in edits}
    clashes = [(named[p.a.id], named[p.b.id]) for p in pairs if p.a.id in named and p.b.id in named]
    gone: dict[str, str] = {}
    for a, b in sorted(clashes, key=lambda pair: max(map(_strength, pair)), reverse=True):
        weak, strong = sorted((a, b), key=_strength)
        if not {a.id, b.id} & gone.keys() and _strength(weak) < _strength(strong) and not weak.pinned:
            gone[weak.id] = strong.id
    return gone


def _strength(edit: Edit) -> tuple[bool, int, bool, int]:
    words = "" if isinstance(edit, Delete | DeleteFile) else edit.text
    return edit.pinned, len(edit.support), edit.verified, len(words.split())


def _read(rule: Statement) -> _Read:
    """Without the instances ("e.g. USD 4,500.00"): two rules that differ in those alone say the same."""
    words = " ".join(_INSTANCE.sub(" ", rule.text).split()) or rule.text
    plain = words.lower()
    return _Read(
        rule, words, plain, frozenset(_stem(w) for w in _WORD.findall(plain) if w not in _STOP and not w[0].isdigit())
    )


def _stem(word: str) -> str:
    """Enough of a stem that "writing", "writes", "written" and "write" meet."""
    if word.endswith("tten"):
        return word[:-3]
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _neighbours(read: Sequence[_Read]) -> Iterator[tuple[_Read, _Read]]:
    """Every two rules that share a word which few rules have, once, in order."""
    holding: dict[str, list[int]] = defaultdict(list)
    for n, one in enumerate(read):
        for stem in sorted(one.stems):
            holding[stem].append(n)
    seen: set[tuple[int, int]] = set()
    for stem in sorted(holding):
        rows = holding[stem]
        if 1 < len(rows) <= COMMON:
            seen.update((a, b) for n, a in enumerate(rows) for b in rows[n + 1 :])
    return ((read[a], read[b]) for a, b in sorted(seen))


def _weights(read: Sequence[_Read]) -> dict[str, float]:
    """How much a word tells about what a rule is about: the less, the more rules have it."""
    held = Counter(stem for one in read for stem in one.stems)
    return {stem: log(1 + len(read) / count) for stem, count in held.items()}


def _pair(a: _Read, b: _Read, across: bool, weight: Mapping[str, float]) -> Pair | None:
    if a.plain == b.plain or a.rule.id == b.rule.id or not (across or a.rule.section == b.rule.section):
        return None
    common = a.stems & b.stems
    least = min(sum(map(weight.__getitem__, one.stems)) for one in (a, b))
    few = len(common) < min(2, len(a.stems), len(b.stems))
    if few or sum(map(weight.__getitem__, common)) < SHARED * least:
        return None
    turn = _turn(a, b)
    if turn is None:
        return None
    likeness = round(fuzz.token_set_ratio(a.plain, b.plain), 1)
    return Pair(a.rule, b.rule, turn, likeness, certain=_only_that(a, b, turn))


def _only_that(a: _Read, b: _Read, turn: Turn) -> bool:
    """Do the two say the same in all but the turn? A number may just count something else: there it is never sure."""
    ours, theirs = a.stems - b.stems, b.stems - a.stems
    match turn:
        case "number":
            return False
        case "opposite":
            turned = [frozenset(map(_stem, pair)) for pair in _OPPOSITES]
            return bool(ours and theirs) and ours | theirs in turned
        case "form":
            forms = " ".join(form_words(a.words) | form_words(b.words)).lower()
            known = frozenset(map(_stem, _WORD.findall(forms)))
            return ours <= known or theirs <= known
        case _:
            return not ours | theirs


def _turn(a: _Read, b: _Read) -> Turn | None:
    if bool(_NOT.search(a.plain)) != bool(_NOT.search(b.plain)):
        return "never"
    words = [frozenset(_WORD.findall(one.plain)) for one in (a, b)]
    ours, theirs = words[0] - words[1], words[1] - words[0]
    if any(ours & pair and theirs & pair for pair in _OPPOSITES):
        return "opposite"
    if not same_form(a.words, b.words) and (_other_pattern(a, b) or _alike_without(a, b)):
        return "form"
    if _numbers(a) != _numbers(b) and _numbers(a) and _numbers(b) and _alike_without(a, b):
        return "number"
    return "order" if _turned_round(a, b) else None


def _other_pattern(a: _Read, b: _Read) -> bool:
    """Do both show a pattern (DD-MON-YYYY), and not the same one?"""
    ours, theirs = (frozenset(_PATTERN.findall(one.words)) for one in (a, b))
    return bool(ours and theirs) and not ours & theirs


def _alike_without(a: _Read, b: _Read) -> bool:
    """Are the two the same words but for their numbers and forms?"""
    masked: list[str] = []
    for one in (a, b):
        text = one.words
        for word in sorted(form_words(text), key=len, reverse=True):
            text = text.replace(word, "_")
        masked.append(_NUMBER.sub("_", text.lower()))
    return fuzz.ratio(*masked) >= SAME


def _numbers(one: _Read) -> frozenset[str]:
    return frozenset(_NUMBER.findall(one.plain))


def _turned_round(a: _Read, b: _Read) -> bool:
    """Does one prefer A to B and the other B to A?"""
    halves = [_PREFER.split(one.plain, maxsplit=1) for one in (a, b)]
    if any(len(half) != 2 for half in halves):
        return False
    (a1, a2), (b1, b2) = ([frozenset(map(_stem, _WORD.findall(part))) - _STOP for part in half] for half in halves)
    both = a1 & b1
    moved = (a1 - both) & b2, (b1 - both) & a2
    return all(moved)
