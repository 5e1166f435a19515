"""Stage draft: the skill a run starts from. A given one is frozen already; a created one is drafted by the model."""

from __future__ import annotations

from engine.agent import Agent
from engine.context import Context
from engine.crew import Failed, Job
from engine.llm.endpoint import Reply
from engine.reply import BadReply, spoken
from workspace.errors import T2SError
from workspace.files import dump_toml
from workspace.skill import Skill, load_skill, new_skill, save_skill

SAMPLES = 3


async def starting_skill(ctx: Context) -> Skill:
    """S0: the frozen copy in skills/0, or in creation mode a draft from the description and sample tasks alone."""
    name = ctx.config.skill.create
    if name is not None:
        await _draft(ctx, name)
    return load_skill(next(p for p in ctx.run.skill(0).iterdir() if p.is_dir()))


async def _draft(ctx: Context, name: str) -> None:
    prompt, model = ctx.prompts["drafter"], ctx.model("proposer")
    about = ctx.config.skill.about
    tasks = "\n".join(f"<task>{task.prompt}</task>" for task in _samples(ctx))
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
        raise T2SError(f"the first version of skill {name} could not be drafted: {made.reason}")


def _samples(ctx: Context):
    domain, settings = ctx.domain, ctx.config.domain
    return domain.tasks("evolve", settings.evolve, settings.seed)[:SAMPLES] if domain else ()


def _read_draft(reply: Reply, name: str) -> Skill:
    head, found, body = spoken(reply).partition("\n---\n")
    label, _, description = head.strip().partition(":")
    if not found or label.strip().upper() != "DESCRIPTION" or not body.strip():
        raise BadReply("send one line `DESCRIPTION: …`, a line `---`, and then the Markdown body")
    return new_skill(name, description.strip()[:1024], body.strip() + "\n")
