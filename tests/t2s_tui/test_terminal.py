"""What reaches the terminal beside the picture, and how the terminal is when the viewer is gone."""

from __future__ import annotations

import base64
import os
import re
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from t2s_tui.pen import Exact, thrifty
from t2s_tui.presence import AGAIN, IDLE, Presence
from t2s_tui.terminal import CLIPBOARD_MOST, clipboard, facts, has_title, message, title
from tests.t2s_tui.on_a_pty import VIEWER, Glass, Viewer
from tests.t2s_tui.recorded import write_run
from workspace.runs import events as e
from workspace.runs.events import dump_event
from workspace.runs.run import RunFolder, engine_lock, load_view

GIVEN_BACK = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?7h", b"\x1b[23;2t")
FAULTY = VIEWER.replace(
    "raise SystemExit",
    "from t2s_tui.widgets.roster import Roster\n"
    "def broken(self): secret = 'never shown'; raise KeyError('m1-07')\n"
    "app.call_later(lambda: app.set_timer(1, lambda: setattr(Roster, 'keys', broken)))\n"
    "raise SystemExit",
)

Start = Callable[..., Viewer]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "runs")


@pytest.fixture
def start(run: RunFolder) -> Iterator[Start]:
    """Starts viewers of a run that is at work."""
    started: list[Viewer] = []

    def begin(environment: dict[str, str] | None = None, **options: object) -> Viewer:
        viewer = Viewer(run, environment, **options)  # pyright: ignore[reportArgumentType]
        started.append(viewer)
        viewer.wait_for(b"AGENTS")
        return viewer

    with engine_lock(run):
        yield begin
        for viewer in started:
            viewer.close()


def append(run: RunFolder, *happened: e.Event) -> None:
    seq = load_view(run).view.seq
    with run.journal.open("a") as journal:
        for n, event in enumerate(happened, 1):
            journal.write(dump_event(event.model_copy(update={"seq": seq + n})) + "\n")


def titles(seen: bytes) -> list[str]:
    return [text.decode() for text in re.findall(rb"\x1b\]2;([^\x07]*)\x07", seen)]


def bells(seen: bytes) -> int:
    """Bells that are no end of a longer sequence."""
    return re.sub(rb"\x1b\][^\x07]*\x07", b"", seen).count(b"\x07")


# --- the terminal is given back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [b"q", signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_the_viewer_the_terminal_is_as_before(start: Start, how: bytes | signal.Signals) -> None:
    viewer = start()
    if isinstance(how, bytes):
        viewer.press(how)
    else:
        viewer.process.send_signal(how)
    assert viewer.end() == (0 if how == b"q" else 128 + int(how))  # pyright: ignore[reportArgumentType]
    for sequence in GIVEN_BACK:
        assert sequence in viewer.seen, sequence
    assert termios.tcgetattr(viewer.theirs) == viewer.before


def test_a_fault_of_ours_gives_the_terminal_back_and_says_one_sentence(start: Start, run: RunFolder) -> None:
    viewer = start(program=FAULTY)
    assert viewer.end() == 1
    for sequence in GIVEN_BACK:
        assert sequence in viewer.seen, sequence
    said = viewer.seen.rpartition(b"\x1b[?1004l")[2].decode()
    assert "t2s: the screen failed: KeyError: 'm1-07'" in said
    assert f"the run goes on; come back with `t2s attach {run.id}`" in said
    assert len(said.strip().splitlines()) == 2
    (kept,) = (run.path.parent.parent / "state" / "t2s").iterdir()
    assert str(kept) in said
    trace = kept.read_text()
    assert "KeyError" in trace
    assert "Traceback" in trace


def test_several_people_look_at_one_run_and_one_who_leaves_disturbs_nobody(start: Start, run: RunFolder) -> None:
    one, other = start(), start(size=(200, 50))
    one.press(b"q")
    assert one.end() == 0
    append(run, e.RunPaused(why="budget", detail="the token budget is used up"))
    other.wait_for(b"the token budget is used up")
    assert other.process.poll() is None


# --- the title ---------------------------------------------------------------------------------------------------


def test_the_title_says_how_far_the_run_is_and_the_old_one_comes_back(start: Start, run: RunFolder) -> None:
    viewer = start()
    viewer.wait_for(b"\x1b[22;2t", b"\x1b]2;")
    assert titles(viewer.seen)[-1] == "t2s › xlsx ● 5/9 merge"
    viewer.read(2.5)
    assert len(titles(viewer.seen)) == 1, "nothing has changed"
    append(run, e.RunPaused(why="budget", detail="the token budget is used up"))
    viewer.until(lambda seen: "t2s › xlsx ‖ paused" in titles(seen))
    viewer.press(b"q")
    viewer.end()
    assert viewer.seen.index(b"\x1b[22;2t") < viewer.seen.index(b"\x1b]2;") < viewer.seen.index(b"\x1b[23;2t")


def test_an_editor_gets_the_old_title_and_ours_comes_back_after_it(start: Start) -> None:
    viewer = start({"EDITOR": "true", "VISUAL": ""})
    viewer.wait_for(b"\x1b]2;")
    viewer.press(b"2")
    viewer.read(0.4)
    viewer.press(b"E")
    viewer.until(lambda seen: len(titles(seen)) == 2)
    assert viewer.seen.count(b"\x1b[22;2t") == 2
    assert viewer.seen.count(b"\x1b[23;2t") == 1
    assert len(set(titles(viewer.seen))) == 1


def test_a_terminal_without_titles_gets_none(start: Start) -> None:
    viewer = start({"TERM": "linux", "COLORTERM": ""})
    viewer.read(1.5)
    viewer.press(b"q")
    viewer.end()
    assert b"\x1b]2;" not in viewer.seen
    assert b"2t" not in viewer.seen.replace(b"\x1b[?2", b"")


def test_a_title_cannot_end_early() -> None:
    assert title("a\x07b\x1b]2;c\nd") == "\x1b]2;ab\x07"
    assert not has_title({"TERM": "dumb"})
    assert not has_title({"TERM": "vt100"})
    assert has_title({"TERM": "tmux-256color"})


# --- calling somebody who does not look --------------------------------------------------------------------------


def test_a_run_that_needs_somebody_calls_once_while_the_terminal_is_not_looked_at(start: Start, run: RunFolder) -> None:
    viewer = start()
    viewer.press(b"\x1b[O")  # the terminal lost the focus
    viewer.read(0.5)
    assert bells(viewer.seen) == 0
    append(run, e.RunPaused(why="budget", detail="the token budget is used up"))
    viewer.wait_for(b"\x1b]9;t2s: xlsx paused")
    viewer.read(1.0)
    assert (bells(viewer.seen), viewer.seen.count(b"\x1b]9;")) == (1, 1)


def test_nobody_is_called_who_is_looking_or_wants_no_calls(start: Start, run: RunFolder) -> None:
    here, quiet = start(), start({"T2S_SCREEN__BELL": "off"})
    here.press(b"\x1b[I")
    quiet.press(b"\x1b[O")
    append(run, e.RunPaused(why="budget", detail="the token budget is used up"))
    for viewer in (here, quiet):
        viewer.wait_for(b"paused")
        viewer.read(1.0)
        assert bells(viewer.seen) == 0
        assert b"\x1b]9;" not in viewer.seen


def test_a_terminal_that_tells_no_focus_is_left_alone_while_keys_are_pressed() -> None:
    now = 0.0
    presence = Presence(lambda: now)
    assert not presence.calls("")
    assert not presence.calls("lost"), "a key was pressed just now"
    now = IDLE
    assert presence.calls("finished")
    assert not presence.calls("finished")
    presence.act()
    assert not presence.calls("failed")


def test_what_comes_and_goes_calls_at_most_once_a_minute() -> None:
    now = 0.0
    presence = Presence(lambda: now)
    presence.focus(False)
    assert not presence.calls("paused: endpoint"), "it was so when the run was opened"
    told = [presence.calls(need) for _ in range(5) for need in ("", "paused: endpoint")]
    assert told.count(True) == 1
    now = AGAIN
    assert [presence.calls(need) for need in ("", "paused: endpoint")] == [False, True]


# --- the clipboard, and what lies between ------------------------------------------------------------------------


def test_a_copy_goes_through_tmux_and_screen() -> None:
    coded = base64.b64encode(b"lesson").decode()
    plain = f"\x1b]52;c;{coded}\x07"
    assert clipboard("lesson", {}) == plain
    assert clipboard("lesson", {"TMUX": "x"}) == f"{plain}\x1bPtmux;\x1b{plain}\x1b\\"
    assert clipboard("lesson", {"STY": "x"}) == f"\x1bP{plain}\x1b\\"
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", clipboard("x" * 3000, {"STY": "x"}))
    assert max(map(len, pieces)) <= 700
    assert base64.b64decode("".join(pieces)[7:-1]) == b"x" * 3000


def test_a_copy_that_terminals_would_drop_is_not_sent() -> None:
    assert clipboard("x" * (CLIPBOARD_MOST // 4 * 3), {})
    assert clipboard("x" * CLIPBOARD_MOST, {}) == ""


def test_a_copied_lesson_is_on_the_wire_and_in_a_file(start: Start, tmp_path: Path) -> None:
    viewer = start({"XDG_RUNTIME_DIR": str(tmp_path)})
    viewer.press(b"2")
    viewer.read(0.3)
    viewer.press(b"y")
    viewer.until(lambda seen: re.search(rb"\x1b\]52;c;[^\x07]*\x07", seen) is not None)
    coded = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", viewer.seen)[0]
    viewer.wait_for(b"also in")
    assert (tmp_path / f"t2s-copy-{os.getuid()}.txt").read_bytes() == base64.b64decode(coded)


def test_a_message_is_handed_through_tmux() -> None:
    assert message("t2s: done\x07", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]9;t2s: done\x07\x1b\\"


def test_the_doctor_names_what_tmux_holds_back_and_nothing_else() -> None:
    options = {"set-clipboard": "external", "allow-passthrough": "on", "focus-events": ""}
    env = {"TERM": "tmux-256color", "TMUX": "x", "SSH_TTY": "x"}
    found = {f.name: f for f in facts(env, (120, 36), screen=True, utf8=True, tmux=options)}
    assert found["terminal"].status == "ok"
    assert "256" in found["colours"].detail
    assert found["copy and calls"].todo == "in ~/.tmux.conf: `set -g set-clipboard on`"
    assert "locale" not in found
    small = {f.name: f for f in facts({"TERM": "xterm"}, (50, 10), screen=True, utf8=False, tmux={})}
    assert [small[name].status for name in ("terminal", "locale", "colours")] == ["warn"] * 3


def test_without_mouse_the_terminal_is_never_asked_for_it(start: Start) -> None:
    viewer = start({"T2S_SCREEN__MOUSE": "false"})
    assert b"\x1b[?1000h" not in viewer.seen
    assert b"\x1b[?1003h" not in viewer.seen


# --- fewer bytes -------------------------------------------------------------------------------------------------


def test_styles_that_stay_are_said_once() -> None:
    same = "\x1b[1;38;2;1;2;3;48;2;4;5;6m"
    assert thrifty(f"{same}a\x1b[0m{same}b\x1b[0m") == f"{same}ab\x1b[0m"
    assert thrifty(f"{same}a\x1b[0m\x1b[2;5H{same}b\x1b[0m") == f"{same}a\x1b[2;5Hb\x1b[0m"
    assert thrifty("\x1b[31ma\x1b[0m\x1b[32mb\x1b[0mc") == "\x1b[31ma\x1b[32mb\x1b[39mc"
    assert thrifty("\x1b[1;31ma\x1b[0m\x1b[31mb\x1b[0m") == "\x1b[1;31ma\x1b[;31mb\x1b[0m"
    assert thrifty("plain \x1b[?1049h") == "plain \x1b[?1049h"
    assert thrifty("\x1b[22mx\x1b[0m") == "\x1b[22mx\x1b[0m", "what is not known goes out as it is"


WORDS = st.text(st.sampled_from("ab 表計算🧪é"), max_size=12)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), st.data())
def test_a_frame_that_draws_only_what_differs_never_halves_a_wide_character(
    rows: list[tuple[str, str]], data: st.DataObject
) -> None:
    width = 30
    before, after = ([strip(row[n], width) for row in rows] for n in (0, 1))
    spans: list[tuple[int, int, int]] = []
    for y, pair in enumerate(zip(before, after, strict=True)):
        differ = [x for x, (a, b) in enumerate(zip(*map(cells, pair), strict=True)) if a != b]
        if differ:
            more = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
            spans.append((y, max(0, differ[0] - more[0]), min(width, differ[-1] + 1 + more[1])))
    console = Console(color_system="truecolor", force_terminal=True)
    shown, wanted = Glass(width, len(rows)), Glass(width, len(rows))
    for y, (old, new) in enumerate(zip(before, after, strict=True)):
        shown.write(thrifty(f"\x1b[{y + 1};1H{old.render(console)}"))
        wanted.write(f"\x1b[{y + 1};1H{new.render(console)}")
    if spans:
        chops = [{0: new} for new in after]
        shown.write(thrifty(Exact(chops, spans, [[width]] * len(rows)).render_segments(console)))
    assert shown.cells == wanted.cells


def strip(text: str, width: int) -> Strip:
    """Words in two styles in turn."""
    styles = (Style.parse("#112233 on #445566"), Style.parse("bold red"))
    return Strip([Segment(w, styles[n % 2]) for n, w in enumerate(re.split("(a)", text)) if w]).adjust_cell_length(
        width
    )


def cells(one: Strip) -> list[tuple[str, object]]:
    """One entry a cell: its character and style; the right half of a wide one is empty."""
    return [(c, s.style) for s in one for char in s.text for c in ((char,) if cell_len(char) == 1 else (char, ""))]


def test_after_many_frames_the_terminal_shows_what_a_whole_frame_shows(start: Start) -> None:
    size = (120, 36)
    viewer = start(size=size)
    for key in b"jjkGg2jj3j4j15jk1":
        viewer.press(bytes([key]))
        viewer.read(0.15)
    viewer.read(0.6)
    partly = glass(viewer, size)
    viewer.resize((119, 36))
    viewer.read(0.6)
    viewer.resize(size)
    viewer.read(1.0)
    assert clocks_aside(glass(viewer, size)) == clocks_aside(partly)


def glass(viewer: Viewer, size: tuple[int, int]) -> Glass:
    shown = Glass(*size)
    shown.write(viewer.seen.decode())
    return shown


def clocks_aside(shown: Glass) -> list[list[tuple[str, str]]]:
    """All cells; digits move on."""
    return [[("0" if char.isdigit() else char, pen) for char, pen in row] for row in shown.cells]
