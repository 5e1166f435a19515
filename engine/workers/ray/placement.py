"""Which node a session goes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Seat:
    """A node as placement sees it: jobs at once, its sessions, and the jobs it has to do."""

    cores: int
    sessions: set[str] = field(default_factory=set[str])
    busy: int = 0

    @property
    def load(self) -> tuple[float, float]:
        """What decides, the least first: jobs for each core, then sessions for each core."""
        return self.busy / self.cores, len(self.sessions) / self.cores


class Board:
    """Nodes that take work, and where each session is. A session stays where it is as long as its node is there."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self._where: dict[str, str] = {}

    def join(self, node: str, cores: int) -> None:
        self.seats[node] = Seat(cores)

    def lose(self, node: str) -> int:
        """The node is gone; how many sessions it had."""
        seat = self.seats.pop(node, None)
        for session in (sessions := seat.sessions if seat else set[str]()):
            del self._where[session]
        return len(sessions)

    def place(self, session: str) -> str | None:
        """The node of this session, from now on; None where there is no node."""
        if (known := self._where.get(session)) is not None:
            return known
        if not self.seats:
            return None
        node = min(self.seats, key=lambda name: self.seats[name].load)
        self.seats[node].sessions.add(session)
        self._where[session] = node
        return node

    def leave(self, session: str) -> str | None:
        """The session is over; the node it was on."""
        if (node := self._where.pop(session, None)) is not None:
            self.seats[node].sessions.discard(session)
        return node
