"""One merge: the edits that came in, what became of them, and why some stayed out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from t2s_tui.feed import Changes, Feed, workplace
from t2s_tui.screens.actions import RunActions
from t2s_tui.text import fit, plural, safe_lines, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.merge_tree import edits_in, is_ready
from t2s_tui.widgets.panel import Reader
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.edits.patch import Edit, Patch, anchor, edit_text, loads_patch
from workspace.errors import T2SError
from workspace.files import read_text
from workspace.runs.run import RunFolder


class NodeText(Reader):
    """A merge laid out for reading: children, edits out, edits that ended here."""

    name_shown = "MERGE"

    def __init__(self, feed: Feed, node: str) -> None:
        super().__init__(id="node")
        self.feed, self.node = feed, node

    def title(self) -> list[Span]:
        return [Span(self.node, "dim")]

    def content(self, cells: int) -> list[Line]:
        node = self.feed.view.nodes.get(self.node)
        if node is None:
            return self.empty(f"There is no merge {self.node} in this run.")
        mark, look = self.look.mark(node.state), self.look
        came = edits_in(self.feed.view, node)
        counts = f"{came} in {look.glyphs.arrow} {node.edits_out} out" if node.state == "done" else f"{came} in"
        head = [
            Span(f"  {look.glyph(node.state)} {mark.word}", f"{mark.ink}+bold"),
            Span(f"   level {node.level}   {counts}", "text"),
        ]
        head += [Span(f"   {node.dropped} dropped", "bad")] if node.dropped else []
        head += [Span(f"   {node.carried} carried up unchanged", "dim")] if node.carried else []
        lines = [BLANK, row(*head), BLANK]
        if node.reason:
            lines += [*self._text(f"failed: {node.reason}", cells, "bad"), BLANK]
        return [*lines, *self._out(cells), *self._in(node.children, cells)]

    def _out(self, cells: int) -> list[Line]:
        try:
            patch = tree_patch(self.feed.run, self.node)
        except T2SError as error:
            return [*self._text(str(error), cells, "bad"), BLANK]
        if patch is None:
            return self._told(cells)
        lines: list[Line] = [row(Span(f"  Out: {plural(len(patch.edits), 'edit')}", "dim+bold")), BLANK]
        for edit in sorted(patch.edits, key=lambda e: -len(e.support)):
            lines += self._edit(edit, cells)
        if patch.dropped:
            lines += [row(Span(f"  Ended here: {len(patch.dropped)}", "dim+bold"))]
            for dropped in patch.dropped:
                lines += self._pair(dropped.id, dropped.reason, "dim", cells)
        return [*lines, BLANK]

    def _told(self, cells: int) -> list[Line]:
        """Without the merge's file, what its events said."""
        edits = [e for e in self.feed.view.edits.values() if e.node == self.node]
        lines: list[Line] = []
        for edit in sorted(edits, key=lambda e: -e.support):
            text = edit.text if edit.state == "merged" else f"{edit.state}: {edit.reason}"
            lines += self._pair(
                f"{self.look.glyph(edit.state)} {edit.id}", text, "text" if edit.state == "merged" else "dim", cells
            )
        return [*lines, BLANK] if lines else []

    def _edit(self, edit: Edit, cells: int) -> list[Line]:
        lessons = self.feed.view.lessons
        head = [
            Span(f"  {edit.id}", "bright"),
            Span(f"   support {len(edit.support)}", "run"),
            Span(f"   {edit.op} {anchor(edit)}", "dim"),
            Span("   pinned" if edit.pinned else "", "you"),
        ]
        lines = [row(*head), *self._text(edit_text(edit), cells, "text", 4)]
        if edit.reason:
            lines += self._text(edit.reason, cells, "dim", 4)
        for lesson in edit.lessons[:12]:
            title = lessons[lesson].title if lesson in lessons else ""
            lines.append(row(Span(f"    {self.look.glyphs.last} {fit(lesson, 10)}", "faint"), Span(title, "dim")))
        if len(edit.lessons) > 12:
            lines.append(row(Span(f"    {self.look.glyphs.last} and {len(edit.lessons) - 12} more", "faint")))
        return [*lines, BLANK]

    def _in(self, children: Sequence[str], cells: int) -> list[Line]:
        view = self.feed.view
        lines = [row(Span(f"  In: {plural(len(children), 'child', 'children')}", "dim+bold"))]
        for child in children:
            ready = is_ready(view, child)
            edits = view.nodes[child].edits_out if child in view.nodes else view.patches.get(child, 0)
            said = plural(edits, "edit") if ready else "not ready"
            lines.append(
                row(
                    Span(f"    {self.look.glyph('done' if ready else 'waiting')} ", "ok" if ready else "faint"),
                    Span(fit(child, 10), "text"),
                    Span(said, "dim"),
                )
            )
        return lines

    def _pair(self, name: str, text: str, ink: str, cells: int) -> list[Line]:
        rows = [part for line in safe_lines(text) for part in wrap(line, max(10, cells - 22))]
        return [
            row(Span("    " + fit(name if not n else "", 14) + " ", "dim"), Span(part, ink))
            for n, part in enumerate(rows)
        ]

    def _text(self, text: str, cells: int, ink: str, indent: int = 2) -> list[Line]:
        rows = [part for line in safe_lines(text.strip()) for part in wrap(line, max(10, cells - indent - 2))]
        return [row(Span(" " * indent), Span(part, ink)) for part in rows]


class NodeScreen(RunActions):
    """A merge on a screen of its own; it fills while one looks."""

    CSS = "NodeScreen #header { height: 2; } NodeScreen #node { height: 1fr; } NodeScreen #footer { height: 1; }"

    def __init__(self, feed: Feed, node: str) -> None:
        super().__init__()
        self.feed, self.crumb = feed, node
        self._node = NodeText(feed, node)
        self._seq = -1

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._node
        yield Footer(lambda: [Hint("esc", "back"), Hint("j k", "scroll"), Hint("/", "find"), Hint("y", "copy")])
        yield FindBar()

    def on_mount(self) -> None:
        self._node.focus()

    def on_screen_resume(self) -> None:
        self._node.renew()
        super().on_screen_resume()

    def pull(self, changes: Changes) -> None:
        node = self.feed.view.nodes.get(self._node.node)
        if node is not None and node.seq != self._seq:
            self._seq = node.seq
            self._node.renew()
        super().pull(changes)

    def copied(self) -> str:
        return "\n".join(self._node.text_rows())


def tree_patch(run: RunFolder, node: str) -> Patch | None:
    """What a merge wrote, None before it is done. Raises `InputError` when its file does not parse."""
    seed = workplace(run)
    path = seed.tree / f"{node}.toml" if seed else None
    return loads_patch(read_text(path), path) if path and path.is_file() else None


def patch_edits(run: RunFolder, unit: str) -> tuple[Edit, ...]:
    """The edits of the patch proposed for `unit`; none before it is there. Raises `InputError` as `tree_patch`."""
    seed = workplace(run)
    path = seed.patches / f"{unit}.toml" if seed else None
    return loads_patch(read_text(path), path).edits if path and path.is_file() else ()
