"""What the normal screen and the shell get when the viewer leaves a run."""

from __future__ import annotations

import contextlib

from t2s_tui.feed import Feed
from t2s_tui.notices import verdict_said
from t2s_tui.replay import Replay
from t2s_tui.text import clock, count, plural, safe
from workspace.errors import T2SError
from workspace.reports.summary import result_skill


def farewell(feed: Feed) -> str:
    """How the run is, what came out of it, and the way back."""
    if isinstance(feed, Replay):
        return safe(f"run {feed.run.id}  replayed to {clock(feed.player.at)} of {clock(feed.player.end)}")
    feed.poll()
    view = feed.view
    tokens = count(view.usage.prompt + view.usage.completion)
    learned = plural(len(view.lessons), "lesson")
    lines = [f"run {feed.run.id}  {feed.state}  {clock(feed.elapsed)}  {learned}  {tokens} tokens"]
    if view.verdict is not None:
        lines.append(f"verdict {verdict_said(view.verdict, feed.word)}")
    return "\n".join(safe(line, 400) for line in [*lines, *_way_back(feed)])


def _way_back(feed: Feed) -> list[str]:
    name = feed.run.id
    if feed.alive and feed.asked.stopping:
        return [f"it is stopping; go on with `t2s resume {name}`"]
    if feed.alive:
        return [f"the run goes on; come back with `t2s attach {name}`"]
    if feed.state != "finished":
        return [f"go on with `t2s resume {name}`"] if feed.view.seq else []
    return [*_skill(feed), f"look at it again with `t2s attach {name}`"]


def _skill(feed: Feed) -> list[str]:
    with contextlib.suppress(T2SError):  # a broken decision file is told by the verdict's page
        if folder := result_skill(feed.run):
            return [f"skill {folder}"]
    return []


def exit_code(feed: Feed | None) -> int:
    """The run's own code once it has ended, 0 while it goes on, 1 when it lost its engine."""
    if feed is None or not feed.live:
        return 0
    if feed.view.ended:
        return feed.view.code if feed.view.code is not None else {"stopped": 3}.get(feed.state, 1)
    return 1 if feed.state == "lost" else 0
