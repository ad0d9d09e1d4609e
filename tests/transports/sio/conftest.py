"""An Engine.IO echo and a Socket.IO server, and clients that can be as wrong as they like."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from tests.protocol_app import AnyOrigin, echo_engine, echo_server, make_app
from tests.transports.conftest import Dial
from tests.transports.peer import Peer
from tornadochat.transports.sio.engine import EngineServer
from tornadochat.transports.sio.server import SocketIOServer
from tornadochat.transports.sio.socket import EngineSocket

ENGINE, SOCKET = "/engine.io/", "/socket.io/"


class OneOrigin(AnyOrigin):
    """Lets in the pages of one site."""

    def allows(self, request: HTTPServerRequest) -> bool:
        return request.headers["Origin"] == "https://friend.example"


class Site:
    """Both servers on one port."""

    def __init__(self, dial: Dial, connect_timeout: float = 5, **options: Any) -> None:
        self.dial = dial
        self.engine: EngineServer = echo_engine(**options)
        self.sio: SocketIOServer = echo_server(connect_timeout=connect_timeout, **options)
        listener, self.port = bind_unused_port()
        self.server = HTTPServer(make_app(self.engine, self.sio, OneOrigin()), xheaders=True)
        self.server.add_sockets([listener])
        self.events: list[str] = []
        """What the hooks of a connection that was watched have said."""

    def url(self, path: str, query: str = "EIO=4&transport=polling", sid: str | None = None) -> str:
        return f"{path}?{query}" + (f"&sid={sid}" if sid else "")

    async def fetch(self, url: str, method: str = "GET", **options: Any) -> HTTPResponse:
        options.setdefault("allow_nonstandard_methods", True)
        return await AsyncHTTPClient(max_clients=1000).fetch(
            f"http://127.0.0.1:{self.port}{url}", method=method, raise_error=False, **options
        )

    async def polling(self, path: str = SOCKET) -> "Polling":
        session = Polling(self, path)
        await session.open()
        return session

    async def websocket(self, path: str = SOCKET, sid: str | None = None) -> Peer:
        peer = await self.dial(self.port)
        await peer.upgrade(self.url(path, "EIO=4&transport=websocket", sid))
        if sid is None:
            assert str(await peer.receive()).startswith("0{")
        return peer

    async def connected(self) -> Peer:
        """A WebSocket on which `/` is connected."""
        peer = await self.websocket()
        peer.send("40")
        assert str(await peer.receive()).startswith('40{"sid":')
        assert await peer.receive() == '42["auth",{}]'
        return peer

    def only(self, server: EngineServer | None = None) -> EngineSocket:
        """The one connection there is."""
        (socket,) = (server or self.sio.eio).sockets.values()
        return socket

    def watch(self, server: EngineServer | None = None) -> EngineSocket:
        socket = self.only(server)
        socket.on_close = self.events.append
        return socket

    def registries(self) -> dict[str, Any]:
        """All that a connection may leave behind and must not."""
        sio, manager = self.sio, self.sio.manager
        kept = {
            "engine sockets": self.engine.sockets,
            "sockets": sio.eio.sockets,
            "environ": sio.environ,
            "rooms": manager.rooms,
            "eio_to_sid": manager.eio_to_sid,
            "pending_connect": manager.pending_connect,
            "pending_disconnect": manager.pending_disconnect,
            "callbacks": manager.callbacks,
            "binary": sio._binary_packet,
            "deadlines": sio._deadlines,
            "own rooms": manager._own,
            "tasks": self.engine._tasks | sio.eio._tasks,
        }
        return {name: value for name, value in kept.items() if value}

    async def settled(self, patience: float = 3) -> None:
        """Wait until nothing is left of anybody."""
        until = asyncio.get_running_loop().time() + patience
        while (kept := self.registries()) and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        assert kept == {}


class Polling:
    """A session on HTTP long-polling."""

    def __init__(self, site: Site, path: str) -> None:
        self.site = site
        self.path = path
        self.handshake: dict[str, Any] = {}
        self.sid = ""

    async def open(self) -> None:
        response = await self.site.fetch(self.site.url(self.path))
        assert response.code == 200
        self.handshake = json.loads(response.body[1:])
        self.sid = self.handshake["sid"]

    @property
    def url(self) -> str:
        return self.site.url(self.path, sid=self.sid)

    def poll(self) -> "asyncio.Future[HTTPResponse]":
        return asyncio.ensure_future(self.site.fetch(self.url))

    async def pending(self) -> "asyncio.Future[HTTPResponse]":
        """A poll that the server is holding."""
        poll = self.poll()
        while not any(
            self.sid in server.sockets and server.sockets[self.sid]._wire.outbox.polled
            for server in (self.site.engine, self.site.sio.eio)
        ):
            await asyncio.sleep(0.001)
        return poll

    async def get(self) -> str:
        """The body of a poll that must succeed."""
        response = await self.poll()
        assert response.code == 200, response.body
        return response.body.decode()

    async def post(self, body: str | bytes) -> HTTPResponse:
        return await self.site.fetch(self.url, "POST", body=body)

    async def gone(self) -> bool:
        return (await self.poll()).code == 400


Build = Callable[..., Site]
Connect = Callable[[], Awaitable[Peer]]


@pytest.fixture
def build(io_loop: IOLoop, dial: Dial) -> Iterator[Build]:
    """Builds a site with options of the test's choice; afterwards nothing may be left of its clients."""
    sites: list[Site] = []

    async def start(options: dict[str, Any]) -> Site:
        sites.append(Site(dial, **options))
        return sites[-1]

    def make(**options: Any) -> Site:
        if asyncio._get_running_loop() is not None:
            sites.append(Site(dial, **options))
            return sites[-1]
        built: Site = io_loop.run_sync(lambda: start(options), timeout=5)
        return built

    yield make

    async def close(site: Site) -> None:
        site.server.stop()
        await site.engine.shutdown()
        await site.sio.shutdown()
        await site.settled()

    for site in sites:
        io_loop.run_sync(lambda site=site: close(site), timeout=10)


@pytest.fixture
def site(build: Build) -> Site:
    """A site with the usual timing, which no test waits for."""
    return build(max_http_buffer_size=10_000)
