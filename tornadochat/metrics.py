"""Plain counters, kept where the work happens, and the words in which somebody outside may read them.

Nothing here takes a lock or knows of a format: who counts adds to a number, and who looks reads it.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

PROBE_SECONDS: Final = 0.25


class Histogram:
    """How often a value was how large: `counts` has one more than `bounds`, for what is above them all."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, *bounds: float) -> None:
        """The upper bounds, ascending; a value that is equal to one counts below it."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Measures:
    """What a store counts: entries to a batch, seconds to a commit, writes that failed."""

    __slots__ = ("batches", "commits", "failures")

    def __init__(self) -> None:
        self.batches = Histogram(1, 2, 5, 10, 20, 50, 100, 200, 500)
        self.commits = Histogram(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
        self.failures = {"writing": 0, "reading": 0}


class Lag:
    """How late the event loop comes to what is due: looked at a few times a second, while started."""

    def __init__(self, seconds: float = PROBE_SECONDS) -> None:
        self.seconds = Histogram(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
        self._every = seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on, until it is stopped."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._every
        self._timer = loop.call_at(due, self._look, due)

    def stop(self) -> None:
        """No more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, due: float) -> None:
        self.seconds.observe(max(0.0, time.monotonic() - due))
        self.start()


Reading = float | Histogram | Mapping[str, float]
"""A number, a histogram, or a number for each value of the one label."""


class Family(NamedTuple):
    """Something that can be read: its name and unit, what it means, and the label if it has one."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[], Reading]
    label: str | None = None
