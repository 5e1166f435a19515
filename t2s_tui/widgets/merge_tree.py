"""The merge tree filling from the leaves to the root."""

from __future__ import annotations

from t2s_tui.feed import Feed
from t2s_tui.text import fit, plural, right
from t2s_tui.widgets.canvas import Line, Span
from t2s_tui.widgets.panel import ListPanel
from workspace.runs.view import NodeRow, RunView

DEEPEST = 40
SORTS = ("tree", "state", "support", "dropped")
ORDER = {"running": 0, "cut off": 1, "failed": 2, "due": 3, "done": 4, "waiting": 5}


class MergeTree(ListPanel):
    """One row a merge, the root on top. Patches are the leaves; they are counted, not drawn."""

    name_shown = "MERGE TREE"

    def __init__(self, feed: Feed, *, id: str = "tree") -> None:
        super().__init__(id=id)
        self.feed = feed
        self.sort = "tree"
        self._guides: dict[str, str] = {}

    def title(self) -> list[Span]:
        nodes = self.feed.view.nodes.values()
        if not nodes:
            return (
                [Span(plural(len(self.feed.view.patches), "patch", "patches"), "dim")] if self.feed.view.patches else []
            )
        done, running, cut = (sum(self.feed.standing(n) == s for n in nodes) for s in ("done", "running", "cut off"))
        spans = [Span(f"{done} of {len(nodes)} done", "dim")]
        if running:
            spans += [Span(f" {self.look.glyphs.dot} ", "faint"), Span(f"{running} running", "run")]
        if cut:
            spans += [Span(f" {self.look.glyphs.dot} ", "faint"), Span(f"{cut} cut off", "bad")]
        if due := len(self.feed.people.due_nodes):
            spans += [Span(f" {self.look.glyphs.dot} ", "faint"), Span(f"{due} to be made again", "you")]
        return spans

    def keys(self) -> list[str]:
        glyphs = self.look.glyphs
        nodes = self.feed.view.nodes
        self._guides = {}
        below = {child for node in nodes.values() for child in node.children}
        for root in sorted((n.id for n in nodes.values() if n.id not in below), reverse=True):
            self._walk(root, "", "", glyphs.branch, glyphs.last, glyphs.trunk)
        self._guides |= dict.fromkeys((key for key in nodes if key not in self._guides), "")
        if self.sort == "tree":
            return list(self._guides)
        self._guides = dict.fromkeys(sorted(self._guides, key=lambda key: self._rank(nodes[key])), "")
        return list(self._guides)

    def aside(self) -> list[Span]:
        order = [] if self.sort == "tree" else [Span(f"by {self.sort}  ", "faint")]
        return [*order, *super().aside()]

    def next_sort(self) -> str:
        """Sort by the next criterion and say which."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.pull()
        return self.sort

    def line(self, key: str, cells: int) -> list[Span]:
        node = self.feed.view.nodes[key]
        state = self.state_of(node)
        mark = self.look.mark(state)
        guide = self._guides.get(key, "")
        deepest = max((len(g) for g in self._guides.values()), default=0)
        spans = [
            Span(guide, "rule"),
            Span(f"{self.look.glyph(state)} ", mark.ink),
            Span(fit(node.id, 7 + deepest - len(guide)), "bright" if state == "running" else "text"),
        ]
        left = max(0, cells - sum(len(s.text) for s in spans))
        return [*spans, *self._progress(node, left)]

    def state_of(self, node: NodeRow) -> str:
        """Its state as people should read it; `due` where a changed lesson makes it again."""
        due = node.state in ("done", "failed") and node.id in self.feed.people.due_nodes
        return "due" if due else self.feed.standing(node)

    def nothing(self) -> list[Line]:
        waiting = len(self.feed.view.patches)
        if not waiting:
            return self.empty("No patch yet.", "The tree is planned when every patch is there.")
        return self.empty(f"{plural(waiting, 'patch', 'patches')} so far; the tree is planned when all are there.")

    def _rank(self, node: NodeRow) -> tuple[float, str]:
        match self.sort:
            case "state":
                return (ORDER.get(self.state_of(node), len(ORDER)), node.id)
            case "support":
                return (-node.support, node.id)
            case _:
                return (-node.dropped, node.id)

    def _progress(self, node: NodeRow, cells: int) -> list[Span]:
        if node.state == "failed":
            return [Span(fit(f"failed: {node.reason}", cells), "bad")]
        come, ready = self._come(node)
        part = (
            node.edits_out / node.edits_in
            if node.state == "done" and node.edits_in
            else ready / max(1, len(node.children))
        )
        meter = 8 if cells >= 34 else 5
        full, rest = self.look.meter(part, meter)
        ink = {"done": "ok", "running": "run", "due": "you"}.get(self.state_of(node), "dim")
        spans = [Span(full, ink), Span(rest, "faint"), Span("  ")]
        arrow = self.look.glyphs.arrow
        if node.state == "done":
            spans.append(Span(f"{right(str(node.edits_in), 3)} {arrow} {fit(str(node.edits_out), 3)}", "text"))
            spans += [Span(f" support {node.support}", "dim")] if node.support else []
            spans += [Span(f"  {node.dropped} dropped", "bad")] if node.dropped else []
            spans += [Span(f"  {node.carried} carried", "dim")] if node.carried else []
            if self.state_of(node) == "due":
                spans = [spans[0], spans[1], Span("  "), Span("to be made again", "you"), Span("  "), *spans[3:]]
        elif self.feed.standing(node) == "cut off":
            spans.append(Span("cut off", "bad"))
        elif node.state == "running":
            spans.append(Span(f"{right(str(come), 3)} {arrow} …  merging", "run"))
        else:
            spans.append(Span(f"{ready} of {len(node.children)} ready", "dim"))
        used, kept = 0, []
        for span in spans:
            used += len(span.text)
            if used <= cells:
                kept.append(span)
        return kept

    def _come(self, node: NodeRow) -> tuple[int, int]:
        """Edits that come in from below, and how many children are ready."""
        view = self.feed.view
        return edits_in(view, node), sum(is_ready(view, child) for child in node.children)

    def _walk(self, key: str, guide: str, trunk: str, branch: str, last: str, bar: str) -> None:
        """Each node once and to a depth that a plan can have: a damaged journal may make a merge its own child."""
        if key in self._guides or len(trunk) > DEEPEST * len(bar):
            return
        self._guides[key] = guide
        below = [c for c in self.feed.view.nodes[key].children if c in self.feed.view.nodes]
        for child in below:
            end = child == below[-1]
            blank = " " * len(bar)
            self._walk(child, trunk + (last if end else branch), trunk + (blank if end else bar), branch, last, bar)


def edits_in(view: RunView, node: NodeRow) -> int:
    """How many edits a merge reads, as far as its children are known."""
    if node.state == "done":
        return node.edits_in
    return sum(view.nodes[c].edits_out if c in view.nodes else view.patches.get(c, 0) for c in node.children)


def is_ready(view: RunView, child: str) -> bool:
    """Is the patch proposed, or the merge below finished?"""
    return view.nodes[child].state in ("done", "failed") if child in view.nodes else child in view.patches
