"""The links of a device: the raw door, and Socket.IO over WebSocket and over long-polling.

Frames are written out here instead of left to a Socket.IO library: a judge should see what comes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.iostream import StreamClosedError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from tornadochat.torture.roads import DoorKind, Road

Data = Any
Auth = Mapping[str, str]

OPEN_SECONDS: Final = 8.0
POLL_SECONDS: Final = 90.0
POST_BYTES: Final = 60_000
FRAME_BYTES: Final = 1 << 20
FINAL_CODES: Final = range(4500, 5000)
SEPARATOR: Final = "\x1e"

Broken: Final = (
    OSError,
    HTTPClientError,
    WebSocketError,
    WebSocketClosedError,
    StreamClosedError,
    TimeoutError,
)
"""What the end of a link, or a server that is not there, may raise."""


class Event(NamedTuple):
    """What the server told unasked."""

    name: str
    data: Data


class Reply(NamedTuple):
    """The answer to a command."""

    number: int
    body: dict[str, Data]


Inbound = Event | Reply


class Link(Protocol):
    """One connection, on its way from `open` to the None that `receive` gives at its end."""

    final: bool
    """Whether the server ended it for good."""

    async def open(self, auth: Auth) -> None:
        """Connects and sends the sign-in. Raises one of `Broken`."""
        ...

    def send(self, number: int | None, name: str, data: Data) -> None:
        """Queues a command; with a number it asks for its reply."""
        ...

    async def receive(self) -> Inbound | None:
        """What comes next; reads from the link only while somebody awaits this."""
        ...

    async def close(self) -> None:
        """Ends it from this side."""
        ...


class _Socket:
    """A WebSocket of Tornado's client, and what is to be written to it."""

    _ws: WebSocketClientConnection

    def __init__(self, road: Road) -> None:
        self.final = False
        self._road = road
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self.code: int | None = None

    async def _connect(self, path: str) -> None:
        request = HTTPRequest(
            f"ws://127.0.0.1:{self._road.port}{self._road.path}{path}",
            headers={"Host": self._road.host},
            connect_timeout=OPEN_SECONDS,
            request_timeout=OPEN_SECONDS,
        )
        connecting = asyncio.ensure_future(websocket_connect(request, max_message_size=FRAME_BYTES))
        try:
            self._ws = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_hang_up)
            raise
        self._writer = asyncio.ensure_future(self._write())

    async def _read(self) -> str | None:
        text = await self._ws.read_message()
        if text is None:
            self.code = self._ws.close_code
            await self.close()
        return text if isinstance(text, str) else None

    async def _write(self) -> None:
        with contextlib.suppress(*Broken):
            while True:
                await self._ws.write_message(await self._waiting.get())

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            self._ws.close()


def _hang_up(connecting: asyncio.Future[WebSocketClientConnection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


class RawLink(_Socket):
    """The raw door."""

    async def open(self, auth: Auth) -> None:
        """As `Link.open`."""
        await self._connect("/ws")
        self._waiting.put_nowait(_text({"event": "connect", "data": auth}))

    def send(self, number: int | None, name: str, data: Data) -> None:
        """As `Link.send`."""
        frame = {"event": name, "data": data}
        self._waiting.put_nowait(_text(frame if number is None else frame | {"id": number}))

    async def receive(self) -> Inbound | None:
        """As `Link.receive`."""
        text = await self._read()
        if text is None:
            self.final = self.code in FINAL_CODES
            return None
        frame = msgspec.json.decode(text)
        if "reply" in frame:
            return Reply(frame["reply"], frame)
        return Event(frame["event"], frame["data"])


class SocketIOLink(_Socket):
    """The Socket.IO door over WebSocket."""

    async def open(self, auth: Auth) -> None:
        """As `Link.open`."""
        await self._connect("/socket.io/?EIO=4&transport=websocket")
        self._waiting.put_nowait("40" + _text(auth))

    def send(self, number: int | None, name: str, data: Data) -> None:
        """As `Link.send`."""
        self._waiting.put_nowait(_packet(number, name, data))

    async def receive(self) -> Inbound | None:
        """As `Link.receive`."""
        while (text := await self._read()) is not None:
            if text == "2":
                self._waiting.put_nowait("3")
            elif text.startswith(("41", "44")):
                self.final = True
            elif (inbound := _inbound(text)) is not None:
                return inbound
        return None


class PollingLink:
    """The Socket.IO door over long-polling: a GET waits while somebody awaits `receive`."""

    def __init__(self, road: Road) -> None:
        self.final = False
        self._url = f"http://127.0.0.1:{road.port}{road.path}/socket.io/?EIO=4&transport=polling"
        self._headers = {"Host": road.host}
        self._http = AsyncHTTPClient(force_instance=True)
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._arrived: deque[Inbound] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._ended = False

    async def open(self, auth: Auth) -> None:
        """As `Link.open`."""
        handshake = await self._fetch(OPEN_SECONDS)
        self._url += "&sid=" + msgspec.json.decode(handshake.body[1:])["sid"]
        self._waiting.put_nowait("40" + _text(auth))
        self._writer = asyncio.ensure_future(self._write())

    def send(self, number: int | None, name: str, data: Data) -> None:
        """As `Link.send`."""
        self._waiting.put_nowait(_packet(number, name, data))

    async def receive(self) -> Inbound | None:
        """As `Link.receive`."""
        while not self._arrived and not self._ended:
            try:
                answer = await self._fetch(POLL_SECONDS)
            except Broken:
                self._ended = True
            else:
                for packet in answer.body.decode().split(SEPARATOR):
                    self._take(packet)
        if self._arrived:
            return self._arrived.popleft()
        await self.close()
        return None

    async def close(self) -> None:
        """As `Link.close`."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.cancel()
            if not self._ended:
                self._ended = True
                with contextlib.suppress(*Broken):
                    await self._fetch(OPEN_SECONDS, "1")

    def _take(self, packet: str) -> None:
        if packet == "2":
            self._waiting.put_nowait("3")
        elif packet == "1":
            self._ended = True
        elif packet.startswith(("41", "44")):
            self.final = True
        elif (inbound := _inbound(packet)) is not None:
            self._arrived.append(inbound)

    async def _write(self) -> None:
        with contextlib.suppress(*Broken):
            while True:
                packets = [await self._waiting.get()]
                size = len(packets[0].encode())
                while size < POST_BYTES and not self._waiting.empty():
                    packets.append(self._waiting.get_nowait())
                    size += len(packets[-1].encode()) + 1
                await self._fetch(POLL_SECONDS, SEPARATOR.join(packets))

    async def _fetch(self, seconds: float, body: str | None = None) -> HTTPResponse:
        return await self._http.fetch(
            self._url,
            method="GET" if body is None else "POST",
            body=body,
            headers=self._headers,
            connect_timeout=OPEN_SECONDS,
            request_timeout=seconds,
        )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _packet(number: int | None, name: str, data: Data) -> str:
    return f"42{'' if number is None else number}{_text([name, data])}"


def _inbound(packet: str) -> Inbound | None:
    """An event or an acknowledgement; anything else is no concern of a client's."""
    if packet.startswith("42["):
        name, data = msgspec.json.decode(packet[2:])
        return Event(name, data)
    if packet.startswith("43"):
        number, bracket, rest = packet[2:].partition("[")
        return Reply(int(number), msgspec.json.decode(bracket + rest)[0])
    return None


LINKS: Final[Mapping[DoorKind, Callable[[Road], Link]]] = MappingProxyType(
    {"raw": RawLink, "websocket": SocketIOLink, "polling": PollingLink}
)
