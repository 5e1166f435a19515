"""A person's own word on a candidate, beside the program's verdict: `rounds/N/decision.toml`.

    format = 1
    decision = "accept"          or "reject"
    who = "kim"
    time = "2026-11-22T14:05:00+00:00"
    why = "the two broken tasks are wrong themselves"
    skill = "3f2a…"              digest of the candidate that was looked at

A face writes it, no engine does. It counts only for the candidate it was said of: once that is made anew, the word is
kept and shown, and nothing follows from it. `result_skill` (workspace/reports/summary.py) is what follows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workspace.errors import InputError
from workspace.files import dump_toml, read_toml, remove, write_text
from workspace.runs.run import RoundFolder, RunFolder, SeedFolder
from workspace.skills.skill import load_skill

Word = Literal["accept", "reject"]
LONGEST = 1_000  # characters of a reason


class ByHand(BaseModel):
    """What somebody decided, when and why. `skill` is the digest of the candidate they decided on."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = 1
    decision: Word
    who: str = ""
    time: str = ""
    why: str = ""
    skill: str = ""


def decision_file(round: RoundFolder) -> Path:
    """Where a person's word on a round stands."""
    return round.path / "decision.toml"


def judged_round(run: RunFolder) -> RoundFolder | None:
    """The last round that has a verdict: the one that a person's word is about."""
    return next((each for each in reversed(run.rounds()) if each.verdict.is_file()), None)


def candidate_of(round: RoundFolder) -> Path | None:
    """The folder of the round's candidate, of several the one that the verdict is on; None before there is one."""
    return next((skill for side in sides_by_choice(round) if (skill := only_skill(side.candidate))), None)


def sides_by_choice(round: RoundFolder) -> list[SeedFolder]:
    """The round's candidates, the one that the verdict is on first."""
    chosen, sides = judged_side(round), round.sides()
    return sorted(sides, key=lambda side: side.name != chosen)


def judged_side(round: RoundFolder) -> str:
    """The name of the candidate that the verdict is on; empty before there is one."""
    return str(read_toml(round.verdict).get("side", "")) if round.verdict.is_file() else ""


def shown_sides(round: RoundFolder) -> list[SeedFolder]:
    """One candidate of each seed, for whoever counts its lessons once: the one that the verdict is on, else the first
    that is settled."""
    return [shown_side(round, seed) for seed in round.seeds()]


def shown_side(round: RoundFolder, seed: SeedFolder) -> SeedFolder:
    """The candidate of one seed that is shown; the folder of the seed itself before one is settled."""
    sides = [side for side in seed.sides() if side.ledger.is_file()]
    if len(sides) < 2:
        return sides[0] if sides else seed
    chosen = judged_side(round)
    return next((side for side in sides if side.name == chosen), sides[0])


def only_skill(parent: Path) -> Path | None:
    """The skill's folder below `parent`; None where there is none."""
    return next((folder for folder in sorted(parent.glob("*")) if (folder / "SKILL.md").is_file()), None)


def read_decision(round: RoundFolder) -> ByHand | None:
    """A person's word on the round; None without one. Raises `InputError` with the file and the key."""
    file = decision_file(round)
    if not file.is_file():
        return None
    try:
        return ByHand.model_validate(read_toml(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{file}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from error


def stands(round: RoundFolder, said: ByHand) -> bool:
    """Is the candidate still the one that `said` is about? A file written by a person need not name it."""
    folder = candidate_of(round)
    return folder is not None and (not said.skill or load_skill(folder).digest == said.skill)


def word_on(run: RunFolder) -> ByHand | None:
    """What a person decided on the run's last candidate as it is now; None where nobody did. Raises `InputError`."""
    round = judged_round(run)
    said = read_decision(round) if round else None
    return said if round and said and stands(round, said) else None


def standing_word(round: RoundFolder) -> Word | None:
    """What a person decided on the candidate as it is now; None where nobody did."""
    said = read_decision(round)
    return said.decision if said and stands(round, said) else None


def decide(run: RunFolder, decision: Word, *, who: str, why: str) -> ByHand:
    """Put down a person's word on the last verdict, in place of an earlier one. Raises `InputError` without a verdict
    or a candidate."""
    round = judged_round(run)
    if round is None:
        raise InputError(f"run {run.id} has no verdict yet; `t2s show {run.id}` says how far it is")
    folder = candidate_of(round)
    if folder is None:
        raise InputError(
            f"run {run.id} has made no candidate in round {round.path.name}: there is nothing to {decision}"
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = ByHand(
        decision=decision, who=who, time=now, why=" ".join(why.split())[:LONGEST], skill=load_skill(folder).digest
    )
    write_text(decision_file(round), dump_toml(said.model_dump()))
    return said


def withdraw(run: RunFolder) -> bool:
    """Take a person's word back; the verdict alone counts again. False where there was none."""
    round = judged_round(run)
    if round is None or not decision_file(round).is_file():
        return False
    remove(decision_file(round))
    return True
