"""Token buckets, without a clock, a timer or a thought for what is counted.

A bucket holds `count` tokens when it is full and is filled evenly, `count` in `seconds`. All that is
remembered of one is *when it will be full again* (the generic cell rate algorithm, GCRA): one float, and
nothing at all of a bucket that is full. So within any `t` seconds at most `count + count / seconds * t`
tokens are taken from it, and a clock that is set back takes no more than one empty bucket from anybody.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

KEPT_MOST: Final = 10_000
"""Beyond so many buckets of one table the one that has rested longest is forgotten: it counts as full."""

_ROUNDING: Final = 1e-7
"""Seconds by which a sum of intervals may be off."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds: what a bucket holds, and how long it takes to fill."""

    count: float
    seconds: float
    interval: float = field(init=False, repr=False)
    """The seconds that bring one token."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval", self.seconds / self.count)

    def times(self, factor: float) -> "Rate":
        """As often in the same time."""
        return Rate(self.count * factor, self.seconds)


UNLIMITED: Final = Rate(math.inf, 1.0)
"""Of a bucket that is never empty. No configuration can say this: it is for tests of what happens then."""


class Bucket:
    """One bucket; times are seconds of any clock that goes forward."""

    __slots__ = ("_full", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._full = -math.inf

    def wait(self, now: float, count: int = 1) -> float:
        """In how many seconds so many tokens will be there, if nobody takes any; 0 if they are."""
        return _wait(_after(self._full, now, count, self.rate), now, self.rate)

    def take(self, now: float, count: int = 1) -> bool:
        """Takes so many, or none and says no."""
        after = _after(self._full, now, count, self.rate)
        if after - now - self.rate.seconds > _ROUNDING:
            return False
        self._full = after
        return True

    def give_back(self, count: int) -> None:
        """What was just taken, and could not be used."""
        self._full -= count * self.rate.interval


class Buckets:
    """A bucket for everyone who has taken something lately. Who has not, has a full one and no place here."""

    def __init__(self, rate: Rate, most: int = KEPT_MOST) -> None:
        self.rate = rate
        self._most = most
        # By when each was last used: at the front is who has rested longest.
        self._full: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._full)

    def wait(self, key: str, now: float, count: int = 1) -> float:
        """As of a Bucket."""
        return _wait(_after(self._full.get(key, now), now, count, self.rate), now, self.rate)

    def take(self, key: str, now: float, count: int = 1) -> bool:
        """As of a Bucket."""
        after = _after(self._full.get(key, now), now, count, self.rate)
        passes = after - now - self.rate.seconds <= _ROUNDING
        if passes:
            self._full[key] = after
        if passes or key in self._full:
            # Who is refused and goes on must not be forgotten for having rested.
            self._full.move_to_end(key)
            self._forget(now)
        return passes

    def give_back(self, key: str, count: int) -> None:
        """As of a Bucket."""
        if key in self._full:
            self._full[key] -= count * self.rate.interval

    def _forget(self, now: float) -> None:
        # Two for each that is added: the table shrinks as soon as there is something to forget.
        for _ in range(2):
            key, full = next(iter(self._full.items()))
            if full > now and len(self._full) <= self._most:
                return
            del self._full[key]
            if not self._full:
                return


def _after(full: float, now: float, count: int, rate: Rate) -> float:
    """When it will be full again, once so many have been taken."""
    # Later than in `seconds` from now only if the clock was set back.
    start = now if full <= now else min(full, now + rate.seconds)
    return start + count * rate.interval


def _wait(after: float, now: float, rate: Rate) -> float:
    wait = after - now - rate.seconds
    return wait if wait > _ROUNDING else 0.0
