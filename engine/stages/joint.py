"""The joint merge: the model groups edits and words each group; the program makes its answer exact.

What is missing, or stands on the same lines, is asked for once. A merge too large for the model's window is asked in
parts, and a part that is refused for its length in halves; no node fails for its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.agent import Agent
from engine.context import Seed
from engine.llm.endpoint import Reply
from engine.llm.failures import Overflow
from engine.prompt import Prompt
from engine.reply import BadReply, parse_json
from engine.stages.guided import Learned, Sight, guided
from engine.window import CAUTIOUS
from workspace.edits.apply import conflicts
from workspace.edits.patch import Edit, edit_text
from workspace.guard.contradictions import candidates
from workspace.guard.statements import statements_in
from workspace.merging.consolidate import Reconciled, aliases, reconcile
from workspace.merging.drafts import Drafts, drafts_of, joined, written
from workspace.merging.merge_reply import RawReply, read_reply
from workspace.merging.parts import answer_tokens, halves, in_parts, room, size
from workspace.merging.tree import Node, Plan
from workspace.runs.events import MergeStarted, label
from workspace.settings.settings import RoleModel
from workspace.skills.skill import Skill

LONGEST_TOKEN = 6.0  # characters a token has at most, in any text that is worth merging
OPPOSITES = 8  # pairs that one merger is told of
LISTED = 40  # faults that one re-ask names


class Merge(NamedTuple):
    """One node at work, with all that its asks share.

    `window`: tokens its model can read, 0 = not known. A node begins with what the plan was made with, and takes over
    what a refusal told only after a refusal of its own: so its result does not depend on when it is merged.
    """

    seed: Seed
    node: Node
    plan: Plan
    window: int

    @property
    def name(self) -> str:
        """The node as the journal knows it."""
        return self.seed.prefix + self.node.id

    @property
    def model(self) -> RoleModel:
        return self.seed.ctx.model("merger", self.seed.number)

    def wiser(self) -> Merge:
        """With the window that refusals have told by now; itself where they told nothing new."""
        told = self.seed.ctx.desk.caller.windows.limit(self.model.model or "")
        return self._replace(window=told) if told and not 0 < self.window <= told else self

    @property
    def per_token(self) -> float:
        """Characters a token, as the plan was made with, so that no node depends on when it is merged."""
        return self.plan.per_token or CAUTIOUS

    def prompt(self, name: str) -> Prompt:
        return self.seed.ctx.prompts[name]

    def room(self, prompt: Prompt) -> int:
        """Characters of edits that one ask holds."""
        return room(self.window, self.per_token, frame(prompt), self.model.max_tokens or 0)

    def agent(self, characters: int, part: str = "") -> Agent:
        """A merger for a prompt of so many characters; its reply may have what the window leaves."""
        ctx, most = self.seed.ctx, self.model.max_tokens or 0
        model = self.model._replace(max_tokens=answer_tokens(self.window, self.per_token, characters, most))
        return Agent(ctx.desk, f"merger-{self.name}{part}", "merger", "merge", self.name, model)

    def sight(self, prompt: Prompt) -> Sight:
        """What a guided merge may show at once."""
        return Sight(self.room(prompt) if self.window else 0, lambda: self.wiser() is not self)

    def tell(self, way: str, why: str, parts: int = 1) -> None:
        """The way this merge goes, and why."""
        self.seed.ctx.emit(MergeStarted(node=self.name, way=way, why=label(why, 300), parts=parts))


def frame(prompt: Prompt) -> int:
    """Characters of a prompt without what its placeholders hold."""
    return len(prompt.system) + len(prompt.user)


async def joint(merge: Merge, edits: Sequence[Edit]) -> Drafts:
    """The edits as the model groups them. Raises `CallFailed` where the model cannot be asked at all."""
    while True:
        parts = in_parts(edits, merge.room(merge.prompt("merger")))
        if len(parts) > 1:
            held = f"window of {merge.window:,}" if merge.window else f"reply of at most {merge.model.max_tokens:,}"
            merge.tell("joint", f"in {len(parts)} parts, since the merger's {held} tokens holds no more", len(parts))
        names = [f"-p{n}" for n in range(1, len(parts) + 1)] if len(parts) > 1 else [""]
        try:
            return joined([await _part(merge, part, name) for part, name in zip(parts, names, strict=True)])
        except Learned:
            merge = merge.wiser()


async def _part(merge: Merge, edits: Sequence[Edit], part: str) -> Drafts:
    """One conversation; when its prompt is refused for its length, two with half the edits each. One edit alone needs
    none. Raises `Learned` when the refusal told the window."""
    if len(edits) == 1:
        return Drafts(carried=tuple(edits))
    prompt, wiser = merge.prompt("merger"), merge.wiser()
    if wiser is not merge and frame(prompt) + len(_shown(aliases(edits))) > wiser.window * LONGEST_TOKEN:
        raise Learned  # sure to be refused, so the call is spared
    agent = merge.agent(frame(prompt) + size(edits), part)
    with agent.at_work():
        drafts = await _talk(merge, agent, prompt, edits)
    if drafts is not None:
        return drafts
    if merge.wiser() is not merge:
        raise Learned
    merge.tell("joint", f"in halves, since the prompt with {len(edits)} edits was too long", 2)
    one, other = halves(edits)
    return joined([await _part(merge, one, f"{part}-a"), await _part(merge, other, f"{part}-b")])


async def _talk(merge: Merge, agent: Agent, prompt: Prompt, edits: Sequence[Edit]) -> Drafts | None:
    """Joint, and guided where the answers are of no use; None when the edits are too long for this model."""
    try:
        return await _grouped(merge, agent, prompt, edits)
    except Overflow:
        return None
    except BadReply as fault:
        why = f"guided, since the joint merge failed: {fault}"
    merge.tell("guided", why)
    sight = Sight(size(edits), lambda: merge.wiser() is not merge)
    try:
        return await guided(agent, merge.prompt("merger_guided"), edits, why, sight)
    except Learned:
        return None


async def _grouped(merge: Merge, agent: Agent, prompt: Prompt, edits: Sequence[Edit]) -> Drafts:
    named = aliases(edits)
    reading = Reading(merge.seed.s0, named, ask_conflicts=merge.seed.ctx.config.merge.conflicts == "ask")
    shown = "\n".join([_shown(named), *_opposites(merge.seed.s0, named)])
    try:
        result = await agent.ask(prompt.messages(edits=shown), reading.read, _schema(list(named)))
    except (BadReply, Overflow):  # also when the talk has become too long by asking again
        if reading.best is None:
            raise
        result = reading.best
    if not result.groups and not result.dropped:
        raise BadReply("the answer names none of the edits")
    return drafts_of(named, result)


class Reading:
    """Reads the answers of one conversation. The first that leaves something open is asked again once, for all of it
    together; the better one of the two counts, and what it leaves open is carried."""

    def __init__(self, s0: Skill, named: Mapping[str, Edit], *, ask_conflicts: bool = True) -> None:
        self.best: Reconciled | None = None
        self._s0 = s0
        self._named = named
        self._ask_conflicts = ask_conflicts

    def read(self, reply: Reply) -> Reconciled:
        """The answer made exact. Raises `BadReply` with what to mend."""
        before = self.best
        try:
            result = understood(self._named, reply)
        except BadReply:
            if before is None:
                raise
            return before
        if before is not None:
            return min(before, result, key=lambda r: (len(r.missing), len(self._faults(r))))
        if faults := self._faults(result):
            self.best = result
            more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
            raise BadReply("; ".join(faults[:LISTED]) + more + ". Send the whole corrected JSON again")
        return result

    def _faults(self, result: Reconciled) -> list[str]:
        faults = [f"id {alias} is in no group and not dropped with a reason" for alias in result.missing]
        if self._ask_conflicts:
            outputs = written("", drafts_of(self._named, result)._replace(carried=()), self._s0)
            faults += [f"two groups change the same lines: {c.why}" for c in conflicts(self._s0, outputs)]
        return faults


def understood(named: Mapping[str, Edit], reply: Reply) -> Reconciled:
    """What can be used of an answer, made exact. Raises `BadReply` when there is no JSON object in it."""
    return reconcile(named, read_reply(parse_json(reply, RawReply)))


# --- what the model is shown ---------------------------------------------------------------------------------------


def _shown(edits: Mapping[str, Edit]) -> str:
    return "\n".join(_tag(alias, edit) for alias, edit in edits.items())


def _opposites(s0: Skill, edits: Mapping[str, Edit]) -> list[str]:
    """The pairs that may contradict each other, so that the merger does not make one rule of both."""
    alias_of = {edit.id: alias for alias, edit in edits.items()}
    pairs = candidates(statements_in(s0, edits.values()), across=True, most=OPPOSITES)
    return [f"<contradiction>{alias_of[p.a.id]} and {alias_of[p.b.id]}: {p.why}</contradiction>" for p in pairs]


def _tag(alias: str, edit: Edit) -> str:
    verified = ' verified="yes"' if edit.verified else ""
    place = f"{edit.file}#{_at(edit)}"
    head = f'<edit id="{alias}" op="{edit.op}" at="{place}" support="{len(edit.support)}"{verified}>'
    return f"{head}{edit_text(edit)}</edit>"


def _at(edit: Edit) -> str:
    return str(next((v for k in ("block", "section", "after", "path") if (v := getattr(edit, k, None))), "end"))


def _schema(ids: list[str]) -> dict[str, Any]:
    name = {"enum": ids}
    text = {"type": "string", "maxLength": 4000}
    short = {"type": "string", "maxLength": 300}
    group = {
        "type": "object",
        "properties": {"from": {"type": "array", "items": name, "minItems": 1}, "text": text, "reason": short},
        "required": ["from", "text", "reason"],
    }
    drop = {"type": "object", "properties": {"id": name, "reason": short}, "required": ["id", "reason"]}
    return {
        "type": "object",
        "properties": {
            "groups": {"type": "array", "maxItems": len(ids), "items": group},
            "dropped": {"type": "array", "maxItems": len(ids), "items": drop},
        },
        "required": ["groups", "dropped"],
    }
