"""The examples section of a skill: true cases copied by program from the lessons, few and diverse.

Examples matter as much as rules for small models (local-model.md: rules alone 0 %, with six true examples 93 %).
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz

from workspace.lesson import Example, Lesson
from workspace.outline import outline
from workspace.patch import AddSection, AppendToSection, Edit
from workspace.skill import Skill

TITLE = "Examples"
LONG = 600


def examples_edit(skill: Skill, lessons: Sequence[Lesson], most: int, name: str) -> Edit | None:
    """The edit that gives `skill` its examples, None without examples. `lessons`: best supported first."""
    chosen = choose([(lesson, x) for lesson in lessons for x in lesson.examples], most)
    if not chosen:
        return None
    text = "\n\n".join(render(example) for _, example in chosen)
    names = tuple(dict.fromkeys(lesson.id for lesson, _ in chosen))
    support = tuple(sorted({task for lesson, _ in chosen for task in lesson.tasks}))
    section = next((b.id for b in outline(skill.body).blocks if b.kind == "heading" and b.title == TITLE), None)
    if section:
        return AppendToSection(
            id=name, section=section, text=text, lessons=names, support=support, sources=(name,), author="program",
            pinned=True, reason="true cases, copied",
        )  # fmt: skip
    return AddSection(
        id=name, title=TITLE, text=text, lessons=names, support=support, sources=(name,), author="program",
        pinned=True, reason="true cases, copied",
    )  # fmt: skip


def choose(examples: Sequence[tuple[Lesson, Example]], most: int) -> list[tuple[Lesson, Example]]:
    """At most `most`, each as unlike the ones already chosen as can be; ties keep the given order."""
    left: list[tuple[Lesson, Example]] = []
    seen: set[str] = set()
    for lesson, example in examples:
        if example.right and _whole(example) not in seen:
            seen.add(_whole(example))
            left.append((lesson, example))
    chosen = left[:1] if most else []
    left = left[1:]
    while left and len(chosen) < most:
        best = max(left, key=lambda row: (_apart(row[1], [x for _, x in chosen]), -left.index(row)))
        left.remove(best)
        chosen.append(best)
    return chosen


def render(example: Example) -> str:
    """One example as the skill shows it. The wrong answer stays in the lesson: shown here, it misled small models."""
    return f"- Task: {one_line(example.input)}\n  Answer: {one_line(example.right)}"


def one_line(text: str) -> str:
    """White space made single; long text cut in the middle, so that neither the material nor the question is lost."""
    line = " ".join(text.split())
    if len(line) <= LONG:
        return line
    return f"{line[: LONG // 2]} […] {line[-LONG // 2 :]}"


def _whole(example: Example) -> str:
    return f"{example.input}\0{example.right}"


def _apart(example: Example, chosen: Sequence[Example]) -> float:
    return min(100.0 - fuzz.ratio(f"{example.input} {example.right}", f"{c.input} {c.right}") for c in chosen)
