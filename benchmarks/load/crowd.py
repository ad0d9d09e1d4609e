"""Very many who come, stay, leave and come back: what a person costs who says nothing."""

import asyncio
import time

from benchmarks.load.check import Faults
from benchmarks.load.link import Door, Link, open_all
from benchmarks.load.meter import Meter, Sample, at, percentiles
from benchmarks.load.probe import Probe
from benchmarks.servers import Running

# A server is at rest when it uses less than so much of its core for so long.
_REST_SHARE, _REST_SECONDS, _REST_LOOKS = 0.15, 0.25, 240


async def arrive(running: Running, faults: Faults, door: Door, levels: list[int]) -> Sample:
    """What it costs that people come, up to each of the levels: `cpu` each, `total` of all so far."""
    crowd: list[Link] = []
    sample: Sample = {}
    meter = Meter(running)
    for level in levels:
        newcomers = people(running, door, len(crowd), level)
        await open_all(newcomers, running.port)
        await rest(running)
        crowd += newcomers
        cost = meter.cost(level)
        sample |= at(level, {"cpu": cost["cpu"] / 1e3, "total": cost["cpu"] * level / 1e6})
    part(crowd, faults)
    return sample


async def stay(running: Running, faults: Faults, door: Door, *, first: int, idle: int) -> Sample:
    """What a connection holds in memory that does nothing: `memory` in KiB, beyond those of the first."""
    crowd = people(running, door, 0, first)
    await open_all(crowd, running.port, at_once=10)
    await rest(running)
    before = running.memory()
    more = people(running, door, first, first + idle)
    await open_all(more, running.port, at_once=10)
    await rest(running)
    sample = {"memory": (running.memory() - before) / idle / 1024}
    part(crowd + more, faults)
    return sample


async def leave_and_return(running: Running, faults: Faults, door: Door, *, number: int) -> Sample:
    """How long the server answers nobody else meanwhile: `gap` is the longest wait, in ms."""
    crowd = people(running, door, 0, number)
    await open_all(crowd, running.port)
    await rest(running)
    sample: Sample = {}
    async with Probe(running.port) as probe:
        await asyncio.sleep(1.0)
        sample |= at("at rest", gaps(probe.take()))
        part(crowd, faults)
        # Longer than the grace after which others are told.
        await asyncio.sleep(6.0)
        await rest(running)
        sample |= at("leaving", gaps(probe.take()))
        ready_on = running.server.ready_on
        back = [Link(door, {"sessionID": link.session["sessionID"]}, ready_on) for link in crowd]
        started = time.perf_counter()
        await open_all(back, running.port, at_once=500)
        took = time.perf_counter() - started
        await rest(running)
        sample |= at("returning", gaps(probe.take()) | {"seconds": took})
    faults["became somebody else"] += sum(
        old.session["userID"] != new.session["userID"] for old, new in zip(crowd, back, strict=True)
    )
    part(back, faults)
    return sample


def people(running: Running, door: Door, start: int, end: int) -> list[Link]:
    """New ones, not yet connected."""
    ready_on = running.server.ready_on
    return [Link(door, {"username": f"person {number}"}, ready_on) for number in range(start, end)]


def part(crowd: list[Link], faults: Faults) -> None:
    """All leave at once."""
    faults["connections lost"] += sum(link.lost for link in crowd)
    faults["the same userID"] += len(crowd) - len({link.session["userID"] for link in crowd})
    for link in crowd:
        link.leave()


async def rest(running: Running) -> None:
    """Returns when the server has nothing left to do."""
    used = running.cpu()
    for _ in range(_REST_LOOKS):
        await asyncio.sleep(_REST_SECONDS)
        before, used = used, running.cpu()
        if used - before < _REST_SHARE * _REST_SECONDS:
            return


def gaps(answers: list[float]) -> Sample:
    """The longest answer, the latest 1 %, and how many there were."""
    return {"gap": max(answers, default=0.0) * 1e3} | percentiles(answers, 99) | {"answers": len(answers)}
