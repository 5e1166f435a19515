"""The text field for a lesson's TOML. Nothing it shows can reach the terminal as a control sequence."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widgets import TextArea

from t2s_tui.text import escaped, safe


class Editor(TextArea):
    """A `TextArea` over safe text; pasted text is made safe as well."""

    DEFAULT_CSS = """
    Editor { border: none; padding: 0 1; background: $background; }
    Editor:focus { border: none; }
    """

    def __init__(self, text: str) -> None:
        super().__init__(escaped(text), id="editor", show_line_numbers=True, tab_behavior="focus", soft_wrap=True)

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if all(segment.text.isprintable() for segment in strip):
            return strip
        return Strip([Segment(safe(s.text), s.style, s.control) for s in strip])

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        text = escaped(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        result = self._replace_via_keyboard(text, *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)
