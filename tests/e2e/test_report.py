"""`t2s report` on real runs, whatever state they are in; and the page in a real browser without a network."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.browser import Page, chromium, find_chromium
from tests.shell import Shell, scripted, wait_until
from tests.t2s_tui.evaluations import write_evaluation
from tests.workspace.report_pages import PAYLOADS, Read, html_run, recorded, spoil_tasks
from workspace.reports.html.gather import gather
from workspace.reports.html.page import page
from workspace.reports.markdown import COMMENT, markdown
from workspace.runs.run import alive
from workspace.runs.start import starter_skill

browser_needed = pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed")


def _evolved(shell: Shell, url: str, *more: object) -> None:
    shell.t2s(
        "run", "--skill", shell.skill(), "--domain", "house:date", "--evolve", 12, "--validation", 12, "--test", 12,
        "--base-url", url, "--model", "scripted", *more,
    )  # fmt: skip


def test_a_run_becomes_one_file_in_its_own_folder(shell: Shell, fast: str) -> None:
    _evolved(shell, fast, "--price-prompt", 1, "--price-completion", 2)
    done = shell.t2s("report", "last")
    file = shell.run().path / "report.html"
    assert (done.code, done.err) == (0, "")
    assert (shell.cwd / done.out.strip()).resolve() == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = Read(file.read_text())
    table = shell.t2s("show", "last", "--json").json
    sums = (f"{table['lessons']['learned']} lessons learnt", f"{table['calls']:,}", f"{table['cost']:.4f}")
    for words in (*sums, "accepted", "First skill", "domain.family"):
        assert words in found.text, words


def test_the_calls_of_all_stages_add_up_to_those_of_the_run(shell: Shell, fast: str) -> None:
    _evolved(shell, fast)
    used = gather(shell.run()).spending.value
    assert used
    tokens = sum(row.calls for row in used.stages), sum(row.prompt for row in used.stages)
    table = shell.t2s("show", "last", "--json").json
    assert tokens == (table["calls"], table["tokens"]["prompt"])
    assert {row.stage for row in used.stages if row.calls} >= {"rollout", "analyse", "propose", "merge", "validate"}


def test_a_named_file_can_be_read_by_others_and_markdown_goes_to_stdout(shell: Shell, fast: str) -> None:
    shell.t2s("run", "--skill", shell.skill(), "--traces", shell.traces(), "--base-url", fast, "--model", "scripted")
    done = shell.t2s("report", "last", "-o", "out.html")
    assert (done.code, done.out) == (0, "out.html\n")
    assert stat.S_IMODE((shell.cwd / "out.html").stat().st_mode) == 0o644
    assert "not validated" in Read((shell.cwd / "out.html").read_text()).text
    done = shell.t2s("report", "last", "--markdown")
    assert done.out.startswith("# ledger: finished\n")
    assert "**Verdict: not validated.**" in done.out
    assert "```diff" in done.out
    assert (shell.run().path / "report.md").read_text() == done.out


def test_a_run_that_is_held_has_a_report_that_says_so(shell: Shell, fast: str) -> None:
    traces = ("--traces", shell.traces())
    shell.t2s(
        "run", "--skill", shell.skill(), *traces, "--base-url", fast, "--model", "scripted", "--hold-after", "analyse"
    )
    assert shell.t2s("report", "last").code == 0
    words = Read((shell.run().path / "report.html").read_text()).text
    assert "what is missing here" in words
    assert "Nothing has been merged yet." in words
    assert "There is no result yet" in words


def test_an_evaluation_has_a_report_in_its_middle_and_at_its_end(shell: Shell) -> None:
    words = ["eval", "--domain", "house:date", "--skill", starter_skill("date"), "none", "--tasks", 6, "--limit", 1]
    with scripted("--latency", 2) as url:
        assert shell.t2s(*words, "--base-url", url, "--model", "scripted", "--detach").code == 0
        run = shell.run()
        wait_until(lambda: len(list(run.path.glob("rounds/1/validation/*/t*.jsonl"))) >= 2, 60, "two tries")
        assert shell.t2s("report", "last").code == 0
        middle = Read((run.path / "report.html").read_text()).text
        assert "Means so far" in middle and "The run goes on while you read" in middle
        assert "Means so far" in shell.t2s("report", "last", "--markdown").out
        wait_until(lambda: not alive(run), 90, "its end")
    assert shell.t2s("report", "last").code == 0
    end = Read((run.path / "report.html").read_text()).text
    assert "Paired tests" in end and "Means so far" not in end
    assert (run.path / "report.md").read_text() == shell.t2s("report", "last", "--markdown").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "no run 'nobody'"),
        (("last", "-o", "."), "name the file that the report goes into"),
        (("last", "-o", "no/such/file.html"), "there is no folder no/such"),
        (("last", "--markdown", "--open"), "--open shows the HTML file"),
    ],
)
def test_a_wrong_word_is_answered_with_one_sentence(shell: Shell, words: tuple[str, ...], said: str) -> None:
    recorded(shell.runs)
    done = shell.t2s("report", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_without_a_display_the_report_is_written_and_its_place_told(shell: Shell) -> None:
    run = recorded(shell.runs)
    done = shell.t2s("report", "last", "--open")
    assert done.code == 0
    assert (run.path / "report.html").is_file()
    assert "no browser can be opened from here" in done.err


def test_markdown_of_a_hostile_run_holds_no_html_link_or_mention_of_its_own(tmp_path: Path) -> None:
    run = html_run(tmp_path)
    spoil_tasks(run)
    text = markdown(run, COMMENT)
    assert len(text) <= COMMENT
    tokens = [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]
    assert not [token for token in tokens if token.type in ("link_open", "image")]
    html = {token.content.strip() for token in tokens if token.type in ("html_block", "html_inline")}
    assert html <= {"<details><summary>What changed in the skill</summary>", "</details>", "<!-- -->"}
    texts = [token.content for token in tokens if token.type == "text"]
    assert any(text.endswith("http:") for text in texts)
    assert not [text for text in texts if re.search(r"https?://|@\w", text)]


# --- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    run = html_run(tmp_path)
    spoil_tasks(run)
    place = tmp_path / "report.html"
    place.write_text(page(gather(run)))
    return place


async def _is_wide(page: Page) -> bool:
    return bool(await page.value("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@browser_needed
@pytest.mark.parametrize(("width", "height", "dark"), [(1400, 900, False), (800, 600, True), (390, 800, False)])
async def test_a_hostile_page_opens_offline_without_a_complaint_or_a_request(
    tmp_path: Path, file: Path, width: int, height: int, dark: bool
) -> None:
    async with chromium(tmp_path) as browser:
        shown = await browser.open(file, width=width, height=height, dark=dark)
        assert (shown.complaints, shown.requests) == ([], [file.as_uri()])
        assert not await _is_wide(shown)
        assert await shown.value("document.querySelectorAll('main section').length") == 9
        ground = await shown.value("getComputedStyle(document.documentElement).backgroundColor")
        assert (ground == "rgb(21, 23, 26)") is dark


@browser_needed
async def test_pointing_at_an_added_line_shows_what_it_rests_on(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(gather(recorded(tmp_path))))
    async with chromium(tmp_path) as browser:
        shown = await browser.open(file)
        seen = (
            "[...document.querySelectorAll('.tip')].filter((tip) => tip.checkVisibility()).map((tip) => tip.innerText)"
        )
        assert await shown.value(seen) == []
        await shown.value("document.documentElement.style.scrollBehavior = 'auto'")
        await shown.value("document.querySelector('.from').scrollIntoView({block: 'center'})")
        at = "document.querySelector('.from').getBoundingClientRect()"
        await shown.point(*await shown.value(f"[{at}.x + 90, {at}.y + 9]"))
        (tip,) = await shown.value(seen)
        assert tip.startswith("edit ")
        await shown.point(2, 2)
        await shown.value("document.querySelector('.from').focus()")
        assert len(await shown.value(seen)) == 1


@browser_needed
async def test_a_filter_leaves_the_lessons_that_have_the_words(tmp_path: Path, file: Path) -> None:
    async with chromium(tmp_path) as browser:
        shown = await browser.open(file)
        await shown.value(
            "(() => { const field = document.querySelector('input'); field.value = 't003-L1';"
            " field.dispatchEvent(new Event('input')) })()"
        )
        rows = "[...document.querySelectorAll('#lessons details.row')].filter((row) => !row.hidden).length"
        assert 1 <= await shown.value(rows) < 5


@browser_needed
async def test_paper_is_white_and_shows_lessons_and_origins(tmp_path: Path, file: Path) -> None:
    async with chromium(tmp_path) as browser:
        shown = await browser.open(file, dark=True)
        await shown.look(800, 1100, True, "print")
        assert await shown.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        claims = "[...document.querySelectorAll('#lessons .print .claim')].filter((x) => x.checkVisibility())"
        assert await shown.value(f"{claims}.length") == await shown.value(
            "document.querySelectorAll('#lessons .print .claim').length"
        )
        assert await shown.value("document.querySelector('.tip').checkVisibility()")
        assert not await shown.value("document.querySelector('nav').checkVisibility()")
        assert (await shown.paper()).startswith(b"%PDF")


@browser_needed
@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, True)])
async def test_the_page_of_a_hostile_evaluation_opens_offline_and_is_no_wider_than_the_window(
    tmp_path: Path, width: int, dark: bool
) -> None:
    run = write_evaluation(tmp_path / "runs", said="".join(PAYLOADS))
    file = tmp_path / "report.html"
    file.write_text(page(gather(run)))
    async with chromium(tmp_path) as browser:
        shown = await browser.open(file, width=width, dark=dark)
        assert (shown.complaints, shown.requests) == ([], [file.as_uri()])
        assert not await _is_wide(shown)
        assert await shown.value("document.querySelectorAll('main section').length") == 5
        await shown.value("document.querySelector('#matrix td a').click()")
        opened = "[...document.querySelectorAll('details[open]')].map((each) => each.id)"
        assert await shown.value(opened) == ["task-c1-0"]
        await shown.look(800, 1100, dark, "print")
        assert await shown.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert (await shown.paper()).startswith(b"%PDF")
