"""Blame: where each line of a skill comes from, also over several rounds and after edits by hand.

    blame_run(run) -> Blame         the run's result
    blame_skill(folder, runs)       a skill in a run folder, or a copy of one whose run is looked for in `runs`

`provenance.json` knows one round. A line that a round found in its S0 is followed back, round by round, to the edit
that wrote it. A line that the run did not make is a person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workspace.edits.patch import Edit, Replace, edit_text, loads_patch
from workspace.edits.place import Refusal, place
from workspace.errors import InputError
from workspace.files import read_text
from workspace.origins.origins import Maker, find_origin, folder_made_by, maker_before, s0_of
from workspace.origins.provenance import Origin, load_provenance, quotes_table
from workspace.reports.summary import first_skill, result_skill
from workspace.runs.run import RunFolder
from workspace.skills.skill import Skill, load_skill, split_lines

_WHERE = re.compile(r"(.+?):(\d+)(?:-(\d+))?")


class Blamed(Origin):
    """A line with its origin. `round` (0: the first skill, or nobody's) and `seed` say where `edit` and `lessons` are,
    `side` which candidate of these it is.

    `by` is `hand` for a line that the run did not make. `support` counts the tasks behind the edit, `reason` is
    what its merger said. `was_text` is what the edit took away, on the first line that it put in its place.
    """

    by: Literal["run", "hand"] = "run"
    run: str = ""
    round: int = 0
    seed: int = 0
    side: str = ""
    support: int = 0
    reason: str = ""
    was_text: str = ""

    def table(self) -> dict[str, Any]:
        """As plain data, ready for JSON."""
        return self.model_dump(exclude={"trajectories", "was"}) | {"trajectories": quotes_table(self.trajectories)}


class Blame(NamedTuple):
    """A skill's lines in order, the run that made it, and the folder that was read."""

    run: RunFolder
    folder: Path
    files: tuple[str, ...]
    lines: tuple[Blamed, ...]


Rows = Mapping[str, Sequence[Blamed]]


def blame_run(run: RunFolder) -> Blame:
    """The lines of the run's result. Raises `InputError` when there is none yet."""
    folder = result_skill(run)
    if folder is None:
        raise InputError(f"run {run.id} has no result yet; `t2s show {run.id}` says how far it is")
    return _blame(run, folder, folder_made_by(run, folder))


def blame_skill(folder: Path, runs: Path) -> Blame:
    """The lines of the skill in `folder`: of the run it lies in, else of the run in `runs` that made most of it.

    Raises `SkillError` for a folder that is no skill, and `InputError` when no run made it.
    """
    found = find_origin(folder, runs)
    return _blame(found.run, folder, found.maker)


def select(blame: Blame, where: str) -> tuple[Blamed, ...]:
    """The lines that FILE, FILE:LINE or FILE:LINE-LINE names. Raises `InputError` with the files or lines there are."""
    found = None if where in blame.files else _WHERE.fullmatch(where)
    file, first, last = found.groups() if found else (where, None, None)
    if file not in blame.files:
        raise InputError(f"no file {file!r} in {blame.folder.name}; there are: {', '.join(blame.files)}")
    lines = tuple(line for line in blame.lines if line.file == file)
    if first is None:
        return lines
    start, end = int(first), int(last or first)
    if not 1 <= start <= end:
        raise InputError(f"{where!r}: lines count from 1, and the first comes first: {file}:2-5")
    if end > len(lines):
        raise InputError(f"{file} has {len(lines)} lines; there is no line {end}")
    return lines[start - 1 : end]


def alone(where: str) -> bool:
    """Does `where` name one line only?"""
    found = _WHERE.fullmatch(where)
    return bool(found and (found[3] is None or found[3] == found[2]))


def _blame(run: RunFolder, folder: Path, maker: Maker) -> Blame:
    skill = load_skill(folder)
    known = _rows(run, maker)
    lines = [row for file, text in skill.texts() for row in _overlaid(run, file, _bare(text), known.get(file, ()))]
    return Blame(run, folder, tuple(file for file, _ in skill.texts()), tuple(lines))


def _overlaid(run: RunFolder, file: str, texts: Sequence[str], known: Sequence[Blamed]) -> list[Blamed]:
    """What `file` holds now: known lines where they are, the others by hand."""
    same = aligned([row.text for row in known], texts)
    rows: list[Blamed] = []
    for number, (text, old) in enumerate(zip(texts, same, strict=True), 1):
        if old is None:
            rows.append(Blamed(file=file, line=number, text=text, author="human", by="hand", run=run.id))
        else:
            rows.append(known[old].model_copy(update={"line": number}))
    return rows


def aligned(old: Sequence[str], new: Sequence[str]) -> list[int | None]:
    """For each line of `new` the line of `old` it is, counted from 0; None for one that is not there.

    Blank lines go with the lines beside them: they are no place to begin from.
    """
    if list(old) == list(new):
        return list(range(len(new)))
    same: list[int | None] = [None] * len(new)
    for a, b, size in SequenceMatcher(_blank, old, new, autojunk=False).get_matching_blocks():
        same[b : b + size] = range(a, a + size)
    return same


# --- round by round -----------------------------------------------------------------------------------------------


def _rows(run: RunFolder, maker: Maker) -> Rows:
    """Every line of what `maker` made, followed back through the rounds before."""
    if not maker.round:
        return _first_rows(run)
    before = _rows(run, maker_before(run, maker))
    origins = _origins(run, maker)
    edits, s0 = _edits(run, maker, origins), _s0(run, maker)
    rows: dict[str, list[Blamed]] = {}
    for origin in origins:
        rows.setdefault(origin.file, []).append(_blamed(run, maker, origin, edits))
    for file, lines in rows.items():
        _tell_what_went(lines, s0, edits)
        rows[file] = _with_neighbours(_followed(lines, before.get(file, ())))
    return rows


def _first_rows(run: RunFolder) -> Rows:
    folder = first_skill(run)
    if folder is None:
        raise InputError(f"run {run.id} has no first skill; `t2s show {run.id}` says how far it is")
    return {
        file: [
            Blamed(file=file, line=n, text=line, author="s0", was=n, run=run.id)
            for n, line in enumerate(_bare(text), 1)
        ]
        for file, text in load_skill(folder).texts()
    }


def _origins(run: RunFolder, maker: Maker) -> list[Origin]:
    path = maker.folder(run).provenance
    if not path.is_file():
        raise InputError(f"run {run.id} has no {path.relative_to(run.path)}; `t2s resume {run.id}` settles it again")
    return load_provenance(read_text(path), path)


def _edits(run: RunFolder, maker: Maker, origins: Sequence[Origin]) -> dict[str, Edit]:
    """The edits behind the lines: those that were applied, and parts of a page, which stand where they were made.

    Of one that is nowhere any more the support is not known.
    """
    seed = maker.folder(run)
    edits = _in_patch(seed.patch)
    units = {name.rpartition("-E")[0] for name in {origin.edit for origin in origins} - {"", *edits}}
    for unit in sorted(unit for unit in units if "/" not in unit):
        for folder in (seed.patches, seed.tree):
            edits = _in_patch(folder / f"{unit}.toml") | edits
    return edits


def _in_patch(path: Path) -> dict[str, Edit]:
    return {edit.id: edit for edit in loads_patch(read_text(path), path).edits} if path.is_file() else {}


def _s0(run: RunFolder, maker: Maker) -> Skill | None:
    folder = s0_of(run, maker)
    return load_skill(folder) if folder else None


def _blamed(run: RunFolder, maker: Maker, origin: Origin, edits: Mapping[str, Edit]) -> Blamed:
    fields = {name: getattr(origin, name) for name in Origin.model_fields}
    if not origin.edit:
        return Blamed(**fields, run=run.id)
    edit = edits.get(origin.edit)
    support, reason = (len(edit.support), edit.reason) if edit else (0, "")
    return Blamed(
        **fields, run=run.id, round=maker.round, seed=maker.folder(run).number, side=maker.side,
        support=support, reason=reason,
    )  # fmt: skip


def _tell_what_went(lines: list[Blamed], s0: Skill | None, edits: Mapping[str, Edit]) -> None:
    """Put what a replacing edit took away on the first line that it wrote."""
    told: set[str] = set()
    for at, line in enumerate(lines):
        edit = edits.get(line.edit)
        if s0 and isinstance(edit, Replace) and edit.id not in told and edit_text(edit).strip():
            told.add(edit.id)
            lines[at] = line.model_copy(update={"was_text": _taken(s0, edit)})


def _taken(s0: Skill, edit: Replace) -> str:
    span = place(s0, edit)
    if isinstance(span, Refusal):
        return ""
    return "\n".join(_bare(s0.text(span.file) or "")[span.start : span.end]).strip("\n")


def _followed(lines: Sequence[Blamed], before: Sequence[Blamed]) -> list[Blamed]:
    """Lines of S0 with the origin they had there. A file from before `was` is matched by its text."""
    found = [line for line in lines if line.author == "s0"]
    if not any(line.was for line in found):
        same = aligned([line.text for line in before], [line.text for line in lines])
        was = {line.line: old + 1 for line, old in zip(lines, same, strict=True) if old is not None}
    else:
        was = {line.line: line.was for line in found}
    return [_earlier(line, before, was.get(line.line, 0)) if line.author == "s0" else line for line in lines]


def _earlier(line: Blamed, before: Sequence[Blamed], was: int) -> Blamed:
    if not 1 <= was <= len(before):
        return line
    return before[was - 1].model_copy(update={"line": line.line, "was": was})


def _with_neighbours(lines: list[Blamed]) -> list[Blamed]:
    """A blank line that moved belongs to the edit that wrote the lines on both sides, if one did."""
    out = list(lines)
    for at in range(1, len(lines) - 1):
        line, above, below = lines[at], out[at - 1], lines[at + 1]
        between = above.edit and (above.edit, above.round) == (below.edit, below.round)
        if between and not line.was and not line.edit and not line.text.strip():
            out[at] = above.model_copy(update={"line": line.line, "text": line.text, "was_text": ""})
    return out


def _blank(line: str) -> bool:
    return not line.strip()


def _bare(text: str) -> list[str]:
    return [line.rstrip("\r\n") for line in split_lines(text)]
