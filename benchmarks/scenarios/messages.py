"""Private messages in pairs: scenarios 1 to 5."""

from typing import Final

from benchmarks.goals import Figure, Goal
from benchmarks.load.check import Faults
from benchmarks.load.meter import Sample
from benchmarks.load.paced import pace
from benchmarks.load.pairs import play
from benchmarks.load.player import Style
from benchmarks.scenarios import catalogue
from benchmarks.scenarios.scenario import FULL, Contender, Effort, Load, Scenario
from benchmarks.servers import Running, Server

PAIRS: Final = 50
_CHARTED: Final = tuple(f"cpu@{level}" for level in FULL.levels)


def _pairs(style: Style) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        return await play(
            running,
            faults,
            style,
            pairs=effort.number(PAIRS),
            levels=effort.levels,
            warm_up=effort.warm_up,
            seconds=effort.seconds,
        )

    return load


def _product(server: Server, style: Style) -> Contender:
    return Contender(server, _pairs(style))


def _peer(server: Server, *, beside: bool = False) -> Contender:
    return Contender(server, _pairs(Style("socketio")), beside=beside)


def _relay(server: Server, *, beside: bool = False) -> Contender:
    return Contender(server, _pairs(Style("raw")), beside=beside)


_SAFE: Final = Style("socketio", client_ids=True, replies=True)
_SAFE_RAW: Final = Style("raw", client_ids=True, replies=True)

SOCKETIO_DURABLE: Final = Scenario(
    1,
    "private-socketio-durable",
    "private message with clientID and reply, Socket.IO, on disk before the reply",
    "message",
    {
        "product": _product(catalogue.DURABLE, _SAFE),
        "node": _peer(catalogue.NODE),
        "bun": _peer(catalogue.BUN, beside=True),
        "plain-tornado": _peer(catalogue.PLAIN_TORNADO, beside=True),
        "plain-asgi": _peer(catalogue.PLAIN_ASGI, beside=True),
    },
    (
        Goal(
            "40 in flight",
            Figure("product", "cpu@40"),
            Figure("node", "cpu@40"),
            must=1.6,
            aim=1.0,
        ),
        Goal("4 in flight", Figure("product", "cpu@4"), Figure("node", "cpu@4")),
        Goal("1 in flight", Figure("product", "cpu@1"), Figure("node", "cpu@1")),
    ),
    level="in flight",
    charted=_CHARTED,
)

SOCKETIO_REDIS: Final = Scenario(
    2,
    "private-socketio-redis",
    "the same, beside the guide's Part IV, which keeps nothing on disk",
    "message",
    {"product": _product(catalogue.DURABLE, _SAFE), "redis": _peer(catalogue.NODE_REDIS)},
    (
        Goal(
            "40 in flight",
            Figure("product", "cpu@40"),
            Figure("redis", "cpu@40"),
            must=0.3,
            aim=0.15,
        ),
        Goal("4 in flight", Figure("product", "cpu@4"), Figure("redis", "cpu@4")),
        Goal("1 in flight", Figure("product", "cpu@1"), Figure("redis", "cpu@1")),
    ),
    level="in flight",
    charted=_CHARTED,
)

SOCKETIO_MEMORY: Final = Scenario(
    3,
    "private-socketio-memory",
    "private message, Socket.IO, store in memory, no reply asked",
    "message",
    {
        "product": _product(catalogue.MEMORY, Style("socketio")),
        "node": _peer(catalogue.NODE),
        "bun": _peer(catalogue.BUN),
    },
    (
        Goal(
            "4 in flight, beside Node",
            Figure("product", "cpu@4"),
            Figure("node", "cpu@4"),
            must=0.75,
            aim=0.6,
        ),
        Goal(
            "4 in flight, beside Bun",
            Figure("product", "cpu@4"),
            Figure("bun", "cpu@4"),
            must=1.4,
            aim=1.0,
        ),
        Goal("40 in flight, beside Bun", Figure("product", "cpu@40"), Figure("bun", "cpu@40")),
    ),
    level="in flight",
    charted=_CHARTED,
)

RAW_DURABLE: Final = Scenario(
    4,
    "private-raw-durable",
    "private message with clientID and reply, raw door, on disk before the reply",
    "message",
    {"product": _product(catalogue.DURABLE_RAW, _SAFE_RAW), "node": _peer(catalogue.NODE)},
    (
        Goal(
            "40 in flight",
            Figure("product", "cpu@40"),
            Figure("node", "cpu@40"),
            must=1.5,
            aim=0.9,
        ),
        Goal("4 in flight", Figure("product", "cpu@4"), Figure("node", "cpu@4")),
        Goal("1 in flight", Figure("product", "cpu@1"), Figure("node", "cpu@1")),
    ),
    level="in flight",
    charted=_CHARTED,
)

RAW_MEMORY: Final = Scenario(
    5,
    "private-raw-memory",
    "private message, raw door, store in memory, no reply asked",
    "message",
    {
        "product": _product(catalogue.MEMORY_RAW, Style("raw")),
        "picows": _relay(catalogue.PICOWS_RELAY),
        "tornado": _relay(catalogue.TORNADO_RELAY, beside=True),
        "ws": _relay(catalogue.NODE_RELAY, beside=True),
    },
    (
        Goal(
            "4 in flight",
            Figure("product", "cpu@4"),
            Figure("picows", "cpu@4"),
            must=2.0,
            aim=1.5,
        ),
        Goal("40 in flight", Figure("product", "cpu@40"), Figure("picows", "cpu@40")),
    ),
    level="in flight",
    charted=_CHARTED,
)

_SMOOTH: Final = (5_000, 10_000)
"""Messages a second."""


def _pace(style: Style) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        return await pace(
            running,
            faults,
            style,
            pairs=PAIRS,
            rates=_SMOOTH,
            warm_up=effort.warm_up,
            seconds=effort.seconds,
        )

    return load


LATENCY: Final = Scenario(
    9,
    "latency",
    "from when a message was due until it came, at a fixed rate",
    "message",
    {
        "product": Contender(catalogue.DURABLE, _pace(_SAFE)),
        "node": Contender(catalogue.NODE, _pace(Style("socketio"))),
        "product-raw": Contender(catalogue.DURABLE_RAW, _pace(_SAFE_RAW), beside=True),
        "bun": Contender(catalogue.BUN, _pace(Style("socketio")), beside=True),
    },
    (
        Goal("p50 at 5,000/s", Figure("product", "p50@5000"), Figure("node", "p50@5000"), unit="ms"),
        Goal("p99 at 5,000/s", Figure("product", "p99@5000"), Figure("node", "p99@5000"), unit="ms"),
        Goal("p50 at 10,000/s", Figure("product", "p50@10000"), Figure("node", "p50@10000"), unit="ms"),
        Goal(
            "p99 at 10,000/s", Figure("product", "p99@10000"), Figure("node", "p99@10000"), aim=1.0, unit="ms"
        ),
    ),
    level="messages/s",
    shown=("p50", "p99", "reply-p50", "reply-p99", "cpu", "busy", "load", "others", "arrived"),
    charted=("p50@10000", "p99@10000"),
    chart_unit="ms",
)
