"""JSON that models speak, made readable while it streams: one `key: value` a line, no brackets, no escapes.

    {"groups": [{"from": ["e1", "e4"], "text": "Recalculate"}]}   becomes   groups:
                                                                            from: e1, e4
                                                                            text: Recalculate

For eyes only: the conversation of an agent and everything on the disk stay as they were said.
"""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(r'[^"\\]+|\\u[0-9a-fA-F]{0,4}|\\.?|"')
_BARE = re.compile(r"[{}\[\]:,]|[^{}\[\]:,]+")


class Prose:
    """One reply as it comes: `take` gives what a person should read of the next piece.

    A reply that does not begin with a brace goes through as it is.
    """

    def __init__(self) -> None:
        self._is_json: bool | None = None
        self._in_string = False
        self._kept = ""  # the end of a piece that can only be understood with the next one
        self._within: list[str] = []
        self._empty_line = True
        self._separator = ""

    def take(self, text: str) -> str:
        """The readable form of the next piece of a reply."""
        if self._is_json is None:
            if not (begin := text.lstrip()):
                return ""
            self._is_json = begin[0] == "{" or begin.startswith("[{")
        return "".join(map(self._token, self._tokens(text))) if self._is_json else text

    def _tokens(self, text: str) -> list[str]:
        text, self._kept = self._kept + text, ""
        if (cut := _open_escape(text)) < len(text):
            text, self._kept = text[:cut], text[cut:]
        return _TOKEN.findall(text)

    def _token(self, token: str) -> str:
        if token == '"':
            self._in_string = not self._in_string
            return self._separated("") if self._in_string else ""
        if self._in_string:
            return self._separated(_unescaped(token))
        return "".join(map(self._bare, _BARE.findall(token)))

    def _bare(self, part: str) -> str:
        """What stands between strings: structure, numbers and words."""
        match part:
            case "{" | "[":
                self._within.append(part)
                self._separator = "\n" if part == "{" else self._separator
            case "}" | "]":
                del self._within[-1:]
            case ",":
                self._separator = ", " if self._within[-1:] == ["["] else "\n"
            case ":":
                self._empty_line = False
                return ": "
            case _ if part.strip():
                return self._separated(part.strip())
            case _:
                pass
        return ""

    def _separated(self, said: str) -> str:
        """`said` behind what parts it from the value before; a new line only where this one holds something."""
        separator, self._separator = self._separator, ""
        before = "" if separator == "\n" and self._empty_line else separator
        self._empty_line = False
        return before + said


def readable(text: str) -> str:
    """A whole text, or the beginning of one, as one readable line."""
    return " ".join(Prose().take(text).split()) if text[:1] in ("{", "[") else text


def _open_escape(text: str) -> int:
    """Where an escape begins that the text ends within."""
    found = re.search(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$", text)
    return found.start(1) if found else len(text)


def _unescaped(token: str) -> str:
    if not token.startswith("\\"):
        return token
    try:
        return str(json.loads(f'"{token}"'))
    except ValueError:
        return token
