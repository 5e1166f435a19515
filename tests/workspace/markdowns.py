"""Random Markdown and random edits of it, for the property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from workspace.edits.patch import (
    AddSection,
    AppendToSection,
    Create,
    Delete,
    DeleteFile,
    Edit,
    InsertAfter,
    InsertBefore,
    Link,
    Replace,
)
from workspace.skills.outline import Outline

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failed property."""

HEAD = "---\nname: x\ndescription: d\n---\n"
PIECES = [
    "# T", "## A", "## A", "### B\n", "Setext\n===", "para", "two\nlines  ", "- a\n- b", "* x\n\n* y", "1. one\n2. two",
    "- a\n  - n1\n  - n2\n- z", "- a\n  1. n1\n  2. n2", "- a\n\n  ```\n  code\n  ```\n- q", "```py\nx\n# no\n```",
    "~~~\n```\n~~~", "````md\n```\n# no\n```\n````",
    "| a | b |\n|---|---|\n| 1 | 2 |", "<div>\nhi\n</div>", "<!-- c -->", "> q\n> - i", "***", "---", "    code",
    "[d]: http://x", "See [x](references/x.md).", "- [x](references/x.md)", "", "ünï — ✓", "- ", "1) p", "\tt",
    "```\nopen", "<!-- open", "~~~~", "-", "===", "+ a\n  1. b\n     - c", "- - same\n  - line",
]  # fmt: skip
TEXTS = [
    "new", "- n", "* n1\n* n2", "1. n", "## New\n\ntext", "```\nc\n```", "| a |\n|---|\n| 1 |", "  indented",
    "p\n\n- l", "<b>x</b>", "- x\n  ```\n  q\n  ```", "> q", "    code", "===", "---", "- a\n\n- b", "ünï",
]  # fmt: skip
NOISE = st.text(alphabet="#-*`~>|:= \n\tab1.é", max_size=60)


@st.composite
def markdown(draw: st.DrawFn) -> str:
    """A text with any of the constructs that make line maps hard, in any line ending."""
    few = draw(st.sampled_from([0, 3, 6]))
    one = st.tuples(st.sampled_from(PIECES), st.sampled_from(["\n", "\n\n", "\n\n\n"]))
    pieces = draw(st.lists(one, min_size=few, max_size=9))
    text = draw(st.sampled_from(["", HEAD])) + "".join(piece + gap for piece, gap in pieces)
    whole, cut = st.just(text), st.just(text.rstrip("\n"))
    text = draw(st.one_of(whole, cut, whole, cut, NOISE))
    text = draw(st.sampled_from(["", "", "", "\ufeff"])) + text if text else text
    return text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))


@st.composite
def edits_of(draw: st.DrawFn, plan: Outline) -> list[Edit]:
    """Up to six edits of a skill with this SKILL.md and `references/x.md`; some of them cannot be applied."""
    return [draw(_edit(plan, f"e{n}")) for n in range(draw(st.integers(1, 6)))]


@st.composite
def _edit(draw: st.DrawFn, plan: Outline, name: str) -> Edit:
    blocks = st.sampled_from([b.id for b in plan.blocks])
    sections = st.sampled_from(["top", *(h.id for h in plan.headings)])
    text = draw(st.sampled_from(TEXTS))
    support = tuple(f"t{n}" for n in range(draw(st.integers(0, 3))))
    pinned = draw(st.integers(0, 9)) == 0
    match draw(st.integers(0, 8)):
        case 0 | 1:
            return InsertAfter(id=name, support=support, pinned=pinned, block=draw(blocks), text=text)
        case 2:
            return InsertBefore(id=name, support=support, pinned=pinned, block=draw(blocks), text=text)
        case 3:
            return AppendToSection(id=name, support=support, pinned=pinned, section=draw(sections), text=text)
        case 4:
            real = [b.id for b in plan.blocks if b.kind not in {"top", "front_matter"}] or ["top"]
            block = draw(st.one_of(blocks, st.sampled_from(real)))
            behind = st.sampled_from(_behind(plan, block))
            last = draw(st.one_of(st.none(), blocks, behind, behind))
            return Replace(id=name, support=support, pinned=pinned, block=block, last=last, text=text)
        case 5:
            whole = draw(st.booleans())
            return Delete(id=name, support=support, pinned=pinned, block=draw(blocks), section=whole)
        case 6:
            after = draw(st.one_of(st.none(), sections))
            title = draw(st.sampled_from(["A", "G", "h"]))
            return AddSection(id=name, support=support, pinned=pinned, title=title, text=text, after=after)
        case 7:
            path = draw(st.sampled_from(["references/n.md", "references/m.md"]))
            link = Link(block=draw(sections), text=f"[n]({path})")
            return Create(id=name, support=support, pinned=pinned, path=path, text=text, link=link)
        case _:
            return DeleteFile(id=name, support=support, pinned=pinned, path="references/x.md")


def _behind(plan: Outline, name: str) -> list[str]:
    """The ids of the block and of all behind it."""
    names = [b.id for b in plan.blocks]
    return names[names.index(name) :]
