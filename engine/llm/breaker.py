"""A circuit breaker: after many failures in a row an endpoint is left alone, then asked by one call at a time. Pure."""

from __future__ import annotations

FAILURES = 5  # in a row, without a word of any reply between them
FIRST_REST, LONGEST_REST = 1.0, 30.0  # seconds; each failed try doubles the rest


class Breaker:
    """Closed: calls pass. Open: none until the rest is over. Then one call tries; its first word closes the breaker,
    its failure opens it again for twice as long. Times are seconds that never run backwards."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rest = 0.0
        self._until = 0.0
        self._tried = False

    @property
    def is_closed(self) -> bool:
        return not self._rest

    def ready_at(self, now: float) -> float:
        """When the next call may start; infinite while one tries."""
        if self.is_closed:
            return now
        return float("inf") if self._tried else max(now, self._until)

    def took(self) -> bool:
        """A call starts; is it the one that tries whether the endpoint works again?"""
        self._tried = not self.is_closed
        return self._tried

    def failed(self, now: float, *, tried: bool) -> float:
        """A call failed; how long the endpoint is left alone from now on, 0 where nothing follows from it.

        What was sent before the breaker opened and fails while it is open says nothing new.
        """
        self._in_a_row += 1
        if self._in_a_row < FAILURES or not (self.is_closed or tried):
            return 0.0
        self._rest = min(LONGEST_REST, 2 * self._rest) if self._rest else FIRST_REST
        self._until, self._tried = now + self._rest, False
        return self._rest

    def spoke(self) -> None:
        """A word of a reply came: the endpoint works."""
        self._in_a_row, self._rest, self._tried = 0, 0.0, False

    def left(self) -> None:
        """The call that tried has ended; the next one may try where it said nothing."""
        self._tried = False
