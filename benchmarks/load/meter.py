"""What a stretch of load has cost, and how long things took."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.servers import Running

Sample = dict[str, float]
"""What one turn of one contender measured, by the metric's name."""


@dataclass(frozen=True)
class Reading:
    """The meters at one moment."""

    wall: float
    server: float
    store: float
    load: float
    machine: float


class Meter:
    """Reads the CPU time of a server, its store and this process, from when it is made."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._begin = self._now()

    def cost(self, units: int) -> Sample:
        """Per unit, in µs of CPU: `cpu` in all, `store` the part in a store of its own; and the rate.

        `busy` and `load` are how much of their cores the server and the load have used, `others` how much
        of a core everyone else on the machine has.
        """
        end, begin = self._now(), self._begin
        wall = end.wall - begin.wall
        server, store = end.server - begin.server, end.store - begin.store
        load = end.load - begin.load
        return {
            "cpu": (server + store) / units * 1e6 if units else math.nan,
            "store": store / units * 1e6 if units else math.nan,
            "rate": units / wall,
            "busy": (server + store) / wall,
            "load": load / wall,
            "others": max(0.0, end.machine - begin.machine - server - store - load) / wall,
        }

    def _now(self) -> Reading:
        running = self._running
        cpu, store, load = running.cpu(), running.store_cpu(), time.process_time()
        return Reading(time.perf_counter(), cpu, store, load, machine.busy_seconds())


def percentiles(seconds: Sequence[float], *wanted: float) -> Sample:
    """In milliseconds, as `p50`, `p99`, …."""
    ordered = sorted(seconds)
    if not ordered:
        return {f"p{percent:g}": math.nan for percent in wanted}
    last = len(ordered) - 1
    return {
        f"p{percent:g}": ordered[min(last, int(len(ordered) * percent / 100))] * 1e3 for percent in wanted
    }


def at(level: int | str, sample: Sample) -> Sample:
    """The same under names that say at which level of load it was measured."""
    return {f"{name}@{level}": value for name, value in sample.items()}
