"""Peers that are gone when the test is over."""

from collections.abc import Awaitable, Callable, Iterator

import pytest
from tornado.ioloop import IOLoop

from tests.transports.peer import Peer

Dial = Callable[[int], Awaitable[Peer]]


@pytest.fixture
def dial(io_loop: IOLoop) -> Iterator[Dial]:
    """Connects to a port."""
    peers: list[Peer] = []

    async def connect(port: int) -> Peer:
        peers.append(await Peer.connect(port))
        return peers[-1]

    yield connect

    async def close() -> None:
        for peer in peers:
            await peer.close()

    io_loop.run_sync(close, timeout=5)
