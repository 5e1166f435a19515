"""One merge, or one patch: the edits that came out, those that ended here and why, and what it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.app import ComposeResult

from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import SORT, bindings
from t2s_tui.layout import heading, paragraph
from t2s_tui.lines import lineage_of, local
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.open import screen_of
from t2s_tui.text import fit, plural, safe
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.merge_tree import edits_in, is_ready
from t2s_tui.widgets.page import Item, Page
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.edits.patch import Edit, Patch, anchor, edit_text
from workspace.errors import T2SError
from workspace.origins.lineage import Lineage
from workspace.runs.view import NodeRow

SORTS = ("support", "name")
MOST = 3  # rows of an edit's text on this page; its own page has all of them


class NodeText(Page):
    """Edits out, edits that ended here, children. `node` is named as the view does."""

    def __init__(self, feed: Feed, node: str) -> None:
        super().__init__(id="node")
        self.feed, self.node = feed, node
        self.sort = "support"
        self.name_shown = "MERGE" if node in feed.view.nodes else "PATCH"

    def title(self) -> list[Span]:
        return [Span(self.node, "dim"), Span("   by name" if self.sort == "name" else "", "faint")]

    def parts(self, cells: int) -> Iterable[Line | Item]:
        yield BLANK
        yield from self._head()
        try:
            lineage = lineage_of(self.feed)
            patch = lineage.patch(local(self.feed, self.node)) if lineage else None
            yield from self._written(patch, cells) if patch else self._told(cells)
            yield from self._children(lineage)
        except T2SError as error:
            yield from paragraph(str(error), cells, "bad")

    def _head(self) -> Iterable[Line]:
        node, look = self.feed.view.nodes.get(self.node), self.look
        if node is None:
            known = self.node in self.feed.view.patches
            said = "What was proposed for" if known else "There is nothing called"
            yield row(Span(f"  {said} {safe(self.node)}", "dim"))
        else:
            mark = look.mark(node.state)
            came = edits_in(self.feed.view, node)
            counts = f"{came} in {look.glyphs.arrow} {node.edits_out} out" if node.state == "done" else f"{came} in"
            head = [Span(f"  {look.glyph(node.state)} {mark.word}", f"{mark.ink}+bold")]
            head += [Span(f"   level {node.level}   {counts}", "text"), *self._left(node)]
            yield row(*head)
            if self.node in self.feed.people.due_nodes:
                due = "Made again when the run goes on: a lesson below it was changed."
                yield row(Span(f"  {look.glyph('due')} {due}", "you"))
            if node.reason:
                yield row(Span(f"  failed: {safe(node.reason)}", "bad"))
        yield BLANK

    def _left(self, node: NodeRow) -> list[Span]:
        spans = [Span(f"   {node.dropped} ended here", "bad")] if node.dropped else []
        return spans + ([Span(f"   {node.carried} carried up unchanged", "dim")] if node.carried else [])

    def _written(self, patch: Patch, cells: int) -> Iterable[Line | Item]:
        yield heading("Came out" if self.name_shown == "MERGE" else "Proposed", self._count(len(patch.edits)))
        yield BLANK
        for edit in sorted(patch.edits, key=self._rank):
            yield Item(f"edit:{edit.id}", (*self._edit(edit, cells), BLANK))
        if patch.dropped:
            yield heading("Ended here", self._count(len(patch.dropped)))
            yield BLANK
            for dropped in patch.dropped:
                lines = [row(Span(f"  {self.look.glyph('dropped')} ", "faint"), Span(dropped.id, "text"))]
                lines += paragraph(dropped.reason or "left out without a reason", cells, "dim", 4)
                kind = "edit" if "-E" in dropped.id else "lesson"
                yield Item(f"{kind}:{dropped.id}", tuple(lines))
            yield BLANK

    def _edit(self, edit: Edit, cells: int) -> list[Line]:
        head = [
            Span(f"  {edit.id}", "bright"),
            Span(f"   support {len(edit.support)}", "run"),
            Span(f"   {edit.op} {anchor(edit)}", "dim"),
            Span("   pinned" if edit.pinned else "", "you"),
        ]
        text = paragraph(edit_text(edit) or "takes lines out", cells, "text", 4)
        return [row(*head), *text[:MOST], *([row(Span("    …", "faint"))] if len(text) > MOST else [])]

    def _told(self, cells: int) -> Iterable[Line | Item]:
        """Without its file, what the events said."""
        edits = [e for e in self.feed.view.edits.values() if e.node == self.node]
        for edit in sorted(edits, key=lambda e: (-e.support, e.id)):
            text = edit.text if edit.state == "merged" else f"{edit.state}: {edit.reason}"
            ink = "text" if edit.state == "merged" else "dim"
            head = row(Span(f"  {self.look.glyph(edit.state)} {edit.id}", "bright"), Span(f"   support {edit.support}"))
            yield Item(f"edit:{edit.id}", (head, *paragraph(text, cells, ink, 4)))
        if edits:
            yield BLANK

    def _children(self, lineage: Lineage | None) -> Iterable[Line | Item]:
        node, view = self.feed.view.nodes.get(self.node), self.feed.view
        if node is None:
            patch = lineage.patch(local(self.feed, self.node)) if lineage else None
            lessons = list(patch.reads) if patch else []
            if lessons:
                yield heading("Made of", self._count(len(lessons), "lesson"))
            for lesson in lessons:
                title = view.lessons[lesson].title if lesson in view.lessons else ""
                yield Item(f"lesson:{lesson}", (row(Span(f"    {fit(lesson, 10)}", "text"), Span(safe(title), "dim")),))
            return
        yield heading("Went in", Span(f"  {plural(len(node.children), 'child', 'children')}", "dim"))
        for child in node.children:
            ready = is_ready(view, child)
            edits = view.nodes[child].edits_out if child in view.nodes else view.patches.get(child, 0)
            state = "due" if child in self.feed.people.due_nodes else "done" if ready else "waiting"
            line = row(
                Span(f"    {self.look.glyph(state)} ", self.look.mark(state).ink),
                Span(fit(child, 10), "text"),
                Span(plural(edits, "edit") if ready else "not ready", "dim"),
            )
            yield Item(f"{'merge' if child in view.nodes else 'patch'}:{child}", (line,))

    def _rank(self, edit: Edit) -> tuple[float, str]:
        return (0 if self.sort == "name" else -len(edit.support), edit.id)

    def _count(self, number: int, what: str = "edit") -> Span:
        return Span(f"  {plural(number, what)}", "dim")

    def next_sort(self) -> str:
        """Sort by the next criterion and say which."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.renew()
        return self.sort


class NodeScreen(RunActions):
    """A merge or a patch on a screen of its own; it fills while one looks."""

    BINDINGS = bindings(SORT)
    CSS = "NodeScreen #header { height: 2; } NodeScreen #node { height: 1fr; } NodeScreen #footer { height: 1; }"

    def __init__(self, feed: Feed, node: str) -> None:
        super().__init__()
        self.feed, self.crumb = feed, node
        self._node = NodeText(feed, node)
        self._seq = (-1, -1)

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._node
        yield Footer(self.hints)
        yield FindBar()

    def on_mount(self) -> None:
        self._node.focus()

    def hints(self) -> Sequence[Hint]:
        keys = [("esc", "back"), ("j k", "move"), ("enter", "open"), ("s", "sort"), ("/", "find"), ("y", "copy")]
        return [Hint(*pair) for pair in keys]

    def on_screen_resume(self) -> None:
        self._node.renew()
        super().on_screen_resume()

    def pull(self, changes: Changes) -> None:
        node = self.feed.view.nodes.get(self._node.node)
        seq = (node.seq if node else 0, self.feed.people.version)
        if seq != self._seq:
            self._seq = seq
            self._node.renew()
        super().pull(changes)

    @on(ListPanel.Chosen)
    def _chosen(self, message: ListPanel.Chosen) -> None:
        if screen := screen_of(self.feed, message.key):
            self.app.push_screen(screen)

    def action_sort(self) -> None:
        self.t2s.tell(f"sorted by {self._node.next_sort()}")

    def copied(self) -> str:
        return "\n".join(self._node.text_rows())
