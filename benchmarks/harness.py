"""Turns: every contender of a scenario once, then all of them again, each time started anew."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

from benchmarks.load.check import Faults
from benchmarks.load.link import LinkError
from benchmarks.load.meter import Sample
from benchmarks.scenarios.scenario import Contender, Effort, Scenario
from benchmarks.servers import ServerError, Variant, running

TURN_SECONDS = 600.0
BESIDE_TURNS = 2


@dataclass
class Measured:
    """What a scenario has given so far."""

    turns: dict[str, list[Sample]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)


Say = Callable[[str], None]


def measure(scenario: Scenario, effort: Effort, variant: Variant, core: int, say: Say) -> Measured:
    """All turns of a scenario, with the servers on one core; what goes wrong is kept with the results."""
    measured = Measured({key: [] for key in scenario.contenders})
    for turn in range(effort.turns):
        for key, contender in scenario.contenders.items():
            if contender.beside and turn >= BESIDE_TURNS:
                continue
            sample, problems = _turn(contender, effort, variant, core)
            # A turn that failed keeps its place: ratios are of what was measured in the same turn.
            measured.turns[key].append(sample)
            measured.problems.setdefault(key, []).extend(problems)
            say(f"  turn {turn + 1}  {contender.server.name:34} {_brief(sample, problems)}")
    return measured


def _turn(contender: Contender, effort: Effort, variant: Variant, core: int) -> tuple[Sample, list[str]]:
    faults: Faults = Counter()
    gc.collect()
    try:
        store = contender.store(effort) if contender.store else None
        with running(contender.server, variant, core, store) as server:
            sample = uvloop.run(asyncio.wait_for(contender.load(server, faults, effort), TURN_SECONDS))
    except ServerError as error:
        return {}, [f"not supported: {error}"]
    except (ExceptionGroup, LinkError, OSError, TimeoutError) as failure:
        return {}, [f"broke off: {_first(failure)!r}"]
    return sample, [f"{count} {fault}" for fault, count in faults.items() if count]


def _first(failure: Exception) -> Exception:
    while isinstance(failure, ExceptionGroup):
        failure = failure.exceptions[0]
    return failure


def _brief(sample: Sample, problems: list[str]) -> str:
    figures = [f"{name} {value:.4g}" for name, value in sample.items() if name.startswith(("cpu", "p99"))]
    return ", ".join([*figures, *problems])
