"""The page: one file that opens offline, loads nothing, and can be read without its script.

    html = page(gather(run))

Its policy forbids every load and names the digests of its own style sheet and script, so that nothing else can act in
it, whatever stands in a trace.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from workspace.files import read_text
from workspace.reports.html.markup import Html, script_or_style, tag
from workspace.reports.html.sections.diff import diff
from workspace.reports.html.sections.ending import cost, settings, used
from workspace.reports.html.sections.left_out import left_out
from workspace.reports.html.sections.lessons import lessons
from workspace.reports.html.sections.matrix import matrix
from workspace.reports.html.sections.summary import head, summary
from workspace.reports.html.sections.tasks import tasks
from workspace.reports.html.sections.tree import tree
from workspace.reports.html.sections.verdict import verdict
from workspace.reports.html.values import Report
from workspace.runs.evaluation import KIND

HERE = Path(__file__).parent
Section = Callable[[Report], Html | None]
OF_A_RUN: tuple[tuple[str, str, Section], ...] = (
    ("summary", "Summary", summary),
    ("verdict", "Verdict", verdict),
    ("tasks", "Tasks fixed and broken", tasks),
    ("diff", "What changed", diff),
    ("lessons", "Lessons", lessons),
    ("tree", "Merge tree", tree),
    ("left-out", "Left out", left_out),
    ("cost", "Cost", cost),
    ("settings", "Settings", settings),
)
"""Anchor, name in the table of contents and maker of each section, in the order of the page."""
OF_AN_EVALUATION: tuple[tuple[str, str, Section], ...] = (
    ("summary", "Summary", summary),
    ("matrix", "Comparison", matrix),
    ("tasks", "Tasks fixed and broken", tasks),
    ("cost", "Cost", used),
    ("settings", "Settings", settings),
)


def page(report: Report) -> str:
    """The whole file as text."""
    style, script = (read_text(HERE / name) for name in ("page.css", "page.js"))
    return "<!doctype html>\n" + tag("html", _head(report, style, script), _body(report, script), lang="en") + "\n"


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: no load from anywhere, and no style or script but these two texts."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(words: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(words.encode()).digest()).decode()}"


def _head(report: Report, style: str, script: str) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{report.about.skill[:80] or report.about.id[:80]}: {report.about.state}"),
        script_or_style("style", style),
    )


def _body(report: Report, script: str) -> Html:
    sections = OF_AN_EVALUATION if report.about.kind == KIND else OF_A_RUN
    parts = [(name, title, make(report)) for name, title, make in sections]
    shown = [(name, title) for name, title, part in parts if part]
    skip = tag("a", "To the report", href="#summary", class_="skip")
    main = tag("main", *(part for _, _, part in parts), id="main")
    foot = tag("footer", "Made by t2s from the run's own files. It loads nothing and sends nothing.")
    column = tag("div", head(report), main, foot, class_="column")
    return tag("body", skip, tag("div", _contents(shown), column, class_="page"), script_or_style("script", script))


def _contents(shown: Sequence[tuple[str, str]]) -> Html:
    items = (tag("li", tag("a", title, href=f"#{name}")) for name, title in shown)
    return tag("nav", tag("p", "Contents", class_="side"), tag("ul", *items), aria_label="Contents")
