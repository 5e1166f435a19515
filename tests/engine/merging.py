"""A merge tree at work in this process: the real stage, crew, caller and journal, a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from engine.agent import Desk
from engine.caller import Caller
from engine.context import Context, Round, Seed
from engine.crew import Crew
from engine.lifeline import Lifeline
from engine.llm.endpoint import Endpoint
from engine.llm.openai_chat import OpenAIChat
from engine.llm.pool import pool_of_one
from engine.llm.scripted.server import Scripted
from engine.llm.scripted.settings import Settings
from engine.pause import Pause
from engine.prompt import Prompts, copy_prompts
from engine.record import Record
from engine.stages.merge import Outcome, consolidate
from engine.window import Windows
from engine.workers.local import LocalWorkers as Commands
from workspace.edits.patch import AppendToSection, Edit, Patch
from workspace.runs.journal import Journal
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, load_view
from workspace.settings.config import ROLES, Config
from workspace.skills.skill import Skill

BODY = "---\nname: notes\ndescription: Notes.\n---\n\n# Notes\n\n## Rules\n\n- Be exact.\n\n## Steps\n\n1. One.\n"
S0 = Skill(name="notes", files={"SKILL.md": BODY})


def proposed(number: int, text: str, *, task: str = "", pinned: bool = False, section: str = "b3") -> Patch:
    """The patch of trajectory `number`, with one edit."""
    name = f"t{number:03d}"
    edit = AppendToSection(
        id=f"{name}-E1", section=section, text=f"- {text}", lessons=(f"{name}-L1",), support=(task or name,),
        pinned=pinned,
    )  # fmt: skip
    return Patch(id=name, base=S0.digest, edits=(edit,))


def pool(*patches: Patch) -> dict[str, Patch]:
    return {patch.id: patch for patch in patches}


class Bench:
    """One engine life that only merges, in `folder`."""

    def __init__(self, folder: Path, endpoint: Endpoint, windows: Windows, **merge: object) -> None:
        self.run = RunFolder(folder)
        if not self.run.prompts.exists():
            copy_prompts(self.run, folder / "no-prompts-of-its-own")
        self.journal = Journal(self.run.journal)
        emit = self.journal.emit
        view = load_view(self.run).view
        self.journal.listen(view.apply)
        pool = pool_of_one(endpoint, 16, emit)
        pause = Pause(emit, pool.gate)
        self.record = Record(self.run, windows)
        caller = Caller(pool, pause, Lifeline(pool, pause, emit, None), self.record, emit)
        self.crew = Crew(pause, emit, 40)
        desk = Desk(self.run, caller, LiveWriter(self.run), emit)
        config = Config.model_validate({"merge": merge})
        context = Context(
            run=self.run, config=config, emit=emit, crew=self.crew, desk=desk, prompts=Prompts(self.run.prompts),
            domain=None, models=dict.fromkeys(ROLES, "scripted"), view=view, workers=Commands(config.sandbox),
        )  # fmt: skip
        self.seed = Seed(Round(context, 1, S0), 0)

    async def merge(self, patches: Mapping[str, Patch]) -> Outcome:
        return await consolidate(self.seed, patches)

    def close(self) -> None:
        self.record.close()
        self.journal.close()


def make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def bench(folder: Path, settings: Settings = Settings(), **merge: object) -> AsyncIterator[Bench]:  # noqa: B008
    """A bench beside a server of its own that behaves as `settings` say."""
    make_folder(folder)
    server = Scripted(settings)
    await server.start()
    chat = OpenAIChat(server.url, "scripted")
    try:
        await chat.models()
        windows = Windows(await chat.windows("scripted"), folder / "endpoints.toml")
        at_work = Bench(folder, chat, windows, **merge)
        try:
            yield at_work
        finally:
            at_work.close()
    finally:
        await chat.close()
        await server.stop()
        await asyncio.sleep(0)


def accounted(outcome: Outcome) -> list[str]:
    """Every source edit of an outcome, as often as it is accounted for."""
    return [source for edit in outcome.edits for source in edit.sources] + list(outcome.dropped)


def tree_files(run: RunFolder) -> dict[str, bytes]:
    """The plan and all nodes."""
    return {path.name: path.read_bytes() for path in sorted(run.round(1).seed(0).tree.iterdir())}


def all_edits(patches: Mapping[str, Patch]) -> list[Edit]:
    return [edit for patch in patches.values() for edit in patch.edits]
