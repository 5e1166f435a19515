"""Units, pause and hold: what is done is reused, a pause lets the rest finish, a failure is a row."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.crew import Crew, Failed, Job, Made
from engine.llm.failures import Transient
from engine.llm.gate import Gate
from engine.llm.lane import Lane
from engine.pause import Pause, Stopped
from workspace.errors import LessonInvalid
from workspace.runs.events import Event, Stage, UnitDone, UnitFailed, UnitReused, UnitStale


class Scene:
    """A crew with its journal in a list."""

    def __init__(self, folder: Path, most: int = 4) -> None:
        self.events: list[Event] = []
        self.pause = Pause(self.events.append, Gate([Lane("here", 4)]))
        self.crew = Crew(self.pause, self.events.append, most)
        self.folder = folder
        self.calls = 0

    def job(self, name: str, key: str = "0" * 16, work: Callable[[], object] | None = None) -> Callable[[], Job]:
        async def write() -> str:
            self.calls += 1
            await asyncio.sleep(0.01)
            if work:
                work()
            return f'key = "{key}"\n'

        return lambda: Job(key, self.folder / f"{name}.toml", write)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


async def settle() -> None:
    await asyncio.sleep(0.25)


async def test_a_unit_under_the_same_key_is_not_done_again(tmp_path: Path) -> None:
    first = Scene(tmp_path)
    await first.crew.make("analyse", "t001", first.job("t001"))
    second = Scene(tmp_path)
    made = await second.crew.make("analyse", "t001", second.job("t001"))
    assert isinstance(made, Made)
    assert not made.new
    assert second.calls == 0
    assert any(isinstance(event, UnitReused) for event in second.events)


async def test_a_unit_whose_input_changed_is_done_again_and_says_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.crew.make("propose", "t001", scene.job("t001", "a" * 16))
    await scene.crew.make("propose", "t001", scene.job("t001", "b" * 16))
    assert scene.calls == 2
    told = [type(event) for event in scene.events if isinstance(event, UnitDone | UnitStale)]
    assert told == [UnitDone, UnitStale, UnitDone]


async def test_a_failed_call_is_a_row_with_its_reason(tmp_path: Path) -> None:
    scene = Scene(tmp_path)

    def fail() -> None:
        raise Transient("the server hung up")

    made = await scene.crew.make("analyse", "t001", scene.job("t001", work=fail))
    assert made == Failed("t001", "the server hung up")
    assert any(isinstance(event, UnitFailed) for event in scene.events)
    assert scene.crew.failures == {"analyse/t001": "the server hung up"}
    assert not (tmp_path / "t001.toml").exists()


async def test_a_pause_lets_the_started_finish_and_starts_nothing_new(tmp_path: Path) -> None:
    scene = Scene(tmp_path, most=1)
    tasks = [asyncio.create_task(scene.crew.make("analyse", f"t{n}", scene.job(f"t{n}"))) for n in range(3)]
    await asyncio.sleep(0.005)
    scene.pause.pause("person")
    await settle()
    assert scene.calls == 1
    assert scene.kinds()[-1] == "run.paused"
    scene.pause.resume()
    await asyncio.gather(*tasks)
    assert scene.calls == 3


async def test_a_hold_finishes_its_stage_before_it_pauses(tmp_path: Path) -> None:
    scene = Scene(tmp_path, most=1)
    scene.pause.hold_after("analyse")

    async def chain(name: str) -> None:
        stages: tuple[Stage, ...] = ("analyse", "propose")
        for stage in stages:
            await scene.crew.make(stage, name, scene.job(f"{stage}-{name}"))

    tasks = [asyncio.create_task(chain(f"t{n}")) for n in range(4)]
    await asyncio.sleep(0.6)
    assert scene.calls == 4
    assert scene.kinds()[-1] == "run.paused"
    scene.pause.resume()
    await asyncio.gather(*tasks)
    assert scene.calls == 8


async def test_a_stop_ends_what_waits_only_after_what_runs(tmp_path: Path) -> None:
    scene = Scene(tmp_path, most=1)
    tasks = [asyncio.create_task(scene.crew.make("analyse", f"t{n}", scene.job(f"t{n}"))) for n in range(3)]
    await asyncio.sleep(0.005)
    scene.pause.stop("enough")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], Made)
    assert [type(result) for result in results[1:]] == [Stopped, Stopped]


async def test_a_broken_lesson_pauses_the_run_and_its_unit_waits(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    broken = True

    def prepare() -> Job:
        if broken:
            raise LessonInvalid("edits/t001-L1.toml:3: `claim` is empty")
        return scene.job("t001")()

    task = asyncio.create_task(scene.crew.make("propose", "t001", prepare))
    await settle()
    assert scene.pause.paused
    assert "edits/t001-L1.toml:3" in scene.pause.detail
    broken = False
    scene.pause.resume()
    assert isinstance(await asyncio.wait_for(task, 2), Made)


async def test_units_of_earlier_stages_go_first_since_most_follows_from_them(tmp_path: Path) -> None:
    scene = Scene(tmp_path, most=1)
    order: list[str] = []

    def job(name: str) -> Callable[[], Job]:
        return scene.job(name, work=lambda: order.append(name))

    names: list[tuple[Stage, str]] = [("merge", "a"), ("merge", "b"), ("analyse", "c"), ("rollout", "d")]
    async with asyncio.TaskGroup() as group:
        for stage, name in names:
            group.create_task(scene.crew.make(stage, name, job(name)))
    assert order == ["a", "d", "c", "b"]


@pytest.mark.parametrize("text", ['key = "0123456789abcdef"\n', '{"format": "x", "key": "0123456789abcdef"}\n'])
def test_the_key_is_read_from_toml_and_from_json(tmp_path: Path, text: str) -> None:
    from engine.crew import stored_key

    path = tmp_path / "x"
    path.write_text(text)
    assert stored_key(path) == "0123456789abcdef"
    assert stored_key(tmp_path / "none") == ""


async def test_a_larger_crew_begins_what_waits_and_a_smaller_one_begins_nothing_new(tmp_path: Path) -> None:
    scene = Scene(tmp_path, most=1)
    begun: list[str] = []
    gone = {name: asyncio.Event() for name in "abcde"}

    def job(name: str) -> Callable[[], Job]:
        async def work() -> str:
            begun.append(name)
            await gone[name].wait()
            return f'key = "{"0" * 16}"\n'

        return lambda: Job("0" * 16, tmp_path / f"{name}.toml", work)

    async def now_begun() -> int:
        await asyncio.sleep(0.02)
        return len(begun)

    async with asyncio.TaskGroup() as group:
        for name in gone:
            group.create_task(scene.crew.make("analyse", name, job(name)))
        assert await now_begun() == 1
        scene.crew.resize(3)
        assert await now_begun() == 3
        scene.crew.resize(1)
        gone[begun[0]].set()
        gone[begun[1]].set()
        assert await now_begun() == 3
        gone[begun[2]].set()
        assert await now_begun() == 4
        for event in gone.values():
            event.set()
