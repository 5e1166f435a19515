"""Pictures of the real app: a recorded run folder is opened by it and its screens are saved as SVG and PNG.

    python screenshots/take.py [--run RUN] [--out DIR] [--sizes 80x24 120x36 200x50] [--screens live lesson …]

Without --run a made-up run is used (tests/t2s_tui/recorded.py): one in the middle of merging, and the same finished.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from t2s_tui.app import T2SApp  # noqa: E402
from t2s_tui.theme import Look  # noqa: E402
from workspace.runs.run import RunFolder, engine_lock, load_view  # noqa: E402

SCREENS: dict[str, tuple[str, ...]] = {
    "home": ("escape",),
    "live": (),
    "lessons": ("2",),
    "ideas": ("2", "i"),
    "tree": ("3",),
    "text": ("4",),
    "engine": ("5",),
    "agent": ("enter",),
    "lesson": ("2", "enter"),
    "edit": ("2", "e"),
    "node": ("3", "j", "enter"),
    "new-run": ("escape", "n"),
    "diff": ("d",),
    "verdict": ("v",),
    "help": ("question_mark",),
    "palette": ("colon",),
    "stop": ("X",),
}
FINISHED = {"diff", "verdict"}
MONO = ("DejaVu Sans Mono", "JetBrains Mono", "Fira Code", "Liberation Mono", "Noto Sans Mono")


class Shot(NamedTuple):
    """One picture: which screen at which size."""

    screen: str
    columns: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.screen}-{self.columns}x{self.rows}"


def main() -> int:
    options = parse()
    font = monospace_font()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        runs = recorded(Path(temporary), options.run)
        for size in options.sizes:
            columns, rows = map(int, size.split("x"))
            for screen in options.screens:
                shot = Shot(screen, columns, rows)
                svg = asyncio.run(picture(runs, shot, Look(options.theme, options.ascii)))
                (out / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
                (out / f"{shot.name}.png").write_bytes(png(svg, font))
                print(f"{out / shot.name}.png")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", help="a run folder (default: a made-up one)")
    parser.add_argument("--out", default=str(ROOT / "screenshots" / "out"))
    parser.add_argument("--sizes", nargs="+", default=["80x24", "120x36", "200x50"])
    parser.add_argument("--screens", nargs="+", default=list(SCREENS), choices=list(SCREENS))
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--ascii", action="store_true")
    return parser.parse_args()


def recorded(folder: Path, given: str | None) -> dict[str, RunFolder]:
    """The runs that stand on the screens: `now` and `finished`. A given run is copied, so that it stays as it is."""
    if given:
        copy = folder / "runs" / Path(given).resolve().name
        shutil.copytree(given, copy)
        return {"now": RunFolder(copy), "finished": RunFolder(copy)}
    from tests.t2s_tui.recorded import write_run

    runs = folder / "runs"
    return {
        "now": write_run(runs, "merging"),
        "finished": write_run(runs, "finished", name="2026-11-17-0930-xlsx-a41"),
    }


async def picture(runs: dict[str, RunFolder], shot: Shot, look: Look) -> str:
    """The SVG of one screen, once it stands still."""
    run = runs["finished" if shot.screen in FINISHED else "now"]
    view = load_view(run).view
    with held(run, alive=not view.ended):
        app = T2SApp(run.path.parent, run, now=lambda: view.now, look=look)
        async with app.run_test(size=(shot.columns, shot.rows)) as pilot:
            await pilot.pause(0.3)
            for key in SCREENS[shot.screen]:
                await pilot.press(key)
                await pilot.pause(0.2)
            await pilot.pause(0.5)
            return app.export_screenshot(title=f"t2s {run.id}")


@contextlib.contextmanager
def held(run: RunFolder, alive: bool) -> Iterator[None]:
    """While a picture of a working run is taken its lock is held, as its engine did."""
    if not alive:
        yield
        return
    with engine_lock(run):
        yield


def monospace_font() -> str:
    """A monospace font of this machine with the shapes that the screens use."""
    found = subprocess.run(["fc-list", ":spacing=100", "family"], capture_output=True, text=True, check=False).stdout
    families = {name.strip() for line in found.splitlines() for name in line.split(",")}
    for name in MONO:
        if name in families:
            return name
    raise SystemExit(f"no monospace font was found; install one of {', '.join(MONO)} (Debian: fonts-dejavu-core)")


def png(svg: str, font: str) -> bytes:
    """The picture as a PNG, twice as large; the web font of the SVG is replaced by one that is here."""
    import re

    import resvg_py

    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    svg = svg.replace("Fira Code", font).replace("font-family: Fira Code, monospace", f"font-family: {font}")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=1, font_family=font, monospace_family=font))


if __name__ == "__main__":
    raise SystemExit(main())
