from __future__ import annotations

import pytest

from workspace.released.anchors import Match, Missed, find_heading, find_text, plain
from workspace.released.sense import same_sense
from workspace.skills.outline import outline

HEAD = "---\nname: sheets\ndescription: Works on sheets. Never guess.\n---\n"
TEXT = (
    HEAD
    + """\
# Sheets

Read the whole sheet first. Then plan “small” steps — one at a time.

## Important Requirements

- Always write with `openpyxl`, never with pandas.
- Save the file before you leave.
  - Use 2 digits for sums.
  - Use 3 digits for rates.

## Examples

```python
# Load data
wb = load(path)
## Important Requirements
wb.save(path)
```

~~~
# Not a heading
~~~

### Error Handling

Retry once.

## Notes

Save the file before you leave.
"""
)
PLAN = outline(TEXT)


def _found(quote: str, section: str | None = None) -> Match:
    block = find_heading(PLAN, section) if section else None
    match = find_text(PLAN, quote, block.first if isinstance(block, Match) else None)
    assert isinstance(match, Match), match
    return match


def _missed(quote: str, section: str | None = None) -> Missed:
    block = find_heading(PLAN, section) if section else None
    match = find_text(PLAN, quote, block.first if isinstance(block, Match) else None)
    assert isinstance(match, Missed), match
    return match


def _section(header: str) -> Match:
    match = find_heading(PLAN, header)
    assert isinstance(match, Match), match
    return match


def test_a_heading_is_found_as_it_stands_and_never_inside_a_fence() -> None:
    match = _section("## Important Requirements")
    assert (match.how, match.line) == ("exact", 9)
    assert isinstance(find_heading(PLAN, "# Not a heading"), Missed)
    assert isinstance(find_heading(PLAN, "# Load data"), Missed)


@pytest.mark.parametrize(
    "header", ["IMPORTANT REQUIREMENTS", "### Important requirements:", "## **Important** Requirements"]
)
def test_a_heading_is_found_in_other_spelling(header: str) -> None:
    match = _section(header)
    assert (match.how, match.line) == ("normalised", 9)


@pytest.mark.parametrize("header", ["## Importent Requirements", "Important Requirement", "## Errors Handling"])
def test_a_heading_with_a_slip_is_found_and_told_as_nearly_alike(header: str) -> None:
    match = _section(header)
    assert match.how == "fuzzy" and match.score < 100


def test_an_unknown_section_is_refused_with_the_nearest_ones() -> None:
    missed = find_heading(PLAN, "## Requirements for saving")
    assert isinstance(missed, Missed)
    assert missed.candidates[0].text == "## Important Requirements"


def test_two_equal_headings_are_refused_with_both_lines() -> None:
    missed = find_heading(outline("# T\n\n## A\n\nx\n\n## A\n\ny\n"), "## A")
    assert isinstance(missed, Missed)
    assert "2 times: lines 3, 7" in missed.reason


def test_the_level_decides_between_two_headings_of_one_title() -> None:
    match = find_heading(outline("# T\n\n## A\n\nx\n\n### A\n\ny\n"), "### A")
    assert isinstance(match, Match) and match.line == 7


def test_a_quote_inside_a_line_is_found_to_the_letter() -> None:
    match = _found("never with pandas")
    assert match.how == "exact" and match.first.kind == "item"
    start, end = match.span or (0, 0)
    assert plain(PLAN)[start:end] == "never with pandas"


def test_the_smallest_block_is_the_nested_item() -> None:
    match = _found("Use 3 digits for rates.")
    assert (match.first.kind, match.first.level, match.first.id == match.last.id) == ("item", 2, True)


def test_a_quote_never_cuts_a_word_in_two() -> None:
    assert isinstance(find_text(outline("Do update the sheet.\n"), "date"), Missed)


def test_a_quote_in_other_spelling_is_found_by_its_words() -> None:
    assert _found('then plan "small" steps - one at a time.').how == "normalised"
    assert _found("* Always write with openpyxl, never with pandas.").how == "normalised"


def test_a_quote_that_was_wrapped_otherwise_is_found() -> None:
    match = _found("Read the whole sheet first.\nThen plan “small” steps — one at a time.")
    assert (match.how, match.first.kind) == ("normalised", "paragraph")


def test_a_quote_with_a_slip_is_found_nearly() -> None:
    match = _found("- Always write with openpyxl, never with panda")
    assert match.how == "fuzzy"
    assert match.line == 11


@pytest.mark.parametrize("quote", ["Use 4 digits for rates.", "Always write with openpyxl, even with pandas."])
def test_another_number_or_a_lost_negation_is_never_nearly_the_same(quote: str) -> None:
    assert isinstance(find_text(PLAN, quote), Missed)


def test_words_that_only_look_alike_have_another_sense() -> None:
    assert not same_sense("accept valid input files", "accept invalid input files")
    assert not same_sense("use the min value here", "use the max value here")
    assert not same_sense("keep the first row", "do not keep the first row")
    assert not same_sense("sum the correct rows", "sum the incorrect rows")
    assert not same_sense("encode the file name", "decode the file name")
    assert same_sense("read the headings", "read the eadings")
    assert same_sense("keep the first rows", "keep the first row")


def test_a_text_that_is_there_twice_is_refused_with_all_its_lines() -> None:
    missed = _missed("Save the file before you leave.")
    assert "2 times: lines 12, 35" in missed.reason
    assert [c.line for c in missed.candidates] == [12, 35]


def test_the_section_narrows_two_equal_texts_to_one() -> None:
    assert _found("Save the file before you leave.", "## Notes").line == 35


def test_a_whole_line_beats_a_part_of_a_longer_one() -> None:
    plan = outline("## Rules\n\n- Always check\n- Always check the totals\n")
    match = find_text(plan, "- Always check")
    assert isinstance(match, Match) and match.line == 3


def test_a_text_outside_its_section_is_refused_and_its_place_named() -> None:
    missed = _missed("Retry once.", "## Notes")
    assert "not in the section 'Notes'" in missed.reason
    assert missed.candidates[0].line == 31


def test_the_front_matter_is_never_a_place() -> None:
    assert "front matter" in _missed("Never guess.").reason
    assert "front matter" in _missed("name: sheets").reason


def test_a_strange_text_is_refused_with_the_nearest_lines() -> None:
    missed = _missed("Always save the file when the work is done")
    assert 1 <= len(missed.candidates) <= 3


def test_carriage_returns_change_nothing() -> None:
    plan = outline(TEXT.replace("\n", "\r\n"))
    match = find_text(plan, "- Always write with `openpyxl`, never with pandas.\n- Save the file before you leave.")
    assert isinstance(match, Match) and (match.how, match.lines) == ("exact", (10, 11))


def test_a_text_in_a_fence_is_found_as_part_of_that_fence() -> None:
    assert _found("wb = load(path)").first.kind == "fence"
