"""The rules for an edit before it is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workspace.edits.patch import AddSection, Create, Delete, DeleteFile, Edit
from workspace.edits.place import Refusal, plan_of
from workspace.guard.hazards import Hazard, home_paths, machine_paths, poison
from workspace.guard.leak import leaks
from workspace.guard.rules_skill import all_text, open_fences
from workspace.guard.ruleset import Finding, Findings, Ruleset, Severity
from workspace.skills.links import links, resolve
from workspace.skills.outline import is_markdown, outline, without_marks
from workspace.skills.skill import Skill, path_fault


def inside(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """Paths stay in the skill."""
    for path in _paths(edit):
        if fault := path_fault(path):
            yield Finding(path, 0, f"{path!r}: {fault}", path)


def protected(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """Licence texts, and scripts unless they are allowed."""
    for path in _paths(edit):
        name = path.rsplit("/", 1)[-1].upper()
        if name.startswith(("LICENSE", "LICENCE", "NOTICE", "COPYING")):
            yield Finding(path, 0, f"{path} is protected: licence texts are never changed", path)
        elif path.lower().startswith("scripts/") and not rules.allow_scripts:
            yield Finding(path, 0, f"{path} is protected: scripts change only with rules.allow_scripts", path)


def exists(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """The file and the block are there."""
    plan = plan_of(skill, edit)
    if isinstance(plan, Refusal):
        yield Finding(edit.file, 0, plan.reason, plan.reason)


def unmarked(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """No block ids in the text."""
    for file, text in texts_of(edit):
        if without_marks(text) != text:
            yield Finding(file, 0, "the text still holds block marks like ⟦b3⟧", text)


def balanced(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """Every fence that the text opens is closed in it."""
    for file, text in texts_of(edit):
        for found in open_fences(file, outline(text)) if is_markdown(file) else ():
            yield found._replace(message=f"in the edit's text: {found.message}")


def linked(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """A new file's link text links it."""
    if isinstance(edit, Create) and edit.path not in {resolve(edit.file, t.href) for t in links(edit.link.text)}:
        yield Finding(edit.path, 0, f"the link text of the edit does not link {edit.path}", edit.path)


def clean_words(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """No poison that S0 does not have; what a person accepted only warns."""
    known = all_text(skill)
    severity: Severity = "warning" if accepted(edit) else "error"
    for file, text in texts_of(edit):
        for hazard in poison(text, known):
            yield Finding(file, 0, f"the text {hazard.message}", hazard.found, severity)


def kept_apart(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """Nothing of a held-out task."""
    if rules.held is None:
        return
    for file, text in texts_of(edit):
        for hazard in leaks(text, rules.held):
            yield Finding(file, 0, f"the text {hazard.message}", hazard.found)


def movable(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
    """No path of one machine; outside of a home it only warns."""
    for file, text in texts_of(edit):
        for hazard in home_paths(text):
            yield Finding(file, 0, f"the text {hazard.message}", hazard.found)
        for hazard in machine_paths(text):
            yield Finding(file, 0, f"the text {hazard.message}", hazard.found, "warning")


def hazards_in(scan: Callable[[str], Iterator[Hazard]]) -> Callable[[Skill, Edit, Ruleset], Findings]:
    """A rule for edits from a scanner of text."""

    def check(skill: Skill, edit: Edit, rules: Ruleset) -> Findings:
        for file, text in texts_of(edit):
            for hazard in scan(text):
                yield Finding(file, 0, f"the text {hazard.message}", hazard.found)

    return check


def accepted(edit: Edit) -> bool:
    """Did a person take what looks like poison in? A pin is their word, but not on text that a program copied."""
    return edit.pinned and edit.author != "program"


def texts_of(edit: Edit) -> tuple[tuple[str, str], ...]:
    """What the edit would write, each text with the file it goes to."""
    match edit:
        case Create():
            return ((edit.path, edit.text), (edit.file, edit.link.text))
        case AddSection():
            return ((edit.file, edit.title), (edit.file, edit.text))
        case Delete() | DeleteFile():
            return ()
        case _:
            return ((edit.file, edit.text),)


def _paths(edit: Edit) -> tuple[str, ...]:
    match edit:
        case Create():
            return (edit.file, edit.path)
        case DeleteFile():
            return (edit.path,)
        case _:
            return (edit.file,)
