"""What enter opens: every thing on a page has a key that names its kind, and this is where kinds become screens.

edit:m2-01-E3   merge:m2-01   patch:t003   lesson:t003-L1   quote:t003:4:the quoted words
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from t2s_tui.feed import Feed
from workspace.lessons.lesson import Quote

if TYPE_CHECKING:
    from t2s_tui.screens.base import Base


def quote_key(quote: Quote) -> str:
    """The key of a piece of evidence."""
    return f"quote:{quote.trajectory}:{quote.turn}:{quote.quote}"


def screen_of(feed: Feed, key: str) -> Base | None:
    """The screen for what `key` names; None for a key that names nothing to open."""
    from t2s_tui.screens.agent import TrajectoryScreen
    from t2s_tui.screens.edit import EditScreen
    from t2s_tui.screens.lesson import LessonScreen
    from t2s_tui.screens.node import NodeScreen

    kind, _, name = key.partition(":")
    match kind:
        case "edit":
            return EditScreen(feed, name)
        case "merge" | "patch":
            return NodeScreen(feed, name)
        case "lesson":
            return LessonScreen(feed, name)
        case "quote":
            found = re.fullmatch(r"(.*?):(-?\d+):(.*)", name, re.DOTALL)
            return TrajectoryScreen(feed, found[1], int(found[2]), found[3]) if found else None
        case _:
            return None
