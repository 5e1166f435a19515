"""Why a lesson's text does not count, for whoever wrote it: where it is, the line, and what is usually wrong there.

fault_of(text, said) -> TextFault       pure; `said` is the error that the text got
TextFault.told(path, cells) -> [str]    rows of at most `cells`, the line with a mark below its column
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from t2s_tui.text import cut, safe, width, wrap

GUTTER = 2
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_WHERE = re.compile(r".*?\.toml(?::(\d+))?: (.*)", re.DOTALL)
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w-]+)\s*=""")
_OPENING = re.compile(r"""\s*(?:"[^"]*"|'[^']*'|[\w-]+)\s*=\s*("{3}|'{3}|"|')""")
_QUOTE = "a quote is not closed: the text needs one at its end as well"
_LIST = "a list is not closed before this: a ] is missing, or a comma between its values"
NO_VALUE = 'this is no value; a text stands in straight quotes, "like this"'
USUAL = (
    ("Illegal character '\\n'", _QUOTE),
    ("Unterminated string", _QUOTE),
    ("Expected \"'", _QUOTE),
    ("Expected '='", "an = is missing between a name and its value"),
    ("Unclosed array", _LIST),
    ("Unclosed inline table", "a { is not closed with }"),
    ("Expected ']", "a [ is not closed with ]"),
    ("Cannot declare", "this section is there twice"),
    ("Unescaped '\\'", "a \\ in a text is written as two: \\\\"),
    ("Invalid hex value", "a \\ in a text is written as two: \\\\"),
    ("Expected newline", 'something stands behind the value; a " inside a text is written \\"'),
    ("Invalid statement", "this is no name with a value; a remark begins with #"),
    ("Invalid initial character", "the name of a field is missing here"),
    ("Illegal character", "a character that cannot be seen stands here"),
)
"""How the parser begins, and what it is in the words of a writer."""
FIELDS = (
    ("extra inputs are not permitted", "a lesson has no field of this name"),
    ("field required", "this field is missing; it has to be there"),
    ("input should be a valid string", "its value is a text in quotes"),
    ("input should be a valid tuple", 'its value is a list: ["one", "two"]'),
    ("input should be a valid boolean", "its value is true or false"),
)


class TextFault(NamedTuple):
    """`line` and `column` from 1, 0 where nobody knows; `shown` is that line; `words` are the parser's own."""

    said: str
    line: int = 0
    column: int = 0
    shown: str = ""
    words: str = ""

    @property
    def place(self) -> str:
        """`:4:16`, as editors and terminals jump to it."""
        return "".join(f":{number}" for number in (self.line, self.column) if number)

    def told(self, path: Path, cells: int) -> list[str]:
        """The whole path only where it fits."""
        whole, name = (safe(f"{each}{self.place}") for each in (path, path.name))
        where = whole if width(whole) <= cells else cut(name, cells)
        return [where, *self._excerpt(cells), *wrap(safe(self._sentence), cells)]

    @property
    def _sentence(self) -> str:
        behind = f" (the parser: {self.words})" if self.words else ""
        return f"{self.said[:1].upper()}{self.said[1:]}{behind}"

    def _excerpt(self, cells: int) -> list[str]:
        """The line, from further right where the fault would be past the edge, and the mark below it."""
        if not self.line or not self.shown.strip():
            return []
        before, room = safe(self.shown[: max(0, self.column - 1)]), cells - GUTTER
        skipped = before[: len(before) - room // 2] if width(before) >= room - 1 else ""
        rest = safe(self.shown)[len(skipped) :]
        lead = "…" if skipped else ""
        mark = [f"{' ' * (GUTTER + width(lead + before[len(skipped) :]))}^"] if self.column else []
        return [" " * GUTTER + cut(lead + rest, room), *mark]


def fault_of(text: str, said: str) -> TextFault:
    """What is wrong with `text`, which was refused with `said`."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _parsers(text, str(error))
    except (ValueError, RecursionError):
        pass  # the parser tells no place of these
    return _fields(text, said)


def _parsers(text: str, words: str) -> TextFault:
    lines = text.split("\n")
    place = _PLACE.search(words)
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (0, 0)
    bare = _PLACE.sub("", words)
    if bare == "Cannot overwrite a value":
        return _twice(lines, line, bare)
    said = next((usual for begin, usual in USUAL if bare.startswith(begin)), "")
    if not line and said == _QUOTE:
        line, column = _opened(lines)
    elif not line:
        line, column = len(lines), len(lines[-1]) + 1
    if line > 1 and not lines[line - 1].strip():
        line, column = line - 1, len(lines[line - 2]) + 1  # the parser looked on where nothing stands
    shown = lines[line - 1] if line else ""
    rest = shown[column - 1 :].strip()
    if bare == "Invalid value":
        said = NO_VALUE if rest else "a value is missing after the ="
    if bare == "Invalid statement" and rest.startswith("="):
        said = "the name of a field is missing before the ="
    return TextFault(said or "this cannot be read as TOML", line, column, shown, bare)


def _twice(lines: list[str], line: int, words: str) -> TextFault:
    """The parser stands behind the second value, which may have many lines."""
    at = next((n for n in range(min(line, len(lines)), 0, -1) if _KEY.match(lines[n - 1])), line)
    found = _KEY.match(lines[at - 1])
    if found is None:
        return TextFault("a field is there twice: keep one", at, 0, lines[at - 1], words)
    first = next((n for n, each in enumerate(lines, 1) if (key := _KEY.match(each)) and key[1] == found[1]), at)
    also = f", first in line {first}" if first < at else ""
    return TextFault(f"`{found[1]}` is there twice{also}: keep one", at, found.start(1) + 1, lines[at - 1], words)


def _opened(lines: list[str]) -> tuple[int, int]:
    """Where the last text begins that is never closed."""
    for number in range(len(lines), 0, -1):
        found = _OPENING.match(lines[number - 1])
        if found and lines[number - 1].count(found[1]) % 2:
            return number, found.start(1) + 1
    return 0, 0


def _fields(text: str, said: str) -> TextFault:
    """A text that parses and is no lesson: the error begins with its place, which is told apart from it."""
    found = _WHERE.match(said)
    line, rest = (int(found[1] or 0), found[2]) if found else (0, said)
    rest = next((rest.replace(words, usual) for words, usual in FIELDS if words in rest), rest)
    lines = text.split("\n")
    if not 0 < line <= len(lines) or "is missing" in rest:
        return TextFault(rest)
    shown = lines[line - 1]
    return TextFault(rest, line, len(shown) - len(shown.lstrip()) + 1, shown)
