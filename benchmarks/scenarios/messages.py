"""Private messages in pairs: scenarios 1 to 5."""

from typing import Final

from benchmarks.goals import Figure, Goal
from benchmarks.load.check import Faults
from benchmarks.load.meter import Sample
from benchmarks.load.pairs import play
from benchmarks.load.player import Style
from benchmarks.scenarios import catalogue
from benchmarks.scenarios.scenario import Contender, Effort, Load, Scenario
from benchmarks.servers import Running, Server

PAIRS: Final = 50
LEVELS: Final = (1, 4, 40)
_CHARTED: Final = tuple(f"cpu@{level}" for level in LEVELS)


def _pairs(style: Style) -> Load:
    async def load(running: Running, faults: Faults, effort: Effort) -> Sample:
        pairs = PAIRS if effort.scale == 1.0 else min(PAIRS, max(2, effort.number(PAIRS)))
        return await play(
            running,
            faults,
            style,
            pairs=pairs,
            levels=LEVELS,
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
    charted=_CHARTED,
)

RAW_DURABLE: Final = Scenario(
    4,
    "private-raw-durable",
    "private message with clientID and reply, raw door, on disk before the reply",
    "message",
    {"product": _product(catalogue.DURABLE, _SAFE_RAW), "node": _peer(catalogue.NODE)},
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
    charted=_CHARTED,
)

RAW_MEMORY: Final = Scenario(
    5,
    "private-raw-memory",
    "private message, raw door, store in memory, no reply asked",
    "message",
    {
        "product": _product(catalogue.MEMORY, Style("raw")),
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
    charted=_CHARTED,
)
