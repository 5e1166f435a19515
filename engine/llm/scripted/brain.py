"""What the scripted server says: a pure function of the request, one small part a role (see engine/prompts)."""

from __future__ import annotations

import json
import re
from typing import Any

from rapidfuzz import fuzz

from engine.domains.house import by_convention, conventions, family_of, naive
from engine.llm.scripted.analysts import analyst
from engine.llm.scripted.assessors import assessor
from engine.llm.scripted.chat import Chat, dice, table, tags
from engine.llm.scripted.contrasts import contrast_analyst
from engine.llm.scripted.editors import guided_merger, merger, proposer
from engine.llm.scripted.pools import pool_analyst
from engine.llm.scripted.workbooks import Workbooks
from engine.llm.scripted.workers import worker

_NEVER = re.compile(r"\b(?:never|do not|don't)\b", re.IGNORECASE)
_SIDE = re.compile(rf"{_NEVER.pattern}|\(idea \d+\)", re.IGNORECASE)
_MISLEADS = re.compile(r"\bforget the forms of this house\b", re.IGNORECASE)
_EXAMPLES = re.compile(r"^#+ Examples\s*$.*?(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def answer(chat: Chat, useless: bool = False, books: Workbooks | None = None) -> str:
    """The reply to `chat`. `useless`: analysts find a rule that helps nobody, and solvers read rules, not examples.
    `books` is what agents with tools know.
    """
    if chat.acts:
        return worker(chat, books or Workbooks())
    match chat.role:
        case "solver":
            return solver(chat, useless)
        case "error analyst" | "success analyst":
            return analyst(chat, useless)
        case "contrast analyst":
            return contrast_analyst(chat, useless)
        case "pool analyst":
            return pool_analyst(chat, useless)
        case "proposer":
            return proposer(chat)
        case "merger":
            return merger(chat)
        case "guided merger":
            return guided_merger(chat)
        case "drafter":
            return drafter(chat)
        case "judge":
            return judge(chat)
        case "assessor":
            return assessor(chat)
        case "repairer":
            return repairer(chat)
        case _:
            return json.dumps(sample(chat.schema)) if chat.schema else sentence(chat.user)


def solver(chat: Chat, rules_only: bool = False) -> str:
    """House questions: right when the skill carries the convention and no rule that spoils it, else as the question
    words it."""
    question = chat.user.strip()
    family = family_of(question)
    if family is None:
        return sentence(question)
    skill = _EXAMPLES.sub("", chat.skill) if rules_only else chat.skill
    if conventions(family).search(skill) and not _MISLEADS.search(skill):
        return by_convention(question) or naive(question)
    return naive(question)


def drafter(chat: Chat) -> str:
    """A first version that knows no convention."""
    about = next((tag.text for tag in tags(chat.user, "about")), "") or "tasks of this team"
    subject = " ".join(about.split()).rstrip(".")
    return (
        f"DESCRIPTION: {subject[:300]}. Use it for tasks like the samples it was drafted from.\n---\n"
        "# How to work\n\nRead the task to its end before you answer.\n\n"
        "## Rules\n\n- Answer exactly what is asked.\n- Keep names and figures as the task gives them.\n\n"
        "## Before you hand in\n\n- Compare the answer with the question once more.\n"
    )


def judge(chat: Chat) -> str:
    """Two rules contradict each other when only one of them says never, of what both speak about."""
    one, other = [*_rules(chat.user), "", ""][:2]
    nevers = [bool(_NEVER.search(line)) for line in (one, other)]
    about = fuzz.token_set_ratio(*(_SIDE.sub("", line).lower() for line in (one, other)))
    return f"ANSWER: {'yes' if nevers[0] != nevers[1] and about >= 85 else 'no'}"


def repairer(chat: Chat) -> str:
    """Closes an open fence and drops a heading that says nothing; other faults it cannot mend."""
    text = next((tag.text for tag in tags(chat.user, "text")), "")
    kept = [line for line in text.splitlines() if not re.fullmatch(r"#+\s*(?:New Section|TODO)?\s*", line)]
    fences = [line for line in kept if line.lstrip().startswith("```")]
    mended = "\n".join([*kept, *(["```"] if len(fences) % 2 else [])])
    return "NONE" if mended == text else f"<text>\n{mended}\n</text>"


def sentence(question: str) -> str:
    """An answer to a question nobody prepared for: always the same for the same words."""
    chance = dice("sentence", question)
    words = re.findall(r"[A-Za-z]{4,}", question) or ["task"]
    subject = chance.choice(words).lower()
    verdict = chance.choice(
        ("is done", "was checked twice", "is in order", "needs no change", "was found as described")
    )
    return f"The {subject} {verdict}."


def _rules(text: str) -> list[str]:
    found = [tag.text for tag in tags(text, "rule")]
    return found or [line for line in text.splitlines() if line.strip()]


def sample(schema: dict[str, Any]) -> Any:
    """The plainest value that a JSON schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: sample(part) for name, part in table(schema.get("properties")).items()}
        case "array":
            return [sample(table(schema.get("items")))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 4)
        case "boolean":
            return True
        case _:
            return "cat"
