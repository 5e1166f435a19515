"""Stage draft: the skill a run starts from. A given one is frozen already; a created one is drafted by the model from
its description and sample tasks alone, and breaks no rule of the lint before any other stage starts."""

from __future__ import annotations

from engine.agent import Agent
from engine.context import Context
from engine.crew import Failed, Job
from engine.llm.endpoint import Reply
from engine.reply import BadReply, spoken
from workspace.errors import SkillError, T2SError
from workspace.files import dump_toml, read_text
from workspace.guard.guard import lint
from workspace.skills.skill import Skill, load_skill, new_skill, save_skill
from workspace.trajectory import load_trajectory

SAMPLES = 3
LONGEST = 1500  # characters of a sample task


async def starting_skill(ctx: Context) -> Skill:
    """S0: the frozen copy in skills/0, or in creation mode a draft from the description and sample tasks alone."""
    name = ctx.config.skill.create
    if name is not None:
        await _draft(ctx, name)
    return load_skill(next(p for p in ctx.run.skill(0).iterdir() if p.is_dir()))


async def _draft(ctx: Context, name: str) -> None:
    prompt, model = ctx.prompts["drafter"], ctx.model("proposer")
    about = ctx.config.skill.about
    tasks = "\n".join(f"<task>{asked}</task>" for asked in _samples(ctx))
    ctx.crew.plan("draft", 1)

    async def write() -> str:
        agent = Agent(ctx.desk, "drafter", "drafter", "draft", "draft", model)
        with agent.at_work():
            skill = await agent.ask(prompt.messages(about=about, tasks=tasks), lambda r: _read_draft(r, name))
        save_skill(skill, ctx.run.skill(0) / name)
        return dump_toml({"format": 1, "key": key, "skill": name, "digest": skill.digest})

    key = ctx.key(prompt, model, name, about, tasks)
    made = await ctx.crew.make("draft", "draft", lambda: Job(key, ctx.run.skill(0) / "draft.toml", write))
    ctx.crew.leave("draft")
    if isinstance(made, Failed):
        why = made.reason.partition(". Send the whole")[0]
        out = f"`t2s retry {ctx.run.path.name}` tries again, or write a first version by hand and give it with --skill"
        raise T2SError(f"the first version of skill {name} could not be drafted: {why}; {out}")


def _samples(ctx: Context) -> list[str]:
    """What a few tasks ask, without anything an agent did: of the domain, else of the trajectories brought along."""
    domain, settings = ctx.domain, ctx.config.domain
    if domain:
        return [task.prompt for task in domain.tasks("evolve", settings.evolve, settings.seed)[:SAMPLES]]
    asked: dict[str, None] = {}
    for path in sorted(ctx.run.round(1).trajectories.glob("t*.jsonl")):
        asked[load_trajectory(read_text(path), path).question[:LONGEST]] = None
        if len(asked) == SAMPLES:
            break
    return [question for question in asked if question]


def _read_draft(reply: Reply, name: str) -> Skill:
    head, found, body = spoken(reply).partition("\n---\n")
    label, _, description = head.strip().partition(":")
    if not found or label.strip().upper() != "DESCRIPTION" or not body.strip():
        raise BadReply("send one line `DESCRIPTION: …`, a line `---`, and then the Markdown body")
    if body.lstrip().startswith("---"):
        raise BadReply("the body begins with a line `---`; send no front matter, only the Markdown body")
    try:
        skill = new_skill(name, description.strip(), body.strip() + "\n")
    except SkillError as fault:
        raise BadReply(f"{fault}. Send the whole corrected draft again") from fault
    if faults := [f"line {v.line}: {v.message}" for v in lint(skill, folder_name=name) if v.severity == "error"]:
        raise BadReply(f"the draft breaks rules: {'; '.join(faults)}. Send the whole corrected draft again")
    return skill
