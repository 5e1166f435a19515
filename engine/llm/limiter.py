"""How many calls an endpoint should have in flight: a pure state machine, told what happens and when.

Local servers do not push back, they queue; so the limiter looks at what more calls bring. It watches one limit for a
window, tries another one, and stays where tokens a second no longer grow. A window opens when a change has arrived
(newcomers have had their first token; later, when more than half of the calls have been replaced, since fresh calls
are no fair sample) and closes after ≥ 1.5 s and ≥ 3 first tokens, later after a whole turnover of calls; a minute
without three first tokens says nothing. The rules, first that holds:

1. *Refused* (429, 503, 529): back to where a trial came from, else to 0.75 × in flight, once a cool-down of
   max(Retry-After, 2 s). The refused number is then come near by halves, and passed by an eighth at a time.
2. *Failing*: more than half of a window's calls failed: halve and climb again, but once an outage. More than one in
   twenty: a trial of more ends, nothing is tried.
3. *Unused*: fewer than 0.85 × limit were in flight: the same.
4. *Queue*: calls that wait for nothing but their turn (as `/metrics` say while that is fresh, else those without a
   first token, less 2 × first tokens a second × the shortest mean wait seen) are more than 2 and more than a quarter
   of the limit: a trial of more is not kept, a limit shrinks by them, to no less than half.
   Preempted calls: × 0.8. A cache more than 0.8 full: no growth.
5. *Elasticity*, d ln(tokens/s) / d ln(calls in flight). A climb doubles the limit while it is above 0.35; when it is
   not, one look at a whole turnover decides, and the climb is over. From then on × 1.4 is tried (kept above 0.1) and,
   after a minute, × 0.8 (kept below 0.08). A trial that was not kept waits twice as long for its next turn, at
   most five minutes.

No clock, no I/O, no chance: the same events give the same limits. Models: TCP's congestion windows; the concurrency
controllers of inspect_ai and of Netflix' concurrency-limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from engine.llm.watched import FIRST_TOKENS, Level, Sample, Window, elasticity

USED = 0.85
CLIMB, UP, DOWN = 2.0, 1.4, 0.8
CLIMB_PAYS, PAYS, COSTS = 0.35, 0.1, 0.08
QUEUE = 0.25
BACK_OFF, COOL_DOWN = 0.75, 2.0
MANY_FAIL, SOME_FAIL = 0.5, 0.05
CACHE_FULL, PREEMPTED = 0.8, 0.8
STALE = 15.0  # seconds a sample of /metrics is worth something
UP_WAIT, DOWN_WAIT, LONGEST_WAIT = 5.0, 60.0, 300.0

SHORT, STEADY, LONG, LONGEST = 1.5, 3.0, 30.0, 60.0  # seconds of a window
REPLIES, SETTLED = 12, 0.6  # replies in a window at least; the share of calls replaced before it opens


class Change(NamedTuple):
    """A new limit, and the reason in one sentence for people."""

    before: int
    limit: int
    why: str


class _Patience:
    """When a kind of trial is due; each one that was not kept waits twice as long."""

    def __init__(self, wait: float, due: float) -> None:
        self._first = self._wait = wait
        self.due = due

    def refused(self, now: float) -> None:
        self.due = now + self._wait
        self._wait = min(LONGEST_WAIT, 2 * self._wait)

    def renewed(self, due: float) -> None:
        self.due, self._wait = due, self._first


@dataclass
class Attempt:
    """One admitted call, as the limiter remembers it until it ends."""

    admitted: float
    spoken: bool = False


class Limiter:
    """`limit` calls may be in flight, always between `least` and `most`. Times are seconds that never run backwards.

    Tell it of each call (`admitted`), of tokens (`streamed`) and of `/metrics` (`sampled`), and ask `tick` a few times
    a second. `climbing` until the first limit was found that more calls do not beat.
    """

    def __init__(self, start: int = 4, least: int = 1, most: int = 1024, now: float = 0.0) -> None:
        if not 1 <= least <= most:
            raise ValueError(f"a limiter needs 1 <= least <= most, not {least} and {most}")
        self.least, self.most = least, most
        self.limit = min(max(start, least), most)
        self.in_flight = 0
        self.climbing = True
        self._looking = False  # the second look that ends a climb
        self._unspoken = 0
        self._at = now
        self._window = Window(now)
        self._arriving: int | None = 0  # first tokens to wait for; None: the window is open
        self._home: Level | None = None
        self._direction = 0  # of the trial that is on
        self._up, self._down = _Patience(UP_WAIT, now), _Patience(DOWN_WAIT, now + DOWN_WAIT)
        self._shortest = math.inf
        self._cool_until = -math.inf
        self._refused: int | None = None  # calls in flight at the last reject
        self._halved = False
        self._sample = Sample()
        self._sampled_at = -math.inf

    # --- what is told

    def admitted(self, now: float) -> Attempt:
        """A call was sent. Exactly one of `finished`, `failed`, `left` and `rejected` ends it."""
        self._pass(now)
        self.in_flight += 1
        self._unspoken += 1
        return Attempt(now)

    def spoke(self, now: float, attempt: Attempt) -> None:
        """Something of the reply came; only the first time counts."""
        if not attempt.spoken:
            self._pass(now)
            attempt.spoken = True
            self._unspoken -= 1
            self._window.spoken += 1
            self._window.waited += now - attempt.admitted

    def streamed(self, tokens: int) -> None:
        """So many tokens (or pieces of text) came, of any calls."""
        self._window.tokens += tokens

    def sampled(self, now: float, sample: Sample) -> None:
        """What `/metrics` just said."""
        before = self._fresh(now).preemptions
        self._sample, self._sampled_at = sample._replace(preemptions=before + sample.preemptions), now

    def finished(self, now: float, attempt: Attempt) -> None:
        """A whole reply."""
        self.left(now, attempt)
        self._window.done += 1

    def failed(self, now: float, attempt: Attempt) -> None:
        """A 5xx, a time-out, a broken stream."""
        self.left(now, attempt)
        self._window.failed += 1

    def left(self, now: float, attempt: Attempt) -> None:
        """Cancelled, or refused for what it asked: it says nothing about the server's load."""
        self._pass(now)
        self.in_flight -= 1
        self._unspoken -= not attempt.spoken

    def rejected(self, now: float, attempt: Attempt, retry_after: float | None = None) -> Change | None:
        """The server is busy and asks for `retry_after` seconds. Rule 1: a change holds at once."""
        tried = self.in_flight
        self.left(now, attempt)
        if now < self._cool_until:
            return None
        self._cool_until = now + max(retry_after or 0.0, COOL_DOWN)
        self._refused = tried
        self.climbing = False
        self._up.refused(now)
        why = f"the server refused a call with {tried} in flight"
        if self._direction > 0 and self._home:
            return self._go(now, self._home.limit, why)
        self._home = None
        return self._go(now, min(self.limit, int(tried * BACK_OFF)), why)

    # --- what follows

    def tick(self, now: float) -> Change | None:
        """The new limit, when a window has closed and shows that another one is better or worth a trial."""
        self._pass(now)
        if self._arriving is not None:
            if self._has_arrived(now, self._arriving):
                self._arriving, self._window = None, Window(now)
            return None
        if not self._is_full(now):
            return None
        seen, self._window = self._window, Window(now)
        return self._judge(now, seen) if seen.telling else None

    def _has_arrived(self, now: float, first_tokens: int) -> bool:
        seen = self._window
        if now - seen.began >= LONG or seen.failing(MANY_FAIL):
            return True
        if self.in_flight > self.limit:
            return False
        return seen.spoken >= first_tokens if self.climbing else seen.done >= SETTLED * self.limit

    def _is_full(self, now: float) -> bool:
        seen = self._window
        age = now - seen.began
        if age < SHORT or not seen.telling:
            return age >= LONGEST
        if seen.failing(MANY_FAIL) or (self.climbing and not self._looking):
            return True
        return age >= LONG or (age >= STEADY and seen.done >= max(self.limit, REPLIES))

    def _judge(self, now: float, seen: Window) -> Change | None:
        seconds = now - seen.began
        level = Level(self.limit, seen.area / seconds, seen.tokens / seconds)
        if seen.failing(MANY_FAIL):
            return self._halve(now)
        self._halved = False
        if seen.failing(SOME_FAIL):
            return self._withdraw(now, "calls fail, so nothing is tried now")
        if level.calls < USED * self.limit:
            return self._withdraw(now, f"only {level.calls:.0f} calls were in flight")
        if self._fresh(now).preemptions:
            self._sample = self._sample._replace(preemptions=0.0)
            self._home = None
            return self._go(now, int(self.limit * PREEMPTED), "the server's memory was full, it preempted calls")
        return self._weigh(now, level, self._queue(now, seen, seconds))

    def _weigh(self, now: float, level: Level, queue: float) -> Change | None:
        """Rules 4 and 5."""
        crowded = queue > max(2.0, QUEUE * self.limit)
        if self._direction and self._home:
            return self._compare(now, self._home, level, queue if crowded else 0.0)
        if crowded and self.limit > self.least:
            self._home, self.climbing = None, False
            return self._go(now, max(math.ceil(self.limit / 2), round(self.limit - queue)), _waited(queue, self.limit))
        self._home = level.joined(self._home)
        return self._try(now)

    def _compare(self, now: float, home: Level, level: Level, queue: float) -> Change | None:
        """The end of a trial; `queue` is 0 where it is no reason."""
        gain = elasticity(home, level)
        if self.climbing and not self._looking:
            if not queue and gain > CLIMB_PAYS:
                return self._keep(now, level)
            self._looking = True
            return None
        self.climbing = False
        if gain < COSTS if self._direction < 0 else gain > PAYS and not queue:
            return self._keep(now, level)
        return self._return(now, home, _waited(queue, self.limit) if queue else _no_better(home, level))

    def _halve(self, now: float) -> Change | None:
        """Rule 2. In an outage everything fails, which says nothing about load: so only once."""
        if self._halved:
            return None
        self._halved = self.climbing = True
        self._home = None
        self._up.renewed(now)
        return self._go(now, math.ceil(self.limit / 2), "more than half of the calls failed")

    def _queue(self, now: float, seen: Window, seconds: float) -> float:
        """How many calls wait for nothing but their turn."""
        wait = seen.waited / max(1, seen.spoken)
        if seen.spoken >= FIRST_TOKENS:
            self._shortest = min(self._shortest, wait)
        told = self._fresh(now).waiting
        return (seen.waiting - 2 * self._shortest * seen.spoken) / seconds if told is None else told

    def _keep(self, now: float, level: Level) -> Change | None:
        self._home = level
        if self._direction > 0:
            if self._refused and self.limit >= self._refused:
                self._refused = None
            self._up.renewed(now)
            self._down.due = max(self._down.due, now + DOWN_WAIT)
        else:
            self._down.renewed(now)
        self._direction = 0
        return self._try(now)

    def _withdraw(self, now: float, why: str) -> Change | None:
        """No window to judge by: a trial of more ends, a trial of fewer waits for a better one."""
        return self._return(now, self._home, why) if self._direction > 0 and self._home else None

    def _return(self, now: float, home: Level, why: str) -> Change | None:
        (self._up if self._direction > 0 else self._down).refused(now)
        return self._go(now, home.limit, why)

    def _try(self, now: float) -> Change | None:
        """Start the trial that is due."""
        roomy = (self._fresh(now).cache or 0.0) <= CACHE_FULL
        if roomy and now >= self._up.due:
            goal = min(self._upwards(), self.most)
            if goal > self.limit:
                return self._go(now, goal, "trying whether more calls at once are faster", 1)
            self.climbing = False
            self._up.refused(now)
        if not self.climbing and now >= self._down.due:
            goal = max(int(self.limit * DOWN), self.least)
            if goal < self.limit:
                return self._go(now, goal, "trying whether fewer calls at once are as fast", -1)
            self._down.refused(now)
        return None

    def _upwards(self) -> int:
        """A limit that was refused is come near by halves, then passed with care."""
        goal = math.ceil(self.limit * (CLIMB if self.climbing else UP))
        if self._refused is None or goal < self._refused:
            return goal
        middle = (self.limit + self._refused) // 2
        return middle if middle > self.limit else self.limit + max(1, self.limit // 8)

    def _go(self, now: float, limit: int, why: str, direction: int = 0) -> Change | None:
        before, self.limit = self.limit, min(max(limit, self.least), self.most)
        self._direction, self._looking = direction, False
        self._arriving = self._unspoken + max(0, self.limit - before)
        self._window = Window(now)
        return Change(before, self.limit, why) if self.limit != before else None

    def _fresh(self, now: float) -> Sample:
        return self._sample if now - self._sampled_at < STALE else Sample()

    def _pass(self, now: float) -> None:
        self._window.area += self.in_flight * (now - self._at)
        self._window.waiting += self._unspoken * (now - self._at)
        self._at = now


def _waited(queue: float, limit: int) -> str:
    return f"about {queue:.0f} of {limit} calls only waited for their turn"


def _no_better(home: Level, level: Level) -> str:
    word = "no faster" if level.limit > home.limit else "slower"
    return f"{level.limit} calls at once were {word}: {level.rate:,.0f} tokens/s, {home.limit} gave {home.rate:,.0f}"
