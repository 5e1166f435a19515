"""The tasks that a skill fixed or broke beside another, each with what the agent did with either, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from workspace.reports.html.clip import SHORTEST, shares
from workspace.reports.html.held_out import chosen
from workspace.reports.html.markup import Child, Html, join, tag, weight
from workspace.reports.html.sections.parts import chip, dim, fault, fold, listed, preformatted, section, sign, words
from workspace.reports.html.values import Judged, Pairing, Report, TaskPair
from workspace.reports.html.words import count, percent
from workspace.reports.tries import Side
from workspace.trajectory import Outcome, Step, Trajectory

ROOM = 1_500_000
"""Bytes of the page for all transcripts together."""
LARGEST = 30_000
"""Bytes of one transcript at most."""
MOST_STEPS = 60
MOST_TRIES = 5
MOST_NAMES, FEWEST_NAMES = 500, 10
ALL_NAMES = 3_000
"""Names of tasks that all comparisons share."""
COST_OF_STEP = 90
ROLES = {"user": "task", "agent": "agent", "tool": "tool", "system": "system"}


class Block(NamedTuple):
    """The tasks of two skills beside each other. `place` names its transcripts on the page, `title` tells it apart
    where there are several; `left` and `right` are what the skills are called."""

    place: str
    side: Side | None
    pairs: tuple[TaskPair, ...]
    title: str = ""
    left: str = "First skill"
    right: str = "Candidate"

    def anchor(self, number: int) -> str:
        """The name of the transcripts of a pair."""
        return f"task-{self.place}-{number}"

    @property
    def links(self) -> dict[str, str]:
        """Task → where its transcripts stand."""
        return {pair.task: f"#{self.anchor(n)}" for n, pair in enumerate(self.pairs)}


def of_round(row: Judged, several: bool = False) -> Block:
    """A round of a run: what the candidate changed."""
    return Block(str(row.round), chosen(row), row.pairs, f"Round {row.round}" if several else "")


def of_pairing(pairing: Pairing, number: int) -> Block:
    """A comparison of an evaluation."""
    title = f"{pairing.model}: {pairing.skill} against {pairing.against}"
    return Block(f"c{number}", pairing.side, pairing.pairs, title, pairing.against, pairing.skill)


def tasks(report: Report) -> Html | None:
    """The section; None where nothing was measured."""
    if report.judged.fault or report.pairings.fault:
        return None  # told where the verdict or the comparison stands
    rows = [row for row in report.judged.value or () if row.sides]
    blocks = [of_round(row, len(rows) > 1) for row in reversed(rows)]
    blocks += [of_pairing(each, n) for n, each in enumerate(report.pairings.value or (), 1)]
    if not blocks:
        return None
    tries = sum(len(pair.base[:MOST_TRIES]) + len(pair.mine[:MOST_TRIES]) for block in blocks for pair in block.pairs)
    share = _Share(min(LARGEST, ROOM // max(1, tries)), max(FEWEST_NAMES, min(MOST_NAMES, ALL_NAMES // len(blocks))))
    folded = tag("p", "The transcripts are folded on paper.", class_="paper dim")
    return section("tasks", "Tasks fixed and broken", folded, *(_block(block, share) for block in blocks))


class _Share(NamedTuple):
    """What each gets of the page: bytes of one transcript, names of one list."""

    room: int
    names: int


def _block(block: Block, share: _Share) -> Html:
    heading = tag("h3", *words(block.title, 300)) if block.title else None
    if block.side is None:
        return join(heading, dim("Nothing was measured on validation."))
    groups = block.side.groups()
    if not block.pairs:
        said = dim(f"None of {count(len(block.side.tasks), 'task')} ended otherwise.")
        return join(heading, said, _others(groups, share))
    level = "h4" if block.title else "h3"
    parts = [_group(block, state, groups[state], share, level) for state in ("broken", "fixed")]
    return join(heading, *parts, _others(groups, share))


def _group(block: Block, state: str, names: Sequence[str], share: _Share, level: str) -> Html | None:
    if not names:
        return None
    numbered = [(n, pair) for n, pair in enumerate(block.pairs) if pair.state == state]
    title = tag(level, sign(state), f" {count(len(names), 'task')} {state}")
    rest = [name for name in names if name not in block.links]
    more = dim("Without transcripts here: ", *listed(rest, share.names)) if rest else None
    return join(title, *(_pair(block, pair, block.anchor(n), share.room) for n, pair in numbered), more)


def _others(groups: dict[str, list[str]], share: _Share) -> Html:
    parts = [
        tag("p", chip(state), f": {len(groups[state]):,}. ", *listed(groups[state], share.names))
        for state in ("right", "wrong") if groups[state]
    ]  # fmt: skip
    return fold("Tasks that ended as before", *parts) if parts else Html("")


def _pair(block: Block, pair: TaskPair, name: str, room: int) -> Html:
    change = tag("span", f"{percent(pair.before)} → {percent(pair.after)}", class_="dim")
    head = join(sign(pair.state), " ", tag("code", *words(pair.task, 300)), " ", change)
    both = tag("div", _side(block.left, pair.base, room), _side(block.right, pair.mine, room), class_="both")
    return fold(head, both, id=name, kind="row")


def _side(title: str, tries: Sequence[Trajectory | str], room: int) -> Html:
    head = tag("p", *words(title, 200), class_="side")
    if not tries:
        return tag("div", head, dim("This try was not kept in the run's folder."))
    shown = [_try(each, n, len(tries), room) for n, each in enumerate(tries[:MOST_TRIES], 1)]
    more = dim(f"and {count(len(tries) - MOST_TRIES, 'more try', 'more tries')}") if len(tries) > MOST_TRIES else None
    return tag("div", head, *shown, more)


def _try(tried: Trajectory | str, number: int, of: int, room: int) -> Html:
    head = tag("p", f"Try {number} of {of}", class_="dim") if of > 1 else None
    if isinstance(tried, str):
        return join(head, fault(tried))
    return join(head, _ending(tried.outcome), tag("ol", *_steps(tried.steps, room), class_="steps"))


def _ending(outcome: Outcome) -> Html:
    score = f", score {outcome.score:.3g}" if outcome.score is not None else ""
    told: list[Child] = [chip(outcome.status, score)]
    if outcome.message:
        told += [" ", *words(outcome.message, 600)]
    named = (("expected", outcome.expected), ("got", outcome.got))
    rows = ((name, value) for name, value in named if value is not None and value not in outcome.message)
    parts = (tag("div", tag("span", name, class_="dim"), " ", *words(value, 600)) for name, value in rows)
    return tag("div", tag("div", *told), *parts, class_="ending")


def _steps(steps: Sequence[Step], room: int) -> Iterator[Child]:
    """All steps where there is room; else the first and the last ones, the long ones in part."""
    most = max(2, min(MOST_STEPS, room // (COST_OF_STEP + SHORTEST)))
    first, last = steps, steps[:0]
    if len(steps) > most:
        first, last = steps[: most // 2], steps[len(steps) - (most - most // 2) :]
    texts = [_said(step) for step in (*first, *last)]
    weights = [min(weight(text[:LARGEST]), LARGEST) + (LARGEST if len(text) > LARGEST else 0) for text in texts]
    rooms = shares(weights, room - COST_OF_STEP * len(texts))
    for n, (step, text, share) in enumerate(zip((*first, *last), texts, rooms, strict=True)):
        if n == len(first):
            yield tag("li", f"… {count(len(steps) - len(texts), 'step')} left out …", class_="gap")
        number = n + 1 if n < len(first) else len(steps) - len(texts) + n + 1
        yield _step(step, number, text, max(SHORTEST, share))


def _said(step: Step) -> str:
    """A step's words: what was thought only where nothing was said, then the calls of tools."""
    calls = [call.shown for call in step.calls]
    spoken = step.text or ("" if calls else step.reasoning)
    return "\n".join(filter(None, (spoken, *calls)))


def _step(step: Step, number: int, text: str, room: int) -> Html:
    role = ROLES.get(step.role, step.role)
    name: list[Child] = [" ", *words(step.name, 80)] if step.name else []
    error = " (error)" if step.is_error else ""
    who = tag("span", f"{number} {role}", *name, error, class_="who")
    return tag("li", who, preformatted(text or "(nothing)", room), class_=f"step {role}")
