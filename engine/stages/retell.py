"""A trajectory as a model reads it: numbered turns, cut to what its context holds."""

from __future__ import annotations

from engine.window import CAUTIOUS
from workspace.lessons.differences import differences
from workspace.trajectory import Step, Trajectory

ALL_CHARS = 24_000  # of one trajectory
LEAST_CHARS = 1_000  # below, there is nothing to learn from
ONE_TURN = 4  # a turn may have a quarter of all
FRAME = 64  # tokens that a chat template adds


def readable(window: int, reply: int, besides: int) -> int:
    """Characters of a trajectory that fit into a context of `window` tokens (0: not known) beside a reply of so many
    tokens and so many other characters."""
    if not window:
        return ALL_CHARS
    return max(LEAST_CHARS, min(ALL_CHARS, int((window - reply - FRAME) * CAUTIOUS) - besides))


def turns(trajectory: Trajectory, most: int = ALL_CHARS) -> str:
    """Numbered turns in about `most` characters: long ones are cut in the middle, the oldest but the task left out."""
    rows = [_turn(n, step, most) for n, step in enumerate(trajectory.steps, 1)]
    kept, size = rows[:1], len(rows[0]) if rows else 0
    tail: list[str] = []
    for row in reversed(rows[1:]):
        size += len(row)
        if size > most:
            tail.append(f"[{len(rows) - len(kept) - len(tail)} turns left out]")
            break
        tail.append(row)
    return "\n".join(kept + tail[::-1])


def case(trajectory: Trajectory, most: int = ALL_CHARS) -> str:
    """The same for a small model: task, what was done on the way, answer, and what was right."""
    outcome = trajectory.outcome
    rows = [f"Task: {_cut(trajectory.question.strip(), most)}"]
    if len(trajectory.steps) > 3:
        rows.append(f"What the agent did:\n{turns(trajectory, most)}")
    answer = _cut((outcome.got or trajectory.answer).strip(), most)
    if outcome.status == "pass":
        return "\n".join([*rows, f"Agent's answer, judged right: {answer}"])
    if not outcome.expected:
        return "\n".join([*rows, f"Agent's answer: {answer}", f"Why it is wrong: {outcome.message or 'unknown'}"])
    right = outcome.expected.strip()
    told = [f"Agent's answer: {answer}", f"Right answer: {right}", f"Differences: {differences(answer, right)}"]
    return "\n".join([*rows, *told])


def _turn(number: int, step: Step, most: int) -> str:
    calls = "".join(f"\n[calls {c.name} {c.arguments}]" for c in step.calls)
    return f'<turn n="{number}" role="{step.role}">{_cut(step.text + calls, most)}</turn>'


def _cut(text: str, most: int) -> str:
    if len(text) <= most // ONE_TURN:
        return text
    half = most // ONE_TURN // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
