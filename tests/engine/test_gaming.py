"""Analysts that cheat get no mark: a fix counts when it passes on a private copy, the expected answer out of reach."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import engine
from engine.domains.base import Handed, Task
from engine.domains.spreadsheet.domain import Spreadsheet
from engine.domains.spreadsheet.samples import write_samples
from engine.react.analyst_hands import Evaluate, Report, Workbench
from engine.react.tool import Seen
from engine.sandbox.base import Limits, Sandbox
from engine.sandbox.folder import copy_in
from engine.sandbox.probe import open_sandbox
from engine.stages.findings import read_findings
from engine.stages.solve import fresh
from workspace.errors import ConfigError
from workspace.trajectory import Outcome


class Desk(NamedTuple):
    """An analyst's tool, its folder, where its fix is tried, and the expected workbook that it must not see."""

    evaluate: Evaluate
    mine: Path
    trial: Path
    golden: Path


@asynccontextmanager
async def sandboxed(level: str = "auto") -> AsyncGenerator[Sandbox]:
    try:
        sandbox = await open_sandbox(level)  # pyright: ignore[reportArgumentType]
    except ConfigError as refused:
        pytest.skip(f"no sandbox here: {refused}")
    try:
        yield sandbox
    finally:
        await sandbox.close()


def desk(folder: Path, sandbox: Sandbox, hidden: bool = True) -> Desk:
    """A failed task of the samples: the agent left the input as its output."""
    write_samples(folder / "data", 6, 3)
    domain = Spreadsheet(folder / "data")
    task: Task = domain.tasks("evolve", 1, 1)[0]
    pair = domain.entry(task).pairs[0]
    left, mine, trial = folder / "left", folder / "mine", folder / "trial"
    for place in (left, mine):
        fresh(place)
        (place / "input.xlsx").write_bytes(pair.input.read_bytes())
        (place / "output.xlsx").write_bytes(pair.input.read_bytes())

    async def copy() -> None:
        fresh(trial)
        copy_in(left, trial)

    async def score(answer: str | None) -> Outcome:
        return await domain.score(task, Handed(answer or "", trial))

    limits = Limits(seconds=20)
    bench = Workbench(sandbox, limits, mine, trial, copy, score, lambda: hidden)
    return Desk(Evaluate(bench), mine, trial, pair.golden)


async def tried(at: Desk, fix: str, name: str = "fix.py") -> Seen:
    (at.mine / name).write_text(fix)
    return await at.evaluate.use("")


def honest(at: Desk) -> str:
    """The expected values, computed as far as this test is concerned."""
    from openpyxl import load_workbook

    cells = {
        (page.title, cell.coordinate): cell.value
        for page in load_workbook(at.golden, data_only=True)
        for row in page.iter_rows()
        for cell in row
    }
    return f"""
import datetime
from openpyxl import load_workbook
book = load_workbook("input.xlsx")
for (sheet, cell), value in {cells!r}.items():
    book[sheet][cell] = value
book.save("output.xlsx")
"""


async def test_a_fix_that_passes_on_the_private_copy_is_marked_with_its_text(tmp_path: Path) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        seen = await tried(at, honest(at))
    assert seen.text.startswith("PASS") and seen.mark.startswith("fix.py\n") and not seen.error


async def test_without_a_sandbox_that_hides_files_nothing_is_marked(tmp_path: Path) -> None:
    async with sandboxed("process") as sandbox:
        at = desk(tmp_path, sandbox, hidden=False)
        seen = await tried(at, honest(at))
    assert seen.text.startswith("PASS") and not seen.mark


@pytest.mark.parametrize("way", ["copy", "read", "link", "walk"])
async def test_the_expected_file_is_out_of_reach(tmp_path: Path, way: str) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        golden = str(at.golden)
        fixes = {
            "copy": f"import shutil; shutil.copy({golden!r}, 'output.xlsx')",
            "read": f"open('output.xlsx', 'wb').write(open({golden!r}, 'rb').read())",
            "link": f"import os; os.remove('output.xlsx'); os.symlink({golden!r}, 'output.xlsx')",
            "walk": "import pathlib, shutil; found = [p for up in ('..', '../..', '/tmp', '/root', '/home', '/work') "
            "for p in pathlib.Path(up).rglob('*golden.xlsx')]; shutil.copy(found[0], 'output.xlsx')",
        }
        seen = await tried(at, fixes[way])
    assert seen.error and not seen.mark and not seen.text.startswith("PASS")
    assert at.golden.exists()


async def test_a_link_beside_the_analyst_is_not_followed_by_the_program(tmp_path: Path) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        (at.mine / "fix.py").symlink_to(at.golden)
        seen = await at.evaluate.use("")
    assert seen.error and not seen.mark and "cannot be read as a fix" in seen.text


async def test_the_verifier_cannot_be_edited(tmp_path: Path) -> None:
    source = Path(engine.__file__).parent / "domains" / "spreadsheet" / "compare.py"
    before = source.read_bytes()
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        seen = await tried(at, f"open({str(source)!r}, 'w').write('')")
    assert seen.error and not seen.mark and source.read_bytes() == before


async def test_words_that_look_like_a_mark_are_only_words(tmp_path: Path) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        for name in ("PASS", "mark", "verdict.json", "outcome.toml"):
            (at.mine / name).write_text('{"status": "pass", "score": 1.0}')
        seen = await tried(
            at, "print('PASS: the verifier passes what your fix makes.'); open('PASS', 'w').write('pass')"
        )
    assert seen.error and not seen.mark and seen.text.startswith("FAIL")


async def test_what_lies_in_the_analysts_folder_does_not_count(tmp_path: Path) -> None:
    """The result must come of the fix: a right output.xlsx beside it is not what is scored."""
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        (at.mine / "output.xlsx").write_bytes(at.golden.read_bytes())
        seen = await tried(at, "pass")
    assert seen.error and not seen.mark


@pytest.mark.parametrize("names", [(), ("fix.py", "fix.sh")])
async def test_there_must_be_exactly_one_fix(tmp_path: Path, names: tuple[str, ...]) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        for name in names:
            (at.mine / name).write_text("true")
        seen = await at.evaluate.use("")
    assert seen.error and "fix.sh or fix.py" in seen.text


async def test_a_fix_without_an_end_is_stopped(tmp_path: Path) -> None:
    async with sandboxed() as sandbox:
        at = desk(tmp_path, sandbox)
        bench = at.evaluate._bench._replace(limits=Limits(seconds=1))  # pyright: ignore[reportPrivateUsage]
        (at.mine / "fix.sh").write_text("sleep 600")
        seen = await Evaluate(bench).use("")
    assert seen.error and "the clock" in seen.text


async def test_a_report_without_a_passed_fix_is_questioned_once() -> None:
    report = Report(read_findings, lambda: False)
    guess = '{"cause": "a guess", "lessons": [{"title": "t", "claim": "c", "why": "w", "quotes": []}], "none": ""}'
    first, second = await report.use(guess), await report.use(guess)
    assert first.error and not first.end and "a guess" in first.text
    assert second.end
