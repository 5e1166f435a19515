"""The keys of a replay, on every screen of it. `T2SApp` stands on this."""

from __future__ import annotations

from collections.abc import Callable

from t2s_tui.ground import Ground
from t2s_tui.keys import REPLAY, bindings
from t2s_tui.replay import Player, Replay


class Playing(Ground):
    """Space, arrows and brackets move through what is being replayed; without a replay there are no such keys."""

    BINDINGS = bindings(REPLAY)

    @property
    def replay(self) -> Replay | None:
        """What is being replayed; None while the screens show what happens now."""
        return self.feed if isinstance(self.feed, Replay) and not self.feed.live else None

    def leave_replay(self) -> None:
        """The list of runs is on the screen again: nothing plays behind it."""
        if self.replay is not None:
            self.feed = None

    def frame(self) -> None:
        """Look at the feed and draw what it brought."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.replay is not None if action.startswith("replay_") else super().check_action(action, parameters)

    def action_replay_play(self) -> None:
        self._act(Player.toggle)

    def action_replay_leap(self, by: int) -> None:
        self._act(lambda player: player.leap(by))

    def action_replay_speed(self, by: int) -> None:
        self._act(lambda player: player.faster(by))

    def action_replay_stage(self, by: int) -> None:
        if self.replay is not None:
            timeline = self.replay.timeline
            self._act(lambda player: player.seek(timeline.turn(player.at, by)))

    def _act(self, act: Callable[[Player], None]) -> None:
        """Do it, and show it at once."""
        if self.replay is not None:
            act(self.replay.player)
            self.frame()
