"""The list of all actions (`:`): one row each, its key at the right end, those of the focused panel first."""

from __future__ import annotations

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from t2s_tui.text import fit, width

WIDEST = 84
"""The list itself; its frame and edges take `FRAME` of it."""
FRAME = 8
KEYS = 10


class Actions(Provider):
    """Offers what `App.get_system_commands` gives, in its order."""

    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(self._row(action, Content(action.title)), action.callback, text=action.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            if (match := matcher.match(action.title)) > 0:
                shown = self._row(action, matcher.highlight(action.title))
                yield Hit(match, shown, action.callback, text=action.title)

    def _actions(self) -> list[SystemCommand]:
        return list(self.app.get_system_commands(self.screen))

    def _row(self, action: SystemCommand, title: Content) -> Content:
        room = min(WIDEST, self.app.size.width) - FRAME - KEYS
        keys = f"{fit('', max(2, room - width(action.title)))}{action.help:>{KEYS}}"
        return title + Content(keys).stylize("dim")
