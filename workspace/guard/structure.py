"""Has an edit turned text of S0 into something else: into a fence, a comment, a heading, …, or out of one?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workspace.edits.apply import Applied, apply
from workspace.edits.patch import Edit
from workspace.guard.rules_edit import texts_of
from workspace.guard.ruleset import Violation
from workspace.skills.outline import Outline, is_markdown, outline
from workspace.skills.skill import Skill


def structure(skill: Skill, applied: Applied) -> Iterator[Violation]:
    """Lines of S0 that have become part of a fence, a comment, a heading, …, or no longer are."""
    for file, sources in applied.sources.items():
        old, new = skill.text(file), applied.skill.text(file)
        if old is None or new is None or not is_markdown(file):
            continue
        was, now = roles(outline(old)), roles(outline(new))
        changed = [n for n, source in enumerate(sources) if source is not None and was[source] != now[n]]
        for n in changed[:1]:
            before, after = was[sources[n] or 0] or "text", now[n] or "text"
            message = f"text of S0 that was {before} has become {after}"
            edit = _cause(outline(new), applied.origins[file], n)
            yield Violation(rule="structure", severity="error", file=file, line=n + 1, message=message, edit=edit)


def breaks_alone(skill: Skill, edit: Edit) -> Violation | None:
    """What an edit whose text swallows all behind it (an open comment, an open tag) does to S0 on its own.

    Looked for before edits are applied together: there each one would hide the next, and cost a round of its own.
    """
    if not any(_swallows(text) for file, text in texts_of(edit) if is_markdown(file)):
        return None
    applied = apply(skill, [edit])
    return next(structure(skill, applied), None) if isinstance(applied, Applied) else None


def _swallows(text: str) -> bool:
    if not any(mark in text for mark in ("<", "```", "~~~")):
        return False
    return outline(f"{text}\n\nbehind it\n").kinds[-1] != "paragraph"


def roles(plan: Outline) -> list[str]:
    """What matters about each line's kind and place in lists; a blank line or plain text is ""."""
    outer = {n for h in plan.headings for n in range(h.start, h.end)}
    items = {b.start for b in plan.blocks if b.kind == "item"}
    lasting = {"fence", "html", "code", "table", "break", "front_matter"}
    out: list[str] = []
    for n, kind in enumerate(plan.kinds):
        if not plan.lines[n].strip():
            out.append("fence" if kind == "fence" else "")
            continue
        role = kind if kind in lasting else ""
        if kind == "heading":
            role = "heading" if n in outer else "inner heading"
        depth = len(plan.lists_at(n))
        place = f"{'an item' if n in items else 'inside an item'} at depth {depth}" if depth else ""
        out.append(f"{role or 'text'} {place}" if place else role)
    return out


def _cause(plan: Outline, origins: Sequence[str | None], line: int) -> str | None:
    """Who wrote the first line of the block that `line` has become part of, else the nearest edit above, else below."""
    opener = next((b.start for b in plan.blocks if b.start <= line < b.end), line)
    if origins[opener]:
        return origins[opener]
    above = [o for o in origins[:line] if o]
    below = [o for o in origins[line:] if o]
    return above[-1] if above else below[0] if below else None
