"""Part of settling: one round in which the model words anew what the guard refuses for its form (method.md §5).

Only faults of form are repaired: what looks like poison, a secret or a held-out task waits for a person. What is still
refused after the round is withheld with its reason. Small models are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.agent import Agent
from engine.context import Seed
from engine.crew import Failed, Job
from engine.llm.endpoint import Reply
from engine.reply import BadReply, spoken
from engine.together import together
from workspace.edits.patch import Edit, edit_text
from workspace.files import digest, dump_toml, parse_toml
from workspace.guard.guard import RULES, Withheld
from workspace.runs.events import PatchRepaired
from workspace.skills.outline import without_marks

MOST = 24
FORM = frozenset({"marks", "fences", "structure", "dead-link", "headings", "home-path"})
_TEXT = re.compile(r"<text>\n?(.*)\n?</text>", re.DOTALL)
_CURES = {rule.name: rule.cure for rule in RULES}


async def repair(seed: Seed, withheld: Sequence[Withheld]) -> dict[str, Edit]:
    """Edit id → the edit with its text worded anew, for those that a fault of form keeps out."""
    wanted = [one for one in withheld if _may_be_repaired(one)][:MOST]
    if seed.ctx.style("merger") == "lines" or not wanted:
        return {}
    part = f"{seed.prefix}repair"
    seed.ctx.crew.plan("settle", len(wanted), part)
    texts = await together(_worded(seed, one) for one in wanted)
    seed.ctx.crew.leave("settle", part)
    mended = {
        one.edit.id: one.edit.model_copy(update={"text": text}) for one, text in zip(wanted, texts, strict=True) if text
    }
    seed.ctx.emit(PatchRepaired(edits=len(mended)))
    return mended


def _may_be_repaired(withheld: Withheld) -> bool:
    """A person's words are never changed, and there must be words to change."""
    edit = withheld.edit
    return withheld.rule in FORM and edit.author == "model" and not edit.pinned and bool(edit_text(edit).strip())


async def _worded(seed: Seed, withheld: Withheld) -> str:
    """The new text; empty where the model has none, or could not be asked (the unit is listed as failed).

    The unit is named after what it reads: a repair that comes or goes leaves all others as they are.
    """
    prompt, model = seed.ctx.prompts["repairer"], seed.ctx.model("merger", seed.number)
    text, reason, cure = edit_text(withheld.edit), withheld.reason, _CURES[withheld.rule]
    short = digest(withheld.edit.id, reason, text)[:6]
    unit = f"r-{short}"
    key = seed.ctx.key(prompt, model, reason, cure, text)
    path = seed.folder.path / "repaired" / f"{unit}.toml"

    async def work() -> str:
        agent = Agent(seed.ctx.desk, f"repairer-{seed.prefix}{short}", "merger", "settle", seed.prefix + unit, model)
        with agent.at_work():
            new = await agent.ask(prompt.messages(reason=reason, cure=cure, text=text), _read)
        return dump_toml({"format": 1, "key": key, "edit": withheld.edit.id, "reason": reason, "text": new})

    made = await seed.ctx.crew.make("settle", seed.prefix + unit, lambda: Job(key, path, work))
    return "" if isinstance(made, Failed) else str(parse_toml(made.text, path)["text"])


def _read(reply: Reply) -> str:
    said = spoken(reply)
    if found := _TEXT.search(said):
        return without_marks(found[1]).strip("\n")
    if said.strip().strip(".").upper() == "NONE":
        return ""
    raise BadReply("send the new text between <text> and </text>, or NONE")
