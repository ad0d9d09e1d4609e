"""A connection that has ended is freed at once: the garbage collector has nothing to do with it.

Else ten thousand people who leave together would be one long collection that holds everybody else up.
"""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from tests.support.clients import DOORS
from tests.support.house import House
from tornadochat.delivery.connection import Connection
from tornadochat.transports.fastframing.protocol import PicowsProtocol
from tornadochat.transports.heartbeat import Heartbeat
from tornadochat.transports.inbox import Inbox
from tornadochat.transports.rawsocket import RawSocket, RawTransport
from tornadochat.transports.sio.door import Link, SocketIOTransport
from tornadochat.transports.sio.handler import EngineHandler
from tornadochat.transports.sio.socket import EngineSocket

OF_A_CONNECTION = (
    *(Connection, Inbox, Heartbeat, PicowsProtocol, RawSocket, RawTransport),
    *(Link, SocketIOTransport, EngineHandler, EngineSocket),
)
PATIENCE = 5.0


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left() -> list[str]:
    # Not isinstance(): that would go through weak proxies, which may be dead.
    return sorted(
        type(found).__name__ for found in gc.get_objects() if issubclass(type(found), OF_A_CONNECTION)
    )


async def nothing_left() -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while left() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.gen_test(timeout=30)
async def test_a_connection_that_has_ended_is_in_no_cycle(
    house: House, no_collector: None, door: str
) -> None:
    alice, bob = await house.enter("alice", door), await house.enter("bob", door)
    await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    await bob.events.take("private message")
    assert "Connection" in left()
    await asyncio.gather(alice.close(), bob.close())
    await nothing_left()
    assert left() == []


@pytest.mark.parametrize("door", ["raw", "websocket"])
@pytest.mark.gen_test(timeout=30)
async def test_nor_is_one_that_the_server_has_ended(house: House, no_collector: None, door: str) -> None:
    alice = await house.enter("alice", door)
    await alice.send("logout")
    await alice.closed()
    await alice.close()
    await nothing_left()
    assert left() == []
