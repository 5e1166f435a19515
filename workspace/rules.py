"""The rules a skill and the edits of it must keep: each one small, pure, with one sentence why.

A rule looks at an edit before it is applied (`edit`), at a whole skill (`skill`), or at the step from S0 to the
result (`change`). A new rule is one function and one row of `RULES`; earlier rows are settled first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from workspace.errors import SkillError
from workspace.hazards import Hazard, controls, home_paths, poison, secrets
from workspace.links import links, mentions, resolve
from workspace.outline import Block, Outline, is_markdown, outline, without_marks
from workspace.patch import MAIN, AddSection, Create, Delete, DeleteFile, Edit
from workspace.place import Refusal, plan_of
from workspace.skill import NAME, Skill, front_matter_end, path_fault, split_lines

Severity = Literal["error", "warning"]
KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MAX_LINES, MAX_TOKENS, MAX_REFERENCE_LINES = 500, 5000, 300
_PLACEHOLDERS = {
    "new section", "section title", "heading title", "untitled", "placeholder", "todo", "tbd", "fixme",
    "xxx", "...", "…",
}  # fmt: skip


class Finding(NamedTuple):
    """What a rule found. `line` from 1, 0 for a whole file; `subject` names it wherever the line has moved to."""

    file: str
    line: int
    message: str
    subject: str
    severity: Severity | None = None


Findings = Iterator[Finding]
Path = tuple[tuple[int, str], ...]


class Rule(NamedTuple):
    """`why` is for people; `severity` holds where a finding does not say otherwise."""

    name: str
    severity: Severity
    why: str
    edit: Callable[[Skill, Edit, bool], Findings] | None = None
    skill: Callable[[Skill, str | None], Findings] | None = None
    change: Callable[[Skill, Skill], Findings] | None = None


# --- edits ---------------------------------------------------------------------------------------------------------


def _inside(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    for path in _paths(edit):
        if fault := path_fault(path):
            yield Finding(path, 0, f"{path!r}: {fault}", path)


def _protected(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    for path in _paths(edit):
        name = path.rsplit("/", 1)[-1].upper()
        if name.startswith(("LICENSE", "LICENCE", "NOTICE", "COPYING")):
            yield Finding(path, 0, f"{path} is protected: licence texts are never changed", path)
        elif path.lower().startswith("scripts/") and not allow_scripts:
            yield Finding(path, 0, f"{path} is protected: scripts change only when that is allowed", path)


def _exists(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    plan = plan_of(skill, edit)
    if isinstance(plan, Refusal):
        yield Finding(edit.file, 0, plan.reason, plan.reason)


def _unmarked(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    for file, text in _texts(edit):
        if without_marks(text) != text:
            yield Finding(file, 0, "the text still holds block marks like ⟦b3⟧", text)


def _balanced(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    for file, text in _texts(edit):
        for found in _open_fences(file, outline(text)) if is_markdown(file) else ():
            yield found._replace(message=f"in the edit's text: {found.message}")


def _linked(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    if isinstance(edit, Create) and edit.path not in {resolve(edit.file, t.href) for t in links(edit.link.text)}:
        yield Finding(edit.path, 0, f"the link text of the edit does not link {edit.path}", edit.path)


def _clean_words(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
    known = all_text(skill)
    severity: Severity = "warning" if accepted(edit) else "error"
    for file, text in _texts(edit):
        for hazard in poison(text, known):
            yield Finding(file, 0, f"the text {hazard.message}", hazard.found, severity)


def _hazards_in(scan: Callable[[str], Iterator[Hazard]]) -> Callable[[Skill, Edit, bool], Findings]:
    def check(skill: Skill, edit: Edit, allow_scripts: bool) -> Findings:
        for file, text in _texts(edit):
            for hazard in scan(text):
                yield Finding(file, 0, f"the text {hazard.message}", hazard.found)

    return check


# --- skills --------------------------------------------------------------------------------------------------------


def _fences(skill: Skill, folder: str | None) -> Findings:
    for file, text in _markdown(skill):
        yield from _open_fences(file, outline(text))


def _dead_links(skill: Skill, folder: str | None) -> Findings:
    for file, text in _markdown(skill):
        yield from dead_links(skill, file, text)


def dead_links(skill: Skill, file: str, text: str) -> Findings:
    """The links that lead nowhere in `skill` when `text` stands in its `file`."""
    for target in links(text):
        path = resolve(file, target.href)
        if path is None or path in skill.files or any(p.startswith(path + "/") for p in skill.files):
            continue
        yield Finding(file, target.line + 1, f"links to {target.href}, which is not in the skill", target.href)


def _unlinked(skill: Skill, folder: str | None) -> Findings:
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


def _headings(skill: Skill, folder: str | None) -> Findings:
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


def _size(skill: Skill, folder: str | None) -> Findings:
    if (count := len(split_lines(skill.body))) >= MAX_LINES:
        yield Finding(MAIN, 0, f"{count} lines; fewer than {MAX_LINES} are allowed", "lines")
    if (tokens := len(skill.instructions) // 4) >= MAX_TOKENS:
        yield Finding(MAIN, 0, f"about {tokens:,} tokens; fewer than {MAX_TOKENS:,} are allowed", "tokens")
    for file, text in _markdown(skill):
        if file.startswith("references/") and (count := len(split_lines(text))) >= MAX_REFERENCE_LINES:
            yield Finding(file, 0, f"{count} lines; a reference has fewer than {MAX_REFERENCE_LINES}", "lines")


def _spec(skill: Skill, folder: str | None) -> Findings:
    try:
        head = skill.front_matter
    except SkillError as error:
        yield Finding(MAIN, 1, str(error), "unreadable")
        return
    for key, message, severity in _spec_faults(head, folder):
        yield Finding(MAIN, _key_line(skill.body, key), message, f"{key}: {message}", severity)


def _spec_faults(head: dict[str, Any], folder: str | None) -> Iterator[tuple[str, str, Severity | None]]:
    name, words = head.get("name"), head.get("description")
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > 64:
        yield "name", f"`name` is {name!r}: 1 to 64 lower-case letters, digits and single hyphens", None
    elif folder is not None and name != folder:
        yield "name", f"`name` is {name!r} but the folder is {folder!r}; they must be equal", None
    if not isinstance(words, str) or not 1 <= len(words.strip()) <= 1024:
        length = len(words) if isinstance(words, str) else 0
        yield "description", f"`description` has {length} characters; 1 to 1024 are allowed", None
    elif len(words) > 500:
        yield "description", f"`description` has {len(words)} characters; hosts cut it at about 500", "warning"
    if (fits := head.get("compatibility")) is not None and not (isinstance(fits, str) and 1 <= len(fits) <= 500):
        yield "compatibility", "`compatibility` must be a text of at most 500 characters", None
    if (meta := head.get("metadata")) is not None and not _is_flat(meta):
        yield "metadata", "`metadata` must map texts to texts", None
    for key in head:
        if key not in KEYS:
            yield key, f"`{key}` is not a key of the specification ({', '.join(KEYS)})", None


def _encoding(skill: Skill, folder: str | None) -> Findings:
    for file, text in skill.texts():
        if text.startswith("\ufeff"):
            yield Finding(file, 1, "starts with a byte order mark", "bom")
        if "\r" in text and is_markdown(file):
            yield Finding(file, 0, "has CR LF line ends; the specification wants LF", "crlf")


def _hazards_of(scan: Callable[[str], Iterator[Hazard]]) -> Callable[[Skill, str | None], Findings]:
    def check(skill: Skill, folder: str | None) -> Findings:
        for file, text in skill.texts():
            for hazard in scan(text):
                yield Finding(file, hazard.line, hazard.message, hazard.found)

    return check


# --- from S0 to the result -----------------------------------------------------------------------------------------


def _same_head(before: Skill, after: Skill) -> Findings:
    """The front matter of every file stays byte for byte."""
    for file, text in after.texts():
        old = before.text(file)
        if old is not None and is_markdown(file) and _head(old) != _head(text):
            yield Finding(file, 1, f"the front matter of {file} has changed", "head")


def _new_poison(before: Skill, after: Skill) -> Findings:
    known = all_text(before)
    for file, text in after.texts():
        for hazard in poison(text, known):
            yield Finding(file, hazard.line, f"the text {hazard.message}", hazard.found)


def accepted(edit: Edit) -> bool:
    """Did a person take what looks like poison in? A pin is their word, but not on text that a program copied."""
    return edit.pinned and edit.author != "program"


def heading_paths(plan: Outline) -> Iterator[tuple[Block, Path]]:
    """Each heading with the (level, title) of all it stands under and its own: equal for two of one section."""
    path: Path = ()
    for h in plan.headings:
        path = (*(p for p in path if p[0] < h.level), (h.level, h.title.strip("#*_` ").casefold()))
        yield h, path


# --- helpers -------------------------------------------------------------------------------------------------------


def _paths(edit: Edit) -> tuple[str, ...]:
    match edit:
        case Create():
            return (edit.file, edit.path)
        case DeleteFile():
            return (edit.path,)
        case _:
            return (edit.file,)


def _texts(edit: Edit) -> tuple[tuple[str, str], ...]:
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


def _open_fences(file: str, plan: Outline) -> Findings:
    for fence in plan.fences:
        opener = plan.lines[fence.start].strip()
        if not fence.closed:
            yield Finding(file, fence.start + 1, f"the fence {opener!r} is never closed", f"open {opener}")
            continue
        inner = re.compile(rf"\s{{0,3}}{re.escape(fence.markup)}{re.escape(fence.markup[0])}*\s*\w")
        for n in range(fence.start + 1, fence.end - 1):
            if inner.match(plan.lines[n]):
                message = f"a fence opens inside the fence of line {fence.start + 1}, which was probably never closed"
                yield Finding(file, n + 1, message, f"inside {plan.lines[n].strip()}")


def _markdown(skill: Skill) -> Iterator[tuple[str, str]]:
    return ((file, text) for file, text in skill.texts() if is_markdown(file))


def all_text(skill: Skill) -> str:
    """Every text of the skill in one string: what it already says."""
    return "\n".join(text for _, text in skill.texts())


def _head(text: str) -> str:
    lines = split_lines(text)
    return "".join(lines[: max(front_matter_end(lines), 0)]).rstrip("\r\n")


def _key_line(body: str, key: str) -> int:
    lines = split_lines(body)
    return next((n for n, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)


def _is_flat(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


RULES: tuple[Rule, ...] = (
    Rule(
        "control", "error", "Characters that nobody sees steer terminals and turn files into binary ones.",
        edit=_hazards_in(controls), skill=_hazards_of(controls),
    ),
    Rule("path", "error", "A file of a skill is named by a plain relative path inside it.", edit=_inside),
    Rule("protected", "error", "Licence texts are never changed, scripts only when allowed.", edit=_protected),
    Rule("existence", "error", "An edit names a file and a block that are there.", edit=_exists),
    Rule("overlap", "error", "Two edits never change the same lines."),
    Rule("marks", "error", "The ids shown to the model are not text of the skill.", edit=_unmarked),
    Rule("fences", "error", "An open fence turns all text behind it into code.", edit=_balanced, skill=_fences),
    Rule("structure", "error", "An edit never turns text of S0 into something else."),
    Rule("front-matter", "error", "The front matter is what hosts find the skill by.", change=_same_head),
    Rule("create-link", "error", "A new file comes with the line that leads to it.", edit=_linked),
    Rule("dead-link", "error", "A link leads to a file of the skill.", skill=_dead_links),
    Rule("unlinked", "error", "A reference that nothing leads to is never read.", skill=_unlinked),
    Rule("headings", "error", "A heading is unique in its section and says something.", skill=_headings),
    Rule("secrets", "error", "A skill is shared; keys are not.", edit=_hazards_in(secrets), skill=_hazards_of(secrets)),
    Rule(
        "home-path", "error", "A path of one machine helps on no other.",
        edit=_hazards_in(home_paths), skill=_hazards_of(home_paths),
    ),
    Rule(
        "poison", "error", "Traces may be poisoned: what S0 did not have waits for a person.",
        edit=_clean_words, change=_new_poison,
    ),
    Rule("spec", "error", "Hosts refuse a skill that breaks the Agent Skills specification.", skill=_spec),
    Rule("encoding", "warning", "UTF-8 without a mark and LF work everywhere.", skill=_encoding),
    Rule("size", "error", "A skill is read before every task; a long one is skimmed.", skill=_size),
)  # fmt: skip
