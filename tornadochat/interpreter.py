"""The interpreter, tuned for a process that serves many connections for years.

For `serve` only: an application that embeds the server decides for itself.

What is being stored survives: with Python's own thresholds the collector goes through the messages on
their way to the disk every few hundred allocations. And with ten thousand connections one full collection
holds everybody up for half a second, though it finds nothing: a connection that has ended is freed when it
ends, since nothing of it is in a cycle (`tests/doors/test_garbage.py`). So whatever a full collection took
long to go through is frozen: the next one leaves it out. Once a day everything is looked at again.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from typing import Final, Literal

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter from one that wants it: the writer's, and those that read."""
THRESHOLDS: Final = (20_000, 2, 1)
"""How many more objects before the youngest are looked at, and how often they before older ones; see `gc`.

A full collection comes with 120,000 more objects, which is soon enough to be short."""
LONG_SECONDS: Final = 0.025
"""How much CPU time a full collection may take before what it leaves is frozen."""
THAW_SECONDS: Final = 24 * 3600.0


class Collector:
    """Python's garbage collector, kept from going through what lives long again and again."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._began = 0.0

    def heard(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        """What `gc.callbacks` calls before and after each collection."""
        if info["generation"] != 2:
            return
        if phase == "start":
            self._began = self._clock()
        elif self._clock() - self._began > LONG_SECONDS:
            gc.freeze()

    def thaw(self) -> None:
        """Looks at everything, what has been frozen too: what died since in a cycle goes now."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def keep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Thaws now, and once a day as long as the loop runs."""
        self.thaw()
        loop.call_later(THAW_SECONDS, self.keep, loop)


def tune(loop: asyncio.AbstractEventLoop) -> None:
    """For the rest of this process; to be called once, when what lives as long as it is there."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*THRESHOLDS)
    collector = Collector()
    gc.callbacks.append(collector.heard)
    collector.keep(loop)
