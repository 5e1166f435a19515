"""A run on disk: its paths, its lock, whether its engine lives, and how people name it."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from workspace.carry import CARRIES, Carry, parse_side, side_name
from workspace.errors import BusyError, InputError
from workspace.files import changed_at, is_file, read_text, read_toml, size_of, write_text
from workspace.json_text import parse_json
from workspace.runs.journal import read_events
from workspace.runs.view import RunView, fold
from workspace.stages import STAGES

VIEW_FORMAT = 1


class RunFolder:
    """The paths of one run. Nothing is opened or made by asking for a path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "run.toml"

    @property
    def prompts(self) -> Path:
        return self.path / "prompts"

    @property
    def wishes(self) -> Path:
        return self.path / "wishes"

    @property
    def lock(self) -> Path:
        return self.path / "engine.lock"

    @property
    def log(self) -> Path:
        return self.path / "engine.log"

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.toml"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def view(self) -> Path:
        return self.path / "view.json"

    @property
    def calls(self) -> Path:
        return self.path / "calls.jsonl"

    @property
    def reserve(self) -> Path:
        return self.path / "reserve"

    @property
    def report(self) -> Path:
        return self.path / "report.md"

    def work(self, unit: str) -> Path:
        """Where a unit works with files for as long as it takes."""
        return self.path / "work" / unit

    def live(self, half: int) -> Path:
        """`live.0` or `live.1`."""
        return self.path / f"live.{half}"

    def skill(self, number: int) -> Path:
        """Folder that holds skill `number`: 0 is the frozen S0, n the one accepted in round n."""
        return self.path / "skills" / str(number)

    def agent(self, agent: str) -> Path:
        """Every message of one sub-agent."""
        return self.path / "agents" / f"{agent}.jsonl"

    def round(self, number: int) -> RoundFolder:
        return RoundFolder(self.path / "rounds" / str(number))

    def rounds(self) -> list[RoundFolder]:
        """The rounds that have begun, in order."""
        return [RoundFolder(f) for f in _numbered(self.path / "rounds")]


class RoundFolder:
    """One round: trajectories, folders for each seed, and the verdict."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def trajectories(self) -> Path:
        return self.path / "trajectories"

    @property
    def brought(self) -> Path:
        """Lessons and patches that the run came with."""
        return self.path / "brought"

    @property
    def scores(self) -> Path:
        return self.path / "scores.jsonl"

    @property
    def verdict(self) -> Path:
        return self.path / "verdict.toml"

    def trajectory(self, trajectory: str) -> Path:
        return self.trajectories / f"{trajectory}.jsonl"

    def assessed(self, trajectory: str) -> Path:
        """What a judge said of a trajectory whose outcome nobody knew."""
        return self.path / "assessed" / f"{trajectory}.toml"

    def left(self, trajectory: str) -> Path:
        """The work folder as the agent of a trajectory left it."""
        return self.path / "left" / trajectory

    def validation(self, split: str, side: str) -> Path:
        """Folder of the trajectories of one side (`base`, `s0`, …) on `validation` or `test`."""
        return self.path / split / side

    def seed(self, number: int) -> SeedFolder:
        return SeedFolder(self.path / f"s{number}")

    def seeds(self) -> list[SeedFolder]:
        return [SeedFolder(f) for f in _numbered(self.path, "s")]

    def side(self, name: str) -> SeedFolder:
        """The folder of the candidate `name` (s0, s0-examples, …)."""
        return SeedFolder(self.path / name)

    def sides(self) -> list[SeedFolder]:
        """Every candidate that may be there, seed by seed, the one that carries all first."""
        return [side for seed in self.seeds() for side in seed.sides()]


class SeedFolder:
    """What one seed of a round made: lessons, patches, the tree and the candidate.

    A candidate that carries less than all has a folder of its own beside it (`s0-examples`), where it is settled; its
    lessons, patches and tree are those of `s0`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def number(self) -> int:
        """Of the seed."""
        found = parse_side(self.name)
        return found.seed if found else 0

    @property
    def carries(self) -> Carry:
        found = parse_side(self.name)
        return found.carries if found else "all"

    @property
    def made(self) -> Path:
        """The folder with all that was made before candidates of this seed part."""
        return self.path if self.carries == "all" else self.path.with_name(side_name(self.number))

    def sides(self) -> list[SeedFolder]:
        """The candidates of this seed that have a folder."""
        found = [SeedFolder(self.path.with_name(side_name(self.number, carries))) for carries in CARRIES]
        return [side for side in found if side.path.is_dir()]

    @property
    def analyses(self) -> Path:
        return self.made / "analyses"

    @property
    def lessons(self) -> Path:
        return self.made / "lessons"

    @property
    def trials(self) -> Path:
        return self.made / "trials"

    @property
    def edits(self) -> Path:
        return self.made / "edits"

    @property
    def patches(self) -> Path:
        return self.made / "patches"

    @property
    def tree(self) -> Path:
        return self.made / "tree"

    @property
    def plan(self) -> Path:
        return self.tree / "plan.toml"

    @property
    def plan_before(self) -> Path:
        """The plan that somebody wants made anew; the new one takes its place."""
        return self.made / "plan-before.toml"

    @property
    def patch(self) -> Path:
        return self.path / "patch.toml"

    @property
    def diff(self) -> Path:
        return self.path / "patch.diff"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.jsonl"

    @property
    def violations(self) -> Path:
        return self.path / "violations.toml"

    @property
    def provenance(self) -> Path:
        return self.path / "provenance.json"

    @property
    def candidate(self) -> Path:
        """The folder that holds the candidate skill's folder (named after the skill)."""
        return self.path / "candidate"

    @property
    def settled(self) -> tuple[Path, ...]:
        """All that settling this candidate leaves; first the file without which it is settled again."""
        return self.patch, self.candidate, self.diff, self.ledger, self.violations, self.provenance


def _numbered(folder: Path, prefix: str = "") -> list[Path]:
    """The folders called `prefix` and a number, in order; somebody's copy `1.old` is none of them."""
    found = [path for path in folder.glob(f"{prefix}[0-9]*") if path.name.removeprefix(prefix).isdecimal()]
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name.removeprefix(prefix)))


# --- liveness ----------------------------------------------------------------------------------------------------


@contextmanager
def engine_lock(run: RunFolder, patience: float = 0.5) -> Generator[None]:
    """Hold the run for this engine. Raises `BusyError` when another has it.

    flock decides, the text informs. `patience` outlasts the blink in which a face tests the lock.
    """
    handle = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, run, time.monotonic() + patience)
        about = {"host": socket.gethostname(), "boot": boot_id(), "pid": os.getpid(), "start": time.time()}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(about).encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, run: RunFolder, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                pid = lock_holder(run).get("pid", "?")
                raise BusyError(
                    f"run {run.id} is already worked on by engine process {pid}; "
                    f"watch it with `t2s attach {run.id}` or end it with `t2s stop {run.id}`"
                ) from None
            time.sleep(0.02)


def lock_holder(run: RunFolder) -> dict[str, Any]:
    """What the engine wrote into its lock: host, boot, pid, start. Empty when there is none."""
    try:
        data = parse_json(read_text(run.lock))
    except (InputError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def alive(run: RunFolder) -> bool:
    """Does an engine hold the run's lock at this moment?"""
    try:
        handle = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # none was ever there, the run is being deleted, or it is somebody else's
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def boot_id() -> str:
    """Of this start of the machine; empty where the system does not tell."""
    try:
        return read_text(Path("/proc/sys/kernel/random/boot_id")).strip()
    except InputError:
        return ""


# --- the folded view ---------------------------------------------------------------------------------------------


class Loaded(NamedTuple):
    """A view and the byte offset of the journal behind it."""

    view: RunView
    offset: int


class _Saved(BaseModel):
    """What `view.json` holds."""

    format: int
    offset: int
    view: RunView


def save_view(run: RunFolder, view: RunView, offset: int) -> None:
    """Write `view.json`, so that the next reader folds only what comes after `offset`."""
    table = view.model_dump(mode="json", exclude_defaults=True)
    write_text(run.view, json.dumps({"format": VIEW_FORMAT, "offset": offset, "view": table}))


def load_view(run: RunFolder) -> Loaded:
    """The view of everything in the journal, from `view.json` where it fits; `lost` when no engine holds the run."""
    with _no_collection():
        start = _saved_view(run)
        view, offset = start.view, start.offset
        for event, after in read_events(run.journal, offset):
            view.apply(event)
            offset = after
    return Loaded(settled_state(run, view), offset)


@contextmanager
def _no_collection() -> Generator[None]:
    """Ten thousands of new objects, none of them garbage: looking for it takes half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def settled_state(run: RunFolder, view: RunView) -> RunView:
    """`view`, shown as lost when it has no end and no engine."""
    if not view.ended and view.seq and not alive(run):
        return view.model_copy(update={"state": "lost"})
    return view


def _saved_view(run: RunFolder) -> Loaded:
    try:
        saved = _Saved.model_validate(parse_json(read_text(run.view)))
    except (InputError, ValueError):
        return Loaded(fold(()), 0)  # a missing or older view.json only costs time
    if saved.format != VIEW_FORMAT or set(saved.view.stages) != set(STAGES):
        return Loaded(fold(()), 0)
    return Loaded(saved.view, saved.offset) if 0 <= saved.offset <= size_of(run.journal) else Loaded(fold(()), 0)


# --- finding runs ------------------------------------------------------------------------------------------------


def runs_in(folder: Path) -> list[RunFolder]:
    """Every run in `folder`, oldest first."""
    found = [RunFolder(p) for p in folder.glob("*") if is_file(p / "run.toml")]
    return sorted(found, key=lambda r: (changed_at(r.config), r.id))


def find_run(folder: Path, name: str) -> RunFolder:
    """The run called `name`: an id, a unique prefix, a path, or `last`. Raises `InputError` with what exists."""
    as_path = Path(name)
    if (as_path / "run.toml").is_file():
        return RunFolder(as_path.resolve())
    runs = runs_in(folder)
    if name == "last" and runs:
        return runs[-1]
    matches = [r for r in runs if r.id == name] or [r for r in runs if r.id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"{name!r} is the start of {len(matches)} runs, newest first: {_newest(matches)}")
    known = f"newest first: {_newest(runs)}" if runs else "there is none yet"
    raise InputError(f"no run {name!r} in {folder} ({known})")


def _newest(runs: list[RunFolder], most: int = 5) -> str:
    """The ids of the newest of `runs`."""
    return ", ".join(run.id for run in runs[: -most - 1 : -1])


def run_kind(run: RunFolder) -> str:
    """`run` or `eval`, from run.toml."""
    return str(read_toml(run.config).get("kind", "run"))
