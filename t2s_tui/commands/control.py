"""Commands that ask something of a run: pause, resume, retry, stop. They leave a wish; a dead engine starts again."""

from __future__ import annotations

import argparse
import getpass
import time

from t2s_tui import host
from t2s_tui.commands.common import add_faces, add_run, example, face, the_run
from t2s_tui.commands.watching import show
from t2s_tui.plain import Interrupts
from workspace.config import FLAGS, KNOBS, SETTINGS, load_config, value_of
from workspace.errors import BusyError, InputError
from workspace.events import WishGranted, WishRefused
from workspace.journal import read_events
from workspace.run import RunFolder, alive, load_view
from workspace.view import RunView
from workspace.wishes import Wish, WishKind, leave_wish

PATIENCE = 5.0
LOOK = 0.05
KNOB_FLAGS = {flag: key for flag, key in FLAGS.items() if key in KNOBS and flag != "--runs"}


def configure_pause(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s pause last")
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="hold agents at their next call, too")
    parser.set_defaults(act=_pause)


def configure_stop(parser: argparse.ArgumentParser) -> None:
    example(parser, "t2s stop last")
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="cut off what is in flight")
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
        setting = SETTINGS[key]
        if setting.default is False:
            parser.add_argument(flag, dest=key, action="store_true", default=None, help=setting.sentence)
        else:
            parser.add_argument(flag, dest=key, metavar=flag.rpartition("-")[2].upper(), help=setting.sentence)
    parser.add_argument("--accept-changes", action="store_true", help="redo what read an input that has changed")
    parser.add_argument("--detach", action="store_true", help="start the engine and return")
    add_faces(parser)


def _pause(arguments: argparse.Namespace) -> int:
    run = _alive(the_run(arguments))
    _ask(run, "pause_now" if arguments.now else "pause")
    view = load_view(run).view
    print(f"{run.id} is {view.state}" + (f" ({view.why})" if view.why else ""))
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    run = _alive(the_run(arguments))
    _ask(run, "stop_now" if arguments.now else "stop")
    print(f"{run.id} stops; go on later with `t2s resume {run.id}`")
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    """Paused and alive: goes on. Dead: engine and face are started again."""
    run = the_run(arguments)
    knobs = _knobs(arguments, run)
    if alive(run):
        return _go_on(run, knobs, arguments.wish)
    loaded = load_view(run)
    how = face(arguments)
    with Interrupts() as interrupts:
        engine = host.start(
            run,
            watch=how != "tui" and not arguments.detach,
            knobs=knobs,
            accept_changes=arguments.accept_changes,
            called_off=interrupts.any,
        )
        if arguments.detach:
            print(f"{run.id} goes on; watch it with `t2s attach {run.id}`")
            return 0
        return show(run, how, engine, interrupts, fps=arguments.fps, view=loaded.view, offset=loaded.offset)


def _go_on(run: RunFolder, knobs: dict[str, str], wish: WishKind) -> int:
    view = load_view(run).view
    if other := set(knobs) - {"endpoint.limit"}:
        raise InputError(f"{', '.join(sorted(other))} can change only between two engines; `t2s stop {run.id}` first")
    if limit := knobs.get("endpoint.limit"):
        _ask(run, "limit", {"limit": limit if limit == "auto" else int(limit)})
    if view.state not in ("paused", "pausing"):
        if wish == "resume" and not limit:
            raise BusyError(f"run {run.id} is {view.state} already; watch it with `t2s attach {run.id}`")
        if wish == "resume":
            return 0
    _ask(run, wish)
    print(f"{run.id} goes on; watch it with `t2s attach {run.id}`")
    return 0


def _knobs(arguments: argparse.Namespace, run: RunFolder) -> dict[str, str]:
    """The knobs that were given, checked like every setting; as the engine reads them. Raises `ConfigError`."""
    given = {key: vars(arguments)[key] for key in KNOB_FLAGS.values() if vars(arguments).get(key) is not None}
    config = load_config(file=None, cwd=run.path, env={}, flags=given).config
    return {key: _as_text(value_of(config, key)) for key in given}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alive(run: RunFolder) -> RunFolder:
    if not alive(run):
        state = load_view(run).view.state
        raise InputError(f"run {run.id} is not at work (it is {state}); `t2s resume {run.id}` starts it again")
    return run


def _ask(run: RunFolder, kind: WishKind, arguments: dict[str, object] | None = None) -> None:
    """Leave a wish and wait a little for the engine's answer. Raises `InputError` when it refuses."""
    loaded = load_view(run)
    view: RunView = loaded.view
    leave_wish(run, Wish(kind=kind, who=_who(), seq=view.seq, arguments=arguments or {}))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and alive(run):
        for event, _ in read_events(run.journal, loaded.offset):
            if isinstance(event, WishGranted) and event.what == kind:
                return
            if isinstance(event, WishRefused) and event.what == kind:
                raise InputError(f"the engine refused to {kind.replace('_', ' ')}: {event.reason}")
        time.sleep(LOOK)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        return ""
