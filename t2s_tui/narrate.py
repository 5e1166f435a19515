"""A run in words: events as sentences, a summary as lines. Pure; no terminal, no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from t2s_tui.text import LONGEST, cut, safe, unsaid
from workspace.reports.matrix import Matrix
from workspace.reports.matrix_text import matrix_lines
from workspace.reports.nodes import nodes_said
from workspace.runs import events as e
from workspace.runs.evaluation import KIND
from workspace.runs.events import Event
from workspace.runs.view import RunView
from workspace.runs.view_rows import WorkerRow

BY_CONSTRUCTION = (
    "The baseline knows nothing of the house's convention, so 0 % without the skill is by construction; "
    "what counts is how much the evolved skill reaches on tasks it has never seen."
)
FOLD = 10.0
"""Seconds in which an agent's retries are told once."""
REASON = 72
_PLACE = re.compile(r"(?:(?<![\w.-])[\w.-]+ at )?(?<!\w)\w+://\S*[^\s:;,.)](?: \(model [^)]*\))?")


class Narrator:
    """Tells events as lines. Keeps the view, so that a line can say how far things are."""

    def __init__(self, view: RunView | None = None) -> None:
        self.view = view or RunView()
        self._retried: dict[str, float] = {}

    def tell(self, event: Event) -> str | None:
        """The line for `event`, without control characters; None when it is not worth one."""
        self.view.apply(event)
        words = self._words(event)
        return f"{self._clock(event)}  {safe(words)}" if words else None

    def still(self) -> str:
        """A line for a long silence: what is being worked on."""
        view = self.view
        rows = [(name, row) for name, row in view.stages.items() if row.entered and not row.left]
        stages = ", ".join(f"{name} {row.done}/{row.units}" for name, row in rows) or "starting"
        agents = f"{view.count('running') - len(view.retrying)} agents at work"
        agents += f", {len(view.retrying)} waiting to try again" if view.retrying else ""
        return f"   …   {stages}; {agents}, {view.usage.completion:,} tokens written"

    def _clock(self, event: Event) -> str:
        seconds = max(0, int(event.time - self.view.began)) if self.view.began else 0
        return f"{seconds // 60:>3}:{seconds % 60:02d}"

    def _words(self, event: Event) -> str:
        return _of_the_run(event) or self._of_the_work(event) or _of_the_result(event) or self._of_the_machine(event)

    def _of_the_machine(self, event: Event) -> str:
        return self._retry(event) if isinstance(event, e.CallRetried) else _of_the_machine(event)

    def _retry(self, event: e.CallRetried) -> str:
        """A call that is tried again and again is told once in ten seconds, with how often it was."""
        if event.time - self._retried.get(event.agent, -FOLD) < FOLD:
            return ""
        self._retried[event.agent] = event.time
        times = f", attempt {event.attempt} failed" if event.attempt > 1 else ""
        when = f" in {event.wait:.0f} s" if event.wait >= 1 else ""
        return f"{event.agent} tries again{when} ({event.failure}{times}): {brief(event.reason)}"

    def _of_the_work(self, event: Event) -> str:
        match event:
            case e.StageEntered():
                return f"{event.stage}: {_count(event.units, 'unit')}" if event.units else f"{event.stage}: starts"
            case e.StageLeft():
                return self._stage_done(event.stage)
            case e.TrajectorySaved():
                return f"{event.trajectory} {'judged ' if event.judged else ''}{event.status}  {event.task}"
            case e.LessonLearned():
                marks = f"{'verified' if event.verified else 'unverified'}{'' if event.quoted else ', unquoted'}"
                return f"lesson {event.lesson} ({marks}): {event.title}"
            case e.LessonTried():
                aside = f"; set aside: {event.against}" if event.against else ""
                return f"lesson {event.lesson} tried: {event.told}{aside}"
            case e.LessonEdited():
                return f"lesson {event.lesson} {'added' if event.added else 'edited'} by a person: {event.title}"
            case e.LessonDropped() | e.LessonPinned() | e.LessonRestored():
                return f"lesson {event.lesson} {event.kind.partition('.')[2]}"
            case e.LessonInvalid():
                return f"lesson {event.lesson} cannot be read: {event.reason}"
            case e.PatchProposed():
                return f"patch {event.patch}: {_count(event.edits, 'edit')} from {_count(event.lessons, 'lesson')}"
            case e.UnitFailed():
                return f"{event.stage} {event.unit} failed: {event.reason}"
            case _:
                return ""

    def _stage_done(self, stage: str) -> str:
        row = self.view.stages[stage]
        extra = [f"{row.reused} reused"] if row.reused else []
        extra += [f"{row.failed} failed"] if row.failed else []
        return f"{stage}: done, {row.done}/{row.units}" + (f" ({', '.join(extra)})" if extra else "")


def _of_the_run(event: Event) -> str:
    match event:
        case e.RunStarted():
            where = f" at {event.endpoint}" if event.endpoint else ""
            return f"run {event.run}: skill {event.skill}, model {event.model}{where}"
        case e.RunResumed():
            return "resumed by a new engine" if event.fresh else "resumed"
        case e.RunPausing():
            return f"pausing ({event.why}): {_count(event.in_flight, 'call')} in flight"
        case e.RunPaused():
            return f"paused: {event.detail or event.why}"
        case e.RunStopped():
            return f"stopped: {event.why}" if event.why else "stopped"
        case e.RunFinished():
            return f"{event.state}" + (f": {event.detail}" if event.detail else "")
        case e.RunFailed():
            return f"failed: {event.reason}"
        case _:
            return ""


def _of_the_result(event: Event) -> str:
    match event:
        case e.MergeDone():
            dropped = f", {event.dropped} dropped" if event.dropped else ""
            carried = f", {event.carried} carried up unchanged" if event.carried else ""
            return f"merge {event.node}: {event.edits_in} → {event.edits_out} edits{dropped}{carried}"
        case e.MergeFailed():
            return f"merge {event.node} failed: {event.reason}"
        case e.EditWithheld() | e.EditQuarantined():
            return f"edit {event.edit} {event.kind.partition('.')[2]}: {event.reason}"
        case e.GuardFlagged():
            kind = "inherited " if event.inherited else ""
            return f"{kind}{event.severity} {event.where} {event.rule}: {event.message}"
        case e.PatchRepaired():
            return f"{event.edits} refused edits worded anew"
        case e.PatchApplied():
            return f"patch applied: {_count(event.edits, 'edit')} in {_count(event.files, 'file')}"
        case e.TestOpened():
            return f"test opened: {_count(event.tasks, 'task')}, once"
        case e.VerdictReached():
            return f"verdict {event.decision}: {unsaid(event.sentence, event.decision)}"
        case e.SkillAccepted() | e.SkillRejected():
            return f"skill {event.skill} {event.kind.partition('.')[2]} (by {event.by})"
        case _:
            return ""


def _of_the_machine(event: Event) -> str:
    match event:
        case e.AgentFailed():
            return f"{event.agent} failed: {event.reason}"
        case e.EndpointLost():
            return f"endpoint lost: {event.reason}"
        case e.EndpointBack():
            return "endpoint is back"
        case e.EndpointResting():
            return f"endpoint {event.endpoint} rests for {event.seconds:.0f} s: {brief(event.reason)}"
        case e.WorkerJoined():
            return f"node {event.node} takes work: {_count(event.cores, 'core')}, sandbox {event.level or 'unknown'}"
        case e.WorkerRefused():
            return f"node {event.node} is not used: {event.reason}"
        case e.WorkerLost():
            again = f"; what it did in {_count(event.sessions, 'folder')} is done again" if event.sessions else ""
            return f"node {event.node} is lost: {event.reason}{again}"
        case e.KnobTurned():
            return f"setting {turned(event)}"
        case e.WishRefused():
            return f"{event.what} refused: {event.reason}"
        case e.NoteLeft():
            return f"{'warning: ' if event.severity == 'warning' else ''}{event.text}"
        case _:
            return ""


def turned(event: e.KnobTurned) -> str:
    """`spending.tokens: 3000 → 9000, by kim`."""
    return f"{event.key}: {event.before} → {event.after}" + (f", by {event.who}" if event.who else "")


def brief(reason: str) -> str:
    """What went wrong without the address, which every such line would repeat."""
    return cut(safe(_PLACE.sub("the endpoint", reason[:LONGEST])), REASON)


def summary_lines(table: dict[str, Any]) -> list[str]:
    """A summary (see workspace/reports/summary.py) for people."""
    lessons, edits, units = table["lessons"], table["edits"], table["units"]
    lines = [f"run {table['id']}: {table['state']}" + (f" ({safe(table['why'])})" if table["why"] else "")]
    lines += [f"  {name:<9} {seconds:7.1f} s" for name, seconds in table["phases"].items()]
    lines.append(f"  {'all':<9} {table['seconds']:7.1f} s, {_count(table['calls'], 'call')}, {_tokens(table)}")
    lines.append(
        f"  units     {units['done']} of {units['total']} done, {units['reused']} reused, {units['failed']} failed"
    )
    if judged := [f"{count} {status}" for status, count in table["judged"].items() if count]:
        lines.append(f"  judged    {', '.join(judged)}: a model's word on trajectories, not verified")
    if nodes := nodes_said([WorkerRow.model_validate(row) for row in table.get("nodes", ())]):
        lines.append(f"  workers   {nodes}")
    if table.get("run_kind") == KIND:
        return [safe(line) for line in (*lines, *evaluation_lines(table["evaluation"]))]
    lines.append(f"  lessons   {_sums(lessons, 'learned')}")
    lines.append(f"  edits     {_sums(edits, 'proposed')}")
    lines += verdict_lines(table["verdict"])
    if table["result"]:
        lines.append(f"  skill     {table['result']}")
        lines.append(f"  install   t2s export {table['id']} --to claude   (t2s export --list names all hosts)")
    return [safe(line) for line in lines]


def evaluation_lines(table: dict[str, Any] | None) -> list[str]:
    """What an evaluation found, for people; that there is nothing yet before that."""
    return (
        ["", *matrix_lines(Matrix.model_validate(table))] if table else ["  compared  nothing yet: not all are tried"]
    )


def verdict_lines(verdict: dict[str, Any] | None) -> list[str]:
    """The verdict of a summary for people; nothing before there is one."""
    if not verdict:
        return []
    lines = [f"  verdict   {verdict['decision']}: {safe(unsaid(verdict['sentence'], verdict['decision']))}"]
    lines += [f"  {name:<9} {', '.join(map(safe, verdict[name]))}" for name in ("fixed", "broken") if verdict[name]]
    if verdict.get("by_hand"):
        lines.append(f"  by hand   {said_by_hand(verdict['by_hand'])}")
    test = verdict["test"]
    if test["n"]:
        lines.append(f"  test      {test['baseline']:.0%} → {test['candidate']:.0%} on {_count(test['n'], 'task')}")
    return [safe(line) for line in lines]


def said_by_hand(said: Mapping[str, Any]) -> str:
    """`accepted by kim: both broken tasks are wrong themselves`; says so where the candidate is another one by now."""
    who = f" by {safe(said['who'])}" if said["who"] else " by hand"
    why = f": {safe(said['why'])}" if said["why"] else ""
    past = "" if said["stands"] else " (of an earlier candidate; it does not count for this one)"
    return f"{said['decision']}ed{who}{why}{past}"


def _sums(counts: dict[str, int], whole: str) -> str:
    parts = [f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if n and name != whole]
    return f"{counts[whole]} {whole}" + (f" = {' + '.join(parts)}" if parts else "")


def _tokens(table: dict[str, Any]) -> str:
    tokens = table["tokens"]
    cost = f", cost {table['cost']:.4f}" if table["cost"] is not None else ""
    return f"{tokens['prompt']:,} tokens read, {tokens['completion']:,} written{cost}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
