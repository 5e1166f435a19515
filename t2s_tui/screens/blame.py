"""Where the line under the cursor of a diff comes from: the edit that wrote it or took it out, lessons, quotes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from t2s_tui.feed import Feed
from t2s_tui.layout import named, paragraph
from t2s_tui.lines import lineage_of
from t2s_tui.text import plural, safe
from t2s_tui.widgets.canvas import Line, Span, row
from t2s_tui.widgets.panel import Panel
from workspace.errors import T2SError
from workspace.lessons.lesson import Quote
from workspace.origins.blame import Blamed, blame_skill

AUTHORS = {"s0": "the first skill", "model": "the model", "human": "a person", "program": "the program"}


class Found(NamedTuple):
    """What is known of a line: a sentence, the edit behind it, its lessons, and quotes."""

    sentence: str
    edit: str = ""
    lessons: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    fault: bool = False


class BlameText(Panel, can_focus=False):
    """The strip below the diff. `folder` is the skill whose lines are asked about; None while there is none."""

    name_shown = "BLAME"

    def __init__(self, feed: Feed, folder: Path | None) -> None:
        super().__init__(id="blame")
        self.feed = feed
        self._folder = folder
        self._key = ""
        self._origins: dict[tuple[str, int], Blamed] | None = None

    def about(self, key: str) -> None:
        """Show the origin of the line that `key` names (see `place_key`)."""
        self._key = key
        self.pull()

    def edit_at(self, key: str) -> str:
        """The id of the edit behind a line; empty where none is."""
        return self._found(key).edit

    def sentence(self, key: str) -> str:
        """In one sentence where a line comes from."""
        return self._found(key).sentence

    def title(self) -> list[Span]:
        found = self._found(self._key)
        return [Span(found.edit, "text"), Span("   enter opens it" if found.edit else "", "faint")]

    def body(self, cells: int, height: int) -> list[Line]:
        found = self._found(self._key)
        lines = paragraph(found.sentence, cells, "bad" if found.fault else "text")
        for name in found.lessons[:2]:
            known = self.feed.view.lessons.get(name)
            lines.append(row(Span(f"  {safe(name):<10} ", "dim"), Span(safe(known.title) if known else "", "text")))
        if len(found.lessons) > 2:
            lines.append(row(Span(f"  {'':<10} and {plural(len(found.lessons) - 2, 'more lesson')}", "dim")))
        for quote in found.quotes[:2]:
            lines += named(f"{quote.trajectory}:{quote.turn}", f"“{quote.quote}”", cells, "dim", indent=2)[:2]
        return lines[:height]

    def _found(self, key: str) -> Found:
        if not key:
            return Found("Put the cursor on a line.")
        old, new, file = key.split(":", 2)
        try:
            return self._written(file, int(new)) if int(new) else self._removed(file, int(old))
        except T2SError as error:
            return Found(str(error), fault=True)

    def _written(self, file: str, number: int) -> Found:
        line = self._blamed().get((file, number))
        if line is None:
            return Found("Nothing is known of this line.")
        who = AUTHORS.get(line.author, line.author)
        if line.by == "hand":
            return Found("Written by hand after the run.")
        if not line.edit:
            return Found(f"From {who}; no edit touched it.")
        behind = f", with the support of {plural(line.support, 'task')}" if line.support else ""
        took = f"; it took out “{' '.join(line.was_text.split())}”" if line.was_text else ""
        why = f" ({line.reason})" if line.reason else ""
        return Found(f"Written by {who} in {line.edit}{behind}{took}{why}.", line.edit, line.lessons, line.trajectories)

    def _removed(self, file: str, number: int) -> Found:
        lineage = lineage_of(self.feed)
        edit = lineage.remover(file, number) if lineage else None
        if edit is None:
            return Found("Taken out; no edit of this round names this line.")
        support = plural(len(edit.support), "task")
        return Found(f"Taken out by {edit.id} ({edit.op}), with the support of {support}.", edit.id, edit.lessons)

    def _blamed(self) -> dict[tuple[str, int], Blamed]:
        if self._origins is None:
            found = blame_skill(self._folder, self.feed.run.path.parent).lines if self._folder else ()
            self._origins = {(line.file, line.line): line for line in found}
        return self._origins
