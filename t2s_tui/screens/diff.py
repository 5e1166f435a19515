"""What the candidate changes in the skill: unified on a narrow screen, side by side on a wide one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult

from t2s_tui.feed import Feed
from t2s_tui.keys import DIFF, bindings
from t2s_tui.people import workplace
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.blame import BlameText
from t2s_tui.screens.edit import EditScreen
from t2s_tui.text import plural, safe, width, wrap
from t2s_tui.widgets.canvas import BLANK, Line, Span, apart, clip, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.page import Item, Page
from t2s_tui.widgets.panel import ListPanel
from t2s_tui.widgets.status import Footer, Header, Hint
from workspace.files import read_lines, walk
from workspace.runs.run import RunFolder

BESIDE = 116
CONTEXT = 4
LIKE = 0.35


class Pair(NamedTuple):
    """A line before and after, each with its number; None on one side: the line is only on the other."""

    before: str | None
    after: str | None
    old: int = 0
    new: int = 0

    @property
    def same(self) -> bool:
        return self.before == self.after


def place_key(file: str, pair: Pair) -> str:
    """The key of a pair in its file; `place_of` takes it apart."""
    return f"{pair.old}:{pair.new}:{file}"


class FileDiff(NamedTuple):
    """One file of the skill. `gap` pairs (both None) stand for unchanged lines that are left out."""

    name: str
    pairs: tuple[Pair, ...]
    added: int
    removed: int


class DiffText(Page):
    """All changed files below each other; every line is an item, its key the file and both line numbers."""

    name_shown = "DIFF"

    def __init__(self, files: Sequence[FileDiff], empty: str) -> None:
        super().__init__(id="diff")
        self.files, self._empty = files, empty

    def title(self) -> list[Span]:
        added, removed = sum(f.added for f in self.files), sum(f.removed for f in self.files)
        return [Span(plural(len(self.files), "file"), "dim"), Span(f"  +{added}", "ok"), Span(f"  −{removed}", "bad")]

    def turn(self, by: int) -> None:
        """The cursor to the beginning of the next change (`by` 1), or of the one before (-1); it stays at the last."""
        pairs = [(place_key(file.name, pair), pair) for file in self.files for pair in file.pairs]
        here = next((n for n, (key, _) in enumerate(pairs) if key == self.cursor), 0)
        starts = [n for n, (_, pair) in enumerate(pairs) if _says(pair) and (not n or not _says(pairs[n - 1][1]))]
        fresh = not self._key  # nobody has moved the cursor yet
        ahead = [n for n in starts if (n > here or (fresh and n == here) if by > 0 else n < here)]
        if ahead:
            self.put(pairs[ahead[0 if by > 0 else -1]][0])

    def parts(self, cells: int) -> Iterable[Line | Item]:
        if not self.files:
            yield from self.empty(self._empty)
        for file in self.files:
            counts = [Span(f"+{file.added} ", "ok"), Span(f"−{file.removed} ", "bad")]
            yield from (BLANK, apart([Span(f" {file.name}", "bright+bold")], counts, cells), BLANK)
            for pair in file.pairs:
                lines = self._beside(pair, cells) if cells >= BESIDE else self._unified(pair, cells)
                if pair.before is None and pair.after is None:
                    yield from lines
                else:
                    yield Item(place_key(file.name, pair), tuple(lines))

    def _unified(self, pair: Pair, cells: int) -> list[Line]:
        if pair.before is None and pair.after is None:
            return [self._gap(cells)]
        if pair.same:
            return self._rows(pair.new, " ", [Span(pair.after or "", "dim")], "back", cells)
        lines: list[Line] = []
        before, after = _words(pair)
        if pair.before is not None:
            lines += self._rows(pair.old, "−", before, "gone", cells)
        if pair.after is not None:
            lines += self._rows(pair.new, "+", after, "new", cells)
        return lines

    def _rows(self, number: int, sign: str, spans: list[Span], back: str, cells: int) -> list[Line]:
        ink = {"−": "bad", "+": "ok"}.get(sign, "faint")
        rows = _wrapped(spans, cells - 8)
        return [
            Line((Span(f" {number if not n else '':>4} ", "faint"), Span(f"{sign} ", ink), *part), back)
            for n, part in enumerate(rows)
        ]

    def _beside(self, pair: Pair, cells: int) -> list[Line]:
        if pair.before is None and pair.after is None:
            return [self._gap(cells)]
        half = (cells - 3) // 2
        before, after = _words(pair)
        left = _wrapped(before, half - 7) if pair.before is not None else []
        right = _wrapped(after, half - 7) if pair.after is not None else []
        lines: list[Line] = []
        for n in range(max(len(left), len(right))):
            spans = self._half(left, n, pair.old, "back" if pair.same else "gone", half)
            spans += [Span(f" {self.look.glyphs.wall} ", "rule")]
            spans += self._half(right, n, pair.new, "back" if pair.same else "new", half)
            lines.append(Line(tuple(spans)))
        return lines

    def _half(self, rows: list[list[Span]], n: int, number: int, back: str, cells: int) -> list[Span]:
        tint = "" if back == "back" else f"@{back}"
        if n >= len(rows):
            return [Span(" " * cells)]
        text = clip(rows[n], cells - 7)
        rest = " " * (cells - 7 - sum(width(s.text) for s in text))
        return [
            Span(f" {number if not n else '':>4}  ", f"faint{tint}"),
            *(Span(s.text, s.ink + tint if "@" not in s.ink else s.ink) for s in text),
            Span(rest, f"text{tint}"),
        ]

    def _gap(self, cells: int) -> Line:
        return row(Span(f"      {self.look.glyphs.dot} {self.look.glyphs.dot} {self.look.glyphs.dot}", "faint"))


class DiffScreen(RunActions):
    """S0 against the candidate of the last round; `b` tells where the line under the cursor comes from."""

    BINDINGS = bindings(DIFF)
    CSS = """
    DiffScreen #header { height: 2; } DiffScreen #diff { height: 1fr; } DiffScreen #footer { height: 1; }
    DiffScreen #blame { height: 9; display: none; }
    DiffScreen.-blame #blame { display: block; }
    """
    crumb = "diff"

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        before, after = sides(feed.run)
        empty = (
            "There is no candidate yet: it is made when the last merge is done."
            if after is None
            else "The candidate is the same as the skill."
        )
        self._diff = DiffText(compare(before, after) if after else (), empty)
        self._blame = BlameText(feed, after)

    def compose(self) -> ComposeResult:
        yield Header(self.feed, self.t2s.badges)
        yield self._diff
        yield self._blame
        yield Footer(self.hints)
        yield FindBar()

    def on_mount(self) -> None:
        self._diff.focus()
        self.call_after_refresh(self.action_change, 1)

    def action_change(self, by: int) -> None:
        """To the first line of the next change, or of the one before."""
        self._diff.turn(by)
        self._about(self._diff.cursor)

    def hints(self) -> Sequence[Hint]:
        keys = [("esc", "back"), ("j k", "move"), ("b", "blame"), ("enter", "open edit"), ("[ ]", "changes")]
        return [Hint(*pair) for pair in [*keys, ("/", "find"), ("v", "verdict"), ("y", "copy")]]

    def action_blame(self) -> None:
        self.toggle_class("-blame")
        self.call_after_refresh(lambda: self._about(self._diff.cursor))

    @on(ListPanel.Moved)
    def _moved(self, message: ListPanel.Moved) -> None:
        self._about(message.key)

    @on(ListPanel.Chosen)
    def _chosen(self, message: ListPanel.Chosen) -> None:
        if edit := self._blame.edit_at(message.key):
            self.app.push_screen(EditScreen(self.feed, edit))
        else:
            self.t2s.tell(self._blame.sentence(message.key))

    def _about(self, key: str) -> None:
        if self.has_class("-blame"):
            self._blame.about(key)

    def copied(self) -> str:
        return "\n".join(unified(self._diff.files))


def _says(pair: Pair) -> bool:
    """Is it a change, and of more than blanks?"""
    return not pair.same and bool(((pair.before or "") + (pair.after or "")).strip())


class Sides(NamedTuple):
    """The folder before and the one after; None where there is none."""

    before: Path | None
    after: Path | None


def sides(run: RunFolder) -> Sides:
    """The frozen S0 and the newest candidate."""
    seed = workplace(run)
    return Sides(_only_folder(run.skill(0)), _only_folder(seed.candidate) if seed else None)


def compare(before: Path | None, after: Path | None) -> tuple[FileDiff, ...]:
    """Every file that differs, SKILL.md first."""
    old = {str(p.relative_to(before)): p for p in walk(before)} if before else {}
    new = {str(p.relative_to(after)): p for p in walk(after)} if after else {}
    names = sorted({*old, *new}, key=lambda name: (name != "SKILL.md", name))
    files = (file_diff(name, _lines(old.get(name)), _lines(new.get(name))) for name in names)
    return tuple(file for file in files if file.added or file.removed)


def file_diff(name: str, old: list[str], new: list[str]) -> FileDiff:
    """The pairs of lines of one file, with unchanged stretches cut to their ends."""
    pairs: list[Pair] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += [Pair(old[a + n], new[c + n], a + n + 1, c + n + 1) for n in range(b - a)]
        else:
            pairs += _changed(old[a:b], new[c:d], a, c)
    changed = [p for p in pairs if not p.same]
    added, removed = sum(p.after is not None for p in changed), sum(p.before is not None for p in changed)
    return FileDiff(name, tuple(_cut(pairs)), added, removed)


def unified(files: Sequence[FileDiff]) -> Iterator[str]:
    """Plain lines with their signs, for the clipboard."""
    for file in files:
        yield f"--- {file.name}"
        for pair in file.pairs:
            if pair.same:
                yield f"  {pair.after}" if pair.after is not None else "  …"
                continue
            if pair.before is not None:
                yield f"- {pair.before}"
            if pair.after is not None:
                yield f"+ {pair.after}"


def _changed(old: list[str], new: list[str], a: int, c: int) -> list[Pair]:
    """Lines of a changed stretch, those that resemble each other beside each other, in order."""
    pairs: list[Pair] = []
    rest = 0
    for n, line in enumerate(old):
        ratios = [(SequenceMatcher(None, line, other).ratio(), -m) for m, other in enumerate(new[rest:], rest)]
        best, place = max(ratios, default=(0.0, 0))
        if best < LIKE:
            pairs.append(Pair(line, None, a + n + 1))
            continue
        pairs += [Pair(None, new[m], 0, c + m + 1) for m in range(rest, -place)]
        pairs.append(Pair(line, new[-place], a + n + 1, c - place + 1))
        rest = -place + 1
    return pairs + [Pair(None, new[m], 0, c + m + 1) for m in range(rest, len(new))]


def _cut(pairs: list[Pair]) -> Iterator[Pair]:
    near = {m for n, p in enumerate(pairs) if not p.same for m in range(n - CONTEXT, n + CONTEXT + 1)}
    skipping = False
    for n, pair in enumerate(pairs):
        if n in near:
            skipping = False
            yield pair
        elif not skipping:
            skipping = True
            yield Pair(None, None)


def _words(pair: Pair) -> tuple[list[Span], list[Span]]:
    """Both lines as spans; in lines that resemble each other the words that differ stand out."""
    before, after = safe(pair.before or ""), safe(pair.after or "")
    if pair.same:
        return [Span(before, "dim")], [Span(after, "dim")]
    if pair.before is None or pair.after is None:
        return [Span(before, "text")], [Span(after, "bright")]
    old, new = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    left: list[Span] = []
    right: list[Span] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        same = tag == "equal"
        if b > a:
            left.append(Span("".join(old[a:b]), "text" if same else "bright@gone2"))
        if d > c:
            right.append(Span("".join(new[c:d]), "text" if same else "bright@new2"))
    return left, right


def _wrapped(spans: list[Span], cells: int) -> list[list[Span]]:
    """Spans in rows of at most `cells` cells, broken between words where that is possible."""
    rows: list[list[Span]] = [[]]
    room = cells
    for span in spans:
        for word in re.findall(r"\s+|\S+", safe(span.text)):
            if width(word) > room and room < cells:
                rows.append([])
                room = cells
                word = word.lstrip()
            while width(word) > cells:
                head = wrap(word, cells)[0]
                rows[-1].append(Span(head, span.ink))
                rows.append([])
                word = word[len(head) :]
            if word:
                rows[-1].append(Span(word, span.ink))
                room -= width(word)
    return rows


def _lines(path: Path | None) -> list[str]:
    return list(read_lines(path)) if path else []


def _only_folder(parent: Path) -> Path | None:
    folders = sorted(p for p in parent.glob("*") if p.is_dir()) if parent.is_dir() else []
    if (parent / "SKILL.md").is_file():
        return parent
    return folders[0] if folders else None
