"""Clients for both doors with one face, so that one script can be played on either.

`RawClient` speaks `/ws` by hand; `SocketIOClient` is python-socketio's own client, over WebSocket
or over polling alone.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import socketio
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.support.canaries import CANARIES

Data = Any
PATIENCE = 5.0
"""Seconds after which something that did not happen counts as not happening."""


class Refusal(Exception):
    """The sign-in was refused: `error` is what the server said, `code` the close code, if there was one."""

    def __init__(self, error: Any, code: int | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.code = code


class Inflow:
    """The events of one connection in the order in which they came."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Data]] = []
        self._seen = 0
        self._changed = asyncio.Event()

    def put(self, name: str, data: Data) -> None:
        """One more."""
        CANARIES.note(data)
        self.all.append((name, data))
        self._changed.set()

    async def take(self, name: str | None = None, patience: float = PATIENCE) -> Data:
        """The next event not yet taken; with a name, those of other names are passed over."""
        async with asyncio.timeout(patience):
            while True:
                while self._seen < len(self.all):
                    event, data = self.all[self._seen]
                    self._seen += 1
                    if name is None:
                        return event, data
                    if event == name:
                        return data
                self._changed.clear()
                await self._changed.wait()

    def named(self, name: str) -> list[Data]:
        """The data of every event of that name so far."""
        return [data for event, data in self.all if event == name]


class Client(Protocol):
    """What a script needs of a client."""

    door: str
    events: Inflow
    session: dict[str, str]
    users: list[dict[str, Any]]
    cursor: str

    async def connect(self, **auth: str) -> None:
        """Signs in and waits for `ready`. Raises Refusal."""
        ...

    async def command(self, name: str, data: Data = None) -> dict[str, Any]:
        """Sends a command and gives its reply: `{"data": …}` or `{"error": …}`."""
        ...

    async def send(self, name: str, data: Data = None) -> None:
        """Sends a command that asks for no reply."""
        ...

    async def closed(self) -> int | None:
        """Waits for the end of the link; gives the close code where the door has one."""
        ...

    async def close(self) -> None:
        """Ends the link from this side."""
        ...


class Arrived:
    """What a client has once it is in."""

    session: dict[str, str]
    users: list[dict[str, Any]]
    cursor: str

    def __init__(self, door: str) -> None:
        self.door = door
        self.events = Inflow()

    async def _arrive(self) -> None:
        self.session = await self.events.take("session")
        self.users = await self.events.take("users")
        self.cursor = (await self.events.take("ready"))["cursor"]


async def upgrade_status(url: str, headers: dict[str, str] | None = None) -> int:
    """What an upgrade that is refused is answered; asked over plain HTTP, which leaves nothing open."""
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    response = await AsyncHTTPClient().fetch(url, headers=upgrade | (headers or {}), raise_error=False)
    return response.code


class RawClient(Arrived):
    """`/ws` over Tornado's WebSocket client."""

    def __init__(self, url: str) -> None:
        super().__init__("raw")
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._ids = itertools.count(1)
        self._replies: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.socket: WebSocketClientConnection

    async def open(self, query: str = "", headers: dict[str, str] | None = None) -> None:
        """The link alone, nothing signed in."""
        self.socket = await websocket_connect(HTTPRequest(self._url + query, headers=headers))
        self._reader = asyncio.ensure_future(self._read())

    async def connect(self, **auth: str) -> None:
        await self.open()
        await self.write({"event": "connect", "data": auth})
        arrived = asyncio.ensure_future(self._arrive())
        assert self._reader is not None
        await asyncio.wait((arrived, self._reader), return_when=asyncio.FIRST_COMPLETED)
        if self._reader.done() and not self.events.named("ready"):
            arrived.cancel()
            raise Refusal(self.events.named("error")[-1], self.socket.close_code)
        await arrived

    async def command(self, name: str, data: Data = None) -> dict[str, Any]:
        number = next(self._ids)
        future = self._replies[number] = asyncio.get_running_loop().create_future()
        frame = {"event": name, "id": number} | ({} if data is None else {"data": data})
        await self.write(frame)
        return await asyncio.wait_for(future, PATIENCE)

    async def answer(self, frame: Any, frame_id: Any) -> dict[str, Any]:
        """Sends any frame, and gives the reply to the id."""
        future = self._replies[frame_id] = asyncio.get_running_loop().create_future()
        await self.write(frame)
        return await asyncio.wait_for(future, PATIENCE)

    def stop_reading(self) -> None:
        """From now on the kernel's buffers fill up."""
        stream: Any = self.socket.protocol.stream  # type: ignore[union-attr]
        stream.io_loop.remove_handler(stream.fileno())

    def resume_reading(self) -> None:
        """Reads on, from what the kernel kept."""
        stream: Any = self.socket.protocol.stream  # type: ignore[union-attr]
        stream.io_loop.add_handler(stream.fileno(), stream._handle_events, stream._state)

    async def send(self, name: str, data: Data = None) -> None:
        await self.write({"event": name} | ({} if data is None else {"data": data}))

    async def write(self, frame: Any) -> None:
        """Any frame, as JSON unless it is text or bytes already."""
        if isinstance(frame, dict):
            CANARIES.note(frame.get("data"))
        if isinstance(frame, bytes):
            await self.socket.write_message(frame, binary=True)
        else:
            text = frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
            await self.socket.write_message(text)

    async def closed(self) -> int | None:
        assert self._reader is not None
        await asyncio.wait_for(asyncio.shield(self._reader), PATIENCE)
        return self.socket.close_code

    async def close(self) -> None:
        if self._reader is not None:
            self.socket.close()
            await asyncio.wait_for(self._reader, PATIENCE)

    async def _read(self) -> None:
        while (message := await self.socket.read_message()) is not None:
            frame = msgspec.json.decode(message)
            if "reply" in frame:
                future = self._replies.pop(frame.pop("reply"), None)
                if future is not None and not future.done():
                    future.set_result(frame)
            else:
                self.events.put(frame["event"], frame["data"])


class SocketIOClient(Arrived):
    """python-socketio's client; `transports` chooses WebSocket or polling."""

    def __init__(self, url: str, transports: tuple[str, ...] = ("websocket",)) -> None:
        super().__init__(f"socketio over {transports[0]}")
        self._url = url
        self._transports = list(transports)
        self._closed = asyncio.Event()
        self.sio = socketio.AsyncClient(reconnection=False)
        self.sio.on("*", self._event)
        self.sio.on("disconnect", self._disconnect)

    async def connect(self, **auth: str) -> None:
        refused: list[Any] = []
        self.sio.on("connect_error", refused.append)
        try:
            await self.sio.connect(self._url, auth=auth, transports=self._transports)
        except socketio.exceptions.ConnectionError:
            raise Refusal(refused[-1] if refused else None) from None
        await self._arrive()

    async def command(self, name: str, data: Data = None) -> dict[str, Any]:
        CANARIES.note(data)
        reply: dict[str, Any] = await self.sio.call(name, data, timeout=PATIENCE)
        return reply

    async def send(self, name: str, data: Data = None) -> None:
        CANARIES.note(data)
        await self.sio.emit(name, data)

    async def closed(self) -> int | None:
        await asyncio.wait_for(self._closed.wait(), PATIENCE)
        return None

    async def close(self) -> None:
        await self.sio.disconnect()

    async def _event(self, name: str, data: Data = None) -> None:
        self.events.put(name, data)

    async def _disconnect(self, reason: str | None = None) -> None:
        self._closed.set()


Factory = Callable[[str], Client]

DOORS: dict[str, Factory] = {
    "raw": RawClient,
    "websocket": lambda url: SocketIOClient(url, ("websocket",)),
    "polling": lambda url: SocketIOClient(url, ("polling",)),
    "upgrade": lambda url: SocketIOClient(url, ("polling", "websocket")),
}
"""The ways in that every behaviour is tested on."""
