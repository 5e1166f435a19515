"""Stage analyse: one analyst a trajectory; what it claims is checked by program before it becomes a lesson.

A quote must occur in the trajectory, else it is removed. Examples are copied by program out of the trajectory, never
retyped by the model. Without a verifier at hand in this stage, lessons are marked unverified (method.md §2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.context import Seed
from engine.crew import Failed, Job
from engine.llm.endpoint import Message, Reply
from engine.llm.failures import Overflow
from engine.prompt import Prompt
from engine.reply import BadReply, parse_json, parse_lines, spoken
from engine.stages.retell import LEAST_CHARS, case, readable, turns
from engine.stages.rollout import shown
from workspace.files import awrite_text, dump_toml, parse_toml, read_text, remove
from workspace.guard.leak import HeldTask, own_case, own_marks
from workspace.ids import lesson_id
from workspace.lessons.lesson import Example, Lesson, checked, dump_lesson, load_lesson
from workspace.runs.events import LessonLearned, NoteLeft, label
from workspace.settings.settings import Source
from workspace.trajectory import Trajectory

MOST_LESSONS = 3
LABELS = ("TITLE", "RULE", "WHY", "NONE")
QUOTE_CHARS = 200


class Finding(BaseModel):
    """A lesson as an analyst words it, before the program's checks."""

    model_config = ConfigDict(frozen=True)
    title: str = ""
    claim: str = ""
    why: str = ""
    quotes: tuple[str, ...] = ()


class Findings(BaseModel):
    """An analyst's whole reply: at most three lessons, or the reason for none."""

    model_config = ConfigDict(frozen=True)
    lessons: tuple[Finding, ...] = ()
    none: str = ""


class Analysis(BaseModel):
    """What stands in `analyses/<trajectory>.toml`: the ids of the lessons, or why there is none."""

    model_config = ConfigDict(frozen=True)
    format: int = 1
    key: str
    trajectory: str
    lessons: tuple[str, ...] = ()
    none: str = ""


def wanted(trajectory: Trajectory, source: Source) -> bool:
    """Does this run learn from such a trajectory? Unknown outcomes and infrastructure errors teach nothing."""
    match trajectory.outcome.status:
        case "fail":
            return source in ("error", "combined")
        case "pass":
            return source in ("success", "combined")
        case _:
            return False


async def analyse(seed: Seed, trajectory: Trajectory) -> Analysis | Failed:
    """The lessons of one trajectory, written to `lessons/` before the analysis itself is."""
    ctx = seed.ctx
    prompt = ctx.prompts[f"analyst_{_kind(trajectory)}_{ctx.style('analyst')}"]
    path = seed.folder.analyses / f"{trajectory.id}.toml"
    key = ctx.key(
        prompt, ctx.model("analyst", seed.number), seed.s0.digest, trajectory.model_dump_json(exclude={"key", "source"})
    )

    async def work() -> str:
        findings = await _ask(seed, trajectory, prompt)
        lessons = [_lesson(trajectory, n, f) for n, f in enumerate(findings.lessons[:MOST_LESSONS], 1)]
        for number in range(len(lessons) + 1, MOST_LESSONS + 1):  # of an analysis of other inputs
            remove(seed.folder.lessons / f"{lesson_id(trajectory.id, number)}.toml")
        _flag(seed, trajectory, lessons, len(findings.lessons))
        for lesson in lessons:
            await awrite_text(seed.folder.lessons / f"{lesson.id}.toml", dump_lesson(lesson))
        analysis = Analysis(key=key, trajectory=trajectory.id, lessons=tuple(x.id for x in lessons), none=findings.none)
        return dump_toml(analysis.model_dump())

    made = await ctx.crew.make("analyse", seed.prefix + trajectory.id, lambda: Job(key, path, work))
    if isinstance(made, Failed):
        return made
    analysis = load_analysis(made.text, path)
    if made.new or not all(seed.prefix + name in ctx.view.lessons for name in analysis.lessons):
        _tell(seed, analysis)
    return analysis


def _flag(seed: Seed, trajectory: Trajectory, lessons: Sequence[Lesson], told: int) -> None:
    """Tell of lessons that are only their own task's case, and of those beyond the most there may be."""
    marks = own_marks(HeldTask(trajectory.task, trajectory.question))
    notes = [f"lesson {seed.prefix}{x.id} {why}" for x in lessons if (why := own_case(x.claim, marks))]
    if told > len(lessons):
        notes.append(f"{seed.prefix}{trajectory.id} taught {told} lessons; the first {len(lessons)} are taken")
    for note in notes:
        seed.ctx.emit(NoteLeft(text=label(note, 300), severity="warning"))


def load_analysis(text: str, where: Path) -> Analysis:
    """Back from TOML."""
    return Analysis.model_validate(parse_toml(text, where))


async def _ask(seed: Seed, trajectory: Trajectory, prompt: Prompt) -> Findings:
    """What the analyst found. A trajectory that its model's context does not hold is shown in part, and a refusal for
    length is followed by half of it."""
    agent, skill = seed.agent("analyst", "analyst", "analyse", trajectory.id), shown(seed.s0)
    besides = len(prompt.system) + len(prompt.user) + len(skill) + len(trajectory.outcome.message)
    windows, model = seed.ctx.desk.caller.windows, seed.ctx.model("analyst", seed.number)
    most = readable(windows.limit(model.model or ""), model.max_tokens or 0, besides)
    with agent.at_work():
        while True:
            try:
                if seed.ctx.style("analyst") == "lines":
                    messages = prompt.messages(case=case(trajectory, most))
                    return await agent.ask(messages, lambda reply: _read_lines(reply, trajectory))
                return await agent.ask(_whole(trajectory, prompt, skill, most), _read_json, _schema())
            except Overflow:
                if most <= LEAST_CHARS:
                    raise
                most = max(LEAST_CHARS, most // 2)


def _whole(trajectory: Trajectory, prompt: Prompt, skill: str, most: int) -> tuple[Message, ...]:
    outcome = trajectory.outcome
    told = outcome.message or f"judged {outcome.status}"
    said = turns(trajectory, most)
    return prompt.messages(trajectory=trajectory.id, turns=said, status=outcome.status, outcome=told, skill=skill)


def _read_lines(reply: Reply, trajectory: Trajectory) -> Findings:
    """Rules in labelled lines. A small model is not asked for quotes: the answer it was shown is the evidence."""
    blocks = parse_lines(reply, LABELS)
    none = next((b["NONE"] for b in blocks if b.get("NONE")), "")
    quotes = tuple(filter(None, (trajectory.answer.strip()[:QUOTE_CHARS],)))
    found = tuple(
        Finding(title=b.get("TITLE", ""), claim=b["RULE"], why=b.get("WHY", ""), quotes=quotes)
        for b in blocks
        if b.get("RULE")
    )
    if not found and not none:
        raise BadReply("there is no RULE line; answer with one line `RULE: the rule`, or `NONE: the reason`")
    return Findings(lessons=found, none=none if not found else "")


def _read_json(reply: Reply) -> Findings:
    if spoken(reply).rpartition("}")[2].lstrip().startswith(","):  # repaired, it would lose a lesson without a word
        raise BadReply("the reply breaks off in the middle of its list; send the whole JSON again")
    findings = parse_json(reply, Findings)
    if any(not f.claim.strip() for f in findings.lessons):
        raise BadReply("a lesson has an empty `claim`; say what to do, or leave the lesson out")
    if not findings.lessons and not findings.none.strip():
        raise BadReply("there is no lesson and no reason in `none`; give one of them")
    return findings


def _lesson(trajectory: Trajectory, number: int, finding: Finding) -> Lesson:
    evidence = checked(list(finding.quotes), trajectory)
    return Lesson(
        id=lesson_id(trajectory.id, number),
        title=label(finding.title or finding.claim, 80),
        claim=finding.claim.strip(),
        why=finding.why.strip(),
        kind="success" if trajectory.outcome.status == "pass" else "failure",
        quoted=bool(evidence),
        trajectories=(trajectory.id,),
        tasks=(trajectory.task or trajectory.id,),
        examples=examples_of(trajectory),
        evidence=evidence,
    )


def examples_of(trajectory: Trajectory) -> tuple[Example, ...]:
    """The true case behind a lesson, copied: question, answer when it was wrong, right answer where it is known."""
    outcome, asked = trajectory.outcome, trajectory.question.strip()
    answered = (outcome.got or trajectory.answer).strip()
    right = (outcome.expected or "").strip() or (answered if outcome.status == "pass" else "")
    if not asked or not right:
        return ()
    return (Example(input=asked, wrong=answered if outcome.status == "fail" else "", right=right),)


def _tell(seed: Seed, analysis: Analysis) -> None:
    for name in analysis.lessons:
        path = seed.folder.lessons / f"{name}.toml"
        lesson = load_lesson(read_text(path), path)
        seed.ctx.emit(
            LessonLearned(
                lesson=seed.prefix + lesson.id, title=label(lesson.title), source=lesson.kind,
                verified=lesson.verified, quoted=lesson.quoted, support=len(lesson.tasks),
            )
        )  # fmt: skip


def _kind(trajectory: Trajectory) -> str:
    return "success" if trajectory.outcome.status == "pass" else "error"


def _schema() -> dict[str, Any]:
    finding = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 120},
            "claim": {"type": "string", "maxLength": 1200},
            "why": {"type": "string", "maxLength": 1200},
            "quotes": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 400}},
        },
        "required": ["title", "claim", "why", "quotes"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "lessons": {"type": "array", "maxItems": MOST_LESSONS, "items": finding},
            "none": {"type": "string", "maxLength": 400},
        },
        "required": ["lessons", "none"],
        "additionalProperties": False,
    }
