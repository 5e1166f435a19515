"""What one merge can read at once: edits in parts that fit, those of one place together where it can be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workspace.edits.alike import group_alike
from workspace.edits.patch import Edit, anchor, edit_text

TAGS = 120  # characters that an edit takes in a merger's prompt and reply beside its text
SPARE = 0.95  # of a window that is planned with; the rest is for what an estimate misses
SHORTEST = 256  # tokens that any reply may have
FRAME = 64  # tokens that a chat template and the like take


def size(edits: Sequence[Edit]) -> int:
    """Characters of edits in a merger's prompt."""
    return sum(len(edit_text(edit)) + TAGS for edit in edits)


def room(window: int, per_token: float, prompt: int, reply: int) -> int:
    """Characters of edits that one merge can read: they stand in the prompt, and at worst once more in the reply.

    `window` and `reply` in tokens (the context, and the most a reply may have), `prompt` in characters without edits;
    `window` 0 = not known, then the reply alone bounds it.
    """
    answer = int(reply * per_token)
    if not window:
        return answer
    free = (window * SPARE - FRAME) * per_token - prompt
    return max(1, min(answer, int(free / 2)))


def answer_tokens(window: int, per_token: float, prompt: int, most: int) -> int:
    """The most tokens a reply to a prompt of so many characters may have: `most`, or what the window leaves."""
    if not window:
        return most
    return min(most, max(SHORTEST, int(window * SPARE - FRAME - prompt / per_token)))


def in_parts(edits: Sequence[Edit], characters: int) -> list[list[Edit]]:
    """`edits` in as few parts of at most `characters` as come out when they are taken place by place.

    Edits of one place stay together; where they are too many, near-duplicates do. An edit that is too large alone is a
    part of its own.
    """
    if size(edits) <= characters:
        return [list(edits)]
    parts: list[list[Edit]] = []
    for piece in _pieces(edits, characters):
        if parts and size(parts[-1]) + size(piece) <= characters:
            parts[-1] += piece
        else:
            parts.append(list(piece))
    return parts


def halves(edits: Sequence[Edit]) -> list[list[Edit]]:
    """Two parts of the same number of edits, each in the order of places, near-duplicates side by side."""
    ordered = [edit for piece in _pieces(edits, 0) for edit in piece]
    middle = len(ordered) // 2
    return [part for part in (ordered[:middle], ordered[middle:]) if part]


def _pieces(edits: Sequence[Edit], characters: int) -> Iterator[list[Edit]]:
    places: dict[str, list[Edit]] = {}
    for edit in edits:
        places.setdefault(anchor(edit), []).append(edit)
    for place in places.values():
        if size(place) <= characters:
            yield place
            continue
        for group in group_alike(place):
            yield from [group] if size(group) <= characters else [[edit] for edit in group]
