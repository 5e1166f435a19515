"""The tools of an analyst that looks for a fix: its fix is run and scored by the program, and it reports at the end.

The analyst never scores anything itself. `evaluate` takes the one file that holds its fix, runs it on a private copy of
what the failed agent had left, and asks the domain's verifier about that copy. What passes there is marked by the
program, in the run's own record; nothing that the analyst can write to holds the mark, the verifier or the expected
answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.react.tool import Seen
from engine.sandbox.base import Limits, Sandbox
from engine.sandbox.folder import clear, read_out
from workspace.errors import InputError, SandboxError
from workspace.trajectory import Outcome

FIXES = {"fix.sh": ("bash", "fix.sh"), "fix.py": ("python3", "fix.py")}
"""The file that a fix may be, and how it is run."""
FIX_BYTES = 64 * 1024
ANSWER = "answer.txt"
"""What a fix writes where the result is words."""
ANSWER_BYTES = 256 * 1024
ANYWAY = (
    "The verifier passes what your fix makes, but this time it passes what the failed agent left as well, without your "
    "fix. So the fix proves nothing; look at what changes from one time to the next."
)


class Fix(NamedTuple):
    """The file that an analyst wrote its fix into."""

    name: str
    text: str


class Workbench(NamedTuple):
    """Where fixes are tried: `copy` makes the private copy anew, `score` asks the verifier about it (`answer` is what
    the fix wrote as words, else what the failed agent had said). `hidden`: can a command see no file of the host's?
    Only then could the fix not have read the expected answer, and may it be marked.
    """

    sandbox: Sandbox
    limits: Limits
    mine: Path
    trial: Path
    copy: Callable[[], Awaitable[None]]
    score: Callable[[str | None], Awaitable[Outcome]]
    hidden: Callable[[], bool]


class Evaluate:
    """Runs the fix on a private copy and says what the verifier finds."""

    name = "evaluate"
    about = (
        "Runs your fix (fix.sh or fix.py in your folder) on a fresh copy of what the failed agent left, and says "
        "whether the verifier passes what comes of it. It takes nothing: the place of the result is fixed."
    )
    argument = ""
    leaves_traces = False

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    async def use(self, text: str) -> Seen:
        """The verifier's word, as `mark` the fix that passed."""
        found = written(self._bench.mine)
        if not isinstance(found, Fix):
            return Seen(found, error=True)
        try:
            return await self._tried(found)
        except (InputError, SandboxError) as fault:
            return Seen(f"the fix could not be tried: {fault}", error=True)

    async def _tried(self, fix: Fix) -> Seen:
        bench = self._bench
        await bench.copy()
        clear(bench.trial / ANSWER)
        clear(bench.trial / fix.name)
        (bench.trial / fix.name).write_text(fix.text)
        hidden = bench.hidden()  # asked before and after: where the fix runs may change meanwhile
        ran = await bench.sandbox.run(FIXES[fix.name], bench.trial, bench.limits)
        outcome = await bench.score(_answer(bench.trial))
        said = f"\nYour fix printed:\n{ran.output.strip()}" if ran.output.strip() else ""
        ended = "" if ran.code == 0 else f" Your fix ended with {'the clock' if ran.code is None else ran.code}."
        if outcome.status == "pass":
            if await self._passes_anyway():
                return Seen(ANYWAY, error=True)
            mark = f"{fix.name}\n{fix.text}" if hidden and bench.hidden() else ""
            return Seen(f"PASS: the verifier passes what your fix makes.{ended}{said}", mark=mark)
        return Seen(f"{outcome.status.upper()}: {outcome.message or 'no reason given'}.{ended}{said}", error=True)

    async def _passes_anyway(self) -> bool:
        """Does what the failed agent left pass by now, as it is? Some verifiers do not say the same thing twice."""
        await self._bench.copy()
        return (await self._bench.score(None)).status == "pass"


class Report:
    """Ends the work with what was found. `read` turns the text into findings or raises with what to send instead."""

    name = "report"
    about = "Ends your work with what you found, as JSON."
    argument = "findings"
    leaves_traces = False

    def __init__(self, read: Callable[[str], object], passed: Callable[[], bool]) -> None:
        self._read = read
        self._passed = passed
        self._warned = False

    async def use(self, text: str) -> Seen:
        """The end, unless the text is no report, or nothing passed and the analyst was not yet told what that means."""
        try:
            self._read(text)
        except ValueError as fault:
            return Seen(str(fault), error=True)
        if not self._passed() and not self._warned:
            self._warned = True
            return Seen(
                "No fix of yours has passed `evaluate`, so your cause is a guess and teaches nothing. Go on looking, "
                "or report once more to end without a lesson.",
                error=True,
            )
        return Seen("Reported.", end=True)


def written(folder: Path) -> Fix | str:
    """The fix in an analyst's folder, or what to do where there is none that can be read."""
    found: Sequence[str] = [name for name in FIXES if (folder / name).exists() or (folder / name).is_symlink()]
    if len(found) != 1:
        there = "both are there; remove one" if found else "there is none"
        return f"write your fix into fix.sh or fix.py in your folder, then evaluate: {there}"
    try:
        content = read_out(folder, found[0], FIX_BYTES)
    except InputError as fault:
        return f"{found[0]} cannot be read as a fix: {fault}"
    return Fix(found[0], content.decode("utf-8", "replace"))


def _answer(trial: Path) -> str | None:
    """What the fix wrote as words; None where it wrote none."""
    if not (trial / ANSWER).exists():
        return None
    return read_out(trial, ANSWER, ANSWER_BYTES).decode("utf-8", "replace")
