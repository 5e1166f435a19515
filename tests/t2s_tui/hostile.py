"""Texts that would act on a terminal if they reached it, and a real run in which every free text is one of them."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from t2s_tui.people import workplace
from workspace.files import dump_toml, read_toml, write_text
from workspace.runs import events as e
from workspace.runs.live import LiveWriter
from workspace.runs.run import RunFolder, SeedFolder

ROOT = Path(__file__).resolve().parents[2]
MB = 1_000_000
CODED = "T1dORUQhT1dORUQh"
"""In base64, as every payload wants it on the clipboard: a copy of ours never holds it."""
TEXTS = (
    "\x1b[31mOWNED\x1b[0m\x1b[3J\x1b[6n\x1b[5i", f"\x1b]52;c;{CODED}\x07", "\x1b]0;TAKEN\x07\x1b]2;TAKEN\x1b\\",
    "\x1b]8;;http://taken.example\x1b\\a link\x1b]8;;\x07",
    "\x1bP1$rTAKEN\x1b\\\x1b_TAKEN\x1b\\\x1b^TAKEN\x1b\\\x1bXTAKEN\x1b\\",
    "\x9b31mC1\x9d0;C1\x9c\x90q\x9c\x9fC1\x9c\x85", "\x1b]52;c;" + "QUFB" * 300, "\x1bc\x1b7\x1b(0\x1b#8\x1b=\x1b",
    "[red]markup[/] [@click=app.quit]go[/] [/] [/nothing] [b", "[$error]{{x}} {0} %s \\[x] [link=http://x]y",
    "\u202egnirts\u2066x\u2069\u200f\u061c", "a\u200bb\u200dc\ufeff\u2060\U000e0041\U000e007f\u00ad\u180e\u3164",
    "nul\x00bell\x07back\x08\x08\x08del\x7fvt\x0bff\x0cesc\x1b", "\r\rover\rwrite\r\n\r\nlines\u2028\u2029\x85",
    "a" + "\u0301" * 300 + "ก" + "\u0e34" * 300 + "\u20dd" * 50, "数式のセル👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈❤️🇩🇪👍🏽ｗｉｄｅ",
    "\t\ttabs\tand\ttabs",
    "\ufffe\uffff\ue000\U0010ffff", "\x1b[200~paste\x1b[201~\r\nrm -rf ~\r\n", "“—quotes—” ﷽ ꧅",
)  # fmt: skip
HALVES = "half \ud800 and \udfff"
"""What JSON can say and no file can hold."""
NAME = "2026-\x1b[31mOWNED\x07[red]\u202e\x9b数"
ACTS = frozenset("\u202e\u2066\u2069\u200f\u061c\u200b\u200d\ufeff\u2060\u00ad\u180e\x7f\u2028\u2029") | {
    chr(n) for n in (*range(32), *range(0x80, 0xA0), *range(0xE0000, 0xE0080))
}
FREE = frozenset(
    (
        *(
            "text",
            "title",
            "claim",
            "why",
            "message",
            "sentence",
            "words",
            "quote",
            "input",
            "wrong",
            "right",
            "detail",
        ),
        *("action", "reason", "reasoning", "endpoint", "model", "skill", "domain", "expected", "got", "name", "about"),
        *("said", "who", "finish"),
    )
)
"""Keys whose values are free text in a run's files."""
TASKS = frozenset(("task", "tasks", "support", "fixed", "broken"))
MARK = "\x1b[31m\u202e[red]"


def write_hostile_run(runs: Path, *, large: bool = False) -> RunFolder:
    """The recorded run with a payload behind every free text; with `large` some are a megabyte as well."""
    run = RunFolder(runs / NAME)
    with tarfile.open(ROOT / "screenshots" / "recorded.tar.xz") as archive:
        archive.extractall(run.path, filter="data")
    run.view.unlink(missing_ok=True)
    spoil = Spoiler(large)
    for path in sorted(path for path in run.path.rglob("*") if path.suffix in (".toml", ".jsonl", ".json", ".md")):
        spoil.file(path)
    _more_events(run)
    _judged(run)
    _live_text(run, large)
    seed = workplace(run)
    assert seed is not None
    _skills(run, seed, spoil)
    _people(seed, spoil)
    return run


def break_names(run: RunFolder) -> None:
    """Files of a skill with names that no skill should have, and with bytes that are no text."""
    seed = workplace(run)
    assert seed is not None
    for folder in (run.skill(0), seed.candidate):
        pages = os.fsencode(next(path for path in folder.iterdir() if path.is_dir()) / "references")
        for n, text in enumerate((*TEXTS, "\udcff\udc9b31m")):
            name = f"{n:02d}{text}".replace("/", "").replace("\x00", "")[:40]
            Path(os.fsdecode(pages), name + ".md").write_bytes(
                f"{folder}\n".encode(errors="replace") + b"\x00\xff\x9b31m"
            )


def break_files(run: RunFolder) -> None:
    """What cannot be read at all: torn, binary, of another shape; each with a payload where an error would quote it."""
    seed = workplace(run)
    assert seed is not None
    torn = f'format = 1\nid = "{CODED}\x1b]52;c;{CODED}\x07\n'.encode()
    for path in (
        *sorted(seed.patches.glob("*.toml"))[::2],
        *seed.tree.glob("m2*.toml"),
        *seed.lessons.glob("*3-L1.toml"),
    ):
        path.write_bytes(torn)
    run.round(1).assessed("t004").write_bytes(torn)
    run.round(1).verdict.write_bytes(b"decision = [\x1b[31m\n")
    run.round(1).scores.write_bytes(b"\xff\xfe\n[[[\n")
    seed.ledger.write_bytes(b'{"what": "\x1b[31m"}\n')
    seed.violations.write_bytes(b"\x00\x01\x02")
    seed.provenance.write_bytes(b"[" * 100_000)
    for path in sorted((run.path / "agents").glob("*.jsonl"))[::2]:
        path.write_bytes(
            b"\x80\x81\x1b[31m\n" + b"[" * 100_000 + b"\n\x00\n" + b'{"turn": 1e999, "text": 7}\n7\n"x"\n[]\n'
        )
    for path in sorted(run.round(1).trajectories.glob("*.jsonl"))[::2]:
        path.write_bytes(b'{"format": "\x1b]0;TAKEN\x07"}\n')


class Spoiler:
    """Puts another payload behind every free text of a file."""

    def __init__(self, large: bool) -> None:
        self._payloads: Iterator[str] = cycle(TEXTS)
        self._large: Iterator[str] = cycle(("x" * MB, "表" * (MB // 3), "\x1b[31m" * (MB // 5), "y\n" * 20_000))
        self._lines = 0
        self._is_large = large

    def payload(self) -> str:
        self._lines += 1
        return next(self._large) if self._is_large and self._lines % 400 == 3 else next(self._payloads)

    def file(self, path: Path) -> None:
        if path.suffix == ".toml":
            path.write_text(dump_toml(self.value("", read_toml(path))))
        elif path.suffix == ".md":
            path.write_text(path.read_text() + "".join(f"- rule: {text}\n" for text in TEXTS))
        elif path.suffix == ".json":
            path.write_text(json.dumps(self.value("", json.loads(path.read_text()))))
        else:
            rows = [self.value("", json.loads(line)) for line in path.read_text().splitlines()]
            if path.parent.name == "agents":
                rows.append(
                    {"turn": 9, "role": f"tool{HALVES}", "text": HALVES, "tokens": "\x1b[31m", "finish": "\x07"}
                )
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def value(self, key: str, value: Any) -> Any:
        match value:
            case dict():
                return {name: self.value(name, one) for name, one in value.items()}
            case list():
                return [self.value(key, one) for one in value]
            case str() if key in TASKS:
                return f"{value}{MARK}"
            case str() if key in FREE:
                return f"{value} {self.payload()}"
            case _:
                return value


def _more_events(run: RunFolder) -> None:
    """Of every kind that has words, at a time when agents are at work."""
    agents = [f"analyst-t{n:03d}" for n in range(1, len(TEXTS) + 1)]
    found: list[e.Event] = []
    for n, (text, agent) in enumerate(zip(TEXTS, agents, strict=True)):
        unit = agent[8:]
        found += [
            e.AgentQueued(agent=agent, role="analyst", unit=unit if n % 3 else f"{unit}{text}", stage="analyse"),
            e.AgentStarted(agent=agent),
            e.AgentSpoke(agent=agent, tokens=n, words=text),
            e.LessonLearned(lesson=f"{text}-L1", title=text, support=n),
            e.LessonInvalid(lesson=f"t00{n % 9 + 1}-L1", reason=text),
            e.MergePlanned(node=f"m1-{text}", level=1, children=(text, f"t00{n % 9 + 1}")),
            e.MergeFailed(node=f"m1-{text}", reason=text),
            e.EditMerged(edit=f"m1-01-E{text}", node="m1-01", sources=1, support=n, text=text),
            e.EditDropped(edit=f"x{n}", node="m1-01", reason=text),
            e.GuardFlagged(rule=text, severity=text, file=text, message=text),
            e.NoteLeft(text=text),
            e.KnobTurned(key=text, before=text, after=text, who=text),
            e.UnitFailed(unit=text, stage="analyse", reason=text),
            e.EndpointResting(endpoint=text, seconds=1e6, reason=text),
            e.EndpointLost(endpoint=text, reason=text),
            e.ScoreMeasured(split="test", side=f"s{n}", task=text, status="pass", score=1.0),
            e.UsageCounted(calls=n, prompt=n, completion=n, lanes={text: (n, n + 1)}),
            e.BudgetReached(cap=text, limit=n, detail=text),
            e.WorkerJoined(node=text, cores=n + 1, level=text, version=text),
            e.WorkerJoined(node=f"lost {text}", cores=1),
            e.WorkerLost(node=f"lost {text}", reason=text),
            e.WorkerRefused(node=f"refused {text}", reason=text),
        ]
        found += [e.CallRetried(agent=agent, attempt=1, failure=text, reason=text, wait=1e6)] if n % 4 == 0 else []
        found += [e.AgentFailed(agent=agent, reason=text)] if n % 5 == 0 else []
    seq = 100_000
    with run.journal.open("ab") as journal:
        for n, event in enumerate(found):
            stamped = event.model_copy(update={"seq": seq + n, "time": 1_795_500_000.0, "t": 9_000.0})
            journal.write(e.dump_event(stamped).encode() + b"\n")


def _judged(run: RunFolder) -> None:
    """What a model said of how trajectories ended, those too that nobody would have asked one about."""
    round = run.round(1)
    for path, text in zip(sorted(round.trajectories.glob("t*.jsonl")), cycle(TEXTS), strict=False):
        said = {"key": text, "trajectory": text, "model": text, "status": "fail", "reason": "\n".join(TEXTS), "turn": 3}
        write_text(round.assessed(path.stem), dump_toml(said))
    asked = round.trajectory("t004")
    asked.write_text(asked.read_text().rpartition('{"outcome"')[0] + '{"outcome": {"status": "unknown"}}\n')


def _live_text(run: RunFolder, large: bool) -> None:
    writer = LiveWriter(run, full=64 * MB)
    for n, text in enumerate(TEXTS, 1):
        writer.say(f"analyst-t{n:03d}", f"{text}\n{text[: len(text) // 2]}")
        writer.flush()
        writer.say(f"analyst-t{n:03d}", text[len(text) // 2 :])  # a sequence may come in two pieces
        writer.flush()
    if large:
        writer.say("analyst-t002", "z" * MB)
        writer.say("analyst-t003", "{" * MB)
    writer.flush()
    with run.live(1).open("ab") as file:
        file.write(b'{"a": "analyst-t001", "s": "\\ud800\\u001b[31m"}\n\xff\x00\x1b[31m\n')


def _skills(run: RunFolder, seed: SeedFolder, spoil: Spoiler) -> None:
    """Both sides of the diff hold pages of payloads."""
    for folder, side in ((run.skill(0), "before"), (seed.candidate, "after")):
        skill = next(path for path in folder.iterdir() if path.is_dir())
        pages = skill / "references"
        pages.mkdir(exist_ok=True)
        for n, text in enumerate(TEXTS):
            (pages / f"{n:02d}.md").write_text(f"# {side}\n\n{text}\n{spoil.payload()}\n")
        (pages / "large.md").write_text(f"{side}\n{'x' * MB}{side}\n")


def _people(seed: SeedFolder, spoil: Spoiler) -> None:
    """Lessons of people's own: changed ones, new ones with names of their own, and some that do not parse."""
    seed.edits.mkdir(exist_ok=True)
    for n, path in enumerate(sorted(seed.lessons.glob("*.toml"))[:6]):
        changed = {**read_toml(path), "title": TEXTS[n], "claim": TEXTS[n + 1] + "\nin two lines", "base": TEXTS[n]}
        (seed.edits / path.name).write_text(dump_toml(changed))
    quotes = [
        {"trajectory": text, "turn": n, "quote": text} for n, text in enumerate((*TEXTS, "t003:4:5", "t" * 5_000))
    ]
    own = {"format": 1, "id": "H001", "title": "own", "claim": TEXTS[0], "author": "human", "evidence": quotes}
    (seed.edits / "H001.toml").write_text(dump_toml(own))
    for n, text in enumerate(TEXTS):
        name = f"H{n + 2:03d}{text}".replace("/", "").replace("\x00", "")[:40]
        (seed.edits / f"{name}.toml").write_text(f"title = {text}\n" if n % 2 else spoil.payload(), newline="")
    Path(os.fsdecode(os.fsencode(seed.edits) + b"/H900\xff\x1b[31m.toml")).write_bytes(b"\xff\xfe\x00\x1b[31m")
