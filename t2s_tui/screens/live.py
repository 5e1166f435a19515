"""The heart: one run as it happens. Everything on it is a projection of the feed."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Size

from t2s_tui.feed import Changes, Feed
from t2s_tui.keys import HOME, LESSON, PANELS, bindings
from t2s_tui.replay import Replay
from t2s_tui.screens.actions import RunActions
from t2s_tui.screens.agent import AgentScreen
from t2s_tui.screens.lesson import LessonScreen
from t2s_tui.screens.lesson_actions import LessonActions
from t2s_tui.screens.node import NodeScreen
from t2s_tui.text import wrap
from t2s_tui.widgets.canvas import Canvas, Line, Span, row
from t2s_tui.widgets.find import FindBar
from t2s_tui.widgets.machine import Machine
from t2s_tui.widgets.means import Means
from t2s_tui.widgets.merge_tree import MergeTree
from t2s_tui.widgets.panel import ListPanel, Panel
from t2s_tui.widgets.pool import Pool
from t2s_tui.widgets.replay_bar import ReplayBar
from t2s_tui.widgets.roster import Roster
from t2s_tui.widgets.status import EndpointLine, Footer, Header, Hint, Notice, Tab, TabLine
from t2s_tui.widgets.wall import Wall

TABS_OF_A_RUN = (
    Tab("roster", "Agents"),
    Tab("pool", "Lessons"),
    Tab("tree", "Tree"),
    Tab("wall", "Text"),
    Tab("machine", "Engine"),
)
TABS_OF_AN_EVALUATION = (Tab("roster", "Agents"), Tab("means", "Means"), Tab("wall", "Text"), Tab("machine", "Engine"))
"""It has no lessons and no tree; what it has of them stands in their place."""
WIDE, HUGE = 120, 200
SMALLEST = Size(60, 15)


class TooSmall(Canvas):
    """A polite word instead of a broken picture."""

    def paint(self) -> list[Line]:
        has = self.app.size
        size = (
            f"This terminal is {has.width}x{has.height}; t2s needs {SMALLEST.width}x{SMALLEST.height} for a whole run."
        )
        said = [*wrap(size, self.size.width), *wrap("Make it larger; q leaves, esc goes back.", self.size.width)]
        return [row(Span(part, "text")) for part in said]


class Beside(Horizontal):
    """Panels cover it whole, so its own rows are cheap ones."""

    BLANK = True


class Below(Vertical):
    """The same, from top to bottom."""

    BLANK = True


class LiveScreen(RunActions, LessonActions):
    """Below 120 columns one panel at a time, from 120 all of them, from 200 the tree beside the pool."""

    BINDINGS = bindings(PANELS, LESSON, HOME)
    BLANK = True
    CSS = """
    LiveScreen { layers: base; }
    LiveScreen #header { height: 2; }
    LiveScreen #notice, LiveScreen #tabs, LiveScreen #endpoint, LiveScreen #footer, LiveScreen #replay { height: 1; }
    LiveScreen #left { width: 62%; }
    LiveScreen #right { width: 1fr; padding-left: 1; }
    LiveScreen #roster { height: 40%; }
    LiveScreen #wall { height: 1fr; }
    LiveScreen #pool, LiveScreen #means { height: 1fr; }
    LiveScreen #tree { height: 40%; }
    LiveScreen #machine { display: none; }
    LiveScreen.-wide #tabs { display: none; }
    LiveScreen.-one #left, LiveScreen.-one #right { width: 1fr; padding: 0; }
    LiveScreen.-one #left > *, LiveScreen.-one #right > * { display: none; height: 1fr; }
    LiveScreen.-one #main .-here { display: block; }
    LiveScreen.-one #main .-aside { display: none; }
    LiveScreen TooSmall { display: none; height: 1fr; }
    LiveScreen.-small > * { display: none; }
    LiveScreen.-small TooSmall { display: block; }
    LiveScreen.-wide.-still #left { width: 46%; }
    LiveScreen.-wide.-still #roster { height: 60%; }
    LiveScreen.-huge #left { width: 54%; }
    LiveScreen.-huge.-still #left { width: 34%; }
    LiveScreen.-huge #right { layout: grid; grid-size: 2 2; grid-rows: 3fr 2fr; grid-gutter: 0 1; }
    LiveScreen.-huge #pool { row-span: 2; height: 100%; }
    LiveScreen.-huge #means { column-span: 2; height: 100%; }
    LiveScreen.-huge.-compares #machine { column-span: 2; }
    LiveScreen.-huge #tree, LiveScreen.-huge #machine { height: 100%; display: block; }
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed
        self._tabs = TABS_OF_AN_EVALUATION if feed.evaluation else TABS_OF_A_RUN
        self._current = "roster"
        self._zoomed = False
        self._arranged: tuple[Size, bool, str, bool] | None = None

    def compose(self) -> ComposeResult:
        feed = self.feed
        roster = Roster(feed)
        yield Header(feed, self.t2s.badges)
        yield Notice(lambda: self.t2s.notice(feed))
        yield TabLine(self._tabs, lambda: self._current)
        with Beside(id="main"):
            with Below(id="left"):
                yield roster
                yield Wall(feed, lambda: roster.cursor, roster.running, lambda: roster.pinned)
            with Below(id="right"):
                yield from (Means(feed),) if feed.evaluation else (Pool(feed), MergeTree(feed))
                yield Machine(feed)
        yield EndpointLine(feed)
        yield ReplayBar(self._replay)
        yield Footer(self.hints)
        yield FindBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.set_class(bool(self.feed.evaluation), "-compares")
        self._arrange()
        self.query_one(f"#{self._current}").focus()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    @property
    def _replay(self) -> Replay | None:
        return self.feed if isinstance(self.feed, Replay) and not self.feed.live else None

    @property
    def roster(self) -> Roster:
        return self.query_one(Roster)

    @property
    def pool(self) -> Pool | None:
        """The lessons; an evaluation has none."""
        return next(iter(self.query(Pool)), None)

    @property
    def _lessons(self) -> bool:
        """Is the panel here the one of the lessons, and not of the ideas?"""
        return self._current == "pool" and self.pool is not None and not self.pool.ideas

    @property
    def panel(self) -> Panel:
        """The panel that has the focus, or had it last."""
        return self.query_one(f"#{self._current}", Panel)

    def on_screen_resume(self) -> None:
        self.t2s.feed = self.feed  # behind this screen may lie a replay, or before it
        super().on_screen_resume()

    def hints(self) -> Sequence[Hint]:
        if self._replay:
            return [*_replay_hints(self._replay), *self._hints_here()]
        return [*self._hints_of_state(), *self._hints_here(), *([Hint("X", "stop")] if self.feed.alive else [])]

    def _hints_of_state(self) -> list[Hint]:
        """What the run is waiting for, or what can be done about its state."""
        state = self.feed.state
        pauses = state in ("running", "starting") or self.feed.goes_on_by_itself
        first = [Hint("space", "pause" if pauses else "go on")]
        first += [Hint("P", "pause now")] if state == "pausing" and not self.feed.view.at_once else []
        if state in ("lost", "finished", "incomplete", "stopped", "failed"):
            found = Hint("v", "table" if self.feed.evaluation else "verdict")
            first = [found if state == "finished" else Hint("R", "resume")]
            first = [Hint("R", "make again")] if self.feed.people.due.anything else first
        return [Hint("B", "budget")] if self.feed.waits_for_budget else first

    def _hints_here(self) -> list[Hint]:
        """What the keys do in the focused panel."""
        match self._current:
            case "pool" if not self._lessons:
                own = [Hint("enter", "open"), Hint("i", "lessons")]
            case "pool":
                own = [
                    Hint("enter", "open"),
                    Hint("e", "edit"),
                    Hint("x", "drop"),
                    Hint("p", "pin"),
                    Hint("a", "new"),
                    Hint("i", "ideas"),
                ]
            case "machine":
                own = [Hint("+ -", "calls")] if self.feed.alive else []
            case "means":
                own = []
            case _:
                own = [Hint("enter", "open"), Hint("f", "follow")]
        diff, sort = ([], []) if self.feed.evaluation else ([Hint("d", "diff")], [Hint("s", "sort")])
        return [*own, *diff, Hint("/", "find"), *self._zooms(), *sort]

    def idle(self) -> frozenset[str]:
        if not self.feed.evaluation:
            return super().idle()
        return super().idle() | {"run.diff", "panel.tree", "panel.ideas", *(key.id for key in LESSON)} - {"lesson.pin"}

    def _zooms(self) -> list[Hint]:
        return [] if self.size.width < WIDE and self._current != "wall" else [Hint("z", "zoom")]

    def pull(self, changes: Changes) -> None:
        if changes.state:
            self.set_class(not self.feed.moving, "-still")  # nobody writes: the room goes to what was learnt
        super().pull(changes)

    def pull_text(self) -> None:
        for wall in self.query(Wall):  # none yet while the screen is being made
            wall.pull_picked()

    # --- panels ---------------------------------------------------------------------------------------------------

    def action_panel(self, name: str) -> None:
        """By its number: an evaluation has other panels than a run."""
        place = next(n for n, tab in enumerate(TABS_OF_A_RUN) if tab.panel == name)
        self._turn_to(self._tabs[min(place, len(self._tabs) - 1)].panel)

    def _turn_to(self, name: str) -> None:
        self._current = name
        self._arrange()
        self.query_one(f"#{name}").focus()

    def action_next_panel(self) -> None:
        self._turn(1)

    def action_previous_panel(self) -> None:
        self._turn(-1)

    def action_zoom(self) -> None:
        """The panel alone; for the live text then one pane alone; then everything again."""
        wall = self.query_one(Wall)
        if self._current == "wall" and self._one and not wall.alone:
            wall.alone = True
        else:
            wall.alone, self._zoomed = False, not (self._zoomed or wall.alone)
        self._arrange()

    def action_follow(self) -> None:
        if isinstance(panel := self.panel, ListPanel):
            panel.following = not panel.following
            panel.pull()
            self.t2s.tell("the cursor follows the newest" if panel.following else "the cursor stays")

    def action_sort(self) -> None:
        if isinstance(panel := self.panel, Roster | Pool | MergeTree):
            self.t2s.tell(f"sorted by {panel.next_sort()}")

    def action_ideas(self) -> None:
        if self.pool:
            self.pool.toggle_ideas()

    def _turn(self, by: int) -> None:
        names = [tab.panel for tab in self._tabs if tab.panel != "machine" or self._one or self.has_class("-huge")]
        here = names.index(self._current) if self._current in names else 0
        self._turn_to(names[(here + by) % len(names)])

    @property
    def _one(self) -> bool:
        """Is only one panel on the screen?"""
        return self._zoomed or self.size.width < WIDE or (self._current == "machine" and self.size.width < HUGE)

    def _arrange(self) -> None:
        """Show the panels that fit. Only classes change; the style sheet does the rest."""
        width = self.size.width
        one = self._one
        arranged = (self.size, one, self._current if one else "", self.feed.moving)
        if arranged == self._arranged:
            return
        self._arranged = arranged
        self.set_class(width < SMALLEST.width or self.size.height < SMALLEST.height, "-small")
        self.set_class(one, "-one")
        self.set_class(width >= WIDE, "-wide")
        self.set_class(not self.feed.moving, "-still")
        self.set_class(width >= HUGE and not one, "-huge")
        for tab in self._tabs:
            self.query_one(f"#{tab.panel}").set_class(one and tab.panel == self._current, "-here")
        left = self._current in ("roster", "wall")
        self.query_one("#left").set_class(one and not left, "-aside")
        self.query_one("#right").set_class(one and left, "-aside")
        self.call_after_refresh(lambda: self.pull(Changes()))

    # --- what people choose ---------------------------------------------------------------------------------------

    @on(TabLine.Picked)
    def _tab(self, message: TabLine.Picked) -> None:
        self._turn_to(message.panel)

    @on(ListPanel.Moved)
    def _moved(self, message: ListPanel.Moved) -> None:
        if isinstance(message.panel, Wall):
            self.roster.go(message.key)
        elif isinstance(message.panel, Roster):
            self.query_one(Wall).pull_picked()

    @on(ListPanel.Chosen)
    def _chosen(self, message: ListPanel.Chosen) -> None:
        match message.panel:
            case Roster() | Wall():
                self.app.push_screen(AgentScreen(self.feed, message.key))
            case Pool(ideas=False):
                self.app.push_screen(LessonScreen(self.feed, message.key))
            case Pool():
                self.app.push_screen(NodeScreen(self.feed, self.feed.view.edits[message.key].node))
            case MergeTree():
                self.app.push_screen(NodeScreen(self.feed, message.key))
            case _:
                pass

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Panel) and event.widget.id and event.widget.id != self._current:
            self._current = event.widget.id
            self._arrange()

    # --- lessons --------------------------------------------------------------------------------------------------

    def lesson_here(self) -> str:
        return self.pool.cursor if self.pool and self._lessons else ""

    def action_pin(self) -> None:
        """On an agent it pins its pane, on a lesson the lesson."""
        if self._current in ("roster", "wall") and (agent := self.roster.cursor):
            self.roster.pinned.symmetric_difference_update({agent})
            self.pull(Changes())
            return
        super().action_pin()

    def copied(self) -> str:
        match self._current:
            case "pool" if self._lessons:
                return self.lesson_text(self.lesson_here())
            case "roster" | "wall":
                return "\n".join(self.feed.tail(self.roster.cursor).rows(120, 200))
            case _:
                return "\n".join(self.panel.text_rows())


def _replay_hints(replay: Replay) -> list[Hint]:
    player = replay.player
    play = "again" if player.at >= player.end else "pause" if player.playing else "play"
    return [Hint("space", play), Hint("← →", "seek"), Hint("[ ]", "speed"), Hint("{ }", "stage")]
