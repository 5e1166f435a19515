"""Textual's driver, in fewer bytes, and with a title that is given back with the terminal."""

from __future__ import annotations

import os

from textual.drivers.linux_driver import LinuxDriver

from t2s_tui.pen import thrifty
from t2s_tui.terminal import POP_TITLE, PUSH_TITLE, has_title


class Terminal(LinuxDriver):
    """Saves the title of the window when it takes the terminal, and gives it back with it."""

    def write(self, data: str) -> None:
        super().write(thrifty(data))

    def start_application_mode(self) -> None:
        super().start_application_mode()
        if has_title(os.environ) and self._writer_thread is not None:
            self.write(PUSH_TITLE)

    def stop_application_mode(self) -> None:
        if has_title(os.environ) and self._writer_thread is not None:
            self.write(POP_TITLE)
        super().stop_application_mode()
