"""The rules for a whole skill and for the step from S0 to the result; front matter has `rules_spec.py`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate

from workspace.edits.patch import MAIN
from workspace.guard.contradictions import Pair, candidates
from workspace.guard.hazards import Hazard, home_paths, machine_paths, poison
from workspace.guard.leak import leaks
from workspace.guard.ruleset import Finding, Findings, Ruleset
from workspace.guard.statements import statements_of
from workspace.skills.links import links, mentions, resolve
from workspace.skills.outline import Block, Fence, Outline, is_markdown, outline
from workspace.skills.skill import Skill, bad_byte_line, front_matter_end, split_lines

Path = tuple[tuple[int, str], ...]
_PLACEHOLDERS = {
    "new section", "section title", "heading title", "untitled", "placeholder", "todo", "tbd", "fixme",
    "xxx", "...", "…",
}  # fmt: skip
_LIKE = 85.0  # of 100: what two rules that differ in more than a turn must share before a person is asked
_SECTION = re.compile(r" {0,3}#{2,6}[ \t]+\S")


def fences(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Every fence is closed where it was meant to be."""
    for file, text in _markdown(skill):
        yield from open_fences(file, outline(text))


def open_fences(file: str, plan: Outline) -> Findings:
    """Fences that are not closed or swallow another's beginning, and the headings that became code with them.

    A single `#` in code is a comment in most languages, so only `##` and deeper count as swallowed headings.
    """
    for fence in plan.fences:
        opener = plan.lines[fence.start].removeprefix("\ufeff").strip()
        inner = _inner_fences(fence, plan) if fence.closed else []
        if not fence.closed:
            yield Finding(file, fence.start + 1, f"the fence {opener!r} is never closed", f"open {opener}")
        for n in inner:
            message = f"a fence opens inside the fence of line {fence.start + 1}, which was probably never closed"
            yield Finding(file, n + 1, message, f"inside {plan.lines[n].strip()}")
        if inner or not fence.closed:
            yield from _swallowed(file, plan, fence, inner[0] if inner else fence.end)


def _inner_fences(fence: Fence, plan: Outline) -> list[int]:
    inner = re.compile(rf"\s{{0,3}}{re.escape(fence.markup)}{re.escape(fence.markup[0])}*\s*\w")
    return [n for n in range(fence.start + 1, fence.end - 1) if inner.match(plan.lines[n])]


def _swallowed(file: str, plan: Outline, fence: Fence, end: int) -> Findings:
    for n in range(fence.start + 1, end):
        if _SECTION.match(plan.lines[n]):
            line = plan.lines[n].strip()
            message = f"the heading {line!r} has become code of the fence that line {fence.start + 1} opens"
            yield Finding(file, n + 1, message, f"swallowed {line}")


def dead(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Every link leads to a file of the skill."""
    for file, text in _markdown(skill):
        yield from dead_links(skill, file, text)


def dead_links(skill: Skill, file: str, text: str) -> Findings:
    """The links that lead nowhere in `skill` when `text` stands in its `file`."""
    for target in links(text):
        path = resolve(file, target.href)
        if path is None or path in skill.files or any(p.startswith(path + "/") for p in skill.files):
            continue
        yield Finding(file, target.line + 1, f"links to {target.href}, which is not in the skill", target.href)


def unlinked(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Something leads to every reference."""
    reached, waiting = {MAIN}, [MAIN]
    while waiting:
        text = skill.text(waiting.pop()) or ""
        for path in skill.files:
            if path not in reached and (mentions(text, path) or mentions(text, path.rsplit("/", 1)[-1])):
                reached.add(path)
                waiting.append(path)
    for path in skill.files:
        if path not in reached and path.startswith("references/"):
            yield Finding(path, 0, f"nothing in the skill leads to {path}, so no agent will open it", path)


def headings(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Headings say something, and each once in its section."""
    for file, text in _markdown(skill):
        yield from _bad_headings(file, outline(text))


def _bad_headings(file: str, plan: Outline) -> Findings:
    seen: Counter[Path] = Counter()
    for h, path in heading_paths(plan):
        seen[path] += 1
        name = path[-1][1]
        if not name:
            yield Finding(file, h.start + 1, "a heading without words", "empty")
        elif name.rstrip(":.") in _PLACEHOLDERS or name in _PLACEHOLDERS or re.match(r"(?:todo|tbd|fixme)\s*:", name):
            yield Finding(file, h.start + 1, f"{h.title!r} is a placeholder, not a heading", f"placeholder {name}")
        elif seen[path] > 1:
            yield Finding(file, h.start + 1, f"a second heading {h.title!r} in the same section", f"twice {name}")


def heading_paths(plan: Outline) -> Iterator[tuple[Block, Path]]:
    """Each heading with the (level, title) of all it stands under and its own: equal for two of one section."""
    path: Path = ()
    for h in plan.headings:
        path = (*(p for p in path if p[0] < h.level), (h.level, h.title.strip("#*_` ").casefold()))
        yield h, path


def size(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """SKILL.md and references within their budgets; the line is the first one over it."""
    lines = split_lines(skill.body)
    if (count := len(lines)) >= rules.lines:
        yield Finding(MAIN, rules.lines, f"{count} lines; fewer than {rules.lines} are allowed", "lines", None, count)
    if (tokens := len(skill.instructions) // 4) >= rules.tokens:
        message = f"about {tokens:,} tokens; fewer than {rules.tokens:,} are allowed"
        yield Finding(MAIN, _line_of_token(skill, lines, rules.tokens), message, "tokens", None, tokens)
    for file, text in _markdown(skill):
        most = rules.reference_lines
        if file.startswith("references/") and (count := len(split_lines(text))) >= most:
            yield Finding(file, most, f"{count} lines; a reference has fewer than {most}", "lines", None, count)


def _line_of_token(skill: Skill, lines: list[str], tokens: int) -> int:
    start = len(skill.body) - len(skill.instructions)
    ends = accumulate(len(line) for line in lines)
    return next((n for n, end in enumerate(ends, 1) if end >= start + 4 * tokens), len(lines))


def encoding(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """UTF-8 without a mark, LF. Before the front matter a mark hides the whole head from strict readers."""
    for file, text in skill.texts():
        if text.startswith("\ufeff"):
            hides = file == MAIN and front_matter_end(split_lines(text)) > 0
            yield Finding(file, 1, "starts with a byte order mark", "bom", "error" if hides else None)
        if "\r" in text and is_markdown(file):
            line = next(n for n, one in enumerate(split_lines(text), 1) if "\r" in one)
            yield Finding(file, line, "has CR LF line ends; the specification wants LF", "crlf")
    for file, content in skill.files.items():
        if isinstance(content, bytes) and is_markdown(file):
            yield Finding(file, bad_byte_line(content), "is not UTF-8 text", "not text", "error")


def movable(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """No path of one machine; outside of a home it only warns."""
    for file, text in skill.texts():
        for hazard in home_paths(text):
            yield Finding(file, hazard.line, hazard.message, hazard.found)
        for hazard in machine_paths(text):
            yield Finding(file, hazard.line, hazard.message, hazard.found, "warning")


def kept_apart(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Nothing of a held-out task."""
    if rules.held is None:
        return
    for file, text in skill.texts():
        for hazard in leaks(text, rules.held):
            yield Finding(file, hazard.line, hazard.message, hazard.found)


def hazards_of(scan: Callable[[str], Iterator[Hazard]]) -> Callable[[Skill, str | None, Ruleset], Findings]:
    """A rule for skills from a scanner of text."""

    def check(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
        for file, text in skill.texts():
            for hazard in scan(text):
                yield Finding(file, hazard.line, hazard.message, hazard.found)

    return check


# --- from S0 to the result -----------------------------------------------------------------------------------------


def same_head(before: Skill, after: Skill, rules: Ruleset) -> Findings:
    """The front matter of every file stays byte for byte."""
    for file, text in after.texts():
        old = before.text(file)
        if old is not None and is_markdown(file) and _head(old) != _head(text):
            yield Finding(file, 1, f"the front matter of {file} has changed", "head")


def new_poison(before: Skill, after: Skill, rules: Ruleset) -> Findings:
    """Poison that S0 did not have."""
    known = all_text(before)
    for file, text in after.texts():
        for hazard in poison(text, known):
            yield Finding(file, hazard.line, f"the text {hazard.message}", hazard.found)


def all_text(skill: Skill) -> str:
    """Every text of the skill in one string: what it already says."""
    return _joined(tuple(text for _, text in skill.texts()))


@lru_cache(maxsize=8)
def _joined(texts: tuple[str, ...]) -> str:
    return "\n".join(texts)


def _markdown(skill: Skill) -> Iterator[tuple[str, str]]:
    return ((file, text) for file, text in skill.texts() if is_markdown(file))


def _head(text: str) -> str:
    lines = split_lines(text)
    return "".join(lines[: max(front_matter_end(lines), 0)]).rstrip("\r\n")


def contradictions(skill: Skill, folder: str | None, rules: Ruleset) -> Findings:
    """Pairs of rules of one section that seem to say opposite things, found by words alone: a person decides."""
    for pair in candidates(statements_of(skill), most=None):
        if pair.certain or pair.likeness >= _LIKE:
            yield Finding(pair.b.file, pair.b.line, _said(pair), f"{pair.a.text}\n{pair.b.text}")


def _said(pair: Pair) -> str:
    short = pair.a.text if len(pair.a.text) <= 80 else f"{pair.a.text[:79]}…"
    return f"seems to contradict line {pair.a.line} ({short!r}): {pair.why}"
