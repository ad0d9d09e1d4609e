"""What is read from a store: scenarios 10 and 11."""

from pathlib import Path
from typing import Final

from benchmarks.goals import Figure, Goal
from benchmarks.load.check import Faults
from benchmarks.load.fill import filled
from benchmarks.load.log import leaf, resume
from benchmarks.load.meter import Sample
from benchmarks.scenarios import catalogue
from benchmarks.scenarios.scenario import Contender, Effort, Load, Prepare, Scenario
from benchmarks.servers import Running

MILLION: Final = 1_000_000


def _store(size: int) -> Prepare:
    def prepare(effort: Effort) -> Path:
        return filled(max(1000, effort.number(size)))

    return prepare


async def _leaf(running: Running, faults: Faults, effort: Effort) -> Sample:
    return await leaf(running, faults, warm_up=effort.warm_up, seconds=effort.seconds)


def _resume(missed: int, times: int) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        return await resume(running, faults, missed=missed, times=effort.number(times))

    return load


HISTORY: Final = Scenario(
    10,
    "history",
    "a page of 50 messages from anywhere in a long conversation",
    "page",
    {
        "million": Contender(catalogue.of_store("1,000,000 messages"), _leaf, _store(MILLION)),
        "small": Contender(catalogue.of_store("10,000 messages"), _leaf, _store(10_000)),
    },
    (
        Goal("p99 of 1,000,000", Figure("million", "p99"), must=5, aim=2, unit="ms"),
        Goal(
            "flat from 10,000 to 1,000,000",
            Figure("million", "cpu"),
            Figure("small", "cpu"),
            must=1.25,
            aim=1.1,
        ),
    ),
    shown=("cpu", "p50", "p99", "rate"),
    charted=("p50", "p99"),
    chart_unit="ms",
)

RESUME: Final = Scenario(
    11,
    "resume",
    "coming back with a cursor, signing in included",
    "return",
    {
        "thousand": Contender(
            catalogue.of_store("1,000 missed of 10,000"), _resume(1000, 40), _store(10_000)
        ),
        "one-of-million": Contender(
            catalogue.of_store("1 missed of 1,000,000"), _resume(1, 200), _store(MILLION)
        ),
        "one-of-thousand": Contender(catalogue.of_store("1 missed of 1,000"), _resume(1, 200), _store(1000)),
    },
    (
        Goal("1,000 missed", Figure("thousand", "cpu"), must=50, aim=15, unit="ms"),
        Goal(
            "1 missed of 1,000,000, of what 1 of 1,000 costs",
            Figure("one-of-million", "cpu"),
            Figure("one-of-thousand", "cpu"),
            must=1.25,
            aim=1.1,
            unit="ms",
        ),
    ),
    shown=("cpu", "p50", "p99"),
    charted=("cpu",),
    chart_unit="ms",
)
