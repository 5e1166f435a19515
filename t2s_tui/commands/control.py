"""Commands that ask something of a run: pause, resume, retry, stop. They leave a wish; a dead engine starts again."""

from __future__ import annotations

import argparse
import getpass
import json
import time
from typing import NamedTuple

from t2s_tui import host
from t2s_tui.commands.common import (
    add_faces,
    add_json,
    add_run,
    add_setting,
    example,
    face,
    has_screen,
    manner,
    print_json,
    the_run,
)
from t2s_tui.commands.watching import show
from t2s_tui.plain import Interrupts
from t2s_tui.text import plural, safe
from workspace.errors import BusyError, InputError
from workspace.reports.summary import asked, short_summary
from workspace.runs.events import WishGranted, WishRefused
from workspace.runs.journal import read_events
from workspace.runs.run import RunFolder, alive, load_view
from workspace.runs.view import RunView
from workspace.runs.wishes import Wish, WishKind, leave_wish
from workspace.settings.config import FLAGS, KNOBS, load_config, value_of

PATIENCE = 5.0
LOOK = 0.05
TABLE = "one JSON object {id, state, why}"
CAP = "spending."
LIVING_CAPS = tuple(key for flag, key in FLAGS.items() if key.startswith(CAP) and flag.startswith("--budget-"))
KNOB_FLAGS = {flag: key for flag, key in FLAGS.items() if key in KNOBS and flag != "--runs"}


def configure_pause(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s pause last")
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="hold agents at their next call, too")
    add_json(parser, TABLE)
    parser.set_defaults(act=_pause)


def configure_stop(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s stop last")
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="cut off what is in flight")
    add_json(parser, TABLE)
    parser.set_defaults(act=_stop)


def configure_resume(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s resume last --limit 8")
    _configure_going_on(parser)
    parser.set_defaults(act=_resume, wish="resume")


def configure_retry(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s retry last")
    _configure_going_on(parser)
    parser.set_defaults(act=_resume, wish="retry")


def _configure_going_on(parser: argparse.ArgumentParser) -> None:
    add_run(parser)
    for flag, key in KNOB_FLAGS.items():
        add_setting(parser, flag, key)
    parser.add_argument("--accept-changes", action="store_true", help="redo what read an input that has changed")
    parser.add_argument("--replan", action="store_true", help="make the merge plan anew from all patches")
    parser.add_argument("--detach", action="store_true", help="start the engine and return")
    add_faces(parser)


def _pause(arguments: argparse.Namespace) -> int:
    run = _alive(the_run(arguments))
    before, by_person = load_view(run).view, asked(run).paused
    heard = _ask(run, "pause_now" if arguments.now else "pause")
    if heard:
        _wait_for(run, "pausing", "paused")
    view = load_view(run).view
    why = f" ({safe(view.why)})" if view.why else ""
    if not heard:
        said = f"{run.id} is asked to pause; its engine has not answered yet"
    elif before.state in ("pausing", "paused") and not by_person:
        said = f"{run.id} was {before.state} already{why}; now it stays so until `t2s resume {run.id}`"
    else:
        said = f"{run.id} is {view.state}{why}"
    return _tell(arguments, run, said)


def _stop(arguments: argparse.Namespace) -> int:
    run = _alive(the_run(arguments))
    heard = _ask(run, "stop_now" if arguments.now else "stop")
    stops = "stops" if heard else "is asked to stop; its engine has not answered yet"
    return _tell(arguments, run, f"{run.id} {stops}; go on later with `t2s resume {run.id}`")


def _tell(arguments: argparse.Namespace, run: RunFolder, said: str) -> int:
    """How the run is now, after a wish: `said` for people, a small table for scripts."""
    if arguments.json:
        row = short_summary(run)
        print_json({key: row[key] for key in ("id", "state", "why")})
    else:
        print(safe(said))
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    """Paused and alive: goes on. Dead: engine and face are started again."""
    run = the_run(arguments)
    knobs, wanted = _knobs(arguments, run), manner(arguments)
    if alive(run):
        if arguments.replan:
            raise BusyError(
                f"run {run.id} is at work, and its plan stays while it is; `t2s stop {run.id}`, then --replan"
            )
        return _go_on(arguments, run, knobs)
    loaded = load_view(run)
    how = face(arguments)
    with Interrupts() as interrupts:
        engine = host.start(
            run,
            watch=how != "tui" and not arguments.detach,
            knobs=knobs,
            accept_changes=arguments.accept_changes,
            replan=arguments.replan,
            called_off=interrupts.any,
        )
        if arguments.detach:
            return _tell(arguments, run, f"{run.id} goes on; watch it with `t2s attach {run.id}`")
        return show(run, how, engine, interrupts, manner=wanted, view=loaded.view, offset=loaded.offset)


def _go_on(arguments: argparse.Namespace, run: RunFolder, knobs: dict[str, str]) -> int:
    """Ask the living engine; then look on where somebody wants to: a terminal, or an explicit face."""
    loaded = load_view(run)
    said = _ask_to_go_on(run, knobs, arguments.wish)
    if arguments.detach or not (arguments.plain or arguments.json or has_screen()):
        return _tell(arguments, run, said)
    with Interrupts() as interrupts:
        how = face(arguments)
        wanted = manner(arguments)
        return show(run, how, None, interrupts, manner=wanted, view=loaded.view, offset=loaded.offset)


def _ask_to_go_on(run: RunFolder, knobs: dict[str, str], wish: WishKind) -> str:
    """Leave the wishes for what a living engine can take and to go on; the sentence about it. Raises `InputError`,
    `BusyError`."""
    view = load_view(run).view
    changes = _living_changes(run, knobs)
    told = " and ".join(change.words for change in changes)
    heard = [_ask(run, change.kind, change.arguments) for change in changes]
    if not all(heard):
        return f"{run.id} is asked for {told}; its engine has not answered yet"
    if wish == "resume" and view.state not in ("paused", "pausing"):
        if told:
            return f"{run.id} is {view.state}, with {told}"
        if stopping := asked(run).stopping:
            raise BusyError(f"run {run.id} is {stopping}; resume it when its engine has ended")
        raise BusyError(f"run {run.id} is {view.state} already; watch it with `t2s attach {run.id}`")
    if not _is_freed(view, knobs, asked(run).paused) and not _ask(run, wish):
        return f"{run.id} is asked to go on; its engine has not answered yet"
    if view.endpoint_lost and view.held_by == "endpoint":
        return f"{run.id} goes on as soon as its endpoint answers; watch it with `t2s attach {run.id}`"
    if view.held_by == "workers":
        return f"{run.id} goes on as soon as a worker is there; watch it with `t2s attach {run.id}`"
    return f"{run.id} goes on; watch it with `t2s attach {run.id}`"


def _is_freed(view: RunView, knobs: dict[str, str], paused: bool) -> bool:
    """Did only a cap hold the run, and is it larger now? Then it goes on by itself, and may have reached the new one
    by the time another wish comes."""
    wished = knobs.get(CAP + view.short, "")
    if not view.short or view.held_by != "budget" or paused or not wished:
        return False
    return wished == "none" or float(wished) > view.reached[view.short]


class _Change(NamedTuple):
    """A wish that changes how a living engine works, and words for it."""

    kind: WishKind
    arguments: dict[str, object]
    words: str


def _living_changes(run: RunFolder, knobs: dict[str, str]) -> list[_Change]:
    """What to ask a living engine for. Raises `InputError` for what only a new engine can take."""
    caps = {key.removeprefix(CAP): value for key, value in knobs.items() if key in LIVING_CAPS}
    if other := set(knobs) - {"endpoint.limit", *LIVING_CAPS}:
        raise InputError(f"{', '.join(sorted(other))} can change only between two engines; `t2s stop {run.id}` first")
    changes: list[_Change] = []
    if limit := knobs.get("endpoint.limit"):
        if limit == "auto":
            raise InputError(
                f"--limit auto is found out when an engine starts; give a number, or `t2s stop {run.id}` and resume"
            )
        changes.append(_Change("limit", {"limit": int(limit)}, f"at most {plural(int(limit), 'call')} in flight"))
    if caps:
        wished: dict[str, object] = {name: value if value == "none" else float(value) for name, value in caps.items()}
        words = " and ".join(_cap_words(name, value) for name, value in caps.items())
        changes.append(_Change("spending", wished, words))
    return changes


def _cap_words(name: str, value: str) -> str:
    if value == "none":
        return f"no cap on {name}"
    return f"a budget of {float(value):,g} {name}" if name != "cost" else f"a cost budget of {float(value):,g}"


def _knobs(arguments: argparse.Namespace, run: RunFolder) -> dict[str, str]:
    """The knobs that were given, checked like every setting; as the engine reads them. Raises `ConfigError`."""
    given = {key: vars(arguments)[key] for key in KNOB_FLAGS.values() if vars(arguments).get(key) is not None}
    config = load_config(file=None, cwd=run.path, env={}, flags=given).config
    return {key: _as_text(value_of(config, key)) for key in given}


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alive(run: RunFolder) -> RunFolder:
    if not alive(run):
        state = load_view(run).view.state
        raise InputError(f"run {run.id} is not at work (it is {state}); `t2s resume {run.id}` starts it again")
    return run


def _ask(run: RunFolder, kind: WishKind, arguments: dict[str, object] | None = None) -> bool:
    """Leave a wish and wait a little: has the engine granted it, or ended? Raises `InputError` when it refuses."""
    loaded = load_view(run)
    wish = leave_wish(run, Wish(kind=kind, who=_who(), seq=loaded.view.seq, arguments=arguments or {}))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        gone = not alive(run)
        for event, _ in read_events(run.journal, loaded.offset):
            if isinstance(event, WishGranted) and event.wish == wish:
                return True
            if isinstance(event, WishRefused) and event.wish == wish:
                raise InputError(f"the engine refused to {kind.replace('_', ' ')}: {event.reason}")
        if gone:
            return True
        time.sleep(LOOK)
    return False


def _wait_for(run: RunFolder, *states: str) -> None:
    """A granted wish shows in the journal a moment later."""
    until = time.monotonic() + 1.0
    while time.monotonic() < until and alive(run) and load_view(run).view.state not in states:
        time.sleep(LOOK)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        return ""
