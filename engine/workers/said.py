"""What the engine, the process beside it and the nodes tell each other: plain values, pickled by our own programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from engine.sandbox.base import Key, Level, Limits, Ran
from engine.workers.delta import Delta

Kind = Literal["sandbox", "program", "lost", "unknown", "no node", "cancelled"]


class Setup(NamedTuple):
    """What a node needs to begin: the sandbox as `[sandbox]` wishes it, the tasks (`[domain]` as JSON, empty: none)
    with the parts of their data (`cargo.py`), and this version of the program."""

    level: str
    image: str
    readable: Sequence[str]
    at_once: int
    domain: str = ""
    data_key: str = ""
    data_file: str = ""
    data: Sequence[Delta] = ()
    version: str = ""


class Hello(NamedTuple):
    """Who a node is. `fault` says why it cannot be used; `cores` are those that the run has there."""

    host: str
    pid: int
    version: str
    python: str
    cores: int
    level: Level | Literal[""] = ""
    guarantees: Sequence[Key] = ()
    fault: str = ""


class Order(NamedTuple):
    """A command in the folder of a session. `readable` are folders that go with it, by the path that the command's
    words and its environment know them under."""

    command: Sequence[str]
    limits: Limits
    environment: Mapping[str, str]
    readable: Mapping[str, Delta]
    stdin: bytes


class Scoring(NamedTuple):
    """A verifier's turn: the task as JSON, the agent's last words; `folder` false: there is none."""

    task: str
    reply: str
    folder: bool


class Job(NamedTuple):
    """One thing to do in a session, after its folder is brought up to date by `delta`; `fresh`: into an empty one."""

    session: str
    delta: Delta
    fresh: bool
    work: Order | Scoring


class Done(NamedTuple):
    """What came of a job: how the command ended and what it changed, or the outcome as JSON."""

    ran: Ran | None = None
    delta: Delta = Delta()
    outcome: str = ""


class Fault(NamedTuple):
    """A job that came to nothing. `program`: a fault of ours or of a verifier; `lost`: its node is gone; `unknown`: the
    node has no such folder, or not as the engine thinks, and wants all of it; `no node`: there is none left."""

    kind: Kind
    said: str = ""


# --- between the engine and the process beside it -------------------------------------------------------------------


class Begin(NamedTuple):
    """The first word to the broker. `address` is empty for any cluster of this machine, else HOST:PORT; `cpus` the most
    cores to take in all (0: all); `memory` bytes for each core. `look`: only see who is there, and take nothing from
    others."""

    address: str
    cpus: int
    memory: int
    setup: Setup
    look: bool = False


class Ask(NamedTuple):
    """Do a job; the answer carries the same number."""

    number: int
    job: Job


class Cancel(NamedTuple):
    """Nobody waits for this job any more."""

    number: int


class Leave(NamedTuple):
    """A session is over."""

    session: str


class Answer(NamedTuple):
    """What came of a job."""

    number: int
    result: Done | Fault


class Joined(NamedTuple):
    """A node takes work from now on."""

    node: str
    hello: Hello


class Refused(NamedTuple):
    """A node that is not used, and why; `hello` where it could say who it is."""

    node: str
    why: str
    hello: Hello | None = None


class Lost(NamedTuple):
    """A node is gone, with so many sessions."""

    node: str
    why: str
    sessions: int


class Load(NamedTuple):
    """What a node has to do."""

    node: str
    sessions: int
    busy: int


class Settled(NamedTuple):
    """Every node that was there at the beginning has joined or was refused."""


class Gone(NamedTuple):
    """The cluster cannot be used (any more). `setup`: it never could, by what was asked for."""

    why: str
    setup: bool = False


class Beat(NamedTuple):
    """The broker lives and the cluster answers it."""


Wish = Begin | Ask | Cancel | Leave
News = Answer | Joined | Refused | Lost | Load | Settled | Gone | Beat
