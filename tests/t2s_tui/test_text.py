"""Text from models and tools can do nothing to the terminal, and columns hold whatever it contains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from t2s_tui.text import ago, clock, count, cut, escaped, fit, right, safe, safe_lines, wrap

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "clear screen": ("a\x1b[2J\x1b[Hb", "ab"),
    "title": ("\x1b]0;owned\x07x", "x"),
    "link": ("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
    "clipboard": ("\x1b]52;c;ZXZpbA==\x07ok", "ok"),
    "device control": ("\x1bP1$tq\x1b\\ok", "ok"),
    "one byte csi": ("\x9b31mred", "red"),
    "bidi": ("abc\u202edef\u2066ghi\u2069", "abcdefghi"),
    "zero width": ("a\u200bb\u200dc\ufeff", "abc"),
    "nul and bell": ("a\x00b\x07c\x08d\x7f", "abcd"),
    "cursor return": ("safe\rEVIL", "safe EVIL"),
    "line separator": ("a\u2028b", "a b"),
    "private use": ("a\ue000b", "a\ufffdb"),
    "markup": ("[red]not markup[/red] [@click=app.bell]x[/]", "[red]not markup[/red] [@click=app.bell]x[/]"),
    "variation selector": ("\u2764\ufe0f", "\u2764"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_text_that_acts_on_a_terminal_is_shown_without_acting(name: str) -> None:
    raw, shown = HOSTILE[name]
    assert safe(raw) == shown


@given(st.text())
def test_whatever_comes_only_printable_characters_are_shown(raw: str) -> None:
    assert safe(raw).isprintable()


@given(st.text(), st.integers(0, 60))
def test_a_column_is_exactly_as_wide_as_asked(raw: str, cells: int) -> None:
    assert cell_len(fit(raw, cells)) == cells
    assert cell_len(right(raw, cells)) == cells


@given(st.text(max_size=300), st.integers(2, 40))
def test_wrapped_rows_fit_and_lose_no_word(raw: str, cells: int) -> None:
    line = safe(raw)
    rows = wrap(line, cells)
    assert all(cell_len(row) <= cells for row in rows)
    assert "".join("".join(rows).split()) == "".join(line.split())


def test_a_megabyte_in_one_line_is_cut_and_not_measured_to_its_end() -> None:
    assert len(safe("x" * 1_000_000)) < 5_000


def test_wide_characters_count_as_two_cells() -> None:
    assert cell_len(cut("数式のセル", 7)) <= 7
    assert fit("数式", 5) == "数式 "


def test_a_tower_of_accents_does_not_climb_into_other_lines() -> None:
    assert len(safe("a" + "\u0301" * 500)) <= 3


def test_tabs_keep_their_columns_and_carriage_returns_end_a_line() -> None:
    assert safe_lines("a\tb\r\nc\rd") == ["a   b", "c", "d"]


def test_an_escape_sequence_cannot_hide_in_a_line_break() -> None:
    assert safe_lines("\x1b[31\nmx") == ["", "mx"]


def test_an_editor_shows_invisible_characters_as_codes_that_toml_reads_back() -> None:
    assert escaped('a = "x\u202ey\x9b"\n') == 'a = "x\\u202ey\\u009b"\n'


def test_numbers_and_times_keep_their_width() -> None:
    assert [count(n) for n in (7, 812, 999, 1_000, 3_140, 99_600, 1_200_000)] == [
        "7", "812", "999", "1.0k", "3.1k", "100k", "1.2M",
    ]  # fmt: skip
    assert [clock(s) for s in (0, 65, 3_600)] == ["00:00", "01:05", "1:00:00"]
    assert [ago(s) for s in (5, 300, 7_200, 200_000)] == ["5 s", "5 min", "2 h", "2 d"]
