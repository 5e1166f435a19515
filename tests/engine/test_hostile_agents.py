"""Agents that leave traps: whatever lies in their folders ends their own unit at most, and proves nothing."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.agent import Agent
from engine.context import Context
from engine.domains.base import Domain, Handed, Task
from engine.domains.folder.folder import Folder
from engine.llm.endpoint import Message, Reply
from engine.prompt import Prompt
from engine.react.analyst_hands import Evaluate, Workbench
from engine.react.hands import Bash, Submit
from engine.react.protocol import MOST_CALLS, Manner, Native, asked_for
from engine.react.tool import Seen
from engine.react.worker import Worked, Worker
from engine.sandbox.base import Limits, Sandbox
from engine.sandbox.folder import clear, copy_in
from engine.sandbox.order import Answer, packed
from engine.sandbox.probe import open_sandbox
from engine.stages.investigate import INPUTS, LOG, lay_left
from engine.stages.solve import SKILL, Try, fresh, with_tools
from tests.engine.task_sets import Desk
from workspace.errors import ConfigError, InputError
from workspace.files import write_text
from workspace.settings.settings import RoleModel
from workspace.skills.skill import new_skill, save_skill
from workspace.trajectory import Outcome, Step, ToolCall

LIMITS = Limits(seconds=20)
MODEL = RoleModel("m", 0.0, 100, 1, None, None)
DEEP = "import os\nfor _ in range(1500):\n  os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()"
MANY = "for n in range(20_001): open(f'f{n}', 'w').close()"
LONG = "import os\nfor _ in range(8):\n  os.mkdir('d' * 200); os.chdir('d' * 200)\nopen('f', 'w').close()"


@pytest.fixture(params=["process", "namespaces"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[Sandbox]:
    try:
        opened = await open_sandbox(request.param)
    except ConfigError as refused:
        pytest.skip(f"no sandbox here: {refused}")
    yield opened
    await opened.close()


async def left_by(sandbox: Sandbox, folder: Path, command: str) -> Path:
    """A work folder in which an agent ran `command`."""
    fresh(folder)
    ran = await sandbox.run(("bash", "-c", command), folder, LIMITS)
    assert ran.code == 0, ran.output
    return folder


class Model:
    """Stands for the agent's model: says `replies` one after the other, and keeps no record. `look` is called before
    each of them.
    """

    def __init__(self, *replies: Reply, look: Callable[[], object] = lambda: None) -> None:
        self._replies = list(replies)
        self._look = look

    @contextmanager
    def at_work(self) -> Generator[None]:
        yield

    async def ask(self, messages: Sequence[Message], read: object, tools: object = ()) -> Reply:
        self._look()
        return self._replies.pop(0)

    def recall(self, step: str) -> None:
        return None

    def remember(self, step: str, seen: Mapping[str, object]) -> None:
        json.dumps(seen, ensure_ascii=False).encode()

    def act(self, action: str, call: str = "") -> None:
        (action + call).encode()

    def see(self, text: str) -> None:
        text.encode()

    def agent(self) -> Agent:
        return cast("Agent", self)


def calls(*commands: str) -> Reply:
    """A reply that calls bash, once for each command."""
    return Reply(
        text="",
        calls=tuple(
            ToolCall(id=str(n), name="bash", arguments=json.dumps({"command": c})) for n, c in enumerate(commands)
        ),
    )


async def worked(sandbox: Sandbox, folder: Path, *replies: Reply) -> Worked:
    hands = [Bash(sandbox, folder, LIMITS), Submit(lambda _: "")]
    manner: Manner = Native({hand.name: hand for hand in hands})
    worker = Worker(Model(*replies).agent(), "k", hands, manner, len(replies), lambda: 0, lambda _: None)
    return await worker.work((Message(role="user", content="go"),))


# --- what lies in the place of our own folders -------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["echo x >", "mkfifo", "ln -s /etc/passwd", "ln -s ."])
async def test_whatever_lies_in_a_folders_place_is_removed(sandbox: Sandbox, tmp_path: Path, trap: str) -> None:
    folder = await left_by(sandbox, tmp_path / "work", f"rm -rf .home; {trap} .home; {trap} {SKILL}")
    for name in (".home", SKILL):
        clear(folder / name)
        assert name not in [path.name for path in folder.iterdir()]
    assert folder.is_dir()


async def test_a_solver_that_puts_files_in_the_place_of_our_folders_is_only_scored(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """It once ended the whole run, as if the disk were full."""
    desk = Desk(tmp_path, sandbox, {"files/a": "", "check.sh": "test -f result"})
    spoil = "rm -rf .home .tmp skill; echo 1 > .home; mkfifo .tmp; echo 1 > skill; touch result"
    part = tmp_path / "t1.part"
    solved = await solve(sandbox, desk.domain, tmp_path / "left", part, spoil)
    assert solved.status == "pass" and not part.exists()
    assert sorted(p.name for p in (tmp_path / "left").iterdir()) == ["a", "result"]


async def test_the_steps_of_an_earlier_life_are_not_told_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    """A killed engine leaves the growing file; its steps come again from the record."""
    desk = Desk(tmp_path, sandbox, {"check.sh": "true"})
    part, seen = tmp_path / "t1.part", list[int]()
    part.write_text("a step of the life that was killed\n")
    look = lambda: seen.append(len(part.read_text().splitlines()) if part.exists() else 0)  # noqa: E731
    await solve(sandbox, desk.domain, tmp_path / "left", part, "true", look)
    assert seen == [0, 2] and not part.exists()


async def solve(
    sandbox: Sandbox, domain: Folder, folder: Path, part: Path, command: str, look: Callable[[], object] = lambda: None
) -> Outcome:
    """A solver's whole work on the domain's only task, with one command."""
    (task,) = (task for split in ("evolve", "validation", "test") for task in domain.tasks(split, 9, 1))
    one = Try(task, new_skill("s", "about", "do"), MODEL, "k", folder, part)
    replies = (Reply(text=f"```bash\n{command}\n```"), Reply(text="```submit\ndone\n```"))
    return (await with_tools(context(sandbox), domain, Model(*replies, look=look).agent(), one)).outcome


def context(sandbox: Sandbox) -> Context:
    """As much of a run as a solver needs."""
    settings = SimpleNamespace(domain=SimpleNamespace(turns=4), style=SimpleNamespace(tools="text"))
    windows = SimpleNamespace(limit=lambda _: 0)
    values: dict[str, Any] = {
        "prompts": {"solver_tools": Prompt("solver_tools", "{{tools}}", "{{task}}", "d")},
        "workers": SimpleNamespace(run=sandbox.run, limits=LIMITS, level=sandbox.level, score=score_here, leave=stay),
        "config": settings,
        "desk": SimpleNamespace(caller=SimpleNamespace(windows=windows)),
    }
    return cast("Context", SimpleNamespace(**values))


async def score_here(domain: Domain, task: Task, handed: Handed) -> Outcome:
    return await domain.score(task, handed)


async def stay(folder: Path) -> None:
    """The folder is the one that everybody sees."""


async def test_what_an_agent_calls_like_the_analysts_things_gives_way(sandbox: Sandbox, tmp_path: Path) -> None:
    spoil = f"echo x > {INPUTS}; mkdir {LOG} {SKILL}; touch {LOG}/x; touch kept"
    left = await left_by(sandbox, tmp_path / "left", spoil)
    mine = tmp_path / "mine"
    lay_left(left, mine)
    write_text(mine / LOG, "what it did")
    save_skill(new_skill("s", "about", "do"), mine / SKILL)
    assert (mine / INPUTS).is_dir() and (mine / "kept").is_file() and (mine / LOG).read_text() == "what it did"


async def test_a_folder_that_its_agent_has_closed_is_open_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """Not only root must be able to look into it."""
    folder = await left_by(sandbox, tmp_path / "work", "touch result; chmod 000 .")
    assert folder.stat().st_mode & 0o700 == 0o700


# --- the way that answers take -----------------------------------------------------------------------------------

FORGE = f"""
import os
for handle in range(3, 64):
    try:
        os.write(handle, {packed(Answer(code=0))!r})
    except OSError:
        continue
"""


async def test_a_command_holds_no_handle_but_its_streams(sandbox: Sandbox, tmp_path: Path) -> None:
    fresh(folder := tmp_path / "work")
    ran = await sandbox.run(("sh", "-c", "for n in /proc/self/fd/*; do echo ${n##*/}; done"), folder, LIMITS)
    held = {int(word) for word in ran.output.split()}
    assert {handle for handle in held if (await is_open(sandbox, folder, handle))} == {0, 1, 2}


async def is_open(sandbox: Sandbox, folder: Path, handle: int) -> bool:
    """Does a fresh program have this handle, which a shell may have opened for itself?"""
    code = f"import os; os.fstat({handle})"
    return (await sandbox.run(("python3", "-S", "-c", code), folder, LIMITS)).code == 0


async def test_a_program_cannot_answer_in_the_name_of_the_check(sandbox: Sandbox, tmp_path: Path) -> None:
    """It once could: the socket of the sandbox's own answers was open in every command."""
    desk = Desk(tmp_path, sandbox, {"check.sh": "python3 answer.py; exit 1"})
    outcome = await desk.judge({"answer.py": FORGE})
    assert outcome.status == "fail"


# --- what is copied for an analyst -------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "why"), [(DEEP, "too deep"), (LONG, "too deep"), (MANY, "more than 20,000 files")])
async def test_what_is_too_much_to_copy_is_refused_with_a_reason(
    sandbox: Sandbox, tmp_path: Path, code: str, why: str
) -> None:
    left = await left_by(sandbox, tmp_path / "left", f'python3 -c "{code}"')
    with pytest.raises(InputError, match=why):
        copy_in(left, tmp_path / "copy")
    for folder in (left, tmp_path / "copy"):
        clear(folder)
        assert not folder.exists()


async def test_a_file_name_is_never_told_raw(sandbox: Sandbox, tmp_path: Path) -> None:
    name = "$'\\e[31m\\xff\\n'" + "/d" * 65
    left = await left_by(sandbox, tmp_path / "left", f"mkdir -p {name}")
    with pytest.raises(InputError) as refused:
        copy_in(left, tmp_path / "copy")
    str(refused.value).encode()
    assert str(refused.value).isprintable()


# --- fixes ---------------------------------------------------------------------------------------------------------


class Bed:
    """Where an analyst's fixes are tried; the verifier is `verdicts`, one after the other."""

    def __init__(self, sandbox: Sandbox, folder: Path, *verdicts: str) -> None:
        self.left, self.mine, self.trial = folder / "left", folder / "mine", folder / "trial"
        self.answers: list[str | None] = []
        for place in (self.left, self.mine):
            fresh(place)
        rest = list(verdicts)

        async def copy() -> None:
            fresh(self.trial)
            copy_in(self.left, self.trial)

        async def score(answer: str | None) -> Outcome:
            self.answers.append(answer)
            return Outcome.model_validate({"status": rest.pop(0)})

        self.evaluate = Evaluate(Workbench(sandbox, LIMITS, self.mine, self.trial, copy, score, lambda: True))

    async def tried(self, fix: str) -> Seen:
        (self.mine / "fix.sh").write_text(fix)
        return await self.evaluate.use("")


async def test_a_fix_proves_nothing_where_the_failure_passes_by_now_without_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    seen = await Bed(sandbox, tmp_path, "pass", "pass").tried("true")
    assert seen.error and not seen.mark and "without your fix" in seen.text
    seen = await Bed(sandbox, tmp_path, "pass", "fail").tried("true")
    assert seen.mark == "fix.sh\ntrue" and not seen.error


async def test_words_that_the_failed_agent_left_are_no_words_of_the_fix(sandbox: Sandbox, tmp_path: Path) -> None:
    bed = Bed(sandbox, tmp_path, "fail", "fail")
    (bed.left / "answer.txt").write_text("42")
    await bed.tried("true")
    await bed.tried("echo 43 > answer.txt")
    assert bed.answers == [None, "43\n"]


async def test_a_folder_in_the_place_of_the_fix_gives_way(sandbox: Sandbox, tmp_path: Path) -> None:
    bed = Bed(sandbox, tmp_path, "pass", "fail")
    (bed.left / "fix.sh").mkdir()
    (bed.left / "fix.sh" / "x").touch()
    assert (await bed.tried("true")).text.startswith("PASS")


@pytest.mark.parametrize("trap", ["mkdir answer.txt", "mkfifo answer.txt", "truncate -s 1000M answer.txt"])
async def test_an_answer_that_cannot_be_read_is_told(sandbox: Sandbox, tmp_path: Path, trap: str) -> None:
    seen = await Bed(sandbox, tmp_path, "pass").tried(trap)
    assert seen.error and not seen.mark and "could not be tried" in seen.text


# --- checks of folder tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["mkdir ../errors", "mkfifo ../errors"])
async def test_a_program_that_spoils_the_checks_own_room_is_no_fault_of_the_machine(
    sandbox: Sandbox, tmp_path: Path, trap: str
) -> None:
    """Else an agent could turn each failure into one that counts for nobody."""
    desk = Desk(tmp_path, sandbox, {"check.sh": "sh answer.sh; exit 1"})
    outcome = await desk.judge({"answer.sh": f"rm -f ../errors; {trap}"})
    assert outcome.status == "fail"


async def test_a_needed_file_behind_a_closed_folder_is_missing(sandbox: Sandbox, tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may look everywhere")
    desk = Desk(tmp_path, sandbox, {"check.sh": "true", "task.toml": 'needs = ["out/result"]'})
    await left_by(sandbox, desk.work, "mkdir out; touch out/result; chmod 000 out")
    outcome = await desk.judge()
    assert outcome.status == "fail" and "cannot be looked at" in outcome.message


# --- what models send as tool calls -------------------------------------------------------------------------------

HALVES = r'{"command": "echo \ud83d > half; echo done"}'


@pytest.mark.parametrize("arguments", ["[" * 100_000, '{"command": ' * 50_000, "{" * 5000, HALVES])
async def test_arguments_that_no_reader_takes_are_only_a_bad_command(
    sandbox: Sandbox, tmp_path: Path, arguments: str
) -> None:
    fresh(folder := tmp_path / "work")
    done = await worked(
        sandbox, folder, Reply(text="", calls=(ToolCall(id="1", name="bash", arguments=arguments),)), calls("true")
    )
    assert len([step for step in done.steps if step.role == "tool"]) == 2
    for step in done.steps:
        step.model_dump_json().encode()


async def test_one_reply_is_no_more_than_a_few_commands(sandbox: Sandbox, tmp_path: Path) -> None:
    fresh(folder := tmp_path / "work")
    reply = calls(*(f"touch f{n}" for n in range(MOST_CALLS + 20)))
    done = await worked(sandbox, folder, reply)
    assert len(list(folder.glob("f*"))) == MOST_CALLS
    answered = {step.calls for step in done.steps if step.role == "agent"}
    assert {len(each) for each in answered} == {len(asked_for(reply).calls)} == {MOST_CALLS}


async def test_nothing_is_done_behind_handing_in(sandbox: Sandbox, tmp_path: Path) -> None:
    fresh(folder := tmp_path / "work")
    submit = ToolCall(id="s", name="submit", arguments='{"answer": "42"}')
    done = await worked(sandbox, folder, Reply(text="", calls=(submit, *calls("touch late").calls)))
    assert done.end == "handed in" and done.reply == "42" and not (folder / "late").exists()
    assert [step for step in done.steps if isinstance(step, Step) and step.role == "tool"][-1].text == "Handed in."
