"""Every server that is measured."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from benchmarks.servers import Server

# Limits that a load would hit are raised, never switched off: every command and every connect is counted, and
# all of this load comes from one address.
LIMITS: Final[Mapping[str, object]] = MappingProxyType(
    {"limits.connections_per_address": 100_000, "limits.connections_per_user": 10_000}
    | {
        f"limits.rates.{name}": "1000000000 per 1s"
        for name in ("messages", "searches", "typing", "commands", "connects", "sign_ins", "guesses")
    }
)
DURABLE: Final = Server(
    "tornadochat, on disk", "tornadochat", settings={"store.durability": "full", **LIMITS}, ready_on="ready"
)
DURABLE_RAW: Final = replace(DURABLE, name="tornadochat, on disk, raw")
MEMORY: Final = Server(
    "tornadochat, in memory", "tornadochat", settings={"store.url": "memory:", **LIMITS}, ready_on="ready"
)
MEMORY_RAW: Final = replace(MEMORY, name="tornadochat, in memory, raw")

NODE: Final = Server("guide on Node, in memory", "node", "node_guide.js")
NODE_REDIS: Final = Server("guide on Node with Redis", "node", "node_redis.js", redis=True)
BUN: Final = Server("guide on Bun, in memory", "bun", "bun_guide.js")
PLAIN_TORNADO: Final = Server("guide on python-socketio, Tornado", "python", "plain_tornado")
PLAIN_ASGI: Final = Server("guide on python-socketio, uvicorn", "python", "plain_asgi")

NODE_NO_LIST: Final = Server(
    "Node, no list of users", "node", "node_guide.js", environment={"USER_LIST": "0"}
)
BUN_NO_LIST: Final = Server("Bun, no list of users", "bun", "bun_guide.js", environment={"USER_LIST": "0"})

NODE_RELAY: Final = Server("bare relay, Node ws", "node", "node_relay.js", ready_on="session")
TORNADO_RELAY: Final = Server("bare relay, Tornado", "python", "tornado_relay", ready_on="session")
PICOWS_RELAY: Final = Server("bare relay, picows", "python", "picows_relay", ready_on="session")


def of_store(what: str) -> Server:
    """tornadochat with a store that others have filled, some time ago."""
    settings = {**DURABLE.settings, "sessions.lifetime": "3650d"}
    return replace(DURABLE, name=f"tornadochat, {what}", settings=settings)
