"""Every screen as it was when somebody last looked at it and found it right; a change shows row by row.

After a wanted change: `T2S_SNAPSHOTS=write pytest tests/t2s_tui/test_snapshots.py`, then look at `git diff`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import pytest

from screenshots.take import SCREENS
from t2s_tui.app import T2SApp
from t2s_tui.theme import Look
from tests.t2s_tui.evaluations import write_evaluation
from tests.t2s_tui.recorded import write_run
from tests.t2s_tui.snapshots import check, drawn
from workspace.runs.run import RunFolder, engine_lock, load_view

KEYS = {"evaluation": ("2",)}
"""Of screens that are no picture of the README."""
NARROW, MIDDLE, WIDE = (80, 24), (120, 36), (200, 50)


class Shot(NamedTuple):
    """A screen (a name of screenshots/take.py), its size, and the moment of the run it shows."""

    screen: str
    size: tuple[int, int]
    moment: str = "merging"
    palette: str = "dark"
    ascii: bool = False

    @property
    def name(self) -> str:
        parts = [self.screen, f"{self.size[0]}x{self.size[1]}"]
        parts += [self.moment] if self.moment != "merging" else []
        parts += [self.palette] if self.palette != "dark" else []
        return "-".join([*parts, *(["ascii"] if self.ascii else [])])


SHOTS = (
    *(Shot("live", size) for size in (NARROW, MIDDLE, WIDE)),
    *(Shot("live", size, "finished") for size in (NARROW, MIDDLE)),
    Shot("live", NARROW, "analysing"),
    Shot("live", NARROW, palette="mono"),
    Shot("live", NARROW, ascii=True),
    *(Shot(screen, NARROW) for screen in ("lessons", "ideas", "tree", "text", "engine", "stop", "help")),
    *(Shot(screen, size) for screen in ("agent", "lesson", "node") for size in (NARROW, MIDDLE)),
    *(Shot(screen, size, "finished") for screen in ("diff", "verdict") for size in (NARROW, MIDDLE, WIDE)),
)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_a_screen_is_as_it_was(shot: Shot, tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", shot.moment)
    check(shot.name, await _picture(run, shot))


@pytest.mark.parametrize("size", [NARROW, MIDDLE, WIDE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("tried", [5, None], ids=["trying", "finished"])
async def test_an_evaluation_shows_its_matrix_in_place_of_lessons_and_tree(
    size: tuple[int, int], tried: int | None, tmp_path: Path
) -> None:
    run = write_evaluation(tmp_path / "runs", tried=tried)
    shot = Shot("evaluation", size, "finished" if tried is None else "trying")
    check(shot.name, await _picture(run, shot))


async def _picture(run: RunFolder, shot: Shot) -> str:
    view, look = load_view(run).view, Look(shot.palette, shot.ascii)
    with contextlib.nullcontext() if view.ended else engine_lock(run):
        app = T2SApp(run.path.parent, run, now=lambda: view.now, look=look)
        async with app.run_test(size=shot.size) as pilot:
            await pilot.pause(0.2)
            for key in KEYS.get(shot.screen) or SCREENS[shot.screen]:
                await pilot.press(key)
                await pilot.pause(0.2)
            await pilot.pause(0.3)
            return drawn(app.export_screenshot(), look, shot.size)
