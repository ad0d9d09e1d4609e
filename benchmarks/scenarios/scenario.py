"""What a scenario is made of."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.goals import Goal
from benchmarks.load.check import Faults
from benchmarks.load.meter import Sample
from benchmarks.servers import Running, Server


@dataclass(frozen=True)
class Effort:
    """How thoroughly to measure."""

    turns: int = 6
    seconds: float = 5.0
    warm_up: float = 2.0
    levels: tuple[int, ...] = (1, 4, 40)
    """Of messages in flight in each pair."""
    scale: float = 1.0
    """Of the number of people and messages, where a scenario is about numbers."""

    def number(self, full: int) -> int:
        """So many at this scale."""
        return max(1, round(full * self.scale))


FULL = Effort()
QUICK = Effort(turns=1, seconds=1.0, warm_up=0.5, scale=0.05)

Load = Callable[[Running, Faults, Effort], Coroutine[Any, Any, Sample]]
"""Puts one server under load once, and gives what was measured."""

Prepare = Callable[[Effort], Path]
"""Makes the file of a store that tornadochat begins with."""


@dataclass(frozen=True)
class Contender:
    """A server and the load it gets."""

    server: Server
    load: Load
    store: Prepare | None = None
    beside: bool = False
    """Only for comparison: no goal is measured by it, and two turns are enough."""


@dataclass(frozen=True)
class Scenario:
    """Contenders that take turns, and what the product shall reach among them."""

    number: int
    name: str
    title: str
    unit: str
    contenders: dict[str, Contender]
    goals: tuple[Goal, ...]
    level: str = ""
    """What the part of a metric's name after the @ is, where it has one."""
    shown: tuple[str, ...] = ("cpu", "store", "rate", "p50", "p99", "busy", "load", "others")
    """The kinds of metric that have a column in the table."""
    charted: tuple[str, ...] = ()
    chart_unit: str = "µs"
    """The metrics that the chart shows."""
