"""Pictures of the real app: the recorded run is opened in it at chosen moments, and its screens saved as SVG and PNG.

    python screenshots/take.py                every screen at 80x24, 120x36 and 200x50, into screenshots/out
    python screenshots/take.py --readme       the pictures of the README, the animated one too
    python screenshots/take.py --run RUN --screens live lesson --sizes 100x30 --theme light

The run (screenshots/recorded.tar.xz) is `t2s demo` with the embedded model, as its engine left it. Whatever a picture
needs is done to a copy.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from t2s_tui.app import T2SApp  # noqa: E402
from t2s_tui.palettes import BACKS  # noqa: E402
from t2s_tui.replay import Replay  # noqa: E402
from t2s_tui.screens.live import LiveScreen  # noqa: E402
from t2s_tui.theme import Look  # noqa: E402
from workspace.runs.run import RunFolder, runs_in  # noqa: E402

RECORDED = HERE / "recorded.tar.xz"
NAME = "2026-11-23-0844-house-date-f1e"
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
    "editing": ("2", "e"),
    "node": ("3", "j", "enter"),
    "edit": ("3", "enter", "j", "enter"),
    "new-run": ("escape", "n"),
    "diff": ("d",),
    "blame": ("d", *"jjjjjjj", "b"),
    "verdict": ("v",),
    "compare": ("v", "enter"),
    "help": ("question_mark",),
    "palette": ("colon",),
    "stop": ("X",),
}
"""Each screen and the keys that lead to it from a run's own."""
ANALYSING, MERGING, FINISHED = 0.5, 0.645, 1.0
MOMENTS = {
    **dict.fromkeys(("home", "new-run", "lesson", "edit", "node", "diff", "blame", "verdict", "compare"), FINISHED),
    **dict.fromkeys(("ideas", "tree"), MERGING),
}
"""Where on the record (0…1) a screen is taken; the others while analysts are at work."""
SIZES = ("80x24", "120x36", "200x50")
MONO = ("DejaVu Sans Mono", "JetBrains Mono", "Fira Code", "Liberation Mono", "Noto Sans Mono")
FILM = (80, 24)
FILM_MOMENTS = (0.03, 0.985, 34)
"""The animated picture: from where to where on the record, in how many steps; then it rests on the verdict."""
FILM_WIDTH = 760
FILM_SHADES = (1.0, 0.6, 0.3)
"""How much of an ink its pixels hold: whole ones, and those at the edges of letters."""


class Shot(NamedTuple):
    """One picture: which screen, at which size."""

    screen: str
    columns: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.screen}-{self.columns}x{self.rows}"


README = (Shot("live", 120, 36), Shot("blame", 120, 36), Shot("verdict", 120, 36))


def main() -> int:
    options = parse()
    font, look = monospace_font(), Look(options.theme, options.ascii)
    out = HERE if options.readme else Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    shots = README if options.readme else [_shot(screen, size) for size in options.sizes for screen in options.screens]
    with tempfile.TemporaryDirectory() as folder:
        run = unpacked(Path(folder), options.run)
        for shot in shots:
            svg = asyncio.run(picture(run, shot, look))
            if not options.readme:
                (out / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
            (out / f"{shot.name}.png").write_bytes(png(svg, font))
            print(out / f"{shot.name}.png")
        if options.readme:
            frames = asyncio.run(film(run, look))
            (out / "live.gif").write_bytes(gif([png(svg, font) for svg in frames], look))
            print(out / "live.gif")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", help="a run folder (default: the recorded one)")
    parser.add_argument("--out", default=str(HERE / "out"))
    parser.add_argument("--readme", action="store_true", help="the README's pictures, into their place")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--screens", nargs="+", default=list(SCREENS), choices=list(SCREENS))
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--ascii", action="store_true")
    return parser.parse_args()


def _shot(screen: str, size: str) -> Shot:
    columns, rows = map(int, size.split("x"))
    return Shot(screen, columns, rows)


def unpacked(folder: Path, given: str | None) -> RunFolder:
    """A copy of the recorded run, or of a given one."""
    if given:
        return RunFolder(Path(shutil.copytree(given, folder / "runs" / Path(given).resolve().name)))
    with tarfile.open(RECORDED) as archive:
        archive.extractall(folder / "runs" / NAME, filter="data")
    return runs_in(folder / "runs")[0]


async def picture(run: RunFolder, shot: Shot, look: Look) -> str:
    """The SVG of one screen, once it stands still."""
    async with opened(run, (shot.columns, shot.rows), look, MOMENTS.get(shot.screen, ANALYSING)) as (app, pilot, _):
        for key in SCREENS[shot.screen]:
            await pilot.press(key)
            await pilot.pause(0.2)
        await pilot.pause(0.6)
        return app.export_screenshot(title=f"t2s {run.id}")


async def film(run: RunFolder, look: Look) -> list[str]:
    """The run as a sequence of pictures, the verdict at its end."""
    first, last, steps = FILM_MOMENTS
    frames: list[str] = []
    async with opened(run, FILM, look, first) as (app, pilot, replay):
        for step in range(steps):
            await pilot.press({int(steps * 0.42): "2", int(steps * 0.6): "3", int(steps * 0.7): "1"}.get(step, "f13"))
            await show(app, replay, first + (last - first) * step / (steps - 1))
            frames.append(app.export_screenshot(title="t2s demo"))
        await show(app, replay, FINISHED)
        await pilot.press("v")
        await pilot.pause(0.6)
        return [*frames, *[app.export_screenshot(title="t2s demo")] * 10]


@asynccontextmanager
async def opened(run: RunFolder, size: tuple[int, int], look: Look, moment: float):
    """The app on the run's live screen, as it was at that moment; the clock stands still."""
    replay = Replay(run, lambda: 0.0)
    replay.live = True
    app = T2SApp(run.path.parent, look=look)
    async with app.run_test(size=size) as pilot:
        app.feed = replay
        await app.push_screen(LiveScreen(replay))
        await show(app, replay, moment)
        await pilot.pause(0.3)
        yield app, pilot, replay


async def show(app: T2SApp, replay: Replay, moment: float) -> None:
    replay.player.seek(moment * replay.player.end)
    app.screen.pull(replay.poll())  # pyright: ignore[reportAttributeAccessIssue]
    await asyncio.sleep(0.05)


def monospace_font() -> str:
    """A monospace font of this machine with the shapes that the screens use."""
    found = subprocess.run(["fc-list", ":spacing=100", "family"], capture_output=True, text=True, check=False).stdout
    families = {name.strip() for line in found.splitlines() for name in line.split(",")}
    for name in MONO:
        if name in families:
            return name
    raise SystemExit(f"no monospace font was found; install one of {', '.join(MONO)} (Debian: fonts-dejavu-core)")


def png(svg: str, font: str) -> bytes:
    """The picture as a PNG; the web font of the SVG is replaced by one that is here."""
    import resvg_py

    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    svg = svg.replace("Fira Code", font).replace("font-family: Fira Code, monospace", f"font-family: {font}")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=1, font_family=font, monospace_family=font))


def gif(frames: Sequence[bytes], look: Look) -> bytes:
    """An endless animation, four frames a second, in the colours of the palette alone so that it stays small."""
    from PIL import Image

    whole = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = (FILM_WIDTH, round(FILM_WIDTH * whole[0].height / whole[0].width))
    pictures = [picture.resize(size, Image.Resampling.LANCZOS) for picture in whole]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in _colours(look) for part in colour])
    reduced = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    out = io.BytesIO()
    reduced[0].save(out, "GIF", save_all=True, append_images=reduced[1:], duration=250, loop=0, optimize=True)
    return out.getvalue()


def _colours(look: Look) -> list[tuple[int, ...]]:
    """Every ink and background, and the shades between an ink and the ground it is on."""
    inks = {name: bytes.fromhex(said.lstrip("#")) for name, said in look.palette.inks.items()}
    ground = inks["back"]
    texts = [colour for name, colour in inks.items() if name not in BACKS]
    shades = [
        tuple(round(b + (t - b) * part) for t, b in zip(text, ground, strict=True))
        for text in texts
        for part in FILM_SHADES
    ]
    return list(dict.fromkeys([*(tuple(inks[name]) for name in BACKS), *shades]))


if __name__ == "__main__":
    raise SystemExit(main())
