"""A form over the same settings as `t2s run`: what to evolve, what to learn from, which model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from t2s_tui import host
from t2s_tui.keys import Key, bindings
from t2s_tui.plan import plan_of
from t2s_tui.screens.base import Base
from t2s_tui.screens.estimate import EstimateScreen
from t2s_tui.text import safe, safe_lines, wrap
from t2s_tui.widgets.canvas import BLANK, Canvas, Line, Span, row
from t2s_tui.widgets.status import Footer, Hint
from workspace.errors import T2SError
from workspace.runs.run import RunFolder
from workspace.runs.start import new_run
from workspace.settings.config import check_runnable, is_remote, load_config
from workspace.settings.settings import SETTINGS, Config

FORM = (Key("form.start", "ctrl+s,f2", "start", "ctrl+s f2", "start", "Start the run."),)
# Before the fields see them: what is typed behind a tab belongs to the next field, however fast it comes.
TURN: list[BindingType] = [
    Binding("tab", "app.focus_next", priority=True, show=False),
    Binding("shift+tab", "app.focus_previous", priority=True, show=False),
]


class Field(NamedTuple):
    """One row of the form. `many`: several values, parted by spaces."""

    key: str
    name: str
    example: str
    many: bool = False


FIELDS = (
    Field("skill.path", "skill folder", "skills/my-skill"),
    Field("traces.paths", "traces", "traces/  (files or folders of trajectories)", many=True),
    Field("domain.name", "or domain", "house  (tasks with a verifier)"),
    Field("domain.family", "family", "date"),
    Field("endpoint.base_url", "base URL", "http://127.0.0.1:8000/v1"),
    Field("endpoint.model", "model", "the name on that server"),
)
LOCAL = "endpoint.local"


class Sentence(Canvas):
    """One explanation or fault below the fields."""

    def __init__(self) -> None:
        super().__init__(id="sentence")
        self.text, self.bad = "", False

    def say(self, text: str, bad: bool = False) -> None:
        self.text, self.bad = text, bad
        self.pull()

    def paint(self) -> list[Line]:
        ink = "bad" if self.bad else "dim"
        cells = max(10, self.size.width - 4)
        rows = [part for line in safe_lines(self.text) for part in wrap(line, cells)]
        return [BLANK, *(row(Span(f"  {part}", ink)) for part in rows[: max(1, self.size.height - 1)])]

    def on_resize(self) -> None:
        self.pull()


class Tick(Canvas, can_focus=True):
    """A yes or no."""

    BINDINGS = bindings((Key("form.tick", "space,enter", "switch", "space", "yes or no", "Switch it on or off."),))

    @dataclass
    class Changed(Message):
        """It has been switched."""

        value: bool

    def __init__(self, text: str, id: str) -> None:
        super().__init__(id=id)
        self.text, self.value = text, False

    def paint(self) -> list[Line]:
        back = "pick" if self.has_focus else "back"
        box = Span("[x]" if self.value else "[ ]", "run+bold" if self.value else "text")
        return [row(Span(" "), box, Span(f" {self.text}", "text" if self.value else "dim"), back=back)]

    def action_switch(self) -> None:
        self.value = not self.value
        self.pull()
        self.post_message(self.Changed(self.value))

    def on_click(self) -> None:
        self.action_switch()

    def on_focus(self) -> None:
        self.pull()

    def on_blur(self) -> None:
        self.pull()


class Heading(Canvas):
    def paint(self) -> list[Line]:
        return [
            row(Span(" t2s", "run+bold"), Span(f" {self.look.glyphs.crumb} ", "faint"), Span("new run", "bright+bold")),
            BLANK,
        ]


class NewRunScreen(Base):
    """Settings that are left empty come from t2s.toml, the environment and the defaults, as on the command line."""

    BINDINGS = bindings(FORM) + TURN
    CSS = """
    NewRunScreen Heading { height: 2; }
    NewRunScreen #form { height: 1fr; padding: 0 2; }
    NewRunScreen .field { height: 2; }
    NewRunScreen .field Static { width: 15; color: $t2s-dim; }
    NewRunScreen .field Input { height: 1; border: none; padding: 0 1; width: 1fr; max-width: 90; background: $boost; }
    NewRunScreen .field Input:focus { border: none; background: $t2s-pick; }
    NewRunScreen Tick { height: 1; width: 1fr; max-width: 90; }
    NewRunScreen #sentence { height: 6; }
    NewRunScreen #footer { height: 1; }
    """
    crumb = "new run"

    def __init__(self, runs: Path) -> None:
        super().__init__()
        self._folder = runs

    def compose(self) -> ComposeResult:
        yield Heading()
        with VerticalScroll(id="form", can_focus=False):
            for field in FIELDS:
                with Horizontal(classes="field"):
                    yield Static(field.name, markup=False)
                    yield Input(placeholder=field.example, id=_id(field.key))
            with Horizontal(classes="field"):
                yield Static("embedded", markup=False)
                yield Tick("the embedded model: no server, no key, no GPU", id=_id(LOCAL))
        yield Sentence()
        yield Footer(self.hints, last=(Hint("esc", "back"),))

    def on_mount(self) -> None:
        self.query_one(f"#{_id(FIELDS[0].key)}").focus()
        self._explain()

    def hints(self) -> Sequence[Hint]:
        return [Hint("tab", "next field"), Hint("ctrl+s", "start")]

    @on(Input.Changed)
    @on(Tick.Changed)
    def _explain(self) -> None:
        self.query_one(Sentence).say(f"the same on the command line:\n{self.command()}")

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    def values(self) -> dict[str, object]:
        """What has been filled in, by setting."""
        found: dict[str, object] = {"run.runs": str(self._folder)}
        for field in FIELDS:
            text = self.query_one(f"#{_id(field.key)}", Input).value.strip()
            if text:
                found[field.key] = tuple(text.split()) if field.many else text
        if self.query_one(Tick).value:
            found[LOCAL] = True
        return found

    def command(self) -> str:
        """The command that does what the form does."""
        words = ["t2s run"]
        for key, value in self.values().items():
            flag = SETTINGS[key].flag
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words.append(flag if value is True else f"{flag} {shown}")
        return safe(" ".join(words))

    @work(exclusive=True, group="start")
    async def action_start(self) -> None:
        try:
            loaded = load_config(file=None, cwd=Path.cwd(), env=os.environ, flags=self.values())
            check_runnable(loaded)
        except T2SError as error:
            self.query_one(Sentence).say(str(error), bad=True)
            return
        if not await self._may_spend(loaded.config):
            return
        if loaded.config.endpoint.local and not self._installed():
            return
        self.query_one(Sentence).say("starting …")
        self._begin(loaded.config)

    async def _may_spend(self, config: Config) -> bool:
        """Where the run may use more than is let pass, the person says so first; nothing is written until then."""
        if not is_remote(config):
            return True
        sentence = self.query_one(Sentence)
        sentence.say("looking at what it may use …")
        try:
            plan = await asyncio.to_thread(plan_of, config)
        except T2SError as error:
            sentence.say(str(error), bad=True)
            return False
        if not plan.why_ask or await self.app.push_screen_wait(EstimateScreen(plan)):
            return True
        sentence.say("not started; nothing was called and nothing was written")
        return False

    def _installed(self) -> bool:
        """Fetching the embedded model shows its progress on the normal screen."""
        try:
            with self.app.suspend():
                code = host.tool("engine.llm.local", ["install"])
        except SuspendNotSupported:
            code = 1
        if code:
            self.query_one(Sentence).say("the embedded model is not there; `t2s local install` fetches it", bad=True)
        return not code

    @work(thread=True, exclusive=True, group="engine")
    def _begin(self, config: Config) -> None:
        try:
            run = new_run(config, runs=self._folder, label=_label(config))
            host.start(run, new=True)
        except T2SError as error:
            self.app.call_from_thread(self.query_one(Sentence).say, str(error), True)
        else:
            self.app.call_from_thread(self._open, run)

    def _open(self, run: RunFolder) -> None:
        self.app.pop_screen()
        self.t2s.open_run(run)


def _id(key: str) -> str:
    return key.replace(".", "-").replace("_", "-")


def _label(config: Config) -> str:
    return config.skill.create or (Path(config.skill.path).name if config.skill.path else "") or config.domain.family
