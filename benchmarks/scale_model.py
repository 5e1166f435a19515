"""A run of many trajectories in virtual time: one engine, model servers, cores for sandboxes, the merge tree.

Events one after another from a heap. The engine is one core that does one thing after another, at the prices of
`scale_costs.py`; servers are those of `machine.py`, one a GPU; what waits for a server goes in the order of the stages,
as at the gate. `batch` calls that begin together may be one event: their server then has a `batch`-th of its slots and
of its knee, and each takes `batch` times as long to read, so that nothing but the grain changes.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.machine import END, Ears, Job, Machine, Speeds
from benchmarks.scale_costs import CHARACTERS, COSTS, LEAVES, VIEW_EVERY, Costs

STAGES = ("rollout", "analyse", "propose", "merge")
EVENTS_A_UNIT, EVENTS_A_TRAJECTORY, EVENTS_A_MERGE = 4, 3, 4


class Talk(NamedTuple):
    """One unit of a trajectory, a conversation. Tokens: `shared` (prompt and skill, the same for all of the stage),
    `first` (its own), `more` (what comes back to it a turn), `reply` (mean, lognormal with sigma 0.6). `command`:
    core-seconds of what it runs in a sandbox between two turns, 0 for nothing."""

    stage: str
    turns: int
    shared: int
    first: int
    more: int
    reply: float
    command: float = 0.0


class Tree(NamedTuple):
    """The merges. Each patch has `edits` edits; a share `own` of them says what no other says, the others are drawn
    from `ideas`. An edit has `tokens` in a prompt and takes `reply` of the answer; `room`: tokens of edits that one
    call can read; a node with more asks for one part after another."""

    fan_in: int = 8
    edits: int = 2
    own: float = 0.03
    ideas: int = 300
    tokens: int = 60
    reply: int = 20
    room: int = 14_000
    shared: int = 2_000

    def distinct(self, patches: int, of: int) -> float:
        """Edits that are left of a subtree of so many patches: their own ones, and one of each idea that was drawn.

        The plan puts patches of one idea side by side, so their first edits are from a stretch of all ideas; their
        others are from everywhere. (The real plan of 4,096 such patches, merged without fault, has 73, 488 and 1,920
        edits a node on levels 2 to 4; this has 81, 525 and 2,247.)
        """
        share = 1.0 if patches >= of else min(1.0, patches / of + 1 / self.ideas)
        others = 1 - (1 - 1 / self.ideas) ** (patches * (self.edits - 1) * (1 - self.own))
        return patches * self.edits * self.own + self.ideas * (1 - (1 - share) * (1 - others)) * (self.own < 1)


class Work(NamedTuple):
    """What is to be done for each trajectory, and after all of them. `text`: tokens of a trajectory that is kept."""

    name: str
    talks: tuple[Talk, ...]
    tree: Tree = Tree()
    text: int = 6_000


class Fleet(NamedTuple):
    """`gpus` servers of the same speeds, at most `limit` calls each; `delay`: seconds before a prompt is read.
    `cores`: for sandboxes, 0 = as many as are wanted."""

    gpus: int
    speeds: Speeds
    limit: int
    delay: float = 0.0
    cores: int = 0


def levels(patches: int, fan_in: int) -> list[int]:
    """Nodes of each level of the tree, from below."""
    found: list[int] = []
    while patches > 1:
        patches = -(-patches // fan_in)
        found.append(patches)
    return found


@dataclass(slots=True, eq=False)
class Call(Job):
    """A batch of `size` calls that go together."""

    size: int = 1
    stage: int = 0
    answered: Callable[[], object] = lambda: None
    at: int = -1
    began: float = 0.0


@dataclass
class Played:
    """What a run came to. Seconds of virtual time; `engine`, `commands`: CPU seconds; tokens of all calls; `leaf`:
    until the tree was planned (`servers`: what the servers alone would need for that); `above`: from the end of the
    last merge of level 1."""

    trajectories: int
    fleet: Fleet
    seconds: float = 0.0
    leaf: float = 0.0
    servers: float = 0.0
    above: float = 0.0
    bring: float = 0.0
    engine: float = 0.0
    leaf_engine: float = 0.0
    commands: float = 0.0
    calls: int = 0
    prompt: float = 0.0
    read: float = 0.0
    """Tokens of prompts that were in no cache; the few first ones of a stage's shared prefix do not count."""
    written: float = 0.0
    events: float = 0.0
    levels: int = 0
    parts: int = 0
    """Calls that the root took, one after another."""
    edits: float = 0.0
    files: int = 0
    text: float = 0.0
    """Tokens of all trajectories."""
    talk: float = 0.0
    """Bytes of what agents said and read."""
    steps: int = 0
    finished: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def gpu_use(self) -> float:
        """Share of what the servers could have read and written in that time."""
        return self.alone / self.seconds

    @property
    def alone(self) -> float:
        """Seconds that the servers need for what they have done, at their best."""
        fleet = self.fleet
        most = fleet.speeds.pace(fleet.limit) * fleet.limit
        return (self.written / most + self.read / fleet.speeds.reading) / fleet.gpus

    @property
    def engine_use(self) -> float:
        return self.engine / self.seconds

    @property
    def journal(self) -> float:
        """Bytes."""
        return self.events * LEAVES.event

    @property
    def record(self) -> float:
        """Bytes of calls.jsonl."""
        return self.calls * LEAVES.call + self.written * CHARACTERS


class Simulation:
    """One run."""

    def __init__(
        self, work: Work, trajectories: int, fleet: Fleet, costs: Costs = COSTS, batch: int = 1, seed: int = 1,
        sigma: float = 0.6,
    ) -> None:  # fmt: skip
        self._work, self._fleet, self._costs, self._batch = work, fleet, costs, batch
        self._sigma = sigma / math.sqrt(batch)
        self.played = Played(trajectories, fleet)
        self._dice = random.Random(seed)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._now = 0.0
        self._engine_at = 0.0
        self._cores_at = 0.0
        self._viewed = 0.0
        speeds = fleet.speeds._replace(
            slots=max(1, fleet.speeds.slots // batch), knee=fleet.speeds.knee / batch, cached=len(STAGES)
        )
        self._machines = [Machine(speeds, Ears(lambda job: None, self._answer)) for _ in range(fleet.gpus)]
        self._room = [max(1, fleet.limit // batch)] * fleet.gpus
        self._due = [END] * fleet.gpus
        self._waiting: list[deque[Call]] = [deque() for _ in STAGES]
        self._left = 0

    def run(self) -> Played:
        """Play it to its end."""
        played, count = self.played, self.played.trajectories
        played.bring, played.text = count * self._costs.bring, float(count * self._work.text)
        sizes = [min(self._batch, count - n) for n in range(0, count, self._batch)]
        self._left = len(sizes)
        self._engine(count * self._costs.load, lambda: [self._begin(size) for size in sizes])
        while self._events:
            self._now, _, what = heapq.heappop(self._events)
            played.steps += 1
            what()
        played.seconds = self._now
        return played

    # --- trajectories

    def _begin(self, size: int) -> None:
        self.played.events += size * EVENTS_A_TRAJECTORY
        self.played.files += size * (2 if self._work.talks[0].stage == "rollout" else 1)
        self._talk(size, 0, 0, -1)

    def _talk(self, size: int, number: int, turn: int, before: int) -> None:
        """The next turn of a conversation, then what follows. `before`: the server that had the turn before it."""
        talk = self._work.talks[number]
        whole = talk.first + turn * (talk.more + talk.reply)
        new = talk.more if turn and self._fleet.gpus == 1 else whole  # nobody sends it back to where it is known
        call = Call(round(new * size), self._length(talk.reply), talk.stage, talk.shared * size, size=size)
        call.stage, call.at = STAGES.index(talk.stage), before
        self.played.talk += size * CHARACTERS * (talk.more + talk.reply + (0 if turn else talk.shared + talk.first))

        def answered() -> None:
            if turn + 1 < talk.turns:
                self._command(size, talk.command, lambda: self._talk(size, number, turn + 1, call.at))
            else:
                self._engine(size * self._costs.unit, lambda: self._ended(size, number))

        call.answered = answered
        self._ask(call, round(whole + talk.shared))

    def _ended(self, size: int, number: int) -> None:
        talk, played = self._work.talks[number], self.played
        played.finished[talk.stage] = played.finished.get(talk.stage, 0) + size
        played.events += size * EVENTS_A_UNIT
        played.files += size * (3 if talk.stage == "analyse" else 2)
        self._view()
        if number + 1 < len(self._work.talks):
            self._talk(size, number + 1, 0, -1)
            return
        self._left -= 1
        if not self._left:
            self._engine(played.trajectories * self._costs.plan, self._plan)

    def _length(self, mean: float) -> int:
        return max(1, round(self._dice.lognormvariate(math.log(mean) - self._sigma**2 / 2, self._sigma)))

    def _view(self) -> None:
        """Each write of view.json costs as much as has happened until then."""
        if self.played.events - self._viewed >= VIEW_EVERY:
            self._viewed = self.played.events
            done = sum(self.played.finished.values()) / len(self._work.talks)
            self._engine(done * self._costs.view, lambda: None)

    # --- the tree

    def _plan(self) -> None:
        played, tree = self.played, self._work.tree
        played.leaf, played.leaf_engine, played.servers = self._now, played.engine, played.alone
        nodes = levels(played.trajectories, tree.fan_in)
        played.levels = len(nodes)
        played.edits = tree.distinct(played.trajectories, played.trajectories)
        played.events += sum(nodes) * EVENTS_A_MERGE
        played.files += 2 * sum(nodes)
        self._rows = [-(-count // self._batch) for count in nodes]
        self._missing = [
            [min(tree.fan_in, below - n * tree.fan_in) for n in range(row)]
            for below, row in itertools.pairwise(self._rows)
        ]
        if not nodes:
            self._settle()
        for n in range(self._rows[0] if nodes else 0):
            self._merge(nodes, 0, n)

    def _merge(self, nodes: list[int], level: int, number: int) -> None:
        """A batch of nodes of one level; each asks for its parts one after another."""
        tree, size, count = self._work.tree, self._size(nodes, level, number), self.played.trajectories
        below = nodes[level - 1] if level else count
        edits = below / nodes[level] * (tree.distinct(max(1, count // below), count) if level else tree.edits)
        parts = max(1, math.ceil(edits * tree.tokens / tree.room))
        if level == len(nodes) - 1:
            self.played.parts = parts

        def part(left: int) -> None:
            if not left:
                cost = size * (self._costs.unit + edits * self._costs.edit)
                self._engine(cost, lambda: self._merged(nodes, level, number))
                return
            read, said = edits / parts * tree.tokens, edits / parts * tree.reply
            call = Call(round(read * size), max(1, round(said)), "merge", tree.shared * size, size=size)
            call.stage, call.answered = STAGES.index("merge"), lambda: part(left - 1)
            self.played.talk += size * CHARACTERS * (tree.shared + read + said)
            self._ask(call, round(read + tree.shared))

        part(parts)

    def _merged(self, nodes: list[int], level: int, number: int) -> None:
        played, size = self.played, self._size(nodes, level, number)
        played.finished["merge"] = played.finished.get("merge", 0) + size
        if level == 0 and played.finished["merge"] == nodes[0]:
            played.above = -self._now
        if level + 1 == len(nodes):
            played.above += self._now
            self._settle()
            return
        parent = number // self._work.tree.fan_in
        self._missing[level][parent] -= 1
        if not self._missing[level][parent]:
            self._merge(nodes, level + 1, parent)

    def _size(self, nodes: list[int], level: int, number: int) -> int:
        return min(self._batch, nodes[level] - number * self._batch)

    def _settle(self) -> None:
        played, costs = self.played, self._costs
        played.above = max(0.0, played.above)
        self._engine(played.edits * costs.settle + played.trajectories * costs.close, lambda: None)

    # --- who works

    def _after(self, seconds: float, what: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), what))

    def _engine(self, cpu: float, then: Callable[[], object]) -> None:
        """Work for the engine, after what it has already to do."""
        self._engine_at = max(self._engine_at, self._now) + cpu
        self.played.engine += cpu
        self._after(self._engine_at - self._now, then)

    def _command(self, size: int, seconds: float, then: Callable[[], object]) -> None:
        if not seconds:
            then()
            return
        self.played.commands += size * seconds
        wait = seconds
        if self._fleet.cores:
            self._cores_at = max(self._cores_at, self._now) + size * seconds / self._fleet.cores
            wait = max(seconds, self._cores_at - self._now)
        self._after(wait, lambda: self._engine(size * self._costs.command, then))

    def _ask(self, call: Call, prompt: int) -> None:
        played = self.played
        played.calls += call.size
        played.prompt += call.size * prompt
        played.written += call.size * call.reply
        self._waiting[call.stage].append(call)
        self._admit()

    def _admit(self) -> None:
        """The earliest stage first, to the least loaded server."""
        while any(self._waiting):
            most = max(self._room)
            if most <= 0:
                return
            place = self._room.index(most)
            call = next(queue for queue in self._waiting if queue).popleft()
            self._room[place] -= 1
            call.at = place
            self._engine(call.size * self._costs.call / 2, lambda call=call: self._send(call))

    def _send(self, call: Call) -> None:
        if self._fleet.delay:
            self._after(self._fleet.delay, lambda: self._arrive(call))
        else:
            self._arrive(call)

    def _arrive(self, call: Call) -> None:
        machine = self._machines[call.at]
        machine.advance(self._now)
        machine.line_up(call)
        call.began = self._now
        self.played.read += call.prompt
        self._look(call.at)

    def _look(self, place: int) -> None:
        """Come back when something happens at a server next, unless something else happens there before."""
        due = self._machines[place].due()
        self._due[place] = due
        if due < END:
            self._after(max(0.0, due - self._now), lambda: self._happen(place, due))

    def _happen(self, place: int, due: float) -> None:
        if self._due[place] != due:
            return
        machine = self._machines[place]
        machine.advance(due)
        machine.happen()
        self._look(place)

    def _answer(self, job: Job) -> None:
        """A reply is whole; the engine reads what of it it has not read yet. Behind its time it finds several chunks at
        each look, so that a look is shared by them."""
        assert isinstance(job, Call)
        took = max(1e-6, self._now - job.began)
        each = job.size * job.reply * (self._costs.parse + self._costs.read)
        behind = max(0.0, self._engine_at - self._now - 4 * each)
        looks = 1 / max(1.0, job.reply / took * behind)
        chunks = job.size * job.reply * (self._costs.parse + self._costs.read * looks)
        self.played.events += job.size * (1 + int(took))  # what it says, at once and then once a second
        self._engine(chunks + job.size * self._costs.call / 2, lambda: self._left_server(job))

    def _left_server(self, call: Call) -> None:
        self._room[call.at] += 1
        call.answered()
        self._admit()
