"""Find the heading or the text that an edit quotes: to the letter, else in other spelling, else nearly, else refuse.

Three looks, each only where the one before found nothing:

    exact       the quoted characters, at word borders; a match that is whole lines beats matches inside longer lines
    normalised  the same words: white space, case, list marks, emphasis, heading marks, quotes and dashes set aside
    fuzzy       nearly the same words: at least `NEAR` of 100 alike and `CLEAR` better than any other place

Several equal matches are never resolved by taking the first. Why these numbers: over the lines of the starter skills
and the docs of this project a quote with a slip or another ending scores 97 to 99, one with a word more or less 72 to
99 (5 % to 95 %); of 6,113 pairs of different lines in one file one reaches 85. Length alone cannot tell "use 2
digits" from "use 3 digits" (93), so a fuzzy match must also have the same sense (`sense.py`). Quotes below `SHORTEST`
letters have no near match at all. Lines count from 0 inside blocks, from 1 in `Match.line` and `Candidate.line`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from rapidfuzz import fuzz

from workspace.released.sense import same_sense
from workspace.skills.outline import Block, Outline

How = Literal["exact", "normalised", "fuzzy"]
NEAR, CLEAR, SHORTEST = 85.0, 8.0, 12
HEADING_NEAR, HEADING_SHORTEST = 84.0, 5
SHOWN, WIDTH, FAR = 3, 80, 40.0
MARK = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)]|#{1,6}|>)[ \t]+)+")
BOX = re.compile(r"\A\[[ xX]\]\s+")
_EMPHASIS = re.compile(r"(?<!\w)[*_`~]+|[*_`~]+(?!\w)")
_ALIKE = str.maketrans({**dict.fromkeys("‘’‚‛´", "'"), **dict.fromkeys("“”„‟«»", '"'), **dict.fromkeys("‐‑‒–—―−", "-")})


class Candidate(NamedTuple):
    """A place that was nearly meant: its line (from 1) and the beginning of its text."""

    line: int
    text: str


class Match(NamedTuple):
    """Where the quote stands.

    first, last  the smallest addressable blocks that hold its first and its last line
    lines        its first and last line (from 0, both included)
    span         the characters of `plain(outline)` that it is; None where only a part of a line is alike
    score        0 to 100; 100 for all but fuzzy matches
    """

    how: How
    score: float
    first: Block
    last: Block
    lines: tuple[int, int]
    span: tuple[int, int] | None

    @property
    def line(self) -> int:
        """Its first line, counted from 1."""
        return self.lines[0] + 1


class Missed(NamedTuple):
    """Why nothing can be taken for the quote, and the nearest places."""

    reason: str
    candidates: tuple[Candidate, ...] = ()


class _Hit(NamedTuple):
    lines: tuple[int, int]
    span: tuple[int, int] | None
    whole: bool
    score: float = 100.0


def plain(plan: Outline) -> str:
    """The text of an outline with LF line ends: what `Match.span` counts in."""
    return "\n".join(line.rstrip("\r\n") for line in plan.lines)


@lru_cache(maxsize=128)
def line_starts(text: str) -> tuple[int, ...]:
    """Where each line of an LF text begins."""
    return (0, *(m.end() for m in re.finditer("\n", text)))


@lru_cache(maxsize=8192)
def words_of(text: str) -> str:
    """One line of text without what two writers may do differently."""
    bare = BOX.sub("", unmarked(text.translate(_ALIKE).strip() + " "))
    return " ".join(_EMPHASIS.sub("", bare).casefold().split())


def unmarked(text: str) -> str:
    """A line without the indent and the list, heading or quote marks that it begins with."""
    found = MARK.match(text)
    return text[found.end() :] if found else text


def title_of(header: str) -> tuple[int, str]:
    """Level (0 where no `#` is given) and words of a heading as people write it."""
    found = re.match(r"\s*(#{1,6})(?:\s+|$)", header)
    rest = header[found.end() :] if found else header
    return (len(found[1]) if found else 0), re.sub(r"\s+#+\s*$", "", " ".join(rest.split()))


def find_heading(plan: Outline, header: str) -> Match | Missed:
    """The heading that `header` means; with `#` or without, headings inside fences are none."""
    level, title = title_of(header)
    wanted = words_of(title).rstrip(":. ")
    if not wanted:
        return Missed("the edit names no section")
    same = [h for h in plan.headings if h.title == title and level in (0, h.level)]
    if same:
        return _heading(plan, "exact", same, header)
    same = [h for h in plan.headings if words_of(h.title).rstrip(":. ") == wanted]
    return _heading(plan, "normalised", same, header) if same else _near_heading(plan, wanted, header)


def find_text(plan: Outline, text: str, section: Block | None = None, *, beside: bool = False) -> Match | Missed:
    """Where `text` stands, in the whole file or in `section` with its sub-sections.

    With `beside` several matches inside one block are one place. The front matter is never a place.
    """
    quote = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not quote:
        return Missed("the edit quotes no text to look for")
    low, high = (section.start, section.section_end) if section else (plan.top.start, len(plan.lines))
    for how, hits in (("exact", _exact(plan, quote, low, high)), ("normalised", _normalised(plan, quote, low, high))):
        if hits:
            return _only(plan, "exact" if how == "exact" else "normalised", hits, beside)
    near = _near(plan, quote, low, high)
    return near if isinstance(near, Match) else _elsewhere(plan, quote, section, near)


def short(text: str, width: int = WIDTH) -> str:
    """The beginning of a text as one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


# --- headings ------------------------------------------------------------------------------------------------------


def _heading(plan: Outline, how: How, same: Sequence[Block], header: str, score: float = 100.0) -> Match | Missed:
    if len(same) > 1:
        where = _and(str(h.start + 1) for h in same)
        return Missed(f"the section {short(header)!r} is there {len(same)} times: lines {where}", _shown(plan, same))
    h = same[0]
    return Match(how, score, h, h, (h.start, h.end - 1), None)


def _near_heading(plan: Outline, wanted: str, header: str) -> Match | Missed:
    ranked = sorted(((_alike(wanted, words_of(h.title).rstrip(":. ")), h) for h in plan.headings), key=lambda r: -r[0])
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    if ranked and len(wanted) >= HEADING_SHORTEST:
        score, best = ranked[0]
        if score >= HEADING_NEAR and score - second >= CLEAR and same_sense(wanted, words_of(best.title)):
            return _heading(plan, "fuzzy", [best], header, score)
    like = sorted(((fuzz.partial_ratio(wanted, words_of(h.title)), h) for h in plan.headings), key=lambda r: -r[0])
    return Missed(f"no section {short(header)!r}", _shown(plan, [h for score, h in like if score >= FAR]))


def _shown(plan: Outline, blocks: Iterable[Block]) -> tuple[Candidate, ...]:
    return tuple(Candidate(b.start + 1, short(plan.lines[b.start])) for b in blocks)[:SHOWN]


# --- texts ---------------------------------------------------------------------------------------------------------


def _exact(plan: Outline, quote: str, low: int, high: int) -> list[_Hit]:
    text = plain(plan)
    starts = line_starts(text)
    end = starts[high] - 1 if high < len(starts) else len(text)
    hits: list[_Hit] = []
    at = text.find(quote, starts[low], end) if low < len(starts) else -1
    while at >= 0:
        stop = at + len(quote)
        if not _cut(text, at) and not _cut(text, stop):
            first, last = bisect_right(starts, at) - 1, bisect_right(starts, stop - 1) - 1
            line_end = text.find("\n", stop)
            rest = text[stop : line_end if line_end >= 0 else len(text)]
            head = text[starts[first] : at]
            whole = not (unmarked(head).strip() or rest.strip())
            hits.append(_Hit((first, last), (at, stop), whole))
        at = text.find(quote, at + 1, end)
    return hits


def _cut(text: str, at: int) -> bool:
    """Would a border here cut a word in two?"""
    return 0 < at < len(text) and _is_word(text[at - 1]) and _is_word(text[at])


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _normalised(plan: Outline, quote: str, low: int, high: int) -> list[_Hit]:
    rows = _rows(plan, low, high)
    starts: list[int] = []
    at = 0
    for _, words in rows:
        starts.append(at)
        at += len(words) + 1
    stream, wanted = " ".join(words for _, words in rows), _joined(quote)
    hits: list[_Hit] = []
    found = stream.find(wanted) if wanted else -1
    while found >= 0:
        stop = found + len(wanted)
        if not _cut(stream, found) and not _cut(stream, stop):
            first, last = bisect_right(starts, found) - 1, bisect_right(starts, stop - 1) - 1
            whole = found == starts[first] and stop == starts[last] + len(rows[last][1])
            lines = (rows[first][0], rows[last][0])
            hits.append(_Hit(lines, _line_span(plan, lines, quote) if whole else None, whole))
        found = stream.find(wanted, found + 1)
    return hits


def _rows(plan: Outline, low: int, high: int) -> list[tuple[int, str]]:
    """The lines that have words, normalised."""
    return [(n, words) for n in range(low, min(high, len(plan.lines))) if (words := words_of(plan.lines[n]))]


def _joined(quote: str) -> str:
    return " ".join(words for line in quote.split("\n") if (words := words_of(line)))


def _line_span(plan: Outline, lines: tuple[int, int], quote: str) -> tuple[int, int]:
    """The characters of whole lines; without the first one's list mark where the quote has none either."""
    text = plain(plan)
    starts = line_starts(text)
    start, end = starts[lines[0]], starts[lines[1]] + len(plan.lines[lines[1]].rstrip())
    found = MARK.match(text, start, end)
    marked = MARK.match(quote + " ")
    if found and not marked:
        return found.end(), end
    return start + len(text[start:end]) - len(text[start:end].lstrip()), end


def _only(plan: Outline, how: How, hits: Sequence[_Hit], beside: bool) -> Match | Missed:
    whole = [hit for hit in hits if hit.whole]
    hits = whole if len(whole) == 1 else hits
    matches = [match for hit in hits if (match := _match(plan, how, hit))]
    places = {(m.first.id, m.last.id) for m in matches}
    one_place = beside and len(places) == 1 and matches[0].first.kind not in {"fence", "code", "text", "table"}
    if len(matches) == 1 or one_place:
        return matches[0]
    lines = [hit.lines[0] for hit in hits]
    shown = tuple(Candidate(n + 1, short(plan.lines[n])) for n in lines[:SHOWN])
    return Missed(f"the quoted text is there {len(hits)} times: lines {_and(str(n + 1) for n in lines)}", shown)


def _match(plan: Outline, how: How, hit: _Hit) -> Match | None:
    first, last = smallest(plan, hit.lines[0]), smallest(plan, hit.lines[1])
    return Match(how, hit.score, first, last, hit.lines, hit.span) if first and last else None


def smallest(plan: Outline, line: int) -> Block | None:
    """The innermost addressable block that `line` is part of."""
    holding = [b for b in plan.blocks if b.start <= line < b.end and b.kind not in {"top", "front_matter"}]
    return holding[-1] if holding else None


def _near(plan: Outline, quote: str, low: int, high: int) -> Match | tuple[Candidate, ...]:
    wanted = _joined(quote)
    ranked = _apart(sorted(_windows(plan, quote, wanted, low, high), key=lambda hit: -hit.score))
    best, second = ranked[:1], ranked[1].score if len(ranked) > 1 else 0.0
    if best and len(wanted) >= SHORTEST and best[0].score >= NEAR and best[0].score - second >= CLEAR:
        first, last = best[0].lines
        here = " ".join(words for _, words in _rows(plan, first, last + 1))
        hit = best[0]._replace(span=_line_span(plan, best[0].lines, quote))
        if same_sense(wanted, here) and (match := _match(plan, "fuzzy", hit)):
            return match
    return tuple(Candidate(h.lines[0] + 1, short(plan.lines[h.lines[0]])) for h in ranked)


def _windows(plan: Outline, quote: str, wanted: str, low: int, high: int) -> Iterator[_Hit]:
    """Runs of about as many lines as the quote has, and whole blocks, each with its likeness."""
    rows = _rows(plan, low, high)
    count = sum(1 for line in quote.split("\n") if words_of(line))
    sizes = {max(1, count - 1), max(1, count), count + 1}
    runs = {(at, at + size) for size in sizes for at in range(len(rows) - size + 1)}
    index = [n for n, _ in rows]
    for b in plan.blocks:
        if low <= b.start < b.end <= high and b.kind not in {"list", "top", "front_matter"}:
            runs.add((bisect_right(index, b.start - 1), bisect_right(index, b.end - 1)))
    for first, end in sorted(runs):
        if end > first and (score := _alike(wanted, " ".join(words for _, words in rows[first:end]))) >= FAR:
            yield _Hit((rows[first][0], rows[end - 1][0]), None, True, score)


def _apart(ranked: Sequence[_Hit]) -> list[_Hit]:
    """The best hits of which no two share a line."""
    out: list[_Hit] = []
    for hit in ranked:
        if all(hit.lines[1] < other.lines[0] or other.lines[1] < hit.lines[0] for other in out):
            out.append(hit)
        if len(out) == SHOWN:
            break
    return out


def _elsewhere(plan: Outline, quote: str, section: Block | None, near: tuple[Candidate, ...]) -> Missed:
    if _in_head(plan, quote):
        return Missed("the quoted text stands in the front matter, which no edit changes")
    if section and (other := _exact(plan, quote, plan.top.start, len(plan.lines))):
        shown = tuple(Candidate(hit.lines[0] + 1, short(plan.lines[hit.lines[0]])) for hit in other[:SHOWN])
        return Missed(f"the quoted text is not in the section {section.title or 'above all headings'!r}", shown)
    return Missed(f"the text {short(quote, 50)!r} is not there", near)


def _in_head(plan: Outline, quote: str) -> bool:
    return quote in "\n".join(line.rstrip("\r\n") for line in plan.lines[: plan.top.start])


def _alike(one: str, other: str) -> float:
    return fuzz.ratio(one, other)


def _and(parts: Iterable[str]) -> str:
    return ", ".join(parts)
