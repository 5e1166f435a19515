"""The report of an evaluation: its matrix, each comparison with its tasks, and nothing that only a run has."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.t2s_tui.evaluations import SKILLS, TASKS, write_evaluation
from tests.workspace.report_pages import PAYLOADS, Read
from tests.workspace.test_html_report import harmless, read
from workspace.files import dump_toml, read_text, read_toml, write_text
from workspace.reports.html.gather import gather
from workspace.reports.html.page import page
from workspace.reports.markdown import COMMENT, markdown
from workspace.reports.matrix import load_matrix, matrix_file
from workspace.reports.so_far import load_so_far, so_far
from workspace.runs.evaluation import evaluation_of
from workspace.runs.run import RunFolder, load_view


def _sections(found: Read) -> list[str | None]:
    return [of["id"] for of in found.tags("section")]


def test_it_has_the_sections_of_an_evaluation_and_none_of_a_run(tmp_path: Path) -> None:
    found = read(write_evaluation(tmp_path))
    harmless(found)
    assert _sections(found) == ["summary", "matrix", "tasks", "cost", "settings"]
    for words in ("esson", "Verdict", "Merge tree", "Left out", "What changed", "First skill", "Candidate"):
        assert words not in found.text, words


def test_every_cell_has_its_mean_interval_and_bar_and_every_comparison_its_test(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path)
    found, matrix = read(run), load_matrix(run)
    assert matrix
    for cell in matrix.cells:
        assert cell.mean is not None and cell.interval is not None
        assert f"{100 * cell.mean:.1f} % {100 * cell.interval.low:.0f} … {100 * cell.interval.high:.0f}" in found.text
    assert sum(of.get("class") == "plot small" for of in found.tags("svg")) == len(SKILLS) * 2
    assert "12 tasks of validation" in found.text
    assert f"Each p is multiplied by {matrix.corrected_for}" in found.text
    html = page(gather(run))
    rows = html[html.index("<caption>Paired tests") :].split("</table>")[0].split("<tr>")[2:]
    assert len(rows) == len(matrix.comparisons) == 6
    for one, row in zip(matrix.comparisons, rows, strict=True):
        words = Read(f"<table><tbody><tr>{row.split('</tr>')[0]}</tr></tbody></table>").text
        assert one.p is not None
        assert words.startswith(f"{one.model}{one.skill}{one.against}{TASKS}")
        assert f"{one.p:.4f}" in words
        assert words.endswith(f"{one.found}{len(one.fixed)}{len(one.broken)}")


def test_a_task_that_changed_has_both_transcripts_under_the_names_of_their_skills(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path)
    matrix, found = load_matrix(run), read(run)
    assert matrix
    html = page(gather(run))
    changed = sum(len(one.fixed) + len(one.broken) for one in matrix.comparisons)
    assert len(re.findall(r'<details id="task-c\d+-\d+"', html)) == changed > 0
    first = html[html.index('<details id="task-c1-0"') :].split("</details>")[0]
    sides = re.findall(r'<p class="side">(\w+)</p>', first)
    assert sides == ["old", "new"]
    assert "2021-03-05" in first and "05-MAR-2021" in first
    ids = [of["id"] for _, of in found.elements if "id" in of]
    assert len(ids) == len(set(ids))
    assert {str(of["href"])[1:] for of in found.tags("a")} <= set(ids)


def test_headings_go_down_one_level_at_a_time(tmp_path: Path) -> None:
    for tried in (None, 4):
        found = read(write_evaluation(tmp_path / str(tried), tried=tried))
        levels = [int(name[1]) for name, _ in found.elements if re.fullmatch(r"h[1-6]", name)]
        assert levels[0] == 1 == levels.count(1)
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_an_unfinished_one_says_so_and_shows_the_means_so_far(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path, tried=5)
    found = read(run)
    harmless(found)
    assert _sections(found) == ["summary", "matrix", "cost", "settings"]
    assert "what is missing here was never done" in found.text
    assert "30 of 72 tries done" in found.text
    for cell in load_so_far(run):
        assert cell.mean is not None
        assert f"{cell.skill}{cell.model}{100 * cell.mean:.1f} %55 of 12" in found.text


def test_how_far_a_cell_is_counts_its_own_tries_and_no_other_ones(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path, tried=3, skills=("old", "old-2", "new"))
    plan, view = evaluation_of(run), load_view(run).view
    assert plan
    cells = so_far(plan, view, 1)
    assert [(c.skill, c.model) for c in cells] == list(itertools.product(("old", "old-2", "new"), ("small", "large")))
    assert {(c.tasks, c.done, c.failed, c.planned) for c in cells} == {(3, 3, 0, TASKS)}
    view.units["validate/validation-old@small-t004"] = "failed"
    view.units["validate/validation-old@small-t003"] = "reused"
    assert so_far(plan, view, 1)[0][3:] == (3, 3, 1, TASKS)
    view.scores = {}
    assert so_far(plan, view, 1)[0].mean is None


def test_fewer_tasks_than_asked_for_are_fewer_tries(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path, tried=3)
    plan, view = evaluation_of(run), load_view(run).view
    assert plan
    view.stages["validate"].units = 6 * 9
    assert {cell.planned for cell in so_far(plan, view, 1)} == {9}


def test_html_in_tasks_messages_and_transcripts_is_shown_as_text(tmp_path: Path) -> None:
    for n, payload in enumerate(PAYLOADS):
        run = write_evaluation(tmp_path / str(n), said=f" {payload}", skills=("old", "new"))
        found = read(run)
        harmless(found)
        assert found.text.count(payload) > 10


def test_a_table_that_names_other_folders_opens_none_of_them(tmp_path: Path) -> None:
    run, outside = write_evaluation(tmp_path), tmp_path / "outside"
    folder = run.round(1).path / "validation"
    (folder / "old@small").rename(outside)
    table = json.loads(read_text(matrix_file(run)))
    text = json.dumps(table).replace('"small"', '"../../../../outside"').replace('"validation"', '"../.."')
    write_text(matrix_file(run), text)
    html = page(gather(run))
    harmless(Read(html))
    first = html[html.index('<details id="task-c1-0"') :].split("</details>")[0]
    assert "This try was not kept" in first


@pytest.mark.parametrize("text", ["[", '{"format": 2}', "{}"])
def test_a_table_that_cannot_be_read_is_told_in_its_place(tmp_path: Path, text: str) -> None:
    run = write_evaluation(tmp_path)
    write_text(matrix_file(run), text)
    found = read(run)
    harmless(found)
    assert "Cannot be read: evaluation.json" in found.text
    assert str(tmp_path) not in found.text
    assert "settings" in _sections(found)


def test_scores_that_cannot_be_read_cost_the_transcripts_and_not_the_table(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path)
    write_text(run.round(1).scores, "no score\n")
    found = read(run)
    harmless(found)
    assert "Cannot be read: rounds/1/scores.jsonl:1" in found.text
    assert "Paired tests" in found.text
    assert "tasks" not in _sections(found)


def test_a_large_evaluation_with_long_transcripts_stays_below_five_megabytes(tmp_path: Path) -> None:
    skills = tuple(f"skill-{n}" for n in range(9))
    run = write_evaluation(tmp_path, skills=skills, said=" <b>&" * 400)
    html = page(gather(run))
    assert len(html.encode()) < 5_000_000
    assert html.count("<details id=") > 100


# --- Markdown -----------------------------------------------------------------------------------------------------


def test_markdown_has_the_matrix_and_the_tasks_by_name(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path)
    matrix = load_matrix(run)
    assert matrix
    text = markdown(run, COMMENT)
    assert text.startswith(f"# Evaluation `{run.id}`: finished\n")
    assert "| skill | small | large |" in text
    one = matrix.comparisons[0]
    assert f"- small: fixed by new against old: {', '.join(f'`{task}`' for task in one.fixed)}" in text
    assert "lesson" not in text


def test_markdown_of_an_unfinished_one_says_so(tmp_path: Path) -> None:
    text = markdown(write_evaluation(tmp_path, tried=5))
    assert ": lost\n" in text or ": running\n" in text
    assert "Means so far" in text
    assert "| 5 of 12 |" in text


def test_markdown_of_hostile_words_holds_no_html_link_or_mention(tmp_path: Path) -> None:
    said = "".join(PAYLOADS) + " [x](http://taken.example) @someone www.taken.example | a | b |"
    run = write_evaluation(tmp_path, said=f" {said}")
    table = json.loads(read_text(matrix_file(run)))
    for cell in table["cells"]:
        cell["model"], cell["lost"] = f"{cell['model']}{said}", [f"date-001: {said}"]
    write_text(matrix_file(run), json.dumps({**table, "notes": [said]}))
    text = markdown(run, COMMENT)
    assert len(text) <= COMMENT
    tokens = [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]
    assert not [token for token in tokens if token.type in ("link_open", "image")]
    assert {token.content.strip() for token in tokens if token.type.startswith("html_")} <= {"<!-- -->"}


def test_a_run_that_is_no_evaluation_is_not_so_far(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_text(run.config, dump_toml({"format": 1, "kind": "run"}))
    assert read_toml(run.config)["kind"] == "run"
    assert load_so_far(run) == ()
