"""People rather than messages: scenarios 6 to 8, and 12."""

from typing import Final

from benchmarks.goals import Figure, Goal
from benchmarks.load import crowd
from benchmarks.load.check import Faults
from benchmarks.load.fan import fan_out
from benchmarks.load.link import Door
from benchmarks.load.meter import Sample
from benchmarks.scenarios import catalogue
from benchmarks.scenarios.scenario import Contender, Effort, Load, Scenario
from benchmarks.servers import Running

CONNECTIONS: Final = 1000
PEOPLE: Final = 2000
CROWD: Final = 10_000


def _fan(door: Door) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        return await fan_out(
            running,
            faults,
            door,
            connections=effort.number(CONNECTIONS),
            warm_up=effort.warm_up,
            seconds=effort.seconds,
        )

    return load


def _arrive(*levels: int) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        numbers = [effort.number(level) for level in levels]
        sample = await crowd.arrive(running, faults, "socketio", numbers)
        # Under the names of full effort, which the goals know.
        for level, number in zip(levels, numbers, strict=True):
            sample |= {f"{kind}@{level}": sample.pop(f"{kind}@{number}") for kind in ("cpu", "total")}
        return sample

    return load


def _stay(door: Door) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        first, idle = effort.number(200), effort.number(PEOPLE)
        return await crowd.stay(running, faults, door, first=first, idle=idle)

    return load


def _return(door: Door) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        return await crowd.leave_and_return(running, faults, door, number=effort.number(CROWD))

    return load


FAN_OUT: Final = Scenario(
    6,
    "fan-out",
    "one sender, 1,000 connections of one user",
    "delivery",
    {
        "product": Contender(catalogue.DURABLE, _fan("socketio")),
        "node": Contender(catalogue.NODE_NO_LIST, _fan("socketio")),
        "product-raw": Contender(catalogue.DURABLE_RAW, _fan("raw"), beside=True),
        "bun": Contender(catalogue.BUN_NO_LIST, _fan("socketio"), beside=True),
    },
    (Goal("a delivery", Figure("product", "cpu"), Figure("node", "cpu"), must=0.8, aim=0.6),),
    charted=("cpu",),
)

ARRIVE: Final = Scenario(
    7,
    "connect",
    "people who connect and stay, each a new user with a new session",
    "person",
    {
        "product": Contender(catalogue.DURABLE, _arrive(PEOPLE, 2 * PEOPLE)),
        "node": Contender(catalogue.NODE, _arrive(PEOPLE)),
        "bun-no-list": Contender(catalogue.BUN_NO_LIST, _arrive(PEOPLE), beside=True),
        "node-no-list": Contender(catalogue.NODE_NO_LIST, _arrive(PEOPLE), beside=True),
    },
    (
        Goal(
            "2,000 people, each",
            Figure("product", f"cpu@{PEOPLE}"),
            Figure("node", f"cpu@{PEOPLE}"),
            must=0.12,
            aim=0.08,
            unit="ms",
        ),
        Goal(
            "4,000 cost, of what 2,000 cost",
            Figure("product", f"total@{2 * PEOPLE}"),
            Figure("product", f"total@{PEOPLE}"),
            must=2.2,
            unit="s",
        ),
        Goal(
            "2,000 people, each, beside Bun without a list",
            Figure("product", f"cpu@{PEOPLE}"),
            Figure("bun-no-list", f"cpu@{PEOPLE}"),
            unit="ms",
        ),
    ),
    level="people",
    shown=("cpu", "total"),
    charted=(f"cpu@{PEOPLE}",),
    chart_unit="ms",
)

STAY: Final = Scenario(
    8,
    "idle-memory",
    "memory of a connection that does nothing",
    "connection",
    {
        "product": Contender(catalogue.DURABLE, _stay("socketio")),
        "product-raw": Contender(catalogue.DURABLE_RAW, _stay("raw")),
        "node": Contender(catalogue.NODE, _stay("socketio"), beside=True),
        "node-no-list": Contender(catalogue.NODE_NO_LIST, _stay("socketio"), beside=True),
        "bun-no-list": Contender(catalogue.BUN_NO_LIST, _stay("socketio"), beside=True),
    },
    (
        Goal("Socket.IO", Figure("product", "memory"), must=45, aim=32, unit="KiB"),
        Goal("raw", Figure("product-raw", "memory"), must=20, aim=14, unit="KiB"),
        Goal(
            "beside Node without a list",
            Figure("product", "memory"),
            Figure("node-no-list", "memory"),
            unit="KiB",
        ),
    ),
    shown=("memory",),
    charted=("memory",),
    chart_unit="KiB",
)

RETURN: Final = Scenario(
    12,
    "leave-and-return",
    "10,000 people leave at once and come back: the longest that somebody else waits for an answer",
    "answer",
    {
        "product": Contender(catalogue.DURABLE, _return("socketio")),
        "product-raw": Contender(catalogue.DURABLE_RAW, _return("raw")),
    },
    tuple(
        Goal(f"{when}, {door}", Figure(key, f"gap@{when}"), must=250, aim=100, unit="ms")
        for key, door in (("product", "Socket.IO"), ("product-raw", "raw"))
        for when in ("leaving", "returning")
    ),
    level="while",
    shown=("gap", "p99", "answers", "seconds"),
    charted=("gap@leaving", "gap@returning"),
    chart_unit="ms",
)
