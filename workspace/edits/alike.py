"""Which edits say the same: the same kind of change at the same place in similar words. Pure.

Nothing here depends on the order in which edits come: texts are compared in an order of their own, and each only with
those that share its rarer words, so that the work grows with the number of edits and not with its square.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz

from workspace.edits.patch import AddSection, Create, Delete, DeleteFile, Edit, anchor, edit_text

ALIKE = 70.0
NEAREST = 48  # how many groups a text is compared with, those that share most of its rarer words
LEADERS = 6  # how many texts of a group a text must be like
_FORM = re.compile(r"\b[A-Z][A-Z0-9]+(?:[-/.: ,][A-Z0-9]{2,})*\b")
_WORD = re.compile(r"\w+")


class Shelf:
    """Texts by their words: `near` names the numbers of those that a text should be compared with.

    While few texts stand here that is all of them; later the `most` that share most words with it, a rare word
    counting more than a frequent one.
    """

    def __init__(self, most: int = NEAREST) -> None:
        self._most = most
        self._count = 0
        self._by_word: dict[str, list[int]] = {}

    def add(self, number: int, text: str) -> None:
        """Put `text` here as a text of `number`; one number may have several texts."""
        self._count = max(self._count, number + 1)
        for word in words(text):
            places = self._by_word.setdefault(word, [])
            if len(places) <= self._most and (not places or places[-1] != number):
                places.append(number)  # a word that stands everywhere tells nothing, so its list may end

    def near(self, text: str) -> Sequence[int]:
        """Numbers in the order in which they came."""
        if self._count <= self._most:
            return range(self._count)
        votes: Counter[int] = Counter()
        for word in words(text):
            places = self._by_word.get(word, ())
            if len(places) <= self._most:
                for number in places:
                    votes[number] += 1 + self._most - len(places)
        best = sorted(votes, key=lambda n: (-votes[n], n))[: self._most]
        return sorted(best)


def words(text: str) -> frozenset[str]:
    """The words of a text, without case and marks."""
    return frozenset(_WORD.findall(text.lower()))


def same_form(a: str, b: str) -> bool:
    """Do two texts prescribe the same form? Their form words (DD-MON-YYYY, USD, AMBER) agree, or one adds to them.

    "Write the date as DD-MON-YYYY" and "Write the date as YYYY-MM-DD" are nearly the same words and mean opposites.
    """
    ours, theirs = form_words(a), form_words(b)
    return ours <= theirs or theirs <= ours


def form_words(text: str) -> frozenset[str]:
    """Words in capitals that show a form or a code; a word with digits is an instance, not a form."""
    return frozenset(word for word in _FORM.findall(text) if not any(c.isdigit() for c in word))


def without_form(text: str) -> str:
    """The text with its form words taken out: what two rules of different form may share."""
    return _FORM.sub("_", text).lower()


def group_alike(edits: Sequence[Edit], alike: float = ALIKE) -> list[list[Edit]]:
    """Near-duplicates by program: the same kind of edit at the same place with similar text.

    An edit joins the first group whose every member is like it, so that chains of weak likeness do not grow; the best
    supported words open groups first. Any order of `edits` gives the same groups; they and their members are listed
    as `edits` are. Two pinned edits share a group only when they do the very same.
    """
    buckets: dict[Hashable, list[int]] = {}
    for n, edit in enumerate(edits):
        buckets.setdefault(_bucket(edit), []).append(n)
    groups = [group for bucket in buckets.values() for group in _in_bucket(edits, bucket, alike)]
    return [[edits[n] for n in sorted(group)] for group in sorted(groups, key=min)]


def cluster(texts: Iterable[str], alike: float = ALIKE) -> dict[str, int]:
    """Distinct texts → number of their cluster: similar words that prescribe the same form.

    A text joins the first cluster whose texts are all like it; earlier texts lead. It is compared with few clusters
    (see `Shelf`) and with the first texts of each.
    """
    shelf = Shelf()
    leaders: list[list[_Said]] = []
    home: dict[str, int] = {}
    for text in dict.fromkeys(texts):
        said = _Said(text.lower(), form_words(text))
        known = (n for n in shelf.near(text) if all(said.is_like(other, alike) for other in leaders[n]))
        number = next(known, len(leaders))
        if number == len(leaders):
            leaders.append([])
        if len(leaders[number]) < LEADERS:
            leaders[number].append(said)
            shelf.add(number, text)
        home[text] = number
    return home


class _Said(NamedTuple):
    """A text made ready for comparing."""

    lower: str
    forms: frozenset[str]

    def is_like(self, other: _Said, alike: float) -> bool:
        if not (self.forms <= other.forms or other.forms <= self.forms):
            return False
        return fuzz.token_set_ratio(self.lower, other.lower, score_cutoff=alike) > 0 or not alike


def content(edit: Edit) -> str:
    """What an edit does, without who proposed it and why: equal for edits that change the same in the same way."""
    return edit.model_dump_json(include=_CONTENT)


_CONTENT = {"op", "file", "block", "last", "section", "title", "after", "path", "text", "link"}


def _bucket(edit: Edit) -> Hashable:
    """Only edits of one bucket can be alike, however similar their words."""
    title = " ".join(edit.title.lower().split()) if isinstance(edit, AddSection) else ""
    return edit.op, anchor(edit), title, edit.section if isinstance(edit, Delete) else None


def _in_bucket(edits: Sequence[Edit], bucket: Sequence[int], alike: float) -> list[list[int]]:
    first = edits[bucket[0]]
    if isinstance(first, Delete | DeleteFile):
        return [list(bucket)]
    if isinstance(first, Create):
        return _apart_when_pinned(edits, [list(bucket)])
    by_text: dict[str, list[int]] = {}
    for n in bucket:
        by_text.setdefault(edit_text(edits[n]), []).append(n)
    ranked = sorted(by_text, key=lambda text: (-_support(edits, by_text[text]), text))
    home = cluster(ranked, alike)
    groups: dict[int, list[int]] = {}
    for text, number in home.items():
        groups.setdefault(number, []).extend(by_text[text])
    return _apart_when_pinned(edits, list(groups.values()))


def _support(edits: Sequence[Edit], bucket: Sequence[int]) -> int:
    return len({task for n in bucket for task in edits[n].support})


def _apart_when_pinned(edits: Sequence[Edit], groups: Sequence[list[int]]) -> list[list[int]]:
    """A person's words are never merged into another person's words: the best supported pinned content keeps the
    group, each other one gets its own."""
    out: list[list[int]] = []
    for group in groups:
        pinned: dict[str, list[int]] = {}
        for n in group:
            if edits[n].pinned:
                pinned.setdefault(content(edits[n]), []).append(n)
        ranked = sorted(pinned, key=lambda said: (-_support(edits, pinned[said]), said))
        apart = {n for said in ranked[1:] for n in pinned[said]}
        out += [[n for n in group if n not in apart], *(pinned[said] for said in ranked[1:])]
    return out
