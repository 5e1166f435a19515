"""Candidates that carry rules or examples alone, as the screens name them and the form takes them."""

from __future__ import annotations

import pytest

from t2s_tui.screens.forest import forest
from t2s_tui.screens.form_checks import faults
from t2s_tui.screens.form_fields import command, settings_of
from t2s_tui.screens.tries import Measured
from t2s_tui.theme import Look
from t2s_tui.widgets.canvas import Line
from t2s_tui.widgets.roster import short
from workspace.score import Interval


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("validation-base-t001", "old t001"),
        ("validation-s0-t001.r2", "new t001.r2"),
        ("validation-s0-rules-t001", "rule t001"),
        ("test-s0-examples-t012", "case t012"),
        ("validation-s1-examples-t001", "s1-examples t001"),
    ],
)
def test_a_try_keeps_its_task_whatever_its_candidate_is_called(unit: str, said: str) -> None:
    assert short(unit) == said


def _words(line: Line) -> str:
    return "".join(span.text for span in line.spans)


@pytest.mark.parametrize("cells", [80, 120])
def test_every_row_of_the_table_names_its_candidate_and_keeps_its_columns(cells: int) -> None:
    sides = ("validation/s0", "validation/s0-examples", "validation/s0-rules", "test/s0-examples")
    rows = [Measured(key, 12, 0.0, 1.0, Interval(0.5, 1.0), 0.0015) for key in sides]
    lines = [_words(line) for line in forest(rows, Look(), cells)]
    table = lines[1 : len(rows) + 1]
    names = ("validation ", "validation ex", "validation ru", "test examples")
    assert all(line.strip().startswith(name) for line, name in zip(table, names, strict=True))
    assert len({line.index("100.0 %") for line in table}) == 1
    assert all(len(line) <= cells for line in lines)


def test_the_form_takes_the_kinds_and_says_what_is_wrong_with_them() -> None:
    assert settings_of({"verdict.carry": "all examples"}) == {"verdict.carry": ("all", "examples")}
    assert "--carry all examples" in command({"verdict.carry": ("all", "examples")})
    said = [faults({"verdict.carry": text}, local=True)[0].said for text in ("rules rules", "fruit")]
    assert said == ["carry: name each kind of candidate once", "carry: there are: all, rules, examples"]
