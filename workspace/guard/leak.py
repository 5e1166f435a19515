"""Does a text repeat what was held out? A skill that holds its own test is measured on nothing.

`held_out` takes fingerprints of the validation and test tasks; `leaks` looks for them in a text. All words are
normalised (case, punctuation and white space do not count), so a copied prompt is found however it is wrapped.

What becomes a fingerprint, and what does not:

- A whole prompt of five words or more.
- Eight words in a row of a prompt. Eight is long enough that two people hardly write the same run by chance, and short
  enough to find a prompt of which a half was copied. More than half of its pairs of neighbouring words must be the
  task's own: questions of one form differ in a word or two, and an invented case of that form is no copy.
- An id with letters, digits and a mark between them (date-test-1-003). A plain number is everybody's.
- An expected answer that nobody meets by chance: six digits other than 0 (14-MAR-2031 17:05 UTC), or five words and 24
  characters. "yes", "42", "AMBER", a round sum or a plain day say nothing about where they come from.

Nothing of that counts where the open material (evolve tasks, S0, trajectories) holds it, nor where four held-out tasks
share it: then it is the form of the questions or one answer of a few, and no single task's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from workspace.files import digest
from workspace.guard.hazards import Hazard, line_at

RUN = 8
SHORTEST = 5
SHARED = 4
SHOWN = 160
_WORD = re.compile(r"\w+")
_ID = re.compile(r"(?=.*\d)(?=.*[^\W\d_])(?=.*[-_/:.]).{8,}")
_FILE = re.compile(
    r"(?<![\w/.-])[\w][\w.-]*\.(?:xlsx?|csv|tsv|json|pdf|docx?|txt|md|png|jpe?g|parquet|db|html?)\b", re.I
)
_CELL = re.compile(r"(?<![\w$])\$?[A-Z]{1,3}\$?[1-9]\d{0,6}(?::\$?[A-Z]{1,3}\$?[1-9]\d{0,6})?(?!\w)")
_ANY_CELL = {"A1", "B1", "A2", "B2"}
_ANY_FILE = {"input", "output", "data", "file", "result", "results", "test", "example", "skill", "readme", "report"}
_EXAMPLE = re.compile(
    r"\b(?:e\.g\.|for example|for instance|such as|like)\s[^.;\n]*(?:\.(?=\w)[^.;\n]*)*|\([^()\n]*\)", re.I
)


class HeldTask(NamedTuple):
    """A validation or test task: nothing of it may reach the skill. `expected` is "" where there is no fixed answer."""

    id: str
    prompt: str
    expected: str = ""


class _Run(NamedTuple):
    """Words in a row: the first ones, by which it is looked up, and what must follow them."""

    head: str
    rest: tuple[str, ...] = ()


class _Print(NamedTuple):
    task: str
    what: str
    rest: tuple[str, ...]


@dataclass(frozen=True)
class HeldOut:
    """Fingerprints of held-out tasks by their first words; `lengths` says how many words those are, by the first."""

    prints: Mapping[str, tuple[_Print, ...]] = field(default_factory=dict[str, tuple[_Print, ...]])
    lengths: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])

    @property
    def digest(self) -> str:
        """Equal for equal fingerprints: what a unit that was guarded with them has read."""
        return digest(*(f"{head} {sorted(self.prints[head])}" for head in sorted(self.prints)))


def held_out(tasks: Iterable[HeldTask], known: Iterable[str]) -> HeldOut:
    """The fingerprints of `tasks` that `known` (every open text: evolve tasks, S0, trajectories) does not hold."""
    shut, seen = list(tasks), [_words(text) for text in known]
    own = _own_pairs(shut, seen)
    owners: dict[_Run, dict[str, str]] = {}
    for task in shut:
        for run, what in _runs(task, own):
            owners.setdefault(run, {}).setdefault(task.id, what)
    prints: dict[str, list[_Print]] = {}
    for run, who in owners.items():
        if len(who) < SHARED:
            prints.setdefault(run.head, []).append(_Print(*next(iter(who.items())), run.rest))
    lengths = _lengths(prints)
    for words in seen:
        for head, one in {(_head(words, at, n), one) for at, n, one in _matches(words, prints, lengths)}:
            prints[head].remove(one)
    left = {head: tuple(several) for head, several in prints.items() if several}
    return HeldOut(left, _lengths(left))


def leaks(text: str, held: HeldOut) -> Iterator[Hazard]:
    """Where `text` repeats a held-out task: once a task and a line, with the words found."""
    found = list(_WORD.finditer(text))
    words = [one[0].casefold() for one in found]
    told: set[tuple[int, str]] = set()
    for at, length, own in _matches(words, held.prints, held.lengths):
        line = line_at(text, found[at].start())
        if (line, own.task) not in told:
            told.add((line, own.task))
            end = found[at + length + len(own.rest) - 1].end()
            shown = _short(" ".join(text[found[at].start() : end].split()))
            yield Hazard(line, shown, f"repeats {own.what} of the held-out task {own.task}: {shown}")


def _matches(
    words: Sequence[str], prints: Mapping[str, Sequence[_Print]], lengths: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[int, int, _Print]]:
    """Where each fingerprint in `words` begins, and how many words its head has."""
    for at, word in enumerate(words):
        for n in lengths.get(word, ()):
            for one in prints.get(_head(words, at, n), ()) if at + n <= len(words) else ():
                if tuple(words[at + n : at + n + len(one.rest)]) == one.rest:
                    yield at, n, one


def _head(words: Sequence[str], at: int, length: int) -> str:
    return " ".join(words[at : at + length])


def own_marks(task: HeldTask, names: Iterable[str] = ()) -> frozenset[str]:
    """What only this task has: its id, the file names and cell addresses of its prompt, and the further `names`."""
    found = {one[0] for pattern in (_FILE, _CELL) for one in pattern.finditer(task.prompt)}
    own = {task.id, *names} if _ID.fullmatch(task.id) else set(names)
    return frozenset(own | {mark for mark in found if not _is_anybodys(mark)})


def own_case(claim: str, marks: Iterable[str]) -> str | None:
    """Why `claim` is no rule but its own task's case: it speaks of that task's ids, files or cells (`own_marks`).

    None when it does not, or only inside an example (in brackets, or after "e.g.", "such as", …) that shows a form.
    """
    rule = _EXAMPLE.sub(" ", claim)
    for mark in sorted(marks):
        if re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", rule, re.IGNORECASE):
            return f"speaks of {mark}, which only its own task has"
    return None


def _own_pairs(tasks: Sequence[HeldTask], known: Iterable[Sequence[str]]) -> set[tuple[str, str]]:
    """Two words in a row that stand in the prompts of fewer than four tasks and in nothing open."""
    counts = Counter(pair for task in tasks for pair in set(pairwise(_words(task.prompt))))
    for words in known:
        for pair in pairwise(words):
            if pair in counts:
                del counts[pair]
    return {pair for pair, count in counts.items() if count < SHARED}


def _runs(task: HeldTask, own: set[tuple[str, str]]) -> Iterator[tuple[_Run, str]]:
    """Each fingerprint of a task, and what of the task it is."""
    words = _words(task.prompt)
    n = min(RUN, len(words))
    if n >= SHORTEST:
        yield _Run(" ".join(words[:n]), tuple(words[n:])), "the question"
    for at in range(len(words) - n + 1 if n >= SHORTEST else 0):
        run = words[at : at + n]
        if 2 * sum(pair in own for pair in pairwise(run)) >= n:
            yield _Run(" ".join(run)), "words"
    if _ID.fullmatch(task.id):
        yield _Run(" ".join(_words(task.id))), "the id"
    if _is_rare(task.expected):
        yield _Run(" ".join(_words(task.expected))), "the answer"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _lengths(runs: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """How many words the runs that begin with a word have, the longest first."""
    found: dict[str, set[int]] = {}
    for run in runs:
        found.setdefault(run.partition(" ")[0], set()).add(run.count(" ") + 1)
    return {word: tuple(sorted(several, reverse=True)) for word, several in found.items()}


def _is_rare(answer: str) -> bool:
    digits = sum(c.isdigit() and c != "0" for c in answer)
    return (digits >= 6 or (len(answer) >= 24 and len(_words(answer)) >= 5)) and len(answer) <= 400


def _is_anybodys(mark: str) -> bool:
    return mark.replace("$", "") in _ANY_CELL or mark.rpartition(".")[0].casefold() in _ANY_FILE


def _words(text: str) -> Sequence[str]:
    return [word.casefold() for word in _WORD.findall(text)]
