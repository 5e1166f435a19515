"""What is typed keeps its order, however fast it comes."""

from __future__ import annotations

from typing import cast

from textual import events
from textual.widget import Widget
from textual.widgets import Input


class InOrder:
    """A text field whose own keys act at once; put it before the field's class.

    A letter goes in as soon as the field hears it. A key that moves or deletes would go through screen and app first,
    as every binding does, and letters typed behind it on a slow line would overtake it. No widget itself, because
    Textual looks for component styles along first bases alone; it calls the field's own `_on_key` after this one.
    """

    async def _on_key(self, event: events.Key) -> None:
        field = cast("Widget", self)
        if bound := field._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await field.run_action(bound[0].action)


class OneLine(InOrder, Input):
    """A field of one row."""
