"""The sentence above the panels: what a run needs from a person, or what came out of it."""

from __future__ import annotations

from t2s_tui.feed import Feed
from t2s_tui.text import safe, unsaid
from t2s_tui.theme import Look
from t2s_tui.widgets.status import Said
from workspace.runs.view_rows import Verdict

LOOK = "v verdict  d diff"
OUTDATED = "Lessons were changed: what they led to is out of date."
ENDED = ("finished", "stopped", "incomplete")
"""States in which nothing takes up changed lessons by itself."""


def notice(feed: Feed, look: Look, *, readonly: bool) -> Said | None:
    """What the run needs from a person, or what came out of it; who only reads is offered nothing else to do."""
    said = _said(feed, look)
    return said._replace(then="") if said and readonly and said.then != LOOK else said


def _said(feed: Feed, look: Look) -> Said | None:
    view, due = feed.view, feed.people.due
    match feed.state:
        case state if state in ENDED and due.anything:
            return Said(OUTDATED, "you", "R makes it again", "due")
        case "lost":
            return Said("The engine is gone; everything finished is kept.", "bad", "R resumes")
        case "paused":
            then = "goes on by itself; space keeps it paused" if feed.goes_on_by_itself else "space goes on"
            then = "B raises the cap" if feed.waits_for_budget else then
            changed = "; changed lessons are taken in when it goes on" if due.anything else ""
            return Said(_paused(view.why) + changed, "bad", then, "paused")
        case "stopped" if feed.waits_for_budget:
            return Said(f"Stopped{_why(view.why)}", "bad", "B raises the cap", "stopped")
        case "incomplete":
            return Said(f"Incomplete{_why(view.why)}", "bad", "r tries again")
        case "failed":
            return Said(f"The run failed{_why(view.why)}", "bad", "R tries again")
        case "finished" if view.verdict is not None:
            decided = feed.word or view.verdict.decision
            ink = look.mark(decided).ink if decided == view.verdict.decision else "you"
            return Said(verdict_said(view.verdict, feed.word), ink, LOOK, decided)
        case _ if view.endpoint_lost and not view.ended:
            then = "the others go on" if feed.state == "running" and not feed.waits_for_endpoint else ""
            return Said(f"{', '.join(view.lost)} does not answer: {view.endpoint_lost}", "bad", then)
        case _:
            return None


def verdict_said(verdict: Verdict, word: str) -> str:
    """The verdict in one sentence; what a person decided against it (`word`) goes before what the test said."""
    said = f"{verdict.decision.replace('_', ' ')}: {unsaid(verdict.sentence, verdict.decision)}"
    return said if word in ("", verdict.decision) else f"{word}ed by hand; the test said {said}"


def _paused(why: str) -> str:
    """The reason may say already that the run is paused."""
    text = safe(why, 300)
    return text[:1].upper() + text[1:] if text.lower().startswith("paused") else f"Paused{_why(why)}"


def _why(text: str) -> str:
    return f": {safe(text, 300)}" if text else ""
