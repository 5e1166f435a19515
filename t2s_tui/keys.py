"""Every key in one table. Screens and widgets take their bindings from here; so do help, the footer and the palette.

Each key has an id, and `keys.toml` beside the user's config may give it other keys: `"run.pause" = "p"`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from textual.binding import Binding, BindingType
from textual.keys import format_key

from workspace.errors import ConfigError, at
from workspace.files import read_toml


class Key(NamedTuple):
    """One binding. `shown` is how the key is written, `label` one or two words, `help` a sentence for people."""

    id: str
    keys: str
    action: str
    shown: str
    label: str
    help: str


MOVE = (
    Key("move.down", "j,down", "down", "j ↓", "down", "One row down."),
    Key("move.up", "k,up", "up", "k ↑", "up", "One row up."),
    Key("move.top", "g,home", "top", "g", "top", "To the first row."),
    Key("move.bottom", "G,end", "bottom", "G", "bottom", "To the last row."),
    Key("move.half-down", "ctrl+d,pagedown", "half_down", "ctrl+d", "page down", "Half a page down."),
    Key("move.half-up", "ctrl+u,pageup", "half_up", "ctrl+u", "page up", "Half a page up."),
)
CHOOSE = (Key("list.open", "enter", "choose", "enter", "open", "Open what the cursor is on."),)
READ = (
    Key("find.next", "n", "find_next", "n", "next", "To the next place the search text occurs."),
    Key("find.previous", "N", "find_previous", "N", "previous", "To the place before."),
)
FIND = (Key("find.open", "slash", "find", "/", "find", "Show only rows, or find places, that hold a text."),)
DIFF = (
    Key("diff.blame", "b", "blame", "b", "blame", "Where the line under the cursor comes from, and off again."),
    Key("diff.next", "right_square_bracket", "change(1)", "]", "next change", "To the next change."),
    Key("diff.previous", "left_square_bracket", "change(-1)", "[", "change before", "To the change before."),
)
SORT = (Key("page.sort", "s", "sort", "s", "sort", "Sort by something else."),)
BACK = (Key("screen.back", "escape", "back", "esc", "back", "Back to where you came from."),)

APP = (
    Key("app.help", "question_mark", "help", "?", "help", "What the keys do here."),
    Key("app.palette", "colon,ctrl+p", "command_palette", ":", "all actions", "Every action by name."),
    Key("app.detach", "q,ctrl+q", "detach", "q", "detach", "Leave the screen; the run goes on."),
    Key(
        "app.theme", "T", "next_theme", "T", "colours", "Other colours: dark, light, high contrast, the terminal's own."
    ),
    Key("app.ascii", "ctrl+t", "ascii", "ctrl+t", "ASCII", "Draw with ASCII characters only, and back."),
    Key("app.thrift", "L", "low_bandwidth", "L", "low bandwidth", "One frame a second for a slow link, and back."),
    Key("app.suspend", "ctrl+z", "suspend_process", "ctrl+z", "suspend", "To the shell; fg brings it back."),
    Key("app.interrupt", "ctrl+c", "interrupt", "ctrl+c", "leave", "Press twice to leave the screen; the run goes on."),
)
RUN = (
    Key("run.pause", "space", "pause", "space", "pause", "Pause the run (agents at work finish), or go on."),
    Key(
        "run.pause-now",
        "P",
        "pause_now",
        "P",
        "pause now",
        "Pause at once: agents are held at their next call.",
    ),
    Key("run.resume", "R", "resume_engine", "R", "resume", "Start an engine for a run that lost its own, or ended."),
    Key("run.retry", "r", "retry", "r", "retry failed", "Try the failed units again."),
    Key("run.budget", "B", "budget", "B", "budget", "Raise the cap that holds the run, and let it go on."),
    Key("run.more", "plus,equals_sign", "limit(1)", "+", "more calls", "Allow more calls in flight."),
    Key("run.fewer", "minus", "limit(-1)", "-", "fewer calls", "Allow fewer calls in flight."),
    Key("run.stop", "X", "stop", "X", "stop", "Stop the run after asking; it can be resumed later."),
    Key("run.diff", "d", "diff", "d", "diff", "What the candidate changes in the skill."),
    Key("run.verdict", "v", "verdict", "v", "verdict", "What the held-out tasks say."),
    Key("run.replay", "w", "replay", "w", "watch again", "The run from its beginning, at any speed."),
    Key("copy", "y", "copy", "y", "copy", "Copy what the cursor is on (also written to a file)."),
)
HOME = (Key("run.home", "escape", "back", "esc", "all runs", "Back to the list of runs."),)
PANELS = (
    Key("panel.next", "tab", "next_panel", "tab", "next panel", "To the next panel."),
    Key("panel.previous", "shift+tab", "previous_panel", "shift+tab", "previous panel", "To the panel before."),
    Key("panel.agents", "1", "panel('roster')", "1", "agents", "To the agents."),
    Key("panel.lessons", "2,l", "panel('pool')", "2 l", "lessons", "To the lessons."),
    Key("panel.tree", "3,t", "panel('tree')", "3 t", "tree", "To the merge tree."),
    Key("panel.text", "4", "panel('wall')", "4", "text", "To the agents' live text."),
    Key("panel.engine", "5", "panel('machine')", "5", "engine", "To the endpoint, the notes and the figures."),
    Key("panel.zoom", "z", "zoom", "z", "zoom", "Give the focused panel the whole screen, and back."),
    Key("panel.follow", "f", "follow", "f", "follow", "Let the cursor follow what is newest."),
    Key("panel.sort", "s", "sort", "s", "sort", "Sort by something else."),
    Key("panel.ideas", "i", "ideas", "i", "ideas", "Lessons, or the ideas the merges have made of them."),
)
REPLAY = (
    Key("replay.play", "space", "replay_play", "space", "play", "Let the replay pause, or go on."),
    Key("replay.back", "left", "replay_leap(-1)", "←", "back", "Back by five seconds, or a fiftieth of a long run."),
    Key("replay.on", "right", "replay_leap(1)", "→", "on", "On by as much."),
    Key("replay.slower", "left_square_bracket", "replay_speed(-1)", "[", "slower", "Half as fast."),
    Key("replay.faster", "right_square_bracket", "replay_speed(1)", "]", "faster", "Twice as fast."),
    Key("replay.stage-back", "left_curly_bracket", "replay_stage(-1)", "{", "stage before", "To where a stage began."),
    Key(
        "replay.stage-on", "right_curly_bracket", "replay_stage(1)", "}", "stage after", "To where the next one begins."
    ),
)
LESSON = (
    Key("lesson.edit", "e", "edit", "e", "edit", "Edit the lesson here."),
    Key("lesson.editor", "E", "editor", "E", "$EDITOR", "Edit the lesson in your own editor."),
    Key("lesson.drop", "x", "drop", "x", "drop", "Leave the lesson out; again to take it back."),
    Key("lesson.pin", "p", "pin", "p", "pin", "Keep the lesson whatever its support; again to unpin."),
    Key("lesson.restore", "u", "restore", "u", "restore", "Forget your version; the engine's own text counts again."),
    Key("lesson.new", "a", "new_lesson", "a", "new", "Write a lesson of your own."),
    Key("lesson.undo", "U", "undo", "U", "undo", "Take back your last change of a lesson."),
    Key("lesson.redo", "ctrl+r", "redo", "ctrl+r", "redo", "Do again what you took back."),
)
EDITOR = (
    Key("editor.save", "ctrl+s,f2", "save", "ctrl+s f2", "save", "Save; the lesson counts from then on."),
    Key("editor.leave", "escape", "cancel", "esc", "leave", "Leave; changes are asked about."),
)
RUNS = (
    Key("runs.new", "n", "new_run", "n", "new run", "Start a new run."),
    Key("runs.delete", "D,delete", "delete", "D", "delete", "Delete a run and all it holds, after asking."),
    Key("runs.sort", "s", "sort", "s", "sort", "Sort by age, state, skill or verdict."),
    Key("runs.copy", "y", "copy", "y", "copy", "Copy the command that attaches to the run."),
    Key("runs.replay", "w", "replay", "w", "watch again", "The run from its beginning, at any speed."),
    Key("runs.resume", "R", "resume_engine", "R", "resume", "Start an engine for the run under the cursor."),
)
FORM = (
    Key("form.start", "ctrl+s,f2", "start", "ctrl+s f2", "start", "Start the run."),
    Key("form.copy", "ctrl+y", "copy", "ctrl+y", "copy", "Copy the command that does the same."),
    Key("form.clear", "ctrl+l", "clear", "ctrl+l", "clear", "Empty all fields; again brings back what stood there."),
)
VERDICT = (
    Key("verdict.accept", "A", "accept", "A", "accept", "Accept the candidate by hand; again takes it back."),
    Key("verdict.reject", "J", "reject", "J", "reject", "Reject the candidate by hand; again takes it back."),
    Key("verdict.before", "left_square_bracket", "turn(-1)", "[", "round before", "The verdict of the round before."),
    Key("verdict.after", "right_square_bracket", "turn(1)", "]", "round after", "The verdict of the round after."),
)
GRID = (
    Key("grid.left", "h,left", "left", "h ←", "left", "One task to the left."),
    Key("grid.right", "l,right", "right", "l →", "right", "One task to the right."),
    Key("grid.only", "f", "only", "f", "filter", "All tasks, only the fixed, the broken, or those that stayed."),
)
GROUPS: Mapping[str, tuple[Key, ...]] = {
    "Moving": MOVE + CHOOSE + FIND + READ + SORT + DIFF,
    "Panels": PANELS,
    "The run": RUN + HOME,
    "The replay": REPLAY,
    "Lessons": LESSON,
    "Editing a lesson": EDITOR,
    "The list of runs": RUNS,
    "A new run": FORM,
    "The verdict": VERDICT + GRID,
    "Everywhere": BACK + APP,
}


TOGETHER: tuple[tuple[Key, ...], ...] = (
    MOVE + CHOOSE + FIND + PANELS + RUN + HOME + LESSON + APP,
    MOVE + CHOOSE + FIND + PANELS + REPLAY + HOME + LESSON + APP,
    MOVE + CHOOSE + FIND + RUNS + BACK + APP,
    MOVE + CHOOSE + FIND + READ + SORT + DIFF + RUN + LESSON + BACK + APP,
    MOVE + FIND + READ + RUN + VERDICT + GRID + BACK + APP,
    EDITOR,
    FORM,
)
"""Keys that are pressed on one screen: no two of them may be the same."""


def bindings(*groups: Iterable[Key]) -> list[BindingType]:
    """Textual bindings for these keys; only the interrupt goes before what a text field wants."""
    keys = [key for group in groups for key in group]
    return [Binding(k.keys, k.action, k.label, id=k.id, priority=k.id == "app.interrupt", show=False) for k in keys]


def known_ids() -> dict[str, Key]:
    """Every key that can be given another key, by id."""
    return {key.id: key for group in GROUPS.values() for key in group}


def written(key: Key, remapped: Mapping[str, str]) -> str:
    """How `key` is written for this person: their own keys where they have given it others."""
    if key.id not in remapped:
        return key.shown
    return " ".join(format_key(one.strip()) for one in remapped[key.id].split(","))


def written_here(shown: str, remapped: Mapping[str, str], available: Iterable[str]) -> str:
    """What a footer writes (`space`, `j k`) in the person's own keys; `available` are the ids that work there."""
    known = known_ids()
    here = [known[i] for i in available if i in known and i in remapped]
    own = {word: written(key, remapped).split()[0] for key in here for word in key.shown.split()}
    return " ".join(own.get(word, word) for word in shown.split())


def keymap_file(environment: Mapping[str, str] | None = None) -> Path:
    """Where people remap keys: `keys.toml` in the user's config folder."""
    env = os.environ if environment is None else environment
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".config")
    return Path(home) / "t2s" / "keys.toml"


def user_keymap(path: Path) -> dict[str, str]:
    """Binding id → keys, from `keys.toml`; empty without one. Raises `ConfigError` naming an id that is not known."""
    if not path.is_file():
        return {}
    table = read_toml(path)
    known = known_ids()
    for name, keys in table.items():
        if name not in known:
            near = get_close_matches(str(name), known, 3, 0.4)
            hint = f"did you mean {' or '.join(near)}" if near else "docs/keys.md has all of them"
            raise ConfigError(f"{at(path)}: no key is called {name!r}; {hint}")
        if not isinstance(keys, str) or not keys:
            raise ConfigError(f'{at(path)}: `{name}` needs a key such as "p" or "ctrl+o"')
    wanted = {str(name): str(keys) for name, keys in table.items()}
    if clash := _clash(wanted):
        raise ConfigError(f"{at(path)}: {clash}")
    return wanted


def _clash(wanted: Mapping[str, str]) -> str:
    """Why these keys cannot be: one of them would do two things on the same screen. Empty when all is well."""
    for group in TOGETHER:
        taken: dict[str, Key] = {}
        for key in sorted(group, key=lambda key: key.id in wanted):
            for one in wanted.get(key.id, key.keys).split(","):
                other = taken.setdefault(one.strip(), key)
                if other is not key and (key.id in wanted or other.id in wanted):
                    return f'`{key.id}` cannot be "{one.strip()}": that is `{other.id}` ({other.label})'
    return ""
